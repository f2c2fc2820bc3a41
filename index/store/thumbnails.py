"""Thumbnails, packed: many JPEGs one behind the other in a file; the catalogue knows where each begins."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from index.errors import ConceptIndexError


@dataclass(frozen=True)
class ThumbnailPlace:
    """Where a thumbnail is: the pack's path below the index, the first byte, how many, and their CRC-32."""

    pack: str
    start: int
    nbytes: int
    crc: int


def pack(pack_path: str, thumbnails: Iterable[bytes]) -> tuple[bytes, list[ThumbnailPlace]]:
    """-> the pack's content, and the place of each thumbnail in it."""
    content, places = bytearray(), []
    for thumbnail in thumbnails:
        places.append(ThumbnailPlace(pack_path, len(content), len(thumbnail), zlib.crc32(thumbnail)))
        content += thumbnail
    return bytes(content), places


def read(folder: Path, place: ThumbnailPlace) -> bytes:
    """A thumbnail's JPEG. Raises FileNotFoundError, and ConceptIndexError where the bytes are not those packed."""
    with open(folder / place.pack, "rb") as file:
        file.seek(place.start)
        content = file.read(place.nbytes)
    if len(content) != place.nbytes or zlib.crc32(content) != place.crc:
        raise ConceptIndexError(f"{folder / place.pack} is damaged; copy it back from a backup, or build the index "
                                "again.")
    return content
