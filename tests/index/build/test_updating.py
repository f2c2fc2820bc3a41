"""Updating: after it the index says what the folder says; nothing unchanged is read, nothing is encoded twice."""

import io
import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.__main__ import main
from index.build import updating
from index.build.building import build
from index.build.updating import OF_FILES, Fate, UpdateReport, opened, update
from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.store.places import FileState, state_of
from model.stellar import Stellar
from photos.sources.open import open_source, open_sources
from tests.weights import write_tiny

ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> str:
    return write_tiny(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def encoded(monkeypatch) -> list[int]:
    """How many photos the model was given, a number a batch."""
    counted: list[int] = []
    factorize = Stellar.factorize
    monkeypatch.setattr(Stellar, "factorize", lambda stellar, images: counted.append(len(images)) or factorize(
        stellar, images))
    return counted


def picture(seed: int, tag: str = "") -> bytes:
    """Of one length, whatever is in it; what follows the pixels is no part of the picture."""
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((32, 24)).save(buffer, "BMP")
    return buffer.getvalue() + tag.encode()


clock = itertools.count(1_700_000_000)


def write(path: Path, content: bytes) -> Path:
    """A file that was last changed long ago, and at no other file's time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (0, next(clock)))
    return path


@pytest.fixture
def photos(tmp_path) -> Path:
    for seed in range(6):
        write(tmp_path / "photos" / ("cat" if seed % 2 else "dog") / f"{seed}.bmp", picture(seed))
    return tmp_path / "photos"


@pytest.fixture
def out(photos, tmp_path, weights) -> Path:
    build(open_source(photos), tmp_path / "index", model=weights, resolution=224)
    return tmp_path / "index"


def updated(photos: Path, out: Path, weights: str, **options: object) -> UpdateReport:
    return update(open_source(photos), out, model=weights, **options)


def held(out: Path) -> set[tuple[str, str]]:
    """(path, sha256) of each file that the index knows; nothing is wrong with it."""
    with ConceptIndex.open(out) as index:
        assert index.verify() == []
        found = {photo.id: photo for photo in index.photos(limit=10_000)}
        assert len(found) == index.num_photos
        paths: dict[int, set[str]] = {}
        for place in index.places():
            paths.setdefault(place.photo, set()).add(place.path)
        assert all(photo.source in paths[photo.id] for photo in found.values())
        return {(path, found[photo].sha256) for photo, several in paths.items() for path in several}


def there(photos: Path) -> set[tuple[str, str]]:
    return {(path.relative_to(photos).as_posix(), sha256(path.read_bytes()).hexdigest())
            for path in photos.rglob("*.bmp")}


def num_photos(out: Path) -> int:
    with ConceptIndex.open(out) as index:
        return index.num_photos


def counts(report: UpdateReport) -> dict[Fate, int]:
    return {fate: report.count(fate) for fate in Fate if report.count(fate)}


# The laws

CHANGES = ("add", "move", "edit", "tag", "delete", "copy", "swap", "touch", "move and tag", "restore")


def change(photos: Path, generator: random.Random, seeds: itertools.count) -> None:
    """Something that happens to a folder."""
    paths = sorted(photos.rglob("*.bmp"))
    one, other = generator.choice(paths), photos / generator.choice(("cat", "dog", "x/y")) / f"{next(seeds)}.bmp"
    match generator.choice(CHANGES):
        case "add":
            write(other, picture(next(seeds)))
        case "edit":
            write(one, picture(next(seeds)))
        case "tag":
            write(one, one.read_bytes() + b"tag")
        case "touch":
            os.utime(one, (0, next(clock)))
        case "restore":  # of a picture that may be there, or have been there
            write(one, picture(generator.randrange(6)))
        case "delete" if len(paths) > 2:
            one.unlink()
        case "copy":
            other.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(one, other)
        case "swap":
            two = generator.choice(paths)
            aside = one.rename(photos / "aside")
            if two != one:
                two.rename(one)
            aside.rename(two)
        case "move" | "move and tag" as how:
            other.parent.mkdir(parents=True, exist_ok=True)
            one.rename(other)
            if how == "move and tag":
                write(other, other.read_bytes() + b"tag")


@pytest.mark.parametrize("seed", range(6))
def test_after_any_changes_the_index_says_what_the_folder_says(photos, out, weights, encoded, seed):
    generator, seeds = random.Random(seed), itertools.count(100)
    for _ in range(6):
        for _ in range(generator.randrange(1, 6)):
            change(photos, generator, seeds)
        before, known = num_photos(out), {digest for _, digest in held(out)}
        encoded.clear()
        would = updated(photos, out, weights, dry_run=True)
        assert not encoded and num_photos(out) == before
        did = updated(photos, out, weights)
        assert held(out) == there(photos)
        assert counts(did) == counts(would) and dict(did.names) == dict(would.names)
        assert sum(did.count(fate) for fate in OF_FILES) == did.num_files == len(there(photos))
        assert num_photos(out) == before + did.count(Fate.ADDED) - did.count(Fate.REMOVED)
        new = {digest for _, digest in there(photos)} - known
        assert sum(encoded) == did.num_encoded == did.count(Fate.ADDED) + did.count(Fate.REPLACED)
        assert did.num_encoded + did.count(Fate.RETAGGED) == len(new)
        again = updated(photos, out, weights)
        assert counts(again) == {Fate.UNCHANGED: did.num_files} and again.num_read == 0


def test_each_change_has_its_name(photos, out, weights, encoded):
    (photos / "cat" / "1.bmp").rename(photos / "moved.bmp")
    write(photos / "cat" / "3.bmp", picture(3, "tag"))
    write(photos / "cat" / "5.bmp", picture(55))
    (photos / "dog" / "0.bmp").unlink()
    shutil.copy2(photos / "dog" / "2.bmp", photos / "dog" / "copy.bmp")
    write(photos / "new.bmp", picture(7))
    write(photos / "torn.bmp", picture(8)[:40])
    encoded.clear()
    report = updated(photos, out, weights)
    assert {fate: names for fate, names in report.names.items() if names} == {
        Fate.FOLLOWED: ["cat/1.bmp -> moved.bmp"], Fate.RETAGGED: ["cat/3.bmp"], Fate.REPLACED: ["cat/5.bmp"],
        Fate.COPY: ["dog/copy.bmp"], Fate.ADDED: ["new.bmp"], Fate.BAD: ["torn.bmp"], Fate.REMOVED: ["dog/0.bmp"]}
    assert report.unchanged == 2 and sum(encoded) == 2 and [bad.source for bad in report.bad] == ["torn.bmp"]


def test_a_photo_keeps_its_id_and_its_concepts_while_it_is_moved_and_tagged(photos, out, weights):
    with ConceptIndex.open(out) as index:
        before = {photo.source: photo for photo in index.photos()}
        concepts = {photo.id: index.concepts_of(photo.id) for photo in before.values()}
    (photos / "cat" / "1.bmp").rename(photos / "dog" / "one.bmp")
    write(photos / "cat" / "3.bmp", picture(3, "tag"))
    updated(photos, out, weights)
    with ConceptIndex.open(out) as index:
        after = {photo.source: photo for photo in index.photos()}
        assert after["dog/one.bmp"].id == before["cat/1.bmp"].id and after["cat/3.bmp"].id == before["cat/3.bmp"].id
        assert after["cat/3.bmp"].sha256 == sha256(picture(3, "tag")).hexdigest()
        assert all(index.concepts_of(photo.id) == concepts[photo.id] for photo in after.values())


def test_other_tags_beside_an_untouched_copy_are_another_photo(photos, out, weights):
    shutil.copy2(photos / "cat" / "1.bmp", photos / "z.bmp")
    write(photos / "cat" / "1.bmp", picture(1, "tag"))
    report = updated(photos, out, weights)
    assert counts(report) == {Fate.UNCHANGED: 5, Fate.ADDED: 1, Fate.FOLLOWED: 1} and held(out) == there(photos)


# What is read


opens: list[str] = []
sys.addaudithook(lambda event, arguments: opens.append(str(arguments[0])) if event == "open" else None)


def opened_below(photos: Path) -> int:
    return sum(path.startswith(str(photos)) for path in opens)


def test_what_is_unchanged_is_not_opened_and_needs_no_model(photos, out, weights, monkeypatch):
    for seed in range(200):
        write(photos / "more" / f"{seed}.bmp", picture(seed))
    updated(photos, out, weights)
    monkeypatch.setattr(updating, "model_of", lambda *_: pytest.fail("a model was loaded"))
    opens.clear()
    report = updated(photos, out, weights)
    assert report.unchanged == 206 and report.num_read == 0 and opened_below(photos) == 0
    opens.clear()
    os.utime(photos / "more" / "7.bmp", (0, next(clock)))
    monkeypatch.undo()
    report = updated(photos, out, weights)
    assert report.num_read == opened_below(photos) == 1 and report.unchanged == 206


def test_a_change_that_size_and_time_do_not_show(photos, out, weights):
    """Shown where the file was too young for its time to say anything; else by reading all."""
    for path in (photos / "cat" / "1.bmp", young := photos / "young.bmp"):
        path.write_bytes(picture(11 if path == young else 1))
        if path != young:
            os.utime(path, (0, 1_600_000_000))
    updated(photos, out, weights)
    for path in (photos / "cat" / "1.bmp", young):
        time_ns = path.stat().st_mtime_ns
        path.write_bytes(picture(99 if path == young else 98))
        os.utime(path, ns=(time_ns, time_ns))
    assert updated(photos, out, weights).names[Fate.REPLACED] == ["young.bmp"]
    assert updated(photos, out, weights, reread=True).names[Fate.REPLACED] == ["cat/1.bmp"]
    assert held(out) == there(photos)


# What is gone


def test_what_is_missing_is_kept_if_asked_until_it_is_not(photos, out, weights):
    (photos / "cat" / "1.bmp").unlink()
    write(photos / "cat" / "3.bmp", picture(33))
    report = updated(photos, out, weights, keep_missing=True)
    assert counts(report) == {Fate.UNCHANGED: 4, Fate.REPLACED: 1, Fate.MISSING: 1} and num_photos(out) == 6
    assert report.names[Fate.MISSING] == ["cat/1.bmp"]
    assert counts(updated(photos, out, weights)) == {Fate.UNCHANGED: 5, Fate.REMOVED: 1}
    assert held(out) == there(photos)


def test_a_copy_is_kept_while_any_of_its_files_is_there(photos, out, weights):
    shutil.copy2(photos / "cat" / "1.bmp", photos / "z.bmp")
    updated(photos, out, weights)
    (photos / "cat" / "1.bmp").unlink()
    assert counts(updated(photos, out, weights)) == {Fate.UNCHANGED: 6} and held(out) == there(photos)
    (photos / "z.bmp").unlink()
    assert counts(updated(photos, out, weights)) == {Fate.UNCHANGED: 5, Fate.REMOVED: 1}


def test_a_folder_that_cannot_be_seen_takes_nothing_out(photos, out, weights):
    away = photos.rename(photos.with_name("away"))
    with pytest.raises(ConceptIndexError, match=r"photos does not exist; nothing in .* was changed; mount the drive"):
        opened(str(photos), out)
    photos.mkdir()
    with pytest.raises(ConceptIndexError, match=r"photos holds no photos.*; nothing in .* was changed; mount"):
        opened(str(photos), out)
    photos.rmdir()
    away.rename(photos)
    (photos / "cat").rename(away)
    (photos / "cat").symlink_to(photos / "no drive")
    report = updated(photos, out, weights)
    assert counts(report) == {Fate.UNCHANGED: 3, Fate.HIDDEN: 3} and num_photos(out) == 6
    (photos / "cat").unlink()
    away.rename(photos / "cat")
    assert counts(updated(photos, out, weights)) == {Fate.UNCHANGED: 6}


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_may_not_be_read_is_not_gone(photos, out, weights):
    (photos / "cat" / "1.bmp").chmod(0)
    (photos / "dog").chmod(0)
    report = updated(photos, out, weights)
    (photos / "dog").chmod(0o755)
    assert report.count(Fate.HIDDEN) >= 3 and num_photos(out) == 6


def test_standings(tmp_path):
    write(tmp_path / "a" / "1.bmp", b"x")
    (tmp_path / "link").symlink_to("nowhere")
    assert state_of(tmp_path, "a/1.bmp") is FileState.THERE
    assert [state_of(tmp_path, path) for path in ("a/2.bmp", "b/1.bmp", "a/1.bmp/2.bmp", "a")] == [FileState.GONE] * 4
    assert [state_of(tmp_path, path) for path in ("link", "link/1.bmp")] == [FileState.HIDDEN] * 2


def test_a_file_that_is_no_photo_any_more(photos, out, weights):
    write(photos / "cat" / "1.bmp", b"text")
    report = updated(photos, out, weights)
    assert counts(report) == {Fate.UNCHANGED: 5, Fate.BAD: 1, Fate.REMOVED: 1}
    assert held(out) == {(path, digest) for path, digest in there(photos) if path != "cat/1.bmp"}


# Several folders, and an index that knows of none


@pytest.fixture
def two(tmp_path, weights) -> tuple[Path, Path, Path]:
    """x/photos and y/photos, both with an a.bmp of their own and the same b.bmp, in one index."""
    folders = [tmp_path / name / "photos" for name in "xy"]
    for seed, place in enumerate(folders):
        write(place / "a.bmp", picture(seed))
        write(place / "b.bmp", picture(9))
    build(open_sources([str(place) for place in folders]), tmp_path / "index", model=weights, resolution=224)
    return *folders, tmp_path / "index"


def test_an_update_of_one_folder_leaves_the_others_alone(two, weights):
    x, y, out = two
    before = held(out)
    (x / "a.bmp").unlink()
    shutil.move(x / "b.bmp", x / "c.bmp")
    report = updated(x, out, weights)
    assert counts(report) == {Fate.COPY: 1, Fate.REMOVED: 1}
    gone, came = [{(name, sha256(picture(seed)).hexdigest())} for name, seed in (("a.bmp", 0), ("c.bmp", 9))]
    assert held(out) == before - gone | came
    (x / "c.bmp").unlink()
    write(x / "d.bmp", picture(5))
    assert counts(updated(x, out, weights)) == {Fate.ADDED: 1, Fate.ELSEWHERE: 1}
    assert held(out) == there(x) | there(y)


def test_photos_of_two_folders_are_told_apart(two, capsys, weights):
    x, y, out = two
    with ConceptIndex.open(out) as index:
        names = [photo.name for photo in index.photos()]
        assert sorted(names) == ["photos (2)/a.bmp", "photos/a.bmp", "photos/b.bmp"]
        assert {photo.source for photo in index.photos()} == {"a.bmp", "b.bmp"}
        assert sorted(index.sources) == sorted(names)
        assert str(x.parent) not in (out / "catalogue.sqlite").read_bytes().decode("latin-1")
        tables = index.export(out.parent / "tables")
    import pandas

    for table in tables:
        rows = pandas.read_parquet(table)
        assert set(zip(rows["folder"], rows["source"], strict=True)) == {
            ("photos", "a.bmp"), ("photos (2)", "a.bmp"), ("photos", "b.bmp")}
    for form in ([], ["--json"]):
        capsys.readouterr()
        assert main(["search", str(out), str(y / "b.bmp"), "--model", weights, *form]) == 0
        said = capsys.readouterr().out
        if form:
            assert {(hit["folder"], hit["source"]) for hit in json.loads(said)["hits"]} >= {("photos (2)", "a.bmp")}
        else:
            assert "photos (2)/a.bmp" in said and "photos/a.bmp" in said


def test_the_page_is_told_which_folder_a_photo_came_from(two):
    from stellar_explorer.retrieve.collections import Collections
    from stellar_explorer.retrieve.package import photo_address

    with ConceptIndex.open(two[2]) as index:
        told = [photo_address(Collections, "mine", photo) for photo in index.photos()]
    assert {(photo["title"], photo["source"], photo["folder"]) for photo in told} >= {
        ("photos (2)/a.bmp", "a.bmp", "photos (2)")}


def test_other_folders_are_refused(photos, out, weights, tmp_path):
    write(tmp_path / "other" / "a.bmp", picture(50))
    before = held(out)
    with pytest.raises(ConceptIndexError, match=r"was not built of .*other; it was built of photos; .*--moved-from"):
        updated(tmp_path / "other", out, weights)
    with pytest.raises(ConceptIndexError, match=r"cat lies in .*photos, which .* was built of; update that one"):
        updated(photos / "cat", out, weights)
    with pytest.raises(ConceptIndexError, match="no folder of photos, and update follows one folder"):
        update(open_sources([str(photos), str(tmp_path / "other")]), out, model=weights)
    with pytest.raises(ConceptIndexError, match="There is no concept index in"):
        updated(photos, tmp_path / "none", weights)
    with pytest.raises(ConceptIndexError, match="was not built of nowhere; it was built of photos"):
        updated(photos, out, weights, moved_from=Path("nowhere"))
    assert held(out) == before


def test_a_folder_that_was_moved(photos, out, weights, encoded):
    moved = photos.rename(photos.with_name("moved"))
    encoded.clear()
    assert counts(updated(moved, out, weights, moved_from=photos, dry_run=True)) == {Fate.UNCHANGED: 6}
    report = updated(moved, out, weights, moved_from=photos)
    assert counts(report) == {Fate.UNCHANGED: 6} and report.num_read == 0 and not encoded
    (moved / "cat" / "1.bmp").unlink()
    assert counts(updated(moved, out, weights)) == {Fate.UNCHANGED: 5, Fate.REMOVED: 1}


def forget_places(out: Path) -> None:
    """As an older program would have written it."""
    with closing(sqlite3.connect(out / "catalogue.sqlite")) as connection:
        for table in ("places", "pixels", "roots"):
            connection.execute(f"DROP TABLE {table}")
        connection.commit()
    (out / "catalogue.sha256").unlink()


def test_an_index_that_was_made_before_is_hashed_once(photos, out, weights, encoded):
    forget_places(out)
    (photos / "cat" / "1.bmp").unlink()
    (photos / "cat" / "3.bmp").rename(photos / "three.bmp")
    encoded.clear()
    report = updated(photos, out, weights)
    assert counts(report) == {Fate.UNCHANGED: 4, Fate.FOLLOWED: 1} and report.num_read == 5 and not encoded
    assert report.unplaced == 1 and num_photos(out) == 6
    report = updated(photos, out, weights, adopt=True)
    assert counts(report) == {Fate.UNCHANGED: 5, Fate.REMOVED: 1} and report.num_read == report.unplaced == 0
    assert held(out) == there(photos)


def test_a_label_that_was_the_folder_follows_the_photo(photos, tmp_path, weights):
    out = tmp_path / "labelled"
    build(open_source(photos, label_from_folder=True), out, model=weights, resolution=224)
    (photos / "cat" / "1.bmp").rename(photos / "dog" / "1.bmp")
    updated(photos, out, weights)
    with ConceptIndex.open(out) as index:
        assert {photo.source: photo.label for photo in index.photos()}["dog/1.bmp"] == "dog"


# Stopped in the middle, and read meanwhile


def test_a_reader_goes_on_with_what_it_opened(photos, out, weights):
    with ConceptIndex.open(out) as reader:
        one = reader.concepts_of(0)[0]
        before = [hit.concept.id for hit in reader.search(reader.vectors([one.id]), k=20)[0]]
        (photos / "cat" / "1.bmp").unlink()
        write(photos / "dog" / "0.bmp", picture(100))
        updated(photos, out, weights)
        hits = reader.search(reader.vectors([one.id]), k=20)[0]
        assert [hit.concept.id for hit in hits] == before and reader.num_photos == 6
        assert all(reader.photo(hit.concept.photo).name and reader.thumbnail(hit.concept.photo) for hit in hits)
        reader.refresh()
        assert reader.num_photos == 5


# The command, with a transaction every two photos; it waits before one for whoever kills it.
STOPPING_UPDATE = """
import runpy, sys, time
from pathlib import Path
from index.build import building
from index.concept_index import ConceptIndex

where, sign = sys.argv.pop(1), Path(sys.argv.pop(1))
before, calls = getattr(ConceptIndex, where), []

def waiting(index, *given, **named):
    calls.append(1)
    if len(calls) == 3 or where == "settle":
        sign.touch()
        time.sleep(600)
    return before(index, *given, **named)

building.PHOTOS_A_TRANSACTION = 2
setattr(ConceptIndex, where, waiting)
sys.argv[0] = "index"
runpy.run_module("index", run_name="__main__")
"""


@pytest.mark.parametrize("where", ["add", "settle"])
def test_killed_in_the_middle_it_is_sound_and_goes_on(photos, out, weights, encoded, tmp_path, where):
    for seed in range(200, 208):
        write(photos / "new" / f"{seed}.bmp", picture(seed))
    (photos / "cat" / "1.bmp").rename(photos / "one.bmp")
    write(photos / "cat" / "3.bmp", picture(3, "tag"))
    write(photos / "cat" / "5.bmp", picture(55))
    (photos / "dog" / "0.bmp").unlink()
    sign = tmp_path / "waiting"
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPING_UPDATE, where, str(sign), "update", str(photos), "--out", str(out), "--model",
         weights, "--quiet"], cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    while process.poll() is None and not sign.exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    written = num_photos(out) - 6
    assert written == (4 if where == "add" else 9)
    held(out)
    encoded.clear()
    report = updated(photos, out, weights)
    assert sum(encoded) == 9 - written and held(out) == there(photos) and report.num_files == 13


# The commands


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_command_counts_and_names(photos, out, weights, capsys):
    (photos / "cat" / "1.bmp").rename(photos / "one.bmp")
    (photos / "dog" / "0.bmp").unlink()
    asked = ["update", photos, "--out", out, "--model", weights, "--verbose", "--quiet"]
    would, did = run(capsys, *asked, "--dry-run"), run(capsys, *asked)
    assert would[0] == did[0] == 0 and would[2] == did[2] == ""
    counted = "5 files: 4 unchanged, 1 moved and followed; 1 photo removed; 1 read, 0 "
    assert f"nothing was changed; an update would find {counted}to encode" in would[1] and f"{counted}encoded" in did[1]
    assert "\nmoved and followed: cat/1.bmp -> one.bmp\nremoved: dog/0.bmp\n" in did[1]
    assert run(capsys, *asked[:-2])[1].endswith("5 files: 5 unchanged; no photo removed; 0 read, 0 encoded\n")
    status, said, complaint = run(capsys, *asked, "--engine", "ray")
    assert status == 2 and not said and complaint.startswith("An update encodes in this process, not on Ray; ")


def test_a_build_only_adds_and_says_what_an_update_would_see_to(photos, out, weights, capsys):
    (photos / "cat" / "1.bmp").rename(photos / "one.bmp")
    write(photos / "dog" / "0.bmp", picture(100))
    (photos / "dog" / "2.bmp").unlink()
    status, said, complaint = run(capsys, "build", photos, "--out", out, "--model", weights, "--quiet")
    assert status == 0 and "1 photo with" in said and "4 there already" in said and num_photos(out) == 7
    assert complaint.startswith("Of what came from photos: 2 files missing now and 1 file changed since. ")
    assert f"python -m index update {photos} --out {out} takes out what is gone." in complaint
    report = updated(photos, out, weights)
    assert counts(report) == {Fate.UNCHANGED: 5, Fate.REMOVED: 2} and held(out) == there(photos)
    with ConceptIndex.open(out) as index:
        assert {photo.source for photo in index.photos()} == {path for path, _ in there(photos)}
    assert run(capsys, "build", photos, "--out", out, "--model", weights, "--quiet")[2] == ""


def test_remove_knows_a_photo_by_where_it_was(photos, out, capsys):
    for path in ("cat/1.bmp", "cat/3.bmp", "dog/0.bmp"):
        (photos / path).unlink()
    assert run(capsys, "remove", out, "cat/1.bmp", photos / "cat" / "3.bmp")[0] == 0
    assert run(capsys, "remove", out, "photos/dog/0.bmp")[1].endswith("1 photo removed\n")
    assert {path for path, _ in held(out)} == {"dog/2.bmp", "dog/4.bmp", "cat/5.bmp"}
    status, said, complaint = run(capsys, "remove", out, "cat/1.bmp")
    assert status == 2 and not said and complaint.startswith("cat/1.bmp is not in ")


def test_remove_asks_which_of_two(two, capsys):
    x, y, out = two
    status, said, complaint = run(capsys, "remove", out, "a.bmp")
    assert status == 2 and not said and "is 2 photos of" in complaint and "photos (2)/a.bmp" in complaint
    (y / "a.bmp").unlink()
    assert run(capsys, "remove", out, y / "a.bmp")[0] == 0
    assert ("a.bmp", sha256(picture(1)).hexdigest()) not in held(out)


def test_what_other_options_do_not_list_is_not_gone(photos, tmp_path, weights):
    """Built with --hidden and updated without: the files lie where they lay."""
    out = tmp_path / "with hidden"
    hidden = write(photos / ".private" / "7.bmp", picture(7))
    build(open_source(photos, hidden=True), out, model=weights, resolution=224)
    report = updated(photos, out, weights)
    assert report.count(Fate.HIDDEN) == 1 and not report.count(Fate.REMOVED)
    with ConceptIndex.open(out) as index:
        assert index.num_photos == 7
    hidden.write_text("no photo any more", encoding="utf-8")
    assert updated(photos, out, weights).count(Fate.REMOVED) == 1
