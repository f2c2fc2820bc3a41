"""A photo as one vector, three ways, and how often its class is found from it: what k-NN and the linear probe share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from model.factorization import Factorization
from train.evaluators import Value
from train.evaluators.photo_set import PhotoSet
from train.subjects import Subject

RESOLUTION = 224
POOLED = ("summary", "mean_concept", "mean_patch_feature")

Classify = Callable[[Tensor, Tensor, Tensor], Tensor]  # known (P, D), their labels (P,), asking (Q, D) -> classes (Q,)


@dataclass(frozen=True)
class Pooled:
    """features: {one of POOLED: (P, D) float32}; labels (P,); is_first (P,) bool: in its class at an even place.

    The first half is looked up or learnt from, the other asks.
    """

    features: dict[str, Tensor]
    labels: Tensor
    is_first: Tensor


def pool(factorization: Factorization) -> dict[str, Tensor]:
    """-> {one of POOLED: (B, D)}. The mean concept is the plain mean of the semantics, small or large alike."""
    return {"summary": factorization.summary, "mean_concept": factorization.semantics.mean(dim=1),
            "mean_patch_feature": factorization.patch_features.mean(dim=1)}


def pool_photos(subject: Subject, photos: PhotoSet, *, resolution: int = RESOLUTION, batch_size: int = 16) -> Pooled:
    """Every readable photo, its long side at `resolution`. Raises ValueError where the photos have no classes."""
    if not photos.class_names:
        raise ValueError(f"{photos.root} has no classes; k-NN and the linear probe need a folder a class.")
    rows: dict[int, dict[str, Tensor]] = {}
    for indices, images in photos.batches(resolution=resolution, patch_size=subject.patch_size, batch_size=batch_size):
        pooled = {name: values.float().cpu() for name, values in pool(subject.factorize(images)).items()}
        rows |= {index: {name: values[row] for name, values in pooled.items()} for row, index in enumerate(indices)}
    order = sorted(rows)
    is_first = torch.tensor([photos.ranks[index] % 2 == 0 for index in order], dtype=torch.bool)
    if not is_first.any() or is_first.all():
        raise ValueError(f"{photos.root} has too few photos that can be read; every class needs at least two.")
    return Pooled({name: torch.stack([rows[index][name] for index in order]) for name in POOLED},
                  torch.tensor([photos.labels[index] for index in order]), is_first)


def top1(protocol: str, classify: Classify, subject: Subject, photos: PhotoSet, *, resolution: int, batch_size: int,
         pooled: Pooled | None) -> Iterator[tuple[str, Value]]:
    """PROTOCOL/summary, /mean_concept, /mean_patch_feature: of the photos that ask, the share of right answers.

    pooled: where it is already there.
    """
    if pooled is None:
        pooled = pool_photos(subject, photos, resolution=resolution, batch_size=batch_size)
    first, other = pooled.is_first, ~pooled.is_first
    for name, features in pooled.features.items():
        answers = classify(features[first], pooled.labels[first], features[other])
        yield f"{protocol}/{name}", (answers == pooled.labels[other]).float().mean().item()
