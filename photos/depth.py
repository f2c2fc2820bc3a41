"""Deep pixels -> eight bits, a band of rows at a time: a photo's worth of float64 would take gigabytes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

BAND_PIXELS = 1 << 20


def is_deep(picture: Image.Image) -> bool:
    """Grey of 16 or 32 bits or of floats; Pillow gives everything else in eight bits already."""
    return picture.mode.startswith("I;16") or picture.mode in ("I", "F")


def in_eight_bits(picture: Image.Image) -> Image.Image:
    """-> L. 16 bits span black to white, unless every value fits in 12, as sensors and microscopes write them.

    For 32 bits and floats no white is agreed on: 0..1, 0..255 and 0..65535 are taken at their word, and anything else
    is stretched from its smallest value to its largest. Not-a-number becomes the smallest value, the infinities the
    smallest and the largest.
    """
    bands, low, high = _bands(picture), np.inf, -np.inf
    for _, values in bands:
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if finite.size:
            low, high = min(low, finite.min()), max(high, finite.max())
    least, most = (float(low), float(high)) if low <= high else (0.0, 0.0)
    black, white = _ends(picture.mode, least, most)
    out = Image.new("L", picture.size)
    for box, values in _bands(picture):
        values = values.astype(np.float32 if picture.mode.startswith("I;16") else np.float64)
        values = np.nan_to_num(values, nan=least, posinf=most, neginf=least, copy=False)
        values -= black
        values *= 255 / (white - black or 1.0)
        out.paste(Image.fromarray(np.rint(values).astype(np.uint8)), box)
    return out


def with_value_transparent(picture: Image.Image, value: int) -> Image.Image:
    """A 16-bit picture's alpha, L: 0 where the picture has the value that its file calls transparent, else 255."""
    out = Image.new("L", picture.size)
    for box, values in _bands(picture):
        out.paste(Image.fromarray(np.where(values == value, 0, 255).astype(np.uint8)), box)
    return out


def _ends(mode: str, low: float, high: float) -> tuple[float, float]:
    """What is black and what is white."""
    if mode.startswith("I;16"):
        return 0.0, 4095.0 if high <= 4095 else 65535.0
    if low < 0 or high > 65535:
        return low, high
    return 0.0, 1.0 if mode == "F" and high <= 1 else 255.0 if high <= 255 else 65535.0


def _bands(picture: Image.Image) -> Iterator[tuple[tuple[int, int, int, int], np.ndarray]]:
    rows = max(1, BAND_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        box = (0, top, picture.width, min(top + rows, picture.height))
        yield box, np.array(picture.crop(box))
