"""Scorers: what each node of a query says of the candidates, by bounds, scores and what it found.

Every scorer answers four questions. upper(bounds), lower(bounds): (P,), between which its score of each photo lies.
scores(block): (C,), -inf for photos that are left out. matches(block): (C,) bool, which of them count as matches and
not as something weaker. found(block): the concepts to show of a block's only photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from index.names.hedging import LIKELY
from index.query import layout
from index.query.bounds import Block, Bounds
from index.query.candidates import Candidates
from index.query.sets import match, set_score

TIE = 5e-4  # cosines of float16 vectors this near are the same


@dataclass(frozen=True)
class Found:
    """A concept by its row. leaf: the number of the query's leaf that it is of. mutual: None where nobody can say.
    query_token: of a set, the token that it was paired with, where that is known."""

    row: int
    score: float
    leaf: int
    mutual: bool | None = None
    query_token: int | None = None


class Scorer(Protocol):
    def upper(self, bounds: Bounds) -> np.ndarray: ...
    def lower(self, bounds: Bounds) -> np.ndarray: ...
    def scores(self, block: Block) -> np.ndarray: ...
    def matches(self, block: Block) -> np.ndarray: ...
    def found(self, block: Block) -> list[Found]: ...


class VectorScorer:
    """Scored by the best cosine. rivals: (m, D), the other concepts of the photo that is asked by, or None. match: the
    cosine from which it is one."""

    def __init__(self, number: int, leaf: int, rivals: np.ndarray | None, match: float) -> None:
        self._number, self._leaf, self._rivals, self._match = number, leaf, rivals, match

    def upper(self, bounds: Bounds) -> np.ndarray:
        return bounds.upper[self._number]

    def lower(self, bounds: Bounds) -> np.ndarray:
        return bounds.lower[self._number]

    def concept_scores(self, block: Block) -> np.ndarray:
        return block.cosines[self._number]

    def concept_matches(self, block: Block) -> np.ndarray:
        return self.concept_scores(block) >= self._match

    def matches(self, block: Block) -> np.ndarray:
        return self.concept_matches(block).any(axis=1)

    def scores(self, block: Block) -> np.ndarray:
        return self.concept_scores(block).max(axis=1)

    def found(self, block: Block) -> list[Found]:
        return [self.found_at(block, int(self.concept_scores(block)[0].argmax()))]

    def found_at(self, block: Block, concept: int) -> Found:
        """A hit is mutual where it is the nearest of its photo to what is asked by, and what is asked by is the nearest
        of its own photo to the hit."""
        cosines, row = self.concept_scores(block)[0], int(block.rows[0, concept])
        score, mutual = float(cosines[concept]), None
        if self._rivals is not None:
            back = block.candidates.cosines(self._rivals, np.array([row]))
            mutual = score >= max(float(cosines.max()), float(back.max(initial=-1))) - TIE
        return Found(row, score, self._leaf, mutual)


class WordScorer:
    """Scored by the best name's score. row_scores: (n,), -inf where no name has the word. A match: what is called so,
    if with a sign of doubt, and not what the word is only a guess behind another name of."""

    def __init__(self, row_scores: np.ndarray, candidates: Candidates, leaf: int) -> None:
        self._row_scores, self._leaf = row_scores, leaf
        self._photo_scores = candidates.best(row_scores)

    def upper(self, bounds: Bounds) -> np.ndarray:
        return self._photo_scores

    lower = upper

    def concept_scores(self, block: Block) -> np.ndarray:
        return np.where(block.held, self._row_scores[block.rows], -np.inf)

    def concept_matches(self, block: Block) -> np.ndarray:
        return self.concept_scores(block) >= LIKELY

    def matches(self, block: Block) -> np.ndarray:
        return self.concept_matches(block).any(axis=1)

    def scores(self, block: Block) -> np.ndarray:
        return self.concept_scores(block).max(axis=1)

    def found(self, block: Block) -> list[Found]:
        return [self.found_at(block, int(self.concept_scores(block)[0].argmax()))]

    def found_at(self, block: Block, concept: int) -> Found:
        return Found(int(block.rows[0, concept]), float(self.concept_scores(block)[0, concept]), self._leaf)


ConceptScorer = VectorScorer | WordScorer


class SetScorer:
    """Scored by the one-to-one matching; first: the number of its first vector. weights: sum to 1. match: the score
    from which it is one; tokens: what the vectors are called, where that is known."""

    def __init__(self, first: int, weights: np.ndarray, leaf: int, match: float, tokens: Sequence[int] | None) -> None:
        self._numbers = slice(first, first + len(weights))
        self._weights, self._leaf, self._match, self._tokens = weights, leaf, match, tokens

    def upper(self, bounds: Bounds) -> np.ndarray:
        return self._weights @ np.maximum(bounds.upper[self._numbers], 0)

    def lower(self, bounds: Bounds) -> np.ndarray:
        return np.zeros(bounds.lower.shape[1])

    def scores(self, block: Block) -> np.ndarray:
        return np.array([set_score(self._cosines(block, place), self._weights) for place in range(len(block.rows))])

    def matches(self, block: Block) -> np.ndarray:
        return self.scores(block) >= self._match

    def found(self, block: Block) -> list[Found]:
        """A hit a pair, that which adds most to the score first. Mutual: each is the other's nearest of its photo."""
        cosines = self._cosines(block, 0)
        asked, there = match(cosines, self._weights)
        order = np.argsort(-self._weights[asked] * cosines[asked, there], kind="stable")
        return [Found(int(block.rows[0, mine]), float(score := cosines[own, mine]), self._leaf,
                      bool(score >= max(cosines[own].max(), cosines[:, mine].max()) - TIE),
                      None if self._tokens is None else self._tokens[own])
                for own, mine in zip(asked[order], there[order], strict=True)]

    def _cosines(self, block: Block, place: int) -> np.ndarray:
        return block.cosines[self._numbers, place][:, block.held[place]]


