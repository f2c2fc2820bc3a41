"""Low-rank features -> codes or pixels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from model.config import DecoderConfig
from model.encoder import transformer


class FourierPositions(nn.Module):
    """Random Fourier positions: a fixed Gaussian matrix turns a patch's centre into sines and cosines.

    Any grid, square or not: coordinates are shares of the photo's own sides.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.randn(2, width // 2))

    def forward(self, patch_grid: tuple[int, int]) -> Tensor:
        """(rows * cols, width), sine and cosine interleaved."""
        rows, cols = patch_grid
        device = self.frequencies.device
        y = (torch.arange(rows, device=device) + 0.5) / rows
        x = (torch.arange(cols, device=device) + 0.5) / cols
        centres = torch.stack([x.expand(rows, cols), y[:, None].expand(rows, cols)], dim=-1).flatten(0, 1)
        angles = 2 * math.pi * (2 * centres - 1) @ self.frequencies.float()
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class Decoder(nn.Module):
    """A small ViT over low-rank features (paper, section 3.3), with a code head or a pixel head."""

    def __init__(self, config: DecoderConfig, *, in_width: int, patch_size: int) -> None:
        super().__init__()
        self.input_proj = nn.Linear(in_width, config.width)
        self.positions = FourierPositions(config.width)
        self.blocks = transformer(config.width, config.depth, config.num_heads, config.mlp_width, config.norm_eps)
        self.norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.predicts_codes = config.num_codes is not None
        if self.predicts_codes:
            self.head = nn.Linear(config.width, config.num_codes)
        else:
            self.head = nn.ConvTranspose2d(config.width, 3, patch_size, stride=patch_size)

    def hidden(self, low_rank: Tensor, patch_grid: tuple[int, int]) -> Tensor:
        """(B, N, D) -> (B, N, width of the decoder): what the head reads."""
        low_rank = low_rank.to(self.input_proj.weight.dtype)
        hidden = self.input_proj(low_rank) + self.positions(patch_grid).to(low_rank.dtype)
        for block in self.blocks:
            hidden = block(hidden)
        return self.norm(hidden)

    def forward(self, low_rank: Tensor, patch_grid: tuple[int, int]) -> Tensor:
        """(B, N, D) -> code logits (B, N, num_codes), or pixels (B, 3, rows * patch, cols * patch), not clamped."""
        hidden = self.hidden(low_rank, patch_grid)
        if not self.predicts_codes:
            hidden = hidden.mT.unflatten(2, patch_grid)
        return self.head(hidden)
