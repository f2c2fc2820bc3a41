"""Where photos come from: a folder, single files, Parquet, or a hub data set by name, as bytes not yet decoded."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from index.errors import ConceptIndexError
from photos.folder import list_photos
from photos.limits import LOCAL
from photos.text import printable

PARQUET = ".parquet"
HUB_NAME = re.compile(r"\w[\w.-]*/[\w.-]+")
IMAGE_NAMES = ("image", "img", "photo", "picture", "jpg", "png")  # tried where no column says that it holds pictures
LABEL_NAMES = ("label", "labels", "class")
PHOTOS_A_PIECE = 64  # files of a folder


@dataclass(frozen=True)
class SourceFile:
    """A photo's file as it was just before it was read. root: the folder that a person named; path: below it, as
    `SourcePhoto.source` has it; mtime_ns: when it was last changed."""

    root: Path
    path: str
    nbytes: int
    mtime_ns: int


@dataclass(frozen=True)
class SourcePhoto:
    """A file's bytes. source: its path below the folder, or the data set's name and row; label: if it has one; file:
    of a folder's photo."""

    data: bytes = field(repr=False)
    source: str
    label: str | None = None
    file: SourceFile | None = None

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
    """A photo of a folder that was found and not opened. path: where it is; source, label: as SourcePhoto's."""

    path: Path
    source: str
    label: str | None = None

    def read(self, root: Path) -> SourcePhoto | BadPhoto:
        return read_file(self.path, self.source, self.label, root)


@dataclass(frozen=True)
class Source:
    """Photos that can be gone through again and again, the same each time.

    name: for people; num_photos: None where only going through them tells. cut: the same photos in the same order as
    several sources, which several machines can read at once. roots: the folders that were named, absolute. listed: of
    one folder, its photos in order, none of them opened.
    """

    name: str
    num_photos: int | None
    read: Callable[[], Iterator[SourcePhoto | BadPhoto]] = field(repr=False)
    cut: Callable[[], list[Source]] | None = field(default=None, repr=False)
    roots: tuple[Path, ...] = ()
    listed: tuple[ListedPhoto, ...] = field(default=(), repr=False)

    def __iter__(self) -> Iterator[SourcePhoto | BadPhoto]:
        return self.read()

    @property
    def pieces(self) -> list[Source]:
        """Itself alone where it cannot be cut."""
        return self.cut() if self.cut else [self]


def open_source(
    name: str,
    *,
    label_from_folder: bool = False,
    column: str | None = None,
    label_column: str | None = None,
    split: str = "train",
    config: str | None = None,
) -> Source:
    """What a person names: a folder of photos or one photo, a Parquet file or a folder of them, a hub data set.

    label_from_folder: a photo's label is the name of the folder it lies in, for folders alone. The others are for
    tables: the columns of pictures and of labels, which are else found by their kinds and names, and for the hub the
    split and the configuration. Raises ConceptIndexError, in one sentence, where no photo can come from it.
    """
    path = Path(name).expanduser()
    if path.is_dir() and not (tables := tables_of(path)):
        refuse_columns(name, column, label_column)
        return folder(path, label_from_folder=label_from_folder)
    if label_from_folder:
        raise ConceptIndexError(f"{printable(name)} is no folder of photos, so no folder labels them; leave out "
                                "--label-from-folder, or name a column with --label-column.")
    if path.is_dir() or path.suffix == PARQUET and path.exists():
        return parquet(tables if path.is_dir() else [path], name=path.name, column=column, label_column=label_column)
    if path.exists():
        refuse_columns(name, column, label_column)
        return files([path])
    # A hub data set is asked for as owner/name alone: else every folder's mistyped name would be waited for online.
    if not HUB_NAME.fullmatch(name) or path.suffix == PARQUET:
        raise ConceptIndexError(f"{printable(name)} does not exist; name a folder of photos, Parquet files or a hub "
                                "data set (owner/name).")
    return hub(name, column=column, label_column=label_column, split=split, config=config)


def tables_of(path: Path) -> list[Path]:
    """The Parquet files below a folder that holds no photos: one that does may hold an index, which has tables too."""
    try:
        list_photos(path)
    except ValueError:
        return sorted(path.rglob(f"*{PARQUET}"))
    return []


def refuse_columns(name: str, *columns: str | None) -> None:
    if any(columns):
        raise ConceptIndexError(f"{printable(name)} is no table, so it has no columns; leave out --column and "
                                "--label-column.")


