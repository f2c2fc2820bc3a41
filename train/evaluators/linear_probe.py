"""Linear probe: the class of a photo by a logistic regression on one vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from train.evaluators import Value
from train.evaluators.photo_set import PhotoSet
from train.evaluators.pooled import CHUNK, POOLED, RESOLUTION, Pooled, moments, top1
from train.subjects import Subject

NUM_ITERATIONS = 200
MEASURES = tuple(f"linear_probe/{name}" for name in POOLED)
DESCRIPTION = ("linear probe top-1: in each class every other photo in file order is learnt from, the others ask; "
               "logistic regression with unit L2 penalty on standardised features, L-BFGS; long side 224 px")


def evaluate(subject: Subject, photos: PhotoSet, *, resolution: int = RESOLUTION, batch_size: int = 16, seed: int = 0,
             pooled: Pooled | None = None) -> Iterator[tuple[str, Value]]:
    """linear_probe/summary, /mean_concept, /mean_patch_feature: shares of right answers; pooled: if already there."""
    return top1("linear_probe", classify, subject, photos, resolution=resolution, batch_size=batch_size, pooled=pooled)


def classify(known: Tensor, labels: Tensor, asking: Tensor) -> Tensor:
    """known (P, D) with labels (P,), asking (Q, D) -> classes (Q,)."""
    weight, bias = learn(known, labels, num_classes=int(labels.max()) + 1)
    return torch.cat([(some @ weight.T + bias).argmax(dim=1) for some in asking.split(CHUNK)])


def learn(known: Tensor, labels: Tensor, *, num_classes: int, shares: Tensor | None = None,
          num_examples: int | None = None) -> tuple[Tensor, Tensor]:
    """known (P, D) with labels (P,) -> weight (C, D) and bias (C,) for features as they come.

    Minimises, over standardised features, cross-entropy + |W|^2 / 2P from zero: convex, so nothing is drawn.
    shares: (P,) what each counts for, summing to 1 (default: evenly). num_examples: another P for the penalty, where
    several rows are of one example.
    """
    mean, std = moments(known)
    std = std.clamp_min(1e-6)
    parts: Sequence[Tensor] = known.split(CHUNK)
    if len(parts) == 1:  # else each is read from the disk, and standardised, every time
        parts = [(known - mean) / std]
    if shares is None:
        shares = torch.full((len(known),), 1 / len(known))
    weight = torch.zeros(num_classes, known.shape[1], requires_grad=True)
    bias = torch.zeros(num_classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=NUM_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = weight.square().sum() / (2 * (num_examples or len(known)))
        loss.backward()
        total = loss.detach()
        for part, its_labels, its_shares in zip(parts, labels.split(CHUNK), shares.split(CHUNK), strict=True):
            features = part if len(parts) == 1 else (part - mean) / std
            loss = F.cross_entropy(features @ weight.T + bias, its_labels, reduction="none") @ its_shares
            loss.backward()
            total = total + loss.detach()
        return total

    with torch.enable_grad():
        optimizer.step(closure)
    scaled = weight.detach() / std
    return scaled, bias.detach() - scaled @ mean