class CoversScorer:
    """A concept that has a share of the photo at least."""

    def __init__(self, a: ConceptScorer, candidates: Candidates, share: float) -> None:
        self._a, self._share = a, share
        self._has = candidates.best(candidates.column("mass")) >= share

    def upper(self, bounds: Bounds) -> np.ndarray:
        return np.where(self._has, self._a.upper(bounds), -np.inf)

    def lower(self, bounds: Bounds) -> np.ndarray:
        return np.full(bounds.lower.shape[1], -np.inf)

    def scores(self, block: Block) -> np.ndarray:
        return self._scores(block).max(axis=1)

    def found(self, block: Block) -> list[Found]:
        return [self._a.found_at(block, int(self._scores(block)[0].argmax()))]

    def matches(self, block: Block) -> np.ndarray:
        return ((self._scores(block) > -np.inf) & self._a.concept_matches(block)).any(axis=1)

    def _scores(self, block: Block) -> np.ndarray:
        return np.where(block.held & (block.column("mass") >= self._share), self._a.concept_scores(block), -np.inf)


class LayoutScorer:
    """Two different concepts in a relation, scored by the lesser score of the best pair."""

    def __init__(self, a: ConceptScorer, b: ConceptScorer, relation: str) -> None:
        self._a, self._b, self._relation = a, b, relation

    def upper(self, bounds: Bounds) -> np.ndarray:
        return np.minimum(self._a.upper(bounds), self._b.upper(bounds))

    def lower(self, bounds: Bounds) -> np.ndarray:
        return np.full(bounds.lower.shape[1], -np.inf)

    def scores(self, block: Block) -> np.ndarray:
        return self._pairs(block).max(axis=(1, 2))

    def found(self, block: Block) -> list[Found]:
        pairs = self._pairs(block)[0]
        first, second = np.unravel_index(pairs.argmax(), pairs.shape)
        return [self._a.found_at(block, int(first)), self._b.found_at(block, int(second))]

    def matches(self, block: Block) -> np.ndarray:
        both = self._a.concept_matches(block)[:, :, None] & self._b.concept_matches(block)[:, None]
        return ((self._pairs(block) > -np.inf) & both).any(axis=(1, 2))

    def _pairs(self, block: Block) -> np.ndarray:
        """(C, M, M)."""
        where = np.stack([block.column(name) for name in layout.COLUMNS], axis=-1)
        stand = layout.stands(self._relation, where[:, :, None], where[:, None])
        stand &= ~np.eye(stand.shape[1], dtype=bool)
        pairs = np.minimum(self._a.concept_scores(block)[:, :, None], self._b.concept_scores(block)[:, None])
        return np.where(stand, pairs, -np.inf)


