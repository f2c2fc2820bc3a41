"""A cell of a table -> the bytes of its photos: bytes, {"bytes", "path"}, a path, or a list of such."""

from __future__ import annotations

import re
from pathlib import Path

from photos.kinds import picture_kind
from photos.limits import LOCAL

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://")
ADVICE = "name another column with --column (in training --set data.column=)"


def cells_of(value: object) -> list[object]:
    """The photos of a row: one, or those of a list; a row without anything is one bad photo."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def content_of(cell: object, folders: tuple[Path, ...] = ()) -> bytes:
    """The bytes of a photo's file. folders: where a path that is not absolute is looked for. Raises ValueError with one
    sentence, which says what the cell holds or why its file cannot be read."""
    data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    if isinstance(data, str):
        data, path = None, data
    if data is None and isinstance(path, str):
        try:
            return fetched(located(path, folders))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or (str(error) or type(error).__name__).splitlines()[0]
            raise ValueError(f"Its file cannot be read ({reason}); check where it is.") from error
    if isinstance(data, (bytearray, memoryview)):
        data = bytes(data)
    if not isinstance(data, bytes):
        what = "nothing" if cell is None or cell == {"bytes": None, "path": None} else type(cell).__name__
        raise ValueError(f"It holds {what} instead of a picture's bytes; {ADVICE}.")
    return data


def located(path: str, folders: tuple[Path, ...]) -> str:
    """Where the file that a table names is: beside the table first."""
    if ADDRESS.match(path) or Path(path).is_absolute():
        return path
    return next((str(folder / path) for folder in folders if (folder / path).is_file()), path)


def fetched(path: str) -> bytes:
    """A file that a table only names, here or on the hub, where `datasets` knows the way."""
    if not ADDRESS.match(path):
        file = Path(path)
        if not file.is_file():
            raise FileNotFoundError(2, "it does not exist" if not file.exists() else "it is no regular file")
        with file.open("rb") as opened:
            return opened.read(LOCAL.max_bytes + 1)
    from datasets.utils.file_utils import xopen

    with xopen(path, "rb") as opened:
        return opened.read(LOCAL.max_bytes + 1)


def is_photo(value: object, folders: tuple[Path, ...]) -> bool:
    """By how its bytes start, or by there being such a file."""
    cell = next(iter(cells_of(value)), None)
    data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    if isinstance(data, bytes):
        return picture_kind(data[:1024]) is not None
    path = data if isinstance(data, str) else path
    try:
        return isinstance(path, str) and len(path) < 4096 and Path(located(path, folders)).is_file()
    except (OSError, ValueError):
        return False
