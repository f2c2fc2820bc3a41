"""A list of photos: a text file with a path a line, also relative to the list's own folder."""

from __future__ import annotations

import os
from pathlib import Path

from photos.sources.errors import SourceError
from photos.sources.filenames import readable
from photos.sources.files import Files
from photos.text import printable


def path_list(file: Path) -> Files:
    """Its photos in its order, each once, by their paths below the list's folder, or below what they all lie in. Raises
    SourceError where no line names a file."""
    name = printable(readable(str(file)))
    try:
        # Names need not be UTF-8, and a line is a name as the system has it.
        lines = os.fsdecode(file.read_bytes().removeprefix(b"\xef\xbb\xbf")).splitlines()
    except OSError as error:
        raise SourceError(f"{name} cannot be read ({error.strerror}); check its permissions.") from error
    home = file.absolute().parent
    paths = list(dict.fromkeys(os.path.normpath(os.path.join(home, line.strip())) for line in lines if line.strip()))
    if not any(map(os.path.isfile, paths)):
        first = next((printable(readable(line.strip())) for line in lines if line.strip()), None)
        found = f"its first, {first!r}, is none" if first else "it is empty"
        raise SourceError(f"{name} names no file that is there ({found}); a list of photos has a path a line, relative "
                          "to the list or absolute.")
    inside = all(path.startswith(f"{home}{os.sep}") for path in paths)
    root = str(home) if inside else common(paths)
    return Files(readable(file.name), Path(root), [os.path.relpath(path, root).replace(os.sep, "/") for path in paths])


def common(paths: list[str]) -> str:
    try:
        found = os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:  # of several drives
        return os.path.dirname(paths[0])
    return found