class AndScorer:
    def __init__(self, scorers: list[Scorer]) -> None:
        self._scorers = scorers

    def upper(self, bounds: Bounds) -> np.ndarray:
        return np.min([scorer.upper(bounds) for scorer in self._scorers], axis=0)

    def lower(self, bounds: Bounds) -> np.ndarray:
        return np.min([scorer.lower(bounds) for scorer in self._scorers], axis=0)

    def scores(self, block: Block) -> np.ndarray:
        return np.min([scorer.scores(block) for scorer in self._scorers], axis=0)

    def matches(self, block: Block) -> np.ndarray:
        return np.all([scorer.matches(block) for scorer in self._scorers], axis=0)

    def found(self, block: Block) -> list[Found]:
        return [found for scorer in self._scorers for found in scorer.found(block)]


class OrScorer:
    """What is shown is what the scorer with the greatest score found."""

    def __init__(self, scorers: list[Scorer]) -> None:
        self._scorers = scorers

    def upper(self, bounds: Bounds) -> np.ndarray:
        return np.max([scorer.upper(bounds) for scorer in self._scorers], axis=0)

    def lower(self, bounds: Bounds) -> np.ndarray:
        return np.max([scorer.lower(bounds) for scorer in self._scorers], axis=0)

    def scores(self, block: Block) -> np.ndarray:
        return np.max([scorer.scores(block) for scorer in self._scorers], axis=0)

    def matches(self, block: Block) -> np.ndarray:
        return np.any([scorer.matches(block) for scorer in self._scorers], axis=0)

    def found(self, block: Block) -> list[Found]:
        best = int(np.argmax([scorer.scores(block)[0] for scorer in self._scorers]))
        return self._scorers[best].found(block)


class NotScorer:
    """1 for the photos that do not have it."""

    def __init__(self, scorer: Scorer, threshold: float) -> None:
        self._scorer, self._threshold = scorer, threshold

    def upper(self, bounds: Bounds) -> np.ndarray:
        return np.where(self._scorer.lower(bounds) >= self._threshold, -np.inf, 1.0)

    def lower(self, bounds: Bounds) -> np.ndarray:
        return np.where(self._scorer.upper(bounds) >= self._threshold, -np.inf, 1.0)

    def scores(self, block: Block) -> np.ndarray:
        return np.where(self._scorer.scores(block) >= self._threshold, -np.inf, 1.0)

    def matches(self, block: Block) -> np.ndarray:
        return self.scores(block) > -np.inf

    def found(self, block: Block) -> list[Found]:
        return []


class ThresholdScorer:
    """Another where it reaches a threshold: what NOT NOT says."""

    def __init__(self, scorer: Scorer, threshold: float) -> None:
        self._scorer, self._threshold = scorer, threshold

    def upper(self, bounds: Bounds) -> np.ndarray:
        return self._reached(self._scorer.upper(bounds))

    def lower(self, bounds: Bounds) -> np.ndarray:
        return self._reached(self._scorer.lower(bounds))

    def scores(self, block: Block) -> np.ndarray:
        return self._reached(self._scorer.scores(block))

    def matches(self, block: Block) -> np.ndarray:
        return self._scorer.matches(block) & (self.scores(block) > -np.inf)

    def found(self, block: Block) -> list[Found]:
        return self._scorer.found(block)

    def _reached(self, scores: np.ndarray) -> np.ndarray:
        return np.where(scores >= self._threshold, scores, -np.inf)
