"""Photo -> patch features, semantics and summary: a ViT with learnt tokens behind its patches."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import timm
import torch
import torch.nn.functional as F
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from model.attention import SelfAttention
from model.config import StellarConfig

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STEM_MEAN, STEM_STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
STEM_STRIDES = (8, 16, 32)
COARSEST = str(STEM_STRIDES[-1])  # what says most of kinds


class Encoded(NamedTuple):
    """The encoder's output after its last norm: summary (B, D), patch_features (B, N, D), semantics (B, K, D); and
    what a hybrid's stem said of the picture at its coarsest stride, (B, N, F), None where there is no stem."""

    summary: Tensor
    patch_features: Tensor
    semantics: Tensor
    stem_features: Tensor | None = None


def normalise(image: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """(B, 3, H, W) in 0..1 -> the same, by channel mean and deviation."""
    shape = (1, 3, 1, 1)
    return (image - image.new_tensor(mean).view(shape)) / image.new_tensor(std).view(shape)


def transformer(width: int, depth: int, num_heads: int, mlp_width: int, norm_eps: float) -> nn.ModuleList:
    """Pre-norm ViT blocks, timm's."""
    norm = partial(nn.LayerNorm, eps=norm_eps)
    mlp_ratio = (mlp_width + 0.5) / width  # timm cuts ratio x width down to a whole number: half a unit from its edge
    return nn.ModuleList(Block(width, num_heads, mlp_ratio=mlp_ratio, qkv_bias=True, norm_layer=norm,
                               attn_layer=SelfAttention) for _ in range(depth))


def embed_patches(patch: nn.Conv2d, image: Tensor, kept: Tensor) -> Tensor:
    """(B, 3, H, W) in 0..1 and the numbers of some patches, (B, M) -> (B, M, D), by a patch embedding's weights.

    Only their pixels are copied, normalised and multiplied: of a masked view that is a fifth.
    """
    size = patch.weight.shape[-1]
    grid = image.unflatten(3, (-1, size)).unflatten(2, (-1, size))  # (B, 3, rows, size, cols, size)
    photos = torch.arange(len(image), device=image.device)[:, None]
    pixels = grid[photos, :, kept // grid.shape[4], :, kept % grid.shape[4]]  # (B, M, 3, size, size)
    pixels = normalise(pixels.flatten(0, 1), IMAGENET_MEAN, IMAGENET_STD)
    return F.linear(pixels.flatten(1), patch.weight.flatten(1), patch.bias).unflatten(0, kept.shape)


class PatchEmbedding(nn.Module):
    """The plain one: a linear map of each patch's pixels."""

    def __init__(self, width: int, patch_size: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, patch_size, stride=patch_size)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, D, rows, cols)."""
        return self.patch(normalise(image, IMAGENET_MEAN, IMAGENET_STD))

    def of_patches(self, image: Tensor, kept: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 and the numbers of some patches, (B, M) -> (B, M, D): what forward says of those."""
        return embed_patches(self.patch, image, kept)


class HybridEmbedding(PatchEmbedding):
    """The patch embedding, and a frozen convolutional stem's features at strides 8, 16 and 32 that join it.

    Each stride is brought to the stride-16 grid, normed over its channels and projected to the width; all are summed.
    The stem has its own normalisation (mean and deviation 0.5), the patch embedding ImageNet's. Where it joins late
    (`StellarConfig.join_block`), the mean of the coarsest stride is added to the summary, by a projection of its own.
    """

    def __init__(self, width: int, patch_size: int, stem: str, *, late: bool = False) -> None:
        super().__init__(width, patch_size)
        if patch_size != 16:
            raise ValueError(f"a hybrid embedding has patches of 16 pixels, not {patch_size}")
        if not timm.is_model(stem):  # a name comes out of a file's metadata, and timm would ask a hub for "hf-hub:..."
            raise ValueError(f"timm has no model {stem!r} for a stem")
        self.stem = timm.create_model(stem, features_only=True, out_indices=(2, 3, 4), pretrained=False)
        channels = self.stem.feature_info.channels()
        # Stride 8 arrives as 2 x 2 positions a patch: they become channels.
        widths = dict(zip(STEM_STRIDES, (4 * channels[0], channels[1], channels[2]), strict=True))
        self.norm = nn.ModuleDict({str(stride): nn.LayerNorm(channels) for stride, channels in widths.items()})
        self.proj = nn.ModuleDict({str(stride): nn.Linear(channels, width) for stride, channels in widths.items()})
        self.summary_proj = nn.Linear(channels[2], width) if late else None
        self.stem.requires_grad_(False)

    def train(self, mode: bool = True) -> HybridEmbedding:
        super().train(mode)
        self.stem.eval()  # frozen: its batch norms keep the statistics they came with
        return self

    def stem_maps(self, image: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) in 0..1 -> for each stride (B, channels, rows, cols): the stem's own, on the patch grid."""
        rows, cols = (side // self.patch.weight.shape[-1] for side in image.shape[-2:])
        # A stride of 32 rounds an odd number of patches up, and so may the strides before it: cut what hangs over.
        # Channels last: its depthwise convolutions are three times as fast that way on a CPU, and no slower elsewhere.
        stem_input = normalise(image, STEM_MEAN, STEM_STD).contiguous(memory_format=torch.channels_last)
        stride_8, stride_16, stride_32 = self.stem(stem_input)
        return {
            "8": F.pixel_unshuffle(stride_8[..., : 2 * rows, : 2 * cols], 2),
            "16": stride_16[..., :rows, :cols],
            "32": F.interpolate(stride_32, size=(rows, cols), mode="bilinear", align_corners=False),
        }

    def stem_features(self, image: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) in 0..1 -> for each stride (B, N, channels): the stem's own, a row a patch."""
        return {stride: maps.flatten(2).mT for stride, maps in self.stem_maps(image).items()}

    def normed(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """`stem_features` -> as the projections take them."""
        return {stride: self.norm[stride](feature) for stride, feature in features.items()}

    def project(self, features: dict[str, Tensor]) -> Tensor:
        """Normed, of some patches or all, (B, M, channels) a stride -> (B, 1 + M, D): in front what the summary is
        told, which is nothing where the stem joins at once."""
        parts = [self.proj[stride](feature) for stride, feature in features.items()]
        patches = sum(parts[1:], start=parts[0])
        if self.summary_proj is None:
            return F.pad(patches, (0, 0, 1, 0))
        return torch.cat([self.summary_proj(features["32"].mean(dim=1, keepdim=True)), patches], dim=1)


class Encoder(nn.Module):
    """A standard ViT whose last K inputs are learnt tokens; all attend to each other in every block (section 3.1).

    With `join_block` above 0 (ours) the tokens come before that block: until there the patches and the summary are a
    plain ViT's. A stem's features then join there too, the patches' each, the summary's their mean.
    """

    def __init__(self, config: StellarConfig) -> None:
        super().__init__()
        self.patch_size, self.native_grid, self.join_block = config.patch_size, config.native_grid, config.join_block
        if config.stem is None:
            self.embedding = PatchEmbedding(config.width, config.patch_size)
        else:
            self.embedding = HybridEmbedding(config.width, config.patch_size, config.stem,
                                             late=config.join_block > 0)
        self.summary_token = nn.Parameter(torch.zeros(1, 1, config.width))
        # In front the summary's own position, then the native grid's, row by row.
        self.positions = nn.Parameter(0.02 * torch.randn(1, 1 + config.native_grid**2, config.width))
        self.tokens = nn.Parameter(config.width**-0.5 * torch.randn(config.num_tokens, config.width))
        self.blocks = transformer(config.width, config.depth, config.num_heads, config.mlp_width, config.norm_eps)
        self.norm = nn.LayerNorm(config.width, eps=config.norm_eps)

    def patch_positions(self, patch_grid: tuple[int, int]) -> Tensor:
        """(1, rows * cols, D): the native grid's positions, resized (bicubic, as the reference does)."""
        native = self.positions[:, 1:]
        if patch_grid == (self.native_grid, self.native_grid):
            return native
        square = native.float().unflatten(1, (self.native_grid, self.native_grid)).movedim(-1, 1)
        resized = F.interpolate(square, size=patch_grid, mode="bicubic", align_corners=False, antialias=False)
        return resized.flatten(2).mT.to(native.dtype)

    def embed(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, 1 + N, D): the summary and the patches as the tokens find them."""
        return self.with_stem(self.before_join(image), self.stem_features(image))

    def stem_features(self, image: Tensor) -> dict[str, Tensor] | None:
        """(B, 3, H, W) in 0..1 -> a hybrid's `HybridEmbedding.stem_features`; None of a plain embedding."""
        return self.embedding.stem_features(image) if isinstance(self.embedding, HybridEmbedding) else None

    def before_join(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, 1 + N, D): the summary and the patches as a plain ViT has them there."""
        embedded = self.embedding(image)
        return self.before_tokens(embedded.flatten(2).mT + self.patch_positions(tuple(embedded.shape[-2:])))

    def with_stem(self, hidden: Tensor, features: dict[str, Tensor] | None, kept: Tensor | None = None) -> Tensor:
        """What `before_join` says of a picture, and what its `stem_features` add to it: (B, 1 + N, D).

        kept: the numbers of the patches that `hidden` is of, (B, M), where it is not of all.
        """
        if features is None:
            return hidden
        features = self.embedding.normed(features)
        if kept is not None:
            features = {stride: feature.gather(1, kept[..., None].expand(-1, -1, feature.shape[-1]))
                        for stride, feature in features.items()}
        return hidden + self.embedding.project(features)

    def embed_some(self, image: Tensor, kept: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 and the numbers of some patches, (B, M) -> (B, 1 + M, D): `embed` of a masked view.

        A stem looks at the whole picture all the same.
        """
        patch_grid = (image.shape[2] // self.patch_size, image.shape[3] // self.patch_size)
        positions = self.patch_positions(patch_grid)[0, kept]
        hidden = self.before_tokens(self.embedding.of_patches(image, kept) + positions)
        return self.with_stem(hidden, self.stem_features(image), kept)

    def before_tokens(self, patches: Tensor) -> Tensor:
        """(B, N, D) with their positions -> (B, 1 + N, D): the summary in front, through the blocks without tokens."""
        summary = self.summary_token + self.positions[:, :1]
        hidden = torch.cat([summary.expand(len(patches), -1, -1), patches], dim=1)
        for block in self.blocks[: self.join_block]:
            hidden = block(hidden)
        return hidden

    def encode(self, embedded: Tensor, stem: dict[str, Tensor] | None = None) -> Encoded:
        """(B, 1 + N, D) -> Encoded. N may be any part of a photo's patches: a masked view drops some.

        stem: the `stem_features` that `embedded` was made with, for whoever wants to see them too.
        """
        num_patches = embedded.shape[1] - 1
        hidden = torch.cat([embedded, self.tokens.expand(len(embedded), -1, -1)], dim=1)
        for block in self.blocks[self.join_block :]:
            hidden = block(hidden)
        hidden = self.norm(hidden)
        summary, patch_features, semantics = hidden.split([1, num_patches, len(self.tokens)], dim=1)
        return Encoded(summary[:, 0], patch_features, semantics, stem and stem[COARSEST])

    def forward(self, image: Tensor) -> Encoded:
        """(B, 3, H, W) in 0..1, sides multiples of the patch -> Encoded."""
        stem = self.stem_features(image)
        return self.encode(self.with_stem(self.before_join(image), stem), stem)
