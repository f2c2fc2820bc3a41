"""WriterLock: one writer of an index, in this process or any other; it dies with its process."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from index.errors import ConceptIndexError

_held: weakref.WeakSet[WriterLock] = weakref.WeakSet()


class WriterLock:
    """Held from when it is made until `release`. Raises ConceptIndexError where another holds it, or where the folder
    may not be written."""

    FILE = "writer.lock"

    def __init__(self, folder: Path) -> None:
        try:
            import fcntl
        except ImportError:
            raise ConceptIndexError("Writing an index needs flock, which this system lacks; write it on Linux or "
                                    "macOS, and read it here.") from None
        try:
            self._descriptor: int | None = os.open(folder / self.FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ConceptIndexError(f"{folder} cannot be written ({error.strerror}); open the index for reading, or "
                                    "ask for the right to write.") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise ConceptIndexError(f"{folder} is being written by another process or thread (of process {holder}); "
                                    "wait until it has finished, or open the index for reading.") from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)
        if not _held:
            os.register_at_fork(after_in_child=_let_go)
        _held.add(self)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            _held.discard(self)


def _let_go() -> None:
    """A forked child would hold the lock on after its parent has died."""
    for lock in list(_held):
        lock.release()
