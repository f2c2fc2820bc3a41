"""Bounds: what is known of the cosines of candidates to the vectors of a query, before photos are scored.

Both kinds have lower, upper (V, P) float32: of each vector, between which each photo's best cosine lies; cosines(rows);
and is_all, where looking deeper would tell nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from index.query.candidates import Candidates

# Cosines of a search and of a product of matrices differ by rounding; a bound must hold for both.
ROUNDING = 1e-4


@dataclass(frozen=True)
class QueryVectors:
    """What a query asks by: asked (V, D); avoided: of a vector, by its number, the rows that do not count."""

    asked: np.ndarray
    avoided: dict[int, np.ndarray]

    def __len__(self) -> int:
        return len(self.asked)


class ExactBounds:
    """Every concept compared with every vector."""

    is_all = True

    def __init__(self, candidates: Candidates, vectors: QueryVectors) -> None:
        self._cosines = candidates.cosines(vectors.asked)
        for number, rows in vectors.avoided.items():
            self._cosines[number, rows] = -np.inf
        self.lower = self.upper = candidates.best(self._cosines)

    def cosines(self, rows: np.ndarray) -> np.ndarray:
        """(r,) -> (V, r)."""
        return self._cosines[:, rows]


class SearchBounds:
    """The `num_seen` concepts nearest to each vector, by the index's search. Where a photo has one of them its bounds
    are one, but for rounding; of the others is known that they are not above the last one seen."""

    def __init__(self, candidates: Candidates, vectors: QueryVectors, num_seen: int) -> None:
        self._candidates, self._vectors = candidates, vectors
        self.is_all = num_seen >= len(candidates)
        self.lower = np.full((len(vectors), len(candidates.photos)), -np.inf, np.float32)
        self.upper = self.lower.copy()
        cosines, rows = candidates.nearest(vectors.asked, min(num_seen, len(candidates)))
        for number, (own, near) in enumerate(zip(cosines, rows, strict=True)):
            seen = near >= 0
            last = -np.inf if seen.sum() == len(candidates) else float(own[seen].min(initial=1))
            seen &= ~np.isin(near, vectors.avoided.get(number, ()))
            lower = self.lower[number]
            np.maximum.at(lower, candidates.places[near[seen]], own[seen])
            self.upper[number] = np.where(lower > -np.inf, lower, last) + ROUNDING
            lower -= ROUNDING

    def cosines(self, rows: np.ndarray) -> np.ndarray:
        found = self._candidates.cosines(self._vectors.asked, rows)
        for number, avoided in self._vectors.avoided.items():
            found[number, np.isin(rows, avoided)] = -np.inf
        return found


Bounds = ExactBounds | SearchBounds


class Block:
    """Some photos with all of their concepts: rows (C, M), held (C, M) bool, False beyond the last one of a photo;
    cosines (V, C, M), -inf beyond."""

    def __init__(self, candidates: Candidates, places: np.ndarray, bounds: Bounds, num_vectors: int) -> None:
        firsts, ends = candidates.starts[places], candidates.starts[places + 1]
        rows = firsts[:, None] + np.arange(int((ends - firsts).max(initial=0)))
        self.candidates, self.rows, self.held = candidates, rows, rows < ends[:, None]
        self.rows[~self.held] = -1
        self.cosines = np.full((num_vectors, *rows.shape), -np.inf, np.float32)
        self.cosines[:, self.held] = bounds.cosines(rows[self.held])

    def column(self, name: str) -> np.ndarray:
        """(C, M); what lies beyond a photo's last concept has no meaning."""
        return self.candidates.column(name)[self.rows]
