"""`python -m stellar_explorer localize`: what it writes, what it says, and how it refuses."""

import json
import os
import subprocess
import sys
import time
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stellar_explorer.__main__ import main
from tests.fakes.factorizer import FakeExplorer

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = (".localization.png", ".localization.npz", ".masks.zip", ".masks.json")


@pytest.fixture(autouse=True)
def explorer(monkeypatch):
    """The command imports its Explorer when it runs: this module is what it finds."""
    module = types.ModuleType("stellar_explorer.explorer")
    module.Explorer = FakeExplorer
    monkeypatch.setitem(sys.modules, "stellar_explorer.explorer", module)


@pytest.fixture
def photos(tmp_path) -> list[str]:
    paths = []
    for folder, name in (("a", "cat.png"), ("b", "cat.jpg"), ("b", "Grüße 猫.png")):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        Image.linear_gradient("L").resize((90, 60)).convert("RGB").save(path)
        paths.append(str(path))
    return paths


def test_every_photo_has_its_four_files(photos, tmp_path, capsys):
    out = tmp_path / "new" / "out"
    assert main(["localize", *photos, "--out", str(out)]) == 0
    expected = {f"{name}{suffix}" for name in ("cat", "cat-2", "Grüße 猫") for suffix in SUFFIXES}
    assert {path.name for path in out.iterdir()} == expected
    assert Image.open(out / "cat.localization.png").format == "PNG"
    with np.load(out / "cat.localization.npz") as arrays:
        np.testing.assert_allclose(arrays["localization"].sum(axis=1), 1, atol=1e-5)
    assert len(zipfile.ZipFile(out / "cat-2.masks.zip").namelist()) == 16
    assert json.loads((out / "cat-2.masks.json").read_text(encoding="utf-8"))[0]["image_id"] == 2
    said = capsys.readouterr()
    assert said.err == "" and len(said.out.splitlines()) == 3 and "19 x 28 patches" in said.out


def test_json_prints_one_object_a_photo_and_nothing_else(photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["localize", *photos, "--out", str(out), "--json", "--resolution", "224", "--threshold", "1.5"]) == 0
    said = capsys.readouterr()
    reports = [json.loads(line) for line in said.out.splitlines()]
    assert said.err == "" and [report["photo"] for report in reports] == photos
    for report in reports:
        assert report["patch_grid"] == [9, 14] and report["image_size"] == [144, 224] and report["threshold"] == 1.5
        assert sum(report["mass"]) == pytest.approx(1, abs=1e-4) and len(report["peak"]) == 16
        assert report["explained_variance"] <= 1 and report["seconds"] >= 0 and report["notes"] == []
        for kind in ("figure", "arrays", "masks", "rle"):
            assert Path(report[kind]).is_file()


def test_a_bad_photo_is_one_sentence_and_the_others_are_done(photos, tmp_path, capsys):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    out = tmp_path / "out"
    arguments = ["localize", photos[0], str(bad), str(tmp_path / "missing.jpg"), photos[2], "--out", str(out), "--json"]
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    assert [line.split()[0] for line in said.err.splitlines()] == ["bad.jpg", "missing.jpg"]
    assert str(tmp_path) not in said.err and len(list(out.iterdir())) == 8


@pytest.mark.parametrize(("options", "words"), [
    (["--resolution", "223"], "224 to 1024"),
    (["--resolution", "1025"], "224 to 1024"),
    (["--resolution", "many"], "invalid int"),
    (["--threshold", "0"], "above 0"),
    (["--threshold", "-1"], "above 0"),
    (["--threshold", "nan"], "above 0"),
    (["--threshold", "inf"], "above 0"),
    (["--threshold", "16.5"], "at most 16"),
    (["--model", "nonsuch"], "nonsuch"),
    (["--no-such-option"], "nrecognized arguments"),
])  # fmt: skip
def test_options_out_of_range_are_refused_in_one_sentence(options, words, photos, tmp_path, capsys):
    try:
        status = main(["localize", *photos, "--out", str(tmp_path / "out"), *options])
    except SystemExit as stopped:
        status = stopped.code
    said = capsys.readouterr()
    assert status == 2 and said.out == "" and words in said.err and len(said.err.splitlines()) == 1
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("arguments", [[], ["localize"], ["localize", "x.jpg"], ["nonsense"]])
def test_missing_arguments_are_one_sentence(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    said = capsys.readouterr()
    assert stopped.value.code == 2 and said.out == "" and len(said.err.splitlines()) == 1


def test_the_largest_threshold_is_the_number_of_tokens(photos, tmp_path, capsys):
    assert main(["localize", photos[0], "--out", str(tmp_path), "--threshold", "16"]) == 0


def test_a_file_in_the_way_of_the_folder_is_one_sentence(photos, tmp_path, capsys):
    (tmp_path / "out").write_text("here first")
    assert main(["localize", photos[0], "--out", str(tmp_path / "out")]) == 2
    (tmp_path / "room" / "cat.localization.png").mkdir(parents=True)
    assert main(["localize", photos[0], "--out", str(tmp_path / "room")]) == 2
    sentences = capsys.readouterr().err.splitlines()
    assert len(sentences) == 2 and all(sentence.endswith(".") for sentence in sentences)
    assert [path.name for path in (tmp_path / "room").iterdir()] == ["cat.localization.png"]  # nothing half written


def test_a_write_that_fails_leaves_the_file_of_before(photos, tmp_path, capsys, monkeypatch):
    assert main(["localize", photos[0], "--out", str(tmp_path / "out")]) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["localize", photos[0], "--out", str(tmp_path / "out"), "--threshold", "2", "--overwrite"]) == 2
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert "No space left" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["line\nbreak\x1b[2J.png", "x" * 250 + ".png", "...png", "a:b*c?.png", "\udcff.png"])
def test_hostile_names_become_harmless_files_inside_the_folder(name, tmp_path, capsys):
    path = tmp_path / name
    Image.new("RGB", (32, 32), (9, 99, 199)).save(path, "PNG")
    out = tmp_path / "out"
    assert main(["localize", str(path), "--out", str(out), "--json"]) == 0
    names = sorted(written.name for written in out.iterdir())
    assert len(names) == 4 and all(name.isprintable() and not name.startswith(".") for name in names)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_names_that_differ_in_case_alone_do_not_meet_on_any_file_system(tmp_path, capsys):
    paths = [tmp_path / name for name in ("Cat.png", "cat.bmp", "cat-2.png")]
    for path in paths:
        Image.new("RGB", (32, 32)).save(path)
    assert main(["localize", *map(str, paths), "--out", str(tmp_path / "out")]) == 0
    figures = {path.name.removesuffix(SUFFIXES[0]) for path in (tmp_path / "out").glob("*.png")}
    assert figures == {"Cat", "cat-2", "cat-2-2"}


def test_help_answers_within_a_second_and_imports_nothing_heavy():
    code = ("import sys, runpy; sys.argv = ['stellar_explorer', '--help']\n"
            "try: runpy.run_module('stellar_explorer', run_name='__main__')\n"
            "except SystemExit: print(sorted({'torch', 'matplotlib', 'numpy', 'gradio', 'PIL'} & set(sys.modules)))")
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    assert "localize" in done.stdout and done.stdout.splitlines()[-1] == "[]"
    assert seconds < 1 or seconds < 5 * start_of_python()  # of a machine that is busy with something else


def start_of_python() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import argparse, json"], check=True)
    return time.perf_counter() - start
