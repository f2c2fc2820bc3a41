"""What the documents say is so: links lead somewhere, commands have their options, Python runs."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from shutil import copyfile

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = sorted(path for folder in (ROOT, ROOT / "docs", ROOT / "index", ROOT / "benchmarks", ROOT / "train",
                                       *(ROOT / "assets").iterdir()) if folder.is_dir()
                   for path in folder.glob("*.md") if path.name != "CHANGELOG.md")
SUBCOMMANDS = {"index", "stellar_explorer"}  # python -m PACKAGE COMMAND
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"(?:^ {4}(?!\s)|`)"
                     r"((?:\S*python3? |accelerate launch .*?-m |torchrun .*?-m )[^`\n]*(?:\\\n[^\n]*)*)", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def words(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# Links and pictures


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path):
    for target in LINK.findall(words(document)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            place = (document.parent / path) if path else document
            assert place.exists(), f"{name(document)} links to {target}, which is not there"
            if anchor:
                assert anchor in set(anchors(place)), f"{name(document)} links to {target}, which has no such heading"


def anchors(document: Path) -> Iterator[str]:
    """Of a document's headings, as GitHub makes them."""
    for heading in re.findall(r"^#+ (.+)$", words(document), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


# Commands


def commands() -> list[tuple[str, list[str]]]:
    """(document, words) of each command of ours that is written down."""
    found = []
    for document in DOCUMENTS:
        for text in COMMAND.findall(words(document)):
            line = text.replace("\\\n", " ").split("  #")[0].split("&&")[0]
            try:
                parts = shlex.split(line, comments=True)
            except ValueError:
                parts = line.split()
            found.append((name(document), parts))
    return found


def asked(parts: list[str]) -> tuple[str, ...] | None:
    """What runs: ("-m", "index", "build") or ("app.py",); None for what is not ours."""
    if "app.py" in parts:
        return ("app.py",)
    if "-m" not in parts:
        return None
    module, *rest = parts[parts.index("-m") + 1:]
    if module.split(".")[0] not in {"index", "model", "train", "stellar_explorer", "benchmarks", "tests"}:
        return None
    command = [word for word in rest[:1] if module in SUBCOMMANDS and not word.startswith("-")]
    return ("-m", module, *command)


@cache
def help_of(called: tuple[str, ...]) -> str:
    answer = subprocess.run([sys.executable, *called, "--help"], cwd=ROOT, capture_output=True, text=True,
                            encoding="utf-8", timeout=120)
    assert answer.returncode == 0, f"{' '.join(called)} --help: {answer.stderr[-300:]}"
    return answer.stdout


def test_commands_are_found():
    known = {called for _, parts in commands() if (called := asked(parts))}
    assert {("app.py",), ("-m", "train"), ("-m", "train.evaluate"), ("-m", "index", "build"), ("-m", "index", "search"),
            ("-m", "stellar_explorer", "localize"), ("-m", "stellar_explorer", "space")} <= known


def test_commands_have_the_options_that_are_written():
    faults = []
    for document, parts in commands():
        called = asked(parts)
        if called is None:
            continue
        if called[0] == "-m" and called[1].startswith(("benchmarks", "tests")):
            module = ROOT / Path(*called[1].split("."))
            if not module.with_suffix(".py").is_file():
                faults.append(f"{document}: there is no {called[1]}")
            continue
        known = set(OPTION.findall(help_of(called)))
        after = parts[parts.index(called[-1]):]
        faults += [f"{document}: {' '.join(called)} has no {option}" for word in after
                   for option in OPTION.findall(word)[:1] if word.startswith("--") and option not in known]
    assert not faults, "\n".join(faults)


# Python


def blocks() -> list[tuple[str, str]]:
    return [(name(document), block) for document in DOCUMENTS for block in PYTHON.findall(words(document))]


@pytest.mark.parametrize(("document", "block"), blocks(), ids=[f"{name}-{at}" for at, (name, _) in enumerate(blocks())])
def test_python_runs(document: str, block: str, tmp_path, monkeypatch, request):
    """In a folder with a photo.jpg and, where it is asked for, an index of two photos; a page where one is."""
    import gradio_client

    example = ROOT / "assets" / "examples" / "chelsea.jpg"
    copyfile(example, tmp_path / "photo.jpg")
    if "indexes/mine" in block:
        from index.__main__ import main

        (tmp_path / "photos").mkdir()
        for file in (example, example.with_name("macaw.jpg")):
            copyfile(file, tmp_path / "photos" / file.name)
        assert main(["build", str(tmp_path / "photos"), "--out", str(tmp_path / "indexes" / "mine"),
                     "--resolution", "224"]) == 0
    if "localhost:7860" in block:
        url = request.getfixturevalue("served").url
        real = gradio_client.Client
        monkeypatch.setattr(gradio_client, "Client", lambda address: real(url, verbose=False))
    monkeypatch.chdir(tmp_path)
    exec(compile(block, document, "exec"), {"__name__": "documents"})
