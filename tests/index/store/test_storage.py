"""ConceptIndex on the disk: what comes in is there, under ids that nothing else ever gets, whoever reads meanwhile."""

import errno
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.records import EncodedPhoto
from index.store import changes, concept_table
from tests.fakes.index import FAKE_MODEL, fake_encoded

ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.fixture
def index(tmp_path):
    with ConceptIndex.create(tmp_path / "index", model=FAKE_MODEL) as made:
        yield made


@pytest.fixture
def small_shards(monkeypatch):
    """As if shards were full with 16 concepts, so that a few photos are a large index."""
    for place in (concept_table, changes):
        monkeypatch.setattr(place, "FULL", 16)
    monkeypatch.setattr(concept_table.split, "__kwdefaults__", {"full": 16})
    monkeypatch.setattr(changes, "SMALL", 8)
    monkeypatch.setattr(changes, "MOST_SMALL", 4)


def encoded(first: int, count: int, **more) -> list[EncodedPhoto]:
    return [fake_encoded(seed, **more) for seed in range(first, first + count)]


def answers(index: ConceptIndex) -> dict:
    """All that an index tells, by ids."""
    photos = index.photos(limit=10_000)
    ids = index.columns("id")["id"]
    return {
        "photos": photos, "concepts": index.concepts(ids), "vectors": index.vectors(ids).tolist(),
        "summaries": index.summaries([photo.id for photo in photos]).tolist(),
        "thumbnails": [index.thumbnail(photo.id) for photo in photos], "counts": (index.num_photos, index.num_concepts),
        "hits": [[(hit.concept.id, round(hit.score, 6)) for hit in hits]
                 for hits in index.search(np.eye(FAKE_MODEL.width), k=10)],
    }


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for place in ("shards", "thumbnails", "faiss")
            for path in (folder / place).iterdir()}


def named(index: ConceptIndex) -> set[str]:
    return {file.path for file in index._catalogue.contents().files}


def test_what_comes_in_is_there_and_after_opening_again(index):
    given = encoded(0, 5, label="cat") + encoded(5, 3, num_concepts=0)
    report = index.add(given)
    assert (report.added, report.known, report.num_concepts) == (8, 0, 20)
    found = answers(index)
    assert [photo.sha256 for photo in found["photos"]] == [one.photo.sha256 for one in given]
    assert found["thumbnails"] == [one.thumbnail for one in given]
    np.testing.assert_allclose(found["summaries"], [one.summary for one in given], atol=1e-3)
    for photo, one in zip(found["photos"], given, strict=True):
        assert index.find_photo(one.photo.sha256) == photo.id
        assert [concept.token for concept in index.concepts_of(photo.id)] == [part.token for part in one.concepts]
    index.close()
    with ConceptIndex.open(index.path) as again:
        assert answers(again) == found and again.verify() == [] and again.model == FAKE_MODEL


def test_a_concepts_nearest_is_itself(index):
    index.add(encoded(0, 8))
    ids = index.columns("id")["id"]
    for concept, (best, second) in zip(ids, index.search(index.vectors(ids), k=2), strict=True):
        assert best.concept.id == concept and best.score == pytest.approx(1, abs=1e-3) and second.score < best.score
    photo = index.photos()[3]
    assert index.search_summaries(index.summaries([photo.id]), k=3)[0][0].photo == photo


def test_the_same_bytes_are_one_photo(index):
    assert index.add([fake_encoded(1), fake_encoded(2), fake_encoded(1, source="copy.jpg")]).known == 1
    version = index.version
    report = index.add([fake_encoded(2, source="another copy.jpg")])
    assert (report.added, report.known, report.num_concepts) == (0, 1, 0) and index.version == version
    assert [photo.source for photo in index.photos()] == ["photos/000001.jpg", "photos/000002.jpg"]


def test_removed_ids_are_never_given_again(index):
    index.add(encoded(0, 3))
    last = index.photos()[-1]
    concepts = [concept.id for concept in index.concepts_of(last.id)]
    assert index.remove([last.id, last.id, 12345, -1, 2**70]) == 1 and index.remove([last.id]) == 0
    index.compact()
    index.close()
    with ConceptIndex.open(index.path, writer=True) as again:
        again.add([fake_encoded(2)])
        photo = again.photos()[-1]
        assert photo.sha256 == last.sha256 and photo.id > last.id
        assert min(concept.id for concept in again.concepts_of(photo.id)) > max(concepts)
        for ask in (lambda: again.photo(last.id), lambda: again.concepts(concepts), lambda: again.vectors(concepts[:1]),
                    lambda: again.summaries([last.id]), lambda: again.thumbnail(last.id)):
            with pytest.raises(ConceptIndexError, match="is not in the index"):
                ask()