def folder(path: Path, *, label_from_folder: bool = False) -> Source:
    """The photos below a folder, by their endings, in the order of their paths; no hidden ones."""
    try:
        paths = list_photos(path)
    except ValueError as error:
        raise ConceptIndexError(str(error)) from error

    def label_of(photo: Path) -> str | None:
        return photo.parent.name if label_from_folder and photo.parent != path else None

    name, root = path.resolve().name, path.absolute()  # another machine may read a piece, from another folder
    listed = tuple(ListedPhoto(root / photo.relative_to(path), photo.relative_to(path).as_posix(), label_of(photo))
                   for photo in paths)

    def some(listed: Sequence[ListedPhoto]) -> Source:
        return Source(name, len(listed), lambda: (photo.read(root) for photo in listed), roots=(root,))

    def cut() -> list[Source]:
        return [some(listed[start : start + PHOTOS_A_PIECE]) for start in range(0, len(listed), PHOTOS_A_PIECE)]

    return replace(some(listed), cut=cut, listed=listed)


def files(paths: Sequence[Path], *, label: str | None = None) -> Source:
    """Photos one by one, whatever their endings."""
    return Source(paths[0].name if len(paths) == 1 else f"{len(paths)} files", len(paths),
                  lambda: (read_file(path, path.name, label) for path in paths))


def read_file(path: Path, source: str, label: str | None, root: Path | None = None) -> SourcePhoto | BadPhoto:
    """root: of a folder's photo."""
    try:
        if not path.is_file():
            return BadPhoto(source, "It is not a regular file; name a photo." if path.exists() else
                            "It does not exist; check the name and the folder.")
        found = path.stat()
        if found.st_size > LOCAL.max_bytes:  # judged before it is read: it may be a film
            return BadPhoto(source, f"It is larger than {LOCAL.max_bytes // 2**20} MB; save a smaller copy.")
        file = SourceFile(root, source, found.st_size, found.st_mtime_ns) if root else None
        return SourcePhoto(path.read_bytes(), source, label, file)
    except OSError as error:
        return BadPhoto(source, f"It cannot be read ({error.strerror}); check its permissions.")


def parquet(paths: Sequence[Path], *, name: str, column: str | None = None, label_column: str | None = None) -> Source:
    """The rows of Parquet files, the files in their order."""
    from pyarrow import ArrowException
    from pyarrow.parquet import read_metadata

    counts = []
    for path in paths:
        try:
            counts.append(read_metadata(path).num_rows)
        except (ArrowException, OSError) as error:
            raise ConceptIndexError(f"{path} cannot be read as Parquet ({first_line(error)}); copy or download it "
                                    "again.") from error
    if not sum(counts):
        raise ConceptIndexError(f"{name} holds no rows; name Parquet files with photos in them.")

    def some(paths: Sequence[Path], first: int, count: int) -> Source:
        table = stream("parquet", f"{name} cannot be read as Parquet",
                       data_files=[str(path.absolute()) for path in paths], split="train")
        return rows(table, name, count, column, label_column, first=first)

    def cut() -> list[Source]:
        return [some([path], sum(counts[:place]), counts[place]) for place, path in enumerate(paths) if counts[place]]

    return replace(some(paths, 0, sum(counts)), cut=cut)


def hub(
    name: str, *, column: str | None = None, label_column: str | None = None, split: str = "train",
    config: str | None = None,
) -> Source:
    """A hub data set's rows, as they are downloaded; nothing is kept on this disk."""
    table = stream(name, f"{printable(name)} is no folder or file here, and as a hub data set it cannot be had",
                   name=config, split=split)
    told = (table.info.splits or {}).get(split)
    return rows(table, name if split == "train" else f"{name} {split}", told.num_examples if told else None,
                column, label_column)


def stream(path: str, complaint: str, **options: object):
    """A streaming `datasets` table. Raises ConceptIndexError."""
    import datasets

    try:
        return datasets.load_dataset(path, streaming=True, **options)
    except Exception as error:  # datasets raises anything, from OSError to its own
        cause = error if error.__cause__ is None else error.__cause__  # what it wraps says more
        raise ConceptIndexError(f"{complaint}: {first_line(cause)}") from error


