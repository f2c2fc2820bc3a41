"""Relation: among the concepts of other photos, nearest neighbours as a teacher has them."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

START_SCALE = 10.0  # of cosines, before the first step: their softmax is then about as sharp as the teacher's
# Of no weight in a softmax, and within float16.
MASKED_LOGIT = -1e4


def relation_loss(concepts: Tensor, target: Tensor, photos: Tensor, *, scale: Tensor, temperature: float) -> Tensor:
    """(M, C) concepts, (M, d) a teacher's means under their masks, (M,) the photo of each -> scalar, at least 0.

    For each concept a softmax over those of all other photos, of the concepts' cosines times `scale` (a scalar, learnt)
    and of the teacher's cosines / temperature: the Kullback-Leibler divergence of the first from the second, a mean
    over concepts. Concepts of one photo are not compared: what lies beside what would be learnt, and not what is alike.

    Ours, not the paper's, after similarity-preserving distillation (Tung and Mori, ICCV 2019; Tejankar et al., ISD,
    ICCV 2021). Only neighbourhoods are learnt: the space may have another width and other axes than the teacher's.
    Where a batch has one photo there is nothing to compare, and the loss is 0.
    """
    same = photos[:, None] == photos[None]
    if bool(same.all()):
        return concepts.sum() * 0
    own = F.normalize(concepts.float(), dim=-1)
    target_unit = F.normalize(target.float(), dim=-1)
    wanted = (target_unit @ target_unit.mT / temperature).masked_fill(same, MASKED_LOGIT).softmax(dim=-1)
    found = (own @ own.mT * scale).masked_fill(same, MASKED_LOGIT).log_softmax(dim=-1)
    return F.kl_div(found, wanted, reduction="batchmean")
