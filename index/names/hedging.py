"""Hedging: the most specific name that is probably right, of a tree of kinds (Deng et al. 2012, "Hedging your bets").

A concept torn between twelve breeds is a dog; one between a zebra and a horse is an animal with hooves; one that may be
anything has no name.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from index.names.taxonomy import Taxonomy

MOST_NAMES = 3
# A score is the probability that the name is right. From CERTAIN on a name
# stands alone; from LIKELY on, where it is right more often than wrong, with a sign of doubt, if it says as much as
# "dog" or more ("animal?" says nothing, and of every lawn); from GUESS on a more specific one is kept behind a name, to
# be found by.
CERTAIN = 0.8
LIKELY = 0.5
LEAST_INFORMATION = 3.0
GUESS = 0.2
LEAST_SUM = 1e-6  # nothing is surer than that

Names = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Calibration:
    """How the classifier's probabilities, which are of 1,000 classes and a whole photo, become those of being right.

    temperature: of the classes' softmax. The other three: the log odds of being right are constant + odds * o +
    information * i, o being the log odds of a kind's sum and i its information as a share of a class'. The more a name
    says, the more often what is there is something that the classifier has no class for.
    """

    temperature: float
    constant: float
    odds: float
    information: float

    def scores(self, probabilities: np.ndarray, tree: Taxonomy) -> np.ndarray:
        """(..., W) of the classes -> (..., M), how probably each kind is a right name."""
        odds, information = features(node_sums(self.sharpened(probabilities), tree), tree)
        said = self.constant + self.odds * odds + self.information * information
        return 1 / (1 + np.exp(-said))

    def sharpened(self, probabilities: np.ndarray) -> np.ndarray:
        powers = probabilities ** (1 / self.temperature)
        return powers / np.maximum(powers.sum(axis=-1, keepdims=True), 1e-12)


# As `benchmarks/names.py` prints it for the model that ships.
SHIPPED = Calibration(temperature=0.5, constant=0.665, odds=0.385, information=-2.268)

def is_certain(score: float | np.ndarray) -> bool | np.ndarray:
    return score >= CERTAIN


def shown(word: str, score: float) -> str:
    """As people are shown a name: "dog", or "dog?" where it is not certain."""
    return word if is_certain(score) else f"{word}?"


def hedged(probabilities: np.ndarray, tree: Taxonomy, calibration: Calibration = SHIPPED) -> list[Names]:
    """(n, W) of the classes -> of each concept its name and behind it guesses that say more; () where nothing is
    likely.
    """
    return [names_by(scores, tree) for scores in calibration.scores(probabilities, tree)]


def names_by(scores: np.ndarray, tree: Taxonomy) -> Names:
    """(M,), how probably each kind is a right name -> as `hedged` of one concept.

    The name is the most specific one that is certain, else the most specific one that is likely. A guess is among
    those that the names before do not say already the one that is expected to say most, score times information.
    """
    name = most_specific(scores, tree, CERTAIN)
    if name is None:
        name = most_specific(scores, tree, LIKELY)
        if name is None or tree.information[name] < LEAST_INFORMATION:
            return ()
    chosen = [name]
    left = (scores >= GUESS) & tree.shown
    while len(chosen) < MOST_NAMES:
        left[list(tree.above(chosen[-1]))] = False
        if not left.any():
            break
        chosen.append(int(np.argmax(np.where(left, scores * tree.information, -1))))
    return tuple((tree.names[place], round(float(scores[place]), 4)) for place in chosen)


def node_sums(probabilities: np.ndarray, tree: Taxonomy) -> np.ndarray:
    """(..., W) -> (..., M): of each kind the sum over its classes, less those that say nothing."""
    return np.minimum(probabilities @ tree.summing, 1)


def features(sums: np.ndarray, tree: Taxonomy) -> tuple[np.ndarray, np.ndarray]:
    """(..., M) -> what a calibration reads: the log odds of the sums, and each kind's information, 1 for a class."""
    sums = np.clip(sums.astype(np.float64), LEAST_SUM, 1 - LEAST_SUM)
    return np.log(sums / (1 - sums)), np.broadcast_to(tree.information / np.log2(tree.num_classes), sums.shape)


def most_specific(scores: np.ndarray, tree: Taxonomy, least: float) -> int | None:
    """(M,) -> which node of at least this score says most, of equals the likeliest; None where there is none."""
    likely = np.flatnonzero((scores >= least) & tree.shown)
    if not len(likely):
        return None
    return int(likely[np.lexsort((-scores[likely], -tree.information[likely]))[0]])
