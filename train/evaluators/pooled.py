"""A photo as one vector, three ways, and how often its class is found from it: what k-NN and the linear probe share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.factorization import Factorization
from train.evaluators import Value
from train.evaluators.feature_files import FeatureFiles
from train.evaluators.photo_set import PhotoSet
from train.subjects import Subject

RESOLUTION = 224
CHUNK = 8192  # rows of features that are in memory at a time
POOLED = ("summary", "mean_concept", "mean_patch_feature")

Classify = Callable[[Tensor, Tensor, Tensor], Tensor]  # known (P, D), their labels (P,), asking (Q, D) -> classes (Q,)


@dataclass(frozen=True)
class Pooled:
    """features: {one of POOLED: (P, D) float32, mapped from `files`}; labels (P,).

    The first `num_known` rows are those of photos at even places in their classes: they are looked up or learnt from,
    the others ask.
    """

    features: dict[str, np.memmap]
    labels: Tensor
    num_known: int
    files: FeatureFiles


def pool(factorization: Factorization) -> dict[str, Tensor]:
    """-> {one of POOLED: (B, D)}. The mean concept is the plain mean of the semantics, small or large alike."""
    return {"summary": factorization.summary, "mean_concept": factorization.semantics.mean(dim=1),
            "mean_patch_feature": factorization.patch_features.mean(dim=1)}


def pool_photos(subject: Subject, photos: PhotoSet, *, resolution: int = RESOLUTION, batch_size: int = 16) -> Pooled:
    """Every readable photo, its long side at `resolution`. Raises ValueError where the photos have no classes."""
    if not photos.class_names:
        raise ValueError(f"{photos.root} has no classes; k-NN and the linear probe need a folder a class.")
    order = sorted(range(len(photos)), key=lambda index: (photos.ranks[index] % 2, index))
    place = {index: row for row, index in enumerate(order)}
    files = FeatureFiles(photos.cache)
    rows = {name: files.rows(name, np.float32) for name in POOLED}
    seen = np.zeros(len(order), bool)
    for indices, images in photos.batches(resolution=resolution, patch_size=subject.patch_size, batch_size=batch_size):
        for name, values in pool(subject.factorize(images)).items():
            values = values.float().cpu().numpy()
            for row, index in enumerate(indices):
                rows[name].put(place[index], values[row : row + 1])
        seen[[place[index] for index in indices]] = True
    kept = np.flatnonzero(seen).tolist()
    num_known = sum(photos.ranks[order[row]] % 2 == 0 for row in kept)
    if not 0 < num_known < len(kept):
        raise ValueError(f"{photos.root} has too few photos that can be read; every class needs at least two.")
    return Pooled({name: rows[name].kept(kept) for name in POOLED},
                  torch.tensor([photos.labels[order[row]] for row in kept]), num_known, files)


def top1(protocol: str, classify: Classify, subject: Subject, photos: PhotoSet, *, resolution: int, batch_size: int,
         pooled: Pooled | None) -> Iterator[tuple[str, Value]]:
    """PROTOCOL/summary, /mean_concept, /mean_patch_feature: of the photos that ask, the share of right answers.

    pooled: where it is already there.
    """
    if pooled is None:
        pooled = pool_photos(subject, photos, resolution=resolution, batch_size=batch_size)
    known, asking = pooled.labels.tensor_split([pooled.num_known])
    for name, mapped in pooled.features.items():
        features = torch.from_numpy(mapped)
        answers = classify(features[: len(known)], known, features[len(known) :])
        yield f"{protocol}/{name}", (answers == asking).float().mean().item()


def moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    """(P, D) -> mean and standard deviation of each column, a part of the rows in memory at a time."""
    mean = sum(part.double().sum(dim=0) for part in rows.split(CHUNK)) / len(rows)
    variance = sum((part.double() - mean).square().sum(dim=0) for part in rows.split(CHUNK)) / len(rows)
    return mean.to(rows.dtype), variance.sqrt().to(rows.dtype)
