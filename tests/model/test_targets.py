"""Nothing of the user's is written over: every command, every kind of thing that may lie where a result is to go."""

import os
import sys
import types
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import pictures, thresholds
from index.__main__ import main as index_main
from index.atlas.__main__ import main as atlas_main
from index.concept_index import ConceptIndex
from index.names import naming, wordnet
from index.store import staging
from index.store.changes import sweep
from model.checkpoints.files import write_whole
from model.operations.thresholds import beside
from model.targets import TakenError, check_free
from stellar_explorer.__main__ import main as explorer_main
from tests.fakes.factorizer import FakeExplorer
from tests.fakes.index import FAKE_MODEL, fake_encoded
from train.__main__ import main as train_main
from train.evaluate import main as evaluate_main
from train.recipes import NAMES as RECIPES


@pytest.fixture(autouse=True)
def explorer(monkeypatch):
    """localize imports its Explorer when it runs: this module is what it finds."""
    module = types.ModuleType("stellar_explorer.explorer")
    module.Explorer = FakeExplorer
    monkeypatch.setitem(sys.modules, "stellar_explorer.explorer", module)


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    index = tmp_path_factory.mktemp("made") / "index"
    with ConceptIndex.create(index, model=FAKE_MODEL) as made:
        made.add([fake_encoded(0)])
    return index


@pytest.fixture
def place(tmp_path, index, monkeypatch) -> Path:
    """A folder full of somebody's files, which the commands are run in; elsewhere/ is what links lead to."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious.png").write_bytes(b"precious")
    place = tmp_path / "pictures"
    place.mkdir()
    for name in ("holiday.png", "IMG_7.png"):
        Image.linear_gradient("L").resize((90, 60)).convert("RGB").save(place / name)
    for name in ("holiday.json", "IMG_7.json", "holiday.npz", "holiday_masks.zip", "notes.txt", "model.safetensors"):
        (place / name).write_bytes(name.encode())
    (tmp_path / "index").symlink_to(index)
    monkeypatch.chdir(place)
    return place


def state(folder: Path) -> dict[str, tuple]:
    """Everything below: what it is, which file it is, and its bytes; but for what SQLite makes for its readers."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if not path.name.startswith("catalogue.sqlite-")):
        about = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(folder).as_posix()] = (about.st_mode, about.st_ino, content)
    return found


def run_thresholds(arguments: list[str]) -> int:
    sys.argv = ["thresholds", *arguments]
    return thresholds.main()


# name: the command, its arguments, and the files that it would write
WRITERS = {
    "localize": (explorer_main, ["localize", "holiday.png", "--out", "."],
                 ["holiday.localization.png", "holiday.localization.npz", "holiday.masks.zip", "holiday.masks.json"]),
    "edit": (explorer_main, ["edit", "holiday.png", "--recipe", "r.json", "--out", "edited.png"], ["edited.png"]),
    "export": (index_main, ["export", "../index", "--out", "."], ["concepts.parquet", "photos.parquet"]),
    "naming": (naming.main, ["nowhere.safetensors", "--out", "names.npz"], ["names.npz"]),
    "wordnet": (wordnet.main, ["nowhere", "--out", "tree.json"], ["tree.json"]),
    "atlas": (atlas_main, ["../index", "--out", "map.npz"], ["map.npz"]),
    "evaluate": (evaluate_main, ["nano", "--data", ".", "--out", "scores.json"], ["scores.json", "scores.md"]),
    "pictures": (pictures.main, [".", "--sheet", "sheet.png"], ["sheet.png"]),
}
IN_THE_WAY = {
    "a file": lambda path: path.write_bytes(b"mine"),
    "a link to a file": lambda path: path.symlink_to("../elsewhere/precious.png"),
    "a link to nothing yet": lambda path: path.symlink_to("../elsewhere/nothing.png"),
    "another name of a file": lambda path: os.link("../elsewhere/precious.png", path),
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("put", IN_THE_WAY.values(), ids=IN_THE_WAY)
@pytest.mark.parametrize(("main", "arguments", "target"), [
    pytest.param(main, arguments, target, id=f"{name} {target}")
    for name, (main, arguments, targets) in WRITERS.items() for target in targets])
def test_a_command_changes_nothing_where_something_lies_in_its_way(main, arguments, target, put, place, capsys):
    put(place / target)
    before = state(place.parent)
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == "" and len(told.err.splitlines()) == 1 and target in told.err
    assert "is there already" in told.err and "--overwrite" in told.err or "is a folder" in told.err
    assert state(place.parent) == before


def test_the_photo_that_is_read_is_not_written_over(place, capsys):
    before = state(place.parent)
    os.symlink("holiday.png", "link.png")
    for out in ("holiday.png", "../pictures/holiday.png", "link.png"):
        assert explorer_main(["edit", "holiday.png", "--recipe", "r.json", "--out", out]) == 2
    os.unlink("link.png")
    assert len(capsys.readouterr().err.splitlines()) == 3 and state(place.parent) == before


def test_results_have_names_that_what_is_read_has_not(place):
    before = state(place)
    assert explorer_main(["localize", "holiday.png", "IMG_7.png", "--out", "."]) == 0
    after = state(place)
    assert before.items() <= after.items() and len(after) == len(before) + 8


def test_nothing_is_done_where_one_of_many_results_is_in_the_way(place, capsys):
    (place / "IMG_7.masks.zip").write_bytes(b"mine")
    before = state(place)
    assert explorer_main(["localize", "holiday.png", "IMG_7.png", "--out", "."]) == 2
    assert state(place) == before and "IMG_7.masks.zip is there already" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["file/inside", "file", "missing/file"])
