"""Parts: a query made ready for one pool of concepts, each node with bounds, scores and what it found.

Every part answers three questions. upper(sight), lower(sight): (P,), between which its score of each photo lies.
scores(block): (C,), -inf for photos that are left out. found(block): the concepts to show of a block's only photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from index.query import layout, words
from index.query.directions import avoided, direction, given, rivals
from index.query.pool import Pool
from index.query.query import Query
from index.query.query_checks import refuse
from index.query.query_language import And, BoxQuery, Layout, NameQuery, Not, Or, PhotoQuery, TaughtQuery
from index.query.sets import mass_in_box, match, set_score
from index.query.sight import Block, Sight, Vectors
from index.query.taught import brought

TIE = 5e-4  # cosines of float16 vectors this near are the same


@dataclass(frozen=True)
class Found:
    """A concept by its row. leaf: the number of the query's leaf that it is of. mutual: None where nobody can say."""

    row: int
    score: float
    leaf: int
    mutual: bool | None = None


class Part(Protocol):
    def upper(self, sight: Sight) -> np.ndarray: ...
    def lower(self, sight: Sight) -> np.ndarray: ...
    def scores(self, block: Block) -> np.ndarray: ...
    def found(self, block: Block) -> list[Found]: ...


class Plan:
    """A query as a tree of parts, and the vectors that they all ask by."""

    def __init__(self, pool: Pool, query: Query) -> None:
        self._pool = pool
        self._asked: list[np.ndarray] = []
        self._avoided: dict[int, np.ndarray] = {}
        self._num_leaves = 0
        self.root = self._part(query)
        asked = np.stack(self._asked) if self._asked else np.empty((0, pool.index.model.width), np.float32)
        self.vectors = Vectors(asked, self._avoided)

    def _part(self, query: Query) -> Part:
        match query:
            case And():
                return AllOf([self._part(part) for part in query.of])
            case Or():
                return AnyOf([self._part(part) for part in query.of])
            case Not(of=Not() as inner):
                return Reaching(self._part(inner.of), inner.reached_from(self._pool.index.model.thresholds))
            case Not():
                return Without(self._part(query.of), query.reached_from(self._pool.index.model.thresholds))
            case Layout(b=None):
                return Covering(self._part(query.a), self._pool, query.share)
            case Layout():
                return Standing(self._part(query.a), self._part(query.b), query.relation)
        leaf, self._num_leaves = self._num_leaves, self._num_leaves + 1
        match query:
            case NameQuery():
                return self._word(query, leaf)
            case PhotoQuery() | BoxQuery():
                return self._set(query, leaf)
        number = self._ask(direction(self._pool.index, query))
        rows = self._pool.rows_of(np.array(sorted(avoided(query)), np.int64))
        if (rows >= 0).any():
            self._avoided[number] = rows[rows >= 0]
        return Direction(number, leaf, rivals(self._pool.index, query))

    def _ask(self, *vectors: np.ndarray) -> int:
        self._asked += vectors
        return len(self._asked) - len(vectors)

    def _word(self, query: NameQuery, leaf: int) -> Word:
        pool = self._pool
        scores = words.named(query.word, pool.index.words, pool.column("names"), pool.column("name_scores"))
        taught = pool.index.taught
        asked = [taught[place] for place in words.matching(query.word, [one.word for one in taught])]
        if isinstance(query, TaughtQuery):
            asked.append(brought(pool.index, query))
        for one in asked:
            scores = np.maximum(scores, pool.taught(one))
        for one in asked:
            if one.word.casefold() == query.word.casefold():
                scores[np.isin(pool.ids, one.no)] = -np.inf
        return Word(scores, pool, leaf)

    def _set(self, query: PhotoQuery | BoxQuery, leaf: int) -> Set:
        index = self._pool.index
        if query.photo is None:
            vectors, weights = given(index, query.vectors), np.array(query.masses)
        else:
            concepts = index.concepts_of(query.photo)
            masses = [concept.mass if isinstance(query, PhotoQuery) else mass_in_box(concept, query.box)
                      for concept in concepts]
            held = [place for place, mass in enumerate(masses) if mass > 0]
            if not held:
                refuse("Nothing lies in this box; draw a larger one" if isinstance(query, BoxQuery)
                       else f"Photo {query.photo} has no concepts to ask by; choose another one")
            vectors = index.vectors([concepts[place].id for place in held])
            weights = np.array([masses[place] for place in held])
        vectors, weights = vectors[weights > 0], weights[weights > 0]
        return Set(self._ask(*vectors), weights / weights.sum(), leaf)


