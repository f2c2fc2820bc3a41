"""`python -m index`: what each command does, says, and refuses in one sentence."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index import __main__ as command
from index.__main__ import MOST_NAMED, main
from index.build import building
from index.concept_index import ConceptIndex
from index.store import changes
from model.checkpoints.files import write_whole
from photos.sources.source import Source
from tests.photo_folders import fill, make_mess
from tests.weights import write_tiny

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> str:
    return write_tiny(tmp_path_factory.mktemp("weights"))


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((64, 48)).save(buffer, "PNG")
    return buffer.getvalue()


def write_photos(place: Path, count: int = 6) -> Path:
    for seed in range(count):
        path = place / ("cat" if seed % 2 else "dog") / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed))
    return place


@pytest.fixture
def photos(tmp_path) -> Path:
    return write_photos(tmp_path / "photos")


@pytest.fixture(scope="module")
def made(tmp_path_factory, weights) -> tuple[Path, Path]:
    """An index that no test changes, and its photos."""
    root = tmp_path_factory.mktemp("made")
    photos = write_photos(root / "photos")
    assert main(["build", str(photos), "--out", str(root / "index"), "--model", weights, "--resolution", "224",
                 "--label-from-folder", "--quiet"]) == 0
    return root / "index", photos


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as stopped:  # argparse's way
        status = stopped.code
    said = capsys.readouterr()
    return status, said.out, said.err


def refused(capsys, *arguments: object) -> str:
    """The one sentence of a refusal."""
    status, out, err = run(capsys, *arguments)
    assert status == 2 and out == "" and err.count("\n") == 1 and len(err) > 20, (status, out, err)
    return err


def test_help_answers_without_the_heavy_packages():
    loaded = "import sys; from index.__main__ import main\ntry: main(['build', '--help'])\nexcept SystemExit: pass\n" \
             "print({'torch', 'faiss', 'datasets', 'pyarrow', 'numpy'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "--label-from-folder" in told and told.endswith("set()\n")


def test_build_then_build_again(capsys, photos, tmp_path, weights):
    out = tmp_path / "index"
    status, said, complaints = run(capsys, "build", photos, "--out", out, "--model", weights, "--resolution", 224)
    assert status == 0 and complaints == ""
    assert re.search(r"6 photos with \d+ concepts added, 0 there already, 0 that could not be opened, [\d.]+ photos a "
                     "second", said)
    status, said, _ = run(capsys, "build", photos, "--out", out, "--model", weights)
    assert status == 0 and "0 photos with 0 concepts added, 6 there already, 0 that" in said and "a second" not in said


def test_bad_photos_are_named_and_counted(capsys, photos, tmp_path, weights):
    for number in range(MOST_NAMED + 3):
        (photos / f"bad{number}.jpg").write_bytes(b"no photo")
    status, said, complaints = run(capsys, "build", photos, "--out", tmp_path / "index", "--model", weights,
                                   "--resolution", 224)
    assert status == 0 and f"{MOST_NAMED + 3} that could not be opened" in said
    lines = complaints.splitlines()
    assert len(lines) == MOST_NAMED + 1 and lines[0].startswith("bad0.jpg: ") and lines[-1].startswith("and 3 more")


def test_a_folder_with_everything_in_it_is_indexed_and_what_is_left_out_is_told(capsys, tmp_path, weights):
    make_mess(tmp_path / "photos")
    command = ["build", tmp_path / "photos", "--out", tmp_path / "index", "--model", weights, "--resolution", 224]
    status, said, complaints = run(capsys, *command)
    assert status == 0 and "5 photos with" in said and "0 that could not be opened" in said
    told = complaints.splitlines()
    assert len(told) == 1 and " files and 4 folders left out: " in told[0] and "--verbose names each" in told[0]
    with ConceptIndex.open(tmp_path / "index") as index:
        assert sorted(index.sources) == ["a.jpg", "b/c.PNG", "b/noname", "d/\\xe9t\\xe9.jpg", "d/e/f.webp"]
    status, _, complaints = run(capsys, *command, "--verbose", "--hidden")
    assert status == 0 and "b/gone.jpg: a link to nothing" in complaints and "index/: a concept index" in complaints
    with ConceptIndex.open(tmp_path / "index") as index:
        assert {"@eaDir/t.jpg", ".h/u.jpg"} <= set(index.sources)
    status, said, _ = run(capsys, "search", tmp_path / "index", tmp_path / "photos" / os.fsdecode(b"d/\xe9t\xe9.jpg"),
                          "--json", "--model", weights)
    assert status == 0 and json.loads(said)
    status, _, _ = run(capsys, "export", tmp_path / "index", "--out", tmp_path / "export")
    assert status == 0
    # And an update knows where each file is, whatever its name.
    status, said, _ = run(capsys, "update", tmp_path / "photos", "--out", tmp_path / "index", "--hidden",
                          "--model", weights)
    assert status == 0 and "7 unchanged" in said and "no photo removed" in said
    status, said, _ = run(capsys, "remove", tmp_path / "index", tmp_path / "photos" / os.fsdecode(b"d/\xe9t\xe9.jpg"))
    assert status == 0 and "1 photo removed" in said


def test_a_split_that_is_not_there_is_refused_with_those_that_are(capsys, tmp_path, weights):
    fill(tmp_path / "photos", "train/a.jpg", "test/b.jpg")
    said = refused(capsys, "build", tmp_path / "photos", "--out", tmp_path / "index", "--split", "nosuch",
                   "--model", weights)
    assert "it has test, train" in said and not (tmp_path / "index").exists()


def test_add_and_remove(capsys, photos, tmp_path, weights):
    out = tmp_path / "index"
    run(capsys, "build", photos / "cat", "--out", out, "--model", weights, "--resolution", 224)
    status, said, _ = run(capsys, "add", out, photos / "dog", photos / "cat" / "1.png", "--model", weights)
    assert status == 0 and "3 photos with" in said and "1 there already" in said
    status, said, _ = run(capsys, "remove", out, photos / "dog" / "0.png", "0")
    assert status == 0 and "2 photos removed" in said
    with ConceptIndex.open(out) as index:
        assert index.num_photos == 4 and index.verify() == []
    assert "not in" in refused(capsys, "remove", out, photos / "dog" / "0.png")
    assert "None of these photos" in refused(capsys, "remove", out, "12345")
    status, said, _ = run(capsys, "compact", out)
    assert status == 0 and said.startswith(f"{out}: 4 photos, ")


def test_add_refuses_where_nothing_could_be_added(capsys, made, tmp_path, weights):
    (tmp_path / "text.jpg").write_text("no photo")
    status, said, complaints = run(capsys, "add", made[0], tmp_path / "text.jpg", "--model", weights)
    assert status == 2 and "1 that could not be opened" in said and complaints.startswith("text.jpg: ")
    assert "There is no concept index in" in refused(capsys, "add", tmp_path / "none", made[1])


def test_search_prints_a_table_without_the_photo_itself(capsys, made, weights):
    index, photos = made
    status, said, complaints = run(capsys, "search", index, photos / "cat" / "1.png", "--model", weights, "--k", 5)
    head, columns, *rows = said.splitlines()
    assert status == 0 and complaints == "" and head.startswith("1.png, concept ")
    assert columns.split() == ["score", "photo", "concept", "token", "mass", "label", "source", "perhaps"]
    assert len(rows) == 5 and not any("cat/1.png" in row for row in rows)
    scores = [float(row.split()[0]) for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_search_prints_json_and_keeps_to_the_labels_asked_for(capsys, made, weights):
    index, photos = made
    status, said, _ = run(capsys, "search", index, photos / "cat" / "1.png", "--model", weights, "--json", "--label",
                          "dog", "--concept", 2, "--exact")
    found = json.loads(said)
    assert status == 0 and found["photo"] == "1.png" and found["concept"]["token"] == 2
    assert found["hits"] and {hit["label"] for hit in found["hits"]} == {"dog"}
    assert all(hit["source"].startswith("dog/") and len(hit["box"]) == 4 for hit in found["hits"])


def test_the_heaviest_concept_is_searched_unless_one_is_named(capsys, made, weights):
    index, photos = made

    def searched(*more: object) -> dict:
        return json.loads(run(capsys, "search", index, photos / "dog" / "0.png", "--model", weights, "--json",
                              *more)[1])["concept"]

    tokens = [int(token) for token in re.findall(r"\d", refused(
        capsys, "search", index, photos / "dog" / "0.png", "--model", weights, "--concept", 99).split("it has")[1])]
    each = [searched("--concept", token) for token in tokens]
    assert [concept["token"] for concept in each] == tokens and len(tokens) > 1
    assert searched() == max(each, key=lambda concept: concept["mass"])


def test_search_finds_a_photo_that_is_not_in_the_index(capsys, made, tmp_path, weights):
    (tmp_path / "new.png").write_bytes(picture(1) + b"\0")  # the same picture in another file
    _, said, _ = run(capsys, "search", made[0], tmp_path / "new.png", "--model", weights, "--json", "--k", 1)
    hit = json.loads(said)["hits"][0]
    assert hit["source"] == "cat/1.png" and hit["score"] == pytest.approx(1, abs=2e-3)


def test_a_word_is_taught_listed_searched_and_forgotten(capsys, made, tmp_path, weights):
    index = Path(shutil.copytree(made[0], tmp_path / "index"))
    before = json.loads(run(capsys, "info", index, "--json")[1])
    status, said, complaints = run(capsys, "teach", index, "ball", "--yes", 0, 4, 8, 4, "--no", 1)
    assert (status, complaints) == (0, "") and re.search(
        r"index: ball, taught from 3 that are it and 1 that are not; \d+ concepts? of \d+ photos? probably", said)
    told = json.loads(run(capsys, "teach", index, "--list", "--json")[1])
    assert told == {"taught": [{"word": "ball", "yes": [0, 4, 8], "no": [1]}]}
    assert run(capsys, "teach", index, "--list")[1] == "ball, taught from 3 that are it and 1 that are not\n"
    found = run(capsys, "search", index, made[1] / "cat" / "1.png", "--model", weights, "--k", 30)[1]
    assert "ball (taught)" in found and "concept" in found.splitlines()[1]
    assert run(capsys, "teach", index, "--forget", "BALL") == (0, f"{index}: BALL forgotten\n", "")
    assert "no word was taught" in run(capsys, "teach", index, "--list")[1]
    assert json.loads(run(capsys, "info", index, "--json")[1])["concepts"] == before["concepts"]


def test_teaching_refuses_in_a_sentence(capsys, made, tmp_path):
    index = made[0]
    three = ("--yes", 0, 1, 2)
    assert "at least one concept that is not it" in refused(capsys, "teach", index, "ball", *three)
    assert "at least 3 concepts that are it" in refused(capsys, "teach", index, "ball", "--yes", 0, 1, "--no", 2)
    assert "Concept 2 is marked both" in refused(capsys, "teach", index, "ball", *three, "--no", 2)
    assert "Concept 999 is not in the index" in refused(capsys, "teach", index, "ball", *three, "--no", 999)
    assert "at most 60 letters, and this one has 10,000" in refused(
        capsys, "teach", index, "x" * 10_000, *three, "--no", 3)
    assert "found '<'" in refused(capsys, "teach", index, "<b>ball</b>", *three, "--no", 3)
    assert "at least one letter" in refused(capsys, "teach", index, " ", *three, "--no", 3)
    assert "whole number" in refused(capsys, "teach", index, "ball", *three, "--no", 2**70)
    assert "invalid int value" in refused(capsys, "teach", index, "ball", *three, "--no", "x")
    assert "was not taught cow; it was taught none" in refused(capsys, "teach", index, "--forget", "cow")
    assert "one of these" in refused(capsys, "teach", index)
    assert "one of these" in refused(capsys, "teach", index, "ball", *three, "--list")
    assert "There is no concept index in" in refused(capsys, "teach", tmp_path, "--list")


def test_search_refuses_in_a_sentence(capsys, made, tmp_path, weights):
    index, photos = made
    cat = photos / "cat" / "1.png"
    (tmp_path / "text.png").write_text("no photo")
    assert "has no concept 99; it has " in refused(capsys, "search", index, cat, "--concept", 99, "--model", weights)
    for number in (0, -1, 10**400):
        assert "ask for 1 to 1,000,000 hits" in refused(capsys, "search", index, cat, f"--k={number}")
    assert "does not exist" in refused(capsys, "search", index, tmp_path / "gone.png")
    assert "is not a picture" in refused(capsys, "search", index, tmp_path / "text.png", "--model", weights)
    assert "it has cat, dog" in refused(capsys, "search", index, cat, "--label", "cow", "--model", weights)
    assert "There is no concept index in" in refused(capsys, "search", tmp_path, cat)
    assert "are made by others" in refused(capsys, "search", index, cat, "--model", "nano")
    assert "name its file with --model" in refused(capsys, "search", index, cat)
    assert "there is no checkpoint" in refused(capsys, "search", index, cat, "--model", "gone.safetensors")


def test_info_in_words_and_as_json(capsys, made):
    told = json.loads(run(capsys, "info", made[0], "--json")[1])
    assert (told["photos"], told["labels"], told["resolution"], told["width"]) == (6, 2, 224, 16)
    assert 6 <= told["concepts"] <= 24 and told["bytes"] > 0
    status, said, _ = run(capsys, "info", made[0])
    assert status == 0 and f"6 photos, {told['concepts']} concepts, 2 labels" in said
    assert "tiny.safetensors" in said and "224 px" in said


def test_verify_says_that_all_is_well_or_names_every_damaged_file(capsys, made, monkeypatch):
    status, said, complaints = run(capsys, "verify", made[0])
    assert status == 0 and "all as they were written" in said and complaints == ""
    faults = ["shards/1.npy is damaged.", "faiss/2 is missing."]
    monkeypatch.setattr(ConceptIndex, "verify", lambda index: faults)
    status, said, complaints = run(capsys, "verify", made[0])
    assert status == 2 and said == "" and complaints.splitlines() == faults


def test_export_prints_what_it_wrote(capsys, made, tmp_path):
    status, said, _ = run(capsys, "export", made[0], "--out", tmp_path / "tables")
    assert status == 0 and said.splitlines() and all(Path(line).is_file() for line in said.splitlines())


@pytest.mark.parametrize(("arguments", "says"), [
    (["build", "{tmp}/empty", "--out", "{tmp}/index"], "holds no photos"),
    (["build", "{tmp}/texts", "--out", "{tmp}/index"], "holds no photos"),
    (["build", "{tmp}/gone", "--out", "{tmp}/index"], "does not exist"),
    (["build", "{tmp}/photos", "--out", "{tmp}/index", "--resolution", "99"], "The resolution is 99"),
    (["build", "{tmp}/photos", "--out", "{tmp}/index", "--model", "nowhere.safetensors"], "there is no checkpoint"),
    (["build", "{tmp}/photos", "--out", "{tmp}/index", "--column", "image"], "is no table"),
    (["build", "{tmp}/photos", "--out", "{tmp}/texts", "--model", "{weights}"], "holds other files"),
    (["build", "{tmp}/photos"], "--out"),
    (["info", "{tmp}/texts"], "There is no concept index in"),
    (["remove", "{tmp}/texts", "0"], "There is no concept index in"),
    (["verify", "{tmp}/gone"], "There is no concept index in"),
    (["build", "{tmp}/photos", "--out", "{tmp}/index", "--backend", "milvus"], "go together"),
    (["build", "{tmp}/photos", "--out", "{tmp}/index", "--uri", "http://localhost:19530"], "go together"),
    (["build", "{tmp}/photos", "--out", "{tmp}/index", "--engine", "spark"], "Invalid choice"),
    (["destroy"], "Invalid choice"),
    ([], "required"),
])
def test_what_a_person_can_mend_is_one_sentence_and_leaves_nothing(capsys, photos, tmp_path, weights, arguments, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no photo")
    said = refused(capsys, *(part.format(tmp=tmp_path, weights=weights) for part in arguments))
    assert says.lower() in said.lower()
    assert not (tmp_path / "index").exists()


def test_an_error_of_the_disk_is_a_sentence(capsys, made, monkeypatch):
    def full(*_: object, **__: object):
        raise OSError(28, "No space left on device", "shards/3.npy")

    monkeypatch.setattr(ConceptIndex, "compact", full)
    assert "shards/3.npy cannot be read or written (No space left on device)" in refused(capsys, "compact", made[0])


def test_a_full_disk_is_a_sentence_and_what_was_written_stays(capsys, photos, tmp_path, weights, monkeypatch):
    out, asked = tmp_path / "index", [photos, "--model", weights, "--resolution", 224]
    monkeypatch.setattr(building, "PHOTOS_A_TRANSACTION", 2)
    written: list[Path] = []

    def fills_up(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) > 7:
            raise OSError(28, "No space left on device")
        write_whole(path, content)

    with monkeypatch.context() as full:
        full.setattr(changes, "write_whole", fills_up)
        assert "(No space left on device)" in refused(capsys, "build", *asked, "--out", out)
    with ConceptIndex.open(out) as index:
        assert index.num_photos == 4 and index.verify() == []
    status, said, _ = run(capsys, "build", *asked, "--out", out)
    assert status == 0 and "2 photos with" in said and "4 there already" in said

    def no_room(*_: object, **__: object):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ConceptIndex, "create", no_room)
    assert f"{tmp_path / 'other'} cannot be read or written" in refused(
        capsys, "build", *asked, "--out", tmp_path / "other")


def test_thousands_of_files_that_are_no_photos_are_counted(capsys, photos, tmp_path, weights):
    place = tmp_path / "many"
    place.mkdir()
    for number in range(2000):
        (place / f"{number:04d}.jpg").write_bytes(b"no photo %d" % number)
    asked = ["--out", tmp_path / "index", "--model", weights, "--resolution", 224]
    said = refused(capsys, "build", place, *asked)
    assert "Not one of the 2,000 photos of many could be opened; the first, 0000.jpg: " in said
    status, said, complaints = run(capsys, "build", place, photos, *asked)
    assert status == 0 and "6 photos with" in said and "2,000 that could not be opened" in said
    assert complaints.count("\n") == MOST_NAMED + 1


def test_a_second_writer_is_told(capsys, made, photos, weights):
    with ConceptIndex.open(made[0], writer=True):
        refused(capsys, "build", photos, "--out", made[0], "--model", weights)


def test_progress_counts_the_photos_and_is_for_terminals(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    source = Source("photos", 5, lambda: iter([]))
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with command._progress(source, False) as bar:
        for _ in range(5):
            bar.update()
    assert "5/5" in terminal.getvalue() and "photo/s" in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", elsewhere := io.StringIO())
    for quiet in (False, True):
        with command._progress(source, quiet) as bar:
            bar.update()
    assert elsewhere.getvalue() == ""


# The command, with a transaction every four photos, which waits before the third for whoever stops it. A shell's
# background job hands SIGINT down as ignored.
STOPPING_BUILD = """
import runpy, signal, sys, time
from index.build import building
from index.concept_index import ConceptIndex

