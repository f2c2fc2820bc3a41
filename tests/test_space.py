"""A Space in one command: what is sent, its card and requirements, and the hub's answers, over HTTP."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stellar_explorer.__main__ import main
from stellar_explorer.space import publish as publishing
from stellar_explorer.space.card import TEMPLATE, card_fault, space_card
from stellar_explorer.space.files import ROOT, SpaceError, space_files, tracked
from stellar_explorer.space.publish import publish
from stellar_explorer.space.requirements import TRAINING, lines_of, pinned_versions, plain, space_requirements
from tests.fakes.hub import FakeSpace, fake_hub

CARD = TEMPLATE.format(gradio="6.31.0")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@b.c", *words], cwd=folder, check=True,
                   capture_output=True)


@pytest.fixture
def root(tmp_path) -> Path:
    """A checkout in small: what is sent, what is not, and what git does not track."""
    if not shutil.which("git"):
        pytest.skip("no git on this machine")
    folder = tmp_path / "checkout"
    for path, content in {
        "app.py": "page", "README.md": "# Mine\n", "requirements.txt": "gradio[mcp]>=6.31\ntorch>=2.11\nkornia>=0.9\n",
        "constraints.txt": "gradio==6.31.0\ntorch==2.14.1\n", "stellar_explorer/__init__.py": "ours",
        "model/nano.safetensors": "weights" * 100, "tests/test_x.py": "", "benchmarks/b.py": "", "train/t.py": "",
        "model/__pycache__/x.pyc": "", ".gitignore": "__pycache__/\n", "index/untracked.py": "",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    git(folder, "init", "-q")
    git(folder, "add", ".", ":!index")
    git(folder, "commit", "-qm", "one")
    return folder


SENT = {"app.py", "README.md", "requirements.txt", "stellar_explorer/__init__.py", "model/nano.safetensors"}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client's, between its attempts
    with fake_hub(monkeypatch, tmp_path / "cache") as hub:
        monkeypatch.setenv("HF_TOKEN", hub.token)
        yield hub


# What is sent


def test_what_git_tracks_of_what_runs_is_sent_and_nothing_else(root):
    files = space_files(root, hardware="cpu-basic")
    assert {file.path for file in files} == SENT and len(files) == len(SENT)
    made = {file.path: file.source.decode() for file in files if isinstance(file.source, bytes)}
    assert made["README.md"] == CARD + "# Mine\n"
    (root / "app.py").unlink()
    with pytest.raises(SpaceError, match="app.py is tracked by git, but missing here"):
        space_files(root, hardware="cpu-basic")


def test_without_git_it_says_so(tmp_path):
    with pytest.raises(SpaceError, match="is no git checkout"):
        tracked(tmp_path)


def test_dry_run_lists_files_and_sizes_without_a_hub_or_a_token(monkeypatch, capsys):
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so what would be sent is not known")
    monkeypatch.setattr(publishing, "get_token", lambda: pytest.fail("a dry run asks for no token"))
    assert main(["space", "ada/stellar", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    sizes = {path: int(size.replace(",", "")) for size, path, *_ in map(str.split, lines[:-1])}
    assert {"app.py", "assets/nano/nano.safetensors", "stellar_explorer/web/explore/explore.js"} <= set(sizes)
    assert not [path for path in sizes if path.startswith(("tests/", "benchmarks/", "train/", ".")) or ".pyc" in path]
    assert sizes["app.py"] == (ROOT / "app.py").stat().st_size
    assert lines[-1].split()[0].replace(",", "") == str(sum(sizes.values())) and "ada/stellar" in lines[-1]


def sent_python() -> dict[str, ast.Module]:
    files = space_files(hardware="cpu-basic")
    return {file.path: ast.parse(file.source.read_text(encoding="utf-8"))
            for file in files if isinstance(file.source, Path) and file.path.endswith(".py")}


def test_what_is_sent_imports_nothing_that_is_not():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so what would be sent is not known")
    at_home = {*TRAINING, "train", "tests", "benchmarks"}
    for path, tree in sent_python().items():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else \
                [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & at_home, path


# Its card


def test_our_own_card_is_fit_for_a_space():
    assert space_card(ROOT).startswith("---\n")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("suggested_hardware", "hardware", "hardware, which Spaces do not read; it is suggested_hardware"),
        ("license: mit\n", "", "lacks license"),
        ("colorTo: yellow", "colorTo: orange", "must be one of red, yellow"),
        ("sdk: gradio", "sdk: docker", "needs gradio"),
        ('"3.12"', "3.12", "quotes"),
        ("6.31.0", "6.30.0", "constraints.txt has gradio 6.31.0"),
        ("app_file: app.py", "app_file: page.py", "no such file"),
        ("concept by concept", "concept by concept, and then some more words", "shorten it"),
        ("title: STELLAR", "title: [STELLAR", "not YAML"),
        ("cpu-basic\n---", "cpu-basic\n", "close it"),
    ],
)
def test_a_card_that_would_not_do_is_told_why(root, old, new, words):
    assert card_fault(CARD, root, "6.31.0") is None
    (root / "README.md").write_text(CARD.replace(old, new, 1))
    with pytest.raises(SpaceError, match="README.md's front matter") as caught:
        space_files(root, hardware="cpu-basic")
    assert words in str(caught.value) and "\n" not in str(caught.value)


# Its requirements


@pytest.mark.parametrize("hardware", ["cpu-basic", "t4-small", "zero-a10g"])
def test_its_requirements_are_small_whole_and_of_the_versions_that_passed(hardware):
    text = space_requirements(ROOT, hardware=hardware)
    lines = [line for line in text.splitlines() if not line.startswith(("#", "--"))]
    pinned = dict(line.split("==") for line in lines if "==" in line)
    names = {plain(line.split("[")[0].split("=")[0].split(">")[0]) for line in lines}
    ours = {plain(line.split("[")[0].split(">")[0]) for line in lines_of(ROOT / "requirements.txt")}
    assert names == ours - TRAINING - {"faiss-gpu"}
    assert text.count("--extra-index-url") == (hardware == "cpu-basic")
    if hardware == "zero-a10g":
        assert (pinned["torch"], pinned["torchvision"]) == ("2.11.0", "0.26.0")
    else:
        assert pinned["torch"] == pinned_versions(ROOT)["torch"]
    assert pinned["gradio[mcp]"] == pinned_versions(ROOT)["gradio"]
    assert "constraints" not in text.replace("# Made", "")  # Spaces mount this file alone


# The hub's answers


def test_a_space_is_made_and_brought_up_to_date_in_one_commit_each(root, hub):
    published = publish("ada/stellar", private=True, root=root)
    space = hub.spaces["ada/stellar"]
    assert published.address == f"{hub.endpoint}/spaces/ada/stellar" and space.private and len(space.messages) == 1
    assert set(space.files) == SENT | {".gitattributes"}
    assert space.files["model/nano.safetensors"] == b"weights" * 100 and len(hub.large) == 1
    assert space.files["requirements.txt"].startswith(b"# Made") and b"torch==2.14.1" in space.files["requirements.txt"]

    space.files["assets/checkpoints/own.safetensors"] = space.files["notes.md"] = b"the owner's"
    (root / "model" / "new.py").write_text("new")
    git(root, "rm", "-q", "--cached", "model/nano.safetensors")
    git(root, "add", "model/new.py")
    publish("ada/stellar", root=root)
    assert len(space.messages) == 2 and "local changes" in space.messages[1]
    assert set(space.files) == SENT - {"model/nano.safetensors"} | {
        ".gitattributes", "model/new.py", "notes.md", "assets/checkpoints/own.safetensors"}
    assert space.private and space.hardware is None and not hub.asked("POST", "/hardware")


def test_hardware_is_asked_for_and_kept(root, hub):
    publish("ada/stellar", hardware="zero-a10g", root=root)
    space = hub.spaces["ada/stellar"]
    assert space.hardware == "zero-a10g" and b"torch==2.11.0" in space.files["requirements.txt"]
    publish("ada/stellar", root=root)
    assert space.hardware == "zero-a10g" and b"torch==2.11.0" in space.files["requirements.txt"]
    assert len(hub.asked("POST", "/hardware")) == 1


def test_a_space_that_holds_something_else_is_not_written_over(root, hub):
    hub.spaces["ada/other"] = FakeSpace(files={"README.md": b"", "game.py": b"theirs"})
    with pytest.raises(SpaceError, match="ada/other is taken"):
        publish("ada/other", root=root)
    assert hub.spaces["ada/other"].files == {"README.md": b"", "game.py": b"theirs"} and not hub.asked("POST", "/")


def test_another_owner_s_name_is_refused(root, hub):
    with pytest.raises(SpaceError, match="taken by another owner"):
        publish("bob/stellar", root=root)
    assert not hub.spaces


def test_a_card_that_the_hub_refuses_is_a_sentence_and_nothing_is_committed(root, hub):
    hub.card_faults = ["\"title\" is too long"]
    with pytest.raises(SpaceError, match="ada/stellar could not be sent.*nvalid metadata") as caught:
        publish("ada/stellar", root=root)
    assert "\n" not in str(caught.value) and not hub.spaces["ada/stellar"].messages


@pytest.mark.parametrize(("status", "words"), [(429, "too many requests"), (500, "out of order")])
def test_a_hub_in_trouble_is_a_sentence(root, hub, status, words):
    hub.status = status
    with pytest.raises(SpaceError, match=words) as caught:
        publish("ada/stellar", root=root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stellar"], "OWNER/NAME"),
        (["ada/stellar/x"], "OWNER/NAME"),
        (["ada/ste llar"], "OWNER/NAME"),
        (["ada/--x"], "OWNER/NAME"),
        (["ada/stellar", "--hardware", "tpu"], "it must be one of cpu-basic"),
    ],
)
def test_what_is_malformed_is_one_sentence(arguments, words, capsys):
    assert main(["space", *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1


def test_without_a_token_and_with_a_wrong_one(hub, monkeypatch, capsys, root):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(SpaceError, match="HF_TOKEN"):
        publish("ada/stellar", root=root)
    monkeypatch.delenv("HF_TOKEN")
    assert main(["space", "ada/stellar"]) == 2
    told = capsys.readouterr().err
    assert "HF_TOKEN" in told and "hf auth login" in told and told.count("\n") == 1 and not hub.spaces


# ZeroGPU


# A stand-in of the module that such a Space has. A lent GPU is another process: what goes there and back is pickled.
SPACES = """
import pickle, sys
assert "torch" not in sys.modules, "spaces stands in for CUDA, so it comes before torch"
lent, calls = [], []
def GPU(duration):
    lent.append(duration)
    def decorate(work):
        def run(*arguments):
            calls.append(work.__name__)
            return pickle.loads(pickle.dumps(work(*pickle.loads(pickle.dumps(arguments)))))
        return run
    return decorate
