"""Principal components, and a patch embedding that starts as those of photos' patches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MOST_PATCHES = 20_000  # that an embedding is fitted to


def principal_components(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(M, C) -> their mean (C,), and up to `count` orthonormal directions (count, C) by falling variance."""
    mean = rows.mean(dim=0)
    return mean, torch.linalg.svd(rows - mean, full_matrices=False)[2][:count]


@torch.no_grad()
def initialize_from_patches(embedding: nn.Conv2d, images: Tensor, *, norm: Tensor) -> None:
    """(M, 3, H, W), as the embedding sees them: its weights become the patches' principal components, its bias takes
    their mean away. What is left has the mean length `norm`: a position's, say."""
    stride = embedding.stride[0]
    patches = F.unfold(images, stride, stride=stride).mT.flatten(0, 1)
    patches = patches[:: max(1, len(patches) // MOST_PATCHES)]
    mean, components = principal_components(patches, len(embedding.weight))
    components = components * norm / (patches - mean).square().sum(dim=1).mean().sqrt()
    nn.init.zeros_(embedding.weight)
    embedding.weight[: len(components)] = components.unflatten(1, embedding.weight.shape[1:])
    embedding.bias.copy_(-(embedding.weight.flatten(1) @ mean))
