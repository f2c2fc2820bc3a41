"""A rank-r SVD of STELLAR's own patch features, decoded by its own decoder.

The nearest low-rank features there are (Eckart and Young, 1936), of the rank that r tokens give at most. Its r factors
are nameless: signed, overlapping, another set for every photo. What STELLAR's tokens lose against it is the price of
factors that mean something; where they win, their decoder has learnt what their kind of low-rank features stand for.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from model.baselines import check_num_tokens
from model.baselines.serialized import pack_tokens
from model.factorization import Factorization
from model.stellar import Stellar


class FeatureSvd:
    """num_tokens is the rank; a picture's tokens are the right singular vectors, and where they are the left ones."""

    name, label = "svd", "SVD of features"

    def __init__(self, stellar: Stellar) -> None:
        self.stellar = stellar

    def possible_num_tokens(self, size: tuple[int, int]) -> range:
        num_patches = size[0] // self.stellar.patch_size * (size[1] // self.stellar.patch_size)
        return range(1, min(num_patches, self.stellar.config.width) + 1)

    def factorize(self, image: Tensor, num_tokens: int) -> Factorization:
        """(B, 3, H, W) in 0..1 -> a factorization whose low-rank features are the nearest of that rank. Its
        "localization" is no distribution: signed, its columns orthogonal and as long as the singular values."""
        check_num_tokens(self, image, num_tokens)
        return nearest_of_rank(self.stellar.factorize(image), num_tokens)

    def reconstruct(self, image: Tensor, num_tokens: int) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, 3, H', W') in 0..1, as `Stellar.decode` has it."""
        return self.stellar.decode(self.factorize(image, num_tokens))

    def num_bytes(self, image: Tensor, num_tokens: int) -> list[int]:
        """Of each picture's factors as float16: what as many tokens and their localization take."""
        check_num_tokens(self, image, num_tokens)
        rows, cols = (side // self.stellar.patch_size for side in image.shape[-2:])
        packed = pack_tokens(torch.zeros(len(image), num_tokens, self.stellar.config.width),
                             torch.zeros(len(image), rows * cols, num_tokens))
        return [len(picture) for picture in packed]


@torch.no_grad()
def nearest_of_rank(factorization: Factorization, rank: int) -> Factorization:
    """With the patch features' first `rank` singular triples for semantics and localization."""
    left, strengths, right = torch.linalg.svd(factorization.patch_features.float(), full_matrices=False)
    return replace(factorization, semantics=right[:, :rank], localization=left[..., :rank] * strengths[:, None, :rank])
