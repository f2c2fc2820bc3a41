"""KoLeo: the tokens of one photo keep away from each other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

EPS = 1e-8


def koleo_loss(semantics: Tensor) -> Tensor:
    """(B, K, D) -> scalar: minus the mean log of half the distance to the nearest other token of the same photo.

    Kozachenko-Leonenko's entropy estimate (Sablayrolles et al. 2019), over a photo's unit-length tokens instead of a
    batch. Float32: distances of near-equal tokens vanish in bfloat16.
    """
    with torch.autocast(semantics.device.type, enabled=False):
        unit = F.normalize(semantics.float(), dim=-1, eps=EPS)
        with torch.no_grad():
            cosines = unit @ unit.mT
            cosines.diagonal(dim1=1, dim2=2).fill_(-1)
            nearest = cosines.argmax(dim=-1)
        neighbours = unit.gather(1, nearest[..., None].expand_as(unit))
        distances = 0.5 * F.pairwise_distance(unit, neighbours, eps=EPS)
        return -(distances + EPS).log().mean()