def waiting(index, photos, add=ConceptIndex.add):
    if index.num_photos >= 8:
        time.sleep(600)
    return add(index, photos)

signal.signal(signal.SIGINT, signal.default_int_handler)
building.PHOTOS_A_TRANSACTION, ConceptIndex.add = 4, waiting
sys.argv[0] = "index"
runpy.run_module("index", run_name="__main__")
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_build_that_is_stopped_goes_on_where_it_stopped(capsys, tmp_path, weights, how):
    photos, out = write_photos(tmp_path / "photos", 64), tmp_path / "index"
    arguments = [sys.executable, "-c", STOPPING_BUILD, "build", str(photos), "--out", str(out), "--model", weights,
                 "--resolution", "224"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(arguments, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and held(out) < 8:
        time.sleep(0.02)
    process.send_signal(how)
    complaints = process.communicate(timeout=60)[1]
    stopped_at = held(out)
    assert 8 <= stopped_at < 64
    if how == signal.SIGINT:
        assert process.returncode == 130 and complaints.startswith("Stopped;") and complaints.count("\n") == 1
    assert main(["build", str(photos), "--out", str(out), "--model", weights]) == 0
    told = capsys.readouterr().out
    assert f"{64 - stopped_at} photos with" in told and f"{stopped_at} there already" in told
    with ConceptIndex.open(out) as index:
        assert index.num_photos == 64 and index.verify() == []


def held(out: Path) -> int:
    """Photos that an index holds already; 0 before it is made."""
    try:
        with ConceptIndex.open(out) as index:
            return index.num_photos
    except ValueError:
        return 0


def test_the_vectors_can_be_kept_in_milvus(capsys, photos, tmp_path, weights):
    pytest.importorskip("milvus_lite", reason="Milvus Lite is not installed: pip install milvus-lite")
    out, cat = tmp_path / "index", photos / "cat" / "1.png"
    kept = ["--backend", "milvus", "--uri", str(tmp_path / "vectors.db")]
    assert run(capsys, "build", photos / "dog", "--out", out, "--model", weights, "--resolution", 224, *kept)[0] == 0
    assert run(capsys, "add", out, photos / "cat", "--model", weights, *kept)[0] == 0
    found, wanted = (json.loads(run(capsys, "search", out, cat, "--model", weights, "--json", *where)[1])["hits"]
                     for where in (kept, ()))
    assert [(hit["source"], hit["token"]) for hit in found] == [(hit["source"], hit["token"]) for hit in wanted]
    assert len(found) > 5
    status, said, _ = run(capsys, "compact", out, *kept)
    assert status == 0 and "6 photos" in said


def test_what_is_not_installed_is_named(capsys, photos, tmp_path, weights, monkeypatch):
    for name in ("ray", "pymilvus"):
        monkeypatch.setitem(sys.modules, name, None)
    asked = ["build", photos, "--out", tmp_path / "index", "--model", weights, "--resolution", 224]
    assert "pip install -r requirements-scale.txt" in refused(capsys, *asked, "--engine", "ray")
    assert "pip install -r requirements-scale.txt" in refused(capsys, *asked, "--backend", "milvus", "--uri", "http://x")
    assert not (tmp_path / "index").exists()