def rows(
    table, name: str, num_photos: int | None, column: str | None, label_column: str | None, *, first: int = 0
) -> Source:
    """A photo a row; the pictures' column is left in the bytes of its files. first: the number of the first row."""
    import datasets

    features = table.features or {}
    column = picture_column(name, features, column)
    label_column = column_of_labels(name, features, label_column)
    if isinstance(features.get(column), datasets.Image):
        table = table.cast_column(column, datasets.Image(decode=False))
    table = table.select_columns([column, label_column] if label_column else [column])
    classes = features.get(label_column) if label_column else None

    def read() -> Iterator[SourcePhoto | BadPhoto]:
        for number, row in enumerate(unbroken(table, name), first):
            label = label_text(classes, row.get(label_column)) if label_column else None
            yield cell_photo(row.get(column), f"{name} row {number}", label)

    return Source(name, num_photos, read)


def unbroken(table: Iterable[dict], name: str) -> Iterator[dict]:
    """Its rows; ConceptIndexError where they end too early."""
    remaining = iter(table)
    while True:
        try:
            row = next(remaining)
        except StopIteration:
            return
        except Exception as error:  # datasets raises anything, from OSError to its own
            raise ConceptIndexError(f"{name} broke off ({first_line(error)}); the same command goes on where it "
                                    "stopped.") from error
        yield row


def picture_column(name: str, features: dict, wanted: str | None) -> str:
    import datasets

    found = [column for column, kind in features.items() if isinstance(kind, datasets.Image)]
    found = found or [column for column in IMAGE_NAMES if holds_bytes(features.get(column))]
    found = found or [column for column, kind in features.items() if holds_bytes(kind)]
    if wanted is not None and (wanted in features or not features):  # a stream need not know its columns before
        return wanted
    if wanted is None and found:
        return found[0]
    has = ", ".join(map(str, features)) or "none"
    raise ConceptIndexError(f"{name} has no column {wanted!r}; it has {has}; name one with --column." if wanted else
                            f"{name} has no column of pictures; it has {has}; name one with --column.")


def holds_bytes(kind: object) -> bool:
    """Files as they are, or with their names, as `datasets` writes them without saying so."""
    if isinstance(kind, dict):
        return "bytes" in kind
    return getattr(kind, "dtype", None) in ("binary", "large_binary")


def column_of_labels(name: str, features: dict, wanted: str | None) -> str | None:
    import datasets

    if wanted is not None and features and wanted not in features:
        raise ConceptIndexError(f"{name} has no column {wanted!r}; it has {', '.join(map(str, features))}; name one "
                                "with --label-column, or leave it out.")
    plain = [column for column in LABEL_NAMES if isinstance(features.get(column), datasets.Value)]
    classes = [column for column, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    return wanted or next(iter([*[column for column in LABEL_NAMES if column in classes], *classes[:1], *plain]), None)


def label_text(classes: object, value: object) -> str | None:
    """A class by its name, anything else as it is written; None stays None, and so does the -1 of unlabelled rows."""
    if value is None:
        return None
    if hasattr(classes, "int2str") and isinstance(value, int):
        return classes.int2str(value) if 0 <= value < classes.num_classes else None
    return str(value)


def cell_photo(cell: object, source: str, label: str | None) -> SourcePhoto | BadPhoto:
    """A cell: the bytes of a file, {"bytes", "path"} as `datasets` stores them, or where the file is."""
    data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    if data is None and isinstance(path, str):
        try:
            data = fetched(path)
        except OSError as error:
            return BadPhoto(source, f"Its file cannot be read ({first_line(error)}); check where it is.")
    if not isinstance(data, bytes):
        return BadPhoto(source, f"It holds {'nothing' if cell is None else type(cell).__name__} instead of a picture's "
                        "bytes; name another column with --column.")
    return SourcePhoto(data, source, label)


def fetched(path: str) -> bytes:
    """A file that a table only names, here or on the hub, where `datasets` knows the way."""
    from datasets.utils.file_utils import xopen

    with xopen(path, "rb") as file:
        return file.read(LOCAL.max_bytes + 1)


def joined(sources: Iterable[Source]) -> Source:
    """Several, one after the other."""
    sources = list(sources)
    if len(sources) == 1:
        return sources[0]
    counts = [source.num_photos for source in sources]
    return Source(", ".join(source.name for source in sources), None if None in counts else sum(counts),
                  lambda: (photo for source in sources for photo in source),
                  lambda: [piece for source in sources for piece in source.pieces],
                  tuple(root for source in sources for root in source.roots))


def first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
