"""Killed by SIGKILL at every step of a write, an index opens as it was before or as it was to be, and a rerun ends it.

Every file that is opened for writing, renamed, removed or synced, and every statement to SQLite, is a step. The work is
done in a process of its own, which kills itself before the step that it is told.
"""

import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from index.concept_index import ConceptIndex
from index.records import EncodedPhoto
from index.store import changes
from photos.sources.source import SourceFile
from tests.fakes.index import FAKE_MODEL, fake_encoded

apart = multiprocessing.get_context("forkserver")
apart.set_forkserver_preload([__name__])
MOST_SMALL = 5


def photos(first: int, count: int) -> list[EncodedPhoto]:
    return [fake_encoded(seed) for seed in range(first, first + count)]


# The works, and the index that they begin with. Each can be run again, whatever the last run left.


def create(path: Path) -> None:
    if not (path / "catalogue.sqlite").exists():
        ConceptIndex.create(path, model=FAKE_MODEL).close()


def add(path: Path) -> None:
    with ConceptIndex.open(path, writer=True) as index:
        index.add(photos(10, 4))  # with which the small shards have become too many, and are merged


def remove(path: Path) -> None:
    with ConceptIndex.open(path, writer=True) as index:
        index.remove([1, 2, 6])


def settle(path: Path) -> None:
    """What an update ends with: photos go, are elsewhere, and have other bytes."""
    with ConceptIndex.open(path, writer=True) as index:
        moved, tagged = (replace(index.photo(photo), source=f"moved/{photo}.jpg") for photo in (3, 4))
        files = [(SourceFile(path.parent, photo.source, 7, 7), photo.id) for photo in (moved, tagged)]
        index.settle(removed=[1, 2], photos=[moved, replace(tagged, sha256="0" * 64)], files=files)


def compact(path: Path) -> None:
    with ConceptIndex.open(path, writer=True) as index:
        index.compact()


def build(path: Path) -> None:
    """All of it, one after the other."""
    create(path)
    with ConceptIndex.open(path, writer=True) as index:
        for first in range(0, 12, 2):
            index.add(photos(first, 2))
        if (gone := index.find_photo(fake_encoded(30).photo.sha256)) is None:
            index.add(photos(30, 1))
            gone = index.photos()[-1].id
        index.remove([gone])
        index.compact()


def nothing(path: Path) -> None:
    pass


def filled(path: Path) -> None:
    create(path)
    with ConceptIndex.open(path, writer=True) as index:
        for first in range(0, 10, 2):
            index.add(photos(first, 2))
        index.remove([0])


# How they are killed


class Steps:
    """Counts the steps of this process and kills it before number `last`."""

    def __init__(self, folder: Path, last: int, counted) -> None:
        self.folder, self.last, self.counted = str(folder), last, counted
        fsync, connect = os.fsync, sqlite3.connect

        def traced(*arguments, **more) -> sqlite3.Connection:
            connection = connect(*arguments, **more)
            connection.set_trace_callback(lambda _: self.step())
            return connection

        os.fsync = lambda descriptor: (self.step(), fsync(descriptor))[1]
        sqlite3.connect = traced
        sys.addaudithook(self.hear)

    def step(self) -> None:
        self.counted.value += 1
        if self.counted.value == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def hear(self, event: str, arguments: tuple) -> None:
        writes = event in ("os.rename", "os.remove", "os.mkdir", "os.truncate") or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if writes and self.folder in str(arguments[0]):
            self.step()


def run(work, path: Path, last: int, counted) -> None:
    changes.MOST_SMALL = MOST_SMALL
    Steps(path, last, counted)
    work(path)


def in_a_process(work, path: Path, *, last: int = 0, seconds: float | None = None) -> tuple[int, int]:
    """-> its exit code and how many steps it took. Killed after some seconds, or before a step."""
    counted = apart.Value("i", 0)
    process = apart.Process(target=run, args=(work, path, last, counted))
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode, counted.value


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where syncing costs nothing, if there is such a place: what a killed process has not synced is not lost."""
    monkeypatch.setattr(changes, "MOST_SMALL", MOST_SMALL)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path) as folder:
        yield Path(folder)


# What must hold


def told(path: Path) -> tuple | None:
    """All that an index tells a reader, which finds no fault in it; None where there is none yet."""
    if not (path / "catalogue.sqlite").exists():
        return None
    with ConceptIndex.open(path) as index:
        assert index.verify() == []
        found, ids = index.photos(limit=1000), index.columns("id")["id"]
        return (index.num_photos, index.num_concepts, found, index.concepts(ids), index.vectors(ids).tolist(),
                [index.thumbnail(photo.id) for photo in found], index.places())


def has_no_garbage(path: Path) -> bool:
    with ConceptIndex.open(path, writer=True) as index:
        named = {file.path for file in index._catalogue.contents().files}
    there = {str(file.relative_to(path)) for place in changes.FOLDERS for file in (path / place).glob("*")}
    return there == named


@pytest.mark.parametrize("stride", [pytest.param(1, marks=pytest.mark.slow), 9])
@pytest.mark.parametrize(("before", "work"), [(nothing, create), (filled, add), (filled, remove), (filled, settle),
                                             (filled, compact)])
def test_killed_at_every_step_it_is_as_before_or_as_after(place, before, work, stride):
    start, path = place / "start", place / "index"
    start.mkdir()
    assert in_a_process(before, start)[0] == 0
    shutil.copytree(start, path)
    exit_code, num_steps = in_a_process(work, path)
    was, to_be = told(start), told(path)
    assert exit_code == 0 and num_steps > 10
    seen = []
    for last in range(num_steps, 0, -stride):
        shutil.rmtree(path)
        shutil.copytree(start, path)
        assert in_a_process(work, path, last=last)[0] == -signal.SIGKILL
        found = told(path)
        assert found in (was, to_be), f"step {last} of {num_steps}"
        seen.append(found == to_be)
        work(path)
        assert told(path) == to_be and has_no_garbage(path), f"step {last} of {num_steps}"
    assert seen == sorted(seen, reverse=True) and seen[0]
    assert not seen[-1] or work is compact  # which changes nothing that is told


def test_killed_at_any_moment_and_run_again_until_it_is_done(place):
    """By the clock, and again while it mends what the last kill left."""
    path, whole, generator = place / "index", place / "whole", random.Random(5)
    started = time.monotonic()
    assert in_a_process(build, whole)[0] == 0
    takes = time.monotonic() - started
    for _ in range(20):
        in_a_process(build, path, seconds=takes * generator.random())
        told(path)
    assert in_a_process(build, path)[0] == 0 and has_no_garbage(path)
    assert told(path)[:2] == told(whole)[:2]
    assert {photo.sha256 for photo in told(path)[2]} == {photo.sha256 for photo in told(whole)[2]}
