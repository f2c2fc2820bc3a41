"""What a command may write over: nothing that is there already, whoever made it, unless it may."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


class TakenError(ValueError):
    """A file that a command would write over; says which, and what to do."""


def check_free(targets: Iterable[Path], *, overwrite: bool, option: str | None = "--out") -> None:
    """Before any work: the files that a command is going to write. Raises TakenError where one is there already, be it
    as a link, in another case on a file system that knows none, or as the very photo that is read; and where none can
    be written.

    overwrite: what is there may be replaced, but for folders. option: what chose the targets; None where nothing did.
    """
    another = f"choose another {option}, or " if option else ""
    for target in targets:
        check_folder(target.parent, option=option or "folder")
        if target.is_dir():
            raise TakenError(f"{target} cannot be written: it is a folder; {another}move it away.")
        if not overwrite and os.path.lexists(target):
            raise TakenError(f"{target} is there already; {another}replace it with --overwrite.")


def check_folder(folder: Path, *, option: str = "--out") -> None:
    """Raises TakenError where it is no folder that can be written to, or cannot become one; makes nothing."""
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path) or path == path.parent)
    if not there.is_dir():
        raise TakenError(f"{there} is no folder; choose another {option}.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise TakenError(f"{there} cannot be written to by this account; choose another {option}.")
