"""How many bytes of decoded pixels there are at once, whoever wants them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


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
