"""Snapshot: one version of an index, its shards mapped; what it answers never changes."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from index.errors import ConceptIndexError
from index.records import Concept
from index.store.catalogue import Catalogue, Contents, ShardEntry
from index.store.searcher import MakeSearcher, Searcher
from index.store.shard_vectors import ShardVectors, sound
from index.store.shards import Shard, damaged, open_shard

SEGMENTS = "faiss"
SUMMARIES_AT_ONCE = 8192
BLOCK = 512  # rows whose float32 copy stays in the processor's cache


def open_snapshot(catalogue: Catalogue, *, before: Snapshot | None = None) -> Snapshot:
    """What the last transaction left. before: an older one, whose open shards are taken over."""
    opened = before.shards if before else ()
    while True:
        contents = catalogue.contents()
        try:
            shards = open_shards(catalogue.folder, contents, contents.shards, opened)
            return Snapshot(catalogue.folder, contents, shards)
        except FileNotFoundError as error:
            # A compaction removes shards, maybe between the look into the catalogue and here.
            if catalogue.version() == contents.state.version:
                raise ConceptIndexError(f"{error.filename} is missing; copy it back from a backup, or build the index "
                                        "again.") from error


def open_shards(folder: Path, contents: Contents, entries: Iterable[ShardEntry], opened: Iterable[Shard]
                ) -> list[Shard]:
    """opened: those that need not be opened again. Raises as `open_shard` does."""
    known = {shard.number: shard for shard in opened}
    shards = []
    for entry in entries:
        shard = known.get(entry.number)
        if shard is None:
            shard = open_shard(folder, entry.number, width=contents.model.width,
                               summary_width=contents.model.summary_width)
            if (len(shard), len(shard.table.photo_ids)) != (entry.num_concepts, entry.num_photos):
                raise damaged(shard.path, f"it holds {len(shard)} concepts, and the catalogue names "
                                          f"{entry.num_concepts}")
        shards.append(shard)
    return shards


class Snapshot:
    """shards: in the order of their ids, which rise from one to the next, so that the order of all rows is the order of
    ids."""

    def __init__(self, folder: Path, contents: Contents, shards: Sequence[Shard]) -> None:
        self.folder, self.contents, self.shards = folder, contents, tuple(shards)
        self.starts = np.cumsum([0] + [len(shard) for shard in self.shards])
        self._lock = threading.Lock()
        self._searchers: dict[MakeSearcher, Searcher] = {}

    @cached_property
    def live(self) -> np.ndarray | None:
        """(rows,) bool: which are not removed; None: all of them."""
        removed = self.contents.removed[self.contents.removed[:, 2] > 0]
        if not len(removed):
            return None
        _, firsts, counts = removed.T
        rows = self._rows(firsts)
        if (rows < 0).any():
            raise damaged(self.folder, "it has lost concepts of photos that were removed")
        # A photo's concepts lie one behind the other, in one shard.
        changes = np.zeros(self.starts[-1] + 1, np.int64)
        np.add.at(changes, rows, 1)
        np.add.at(changes, rows + counts, -1)
        return np.cumsum(changes[:-1]) == 0

    def live_of(self, shard: int) -> np.ndarray:
        """(rows of the shard,) bool."""
        if self.live is None:
            return np.ones(len(self.shards[shard]), bool)
        return self.live[self.starts[shard] : self.starts[shard + 1]]

    def live_photos_of(self, shard: int) -> np.ndarray:
        """(photos of the shard,) bool."""
        return ~np.isin(self.shards[shard].table.photo_ids, self.contents.removed_photos)

    def searcher(self, make: MakeSearcher) -> Searcher:
        """Made when it is first asked for."""
        with self._lock:
            if make not in self._searchers:
                self._searchers[make] = make(self.folder / SEGMENTS, vectors_of(self.shards), live=self.live)
            return self._searchers[make]

    def concepts(self, ids: np.ndarray) -> list[Concept]:
        """In the order of the ids. Raises ConceptIndexError for one that is not there, or is damaged."""
        return [self.shards[shard].concept(row) for shard, row in zip(*self._places(ids), strict=True)]

    def vectors(self, ids: np.ndarray) -> np.ndarray:
        """(n, C) float32, in the order of the ids. Raises as `concepts` does."""
        found = np.empty((len(ids), self.contents.model.width), np.float32)
        shards, rows = self._places(ids)
        for shard in np.unique(shards):
            within = shards == shard
            found[within] = self.shards[shard].vectors(rows[within])
        return found

    @property
    def ids(self) -> np.ndarray:
        """(n,) int64, rising: of all concepts that are there."""
        ids = np.concatenate([np.empty(0, np.int64), *(shard.table.ids for shard in self.shards)])
        return ids if self.live is None else ids[self.live]

    def cosines(self, vectors: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """(V, C) float32 of unit length, (n,) -> (V, n) float32, in the order of the ids. Raises ConceptIndexError for
        one that is in no shard. Sums are not checked here as they are where a concept is looked up: a damaged vector
        can hide a concept, but not show a wrong one."""
        import torch

        order = None if (ids[1:] > ids[:-1]).all() else np.argsort(ids, kind="stable")
        ids = ids if order is None else ids[order]
        found = torch.empty(len(vectors), len(ids))
        if not len(vectors):
            return found.numpy()
        asked, done = torch.from_numpy(vectors), 0
        for shard in self.shards:
            end = int(np.searchsorted(ids, shard.table.ids[-1], "right")) if len(shard) else done
            if end == done:
                continue
            here = shard.find(ids[done:end])
            if (here < 0).any():
                raise self._missing(ids[done + int((here < 0).argmax())])
            with warnings.catch_warnings():
                # torch has no tensors that cannot be written. These are mapped for reading and nothing here writes.
                warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
                stored = torch.from_numpy(shard.table.vectors)
            for start in range(0, len(here), BLOCK):
                some = here[start : start + BLOCK]
                run = int(some[-1]) - int(some[0]) + 1
                block = stored[some[0] : some[0] + run] if run == len(some) else stored[torch.from_numpy(some)]
                # This way round: two to eight vectors take a quarter of the time that block @ asked.T takes.
                found[:, done + start : done + start + len(some)] = asked @ block.float().T
            done = end
        if done < len(ids):
            raise self._missing(ids[done])
        scores = np.maximum(sound(found.numpy()), -1)
        if order is not None:
            scores[:, order] = scores.copy()
        return scores

    def summaries(self, photo_ids: np.ndarray) -> np.ndarray:
        """(n, D) float32, in the order of the ids. Raises ConceptIndexError for a photo that is not there."""
        found = np.empty((len(photo_ids), self.contents.model.summary_width), np.float32)
        firsts = np.array([entry.first_photo for entry in self.contents.shards], np.int64)
        for place, photo in enumerate(photo_ids):
            number = int(np.searchsorted(firsts, photo, "right")) - 1
            ids = self.shards[number].table.photo_ids if number >= 0 else np.empty(0, np.int64)
            row = int(np.searchsorted(ids, photo))
            if row == len(ids) or ids[row] != photo or photo in self.contents.removed_photos:
                raise ConceptIndexError(f"Photo {photo} is not in the index in {self.folder}; it may have been "
                                        "removed.")
            found[place] = self.shards[number].summary(row)
        return found

    def summary_scores(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(Q, D) -> the ids of all photos, and (Q, photos) cosines. What is shown of them, `summaries` has to check."""
        ids, scores = [np.empty(0, np.int64)], [np.empty((len(vectors), 0), np.float32)]
        for number, shard in enumerate(self.shards):
            kept = self.live_photos_of(number)
            summaries = shard.table.summaries
            products = [vectors @ summaries[start : start + SUMMARIES_AT_ONCE].astype(np.float32).T
                        for start in range(0, len(summaries), SUMMARIES_AT_ONCE)]
            if products:
                ids.append(shard.table.photo_ids[kept])
                scores.append(np.concatenate(products, axis=1)[:, kept])
        return np.concatenate(ids), np.concatenate(scores, axis=1)

    @cached_property
    def _first_ids(self) -> np.ndarray:
        """Of the shards; one without concepts begins where the next does."""
        firsts = np.full(len(self.shards) + 1, np.iinfo(np.int64).max)
        for number in reversed(range(len(self.shards))):
            shard = self.shards[number]
            firsts[number] = shard.table.ids[0] if len(shard) else firsts[number + 1]
        return firsts[:-1]

    def _rows(self, ids: np.ndarray) -> np.ndarray:
        """Ids -> rows, counted through all shards; -1 where there is none. Removed ones have a row as well."""
        rows = np.full(len(ids), -1)
        numbers = np.searchsorted(self._first_ids, ids, "right") - 1
        for number in np.unique(numbers[numbers >= 0]):
            within = numbers == number
            local = self.shards[number].find(ids[within])
            rows[within] = np.where(local >= 0, self.starts[number] + local, -1)
        return rows

    def _places(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ids -> the shard and the row in it of each."""
        rows = self._rows(ids)
        missing = rows < 0
        if self.live is not None:
            missing |= ~self.live[rows]
        if missing.any():
            raise self._missing(ids[missing.argmax()])
        shards = np.searchsorted(self.starts, rows, "right") - 1
        return shards, rows - self.starts[shards]

    def _missing(self, concept: int) -> ConceptIndexError:
        return ConceptIndexError(f"Concept {concept} is not in the index in {self.folder}; its photo may have been "
                                 "removed.")


def vectors_of(shards: Sequence[Shard]) -> list[ShardVectors]:
    """What is searched, without the shards that hold no concepts."""
    return [ShardVectors(int(shard.table.ids[0]), shard.table.vectors, shard.ids if shard.gaps else None)
            for shard in shards if len(shard)]
