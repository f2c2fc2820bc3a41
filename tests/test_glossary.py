"""docs/GLOSSARY.md: each of its words is used, once defined, and none of them is a word that the house gave up."""

import re
from functools import cache

import pytest

from tests.test_house import ROOT, relative, repository_files, retired_words, text_of

GLOSSARY = ROOT / "docs" / "GLOSSARY.md"
CODE = {".py", ".js", ".css", ".html"}


def rows() -> list[list[str]]:
    lines = GLOSSARY.read_text(encoding="utf-8").splitlines()
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in cells if row[0].strip() != "say"]


def words() -> list[str]:
    return [word.strip() for row in rows() for word in row[0].split(",")]


@cache
def code() -> str:
    """All of the program and its page, without tests, in lower case."""
    files = [file for file in repository_files() if file.suffix in CODE and not relative(file).startswith("tests/")
             and "vendor" not in file.parts]
    return "\n".join(text_of(file) or "" for file in files).lower()


def is_used(word: str, text: str) -> bool:
    """As a word of a sentence or a part of a name: patch grid, patch_grid, patchGrid and PatchGrid alike."""
    parts = [re.escape(part) for part in re.split(r"[ -]", word.lower())]
    return re.search(r"(?<![a-z])" + r"[\s_-]?".join(parts) + r"(?:s|es)?(?![a-z])", text) is not None


@pytest.mark.parametrize("word", words())
def test_a_word_of_the_glossary_is_used(word):
    assert is_used(word, code()), f"nothing says {word}: take it out of docs/GLOSSARY.md, or use it"


def test_a_word_has_one_meaning():
    assert len(set(words())) == len(words())
    assert all(len(row) == 4 and row[0] and row[2] for row in rows())


def test_no_word_of_the_glossary_is_given_up():
    assert not [word for word in words() if retired_words(word.replace(" ", "_"))]


def test_the_search_for_a_word_sees_names_and_sentences():
    assert is_used("patch grid", "the patch_grid") and is_used("patch grid", "patchgrid") and is_used("k-NN", "k-nn")
    assert is_used("hit", "the hits") and not is_used("hit", "white") and not is_used("plan", "explanation")
