"""Crops of a whole batch at once, where the photos are: two matrix products make what torchvision makes one by one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TRIES = 10  # of an area and a shape that fit into the photo; then the middle, as torchvision's RandomResizedCrop
RATIO = (3 / 4, 4 / 3)


def draw_boxes(sizes: Tensor, count: int, scale: tuple[float, float], *, flip: float,
               generator: torch.Generator) -> Tensor:
    """(B, 2) photos' rows and columns -> (B, count, 5), whole numbers: top, left, rows, columns of a random part of
    each, and whether it is flipped. Drawn as `train.data.views.crop` draws, all at once."""
    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(sizes), count, TRIES, generator=generator, dtype=torch.float64)

    height, width = (side[:, None, None].double() for side in sizes.unbind(1))
    area = height * width * draw(*scale)
    ratio = draw(math.log(RATIO[0]), math.log(RATIO[1])).exp()
    rows, columns = (area / ratio).sqrt().round(), (area * ratio).sqrt().round()
    fits = (rows >= 1) & (rows <= height) & (columns >= 1) & (columns <= width)
    first = torch.where(fits, torch.arange(TRIES), TRIES).amin(dim=2, keepdim=True)
    found, first = first < TRIES, first.clamp_max(TRIES - 1)
    largest_rows = torch.minimum(height, (width / RATIO[0]).round())
    largest_columns = torch.minimum(width, (height * RATIO[1]).round())
    rows = torch.where(found, rows.gather(2, first), largest_rows)
    columns = torch.where(found, columns.gather(2, first), largest_columns)
    places = torch.rand(3, len(sizes), count, 1, generator=generator, dtype=torch.float64)
    top = torch.where(found, places[0] * (height - rows + 1), (height - rows) / 2).floor()
    left = torch.where(found, places[1] * (width - columns + 1), (width - columns) / 2).floor()
    return torch.cat([top, left, rows, columns, places[2] < flip], dim=2).long()


def cut(photos: Tensor, boxes: Tensor, side: int) -> Tensor:
    """(B, rows, 3, columns) in 0..255 and a box each, (B, 5) -> uint8 (B, 3, side, side): antialiased, bicubic.

    What lies outside a box has no part in its crop.
    """
    top, left, rows, columns, flipped = boxes.unbind(1)
    down = filters(top, rows, side, photos.shape[1])
    across = filters(left, columns, side, photos.shape[3])
    across = torch.where(flipped[:, None, None] > 0, across.flip(1), across)
    narrow = photos.flatten(1, 2) @ across.mT  # (B, rows * 3, side)
    crops = down @ narrow.unflatten(1, photos.shape[1:3]).flatten(2)  # (B, side, 3 * side)
    return crops.unflatten(2, (3, side)).movedim(2, 1).round().clamp(0, 255).byte()


def filters(start: Tensor, length: Tensor, side: int, canvas: int) -> Tensor:
    """(B,) where a box begins and how long it is -> (B, side, canvas), rows sum to 1: what each of a crop's `side`
    pixels takes of the canvas's, by a bicubic filter (a = -0.5) that grows with what is left out."""
    scale = (length / side)[:, None, None]
    centre = scale * (torch.arange(side, device=start.device)[:, None] + 0.5)
    place = torch.arange(canvas, device=start.device) + 0.5 - start[:, None, None]
    away = ((place - centre) / scale.clamp_min(1)).abs()
    near, far = (1.5 * away - 2.5) * away**2 + 1, ((-0.5 * away + 2.5) * away - 4) * away + 2
    weights = torch.where(away < 1, near, far * (away < 2)) * ((place > 0) & (place < length[:, None, None]))
    return weights / weights.sum(dim=2, keepdim=True)
