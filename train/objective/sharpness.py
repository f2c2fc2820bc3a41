"""Sharpness: a patch belongs to one token of each group, and every token of a group to some patch of the batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from train.objective.granularity import within_groups


def sharpness_loss(localization: Tensor, groups: tuple[int, ...]) -> Tensor:
    """(B, N, K) and the groups' sizes, which sum to K -> scalar in 0..2: the entropy of where a patch is inside a
    group, over the largest that the group's size allows, a mean over patches; and by how much less than that largest
    the entropy is of the mean over all patches of the batch. A mean over groups; a group of one has none.

    Ours, not the paper's: the mutual information of patch and token, as discriminative clustering maximises it (Gomes,
    Krause and Perona, NIPS 2010). A mask is where a token's mass is above 1/K, so a patch that two tokens of a group
    share is in both their masks, and each then covers more than its object. Without the second part a token that starts
    with little stays dead.
    """
    terms = []
    for shares in within_groups(localization.float(), groups):
        if shares.shape[-1] > 1:
            most = math.log(shares.shape[-1])
            undecided = torch.special.entr(shares).sum(dim=-1).mean() / most
            used = torch.special.entr(shares.mean(dim=(0, 1))).sum() / most
            terms.append(undecided + 1 - used)
    return torch.stack(terms).mean() if terms else localization.new_zeros(())
