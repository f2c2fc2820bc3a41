"""Places: which files a photo was read from, so that an update knows what is unchanged without reading it.

The same bytes may lie at several paths, below several folders. A folder is known by the hash of its path: an index
tells nobody where it was made.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path
from time import time_ns

from photos.sources.filenames import readable, system_name
from photos.sources.source import SourceFile

# Came later, like the words that were taught: an index without these is read by programs that know none.
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS roots (id INTEGER PRIMARY KEY, name TEXT, key TEXT, crc INTEGER)",
    "CREATE TABLE IF NOT EXISTS places (root INTEGER, path TEXT, photo INTEGER, nbytes INTEGER, mtime_ns INTEGER, "
    "crc INTEGER, PRIMARY KEY (root, path, photo)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS places_of_photo ON places (photo)",
    "CREATE TABLE IF NOT EXISTS pixels (photo INTEGER PRIMARY KEY, sha256 TEXT, crc INTEGER)",
)
# A file that was changed so shortly before it was read may be changed again without its time showing it.
YOUNG_NS = 2 * 10**9
UNKNOWN = -1


@dataclass(frozen=True)
class Root:
    """A folder that photos came from. name: its last part, told apart from others; key: see `key_of`."""

    id: int
    name: str
    key: str


@dataclass(frozen=True)
class Place:
    """A file that a photo was read from. root: a Root's id; path: below it. nbytes, mtime_ns: the file's when it was
    read, UNKNOWN where they say nothing about the next time."""

    root: int
    path: str
    photo: int
    nbytes: int = UNKNOWN
    mtime_ns: int = UNKNOWN

    def is_as(self, found: os.stat_result) -> bool:
        return (self.nbytes, self.mtime_ns) == (found.st_size, found.st_mtime_ns)


class FileState(Enum):
    """What has become of a file. HIDDEN: it may be there, and cannot be seen: for lack of rights, on a drive that is
    not there, behind a link to nothing."""

    THERE = "there"
    GONE = "gone"
    HIDDEN = "hidden"


def place_of(file: SourceFile, root: int, photo: int) -> Place:
    is_young = abs(time_ns() - file.mtime_ns) < YOUNG_NS
    return Place(root, file.path, photo, file.nbytes, UNKNOWN if is_young else file.mtime_ns)


def key_of(folder: str | os.PathLike[str]) -> str:
    return sha256(os.path.realpath(folder).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def new_root(folder: Path, known: list[Root]) -> Root:
    taken, plain = {root.name for root in known}, os.path.basename(os.path.realpath(folder)) or "root"
    plain = readable(plain)
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain} ({number})", number + 1
    return Root(max((root.id for root in known), default=0) + 1, name, key_of(folder))


def below(root: Path, path: str) -> Path:
    """A file by its readable path below a folder."""
    return root / (path if os.path.lexists(root / path) else system_name(path))


def size_of(root: Path, path: str) -> int | None:
    """In bytes; None of what cannot be seen."""
    try:
        return below(root, path).stat().st_size
    except OSError:
        return None


def state_of(root: Path, path: str) -> FileState:
    """Of a file below a folder that itself can be read."""
    path = os.fspath(below(root, path).relative_to(root))
    try:
        if (root / path).is_file():
            with open(root / path, "rb", buffering=0):
                return FileState.THERE
    except OSError:
        return FileState.HIDDEN
    within = root
    for part in Path(path).parts:
        within /= part
        try:
            within.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return FileState.GONE
        except OSError:
            return FileState.HIDDEN
        if within.is_symlink() and not within.exists():
            return FileState.HIDDEN
    return FileState.GONE  # something is there now that is no file
