"""Folding: photos that are nearly the same become one result.

Two photos are nearly the same where their summaries are alike and their pictures too, seen as 8 x 8 grey squares. The
picture decides, and knows nothing of the model; the summary spares some pictures and keeps apart what is only alike in
light and shade. Of 60 photos of Caltech-101 (nano; again by `python -m benchmarks.thresholds`) all copies that
are saved again at quality 40 or brighter by 20 % join their photo, 98 % of those at half the size, 92 % of those in
grey or cut by 4 % on each side and 3 % of the mirrored ones; 5 % of the photos join another one. By the summaries alone
38 % would.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from model.operations.thresholds import ConceptThresholds

SIDE = 8


def picture(jpeg: bytes) -> np.ndarray:
    """A thumbnail -> (SIDE * SIDE,) float32, its greys without their mean, unit length; all 0 for a plain picture and
    for one that cannot be opened, which are nearly the same as nothing."""
    try:
        with Image.open(io.BytesIO(jpeg)) as thumbnail:
            thumbnail.draft("L", (4 * SIDE, 4 * SIDE))  # decodes an eighth of it
            grey = thumbnail.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    except OSError:
        return np.zeros(SIDE * SIDE, np.float32)
    values = np.asarray(grey, np.float32).ravel()
    values = values - values.mean()
    length = np.linalg.norm(values)
    return values / length if length > SIDE else np.zeros_like(values)  # one level of grey: noise


def folded(
    summaries: np.ndarray, picture_of: Callable[[int], np.ndarray], thresholds: ConceptThresholds
) -> list[list[int]]:
    """(n, D) unit vectors, the best photo first, and each one's `picture` -> groups of their places, in the order of
    their first: each photo joins the first group whose first photo it is nearly the same as, or begins one.

    thresholds: of the summaries' model; a picture's `nearly` is of their correlation.
    """
    groups: list[list[int]] = []
    firsts, pictures = np.empty_like(summaries), {}

    def picture_at(place: int) -> np.ndarray:
        if place not in pictures:
            pictures[place] = picture_of(place)
        return pictures[place]

    for place, summary in enumerate(summaries):
        alike = np.flatnonzero(firsts[: len(groups)] @ summary >= thresholds.alike)
        near = (groups[number] for number in alike
                if picture_at(groups[number][0]) @ picture_at(place) >= thresholds.nearly)
        group = next(near, None)
        if group is None:
            firsts[len(groups)] = summary
            groups.append([place])
        else:
            group.append(place)
    return groups
