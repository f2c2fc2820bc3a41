"""StartTeacher: the features of the same crop by the run's starting weights, as a distillation target."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from model.encoder import Encoder
from train.learners.teachers import Whitening


class StartTeacher(nn.Module):
    """A frozen copy of an encoder's blocks behind the join, run as a plain ViT's: without tokens or a stem.

    It takes the trained encoder's `before_join`: those blocks run once for both, and a recipe keeps
    them frozen (`TrainConfig.check_start_teacher` asks it to). Its patch features are whitened to `width` dimensions,
    over those of the photos that it is made with (a (1, 3, H, W) each, in 0..1). A checkpoint keeps it: a resumed run,
    and one that begins from a run's folder, learn from the same start.
    """

    def __init__(self, encoder: Encoder, width: int, images: list[Tensor]) -> None:
        super().__init__()
        self.blocks = deepcopy(encoder.blocks[encoder.join_block :]).requires_grad_(False)
        self.norm = deepcopy(encoder.norm).requires_grad_(False)
        with torch.no_grad():
            features = [self.plain_vit(encoder.before_join(image)).flatten(0, 1)[::5] for image in images]
        whitening = Whitening.of(torch.cat(features), width)
        self.register_buffer("mean", whitening.mean)
        self.register_buffer("projection", whitening.projection)

    @torch.no_grad()
    def plain_vit(self, before_join: Tensor) -> Tensor:
        """(B, 1 + N, D) -> (B, N, D)."""
        hidden = before_join
        for block in self.blocks:
            hidden = block(hidden)
        return self.norm(hidden)[:, 1:]

    def forward(self, before_join: Tensor) -> Tensor:
        """The encoder's `before_join` of a crop, (B, 1 + N, D) -> (B, N, width)."""
        return (self.plain_vit(before_join).float() - self.mean) @ self.projection
