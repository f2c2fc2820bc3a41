"""The floor that needs no decoder: each concept as one colour, laid down where the concept is."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from model.factorization import Factorization


def colours_of_concepts(factorization: Factorization, images: Tensor) -> Tensor:
    """(B, 3, rows, cols): each concept's mean colour under its localization, laid down by that localization."""
    localization = factorization.localization
    colours = F.adaptive_avg_pool2d(images, factorization.patch_grid).flatten(2).mT
    of_concepts = localization.mT @ colours / localization.sum(dim=1)[..., None].clamp_min(1e-8)
    return (localization @ of_concepts).mT.unflatten(2, factorization.patch_grid)
