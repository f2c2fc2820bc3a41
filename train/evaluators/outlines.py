"""Outlines: the objects of a photo, in a text file beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from photos.sources.filenames import readable

FINER = 4  # an outline's canvas, each way, than its mask
SLACK = 0.01  # of a side: rounded numbers lie a little outside


class Boxes(Enum):
    """What the four numbers of a box are: two opposite corners, or its centre, width and height (YOLO's)."""

    CORNERS = "corners"
    CENTRES = "centres"


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


def read_outlines(file: Path, boxes: Boxes = Boxes.CORNERS) -> list[Outline]:
    """A line an object: `class x1 y1 x2 y2 x3 y3 ...`, its corners in 0..1, or `class` and the four numbers of a box.
    Raises ValueError, which names the file and the line."""
    outlines = []
    for number, label, values in lines_of(file):
        corners = np.array(values).reshape(-1, 2) if len(values) % 2 == 0 else np.empty((0, 2))
        if len(corners) < 2 or not (corners.min() >= -SLACK and corners.max() <= 1 + SLACK):  # also refuses NaN
            raise ValueError(f"{named(file)}, line {number}, is no outline; write `class x1 y1 x2 y2 ...`, numbers in "
                             "0..1.")
        if len(corners) == 2:
            (left, top), (right, bottom) = corners if boxes is Boxes.CORNERS else corners_of(corners)
            corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        outlines.append(Outline(label, corners.clip(0, 1)))
    return outlines


def layout_of(files: Iterable[Path], *, advice: str) -> Boxes | None:
    """What the boxes of a whole set are, since one alone may be read either way; None where there are none.

    Corners are those of upper left and lower right, and a centre's box lies within the photo. A set of which every box
    fits one reading alone is of that one. Raises ValueError where both fit each, or neither does; `advice`: how a
    person says which it is.
    """
    first = no_corners = no_centres = None
    for file in files:
        for number, _, values in lines_of(file):
            if len(values) != 4:
                continue
            place, box = f"{named(file)}, line {number}", np.array(values).reshape(2, 2)
            first = first or place
            no_corners = no_corners or (place if not (box[0] < box[1]).all() else None)
            corners = corners_of(box)
            if not ((box[1] > 0).all() and corners.min() >= -SLACK and corners.max() <= 1 + SLACK):
                no_centres = no_centres or place
    if first is None:
        return None
    if no_corners and no_centres:
        raise ValueError(f"The boxes are neither of corners (see {no_corners}) nor of centre and size (see "
                         f"{no_centres}); mend the files, or say which they are with {advice}.")
    if not no_corners and not no_centres:
        raise ValueError(f"The boxes (see {first}) can be read as `class x1 y1 x2 y2` and as `class cx cy width "
                         f"height`; say which they are with {advice}.")
    return Boxes.CENTRES if no_corners else Boxes.CORNERS


def corners_of(box: np.ndarray) -> np.ndarray:
    """(2, 2), centre and size -> upper left and lower right."""
    return np.array([box[0] - box[1] / 2, box[0] + box[1] / 2])


def is_of_outlines(file: Path) -> bool | None:
    """False for a caption or any other text: no line of it is a class and four numbers or more. None for an empty file:
    a photo without objects, where others have some."""
    text = text_of(file)
    if not text.strip():
        return None
    return any(len(values) >= 4 for _, _, values in parsed(text))


def lines_of(file: Path) -> Iterator[tuple[int, str, list[float]]]:
    """(number, class, numbers) of each line with something on it; what is no number stops a line's."""
    return parsed(text_of(file))


def parsed(text: str) -> Iterator[tuple[int, str, list[float]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            label, *words = line.split()
            try:
                yield number, label, [float(word) for word in words]
            except ValueError:
                yield number, label, []


def text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")  # a caption may be of any encoding
    except OSError as error:
        raise ValueError(f"{named(file)} cannot be read as outlines ({error.strerror}).") from error


def named(file: Path) -> str:
    return readable(str(file))
