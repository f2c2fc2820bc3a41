"""Folders of processes that ended without a word: held by a lock that dies with its process, and swept by the next."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # without it nothing is swept, for who lives cannot be told
    fcntl = None

FILE = ".held"
_held: list[int] = []


def hold(folder: Path) -> None:
    """For as long as this process lives, however it ends. Not by its number: another one may get that."""
    if fcntl is None:
        return
    descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    if not _held:
        os.register_at_fork(after_in_child=_let_go)
    _held.append(descriptor)


def remove_abandoned(folders: Iterable[Path]) -> list[Path]:
    """Those that nobody holds, and that were held once -> the removed ones. Links and others' folders are left."""
    removed = []
    for folder in folders if fcntl is not None else ():
        with suppress(OSError):
            if folder.is_symlink() or folder.lstat().st_uid != os.getuid():
                continue
            descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
            finally:
                os.close(descriptor)
    return removed


def _let_go() -> None:
    """A forked child would hold them on after its parent has died."""
    while _held:
        os.close(_held.pop())
