"""VectorIndex: which concepts lie nearest, over the shards of one snapshot."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index.search.codes import Progress, append, flat, inverted, num_lists_for, retain
from index.search.segments import IndexType, Segment, index_type_for, open_segment, write_segment
from index.search.vector_rows import VectorRows, best_of, empty, is_on_device
from index.store.searcher import SegmentFile
from index.store.shard_vectors import ShardVectors

# So many times k are proposed by the codes and ranked by their vectors; at least RANKED.
RANKED_PER_HIT, RANKED = 5, 100
# So many times the root of the number of lists are read.
READ_LISTS = 3.5
# A filter that lets fewer rows through is answered by their vectors.
FEW = 20_000
# Where a filter lets a smaller share through, so many flat codes would be proposed that vectors are sooner compared.
LEAST_SHARE = 0.07
# A tail of so many rows is compared in a millisecond; a build leaves it as it is.
SHORT_TAIL = 10_000


class VectorIndex:
    """The shards' vectors, searchable.

    folder: of the segments, `faiss/` of an index; it need not exist. live: (rows,) bool over all rows in the order of
    the shards; None: all live. index_type: "auto" (by size), "exact", "flat" or "ivf". device: of the search; "auto": a
    GPU that has room for all vectors, which then compares every one.

    tail: the rows that no segment covers, and that are compared one by one. fault: a sentence, where a segment is there
    and damaged.
    """

    def __init__(self, folder: Path, shards: Sequence[ShardVectors], *, live: np.ndarray | None = None,
                 index_type: str = "auto", device: str = "auto"):
        self.folder, self.live = folder, None if live is None or live.all() else live
        num_rows = sum(len(shard.vectors) for shard in shards)
        self.index_type = index_type_for(num_rows) if index_type == "auto" else IndexType(index_type)
        # An index that has grown goes on with the segment of its smaller days, until a build.
        usable = [self.index_type, IndexType.IVF, IndexType.FLAT] if index_type == "auto" else [self.index_type]
        self._index_types = tuple(dict.fromkeys(usable))
        wants_gpu = device == "auto" and index_type == "auto" and self.index_type is not IndexType.EXACT
        on = gpu_with_room(shards) if wants_gpu else "cpu" if device == "auto" else device
        self.rows = VectorRows(shards, device=on)
        self.segment: Segment | None = None
        self.fault: str | None = None
        self._take_up()

    @property
    def tail(self) -> int:
        return len(self.rows) - self._covered

    def search(self, vectors: np.ndarray, *, k: int, allowed: np.ndarray | None = None, exact: bool = False
               ) -> tuple[np.ndarray, np.ndarray]:
        """(Q, D), of any length but zero -> (Q, k) scores float32 and (Q, k) ids, the best first; where there are
        fewer, -inf and -1. allowed: rising ids, the only ones that count. Of equal scores the lower id is first."""
        vectors = np.atleast_2d(np.asarray(vectors, np.float32))
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        mask = self.live
        if allowed is not None:
            mask = self.rows.mask_of(np.asarray(allowed, np.int64))
            if self.live is not None:
                mask &= self.live
        passing = len(self.rows) if mask is None else int(np.count_nonzero(mask))
        if self.segment is None or exact or self.rows.device != "cpu" or passing <= FEW:
            scores, rows = self._compare(vectors, k, mask, passing)
        else:
            scores, rows = self._rank(vectors, k, mask)
        return scores, self.rows.ids_of(rows)

    def build(self, progress: Progress | None = None) -> list[SegmentFile]:
        """Write the segment that these shards want, unless it is there -> what they need, for the catalogue to name.

        Lists are added to rather than made anew, until there should be twice as many of them, or half. Vectors that are
        in no shard any more leave it. progress: is told how many rows of how many are in.
        """
        if self.index_type is IndexType.EXACT or not len(self.rows):
            return []
        old, rows = self.segment, self.rows
        if old and old.index_type is not self.index_type:
            old = None
        if old and self.tail <= SHORT_TAIL and not old.num_removed:
            return [old.file]
        if old and self.index_type is IndexType.IVF and 0.5 <= old.num_lists / num_lists_for(len(rows)) <= 2:
            index = old.read_whole(self.folder)
            if old.num_removed:
                retain(index, rows.id_mask())
            append(index, rows, start=self._covered, progress=progress)
        else:
            index = (flat if self.index_type is IndexType.FLAT else inverted)(rows, progress=progress)
        file = write_segment(self.folder, index, self.index_type, rows.num_ids - 1)
        self._take_up()
        return [file]

    def _take_up(self) -> None:
        self.segment, self.fault = None, None
        if self.index_type is not IndexType.EXACT and len(self.rows):
            self.segment, self.fault = open_segment(self.folder, self.rows, self._index_types)
        self._covered = self.segment.num_rows if self.segment else 0
        is_inverted = self.segment and self.segment.index_type is IndexType.IVF
        hides = is_inverted and (self.live is not None or self.segment.num_removed)
        self._live_ids = self.rows.id_mask(self.live) if hides else None

    def _compare(self, vectors: np.ndarray, k: int, mask: np.ndarray | None, passing: int
                 ) -> tuple[np.ndarray, np.ndarray]:
        """Every vector that counts; fetched one by one where that is less than reading all."""
        if mask is not None and passing < len(self.rows) / 4:
            return self.rows.nearest_among(vectors, k, np.flatnonzero(mask))
        return self.rows.nearest(vectors, k, mask=mask)

    def _rank(self, vectors: np.ndarray, k: int, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The segment's proposals and the tail, by their vectors."""
        passing = self._covered if mask is None else int(np.count_nonzero(mask[: self._covered]))
        found = empty(len(vectors), k)
        if passing:
            wanted = min(max(RANKED, RANKED_PER_HIT * k), passing)
            rank = self._rank_flat if self.segment.index_type is IndexType.FLAT else self._rank_lists
            found = rank(vectors, k, mask, wanted, passing / self.segment.file.num_rows)
        if not self.tail:
            return found
        return best_of([found, self.rows.nearest(vectors, k, mask=mask, start=self._covered)], k)

    def _rank_flat(self, vectors: np.ndarray, k: int, mask: np.ndarray | None, wanted: int, share: float
                   ) -> tuple[np.ndarray, np.ndarray]:
        """Flat codes take no filter: as many more are proposed as will not pass. share: of the codes that pass."""
        scores, rows = empty(len(vectors), k)
        left = np.arange(len(vectors))
        if share >= LEAST_SHARE:
            found = self._proposed(vectors, mask, math.ceil(wanted / share))
            scores, rows = self.rows.nearest_of(vectors, k, found)
            # A filter can leave little near a query.
            left = np.flatnonzero((found >= 0).sum(axis=1) < wanted / 2)
        if len(left):
            mask = np.ones(len(self.rows), bool) if mask is None else mask.copy()
            mask[self._covered :] = False
            scores[left], rows[left] = self._compare(vectors[left], k, mask, np.count_nonzero(mask))
        return scores, rows

    def _rank_lists(self, vectors: np.ndarray, k: int, mask: np.ndarray | None, wanted: int, share: float
                    ) -> tuple[np.ndarray, np.ndarray]:
        """share: of the codes that pass. The fewer do, the further away the nearest are."""
        num_lists = math.ceil(READ_LISTS * math.sqrt(self.segment.num_lists) * share ** -0.75)
        id_mask = self._live_ids if mask is self.live else self.rows.id_mask(mask)
        scores, rows = empty(len(vectors), k)
        left = np.arange(len(vectors))
        while len(left):
            found = self._proposed(vectors[left], mask, wanted, num_lists=num_lists, id_mask=id_mask)
            scores[left], rows[left] = self.rows.nearest_of(vectors[left], k, found)
            if num_lists >= self.segment.num_lists:
                break
            # A filter can leave little near a query: it looks further then, in the end everywhere.
            left = left[(found >= 0).sum(axis=1) < wanted]
            num_lists *= 4
        return scores, rows

    def _proposed(self, vectors: np.ndarray, mask: np.ndarray | None, count: int, **given: object) -> np.ndarray:
        """(Q, count) rows that pass; -1 where there are fewer."""
        rows = self.rows.rows_of(self.segment.propose(vectors, count, **given))
        return rows if mask is None else np.where(mask[rows], rows, -1)


def gpu_with_room(shards: Sequence[ShardVectors]) -> str:
    """"cuda" where the vectors fill at most half of what is free there, else "cpu"."""
    import torch

    # A Space with ZeroGPU has one only inside functions that ask for it.
    if not torch.cuda.is_available() or "SPACES_ZERO_GPU" in os.environ:
        return "cpu"
    missing = sum(shard.vectors.nbytes for shard in shards if not is_on_device(shard.vectors, "cuda"))
    return "cuda" if missing <= torch.cuda.mem_get_info()[0] / 2 else "cpu"
