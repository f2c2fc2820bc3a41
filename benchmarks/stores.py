"""RandomStore: a teacher's stored features without the teacher."""

from __future__ import annotations

import torch
from torch import Tensor

from train.learners.teachers import TargetStore

TEACHER_GRID = 28


class RandomStore(TargetStore):
    """A teacher's features of any photo, drawn once: what it costs to resample them, less the reading."""

    def __init__(self, width: int, photos: int) -> None:
        self.width, self.photos = width, photos
        self.drawn = torch.randn(width, TEACHER_GRID, TEACHER_GRID).half()

    def __getstate__(self) -> dict:
        return self.__dict__

    def of(self, index: int) -> Tensor:
        return self.drawn.clone()

    def holds(self, index: int) -> bool:
        return True

    def whitened_summaries(self, width: int) -> Tensor:
        return torch.zeros(self.photos, width)