def test_what_was_removed_is_not_found_before_a_compaction_either(index):
    index.add(encoded(0, 6, label="cat"))
    index.add(encoded(6, 1, label="dog"))
    vector, gone = index.vectors([9]), index.concepts([9])[0].photo
    index.remove([gone, 6])
    assert all(hit.concept.photo not in (gone, 6) for hit in index.search(vector, k=50)[0])
    assert len(index.search(vector, k=50)[0]) == index.num_concepts == 20 == len(index.columns("id")["id"])
    assert all(hit.photo.id not in (gone, 6) for hit in index.search_summaries(vector, k=50)[0])
    assert index.labels == ("cat",) and len(index.photos()) == 5 and index.verify() == []


def test_a_compaction_keeps_the_answers_and_drops_the_bytes(index, small_shards):
    for first in range(0, 12, 3):
        index.add(encoded(first, 3))
    index.remove([1, 5, 6, 7, 8])
    before, was, many = answers(index), index.version, files(index.path)
    assert b"photos/000005.jpg" in (index.path / "catalogue.sqlite").read_bytes()
    index.compact()
    assert answers(index) == before and index.version == was + 1 and index.verify() == []
    assert files(index.path) == named(index) and len(files(index.path)) < len(many)
    kept = b"".join(path.read_bytes() for path in index.path.rglob("*") if path.is_file())
    for seed in (1, 5):
        gone = fake_encoded(seed)
        assert gone.thumbnail not in kept and gone.photo.source.encode() not in kept
        assert gone.vectors[0].astype("<f2").tobytes() not in kept
    index.compact()  # there is nothing left to do
    assert index.version == was + 1
    index.add(encoded(20, 2))
    assert answers(index)["concepts"][: len(before["concepts"])] == before["concepts"]


def test_an_index_from_which_all_is_removed_is_empty(index):
    index.add(encoded(0, 3))
    index.remove(range(3))
    for _ in range(2):
        assert index.search(np.ones((2, FAKE_MODEL.width)), k=3) == [[], []] and index.photos() == []
        assert index.search_summaries(np.ones((1, FAKE_MODEL.width)))[0] == [] and index.num_concepts == 0
        assert index.columns("names", "x", "label")["names"].shape == (0, 3)
        index.compact()
    assert files(index.path) == set() and index.verify() == []
    index.add([fake_encoded(0)])
    assert index.photos()[0].id == 3


def test_many_small_additions_keep_few_files(index, small_shards):
    for seed in range(40):
        index.add([fake_encoded(seed, num_concepts=2)])
        assert len(index._snapshot.shards) <= 2 * (seed + 1) // 8 + changes.MOST_SMALL
    assert [photo.id for photo in index.photos()] == list(range(40)) and index.verify() == []
    assert index.columns("id")["id"].tolist() == list(range(80))
    assert {name for name in files(index.path) if name.startswith("shards")} <= named(index)


def test_an_addition_writes_as_much_into_a_large_index_as_into_an_empty_one(index, small_shards, monkeypatch):
    written, write = [], changes.write_whole
    monkeypatch.setattr(changes, "write_whole", lambda path, content: (written.append(len(content)),
                                                                      write(path, content)))
    index.add(encoded(0, 4))
    first = sum(written)
    for start in range(4, 80, 4):
        index.add(encoded(start, 4))
    written.clear()
    index.add(encoded(80, 4))
    assert sum(written) == pytest.approx(first, rel=0.1)


def test_photos_come_in_pages_in_the_order_they_came(index):
    index.add(encoded(0, 5))
    index.add(encoded(5, 5))
    index.remove([2])
    pages = [index.photos(offset=offset, limit=4) for offset in (0, 4, 8)]
    assert [photo.id for page in pages for photo in page] == [0, 1, 3, 4, 5, 6, 7, 8, 9]


def test_columns_say_what_the_concepts_say(index):
    index.add(encoded(0, 4, label="cat") + encoded(4, 2))
    index.add(encoded(6, 2, label="ant", num_concepts=5))
    index.remove([1])
    names = ("id", "photo", "token", "mass", "peak", "x", "y", "left", "top", "right", "bottom", "label", "source",
             "names", "name_scores")
    columns = index.columns(*names)
    assert tuple(columns) == names and index.labels == ("ant", "cat") and index.words == tuple(sorted(index.words))
    for row, concept in enumerate(index.concepts(columns["id"])):
        photo = index.photo(concept.photo)
        assert tuple(columns[name][row] for name in ("id", "photo", "token")) == (
            concept.id, concept.photo, concept.token)
        assert [columns[name][row] for name in ("mass", "peak")] == [concept.mass, concept.peak]
        assert (columns["x"][row], columns["y"][row]) == concept.centroid
        assert tuple(columns[name][row] for name in ("left", "top", "right", "bottom")) == concept.box
        assert (index.labels + (None,))[columns["label"][row]] == photo.label
        assert index.sources[columns["source"][row]] == photo.source
        told = zip(columns["names"][row], columns["name_scores"][row], strict=True)
        assert [(index.words[code], score) for code, score in told if code >= 0] == list(concept.names)
    with pytest.raises(ValueError, match="read-only"):
        columns["mass"][0] = 0
    with pytest.raises(ValueError, match="There is no column weight"):
        index.columns("weight")


