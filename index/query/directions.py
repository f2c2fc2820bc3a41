"""Directions: the one vector that a concept, a sum or a refinement asks by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.query import feedback
from index.query.query import Query
from index.query.query_checks import refuse
from index.query.query_language import ConceptQuery, RefinedQuery, SumQuery
from index.query.searchable import Searchable

SHORTEST = 1e-4  # of a sum of unit vectors: below it they cancel, and what is left is rounding


def direction(index: Searchable, query: Query) -> np.ndarray:
    """A ConceptQuery, SumQuery or RefinedQuery -> (D,) float32, unit length."""
    match query:
        case ConceptQuery(concept=None):
            return given(index, [query.vector])[0]
        case ConceptQuery():
            return unit(index.vectors([query.concept])[0])
        case SumQuery():
            total = sum(weight * direction(index, part) for weight, part in query.terms)
            if np.linalg.norm(total) < SHORTEST:
                refuse("The terms of the sum cancel each other; change a weight or leave one out")
            return unit(total)
        case RefinedQuery():
            start = None if query.query is None else direction(index, query.query)
            total = feedback.moved(start, index.vectors(query.good), index.vectors(query.bad))
            if np.linalg.norm(total) < SHORTEST:
                refuse("The marks cancel the query; take one of them back")
            return unit(total)
    raise AssertionError(f"no direction: {query.kind}")


def avoided(query: Query) -> set[int]:
    """The concepts that a refinement, at any depth, must not find again."""
    match query:
        case SumQuery():
            return set().union(*(avoided(part) for _, part in query.terms))
        case RefinedQuery():
            return set(query.bad) | (avoided(query.query) if query.query is not None else set())
    return set()


def rivals(index: Searchable, query: Query) -> np.ndarray | None:
    """(m, D): the other concepts of the photo that is asked by; None where they are not known."""
    match query:
        case ConceptQuery(concept=None):
            return given(index, query.others) if query.others else None
        case ConceptQuery():
            [concept] = index.concepts([query.concept])
            return index.vectors([other.id for other in index.concepts_of(concept.photo) if other.id != concept.id])
    return None


def given(index: Searchable, vectors: Sequence[Sequence[float]]) -> np.ndarray:
    """Vectors from outside, all equally wide -> (n, D) float32, unit length."""
    found = np.asarray(vectors, np.float64)
    if found.shape[1] != index.model.width:
        refuse(f"A vector of the query is {found.shape[1]} wide and this index {index.model.width}; encode the photo "
               f"with {index.model.name}")
    return unit(found)


def unit(vectors: np.ndarray) -> np.ndarray:
    """(..., D) -> (..., D) float32, unit length."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
