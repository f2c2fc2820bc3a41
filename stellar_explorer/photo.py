"""What photos/ offers to the page: any file a person has -> an upright RGB photo -> a tensor, within its limits."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from photos import fitting
from photos.decoding import open_photo
from photos.kinds import FORMATS
from photos.limits import MAX_RESOLUTION, MIN_RESOLUTION, MIN_SIDE, PAGE
from photos.text import printable

if TYPE_CHECKING:
    import torch
    from PIL import Image

__all__ = ["FORMATS", "MAX_BYTES", "MAX_PATCH_SIZE", "MAX_PIXELS", "MAX_RESOLUTION", "MIN_RESOLUTION", "MIN_SIDE",
           "fit", "fitted_size", "open_photo", "printable"]

MAX_BYTES, MAX_PIXELS = PAGE.max_bytes, PAGE.max_pixels
MAX_PATCH_SIZE = 64


def fitted_size(size: tuple[int, int], *, resolution: int, patch_size: int) -> tuple[int, int]:
    """(width, height) of a photo -> that of its tensor: multiples of the patch, the longer one near `resolution`.

    Raises ValueError, with the range, for a resolution or a patch size that the page has not.
    """
    resolution = _whole("resolution", resolution, MIN_RESOLUTION, MAX_RESOLUTION)
    patch_size = _whole("patch_size", patch_size, 1, MAX_PATCH_SIZE)
    return fitting.fitted_size(size, resolution=resolution, patch_size=patch_size)


def fit(photo: Image.Image, *, resolution: int, patch_size: int) -> torch.Tensor:
    """-> (1, 3, H, W), float32 in 0..1. Nothing is cropped: the patch grid covers the photo, edge to edge."""
    fitted_size(photo.size, resolution=resolution, patch_size=patch_size)
    return fitting.fit(photo, resolution=resolution, patch_size=patch_size)


def _whole(name: str, value: int, low: int, high: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not low <= number <= high:
        raise ValueError(f"{name} is {printable(repr(value))}; it must be a whole number from {low} to {high}.")
    return number