# Several at once


def test_a_reader_keeps_its_version_until_it_refreshes(index, small_shards):
    index.add(encoded(0, 6))
    with ConceptIndex.open(index.path) as reader:
        before = answers(reader)
        index.add(encoded(6, 6))
        assert answers(reader) == before
        index.remove([2])
        assert answers(reader) == before
        hits = reader.search(reader.vectors([8]), k=1)[0]
        index.compact()
        assert reader.vectors([8]).shape == (1, FAKE_MODEL.width)  # its shards are gone from the folder, not from it
        assert reader.refresh() and not reader.refresh() and answers(reader) == answers(index)
        assert hits[0].concept.id == 8


def test_readers_go_on_while_one_writes(index, small_shards):
    """Each version that they see is whole: its photos with their concepts, a thumbnail, and itself as a hit."""
    index.add(encoded(0, 4))
    done, faults, seen = threading.Event(), [], set()

    def read() -> None:
        with ConceptIndex.open(index.path) as reader:
            while not done.is_set():
                reader.refresh()
                try:
                    ids = reader.columns("id", "photo")
                    assert len(ids["id"]) == reader.num_concepts == 4 * reader.num_photos
                    photo = int(ids["photo"][-1])
                    [hit] = reader.search(reader.vectors(ids["id"][-1:]), k=1)[0]
                    assert hit.concept.id == ids["id"][-1]
                    assert fake_encoded(photo).thumbnail == reader.thumbnail(photo)
                    seen.add(reader.version)
                except ConceptIndexError as error:
                    # Between two looks a photo may have been removed and forgotten; nothing else is an excuse.
                    if not reader.refresh() or "removed" not in str(error):
                        faults.append(error)
                except BaseException as error:
                    faults.append(error)
                    raise

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for seed in range(4, 40):
        index.add([fake_encoded(seed)])
        if seed % 5 == 0:
            index.remove([seed - 3])
        if seed % 9 == 0:
            index.compact()
    done.set()
    for reader in readers:
        reader.join()
    assert not faults and len(seen) > 1 and index.verify() == []


def test_threads_that_add_at_once_do_not_meet(index):
    threads = [threading.Thread(target=lambda first=first: [index.add([fake_encoded(seed)])
                                                            for seed in range(first, first + 6)])
               for first in (0, 3, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert index.num_photos == 12 and index.columns("id")["id"].tolist() == list(range(48)) and index.verify() == []


def test_the_second_writer_is_refused_in_a_sentence(index):
    with pytest.raises(ConceptIndexError, match=rf"is being written by another .* \(of process {os.getpid()}\)"):
        ConceptIndex.open(index.path, writer=True)
    script = f"from index.concept_index import ConceptIndex; ConceptIndex.open({str(index.path)!r}, writer=True)"
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True).stderr
    assert f"is being written by another process or thread (of process {os.getpid()}); wait" in told
    with ConceptIndex.open(index.path) as reader, pytest.raises(ConceptIndexError, match="open it with writer=True"):
        reader.add([fake_encoded(0)])
    index.close()
    ConceptIndex.open(index.path, writer=True).close()


# What a disk can do


@pytest.mark.parametrize("change", ["add", "compact"])
def test_a_full_disk_changes_nothing_and_the_same_call_goes_on(index, small_shards, monkeypatch, change):
    for first in range(0, 12, 3):
        index.add(encoded(first, 3))
    index.remove([4])
    before, write, refused = answers(index), changes.write_whole, 0
    attempt = {"add": lambda: index.add(encoded(20, 9)), "compact": lambda: index.compact()}[change]
    for room in range(100):
        written = 0

        def full(path: Path, content: bytes, room: int = room) -> None:
            nonlocal written
            written += 1
            if written > room:
                path.with_name(".torn.part").write_bytes(content[:7])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            write(path, content)

        monkeypatch.setattr(changes, "write_whole", full)
        try:
            attempt()
        except ConceptIndexError as error:
            assert "could not be changed (No space left on device) and is as it was before; make room" in str(error)
            assert answers(index) == before and files(index.path) == named(index) and index.verify() == []
            refused += 1
        else:
            break
    assert refused >= 3 and index.verify() == [] and files(index.path) == named(index)
    assert (answers(index) == before) == (change == "compact")


def test_a_catalogue_that_cannot_grow_changes_nothing(index):
    index.add(encoded(0, 3))
    before = answers(index)
    pages = index._catalogue._connection.execute("PRAGMA page_count").fetchone()[0]
    index._catalogue._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(ConceptIndexError, match=r"could not be changed \(database or disk is full\)"):
        index.add(encoded(3, 60))
    assert answers(index) == before and files(index.path) == named(index) and index.verify() == []
    index._catalogue._connection.execute("PRAGMA max_page_count=100000")
    assert index.add(encoded(3, 60)).added == 60


def test_ctrl_c_behind_the_transaction_loses_no_file(index, monkeypatch):
    index.add(encoded(0, 2))

    def interrupted(_catalogue) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(index._catalogue), "_empty_log", interrupted)
    with pytest.raises(KeyboardInterrupt):
        index.add(encoded(2, 2))
    monkeypatch.undo()
    index.add(encoded(3, 2))
    assert [photo.id for photo in index.photos()] == [0, 1, 2, 3, 4] and index.verify() == []
    assert index.columns("id")["id"].tolist() == list(range(20))


