"""Segmentation: a linear probe of each patch's class, on patch features and on low-rank features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.evaluators import Value
from train.evaluators.feature_files import FeatureFiles
from train.evaluators.outlines import Outline
from train.evaluators.photo_set import PhotoSet
from train.subjects import Subject

SIDE = 448  # of the square on which labels are drawn and answers compared
NUM_STEPS, PHOTOS_A_STEP, LEARNING_RATE, WEIGHT_DECAY = 300, 8, 1e-3, 1e-4
BACKGROUND, IGNORED = 0, 255
FEATURES = ("patch_features", "low_rank")
MEASURES = ("segmentation/patch_features_miou", "segmentation/low_rank_miou")
DESCRIPTION = ("mIoU of a linear probe (batch norm + 1x1 convolution, AdamW, 300 steps of 8 photos) on patch features "
               "and on low-rank features: every other photo in file order is learnt from, the others are measured at "
               "448 x 448; background and the classes of both halves, other classes ignored")


@dataclass(frozen=True)
class Seen:
    """A photo, mapped from the disk: features {name: (N, D) float16}, its patch grid, labels (SIDE, SIDE) uint8, shares
    (N, classes) float32 of each class in each patch."""

    features: dict[str, np.memmap]
    patch_grid: tuple[int, int]
    labels: np.memmap
    shares: np.memmap


def evaluate(subject: Subject, photos: PhotoSet, *, resolution: int = 448, batch_size: int = 8,
             seed: int = 0) -> Iterator[tuple[str, Value]]:
    """segmentation/patch_features_miou, segmentation/low_rank_miou.

    Raises ValueError where the two halves of the photos share no class.
    """
    photos = photos.with_outlines()
    outlines = [photos.outlines(index) or [] for index in range(len(photos))]
    class_names = shared_classes(outlines)
    if not class_names:
        raise ValueError(f"the photos of {photos.root} with outlines share no class between the even and the odd ones "
                         "in file order; segmentation needs at least one.")
    files = FeatureFiles(photos.cache)
    seen = look(subject, photos, outlines, class_names, files, resolution=resolution, batch_size=batch_size)
    halves = [[seen[index] for index in sorted(seen) if index % 2 == half] for half in (0, 1)]
    if not all(halves):
        raise ValueError(f"{photos.root} has too few photos with outlines that can be read; segmentation needs two.")
    for name in FEATURES:
        probe = learn(halves[0], name, num_classes=1 + len(class_names), seed=seed)
        yield f"segmentation/{name}_miou", mean_iou(probe, halves[1], name, num_classes=1 + len(class_names))


def look(subject: Subject, photos: PhotoSet, outlines: list[list[Outline]], class_names: list[str],
         files: FeatureFiles, *, resolution: int, batch_size: int) -> dict[int, Seen]:
    """Every readable photo once -> what is seen of it, by its index; both probes share it."""
    rows = {name: files.rows(name, np.float16) for name in FEATURES}
    labels, shares = files.rows("labels", np.uint8), files.rows("shares", np.float32)
    places: dict[int, tuple[slice, int, tuple[int, int]]] = {}
    for indices, images in photos.batches(resolution=resolution, patch_size=subject.patch_size, batch_size=batch_size):
        factorization = subject.factorize(images).to("cpu")
        for row, index in enumerate(indices):
            for name in FEATURES:
                patches = rows[name].add(getattr(factorization, name)[row].half().numpy())
            drawn = draw(outlines[index], class_names)
            labels.add(drawn[None].numpy())
            shares.add(patch_shares(drawn, factorization.patch_grid, 1 + len(class_names)).numpy())
            places[index] = patches, labels.end - 1, factorization.patch_grid
    if not places:
        return {}
    features, labels, shares = {name: rows[name].mapped() for name in FEATURES}, labels.mapped(), shares.mapped()
    return {index: Seen({name: features[name][patches] for name in FEATURES}, grid, labels[row], shares[patches])
            for index, (patches, row, grid) in places.items()}


def shared_classes(outlines: list[list[Outline]]) -> list[str]:
    """The classes with an object in an even photo and one in an odd photo; at most 254, the commonest."""
    even, odd = ({outline.label for some in outlines[half::2] for outline in some} for half in (0, 1))
    count = Counter(outline.label for some in outlines for outline in some)
    return sorted(sorted(even & odd, key=lambda name: (-count[name], name))[: IGNORED - 1])


def draw(outlines: list[Outline], class_names: list[str]) -> Tensor:
    """-> (SIDE, SIDE) uint8: background 0, classes from 1, the classes that do not count IGNORED; small over large."""
    number = {name: index for index, name in enumerate(class_names, start=1)}
    labels = torch.full((SIDE, SIDE), BACKGROUND, dtype=torch.uint8)
    masks = [(outline.label, outline.mask(SIDE)) for outline in outlines]
    for label, mask in sorted(masks, key=lambda pair: -pair[1].sum()):
        labels[torch.from_numpy(mask.copy())] = number.get(label, IGNORED)
    return labels


def learn(half: list[Seen], name: str, *, num_classes: int, seed: int) -> nn.Module:
    """-> the probe, in eval mode. Photos of different grids train together: a 1x1 convolution knows no neighbours, so
    it is a linear map of patches, whose target is the share of each class in the patch.
    """
    generator = torch.Generator().manual_seed(seed)
    width = half[0].features[name].shape[1]
    linear = nn.Linear(width, num_classes)
    with torch.no_grad():
        linear.weight.normal_(0, 0.01, generator=generator)
        linear.bias.zero_()
    probe = nn.Sequential(nn.BatchNorm1d(width), linear)
    optimizer = torch.optim.AdamW(probe.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=NUM_STEPS)
    with torch.enable_grad():
        for _ in range(NUM_STEPS):
            chosen = torch.randperm(len(half), generator=generator)[:PHOTOS_A_STEP].tolist()
            features = torch.cat([torch.from_numpy(half[photo].features[name]) for photo in chosen]).float()
            shares = torch.cat([torch.from_numpy(half[photo].shares) for photo in chosen])
            if len(features) < 2:  # a batch norm needs two
                continue
            loss = -(shares * probe(features).log_softmax(dim=1)).sum() / shares.sum().clamp_min(1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return probe.eval()


def patch_shares(labels: Tensor, patch_grid: tuple[int, int], num_classes: int) -> Tensor:
    """(SIDE, SIDE) -> (N, classes): how much of each patch is of each class; what is ignored is of none."""
    classes = (labels == torch.arange(num_classes, dtype=torch.uint8)[:, None, None]).float()
    return F.adaptive_avg_pool2d(classes[None], patch_grid)[0].flatten(1).T.contiguous()


@torch.no_grad()
def mean_iou(probe: nn.Module, half: list[Seen], name: str, *, num_classes: int) -> float:
    """The mean over the classes that occur of intersection over union, over all photos together."""
    confusion = torch.zeros(num_classes, num_classes, dtype=torch.long)
    for photo in half:
        logits = probe(torch.from_numpy(photo.features[name]).float()).T.unflatten(1, photo.patch_grid)
        answers = F.interpolate(logits[None], size=(SIDE, SIDE), mode="bilinear", align_corners=False)[0].argmax(dim=0)
        labels = torch.from_numpy(photo.labels)
        counted = labels != IGNORED
        pairs = labels[counted].long() * num_classes + answers[counted]
        confusion += torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)
    right, union = confusion.diag(), confusion.sum(dim=0) + confusion.sum(dim=1) - confusion.diag()
    return (right[union > 0] / union[union > 0]).mean().item()
