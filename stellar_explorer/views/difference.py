"""Where a rebuilt picture differs from the photo, and by how much."""

from __future__ import annotations

import numpy as np

from stellar_explorer.views.render import HEAT, ramp

# Of black to white: what is drawn in the palest yellow. Pictures rebuilt from a few tokens are off by 0.1 on average.
FULL = 0.4


def difference(picture: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 twice -> (H, W) in 0..1: the mean over the colours of how far apart they are."""
    return np.abs(picture.astype(np.int16) - photo.astype(np.int16)).mean(axis=2) / 255


def difference_map(picture: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """-> (H, W, 3) uint8: dark where they are the same, pale from FULL on; the same scale for every picture."""
    levels = np.rint(255 * (difference(picture, photo) / FULL).clip(0, 1)).astype(np.uint8)
    return ramp(HEAT)[levels]