@pytest.fixture
def nobody():
    """To be without root's rights, where one has them."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


@pytest.fixture
def read_only():
    """An index of three photos that nobody may write, and what it tells."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are for their owner alone
        path = Path(folder) / "index"
        with ConceptIndex.create(path, model=FAKE_MODEL) as made:
            made.add(encoded(0, 3))
            told = answers(made)
        for place in (path.parent, path, path / "shards"):
            place.chmod(0o555)
        yield path, told
        for place in (path.parent, path, path / "shards"):
            place.chmod(0o755)


def test_a_folder_that_may_only_be_read_is_read(read_only, nobody):
    path, told = read_only
    with ConceptIndex.open(path) as reader:
        assert answers(reader) == told and reader.verify() == [] and not reader.refresh()
    with pytest.raises(ConceptIndexError, match="cannot be written"):
        ConceptIndex.open(path, writer=True)
    with pytest.raises(ConceptIndexError, match="cannot hold an index"):
        ConceptIndex.create(path / "another", model=FAKE_MODEL)


def test_where_an_index_cannot_be_is_said(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConceptIndexError, match=r"holds other files \(a.txt\)"):
        ConceptIndex.create(tmp_path / "full", model=FAKE_MODEL)
    with pytest.raises(ConceptIndexError, match="cannot hold an index"):
        ConceptIndex.create(tmp_path / "file", model=FAKE_MODEL)
    with pytest.raises(ConceptIndexError, match="There is no concept index in .*; make one: python -m index build"):
        ConceptIndex.open(tmp_path / "nowhere")
    ConceptIndex.create(tmp_path / "index", model=FAKE_MODEL).close()
    with pytest.raises(ConceptIndexError, match="holds an index already"):
        ConceptIndex.create(tmp_path / "index", model=FAKE_MODEL)


def test_another_format_is_named(index):
    index.close()
    with sqlite3.connect(index.path / "catalogue.sqlite") as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(ConceptIndexError, match="is of format 99"):
        ConceptIndex.open(index.path)


# What can be asked


def test_queries_that_mean_nothing_are_refused(index):
    index.add(encoded(0, 2))
    for vectors, says in ((np.ones(FAKE_MODEL.width), "A query is"), (np.ones((1, 3)), "this index takes"),
                          (np.zeros((1, FAKE_MODEL.width)), "no direction"),
                          (np.full((1, FAKE_MODEL.width), np.nan), "no direction")):
        with pytest.raises(ConceptIndexError, match=says):
            index.search(vectors)
    with pytest.raises(ConceptIndexError, match="k is 0"):
        index.search(np.ones((1, FAKE_MODEL.width)), k=0)
    assert index.search(7 * index.vectors([3]), k=1)[0][0].score == pytest.approx(1, abs=1e-3)


def test_what_does_not_fit_is_refused_and_changes_nothing(index):
    with pytest.raises(ConceptIndexError, match=r"photos/000001.jpg' cannot be added: its vectors are \(4, 8\)"):
        index.add([fake_encoded(0), fake_encoded(1, width=8)])
    assert index.num_photos == 0 and index.version == 0


def test_a_closed_index_says_so(index):
    index.close()
    index.close()
    with pytest.raises(ConceptIndexError, match="is closed; open it again"):
        index.photo(0)
