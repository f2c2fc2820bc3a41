"""How many bytes of decoded pixels there are at once, whoever wants them."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from PIL import Image

BYTES_A_PIXEL = {"1": 1, "L": 1, "P": 1, "LA": 2, "PA": 2, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2, "RGB": 3}


class PixelBudget:
    """First come, first served, so that a large photo is not overtaken for ever; one that is larger than the whole
    budget is let in alone."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held = 0
        self._changed = Condition()
        self._line: deque[object] = deque()

    @property
    def held(self) -> int:
        return self._held

    @contextmanager
    def holding(self, nbytes: int) -> Iterator[None]:
        """Waits until there is room for so many."""
        place = object()
        with self._changed:
            self._line.append(place)
            try:
                self._changed.wait_for(
                    lambda: self._line[0] is place and (not self._held or self._held + nbytes <= self.most))
                self._held += nbytes
            finally:
                self._line.remove(place)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._held -= nbytes
                self._changed.notify_all()


def photo_size(data: bytes) -> tuple[int, int, int]:
    """(width, height, bytes of its pixels) of a photo, by its header alone; zeros where that cannot be read, which
    opening it says better."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            return width, height, width * height * BYTES_A_PIXEL.get(picture.mode, 4)
    except Exception:  # Pillow raises a dozen kinds on what is no picture, and a warning of its own on large ones
        return 0, 0, 0


def bytes_to_open(data: bytes) -> int:
    """The most memory that opening and fitting a photo takes: its pixels and their RGB, each once more as a copy."""
    width, height, nbytes = photo_size(data)
    return 2 * (nbytes + 3 * width * height)
