"""Mass: whether it follows the photo, whether any token is dead, and how much of X the product L S explains."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from model.factorization import Factorization
from model.variance import sums_of_squares
from train.evaluators import Value
from train.evaluators.photo_set import PhotoSet
from train.subjects import Subject

MEASURES = tuple(f"mass/{name}" for name in ("heaviest", "lightest", "num_heavy", "explained_variance", "dead"))
DESCRIPTION = ("means over photos: the heaviest and the lightest concept's mass, the number of concepts whose mass is "
               "above 1/K, the variance of the patch features around their mean that L S explains, the share of dead "
               "tokens (no patch above 1/K)")


def evaluate(subject: Subject, photos: PhotoSet, *, resolution: int = 448, batch_size: int = 8,
             seed: int = 0) -> Iterator[tuple[str, Value]]:
    """mass/heaviest, /lightest, /num_heavy, /explained_variance, /dead."""
    rows: dict[int, Tensor] = {}
    for indices, images in photos.batches(resolution=resolution, patch_size=subject.patch_size, batch_size=batch_size):
        rows |= zip(indices, measure(subject.factorize(images)).cpu(), strict=True)
    if not rows:
        raise ValueError(f"none of the photos in {photos.root} can be read.")
    table = torch.stack([rows[index] for index in sorted(rows)])
    for name, column in zip(MEASURES, table.T, strict=True):
        # A photo of one colour has no variance to explain.
        yield name, column.nanmean().item()


def measure(factorization: Factorization) -> Tensor:
    """-> (B, 5), in the order of `evaluate`."""
    mass, share = factorization.mass, 1 / factorization.num_tokens
    return torch.stack([
        mass.amax(dim=1), mass.amin(dim=1), (mass > share).float().sum(dim=1),
        explained_variance(factorization), (factorization.peak <= share).float().mean(dim=1)], dim=1)


def explained_variance(factorization: Factorization) -> Tensor:
    """(B,): 1 - |X - L S|^2 / |X - mean of X|^2; 1 is all of it, below 0 worse than the mean; NaN: there is none."""
    features = factorization.patch_features.double()
    left, total = sums_of_squares(features, factorization.low_rank.double())
    return (1 - left / total).where(total > 1e-9 * features.square().sum(dim=(1, 2)), torch.nan).float()