def test_what_is_refused_leaves_no_folder_behind(place, target, capsys):
    (place / "file").write_bytes(b"mine")
    before = state(place)
    (main, arguments, _) = WRITERS["localize"]
    out = target if target.startswith("file") else "notes.txt/folder"
    assert main([*arguments[:2], "--out", out]) == 2
    assert state(place) == before and len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("name", ["localize", "export"])
def test_with_overwrite_a_link_is_replaced_and_not_what_it_leads_to(name, place):
    main, arguments, targets = WRITERS[name]
    for target, put in zip(targets, ("a link to a file", "another name of a file", "a file", "a file"), strict=False):
        IN_THE_WAY[put](place / target)
    before = state(place.parent)
    assert main([*arguments, "--overwrite"]) == 0
    after = state(place.parent)
    assert {path for path in before if before[path] != after[path]} == {f"pictures/{target}" for target in targets}
    assert before.keys() == after.keys() and not any((place / target).is_symlink() for target in targets)


def test_what_comes_between_the_look_and_the_writing_stays(tmp_path, monkeypatch):
    target = tmp_path / "result.png"
    check_free([target], overwrite=False)
    target.write_bytes(b"mine")
    for has_links in (True, False):
        if not has_links:
            def refuse(*_: object) -> None:
                raise PermissionError(1, "Operation not permitted")

            monkeypatch.setattr(os, "link", refuse)
        with pytest.raises(FileExistsError):
            write_whole(target, b"theirs", replace=False)
        assert target.read_bytes() == b"mine" and os.listdir(tmp_path) == ["result.png"]


def test_a_folder_that_cannot_be_written_to_is_told_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(TakenError, match="cannot be written to by this account; choose another --out"):
        check_free([tmp_path / "new" / "result.png"], overwrite=True)


# Folders that a command makes its own


@pytest.mark.parametrize("arguments", [
    ["build", ".", "--out", "."], ["build", "holiday.png", "--out", "../pictures"],
    ["export", "../index", "--out", "../index"], ["export", "../index", "--out", "../index/shards"]])
def test_an_index_is_not_made_among_other_files_nor_they_in_it(arguments, place, index, capsys):
    before = state(place.parent), state(index)
    assert index_main([*arguments, *(["--quiet"] if arguments[0] == "build" else [])]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1 and (state(place.parent), state(index)) == before


@pytest.mark.parametrize("recipe", ["smoke", "concepts"])
@pytest.mark.parametrize("out", [".", "notes.txt", "notes.txt/run"])
def test_a_run_is_not_made_among_other_files(recipe, out, place, capsys):
    assert recipe in RECIPES
    before = state(place.parent)
    assert train_main(["--recipe", recipe, "--data", ".", "--init", "nano" if recipe == "concepts" else "null",
                       "--out", out, "--quiet", "--device", "cpu"]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1 and ("holds other files" in told or "is no folder" in told)
    assert state(place.parent) == before


def test_a_file_that_somebody_put_into_an_index_stays_there(tmp_path):
    folder = tmp_path / "index"
    with ConceptIndex.create(folder, model=FAKE_MODEL) as made:
        made.add([fake_encoded(0)])
        staging.write_part(folder, [fake_encoded(1)], FAKE_MODEL)
        foreign = [folder / place / "holiday.jpg" for place in ("shards", "thumbnails", "faiss", "staged")]
        for file in foreign:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"mine")
        (folder / "thumbnails" / "album").mkdir()
        (folder / "shards" / "000099.npy").write_bytes(b"ours, which no transaction names")
        staging.clear(folder)
        made.compact()
        sweep(folder, made._catalogue.contents())
    assert all(file.read_bytes() == b"mine" for file in foreign) and (folder / "thumbnails" / "album").is_dir()
    assert not (folder / "shards" / "000099.npy").exists() and not (folder / "staged" / "shards").exists()


def test_measured_thresholds_are_not_written_over(place, capsys, monkeypatch):
    checkpoint = place / "model.safetensors"
    beside(checkpoint).write_bytes(b"mine")
    before = state(place)
    monkeypatch.setattr(sys, "argv", [])
    assert run_thresholds([".", "--model", str(checkpoint), "--out"]) == 2
    assert "is there already; replace it with --overwrite" in capsys.readouterr().err and state(place) == before
