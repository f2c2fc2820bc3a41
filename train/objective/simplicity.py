"""Simplicity: the patch features give way until the low-rank features explain as much of them as they should."""

from __future__ import annotations

from torch import Tensor

from train.objective.low_rank import low_rank_loss


def simplicity_loss(patch_features: Tensor, low_rank: Tensor, explained: float) -> Tensor:
    """(B, N, D) twice -> scalar, at least 0: how far the share of the patch features' variance that the low-rank
    features explain falls short of `explained`, 0..1, a mean over photos. Its gradient reaches only the patch features.

    Ours, not the paper's. Patch features that only follow what 16 tokens can rebuild lose their outlines, and so
    do the tokens; ones that never do keep more than any 16 tokens explain. It ends where enough is explained.
    """
    return (low_rank_loss(patch_features, low_rank.detach()) - (1 - explained)).clamp_min(0)
