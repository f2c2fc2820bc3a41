"""Localization: the masks of another STELLAR as targets, whatever the order of its tokens."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def localization_loss(localization: Tensor, target: Tensor, groups: tuple[int, ...]) -> Tensor:
    """(B, N, K) twice and the groups' sizes, which sum to K -> scalar, at least 0: the Kullback-Leibler divergence of
    ours from the target, over a patch's tokens, a mean over patches.

    Ours, not the paper's. In each photo our tokens of a group are paired with the teacher's so that the loss is least:
    only what belongs together is learnt, not which token holds it. Reconstruction makes of localization a code for
    places; this holds it to objects. How much of a patch each group holds counts too: a mask is where a token has more
    than 1/K of it.
    """
    loss = localization.new_zeros((), dtype=torch.float32)
    for own, wanted in zip(localization.float().split(groups, dim=-1), target.float().split(groups, dim=-1),
                           strict=True):
        log_own, log_wanted = (part.clamp_min(1e-6).log() for part in (own, wanted))
        agreement = (wanted.mT @ log_own).detach().cpu().numpy()  # (B, K_g, K_g): rows targets, columns ours
        order = torch.stack([torch.from_numpy(linear_sum_assignment(photo, maximize=True)[1]) for photo in agreement])
        paired = log_own.take_along_dim(order.to(own.device)[:, None], dim=2)
        loss = loss + (wanted * (log_wanted - paired)).sum(dim=-1).mean()
    return loss.clamp_min(0)
