"""Plan: a query made ready for some candidates."""

from __future__ import annotations

import numpy as np

from index.query import words
from index.query.bounds import QueryVectors
from index.query.candidates import Candidates
from index.query.directions import avoided, direction, given, rivals
from index.query.query import Query
from index.query.query_checks import refuse
from index.query.query_language import And, BoxQuery, Layout, NameQuery, Not, Or, PhotoQuery, TaughtQuery
from index.query.scorers import (
    AndScorer,
    CoversScorer,
    LayoutScorer,
    NotScorer,
    OrScorer,
    Scorer,
    SetScorer,
    ThresholdScorer,
    VectorScorer,
    WordScorer,
)
from index.query.sets import mass_in_box
from index.query.taught import brought
from model.operations.thresholds import ConceptThresholds


class Plan:
    """A query as a tree of scorers, and the vectors that they all ask by."""

    def __init__(self, candidates: Candidates, query: Query, thresholds: ConceptThresholds | None = None) -> None:
        """thresholds: those of the index's model as they are known now, which may be more than when it was made."""
        self._thresholds = thresholds or candidates.index.model.thresholds
        self._candidates = candidates
        self._asked: list[np.ndarray] = []
        self._avoided: dict[int, np.ndarray] = {}
        self._num_leaves = 0
        self.root = self._scorer(query)
        asked = np.stack(self._asked) if self._asked else np.empty((0, candidates.index.model.width), np.float32)
        self.vectors = QueryVectors(asked, self._avoided)

    def _scorer(self, query: Query) -> Scorer:
        match query:
            case And():
                return AndScorer([self._scorer(part) for part in query.of])
            case Or():
                return OrScorer([self._scorer(part) for part in query.of])
            case Not(of=Not() as inner):
                return ThresholdScorer(self._scorer(inner.of), inner.reached_from(self._thresholds))
            case Not():
                return NotScorer(self._scorer(query.of), query.reached_from(self._thresholds))
            case Layout(b=None):
                return CoversScorer(self._scorer(query.a), self._candidates, query.share)
            case Layout():
                return LayoutScorer(self._scorer(query.a), self._scorer(query.b), query.relation)
        leaf, self._num_leaves = self._num_leaves, self._num_leaves + 1
        match query:
            case NameQuery():
                return self._word(query, leaf)
            case PhotoQuery() | BoxQuery():
                return self._set(query, leaf)
        number = self._ask(direction(self._candidates.index, query))
        rows = self._candidates.rows_of(np.array(sorted(avoided(query)), np.int64))
        if (rows >= 0).any():
            self._avoided[number] = rows[rows >= 0]
        return VectorScorer(number, leaf, rivals(self._candidates.index, query), self._match_of(1))

    def _ask(self, *vectors: np.ndarray) -> int:
        self._asked += vectors
        return len(self._asked) - len(vectors)

    def _word(self, query: NameQuery, leaf: int) -> WordScorer:
        candidates = self._candidates
        index, names = candidates.index, (candidates.column("names"), candidates.column("name_scores"))
        scores, taught = words.named(query.word, index.words, *names), index.taught
        asked = [taught[place] for place in words.names_meant(query.word, [one.word for one in taught])]
        if isinstance(query, TaughtQuery):
            asked.append(brought(index, query))
        for one in asked:
            scores = np.maximum(scores, candidates.taught(one))
        for one in asked:
            if one.word.casefold() == query.word.casefold():
                scores[np.isin(candidates.ids, one.no)] = -np.inf
        return WordScorer(scores, candidates, leaf)

    def _set(self, query: PhotoQuery | BoxQuery, leaf: int) -> SetScorer:
        index = self._candidates.index
        if query.photo is None:
            vectors, weights = given(index, query.vectors), np.array(query.masses)
            tokens = query.tokens
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
            tokens = [concepts[place].token for place in held]
        held = np.flatnonzero(weights > 0)
        vectors, weights = vectors[held], weights[held] / weights.sum()
        match = self._match_of(1 / np.square(weights).sum())
        tokens = [tokens[place] for place in held] if tokens else None
        return SetScorer(self._ask(*vectors), weights, leaf, match, tokens)

    def _match_of(self, num_concepts: float) -> float:
        return self._thresholds.match_of(num_concepts, self._candidates.index.model.num_tokens)