"""
LAUNCHED = """
import sys
import spaces, app
from PIL import Image
from stellar_explorer.retrieve import collections
from stellar_explorer.page import demo
explorers = []
build = demo.build
collections.Collections.start = lambda self: None
demo.build = lambda explorer, library: explorers.append(explorer) or build(explorer, library)
demo.launch = lambda *parts, **options: None
sys.argv = ["app.py"]
assert app.main() == 0
assert spaces.lent == [app.GPU_SECONDS]
before = len(spaces.calls)
analysis = explorers[0].analyse(Image.new("RGB", (64, 64)), resolution=224)
assert len(spaces.calls) == before + 1 and analysis.localization.shape[1] == 16, spaces.calls
"""


def test_what_is_sent_runs_alone_and_on_zerogpu_encodes_through_the_decorator(tmp_path):
    """In a process of its own, over the sent files alone; there `spaces` has to come before torch."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so what would be sent is not known")
    for file in space_files(hardware="zero-a10g"):
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file.source, bytes):
            (tmp_path / file.path).write_bytes(file.source)
        else:
            shutil.copy(file.source, tmp_path / file.path)
    (tmp_path / "spaces.py").write_text(SPACES)
    ran = subprocess.run([sys.executable, "-c", LAUNCHED], capture_output=True, text=True, timeout=300, cwd=tmp_path,
                         env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert ran.returncode == 0, ran.stderr
