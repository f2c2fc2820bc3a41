"""Objects: whether a concept, or several together, cover an object and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.factorization import Factorization
from train.evaluators import Value
from train.evaluators.photo_set import PhotoSet
from train.subjects import Subject

SIDE = 448  # of the square on which masks and objects are compared
LEAST_AREA = 0.02
MEASURES = ("objects/mean_best_iou", "objects/share_at_0.5", "objects/union_iou", "objects/count")
DESCRIPTION = ("object localization: outlines of at least 2 % of the photo's area; a concept's mask is localization > "
               "1/K, resized bilinear to 448 x 448 and cut at one half; for each object the IoU of the best concept, "
               "and of the union of the concepts of which more than half lies inside it")


def evaluate(subject: Subject, photos: PhotoSet, *, resolution: int = 448, batch_size: int = 8,
             seed: int = 0) -> Iterator[tuple[str, Value]]:
    """objects/mean_best_iou, /share_at_0.5, /union_iou, means over all objects; objects/count of them.

    Photos without outlines are left out. Raises ValueError where no object is left.
    """
    photos = photos.with_outlines()
    found: dict[int, tuple[Tensor, Tensor]] = {}
    for indices, images in photos.batches(resolution=resolution, patch_size=subject.patch_size, batch_size=batch_size):
        masks = concept_masks(subject.factorize(images))
        for index, concepts in zip(indices, masks, strict=True):
            objects = object_masks(photos, index)
            if len(objects):
                found[index] = overlaps(concepts, objects)
    if not found:
        raise ValueError(f"{photos.root} has no outlines of at least {LEAST_AREA:.0%} of a photo's area; a file "
                         "NAME.txt beside NAME.jpg holds them, a line an object: class x1 y1 x2 y2 ... in 0..1.")
    best, union = (torch.cat(values) for values in zip(*(found[index] for index in sorted(found)), strict=True))
    yield "objects/mean_best_iou", best.mean().item()
    yield "objects/share_at_0.5", (best >= 0.5).float().mean().item()
    yield "objects/union_iou", union.mean().item()
    yield "objects/count", float(len(best))


def concept_masks(factorization: Factorization, side: int = SIDE) -> Tensor:
    """(B, K, side, side) bool. One rule for soft localizations and for one-hot ones, whose entries are 0 and 1."""
    on_grid = factorization.masks().float()
    return F.interpolate(on_grid, size=(side, side), mode="bilinear", align_corners=False).cpu() > 0.5


def object_masks(photos: PhotoSet, index: int, side: int = SIDE) -> Tensor:
    """(O, side, side) bool: the objects of a photo that are large enough."""
    masks = [outline.mask(side) for outline in photos.outlines(index) or []]
    large = [mask for mask in masks if mask.mean() >= LEAST_AREA]
    return torch.from_numpy(np.stack(large)) if large else torch.zeros(0, side, side, dtype=torch.bool)


def overlaps(concepts: Tensor, objects: Tensor) -> tuple[Tensor, Tensor]:
    """(K, H, W), (O, H, W) bool -> best IoU of a concept (O,), IoU of the concepts mostly inside, together (O,)."""
    concepts, objects = concepts.flatten(1).float(), objects.flatten(1).float()
    shared = objects @ concepts.T
    concept_area, object_area = concepts.sum(dim=1), objects.sum(dim=1)
    best = (shared / (object_area[:, None] + concept_area - shared)).amax(dim=1)
    inside = (shared > 0.5 * concept_area) & (concept_area > 0)
    union = (inside.float() @ concepts).clamp_max(1)
    shared = (union * objects).sum(dim=1)
    return best, shared / (union.sum(dim=1) + object_area - shared)
