"""Maps of the collections: taken from beside the index, or made by another process while visitors wait."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Semaphore, Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from index.atlas.atlas import load
from index.store.atlas_file import FILE
from model.caches import can_write, private_folder
from stellar_explorer.analysis import GoneError
from stellar_explorer.atlas.package import MOST_POINTS, AtlasPackage, atlas_package, concept_facts, concept_table
from stellar_explorer.retrieve.example_collection import cache_folder

if TYPE_CHECKING:
    from index.concept_index import ConceptIndex
    from stellar_explorer.retrieve.collections import Collections

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_ASKED = 256
MOST_KEPT = 16  # maps in memory, of 40 bytes a concept
NICENESS = 10
# How long a failure is told again before it is tried again.
FAILURE_SECONDS = 20
PROGRESS = re.compile(r"\s*(\d+) % (.+)")

Report = Callable[[str, float], None]


@dataclass
class Making:
    """A map on its way. failed: the sentence that ended it."""

    stage: str = "Waiting for another map to be finished"
    share: float = 0.0
    failed: str | None = None
    ended: float = field(default=0.0)


class AtlasGoneError(GoneError):
    """The map that an address names has been replaced; the page asks for the new one."""


class Atlases:
    """One map a collection, of its index's newest version; until that is there, the one before.

    make: (index, file, report) writes the map into the file, or raises ValueError with one sentence.
    """

    def __init__(self, collections: Collections, *, make: Callable[[ConceptIndex, Path, Report], None] | None = None
                 ) -> None:
        self._collections, self._make = collections, make or make_apart
        self._lock, self._one_at_a_time = Lock(), Semaphore()
        self._packages: dict[str, AtlasPackage] = {}
        self._making: dict[str, Making] = {}

    def manifest(self, name: str) -> dict[str, Any]:
        """{"state": "ready", ...} (`atlas_package`), or "making" with stage and share, or "failed" with a message.

        A ready one has "newer", None or {"stage", "share"}: photos came since, and its successor is being made.
        ValueError, one sentence, for a collection that is not offered or not ready, or an index without concepts.
        """
        index = self._index(name)
        if not index.num_concepts:
            raise ValueError("This collection holds no concepts yet; add photos to it.")
        with self._lock:
            making = self._making.get(name)
            is_making = making is not None and not making.failed
            package = self._newest(name, index, is_making)
            if package is not None and package.atlas.version == index.version:
                return self._ready(name, package, None)
            if making is None or making.failed and time.monotonic() - making.ended > FAILURE_SECONDS:
                making = self._making[name] = Making()
                Thread(target=self._run, args=(name, index, making), daemon=True).start()
            told = {"stage": making.stage, "share": making.share}
            if package is not None:
                return self._ready(name, package, None if making.failed else told)
            if making.failed:
                return {"state": "failed", "message": making.failed}
            return {"state": "making", **told}

    def binary(self, name: str, key: str) -> bytes:
        """The arrays that the manifest describes."""
        self._index(name)
        package = self._shown(name)
        if package is None or package.key != key:
            raise AtlasGoneError("This map has been drawn anew; load it again.")
        return package.data

    def concepts(self, name: str, ids: list[int]) -> list[dict[str, Any]]:
        """What hovering and crops need of a few concepts: names, mask, box, photo. Those removed since are left out."""
        if len(ids) > MOST_ASKED:
            raise ValueError(f"At most {MOST_ASKED} concepts can be asked for at once; these are {len(ids)}.")
        index = self._index(name)
        there = index.columns("id")["id"]
        return concept_facts(index, [number for number in ids if holds(there, number)])

    def export(self, name: str, ids: list[int], kind: str) -> bytes:
        """A table of concepts with their places on the map, as CSV or Parquet."""
        if not ids or len(ids) > MOST_POINTS:
            raise ValueError(f"Choose from 1 to {MOST_POINTS:,} concepts; these are {len(ids):,}.")
        index = self._index(name)
        package = self._shown(name)
        if package is None:
            raise AtlasGoneError("This map is no longer at hand; load it again.")
        return concept_table(index, package.atlas, ids, kind)

    def _index(self, name: str) -> ConceptIndex:
        index = self._collections.get(name)
        index.refresh()
        return index

    @staticmethod
    def _ready(name: str, package: AtlasPackage, newer: dict[str, Any] | None) -> dict[str, Any]:
        return {"state": "ready", "address": f"stellar/collections/{name}/atlas.bin?map={package.key}",
                "newer": newer, **package.manifest}

    def _newest(self, name: str, index: ConceptIndex, is_making: bool) -> AtlasPackage | None:
        """Of this version if there is one, else of the one before. A file is not read while it is made."""
        package = self._packages.pop(name, None)
        if package is not None and package.atlas.model != index.model.sha256:
            package = None
        if (package is None or package.atlas.version != index.version) and not is_making:
            atlas = load(self._file(index))
            is_new = package is None or atlas is not None and atlas.version != package.atlas.version
            if atlas is not None and atlas.model == index.model.sha256 and is_new:
                package = atlas_package(index, atlas, name)
        if package is not None:
            self._packages[name] = package  # behind the others: the first is the one that was not asked for longest
            while len(self._packages) > MOST_KEPT:
                self._packages.pop(next(iter(self._packages)))
        return package

    def _shown(self, name: str) -> AtlasPackage | None:
        with self._lock:
            return self._packages.get(name)

    def _file(self, index: ConceptIndex) -> Path:
        """Beside the index, or in the user's cache where that folder is only read."""
        if os.access(index.path, os.W_OK):
            return index.path / FILE
        folder = cache_folder() / "atlases"
        if not can_write(folder):
            folder = private_folder()
        return folder / f"{hashlib.sha256(os.fsencode(index.path.resolve())).hexdigest()[:32]}.npz"

    def _run(self, name: str, index: ConceptIndex, making: Making) -> None:
        def report(stage: str, share: float) -> None:
            making.stage, making.share = stage, share

        file = self._file(index)
        try:
            with self._one_at_a_time:
                report("Starting", 0)
                self._make(index, file, report)
            atlas = load(file)
            if atlas is None:
                raise ValueError(f"The map could not be kept: {file.name} cannot be written beside the index.")
            with self._lock:
                self._making.pop(name, None)  # if photos came meanwhile, the next request begins again
        except (ValueError, OSError) as error:
            making.ended, making.failed = time.monotonic(), str(error)


def make_apart(index: ConceptIndex, file: Path, report: Report) -> None:
    """In a process of its own: UMAP would hold this one's interpreter for a minute, and keep half a gigabyte."""
    command = [sys.executable, "-m", "index.atlas", str(index.path), "--out", str(file), "--overwrite"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8",
                          errors="replace", stdin=subprocess.DEVNULL) as process:
        if hasattr(os, "setpriority"):  # visitors come first
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        last = ""
        for line in process.stderr:
            if found := PROGRESS.fullmatch(line.rstrip()):
                report(found[2], int(found[1]) / 100)
            elif line.strip():
                last = line.strip()
    if process.returncode:
        raise ValueError(last if process.returncode == 2 else "The map could not be drawn; the server's log says why."
                         if not last else f"The map could not be drawn: {last}")


def holds(ids: np.ndarray, number: int) -> bool:
    """ids: rising."""
    place = int(np.searchsorted(ids, number))
    return place < len(ids) and int(ids[place]) == number
