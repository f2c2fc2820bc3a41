"""k-NN: the class of a photo by its nearest neighbours among photos whose class is known."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from train.evaluators import Value
from train.evaluators.photo_set import PhotoSet
from train.evaluators.pooled import CHUNK, POOLED, RESOLUTION, Pooled, moments, top1
from train.subjects import Subject

NUM_NEIGHBOURS, TEMPERATURE = 5, 0.07
MEASURES = tuple(f"knn/{name}" for name in POOLED)
DESCRIPTION = ("k-NN top-1: in each class every other photo in file order is looked up, the others ask; the 5 nearest "
               "by cosine of features centred on the mean of the former, weighted exp(cosine / 0.07); long side 224 px")


def evaluate(subject: Subject, photos: PhotoSet, *, resolution: int = RESOLUTION, batch_size: int = 16, seed: int = 0,
             pooled: Pooled | None = None) -> Iterator[tuple[str, Value]]:
    """knn/summary, /mean_concept, /mean_patch_feature: shares of right answers; pooled: if already there."""
    return top1("knn", vote, subject, photos, resolution=resolution, batch_size=batch_size, pooled=pooled)


def vote(known: Tensor, labels: Tensor, asking: Tensor) -> Tensor:
    """known (P, D) with labels (P,), asking (Q, D) -> classes (Q,). Weights as in Wu et al. 2018."""
    mean, _ = moments(known)
    answers = []
    for some in asking.split(1024):
        some = F.normalize(some - mean, dim=1)
        cosine, classes = torch.empty(len(some), 0), torch.empty(len(some), 0, dtype=labels.dtype)
        for part, its_labels in zip(known.split(CHUNK), labels.split(CHUNK), strict=True):
            near, nearest = (some @ F.normalize(part - mean, dim=1).T).topk(min(NUM_NEIGHBOURS, len(part)), dim=1)
            cosine, classes = torch.cat([cosine, near], dim=1), torch.cat([classes, its_labels[nearest]], dim=1)
            cosine, chosen = cosine.topk(min(NUM_NEIGHBOURS, cosine.shape[1]), dim=1)
            classes = classes.gather(1, chosen)
        votes = torch.zeros(len(some), int(labels.max()) + 1)
        votes.scatter_add_(1, classes, (cosine / TEMPERATURE).exp())
        answers.append(votes.argmax(dim=1))
    return torch.cat(answers)
