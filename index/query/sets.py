"""Sets: the concepts of one photo against those of another, one to one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from index.records import Concept
from index.store import rle


def match(cosines: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m, n) of what is asked for against what is there, (m,) -> rows and columns of the pairs, each in one pair at
    most, that make the sum of weight x cosine greatest. A pair of cosine 0 or less adds nothing and is not made."""
    from scipy.optimize import linear_sum_assignment

    gains = np.maximum(cosines, 0) * weights[:, None]
    rows, columns = linear_sum_assignment(gains, maximize=True)
    made = gains[rows, columns] > 0
    return rows[made], columns[made]


def set_score(cosines: np.ndarray, weights: np.ndarray) -> float:
    """(m, n), (m,) -> 0..1: the mean of the pairs' cosines by weight; what finds no partner counts as 0."""
    rows, columns = match(cosines, weights)
    return float((cosines[rows, columns] * weights[rows]).sum() / weights.sum())


def mass_in_box(concept: Concept, box: Sequence[float]) -> float:
    """What of a concept's mass lies in a box (left, top, right, bottom in 0..1), a patch counting by how much of it is
    inside, if the mass is spread evenly over the mask: an index keeps no localization."""
    mask = rle.decode(concept.mask, concept.patch_grid)
    if not mask.any():
        return 0.0
    rows, cols = mask.shape
    left, top, right, bottom = box
    return concept.mass * float(covered(rows, top, bottom) @ mask @ covered(cols, left, right)) / float(mask.sum())


def covered(cells: int, start: float, end: float) -> np.ndarray:
    """(cells,) in 0..1: how much of each of so many equal pieces of 0..1 lies between start and end."""
    edges = np.arange(cells + 1) / cells
    return np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0, None) * cells
