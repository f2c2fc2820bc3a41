"""What cannot be run here is read: the Dockerfile, CITATION.cff, CONTRIBUTING.md."""

import re
from pathlib import Path

import pytest
from huggingface_hub import RepoCard

from stellar_explorer.space.files import NEEDED_FILES, NEEDED_FOLDERS

ROOT = Path(__file__).resolve().parent.parent
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """(instruction, arguments) of the Dockerfile, continued lines joined."""
    text = re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8")).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def arguments(steps: list[tuple[str, str]], instruction: str) -> list[str]:
    return [told for name, told in steps if name == instruction]


def copied(steps: list[tuple[str, str]]) -> set[str]:
    words = [[word for word in told.split() if not word.startswith("--")] for told in arguments(steps, "COPY")]
    return {source for *sources, _ in words for source in sources}


def test_every_copied_source_is_there_and_reaches_the_builder(steps):
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    for source in copied(steps):
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, f".dockerignore keeps {source} from the builder"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied(steps)


def test_what_a_space_needs_is_copied_and_what_make_reads(steps):
    needed = {*NEEDED_FOLDERS, *(name for name in NEEDED_FILES if (ROOT / name).exists())}
    read = set(re.findall(r"[\w-]+\.txt", re.search(r"TEST_STAMP := .*", (ROOT / "Makefile").read_text())[0]))
    assert needed | read | {"Makefile", "README.md"} <= copied(steps)


def test_its_commands_are_make_s_and_it_is_nobody_special(steps):
    order = [name for name, _ in steps]
    assert arguments(steps, "CMD") == ['["make", "app"]'] and arguments(steps, "USER") == ["stellar"]
    installs = next(number for number, (name, told) in enumerate(steps) if name == "RUN" and "make install" in told)
    assert order.index("USER") < installs < len(order) - 1 - order[::-1].index("COPY")
    assert {"install", "app"} <= TARGETS
    for name, told in steps:
        for target in re.findall(r"(?<!install )\bmake ([a-z-]+)", told):
            assert name == "RUN" and target in TARGETS


def test_it_listens_where_it_is_asked_for(steps):
    environment = dict(pair.split("=") for told in arguments(steps, "ENV") for pair in told.split())
    assert environment["GRADIO_SERVER_PORT"] == "7860" and environment["GRADIO_SERVER_NAME"] == "0.0.0.0"
    assert arguments(steps, "EXPOSE") == ["7860"]
    [check] = arguments(steps, "HEALTHCHECK")
    assert "http://127.0.0.1:7860/" in check


def test_the_citation_has_what_readers_of_the_format_ask_for():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    facts = RepoCard(f"---\n{text}---\n", ignore_metadata_errors=False).data.to_dict()
    assert {"cff-version", "message", "title", "authors", "license"} <= set(facts) and facts["license"] == "MIT"
    paper = facts["preferred-citation"]
    assert {"type", "title", "authors"} <= set(paper) and paper["year"] == 2026
    assert all({"given-names", "family-names"} == set(author) for author in paper["authors"])


def test_contributing_names_files_and_commands_that_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = {path for path in re.findall(r"`([\w.-]+/[\w./-]*|\w+\.\w+)`", text) if "NAME" not in path}
    assert len(paths) > 15
    for path in paths:
        assert (ROOT / path).exists(), path
    for target in re.findall(r"make ([a-z-]+)(?:`|  | ARGS)", text):
        assert target in TARGETS, target
