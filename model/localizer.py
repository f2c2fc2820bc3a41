"""Patch features x semantics -> localization."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def localize(patch_projection: Tensor, token_projection: Tensor, *, temperature: float) -> Tensor:
    """(B, N, D), (B, K, D) -> (B, N, K): a softmax over the tokens of cosines / temperature; each row sums to 1."""
    patches = F.normalize(patch_projection, dim=-1, eps=1e-7)
    tokens = F.normalize(token_projection, dim=-1, eps=1e-7)
    return (patches @ tokens.transpose(1, 2) / temperature).softmax(dim=-1)


class Localizer(nn.Module):
    """Where each token is (paper, section 3.2): both sides projected, then `localize`.

    Its arithmetic is float32 whatever the encoder's: divided by a temperature of 0.06, bfloat16's rounding of a cosine
    would move a patch's mass by several percent.
    """

    def __init__(self, width: int, *, temperature: float) -> None:
        super().__init__()
        self.patch_proj = nn.Linear(width, width)
        self.token_proj = nn.Linear(width, width)
        self.temperature = temperature

    def forward(self, patch_features: Tensor, semantics: Tensor) -> Tensor:
        """(B, N, D), (B, K, D) -> (B, N, K)."""
        with torch.autocast(patch_features.device.type, enabled=False):
            return localize(self.patch_proj(patch_features.float()), self.token_proj(semantics.float()),
                            temperature=self.temperature)
