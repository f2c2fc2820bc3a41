"""Prototypes: learnt centres that concepts, or summaries, of all photos cluster round."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Prototypes(nn.Module):
    """A predictor MLP, unit length, and a score against every prototype (paper, section 3.4)."""

    def __init__(self, width: int, *, num_prototypes: int, predictor_width: int = 2048,
                 prototype_width: int = 256) -> None:
        super().__init__()
        self.predictor = nn.Sequential(nn.Linear(width, predictor_width), nn.GELU(),
                                       nn.Linear(predictor_width, prototype_width))
        self.centres = nn.Linear(prototype_width, num_prototypes, bias=False)
        nn.init.normal_(self.centres.weight, std=1.0)

    def forward(self, concepts: Tensor) -> Tensor:
        """(..., D) -> logits (..., P), float32."""
        return self.centres(F.normalize(self.predictor(concepts), dim=-1, eps=1e-7)).float()


def perplexity(assignments: Tensor) -> Tensor:
    """(M, P) -> how many prototypes are in use: the exponential of the entropy of their mean; 1..P."""
    share = assignments.mean(dim=0)
    return torch.special.entr(share).sum().exp()
