"""What a run looks like: a few photos and what became of them, side by side."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from model.factorization import Factorization
from train.learners.patch_components import principal_components

SIDE = 192


def feature_map(features: Tensor, patch_grid: tuple[int, int]) -> Tensor:
    """(N, D) -> (3, rows, cols) in 0..1: the first three principal components, each from its 1st to 99th percentile."""
    features = features.double()
    mean, components = principal_components(features, 3)
    values = (features - mean) @ (components * components.sum(dim=1, keepdim=True).sign()).mT
    low, high = values.quantile(0.01, dim=0), values.quantile(0.99, dim=0)
    return ((values - low) / (high - low).clamp_min(1e-9)).clamp(0, 1).float().mT.unflatten(1, patch_grid)


def concept_map(localization: Tensor, patch_grid: tuple[int, int]) -> Tensor:
    """(N, K) -> (3, rows, cols): each patch in the colour of its strongest token."""
    num_tokens = localization.shape[1]
    colours = torch.tensor([colorsys.hsv_to_rgb((k * 0.618) % 1, 0.55 + 0.4 * (k % 2), 0.95 - 0.3 * (k % 3) / 2)
                            for k in range(num_tokens)])
    return colours[localization.argmax(dim=1)].mT.unflatten(1, patch_grid)


def factorized(images: Tensor, factorization: Factorization, decoded: Tensor | None,
               groups: tuple[int, ...] = ()) -> Tensor:
    """(B, 3, H, W) in 0..1 and what became of it -> uint8 (3, height, width): a row a photo.

    With `groups`, a concept map for each group of tokens in the place of one for all.
    """
    factorization, rows = factorization.to("cpu").to(torch.float32), []
    grid = factorization.patch_grid
    for i, image in enumerate(images.cpu()):
        cells = [image, *(feature_map(features[i], grid)
                          for features in (factorization.patch_features, factorization.low_rank))]
        parts = factorization.localization[i].split(groups or factorization.num_tokens, dim=-1)
        cells += [concept_map(part, grid) for part in parts]
        if decoded is not None:
            cells.append(decoded[i].cpu().float())
        rows.append(cells)
    return sheet(rows)


def beside(*columns: Tensor) -> Tensor:
    """Some (B, 3, H, W) in 0..1, of any sizes -> uint8 (3, height, width): a row a photo, a column each."""
    return sheet(zip(*(column.cpu().float() for column in columns), strict=True))


def sheet(rows: Iterable[Iterable[Tensor]]) -> Tensor:
    """Rows of pictures (3, H, W) in 0..1 -> uint8 (3, height, width). What is coarse keeps its squares."""
    resized = [torch.cat([F.interpolate(cell[None], size=(SIDE, SIDE),
                                        mode="nearest" if cell.shape[-1] < SIDE / 2 else "area")[0]
                          for cell in cells], dim=-1) for cells in rows]
    return (torch.cat(resized, dim=1).clamp(0, 1) * 255).round().byte()
