"""Queries run: the photos of an index that a query scores best, each with the concepts that it was found by.

How much is looked at. Up to a quarter of a million concepts all are compared with the query. Beyond, the index's own
search gives the nearest few thousand to each vector of the query, and from these follow bounds of each photo's score.
Either way photos are then scored exactly, from their stored vectors, the most promising first, until no other can be
among the best; a search that was not deep enough for that goes deeper. Where even that would take long (`MOST_SCORED`)
the answer is the best of what was looked at, and that is the only thing about it that is not exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from index.errors import ConceptIndexError
from index.query import query_checks as check
from index.query.bounds import Block, Bounds, ExactBounds, QueryVectors, SearchBounds
from index.query.candidates import Candidates
from index.query.filters import Filter
from index.query.folding import folded, picture
from index.query.plan import Plan
from index.query.query_language import Query
from index.query.searchable import Searchable
from index.records import Concept
from model.operations.thresholds import ConceptThresholds

__all__ = ["PhotoResult", "Query", "QueryHit", "run"]

MOST_RESULTS = 10_000
# Another thread may `refresh` the index while it is searched; what was read of two versions is thrown away.
ATTEMPTS = 10
# Every concept is compared with every vector of a query up to so many concepts, and cosines, which are kept (64 MB):
# 100,000 concepts 768 wide take 0.03 to 0.1 s on one core.
MOST_COMPARED, MOST_COSINES = 250_000, 2**24
# Beyond, concepts that the search is asked for: at first and at most, by all vectors of the query together, for the
# search ranks ten times as many; by each vector at least; and how many times more when it goes deeper.
FIRST_SEEN, MOST_SEEN, LEAST_SEEN, DEEPER = 1024, 16_384, 256, 8
# Photos that are scored before the search goes deeper, and at most.
SCORED_A_ROUND, MOST_SCORED = 1024, 4096
BLOCK = 2**21  # cosines, or pairs of concepts, held at once


@dataclass(frozen=True)
class QueryHit:
    """A concept that a photo was found by.

    score: of the part of the query that it is of. part: the number of that leaf, in reading order. mutual: whether what
    was asked by and the hit are each the nearest in the other's photo; None where that cannot be said: of words, sums
    and refinements, and where the other concepts of the query's photo are unknown. query_token: of a whole photo or a
    box, the token there that it was paired with, where that is known.
    """

    concept: Concept
    score: float
    part: int
    mutual: bool | None
    query_token: int | None = None


@dataclass(frozen=True)
class PhotoResult:
    """photo: its id. hits: in reading order of the query, those of a set by what they add; none where a photo was found
    by what it lacks. folded: the ids of nearly the same photos with lower scores. is_match: whether the score is more
    than photos reach that have nothing to do with the query (`ConceptThresholds.match`); True where that was not
    measured."""

    photo: int
    score: float
    hits: tuple[QueryHit, ...]
    folded: tuple[int, ...] = ()
    is_match: bool = True


def run(
    index: Searchable,
    query: Query,
    *,
    k: int = 60,
    least_score: float = -1.0,
    where: Filter | None = None,
    fold: bool = False,
    thresholds: ConceptThresholds | None = None,
) -> list[PhotoResult]:
    """The k best photos, the best first and of equal ones the older; fewer where there are no more.

    least_score: photos below it are left out. where: the query looks at the concepts that pass, as if there were no
    others. fold: photos that are nearly the same (`index.query.folding`) are one result, the best of them.
    thresholds: of the index's model; None for those that the index keeps. Raises ConceptIndexError, one sentence, for a
    query of another width or of what is not in the index.
    """
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MOST_RESULTS:
        check.refuse(f"From 1 to {MOST_RESULTS} photos can be asked for, found {check.shown(k)}")
    least_score = check.number(least_score, "The least score", -1, 1)
    for _ in range(ATTEMPTS):
        version = index.version
        try:
            found = _run(index, query, k, least_score, where, fold, thresholds)
        except (ValueError, IndexError):
            if index.version == version:
                raise
        else:
            if index.version == version:
                return found
    raise ConceptIndexError("The index is changing too fast to be searched; try again.")


def _run(index: Searchable, query: Query, k: int, least_score: float, where: Filter | None, fold: bool,
         thresholds: ConceptThresholds | None) -> list[PhotoResult]:
    candidates = Candidates(index, where)
    plan = Plan(candidates, query, thresholds)
    wanted = 2 * k if fold else k
    while True:
        places, scores, bounds = ranked(candidates, plan, wanted, least_score)
        groups = groups_of(candidates, places) if fold else [[number] for number in range(len(places))]
        if len(groups) >= k or len(places) < wanted:
            break
        wanted *= 2
    groups = groups[:k]
    firsts = [group[0] for group in groups]
    hits = hits_of(candidates, plan, places[firsts], bounds)
    photos = candidates.photos[places].tolist()
    return [PhotoResult(photos[group[0]], float(scores[group[0]]), found, tuple(photos[other] for other in group[1:]),
                        is_match)
            for group, (found, is_match) in zip(groups, hits, strict=True)]


def ranked(candidates: Candidates, plan: Plan, wanted: int, least_score: float
           ) -> tuple[np.ndarray, np.ndarray, Bounds | None]:
    """The places of the best photos, the best first, their scores, and what was seen at last."""
    exact, num_scored, bounds = np.full(len(candidates.photos), np.nan), 0, None
    for bounds in deepening_bounds(candidates, plan.vectors, wanted):
        upper = plan.root.upper(bounds)
        most = max(num_scored + SCORED_A_ROUND, 2 * wanted, MOST_SCORED if bounds.is_all else 0)
        while len(some := promising(upper, exact, wanted, least_score)) and num_scored < most:
            some = some[: max(wanted, 256)]
            exact[some] = scores_of(candidates, plan, some, bounds)
            num_scored += len(some)
        if not len(some):
            break
    best = np.flatnonzero(exact >= least_score)
    best = best[np.argsort(-exact[best], kind="stable")][:wanted]
    return best, exact[best], bounds


def deepening_bounds(candidates: Candidates, vectors: QueryVectors, wanted: int) -> Iterator[Bounds]:
    """The exact ones, of candidates that are few enough; else those of searches that look deeper and deeper."""
    if not len(candidates):
        return
    if not len(vectors) or (len(candidates) <= MOST_COMPARED and len(candidates) * len(vectors) <= MOST_COSINES):
        yield ExactBounds(candidates, vectors)
        return
    most = max(LEAST_SEEN, MOST_SEEN // len(vectors))
    num_seen = min(most, max(LEAST_SEEN, 4 * wanted, FIRST_SEEN // len(vectors)))
    while True:
        bounds = SearchBounds(candidates, vectors, num_seen)
        bounds.is_all |= num_seen == most
        yield bounds
        if bounds.is_all:
            return
        num_seen = min(most, num_seen * DEEPER)


def promising(upper: np.ndarray, exact: np.ndarray, wanted: int, least_score: float) -> np.ndarray:
    """The places of photos not scored yet that can be among the best, the most promising first."""
    known = exact[~np.isnan(exact)]
    worst = np.partition(known, -wanted)[-wanted] if len(known) >= wanted else -np.inf
    places = np.flatnonzero(np.isnan(exact) & (upper >= least_score) & (upper > worst))
    return places[np.argsort(-upper[places], kind="stable")]


def blocks(candidates: Candidates, plan: Plan, places: np.ndarray, bounds: Bounds) -> Iterator[Block]:
    """Photos in blocks of a size that leaves any query in memory."""
    most = int(np.diff(candidates.starts).max())
    step = max(1, BLOCK // (most * max(len(plan.vectors), most)))
    for start in range(0, len(places), step):
        yield Block(candidates, places[start : start + step], bounds, len(plan.vectors))


def scores_of(candidates: Candidates, plan: Plan, places: np.ndarray, bounds: Bounds) -> np.ndarray:
    """(C,) -> (C,)."""
    return np.concatenate([plan.root.scores(block) for block in blocks(candidates, plan, places, bounds)])


def groups_of(candidates: Candidates, places: np.ndarray) -> list[list[int]]:
    """Photos, the best first -> groups of nearly the same ones, by their numbers in `places`."""
    photos, index = candidates.photos[places], candidates.index
    return folded(index.summaries(photos), lambda number: picture(index.thumbnail(int(photos[number]))),
                  index.model.thresholds)


def hits_of(candidates: Candidates, plan: Plan, places: np.ndarray, bounds: Bounds
            ) -> list[tuple[tuple[QueryHit, ...], bool]]:
    """Of each photo the hits, and whether it is a match."""
    shown = [Block(candidates, places[[number]], bounds, len(plan.vectors)) for number in range(len(places))]
    found = [plan.root.found(block) for block in shown]
    rows = np.array([one.row for photo in found for one in photo], np.int64)
    concepts = iter(candidates.index.concepts(candidates.ids[rows]))
    return [(tuple(QueryHit(next(concepts), one.score, one.leaf, one.mutual, one.query_token) for one in photo),
             bool(plan.root.matches(block)[0])) for photo, block in zip(found, shown, strict=True)]
