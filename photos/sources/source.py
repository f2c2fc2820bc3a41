"""Source: photos one after the other, as the bytes of their files, not yet decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from photos.limits import LOCAL, Limits
from photos.sources.report import NOTHING, Report


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
class ListedPhoto:
    """A photo that was found and not opened. path: where it is; source, label: as SourcePhoto's; below: its path in the
    folder that was named, readable."""

    path: Path
    source: str
    label: str | None = None
    below: str | None = None

    def read(self, root: Path, *, limits: Limits = LOCAL) -> SourcePhoto | BadPhoto:
        return read_file(self.path, self.source, self.label, root=root, below=self.below, limits=limits)


@dataclass(frozen=True)
class Source:
    """Photos that can be gone through again and again, the same each time.

    name: for people; num_photos: None where only going through them tells. cut: the same photos in the same order as
    several sources, which several machines can read at once. left_out: what was found there that is no photo. roots:
    the folders that were named, absolute. listing: lists the photos of one folder.
    """

    name: str
    num_photos: int | None
    read: Callable[[], Iterator[SourcePhoto | BadPhoto]] = field(repr=False)
    cut: Callable[[], list[Source]] | None = field(default=None, repr=False)
    left_out: Report = field(default=NOTHING, repr=False)
    roots: tuple[Path, ...] = ()
    listing: Callable[[], tuple[ListedPhoto, ...]] | None = field(default=None, repr=False)
    limits: Limits = LOCAL

    @cached_property
    def listed(self) -> tuple[ListedPhoto, ...]:
        """Of one folder, its photos in order, none of them opened."""
        return self.listing() if self.listing is not None else ()

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


def read_file(
    path: Path, source: str, label: str | None = None, *, root: Path | None = None, below: str | None = None,
    limits: Limits = LOCAL,
) -> SourcePhoto | BadPhoto:
    """root, below: of a folder's photo, the folder and the path in it."""
    try:
        if not path.is_file():
            return BadPhoto(source, "It is not a regular file; name a photo." if path.exists() else
                            "It is a link to nothing; remove it, or bring what it named back." if path.is_symlink() else
                            "It does not exist; check the name and the folder.")
        found = path.stat()
        if found.st_size > limits.max_bytes:  # judged before it is read: it may be a film
            return BadPhoto(source, f"It is larger than {limits.max_bytes // 2**20} MB; save a smaller copy.")
        file = SourceFile(root, below, found.st_size, found.st_mtime_ns) if root and below else None
        return SourcePhoto(path.read_bytes(), source, label, file, limits)
    except OSError as error:
        return BadPhoto(source, f"It cannot be read ({error.strerror}); check its permissions.")
