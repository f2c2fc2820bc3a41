"""Files that visitors sent, removed a little after they were read.

Not at once: Gradio keeps an upload under its content's hash, so the same photo from two visitors is one file, and the
one who was faster would take it from the other.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock, Timer

GRACE_SECONDS = 60.0

Stamp = tuple[int, int, int]


class UploadRemoval:
    def __init__(self, seconds: float = GRACE_SECONDS, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._due: dict[Path, tuple[float, Stamp]] = {}
        self._lock = Lock()
        self._timer: Timer | None = None

    def later(self, file: Path) -> None:
        """Remove this file after the grace, unless it has been sent again by then: whoever reads it then says so."""
        with suppress(FileNotFoundError), self._lock:
            self._due[file] = self._clock() + self._seconds, stamp(file)
            self._wake()

    def sweep(self) -> None:
        """Remove what is due."""
        with self._lock:
            now = self._clock()
            due = {file: seen for file, (when, seen) in self._due.items() if when <= now}
            for file in due:
                del self._due[file]
            self._timer = None
            self._wake()
        for file, seen in due.items():
            remove(file, seen)

    def close(self) -> None:
        """All of them, at once."""
        with self._lock:
            due, self._due = self._due, {}
            if self._timer is not None:
                self._timer.cancel()
        for file, (_, seen) in due.items():
            remove(file, seen)

    def _wake(self) -> None:
        if self._due and self._timer is None:
            wait = min(when for when, _ in self._due.values()) - self._clock()
            self._timer = Timer(max(wait, 0.1), self.sweep)
            self._timer.daemon = True
            self._timer.start()


def stamp(file: Path) -> Stamp:
    found = file.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def remove(file: Path, seen: Stamp) -> None:
    with suppress(OSError):
        if stamp(file) == seen:
            file.unlink()
            os.rmdir(file.parent)  # named by the content's hash; where another file is in it, it stays


@cache
def upload_removal() -> UploadRemoval:
    """Of this process."""
    removal = UploadRemoval()
    atexit.register(removal.close)
    return removal
