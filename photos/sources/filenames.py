"""Names of files as text that can be printed, stored and sent, and as short as tells them apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath


def readable(name: str) -> str:
    """A name whose bytes are not UTF-8 comes from the system with lone surrogates in it, which no database, JSON reader
    or terminal takes: each such byte is written \\xNN. Every other name stays as it is."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def system_name(name: str) -> str:
    """The name that `readable` wrote so, as the system has it."""
    written = re.sub(rb"\\x([89a-f][0-9a-f])", lambda found: bytes.fromhex(found[1].decode()), name.encode())
    return written.decode("utf-8", "surrogateescape")


def tails(paths: Sequence[PurePath]) -> list[PurePath]:
    """The ends of the paths, all of so many parts as tell different paths apart: a/x.jpg, b/x.jpg stay whole."""
    deepest = max((len(path.parts) for path in paths), default=1)
    for depth in range(1, deepest + 1):
        ends = [PurePath(*path.parts[-depth:]) for path in paths]
        if len(set(ends)) == len(set(paths)):
            break
    return ends if paths else []
