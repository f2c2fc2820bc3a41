"""PCA of a picture's own patches, a floor: what as many components of plain pixels keep.

The counterpart of semantics and localization without a model: a token is a pattern of one patch's size and how much of
it each patch has. The first token is the mean patch, which every patch has in full.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from model.baselines import check_num_tokens
from model.baselines.serialized import halves, pack_tokens
from model.stellar import check_images


class PatchComponents(NamedTuple):
    """Patches ~ mean + scores @ patterns, for num_tokens - 1 patterns.

    mean (B, 1, P), patterns (B, num_tokens - 1, P), scores (B, N, num_tokens - 1); P = 3 * patch * patch.
    """

    mean: Tensor
    patterns: Tensor
    scores: Tensor


class PatchPca:
    """The best picture, in squared error, that a mean patch and num_tokens - 1 patterns can give."""

    name, label = "pca", "PCA of patches"

    def __init__(self, patch_size: int = 16) -> None:
        self.patch_size = patch_size

    def possible_num_tokens(self, size: tuple[int, int]) -> range:
        """Up to as many as the patches, or their numbers, or fewer: more than that add nothing."""
        num_patches = size[0] // self.patch_size * (size[1] // self.patch_size)
        return range(1, min(num_patches, 3 * self.patch_size**2) + 1)

    @torch.no_grad()
    def components(self, image: Tensor, num_tokens: int) -> PatchComponents:
        """(B, 3, H, W) in 0..1, sides multiples of the patch size."""
        check_images(image, self.patch_size)
        check_num_tokens(self, image, num_tokens)
        patches = F.unfold(image.float(), self.patch_size, stride=self.patch_size).mT
        mean = patches.mean(dim=1, keepdim=True)
        scores, strengths, patterns = torch.linalg.svd(patches - mean, full_matrices=False)
        kept = num_tokens - 1
        return PatchComponents(mean, patterns[:, :kept], scores[..., :kept] * strengths[:, None, :kept])

    def reconstruct(self, image: Tensor, num_tokens: int) -> Tensor:
        """(B, 3, H, W) in 0..1 -> the same shape."""
        mean, patterns, scores = self.components(image, num_tokens)
        patches = mean + scores @ patterns
        return F.fold(patches.mT, image.shape[-2:], self.patch_size, stride=self.patch_size).clamp(0, 1)

    def serialize(self, image: Tensor, num_tokens: int) -> list[bytes]:
        """Of each picture the mean patch, the patterns and their scores, float16."""
        mean, patterns, scores = self.components(image, num_tokens)
        return [first.tobytes() + rest for first, rest in zip(halves(mean), pack_tokens(patterns, scores), strict=True)]

    def num_bytes(self, image: Tensor, num_tokens: int) -> list[int]:
        return [len(packed) for packed in self.serialize(image, num_tokens)]