class Direction:
    """Scored by the best cosine. rivals: (m, D), the other concepts of the photo that is asked by, or None."""

    def __init__(self, number: int, leaf: int, rivals: np.ndarray | None) -> None:
        self._number, self._leaf, self._rivals = number, leaf, rivals

    def upper(self, sight: Sight) -> np.ndarray:
        return sight.upper[self._number]

    def lower(self, sight: Sight) -> np.ndarray:
        return sight.lower[self._number]

    def concept_scores(self, block: Block) -> np.ndarray:
        return block.cosines[self._number]

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
            back = block.pool.cosines(self._rivals, np.array([row]))
            mutual = score >= max(float(cosines.max()), float(back.max(initial=-1))) - TIE
        return Found(row, score, self._leaf, mutual)


class Word:
    """Scored by the best name's score. row_scores: (n,), -inf where no name has the word."""

    def __init__(self, row_scores: np.ndarray, pool: Pool, leaf: int) -> None:
        self._row_scores, self._leaf = row_scores, leaf
        self._photo_scores = pool.best(row_scores)

    def upper(self, sight: Sight) -> np.ndarray:
        return self._photo_scores

    lower = upper

    def concept_scores(self, block: Block) -> np.ndarray:
        return np.where(block.held, self._row_scores[block.rows], -np.inf)

    def scores(self, block: Block) -> np.ndarray:
        return self.concept_scores(block).max(axis=1)

    def found(self, block: Block) -> list[Found]:
        return [self.found_at(block, int(self.concept_scores(block)[0].argmax()))]

    def found_at(self, block: Block, concept: int) -> Found:
        return Found(int(block.rows[0, concept]), float(self.concept_scores(block)[0, concept]), self._leaf)


OfOneConcept = Direction | Word


class Set:
    """Scored by the one-to-one matching; first: the number of its first vector. weights: sum to 1."""

    def __init__(self, first: int, weights: np.ndarray, leaf: int) -> None:
        self._numbers = slice(first, first + len(weights))
        self._weights, self._leaf = weights, leaf

    def upper(self, sight: Sight) -> np.ndarray:
        return self._weights @ np.maximum(sight.upper[self._numbers], 0)

    def lower(self, sight: Sight) -> np.ndarray:
        return np.zeros(sight.lower.shape[1])

    def scores(self, block: Block) -> np.ndarray:
        return np.array([set_score(self._cosines(block, place), self._weights) for place in range(len(block.rows))])

    def found(self, block: Block) -> list[Found]:
        """A hit a pair, that which adds most to the score first. Mutual: each is the other's nearest of its photo."""
        cosines = self._cosines(block, 0)
        asked, there = match(cosines, self._weights)
        order = np.argsort(-self._weights[asked] * cosines[asked, there], kind="stable")
        return [Found(int(block.rows[0, mine]), float(score := cosines[own, mine]), self._leaf,
                      bool(score >= max(cosines[own].max(), cosines[:, mine].max()) - TIE))
                for own, mine in zip(asked[order], there[order], strict=True)]

    def _cosines(self, block: Block, place: int) -> np.ndarray:
        return block.cosines[self._numbers, place][:, block.held[place]]


class Covering:
    """A concept that has a share of the photo at least."""

    def __init__(self, a: OfOneConcept, pool: Pool, share: float) -> None:
        self._a, self._share = a, share
        self._has = pool.best(pool.column("mass")) >= share

    def upper(self, sight: Sight) -> np.ndarray:
        return np.where(self._has, self._a.upper(sight), -np.inf)

    def lower(self, sight: Sight) -> np.ndarray:
        return np.full(sight.lower.shape[1], -np.inf)

    def scores(self, block: Block) -> np.ndarray:
        return self._scores(block).max(axis=1)

    def found(self, block: Block) -> list[Found]:
        return [self._a.found_at(block, int(self._scores(block)[0].argmax()))]

    def _scores(self, block: Block) -> np.ndarray:
        return np.where(block.held & (block.column("mass") >= self._share), self._a.concept_scores(block), -np.inf)


