"""Motion: a photo that is shifted, flipped, turned or cropped, and what lies on its patches moved along."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# A motion takes the places of the changed photo to those of the photo it was before: (2, 3), over coordinates in -1..1
# (x right, y down; a side is 2 long), as torch.nn.functional.affine_grid has them.


def still() -> Tensor:
    """Nothing moves."""
    return torch.tensor([[1.0, 0, 0], [0, 1, 0]])


def flip() -> Tensor:
    """Left is right."""
    return torch.tensor([[-1.0, 0, 0], [0, 1, 0]])


def shift(across: float, down: float) -> Tensor:
    """Each place shows what was `across` to its right and `down` below it: the photo goes left and up."""
    return torch.tensor([[1.0, 0, across], [0, 1, down]])


def rotation(size: tuple[int, int], angle: float) -> Tensor:
    """Round the centre of a photo of (height, width), by pixels of equal sides whatever its aspect; radians.

    A positive angle turns the photo against the clock.
    """
    height, width = size
    sine, cosine = math.sin(angle), math.cos(angle)
    return torch.tensor([[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]])


def between(before: tuple[float, float, float, float], after: tuple[float, float, float, float]) -> Tensor:
    """From a crop's places to another crop's of the same photo; each (top, left, bottom, right), in pixels."""
    rows = []
    for low, high in ((1, 3), (0, 2)):
        length = before[high] - before[low]
        scale = (after[high] - after[low]) / length
        offset = ((after[low] + after[high]) - (before[low] + before[high])) / length
        rows.append((scale, offset))
    (scale_x, offset_x), (scale_y, offset_y) = rows
    return torch.tensor([[scale_x, 0, offset_x], [0, scale_y, offset_y]])


def move(image: Tensor, motion: Tensor) -> Tensor:
    """(3, H, W) in 0..1 -> the same size; what comes in over the border is the photo mirrored."""
    if torch.equal(motion, flip()):
        return image.flip(2)
    places = F.affine_grid(motion[None], [1, *image.shape], align_corners=False)
    return F.grid_sample(image[None], places, mode="bicubic", padding_mode="reflection",
                         align_corners=False)[0].clamp(0, 1)


def move_patches(values: Tensor, patch_grid: tuple[int, int], motion: Tensor) -> tuple[Tensor, Tensor]:
    """What the patches hold, (N, C), moved as the photo was; and which patches (N,) of the changed photo lie wholly in
    the photo before. The changed photo has the same patch grid.
    """
    places = F.affine_grid(motion[None], [1, 1, *patch_grid], align_corners=False)
    moved = F.grid_sample(values.T.unflatten(1, patch_grid)[None], places, mode="bilinear", padding_mode="border",
                          align_corners=False)
    rows, cols = patch_grid
    visible = (places[0, ..., 0].abs() <= 1 - 1 / cols + 1e-4) & (places[0, ..., 1].abs() <= 1 - 1 / rows + 1e-4)
    return moved[0].flatten(1).T, visible.flatten()
