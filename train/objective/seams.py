"""Seams: decoded squares meet as smoothly as the photo does where their borders are."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

POOLED = (1, 2, 4, 8)  # pixels: a step between squares is seen sharp, and as a change of tone from further away


def seam_loss(decoded: Tensor, image: Tensor, *, stride: int) -> Tensor:
    """(B, 3, H, W) twice, a code every `stride` pixels -> scalar: how the steps from one square to the next differ from
    the photo's at the same places; mean absolute difference, summed over down and across and over the widths POOLED
    that a stride holds at least twice.

    Ours. Two neighbouring codes err by amounts of their own, so a decoder that is judged pixel by pixel leaves a step
    between their squares: one pixel in `stride`, which hardly counts, and the first thing that a person sees.
    """
    def steps(picture: Tensor, dim: int, width: int) -> Tensor:
        differences = F.avg_pool2d(picture, width).diff(dim=dim)
        borders = torch.arange(stride // width - 1, differences.shape[dim], stride // width, device=picture.device)
        return differences.index_select(dim, borders)

    if min(image.shape[2:]) <= stride:  # one square has no neighbour
        return decoded.new_zeros(())
    return sum((steps(decoded, dim, width) - steps(image, dim, width)).abs().mean()
               for width in POOLED if stride % (2 * width) == 0 for dim in (2, 3))
