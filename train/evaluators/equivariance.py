"""Equivariance: when a photo moves, does where the concepts are move, and what they say stay?"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor

from model.factorization import Factorization
from model.operations import motion
from model.operations.equivariance import compare, one_of
from photos.fitting import fit
from train.evaluators import Value
from train.evaluators.photo_set import PhotoSet
from train.subjects import Subject

SHARED = 0.6  # of the photo, by two crops
SHIFT = 0.125  # of a side, at most
ANGLE = 10.0  # degrees, at most
CHANGES = ("crops", "shifts", "flips", "rotations")
COMPARED = ("equivariance/from_localization", "equivariance/from_semantics", "equivariance/remainder",
            "equivariance/unpredicted", "invariance/semantics", "invariance/semantics_by_mass", "invariance/low_rank")
MEASURES = tuple(name.replace("/", f"/{change}/") for change in CHANGES for name in COMPARED)
DESCRIPTION = (
    "means over pairs of a photo and the changed photo (two crops that share 60 % of it; a shift of at most an eighth "
    "of a side; a flip; a rotation of at most 10 degrees), tokens matched by cosine, one to one; from_localization, "
    "from_semantics and remainder: |dL S|, |L dS| and |dL dS| relative to |dZ|, Z = L S on a fixed grid; unpredicted: "
    "what moving L alone does not predict of the changed Z, relative to its deviation from its mean; invariance: "
    "cosine of matched semantics (plain, and weighted by mass) and of L S at the same places of the photo")


def evaluate(subject: Subject, photos: PhotoSet, *, resolution: int = 448, batch_size: int = 8,
             seed: int = 0) -> Iterator[tuple[str, Value]]:
    """equivariance/CHANGE/..., invariance/CHANGE/... for the changes in CHANGES.

    What is drawn for a photo depends on the seed and its place alone: every subject sees the same changes.
    """
    sums: dict[str, list[float]] = defaultdict(list)
    for index in range(len(photos)):
        photo = photos.read(index)
        if photo is None:
            continue
        generator = torch.Generator().manual_seed(seed * 1_000_003 + index)
        for change, before, after, moved in pairs(subject, photo, generator, resolution=resolution):
            for name, value in compare(before, after, moved).items():
                family, measure = name.split("/")
                sums[f"{family}/{change}/{measure}"].append(value)
    if not sums:
        raise ValueError(f"none of the photos in {photos.root} can be read.")
    for name, values in sums.items():
        yield name, torch.tensor(values).nanmean().item()


def pairs(
    subject: Subject, photo: Tensor, generator: torch.Generator, *, resolution: int
) -> Iterator[tuple[str, Factorization, Factorization, Tensor]]:
    """photo uint8 (3, H, W) -> (change, before, after, motion), one a change."""

    def factorize(*images: Tensor) -> list[Factorization]:
        together = subject.factorize(torch.stack(images)).to("cpu")
        return [one_of(together, row) for row in range(len(images))]

    first, second = two_crops(tuple(photo.shape[1:]), generator)
    crops = [fit(photo[:, top:bottom, left:right], resolution=resolution, patch_size=subject.patch_size)[0]
             for top, left, bottom, right in (first, second)]
    yield "crops", *factorize(*crops), motion.between(first, second)

    image = fit(photo, resolution=resolution, patch_size=subject.patch_size)[0]
    motions = {"shifts": draw_shift(generator), "flips": motion.flip(),
               "rotations": draw_rotation(tuple(image.shape[1:]), generator)}
    before, *afters = factorize(image, *(motion.move(image, moved) for moved in motions.values()))
    for (change, moved), after in zip(motions.items(), afters, strict=True):
        yield change, before, after, moved


def draw_shift(generator: torch.Generator) -> Tensor:
    across, down = ((2 * torch.rand(2, generator=generator) - 1) * 2 * SHIFT).tolist()  # a side is 2 long here
    return motion.shift(across, down)


def draw_rotation(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    return motion.rotation(size, math.radians(ANGLE) * (2 * torch.rand((), generator=generator).item() - 1))


def two_crops(size: tuple[int, int], generator: torch.Generator) -> list[tuple[int, int, int, int]]:
    """(top, left, bottom, right) twice: crops of one size in opposite corners that share SHARED of the photo.

    How much of the 60 % is lost down and how much across is drawn, and so is the diagonal.
    """
    down = torch.rand((), generator=generator).item()
    mirrored = torch.rand((), generator=generator).item() < 0.5
    height, width = size
    crop_height = max(round(height * (1 + SHARED**down) / 2), 1)
    crop_width = max(round(width * (1 + SHARED ** (1 - down)) / 2), 1)
    first, second = (0, crop_width), (width - crop_width, width)
    if mirrored:
        first, second = second, first
    return [(0, first[0], crop_height, first[1]), (height - crop_height, second[0], height, second[1])]
