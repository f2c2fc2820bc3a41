"""Layout: how two concepts of a photo stand to each other, by where their middles and their boxes are."""

from __future__ import annotations

import numpy as np

# Middles this near, in sides of the photo, are beside each other by chance: half a patch of a small grid.
MARGIN = 0.05
# What of the inner box may stick out: a mask's border is a patch wide, and ragged.
INSIDE = 0.8

COLUMNS = ("x", "y", "left", "top", "right", "bottom")


def stands(relation: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(..., 6), (..., 6) of COLUMNS -> (...) bool: whether a is left_of, right_of, above, below or inside b.

    Left and right, above and below look at the middles and want MARGIN between them, whatever the other direction
    says: what is left of something may be above it too. a is inside b where at least INSIDE of its box lies in b's,
    and b's is the larger one.
    """
    a, b = np.broadcast_arrays(a, b)
    match relation:
        case "left_of":
            return b[..., 0] - a[..., 0] >= MARGIN
        case "right_of":
            return a[..., 0] - b[..., 0] >= MARGIN
        case "above":
            return b[..., 1] - a[..., 1] >= MARGIN
        case "below":
            return a[..., 1] - b[..., 1] >= MARGIN
        case "inside":
            shared = area(np.maximum(a[..., 2:4], b[..., 2:4]), np.minimum(a[..., 4:6], b[..., 4:6]))
            inner, outer = area(a[..., 2:4], a[..., 4:6]), area(b[..., 2:4], b[..., 4:6])
            return (inner > 0) & (outer > inner) & (shared >= INSIDE * inner)
    raise AssertionError(f"no relation of two: {relation}")


def area(corner: np.ndarray, opposite: np.ndarray) -> np.ndarray:
    """(..., 2) left and top, (..., 2) right and bottom -> (...), 0 where they are the wrong way round."""
    return np.clip(opposite - corner, 0, None).prod(axis=-1)
