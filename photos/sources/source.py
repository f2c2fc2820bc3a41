"""Source: photos one after the other, as the bytes of their files, not yet decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from photos.limits import LOCAL, Limits
from photos.sources.report import NOTHING, Report

if TYPE_CHECKING:
    from photos.sources.files import Files, ListedPhoto


@dataclass(frozen=True)
class SourceFile:
    """A photo's file as it was just before it was read. root: the folder that a person named; path: below it, readable;
    mtime_ns: when it was last changed."""

    root: Path
    path: str
    nbytes: int
    mtime_ns: int


@dataclass(frozen=True)
class SourcePhoto:
    """A file's bytes. source: its path inside the source, or the table's name and its row; label: if it has one; file:
    of a folder's photo; limits: within which it may be opened."""

    data: bytes = field(repr=False)
    source: str
    label: str | None = None
    file: SourceFile | None = None
    limits: Limits = LOCAL

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class BadPhoto:
    """What came where a photo should be, and in one sentence why it is none. sha256: of its bytes, if it was read."""

    source: str
    reason: str
    sha256: str | None = None


@dataclass(frozen=True)
class Source:
    """Photos that can be gone through again and again, the same each time.

    name: for people; num_photos: None where only going through them tells. cut: the same photos in the same order as
    several sources, which several machines can read at once. left_out: what was found there that is no photo. roots:
    the folders that were named, absolute. files: of one folder, its `photos.sources.files.Files`.
    """

    name: str
    num_photos: int | None
    read: Callable[[], Iterator[SourcePhoto | BadPhoto]] = field(repr=False)
    cut: Callable[[], list[Source]] | None = field(default=None, repr=False)
    left_out: Report = field(default=NOTHING, repr=False)
    roots: tuple[Path, ...] = ()
    files: Files | None = field(default=None, repr=False)
    limits: Limits = LOCAL

    @cached_property
    def listed(self) -> tuple[ListedPhoto, ...]:
        """Of one folder, its photos in order, none of them opened."""
        return self.files.listed() if self.files is not None else ()

    def __iter__(self) -> Iterator[SourcePhoto | BadPhoto]:
        return self.read()

    @property
    def pieces(self) -> list[Source]:
        """Itself alone where it cannot be cut."""
        return self.cut() if self.cut else [self]


def within(source: Source, limits: Limits) -> Source:
    """The same photos, to be opened within other limits."""
    if limits == LOCAL:
        return source

    def read() -> Iterator[SourcePhoto | BadPhoto]:
        return (replace(photo, limits=limits) if isinstance(photo, SourcePhoto) else photo for photo in source.read())

    cut = source.cut and (lambda: [within(piece, limits) for piece in source.pieces])
    return replace(source, read=read, cut=cut, limits=limits)


def joined(sources: Iterable[Source]) -> Source:
    """Several, one after the other."""
    sources = list(sources)
    if len(sources) == 1:
        return sources[0]
    counts = [source.num_photos for source in sources]
    return Source(", ".join(source.name for source in sources), None if None in counts else sum(counts),
                  lambda: (photo for source in sources for photo in source),
                  lambda: [piece for source in sources for piece in source.pieces],
                  sum((source.left_out for source in sources), NOTHING),
                  tuple(root for source in sources for root in source.roots))
