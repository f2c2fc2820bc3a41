"""The VQ-GAN round trip, a ceiling: what is left of a picture whose every code is kept.

No model that predicts this tokenizer's codes draws the picture better than the tokenizer does from the true ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.baselines import check_num_tokens
from model.baselines.serialized import pack_codes
from model.stellar import check_images
from model.tokenizer import Tokenizer


class RoundTrip:
    """A tokenizer's codes of the photo itself, decoded; a picture's tokens are its codes, all of them."""

    name, label = "vqgan", "VQ-GAN"

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def possible_num_tokens(self, size: tuple[int, int]) -> range:
        count = size[0] // self.tokenizer.config.stride * (size[1] // self.tokenizer.config.stride)
        return range(count, count + 1)

    @torch.no_grad()
    def codes(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1, sides multiples of the stride -> (B, H / stride, W / stride)."""
        check_images(image, self.tokenizer.config.stride)
        return self.tokenizer.encode(image.to(self.tokenizer.codebook.device))

    @torch.no_grad()
    def reconstruct(self, image: Tensor, num_tokens: int) -> Tensor:
        """(B, 3, H, W) in 0..1 -> the same shape, float32."""
        check_num_tokens(self, image, num_tokens)
        return self.tokenizer.decode(self.codes(image)).float()

    def num_bytes(self, image: Tensor, num_tokens: int) -> list[int]:
        """Of each picture's codes, packed."""
        check_num_tokens(self, image, num_tokens)
        codes = torch.zeros(len(image), num_tokens, dtype=torch.long)  # any codes take as many bits
        return [len(packed) for packed in pack_codes(codes, self.tokenizer.config.num_codes)]
