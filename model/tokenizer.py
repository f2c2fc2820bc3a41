"""MaskGIT-VQGAN (Chang et al. 2022; after Esser et al. 2021, without attention): pixels <-> codes."""

from __future__ import annotations

from os import PathLike

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.checkpoints import checkpoint, writing
from model.config import TokenizerConfig


def conv(in_channels: int, out_channels: int, kernel_size: int, *, bias: bool = True) -> nn.Conv2d:
    """Every convolution here has stride 1, where TensorFlow's "same" padding is symmetric."""
    return nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias)


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResidualBlock(nn.Module):
    """Where the width changes, the reference applies its 1 x 1 shortcut to the block's output, not to its input:
    the weights were trained that way, so it stays."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = group_norm(in_channels), group_norm(out_channels)
        self.conv1 = conv(in_channels, out_channels, 3, bias=False)
        self.conv2 = conv(out_channels, out_channels, 3, bias=False)
        self.shortcut = conv(out_channels, out_channels, 1, bias=False) if in_channels != out_channels else None

    def forward(self, features: Tensor) -> Tensor:
        out = self.conv1(F.silu(self.norm1(features)))
        out = self.conv2(F.silu(self.norm2(out)))
        return out + (features if self.shortcut is None else self.shortcut(out))


def residual_blocks(in_channels: int, out_channels: int, count: int) -> nn.ModuleList:
    return nn.ModuleList(ResidualBlock(in_channels if i == 0 else out_channels, out_channels) for i in range(count))


class CodeEncoder(nn.Module):
    """(B, 3, H, W) -> (B, code_width, H / stride, W / stride), before quantization."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        widths = [config.hidden_channels * m for m in config.channel_multipliers]
        self.unshuffle = config.unshuffle
        self.conv_in = conv(3 * config.unshuffle**2, config.hidden_channels, 3, bias=False)
        self.down = nn.ModuleList(residual_blocks(before, after, config.num_res_blocks)
                                  for before, after in zip([config.hidden_channels, *widths], widths, strict=False))
        self.mid = residual_blocks(widths[-1], widths[-1], config.num_res_blocks)
        self.norm_out = group_norm(widths[-1])
        self.conv_out = conv(widths[-1], config.code_width, 1)
        self.linear = nn.Conv2d(3, config.code_width, config.stride, config.stride) if config.linear_path else None

    def forward(self, image: Tensor) -> Tensor:
        features = self.conv_in(F.pixel_unshuffle(image, self.unshuffle))
        for level, blocks in enumerate(self.down):
            for block in blocks:
                features = block(features)
            if level + 1 < len(self.down):
                features = F.avg_pool2d(features, 2)
        for block in self.mid:
            features = block(features)
        hidden = self.conv_out(F.silu(self.norm_out(features)))
        return hidden if self.linear is None else hidden + self.linear(image)


class LinearCodeEncoder(nn.Module):
    """(B, 3, H, W) -> (B, code_width, H / stride, W / stride): a linear map of each code's own pixels."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.linear = nn.Conv2d(3, config.code_width, config.stride, config.stride)

    def forward(self, image: Tensor) -> Tensor:
        return self.linear(image)


class CodeDecoder(nn.Module):
    """(B, code_width, h, w) -> (B, 3, h * stride, w * stride), not clamped.

    The linear path gives each code a square of twice its side, so that neighbours overlap and no seam is drawn.
    """

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        widths = [config.hidden_channels * m for m in config.channel_multipliers]
        self.conv_in = conv(config.code_width, widths[-1], 3)
        self.mid = residual_blocks(widths[-1], widths[-1], config.num_res_blocks)
        self.up = nn.ModuleList(residual_blocks(coarser, width, config.num_res_blocks)
                                for width, coarser in zip(widths, [*widths[1:], widths[-1]], strict=True))
        # upsample[level] leads from a level to the next finer one; the finest has none.
        self.upsample = nn.ModuleDict({str(level): conv(widths[level], widths[level], 3)
                                       for level in range(1, len(widths))})
        self.norm_out = group_norm(widths[0])
        self.unshuffle = config.unshuffle
        self.conv_out = conv(widths[0], 3 * config.unshuffle**2, 3)
        self.linear = None
        if config.linear_path:
            self.linear = nn.ConvTranspose2d(config.code_width, 3, 2 * config.stride, config.stride,
                                             padding=config.stride // 2)

    def forward(self, hidden: Tensor) -> Tensor:
        features = self.conv_in(hidden)
        for block in self.mid:
            features = block(features)
        for level in reversed(range(len(self.up))):
            for block in self.up[level]:
                features = block(features)
            if level > 0:
                features = self.upsample[str(level)](F.interpolate(features, scale_factor=2.0, mode="nearest"))
        pixels = F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(features))), self.unshuffle)
        return pixels if self.linear is None else pixels + self.linear(hidden)


class Tokenizer(nn.Module):
    """Pixels in 0..1, not normalised, to codes and back."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = LinearCodeEncoder(config) if config.linear_encoder else CodeEncoder(config)
        self.decoder = CodeDecoder(config)
        self.codebook = nn.Parameter(torch.empty(config.num_codes, config.code_width)
                                     .uniform_(-1 / config.num_codes, 1 / config.num_codes))

    @classmethod
    def load(cls, source: str | PathLike[str]) -> Tokenizer:
        """One by itself, in eval mode, float32: a file of ours or the published one, "published", or a STELLAR of ours
        that has one ("nano"). Raises CheckpointError."""
        config, weights = checkpoint.tokenizer_weights(source)
        tokenizer = cls(config)
        tokenizer.load_state_dict(weights(tokenizer.state_dict()))
        return tokenizer.requires_grad_(False).eval()

    def save(self, path: str | PathLike[str], *, dtype: torch.dtype | None = None) -> None:
        """One safetensors file with the architecture in its metadata."""
        writing.write_tokenizer(path, self.config, self.state_dict(), dtype=dtype)

    def encode(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1, sides multiples of the stride -> codes (B, H / stride, W / stride)."""
        return self.quantize(self.encoder(image.to(self.codebook.dtype)))

    def quantize(self, hidden: Tensor) -> Tensor:
        """(B, code_width, h, w) -> codes (B, h, w), the nearest of the codebook.

        Float32: two codes can lie closer to each other than bfloat16's rounding.
        """
        with torch.autocast(hidden.device.type, enabled=False):
            flat = hidden.movedim(1, -1).float()
            return torch.cdist(flat.flatten(1, 2), self.codebook.float()[None],
                               compute_mode="use_mm_for_euclid_dist").argmin(-1).view(flat.shape[:3])

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (B, h, w) -> (B, 3, h * stride, w * stride) in 0..1."""
        return self.decoder(F.embedding(codes, self.codebook).movedim(-1, 1)).clamp(0, 1)
