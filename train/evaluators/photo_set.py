"""The photos to measure on: their classes by folder, or the outlines of what is in them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from photos.decoding import open_photo
from photos.fitting import fit, pixels_of
from photos.limits import LOCAL
from photos.sources.filenames import readable
from photos.sources.files import Files
from photos.sources.open import find_photos
from photos.sources.report import NOTHING, Reason, Report
from photos.sources.splits import split_of_picture
from train.evaluators.outlines import Boxes, Outline, is_of_outlines, layout_of, read_outlines

ADVICE = "--boxes corners or --boxes centres (of a run's own evaluations: --set evaluations.0.boxes=corners)"


@dataclass
class PhotoSet:
    """Photos in file order. A photo that cannot be read is left out of every measure, and `skipped` says why.

    Whether a photo is looked up or asks, trains or is held out, follows from its place in this order, whatever else was
    skipped. `progress` is called for each photo. boxes: how those beside the photos are written, None to see it
    from all of `whole`, the set that this one is a part of. left_out: what of the folder is no photo. cache: where
    features lie while they are needed, None for the system's folder for temporary files.
    """

    root: Path
    paths: list[Path]
    progress: Callable[[int], object] = lambda count: None
    skipped: dict[Path, str] = field(default_factory=dict)
    boxes: Boxes | None = None
    whole: PhotoSet | None = None
    left_out: Report = NOTHING
    cache: Path | None = None

    @classmethod
    def open(cls, folder: str | Path, *, limit: int | None = None, boxes: Boxes | None = None) -> PhotoSet:
        """All photos of a folder or a list, or `limit` of them spread over it (over its classes, where it has some).

        Raises ValueError, which names the folder, where there are none.
        """
        found = find_photos(folder)
        if not isinstance(found, Files):
            raise ValueError(f"{readable(str(folder))} holds tables or archives of photos; name a folder of photos.")
        return cls.of(found, limit=limit, boxes=boxes)

    @classmethod
    def of(cls, found: Files, *, limit: int | None = None, boxes: Boxes | None = None,
           split_is_named: bool = False) -> PhotoSet:
        """split_is_named: the photos are those of one split, in whose folder the classes' folders are; else raises
        ValueError where there are several."""
        if not split_is_named:
            check_one_split(str(found.root), found.left_out)
        root, paths = found.root, [found.path_of(number) for number in range(len(found))]
        firsts = {path.partition("/")[0] for path in found.paths}
        if split_is_named and len(firsts) == 1 and split_of_picture(found.paths[0]) is not None:
            root = root / firsts.pop()
        photos = cls(root, paths, boxes=boxes, left_out=found.left_out)
        return photos if limit is None or limit >= len(photos) else photos.part(photos._spread(limit))

    def part(self, paths: list[Path]) -> PhotoSet:
        """Some of its photos, counted and skipped together with these."""
        return PhotoSet(self.root, paths, self.progress, self.skipped, self.boxes, self.whole or self, self.left_out,
                        self.cache)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def title(self) -> str:
        """For people, without where it lies on this machine."""
        return readable(self.root.resolve().name)

    @property
    def described(self) -> str:
        """By what it is known from one run to the next."""
        return f"{self.title} ({len(self)} photos)"

    def lack(self, needs: str) -> str:
        """What is said where it has no classes or no outlines."""
        return f"has no {needs}"

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

    @cached_property
    def texts(self) -> dict[Path, bool | None]:
        """The text files beside photos, by photo: of outlines (True), of something else (False), or empty (None)."""
        beside = ((path, path.with_suffix(".txt")) for path in self.paths)
        return {path: is_of_outlines(file) for path, file in beside if file.is_file()}

    @property
    def has_outlines(self) -> bool:
        return any(self.texts.values())

    @property
    def num_captions(self) -> int:
        """Text files beside photos that are no outlines."""
        return sum(is_outlines is False for is_outlines in self.texts.values())

    @property
    def others(self) -> Report:
        """What of the folder is no photo, and no text beside one."""
        beside = {readable(path.with_suffix(".txt").relative_to(self.root).as_posix()) for path in self.texts}
        return Report(tuple(entry for entry in self.left_out.left_out if entry.name not in beside))

    @cached_property
    def layout(self) -> Boxes:
        """Raises ValueError where the boxes beside the photos do not show how they are written."""
        if self.whole is not None:
            return self.whole.layout
        files = (path.with_suffix(".txt") for path, is_outlines in self.texts.items() if is_outlines)
        return self.boxes or layout_of(files, advice=ADVICE) or Boxes.CORNERS

    def outlines(self, index: int) -> list[Outline] | None:
        """The objects of a photo; None where no file of outlines lies beside it. Raises ValueError naming the line."""
        path = self.paths[index]
        if self.texts.get(path, False) is False:
            return None
        return read_outlines(path.with_suffix(".txt"), self.layout)

    def with_outlines(self) -> PhotoSet:
        """The photos beside which a file of outlines lies, counted and skipped together with these."""
        return self.part([path for path in self.paths if self.texts.get(path, False) is not False])

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


def check_one_split(place: str, left_out: Report) -> None:
    """ValueError where photos of other splits are left out: a person does not know which ones are measured."""
    splits = sorted({str(entry.detail) for entry in left_out.left_out if entry.reason is Reason.SPLIT})
    if splits:
        raise several_splits(place, ["train", *splits])


def several_splits(place: str, splits: list[str]) -> ValueError:
    other = next(split for split in splits if split != "train")
    return ValueError(f"{readable(place)} has the splits {', '.join(splits)}; name the folder of one, "
                      f"{readable(str(Path(place) / other))}, or give --split {other}.")
