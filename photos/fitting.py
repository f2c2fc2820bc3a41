"""An upright RGB photo -> a tensor whose patch grid covers it exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import torch


def fitted_size(size: tuple[int, int], *, resolution: int, patch_size: int) -> tuple[int, int]:
    """(width, height) of a photo -> that of its tensor: multiples of the patch, the longer one near `resolution`.

    Both are rounded to the nearest multiple, halves upwards, and are one patch at least. Raises ValueError.
    """
    if resolution < 1 or patch_size < 1:
        raise ValueError(f"resolution and patch_size must be at least 1, found {resolution} and {patch_size}.")
    width, height = size
    long_side = _nearest_multiple(resolution, 1, patch_size)
    short_side = _nearest_multiple(min(size) * resolution, max(size), patch_size)
    return (long_side, short_side) if width >= height else (short_side, long_side)


def resized(photo: Image.Image, *, resolution: int, patch_size: int) -> Image.Image:
    """Of the size that `fitted_size` says; Lanczos. Nothing is cropped: the patch grid covers the photo."""
    size = fitted_size(photo.size, resolution=resolution, patch_size=patch_size)
    return photo.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def fit(photo: Image.Image | torch.Tensor, *, resolution: int, patch_size: int) -> torch.Tensor:
    """A photo, or its pixels (3, H, W) uint8 -> (1, 3, h, w), float32 in 0..1, of `resized`."""
    if not isinstance(photo, Image.Image):
        photo = Image.fromarray(photo.permute(1, 2, 0).contiguous().numpy())
    return pixels_of(resized(photo, resolution=resolution, patch_size=patch_size))[None].float().div(255)


def pixels_of(photo: Image.Image) -> torch.Tensor:
    """(3, H, W) uint8, the photo as it is."""
    import torch  # here, because opening and drawing photos needs no torch

    return torch.from_numpy(np.array(photo)).permute(2, 0, 1).contiguous()


def _nearest_multiple(numerator: int, denominator: int, step: int) -> int:
    """The multiple of `step` nearest to numerator / denominator, halves upwards, at least one `step`."""
    return max((2 * numerator + denominator * step) // (2 * denominator * step), 1) * step
