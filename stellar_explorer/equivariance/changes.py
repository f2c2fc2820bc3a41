"""How a photo can be changed to see what of its factorization follows: shifted, flipped, turned, cropped, in steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Change:
    """amounts: every step that can be asked for, 0 (nothing) among them; curve: the few that a curve is drawn through.

    motion: (size (height, width), amount) -> how places move, as in model/operations/motion.py.
    """

    name: str
    label: str
    hint: str
    amounts: tuple[int, ...]
    curve: tuple[int, ...]
    motion: Callable[[tuple[int, int], int], Tensor]


def _shift(size: tuple[int, int], pixels: int) -> Tensor:
    from model.operations import motion

    return motion.shift(-2 * pixels / size[1], 0)


def _flip(size: tuple[int, int], amount: int) -> Tensor:
    from model.operations import motion

    return motion.flip() if amount else motion.still()


def _turn(size: tuple[int, int], degrees: int) -> Tensor:
    from model.operations import motion

    return motion.rotation(size, -math.radians(degrees))


def _crop(size: tuple[int, int], percent: int) -> Tensor:
    from model.operations import motion

    return motion.between((0, 0, *size), crop_box(size, percent))


def crop_box(size: tuple[int, int], percent: int) -> tuple[float, float, float, float]:
    """(top, left, bottom, right) of the middle, with so much of each side cut away."""
    height, width = size
    margin = percent / 200
    return margin * height, margin * width, (1 - margin) * height, (1 - margin) * width


def steps(least: int, most: int, step: int) -> tuple[int, ...]:
    return tuple(range(least, most + 1, step))


CHANGES = {change.name: change for change in (
    Change("shift", "Shift", "To the left or right, in steps of half a patch.", steps(-56, 56, 8),
           steps(-48, 48, 16), _shift),
    Change("flip", "Flip", "Left becomes right.", (0, 1), (0, 1), _flip),
    Change("turn", "Rotate", "Round the middle, in steps of five degrees.", steps(-30, 30, 5), steps(-30, 30, 10),
           _turn),
    Change("crop", "Crop", "The middle of the photo, enlarged to the whole.", steps(0, 50, 5),
           (0, 5, 10, 20, 30, 40, 50), _crop),
)}


def changed(photo: Image.Image, image: Tensor, change: Change, amount: int) -> Tensor:
    """The photo and its tensor (3, H, W) in 0..1 -> the changed tensor, of the same size.

    A crop is taken from the photo's own pixels; the others move the tensor, by whole pixels or bicubic, and what comes
    in over the border is the photo mirrored.
    """
    import torch

    from model.operations import motion

    size = tuple(image.shape[1:])
    if not amount:
        return image
    if change.name != "crop":
        return motion.move(image, change.motion(size, amount))
    top, left, bottom, right = crop_box((photo.height, photo.width), amount)
    resized = photo.convert("RGB").resize(size[::-1], Image.Resampling.LANCZOS, box=(left, top, right, bottom))
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1).contiguous().float().div(255)
