"""A folder gone through once: its pictures, tables and archives, and why the rest is none of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from photos.sources.clutter import skipped_by_name
from photos.sources.errors import SourceError
from photos.sources.filenames import readable
from photos.sources.pictures import ARCHIVES, TABLES, head_of, judged_by_ending, judged_by_head
from photos.sources.report import LeftOut, Reason, Report
from photos.text import printable

INDEX_FILES = ("catalogue.sqlite", "shards")  # a concept index: what lies in it is no photo of a person's
SAVED_FILES = ("dataset_dict.json", "state.json")  # what `save_to_disk` of `datasets` leaves


@dataclass(frozen=True)
class Listing:
    """Paths inside `root`, with "/" between their parts, in the order of their parts; left_out: everything else."""

    root: Path
    pictures: list[str] = field(repr=False)
    tables: list[str] = field(repr=False)
    archives: list[str] = field(repr=False)
    left_out: Report = field(repr=False)


def list_folder(root: str | os.PathLike[str], *, hidden: bool = False) -> Listing:
    """What lies in a folder and in the folders in it. Links are followed, each folder is gone into once.

    hidden: also what is skipped by its name (`photos.sources.clutter`). No file is read whole: those with an ending
    that no rule knows are looked into, a few bytes each. Raises SourceError, which names the folder, where it cannot be
    read at all.
    """
    root = Path(root)
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise SourceError(f"{printable(str(root))} {what}; name a folder with photos in it.")
    pictures, tables, archives, left_out = [], [], [], []
    seen: set[tuple[int, int]] = set()
    waiting = [""]  # a stack of folders; os.walk and rglob tell neither what they skip nor what they cannot read
    while waiting:
        folder = waiting.pop()
        try:
            if not is_new(root / folder, seen):  # a link back up would be gone into for ever
                left_out.append(LeftOut(readable(folder), Reason.AGAIN, True))
                continue
            with os.scandir(root / folder if folder else root) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if not folder:
                raise SourceError(f"{printable(str(root))} cannot be read ({error.strerror}); check its "
                                  "permissions.") from error
            left_out.append(LeftOut(readable(folder), Reason.UNREADABLE, True, error.strerror))
            continue
        if folder and {entry.name for entry in entries}.issuperset(INDEX_FILES):
            left_out.append(LeftOut(readable(folder), Reason.INDEX, True))
            continue
        inner = []
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            is_folder, reason, detail = judged(entry, hidden)
            if reason is not None:
                left_out.append(LeftOut(readable(path), reason, is_folder, detail))
            elif is_folder:
                inner.append(path)
            elif entry.name.lower().endswith(TABLES):
                tables.append(path)
            elif entry.name.lower().endswith(ARCHIVES):
                archives.append(path)
            else:
                pictures.append(path)
        waiting += reversed(inner)
    for paths in (pictures, tables, archives):
        paths.sort(key=lambda path: path.split("/"))
    return Listing(root, pictures, tables, archives, Report(tuple(left_out)))


def judged(entry: os.DirEntry, hidden: bool) -> tuple[bool, Reason | None, str | None]:
    """-> (a folder, why it is left out, what the system said). No reason: a folder, a picture, a table, an archive."""
    is_folder = False
    try:
        is_folder = entry.is_dir()
        if not hidden and (reason := skipped_by_name(entry.name)) is not None:
            return is_folder, reason, None
        if is_folder:
            return True, None, None
        if not entry.is_file():
            return False, Reason.DANGLING if entry.is_symlink() else Reason.SPECIAL, None
        if entry.name.lower().endswith((*TABLES, *ARCHIVES)):
            return False, None, None
        is_picture, reason, detail = judged_by_ending(entry.name)
        if is_picture is None:
            _, reason, detail = judged_by_head(head_of(entry.path))
        return False, reason, detail
    except OSError as error:  # no rights, a ring of links, or gone meanwhile
        return is_folder, Reason.UNREADABLE, error.strerror


def is_new(folder: Path, seen: set[tuple[int, int]]) -> bool:
    """And it is not the next time."""
    status = os.stat(folder)
    known = (status.st_dev, status.st_ino) in seen
    seen.add((status.st_dev, status.st_ino))
    return not known


def beside(paths: list[str], reason: Reason) -> Report:
    """What is left out because other files there hold the photos."""
    return Report(tuple(LeftOut(readable(path), reason) for path in paths))


def is_index(root: Path) -> bool:
    return all((root / name).exists() for name in INDEX_FILES)


def is_saved(root: Path) -> bool:
    return any((root / name).is_file() for name in SAVED_FILES)

