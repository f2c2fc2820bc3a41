"""Equivariance: when a photo moves, does where the concepts are move, and what they say stay?"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from model.factorization import Factorization
from train.evaluators import Value
from train.evaluators.photo_set import PhotoSet
from train.photos import fit
from train.subjects import Subject

SHARED = 0.6  # of the photo, by two crops
SHIFT = 0.125  # of a side, at most
ANGLE = 10.0  # degrees, at most
CHANGES = ("crops", "shifts", "flips", "rotations")
DESCRIPTION = (
    "means over pairs of a photo and the changed photo (two crops that share 60 % of it; a shift of at most an eighth "
    "of a side; a flip; a rotation of at most 10 degrees), tokens matched by cosine, one to one; from_localization, "
    "from_semantics and remainder: |dL S|, |L dS| and |dL dS| relative to |dZ|, Z = L S on a fixed grid; unforeseen: "
    "what moving L alone does not foretell of the changed Z, relative to its deviation from its mean; invariance: "
    "cosine of matched semantics (plain, and weighted by mass) and of L S at the same places of the photo")

# A map takes the places of the changed photo to those of the photo it was before: (2, 3), over coordinates in -1..1
# (x right, y down), as torch.nn.functional.affine_grid has them.


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
        for change, before, after, motion in pairs(subject, photo, generator, resolution=resolution):
            for name, value in compare(before, after, motion).items():
                family, measure = name.split("/")
                sums[f"{family}/{change}/{measure}"].append(value)
    if not sums:
        raise ValueError(f"none of the photos in {photos.root} can be read.")
    for name, values in sums.items():
        yield name, torch.tensor(values).nanmean().item()


def pairs(
    subject: Subject, photo: Tensor, generator: torch.Generator, *, resolution: int
) -> Iterator[tuple[str, Factorization, Factorization, Tensor]]:
    """photo uint8 (3, H, W) -> (change, before, after, map from after's places to before's), one a change."""

    def factorize(*images: Tensor) -> list[Factorization]:
        together = subject.factorize(torch.stack(images)).to("cpu")
        return [one_of(together, row) for row in range(len(images))]

    first, second = two_crops(tuple(photo.shape[1:]), generator)
    crops = [fit(photo[:, top:bottom, left:right], resolution=resolution, patch_size=subject.patch_size)
             for top, left, bottom, right in (first, second)]
    yield "crops", *factorize(*crops), motion_between(first, second)

    image = fit(photo, resolution=resolution, patch_size=subject.patch_size)
    motions = {"shifts": shift(generator), "flips": flip(), "rotations": rotation(tuple(image.shape[1:]), generator)}
    before, *afters = factorize(image, *(move(image, motion) for motion in motions.values()))
    for (change, motion), after in zip(motions.items(), afters, strict=True):
        yield change, before, after, motion


def compare(before: Factorization, after: Factorization, motion: Tensor) -> dict[str, float]:
    """A pair, one photo each -> equivariance/from_localization, /from_semantics, /remainder, /unforeseen and
    invariance/semantics, /semantics_by_mass, /low_rank.

    Z_after - Z_before = dL S + L dS + dL dS, with L and S those before and both Z on the grid after: as the paper has
    it, a place of the grid stays and the photo moves under it, so of a good model dL is large and dS small. Only where
    the photo moved is known (`unforeseen`, `low_rank`): patches after that lie wholly in the photo before.
    """
    tokens = match(before.semantics[0], after.semantics[0])
    semantics, changed = before.semantics[0], after.semantics[0, tokens]
    localization = before.localization[0]
    changed_localization = after.localization[0, :, tokens]
    by_localization = (changed_localization - localization) @ semantics
    by_semantics = localization @ (changed - semantics)
    both = (changed_localization - localization) @ (changed - semantics)
    total = (by_localization + by_semantics + both).norm()

    moved, visible = resample(before, motion)
    foretold, seen = (moved @ semantics)[visible], after.low_rank[0][visible]
    cosine = F.cosine_similarity(semantics, changed, dim=1)
    weight = (before.mass[0] + after.mass[0, tokens]) / 2
    return {
        "equivariance/from_localization": relative(by_localization.norm(), total),
        "equivariance/from_semantics": relative(by_semantics.norm(), total),
        "equivariance/remainder": relative(both.norm(), total),
        "equivariance/unforeseen": relative((seen - foretold).norm(), (seen - seen.mean(dim=0)).norm()),
        "invariance/semantics": cosine.mean().item(),
        "invariance/semantics_by_mass": ((cosine * weight).sum() / weight.sum()).item(),
        "invariance/low_rank": F.cosine_similarity(foretold, seen, dim=1).mean().item(),
    }


def relative(part: Tensor, whole: Tensor) -> float:
    """Nothing of nothing is 0; NaN, which the means leave out, where the whole alone is nothing."""
    if whole <= 1e-9:
        return 0.0 if part <= 1e-6 else math.nan
    return (part / whole).item()


def match(semantics: Tensor, changed: Tensor) -> Tensor:
    """(K, D), (K, D) -> (K,): for each token one of the changed photo, one to one; the sum of cosines is largest."""
    cosine = F.normalize(semantics, dim=1) @ F.normalize(changed, dim=1).T
    return torch.from_numpy(linear_sum_assignment(cosine.numpy(), maximize=True)[1])


def one_of(factorization: Factorization, row: int) -> Factorization:
    """One photo of a batch, as a batch of one."""
    return Factorization(factorization.semantics[row, None], factorization.localization[row, None],
                         factorization.patch_features[row, None], factorization.summary[row, None],
                         factorization.patch_grid)


def token_maps(factorization: Factorization) -> Tensor:
    """(1, K, rows, cols)."""
    return factorization.localization.mT.unflatten(2, factorization.patch_grid)


def resample(factorization: Factorization, motion: Tensor) -> tuple[Tensor, Tensor]:
    """The localization moved as the photo was, (N, K), and which patches (N,) of the changed photo lie wholly in the
    photo before. The changed photo has the same patch grid.
    """
    places = F.affine_grid(motion[None], [1, 1, *factorization.patch_grid], align_corners=False)
    moved = F.grid_sample(token_maps(factorization), places, mode="bilinear", padding_mode="border",
                          align_corners=False)
    rows, cols = factorization.patch_grid
    visible = (places[0, ..., 0].abs() <= 1 - 1 / cols + 1e-4) & (places[0, ..., 1].abs() <= 1 - 1 / rows + 1e-4)
    return moved[0].flatten(1).T, visible.flatten()


def move(image: Tensor, motion: Tensor) -> Tensor:
    """(3, H, W) in 0..1 -> the same size; what comes in over the border is the photo mirrored."""
    if torch.equal(motion, flip()):
        return image.flip(2)
    places = F.affine_grid(motion[None], [1, *image.shape], align_corners=False)
    return F.grid_sample(image[None], places, mode="bicubic", padding_mode="reflection",
                         align_corners=False)[0].clamp(0, 1)


def flip() -> Tensor:
    """Left is right."""
    return torch.tensor([[-1.0, 0, 0], [0, 1, 0]])


def shift(generator: torch.Generator) -> Tensor:
    across, down = (2 * torch.rand(2, generator=generator) - 1) * 2 * SHIFT  # a side is 2 long here
    return torch.tensor([[1, 0, across], [0, 1, down]])


def rotation(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Round the centre, by pixels of equal sides whatever the photo's aspect."""
    height, width = size
    angle = math.radians(ANGLE) * (2 * torch.rand((), generator=generator).item() - 1)
    sine, cosine = math.sin(angle), math.cos(angle)
    return torch.tensor([[cosine, -sine * height / width, 0], [sine * width / height, cosine, 0]])


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


def motion_between(before: tuple[int, int, int, int], after: tuple[int, int, int, int]) -> Tensor:
    """The map from a crop's places to another crop's of the same photo; boxes as in `two_crops`."""
    rows = []
    for low, high in ((1, 3), (0, 2)):
        length = before[high] - before[low]
        scale = (after[high] - after[low]) / length
        offset = ((after[low] + after[high]) - (before[low] + before[high])) / length
        rows.append((scale, offset))
    (scale_x, offset_x), (scale_y, offset_y) = rows
    return torch.tensor([[scale_x, 0, offset_x], [0, scale_y, offset_y]])
