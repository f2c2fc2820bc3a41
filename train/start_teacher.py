"""StartTeacher: what a run's start said of the same crop, before any of it was trained."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from model.encoder import Encoder, HybridEmbedding
from train.teachers import Whitening


class StartTeacher(nn.Module):
    """A frozen copy of an encoder that is asked as a plain ViT: its patches alone, without tokens and without a stem.

    Its patch features are whitened to `width` dimensions, over those of the photos that it is made with (a (1, 3, H, W)
    each, in 0..1). A checkpoint keeps it: a resumed run, and one that begins from a run's folder, learn from the same
    start.
    """

    def __init__(self, encoder: Encoder, width: int, images: list[Tensor]) -> None:
        super().__init__()
        self.encoder = deepcopy(encoder).requires_grad_(False)
        whitening = Whitening.of(torch.cat([self.plain_vit(image).flatten(0, 1)[::5] for image in images]), width)
        self.register_buffer("mean", whitening.mean)
        self.register_buffer("projection", whitening.projection)

    @torch.no_grad()
    def plain_vit(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, N, D)."""
        encoder = self.encoder
        hybrid = isinstance(encoder.embedding, HybridEmbedding)
        embedded = encoder.embedding.of_pixels(image) if hybrid else encoder.embedding(image)
        hidden = encoder.before_tokens(encoder.placed(embedded))
        for block in encoder.blocks[encoder.join_block :]:
            hidden = block(hidden)
        return encoder.norm(hidden)[:, 1:]

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, N, width)."""
        return (self.plain_vit(image).float() - self.mean) @ self.projection
