"""Taught words: what somebody taught a collection, or brings along, and which concepts have it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np

from index.query.query_checks import refuse
from index.query.query_language import TaughtQuery
from index.query.searchable import Searchable
from index.query.teaching import LEAST_NAMED, MOST_BACKGROUND, checked_word, examples, learn
from index.store.snapshot import Snapshot
from index.taught_word import Classifier, TaughtWord

MOST_KEPT = 64 * 2**20  # bytes of scores, of one version of an index


def shown(word: TaughtWord) -> str:
    """A line for a terminal."""
    return f"{word.word}, taught from {len(word.yes)} that are it and {len(word.no)} that are not"


def teach(index: Searchable, word: Any, yes: Any, no: Any) -> TaughtWord:
    """By ids of an index's concepts; the index stays as it is. Raises ConceptIndexError."""
    word, (yes, no) = checked_word(word), examples(yes, no)
    return TaughtWord(word, yes, no, learn(index.vectors(yes), index.vectors(no), background(index, (*yes, *no))),
                      index.model.sha256)


def brought(index: Searchable, query: TaughtQuery) -> TaughtWord:
    """What the asker of a query was taught. Raises ConceptIndexError for a classifier of other concepts."""
    if len(query.weights) != index.model.width:
        refuse(f"“{query.word}” was taught with another model: its classifier is {len(query.weights)} wide and this "
               f"index {index.model.width}; teach the word again")
    classifier = Classifier(np.array(query.weights, np.float32), query.bias)
    return TaughtWord(query.word, query.yes, query.no, classifier, index.model.sha256)


def background(index: Searchable, marked: Iterable[int] = ()) -> np.ndarray:
    """(b, C): concepts evenly from the whole index, without those that are marked."""
    ids = index.columns("id")["id"]
    ids = ids[~np.isin(ids, np.fromiter(marked, np.int64))]
    some = np.unique(np.linspace(0, len(ids) - 1, MOST_BACKGROUND).astype(np.int64)) if len(ids) else np.empty(0, int)
    return index.vectors(ids[some])


def named_by(words: Iterable[TaughtWord], ids: np.ndarray, vectors: np.ndarray
             ) -> list[tuple[tuple[str, float], ...]]:
    """(n,) ids, -1 for what is in no index; (n, C) -> for each the words that it probably is, the likeliest first."""
    found: list[list[tuple[str, float]]] = [[] for _ in ids]
    for word in words:
        scores = word.corrected(ids, word.classifier.scores(vectors @ word.classifier.direction))
        for place in np.flatnonzero(scores >= LEAST_NAMED):
            found[place].append((word.word, round(float(scores[place]), 4)))
    return [tuple(sorted(names, key=lambda name: (-name[1], name[0]))) for names in found]


class TaughtScores:
    """Of all concepts of one version of an index, in the order of their ids. Each classifier looks at all vectors once;
    of more than MOST_KEPT the longest unused are forgotten."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot, self._lock = snapshot, threading.Lock()
        self._kept: dict[tuple[bytes, float], np.ndarray] = {}

    def of(self, classifier: Classifier) -> np.ndarray:
        """(n,) float32, not to be changed."""
        key = (classifier.weights.tobytes(), classifier.bias)
        with self._lock:
            found = self._kept.pop(key, None)
            if found is None:
                found = classifier.scores(self._snapshot.cosines(classifier.direction[None], self._snapshot.ids)[0])
                found.flags.writeable = False
            self._kept[key] = found
            while len(self._kept) > 1 and sum(scores.nbytes for scores in self._kept.values()) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            return found
