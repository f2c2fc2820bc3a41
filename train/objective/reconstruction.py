"""Reconstruction: the decoder finds the photo again in the low-rank features."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def code_loss(logits: Tensor, codes: Tensor) -> Tensor:
    """(B, N, num_codes) logits, (B, N) codes of the photo -> scalar: mean cross-entropy (paper, section 3.3)."""
    return F.cross_entropy(logits.float().flatten(0, 1), codes.flatten())


def pixel_loss(pixels: Tensor, image: Tensor) -> Tensor:
    """(B, 3, H, W) predicted and true, 0..1 -> scalar: mean squared error, where there is no tokenizer."""
    return F.mse_loss(pixels.float(), image)
