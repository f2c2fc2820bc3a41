"""The factorization as a .npz to compute with."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from stellar_explorer.analysis import Analysis


def factorization_npz(analysis: Analysis, size: tuple[int, int]) -> bytes:
    """L (`localization`), S (`semantics`), `concepts` (what they are compared by, unit length), the summary, mass and
    peak, float32, and what they belong to.

    size is the photo's (width, height). No objects inside: `numpy.load(path)` reads it with allow_pickle False.
    """
    width, height = size
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        localization=analysis.localization,
        semantics=analysis.semantics,
        concepts=analysis.concepts,
        summary=analysis.summary,
        mass=analysis.mass,
        peak=analysis.peak,
        patch_grid=np.array(analysis.patch_grid),
        patch_size=np.array(analysis.patch_size),
        image_size=np.array(analysis.image_size),
        photo_size=np.array([height, width]),
        model=np.array(analysis.model),
        resolution=np.array(analysis.resolution),
    )
    return buffer.getvalue()
