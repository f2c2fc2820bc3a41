"""Hedging: the most specific name that is probably right, of a tree of kinds (Deng et al. 2012, "Hedging your bets").

A concept torn between twelve breeds is a dog; one between a zebra and a horse is an animal with hooves; one that may be
anything has no name.
"""

from __future__ import annotations

import numpy as np

from index.taxonomy import Taxonomy

MOST_NAMES = 3
# A score is the probability that the name is right (`benchmarks/names.py` measures how nearly). From CERTAIN on a name
# stands alone; from LIKELY on, where it is right more often than wrong, with a sign of doubt; from GUESS on a more
# specific one is kept behind a name, to be found by.
CERTAIN = 0.85
LIKELY = 0.5
GUESS = 0.2

Names = tuple[tuple[str, float], ...]


def is_certain(score: float | np.ndarray) -> bool | np.ndarray:
    return score >= CERTAIN


def shown(word: str, score: float) -> str:
    """As people are shown a name: "dog", or "dog?" where it is not certain."""
    return word if is_certain(score) else f"{word}?"


def hedged(scores: np.ndarray, tree: Taxonomy) -> Names:
    """(W,) probabilities of the classes -> the name, and behind it guesses that say more; () where nothing is likely.

    The name is the most specific one that is certain, else the most specific one that is likely. A guess is among
    those that the names before do not say already the one that is expected to say most, score times information.
    """
    summed = node_scores(scores, tree)
    name = most_specific(summed, tree, CERTAIN)
    if name is None:
        name = most_specific(summed, tree, LIKELY)
    if name is None:
        return ()
    chosen = [name]
    left = (summed >= GUESS) & tree.shown
    while len(chosen) < MOST_NAMES:
        left[list(tree.above(chosen[-1]))] = False
        if not left.any():
            break
        chosen.append(int(np.argmax(np.where(left, summed * tree.information, -1))))
    return tuple((tree.names[place], round(float(summed[place]), 4)) for place in chosen)


def node_scores(scores: np.ndarray, tree: Taxonomy) -> np.ndarray:
    """(..., W) -> (..., M): of each kind the sum over its classes, less those that say nothing."""
    return np.minimum(np.where(tree.unnamed[: tree.num_classes], 0, scores) @ tree.under.T.astype(scores.dtype), 1)


def most_specific(summed: np.ndarray, tree: Taxonomy, least: float) -> int | None:
    """(M,) -> which node of at least this score says most, of equals the likeliest; None where there is none."""
    likely = np.flatnonzero((summed >= least) & tree.shown)
    if not len(likely):
        return None
    return int(likely[np.lexsort((-summed[likely], -tree.information[likely]))[0]])
