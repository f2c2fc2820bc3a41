"""Candidates: the concepts that a query may find, photo by photo, and their cosines."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from index.query.filters import Filter
from index.query.searchable import Searchable
from index.query.teaching import LEAST_FOUND
from index.taught_word import TaughtWord


class Candidates:
    """What passes the filter, in the order of ids, so that a photo's concepts lie together: a filter is the same as an
    index of only what passes. Rows and places count in here: ids (n,) are the rows', photos (P,) the places', and the
    rows of place p are starts[p] to starts[p + 1]."""

    def __init__(self, index: Searchable, where: Filter | None) -> None:
        self.index = index
        self._columns: dict[str, np.ndarray] = {}
        self._kept: np.ndarray | None = None
        if where is not None:
            self._kept = np.searchsorted(index.columns("id")["id"], where.allowed(index))
        photo = self.column("photo")
        self.ids = self.column("id")
        firsts = np.flatnonzero(np.diff(photo, prepend=-1))
        self.photos, self.starts = photo[firsts], np.append(firsts, len(photo))

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def places(self) -> np.ndarray:
        """(n,): the place of each row's photo."""
        return np.repeat(np.arange(len(self.photos)), np.diff(self.starts))

    def column(self, name: str) -> np.ndarray:
        """(n, ...), as the index has it."""
        if name not in self._columns:
            column = self.index.columns(name)[name]
            self._columns[name] = column if self._kept is None else column[self._kept]
        return self._columns[name]

    def taught(self, word: TaughtWord) -> np.ndarray:
        """(n,): each concept's score for a taught word, -inf below what counts as found."""
        scores = self.index.taught_scores(word.classifier)
        scores = word.corrected(self.ids, scores if self._kept is None else scores[self._kept])
        return np.where(scores >= LEAST_FOUND, scores, -np.inf)

    def rows_of(self, ids: np.ndarray) -> np.ndarray:
        """Ids, any shape -> rows; -1 for what is not in here."""
        if not len(self):
            return np.full(ids.shape, -1)
        rows = np.minimum(np.searchsorted(self.ids, ids), len(self) - 1)
        return np.where(self.ids[rows] == ids, rows, -1)

    def best(self, values: np.ndarray) -> np.ndarray:
        """(..., n) of the rows -> (..., P), the greatest of each photo."""
        return np.maximum.reduceat(values, self.starts[:-1], axis=-1) if len(self) else values

    def cosines(self, vectors: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """(V, D), (r,) -> (V, r) float32, of all rows without any."""
        return self.index.cosines(vectors, self.ids if rows is None else self.ids[rows])

    def nearest(self, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """(V, D) -> (V, k) cosines, the best first, and rows, by the index's own search; -inf and -1 where there are
        fewer."""
        cosines, ids = self.index.nearest(vectors, k=k, allowed=None if self._kept is None else self.ids)
        rows = np.where(ids >= 0, self.rows_of(ids), -1)
        return np.where(rows >= 0, cosines, -np.inf), rows
