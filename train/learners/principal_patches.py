"""A patch embedding that starts as the principal components of photos' patches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MOST_PATCHES = 20_000  # that it is fitted to


@torch.no_grad()
def hear_patches(embedding: nn.Conv2d, images: Tensor, *, loudness: Tensor) -> None:
    """(M, 3, H, W), as the embedding sees them: its weights become the patches' principal components, what all patches
    share is silent, and what they differ by is on average as long as `loudness`: a position's length, say."""
    stride = embedding.stride[0]
    patches = F.unfold(images, stride, stride=stride).mT.flatten(0, 1)
    patches = patches[:: max(1, len(patches) // MOST_PATCHES)]
    mean = patches.mean(dim=0)
    patches = patches - mean
    components = torch.linalg.svd(patches, full_matrices=False)[2][: len(embedding.weight)]
    components = components * loudness / patches.square().sum(dim=1).mean().sqrt()
    nn.init.zeros_(embedding.weight)
    embedding.weight[: len(components)] = components.unflatten(1, embedding.weight.shape[1:])
    embedding.bias.copy_(-(embedding.weight.flatten(1) @ mean))
