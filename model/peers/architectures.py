"""The networks of the peers, in timm's names; how large the pictures are that their positions are for, a file says."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from math import isqrt

import torch
from timm.layers import resample_abs_pos_embed
from timm.models.beit import Beit
from timm.models.resnet import Bottleneck
from timm.models.resnet import ResNet as TimmResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from model.baselines.titok import TiTok

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class ViT:
    """A plain ViT with absolute positions."""

    width: int
    depth: int
    num_heads: int
    patch_size: int = 16
    class_token: bool = True

    def build(self, shapes: Shapes) -> nn.Module:
        """shapes: of a file's tensors, in timm's names."""
        num_patches = shapes["pos_embed"][1] - self.class_token
        return VisionTransformer(
            img_size=isqrt(max(num_patches, 1)) * self.patch_size, patch_size=self.patch_size, embed_dim=self.width,
            depth=self.depth, num_heads=self.num_heads, num_classes=0, class_token=self.class_token,
            global_pool="token" if self.class_token else "avg", fc_norm=False, dynamic_img_size=True)

    def __str__(self) -> str:
        return f"a ViT {self.width} wide with {self.depth} blocks and patches of {self.patch_size}"


@dataclass(frozen=True)
class BeiT:
    """A ViT with layer scale and, in the place of absolute positions, a bias of each block's attention."""

    width: int
    depth: int
    num_heads: int
    patch_size: int = 16

    def build(self, shapes: Shapes) -> nn.Module:
        num_distances = shapes["blocks.0.attn.relative_position_bias_table"][0]
        grid = (isqrt(max(num_distances - 3, 1)) + 1) // 2
        return AnySizeBeit(
            img_size=grid * self.patch_size, patch_size=self.patch_size, embed_dim=self.width, depth=self.depth,
            num_heads=self.num_heads, num_classes=0, global_pool="token", use_abs_pos_emb=False, use_rel_pos_bias=True,
            init_values=0.1)

    def __str__(self) -> str:
        return f"a ViT {self.width} wide with {self.depth} blocks, patches of {self.patch_size} and relative positions"


@dataclass(frozen=True)
class ResNet:
    """layers: bottleneck blocks a stage."""

    layers: tuple[int, ...] = (3, 4, 6, 3)
    channels: tuple[int, ...] = (64, 128, 256, 512)

    def build(self, shapes: Shapes) -> nn.Module:
        return TimmResNet(Bottleneck, self.layers, num_classes=0, channels=self.channels)

    def __str__(self) -> str:
        return f"a ResNet with {', '.join(map(str, self.layers))} blocks"


class AnySizeBeit(Beit):
    """timm's, which sees pictures of one size alone: its biases are resized for another size, and the last one kept."""

    def forward_intermediates(self, x: Tensor, *args, **kwargs) -> list[Tensor]:  # timm's argument names
        return Beit.forward_intermediates(self.of_size(tuple(x.shape[-2:]), x.device), x, *args, **kwargs)

    def of_size(self, size: tuple[int, int], device: torch.device) -> Beit:
        if size == tuple(self.patch_embed.img_size):
            return self
        kept = self.__dict__.get("resized")
        if kept is None or kept[0] != (size, device):
            self.__dict__["resized"] = None  # not to be copied along
            network = deepcopy(self)
            network.set_input_size(img_size=size)
            kept = self.__dict__["resized"] = ((size, device), network)
        return kept[1]


class TiTokPatches(nn.Module):
    """TiTok's encoder read at its patches, beside which its tokens are: the interface of a timm ViT.

    Its codes say nothing of where; the published encoder has an output at every patch all the same, which nothing
    uses. Pictures of another size get resized positions, as timm's ViTs do.
    """

    def __init__(self, titok: TiTok) -> None:
        super().__init__()
        config = titok.config
        self.native_grid, self.stride = config.native_grid, config.patch_size
        self.tokens, self.encoder = titok.tokens, titok.encoder
        self.encoder.head = nn.Identity()
        self.feature_info = [{"num_chs": config.encoder.width, "reduction": config.patch_size}
                             for _ in range(config.encoder.depth)]

    def prune_intermediate_layers(self, indices: list[int], prune_norm: bool, prune_head: bool) -> list[int]:
        self.encoder.blocks = self.encoder.blocks[:max(indices) + 1]
        return indices

    def forward_intermediates(self, x: Tensor, indices: list[int], norm: bool, output_fmt: str,
                              intermediates_only: bool) -> list[Tensor]:
        """(B, 3, H, W) in 0..1 -> (B, C, rows, cols) of each block asked for; as timm's with these options."""
        encoder = self.encoder
        patches = encoder.patch(x)
        rows, cols = patches.shape[2:]
        positions = resample_abs_pos_embed(encoder.positions[None], [rows, cols], [self.native_grid] * 2)
        hidden = torch.cat([encoder.summary_token.expand(len(x), 1, -1), patches.flatten(2).mT], dim=1) + positions
        hidden = torch.cat([hidden, (self.tokens + encoder.token_positions).expand(len(x), -1, -1)], dim=1)
        hidden, found = encoder.norm_pre(hidden), []
        for number, block in enumerate(encoder.blocks):
            hidden = block(hidden)
            if number in indices:
                normed = encoder.norm_post(hidden) if norm else hidden
                found.append(normed[:, 1:1 + rows * cols].mT.unflatten(2, (rows, cols)))
        return found
