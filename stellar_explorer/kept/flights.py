"""Work that several ask for at the same moment is done once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from threading import Lock


class Flights:
    """A lock a key, there for as long as somebody holds or wants it.

    Whoever comes second finds in the cache what the first has put there. Where the first failed, the next tries anew.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._keys: dict[Hashable, list] = {}  # the key's lock, and how many hold or want it

    def __len__(self) -> int:
        return len(self._keys)

    @contextmanager
    def alone(self, key: Hashable) -> Iterator[None]:
        with self._lock:
            entry = self._keys.setdefault(key, [Lock(), 0])
            entry[1] += 1
        try:
            with entry[0]:
                yield
        finally:
            with self._lock:
                entry[1] -= 1
                if not entry[1]:
                    del self._keys[key]
