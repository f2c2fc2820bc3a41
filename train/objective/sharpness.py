"""Sharpness: a patch belongs to one token of each group, not to several at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sharpness_loss(localization: Tensor, groups: tuple[int, ...]) -> Tensor:
    """(B, N, K) and the groups' sizes, which sum to K -> scalar in 0..1: the entropy of where a patch is inside a
    group, over the largest that the group's size allows, a mean over patches and groups; a group of one has none.

    Ours, not the paper's. A mask is where a token's mass is above 1/K, so a patch that two tokens of a group share is
    in both their masks, and each then covers more than its object.
    """
    entropies = []
    for part in localization.float().split(groups, dim=-1):
        if part.shape[-1] > 1:
            shares = part / part.sum(dim=-1, keepdim=True).clamp_min(1e-6)
            entropies.append(torch.special.entr(shares).sum(dim=-1).mean() / math.log(part.shape[-1]))
    return torch.stack(entropies).mean() if entropies else localization.new_zeros(())
