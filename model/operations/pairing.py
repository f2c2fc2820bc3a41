"""Which token of one photo is which of another, one to one: the pairing whose sum of cosines is largest."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def pair_tokens(semantics: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """(B, K, D), (B or 1, K', D) -> two (B, min(K, K')): tokens of the one, in order, and their partners."""
    cosines = F.normalize(semantics, dim=-1) @ F.normalize(others, dim=-1).mT
    pairs = [linear_sum_assignment(image, maximize=True) for image in cosines.detach().cpu().numpy()]
    ours, theirs = (torch.tensor([pair[side].tolist() for pair in pairs], device=semantics.device) for side in (0, 1))
    return ours, theirs
