"""Distillation: what the model says of a patch predicts what frozen teachers say of it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def distillation_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """(..., d) predicted and a teacher's whitened features -> scalar: 1 minus the mean cosine; 0..2.

    Features whose length is zero (a teacher may have none for a patch outside its own grid) count as orthogonal.
    """
    return 1 - F.cosine_similarity(predicted.float(), target.float(), dim=-1).mean()
