"""Low rank: localization @ semantics explains the patch features, as the factorization promises."""

from __future__ import annotations

from torch import Tensor

from model.variance import sums_of_squares


def low_rank_loss(patch_features: Tensor, low_rank: Tensor) -> Tensor:
    """(B, N, D) twice -> scalar: the share of the patch features' variance that the low-rank features leave, a mean
    over photos; 0 when X = L S, 1 when L S explains no more than X's mean.

    Ours, not the paper's (which hopes that the other losses bring X and L S together). The learner gives it the patch
    features detached: L S follows X here, and objective/simplicity.py has the way back. The variance keeps its
    gradient: patch features that all become alike would otherwise lower the loss, and a young run would collapse.
    """
    left, total = sums_of_squares(patch_features.float(), low_rank.float())
    return (left / total.clamp_min(1e-6)).mean()
