"""TaughtWord: a word that somebody taught, and the classifier that finds what it means. How it is learnt:
`index.query.teaching`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Classifier:
    """A concept of unit length has the score sigmoid(weights @ concept + bias), 0..1. weights: (C,) float32."""

    weights: np.ndarray
    bias: float

    @cached_property
    def length(self) -> float:
        return float(np.linalg.norm(self.weights.astype(np.float64)))

    @property
    def direction(self) -> np.ndarray:
        """(C,) unit length."""
        return (self.weights.astype(np.float64) / self.length).astype(np.float32)

    def scores(self, cosines: np.ndarray) -> np.ndarray:
        """Cosines to `direction`, any shape -> scores."""
        return (1 / (1 + np.exp(-np.clip(self.length * cosines + self.bias, -30, 30)))).astype(np.float32)


@dataclass(frozen=True)
class TaughtWord:
    """A word, the ids of the concepts it was taught from, which keep what a person said of them, and the classifier of
    all others. The word stays where these are removed. model: the hash of what made the concepts."""

    word: str
    yes: tuple[int, ...]
    no: tuple[int, ...]
    classifier: Classifier
    model: str

    def corrected(self, ids: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """(n,) ids, scores -> scores: 1 for what it was said to be, 0 for what it was said not to be."""
        scores = scores.copy()
        scores[np.isin(ids, self.yes)] = 1
        scores[np.isin(ids, self.no)] = 0
        return scores

    def to_json(self) -> dict[str, Any]:
        """For people: without the classifier."""
        return {"word": self.word, "yes": list(self.yes), "no": list(self.no)}
