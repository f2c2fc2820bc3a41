"""Files as a whole: written so that a reader, or a power cut, finds the old one or the new one; known by their hash."""

from __future__ import annotations

import errno
import io
import os
import secrets
from hashlib import file_digest
from os import PathLike
from pathlib import Path

import numpy as np


def write_whole(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write aside in the same folder, fsync, rename; nothing is left beside where the disk refuses (OSError).

    replace: otherwise FileExistsError where something is there by then.
    """
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(partial, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        put(partial, path, replace=replace)
    finally:
        partial.unlink(missing_ok=True)


def put(partial: Path, path: Path, *, replace: bool) -> None:
    """Give what was written aside its name; with `replace` False only if nobody has it."""
    if not replace:
        try:
            os.link(partial, path)  # which, unlike a rename, fails where the name is taken
            return
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
    os.replace(partial, path)


def write_array(path: Path, array: np.ndarray) -> None:
    """One array as a .npy file, whole."""
    content = io.BytesIO()
    np.save(content, array)
    write_whole(path, content.getvalue())


def sha256_of(path: str | PathLike[str]) -> str:
    """Of a file's content. Raises OSError."""
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()
