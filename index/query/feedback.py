"""Feedback: a query's vector moved by hits that a person marked (Rocchio, 1971)."""

from __future__ import annotations

import numpy as np

# Rocchio's usual weights of the query, of the mean of the good and of the mean of the bad. The bad are the less sure
# guide: what is bad about a hit is not said.
QUERY, GOOD, BAD = 1.0, 0.75, 0.15


def moved(start: np.ndarray | None, good: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """(D,) unit length or None, (g, D), (b, D) -> (D,), of any length: towards the good ones and away from the bad;
    without a start, from the good ones' mean."""
    total = np.zeros(good.shape[1])
    if start is not None:
        total += QUERY * start
    if len(good):
        total += (GOOD if start is not None else QUERY) * good.mean(axis=0)
    if len(bad):
        total -= BAD * bad.mean(axis=0)
    return total
