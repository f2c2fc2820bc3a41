"""A cache that is bounded by bytes, not by entries: a 1024 px analysis weighs forty times a 224 px one."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class FullError(RuntimeError):
    """What is kept is all in use, and there is no room for more."""


@dataclass
class Entry(Generic[Value]):
    """until: the time up to which somebody said that it is in use."""

    value: Value
    nbytes: int
    until: float = -math.inf


class ByteBoundedCache(Generic[Value]):
    """Least recently used out first, but last what is in use. Safe from several threads. What is larger than the whole
    bound is not kept.

    keeps_used: what is in use never goes; `put` raises FullError instead.
    """

    def __init__(self, max_bytes: int, *, keeps_used: bool = False,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.max_bytes = max_bytes
        self._keeps_used, self._clock = keeps_used, clock
        self._entries: OrderedDict[Hashable, Entry[Value]] = OrderedDict()
        self._nbytes = 0
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        return self._nbytes

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Value | None:
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key].value

    def lease(self, key: Hashable, seconds: float) -> int | None:
        """It is in use for so long from now -> its bytes; None where it is not kept."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            entry.until = self._clock() + seconds
            return entry.nbytes

    def put(self, key: Hashable, value: Value, nbytes: int) -> None:
        with self._lock:
            known = self._entries.get(key)
            until = known.until if known is not None else -math.inf
            if self._keeps_used and nbytes <= self.max_bytes and nbytes + self._bytes_in_use(key) > self.max_bytes:
                raise FullError("What is kept is all in use.")
            if known is not None:
                self._nbytes -= self._entries.pop(key).nbytes
            if nbytes > self.max_bytes:
                return
            self._make_room(nbytes)
            self._entries[key] = Entry(value, nbytes, until)
            self._nbytes += nbytes

    def _make_room(self, nbytes: int) -> None:
        now = self._clock()
        in_order = sorted(self._entries, key=lambda key: self._entries[key].until >= now)  # and else by their last use
        for key in in_order:
            if self._nbytes + nbytes <= self.max_bytes:
                break
            self._nbytes -= self._entries.pop(key).nbytes

    def _bytes_in_use(self, but: Hashable) -> int:
        now = self._clock()
        return sum(entry.nbytes for key, entry in self._entries.items() if key != but and entry.until >= now)