class Standing:
    """Two different concepts in a relation, scored by the lesser score of the best pair."""

    def __init__(self, a: OfOneConcept, b: OfOneConcept, relation: str) -> None:
        self._a, self._b, self._relation = a, b, relation

    def upper(self, sight: Sight) -> np.ndarray:
        return np.minimum(self._a.upper(sight), self._b.upper(sight))

    def lower(self, sight: Sight) -> np.ndarray:
        return np.full(sight.lower.shape[1], -np.inf)

    def scores(self, block: Block) -> np.ndarray:
        return self._pairs(block).max(axis=(1, 2))

    def found(self, block: Block) -> list[Found]:
        pairs = self._pairs(block)[0]
        first, second = np.unravel_index(pairs.argmax(), pairs.shape)
        return [self._a.found_at(block, int(first)), self._b.found_at(block, int(second))]

    def _pairs(self, block: Block) -> np.ndarray:
        """(C, M, M)."""
        where = np.stack([block.column(name) for name in layout.COLUMNS], axis=-1)
        stand = layout.stands(self._relation, where[:, :, None], where[:, None])
        stand &= ~np.eye(stand.shape[1], dtype=bool)
        pairs = np.minimum(self._a.concept_scores(block)[:, :, None], self._b.concept_scores(block)[:, None])
        return np.where(stand, pairs, -np.inf)


class AllOf:
    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts

    def upper(self, sight: Sight) -> np.ndarray:
        return np.min([part.upper(sight) for part in self._parts], axis=0)

    def lower(self, sight: Sight) -> np.ndarray:
        return np.min([part.lower(sight) for part in self._parts], axis=0)

    def scores(self, block: Block) -> np.ndarray:
        return np.min([part.scores(block) for part in self._parts], axis=0)

    def found(self, block: Block) -> list[Found]:
        return [found for part in self._parts for found in part.found(block)]


class AnyOf:
    """What is shown is what the part with the greatest score found."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts

    def upper(self, sight: Sight) -> np.ndarray:
        return np.max([part.upper(sight) for part in self._parts], axis=0)

    def lower(self, sight: Sight) -> np.ndarray:
        return np.max([part.lower(sight) for part in self._parts], axis=0)

    def scores(self, block: Block) -> np.ndarray:
        return np.max([part.scores(block) for part in self._parts], axis=0)

    def found(self, block: Block) -> list[Found]:
        best = int(np.argmax([part.scores(block)[0] for part in self._parts]))
        return self._parts[best].found(block)


class Without:
    """1 for the photos that do not have it."""

    def __init__(self, part: Part, threshold: float) -> None:
        self._part, self._threshold = part, threshold

    def upper(self, sight: Sight) -> np.ndarray:
        return np.where(self._part.lower(sight) >= self._threshold, -np.inf, 1.0)

    def lower(self, sight: Sight) -> np.ndarray:
        return np.where(self._part.upper(sight) >= self._threshold, -np.inf, 1.0)

    def scores(self, block: Block) -> np.ndarray:
        return np.where(self._part.scores(block) >= self._threshold, -np.inf, 1.0)

    def found(self, block: Block) -> list[Found]:
        return []


class Reaching:
    """A part where it reaches a threshold: what NOT NOT says."""

    def __init__(self, part: Part, threshold: float) -> None:
        self._part, self._threshold = part, threshold

    def upper(self, sight: Sight) -> np.ndarray:
        return self._reached(self._part.upper(sight))

    def lower(self, sight: Sight) -> np.ndarray:
        return self._reached(self._part.lower(sight))

    def scores(self, block: Block) -> np.ndarray:
        return self._reached(self._part.scores(block))

    def found(self, block: Block) -> list[Found]:
        return self._part.found(block)

    def _reached(self, scores: np.ndarray) -> np.ndarray:
        return np.where(scores >= self._threshold, scores, -np.inf)
