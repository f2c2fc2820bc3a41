"""How large a file may be that is opened: on a page that strangers send photos to, and at one's own command line."""

from __future__ import annotations

from dataclasses import dataclass

MIN_SIDE = 8  # pixels
MIN_RESOLUTION, MAX_RESOLUTION = 224, 1024  # of what a page or an index encodes, the longer side
# A photo of more is reduced by a power of two while it is opened. A function of the photo alone, so that every reader
# gets the same pixels; no grid of patches at 1024 px can tell the difference, and decoded it is at most 72 MB.
KEPT_PIXELS = 24_000_000


@dataclass(frozen=True)
class Limits:
    """max_bytes: of the file; max_pixels: of the picture, by its header, before any pixel is decoded."""

    max_bytes: int
    max_pixels: int


PAGE = Limits(max_bytes=12 * 2**20, max_pixels=64_000_000)  # a 50-megapixel phone fits
LOCAL = Limits(max_bytes=512 * 2**20, max_pixels=250_000_000)  # a 200-megapixel phone, a scan


def local_limits(max_pixels: int | None = None) -> Limits:
    """LOCAL, or with as many pixels as a person asked for. Raises ValueError."""
    if max_pixels is None:
        return LOCAL
    if not 1 <= max_pixels <= 2**32:
        raise ValueError(f"--max-pixels is {max_pixels}; it must be from 1 to {2**32:,}.")
    return Limits(max(LOCAL.max_bytes, 4 * max_pixels), max_pixels)
