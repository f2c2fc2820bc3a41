"""Files: photos that are files below one folder, by number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from photos.limits import LOCAL, Limits
from photos.sources.filenames import readable, tails
from photos.sources.report import NOTHING, Report
from photos.sources.source import BadPhoto, ListedPhoto, Source, SourcePhoto

PHOTOS_A_PIECE = 64


@dataclass(frozen=True)
class Files:
    """paths: inside `root`, with "/" between their parts, as the system has them; they are the photos' names unless
    `names` are. prefix: put before each, so that those of several lists can be told apart. labelled: a photo's label
    is the name of the folder it lies in. is_folder: `root` is what a person named, and not a list of them."""

    name: str
    root: Path
    paths: Sequence[str] = field(repr=False)
    left_out: Report = field(default=NOTHING, repr=False)
    prefix: str = ""
    labelled: bool = False
    names: Sequence[str] | None = field(default=None, repr=False)
    is_folder: bool = False

    def __len__(self) -> int:
        return len(self.paths)

    def path_of(self, number: int) -> Path:
        return self.root / self.paths[number]

    def name_of(self, number: int) -> str:
        return self.prefix + readable((self.names or self.paths)[number])

    def label_of(self, number: int) -> str | None:
        folder = self.paths[number].rpartition("/")[0]
        return readable(folder.rpartition("/")[2]) if self.labelled and folder else None

    def content_of(self, number: int) -> Path:
        """What a photo is decoded from."""
        return self.path_of(number)

    @property
    def fingerprint(self) -> str:
        """Changes when photos come, go or change their size in bytes."""
        return sha256("\n".join(f"{readable(path)} {size_of(self.root / path)}" for path in self.paths)
                      .encode()).hexdigest()

    def by_number(self) -> Files:
        return self

    def source(self, *, limits: Limits = LOCAL) -> Source:
        root = self.root.absolute()  # another machine may read a piece, from another folder
        roots = (root,) if self.is_folder else ()

        def some(numbers: range) -> Source:
            listed = self.listed(numbers)
            return Source(self.name, len(listed), lambda: (photo.read(root, limits=limits) for photo in listed),
                          roots=roots)

        def read() -> Iterator[SourcePhoto | BadPhoto]:
            return (photo.read(root, limits=limits) for number in range(len(self))
                    for photo in self.listed(range(number, number + 1)))

        def cut() -> list[Source]:
            return [some(range(start, min(start + PHOTOS_A_PIECE, len(self))))
                    for start in range(0, len(self), PHOTOS_A_PIECE)]

        return Source(self.name, len(self), read, cut, self.left_out, roots, self.listed if self.is_folder else None)

    def listed(self, numbers: range | None = None) -> tuple[ListedPhoto, ...]:
        """Of all, or of some."""
        root = self.root.absolute()
        return tuple(ListedPhoto(root / self.paths[number], self.name_of(number), self.label_of(number),
                                 readable(self.paths[number]) if self.is_folder else None)
                     for number in (range(len(self)) if numbers is None else numbers))


def files(paths: Sequence[Path]) -> Files:
    """Photos one by one, whatever their endings; each by as much of its path as tells it apart."""
    paths = list(dict.fromkeys(path.absolute() for path in paths))
    if len(paths) == 1:
        return Files(readable(paths[0].name), paths[0].parent, (paths[0].name,))
    root = Path(paths[0].anchor)
    return Files(f"{len(paths)} files", root, [path.relative_to(root).as_posix() for path in paths],
                 names=[end.as_posix() for end in tails(paths)])


def size_of(path: Path) -> int:
    """Bytes; -1 for what has gone."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
