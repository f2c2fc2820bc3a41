"""The photos to measure on: their classes by folder, or the outlines of what is in them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from photos.decoding import open_photo
from photos.fitting import fit, pixels_of
from photos.folder import list_photos
from photos.limits import LOCAL

FINER = 4  # an outline's canvas, each way, than its mask


@dataclass(frozen=True)
class Outline:
    """An object: its class as the file has it, and its corners (P, 2), x and y in 0..1 of the photo's sides."""

    label: str
    corners: np.ndarray

    def mask(self, side: int) -> np.ndarray:
        """(side, side) bool: the pixels whose middles lie in the object, on the photo squashed to a square."""
        # Pillow cuts corners down to whole pixels and fills the border's too, which would make an object a pixel larger
        # to the right and down. So it draws on a finer canvas, corners rounded, of which the middles are taken.
        canvas = Image.new("1", (FINER * side, FINER * side))
        ImageDraw.Draw(canvas).polygon([tuple(corner) for corner in self.corners * (FINER * side) + 0.5], fill=1)
        return np.asarray(canvas)[FINER // 2 :: FINER, FINER // 2 :: FINER]


@dataclass
class PhotoSet:
    """Photos in file order. A photo that cannot be read is left out of every measure, and `skipped` says why.

    Whether a photo is looked up or asks, trains or is held out, follows from its place in this order, whatever else was
    skipped. `progress` is told of every photo passed.
    """

    root: Path
    paths: list[Path]
    progress: Callable[[int], object] = lambda count: None
    skipped: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: str | Path, *, limit: int | None = None) -> PhotoSet:
        """All photos of a folder, or `limit` of them spread over it (over its classes, where it has some).

        Raises ValueError, which names the folder, where there are none.
        """
        photos = cls(Path(folder), list_photos(folder))
        return photos if limit is None or limit >= len(photos) else cls(photos.root, photos._spread(limit))

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def class_names(self) -> list[str]:
        """The folders directly below the root, when every photo lies in one and there are two or more; else none."""
        parts = [path.relative_to(self.root).parts for path in self.paths]
        names = sorted({part[0] for part in parts if len(part) > 1})
        return names if len(names) > 1 and all(len(part) > 1 for part in parts) else []

    @cached_property
    def labels(self) -> list[int]:
        """Each photo's number in `class_names`."""
        number = {name: index for index, name in enumerate(self.class_names)}
        return [number[path.relative_to(self.root).parts[0]] for path in self.paths]

    @cached_property
    def ranks(self) -> list[int]:
        """Each photo's place among the photos of its class, or among all where there are no classes."""
        if not self.class_names:
            return list(range(len(self.paths)))
        seen: Counter[int] = Counter()
        ranks = []
        for label in self.labels:
            ranks.append(seen[label])
            seen[label] += 1
        return ranks

    @property
    def has_outlines(self) -> bool:
        return any(path.with_suffix(".txt").is_file() for path in self.paths)

    def outlines(self, index: int) -> list[Outline] | None:
        """The objects of a photo; None where no file of outlines lies beside it. Raises ValueError naming the line."""
        file = self.paths[index].with_suffix(".txt")
        return read_outlines(file) if file.is_file() else None

    def with_outlines(self) -> PhotoSet:
        """The photos beside which a file of outlines lies, told and skipped together with these."""
        paths = [path for path in self.paths if path.with_suffix(".txt").is_file()]
        return PhotoSet(self.root, paths, self.progress, self.skipped)

    def read(self, index: int) -> Tensor | None:
        """uint8 (3, H, W), or None for a photo that cannot be read."""
        self.progress(1)
        try:
            return pixels_of(open_photo(self.paths[index], limits=LOCAL))
        except ValueError as error:
            self.skipped[self.paths[index]] = str(error)
            return None

    def images(self, *, resolution: int, patch_size: int) -> Iterator[tuple[int, Tensor]]:
        """(index, image (3, h, w) in 0..1) of every readable photo, in file order."""
        for index in range(len(self)):
            photo = self.read(index)
            if photo is not None:
                yield index, fit(photo, resolution=resolution, patch_size=patch_size)[0]

    def batches(self, *, resolution: int, patch_size: int, batch_size: int) -> Iterator[tuple[list[int], Tensor]]:
        """(indices, images (B, 3, h, w)): photos of one size together, so not in file order."""
        waiting: dict[tuple[int, ...], list[tuple[int, Tensor]]] = defaultdict(list)
        for index, image in self.images(resolution=resolution, patch_size=patch_size):
            batch = waiting[tuple(image.shape)]
            batch.append((index, image))
            if len(batch) == batch_size:
                yield stacked(batch)
                batch.clear()
        for batch in waiting.values():
            if batch:
                yield stacked(batch)

    def _spread(self, limit: int) -> list[Path]:
        if not self.class_names:
            return [self.paths[number * len(self) // limit] for number in range(limit)]
        # Of each class at least two, one to be looked up and one to ask; classes at even distances.
        each = max(limit // len(self.class_names), 2)
        num_classes = max(limit // each, 1)
        chosen = {number * len(self.class_names) // num_classes for number in range(num_classes)}
        return [path for path, label, rank in zip(self.paths, self.labels, self.ranks, strict=True)
                if label in chosen and rank < each]


def stacked(batch: list[tuple[int, Tensor]]) -> tuple[list[int], Tensor]:
    return [index for index, _ in batch], torch.stack([image for _, image in batch])


def read_outlines(file: Path) -> list[Outline]:
    """A line an object: `class x1 y1 x2 y2 x3 y3 ...`, its corners in 0..1; `class x1 y1 x2 y2` is a box between two
    opposite corners. Raises ValueError, which names the file and the line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read as outlines ({reason_of(error)}).") from error
    outlines = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        label, *numbers = line.split()
        try:
            corners = np.array([float(value) for value in numbers]).reshape(-1, 2)
        except ValueError:
            corners = np.empty((0, 2))
        if len(corners) < 2 or not (corners.min() >= -0.01 and corners.max() <= 1.01):  # also refuses NaN
            raise ValueError(f"{file}, line {number}, is no outline; write `class x1 y1 x2 y2 ...`, numbers in 0..1.")
        if len(corners) == 2:
            (left, top), (right, bottom) = corners
            corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        outlines.append(Outline(label, corners.clip(0, 1)))
    return outlines


def reason_of(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).splitlines()[0]
