"""Parquet files: the rows of one, or of those of a split below a folder, in the order of their paths."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

from photos.sources.cells import is_photo
from photos.sources.columns import element, holds_images, holds_text, is_list, picture_column
from photos.sources.errors import SourceError
from photos.sources.labels import label_column
from photos.sources.report import NOTHING, Report
from photos.sources.rows import PathFolders, PhotoRows, Stream, first_line, loaded, row_photos
from photos.sources.source import BadPhoto, Source, SourcePhoto
from photos.text import printable

LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class ParquetTables:
    """root: of the folder, where paths in rows are looked for too. column, labels: None to find them."""

    name: str
    paths: tuple[Path, ...] = field(repr=False)
    root: Path = Path()
    column: str | None = None
    labels: str | None = None
    left_out: Report = field(default=NOTHING, repr=False)

    @cached_property
    def counts(self) -> list[int]:
        """Rows of each file. Raises SourceError."""
        from pyarrow import ArrowException
        from pyarrow.parquet import read_metadata

        counts = []
        for path in self.paths:
            try:
                counts.append(read_metadata(path).num_rows)
            except (ArrowException, OSError) as error:
                raise unreadable(path, error) from error
        if not sum(counts):
            raise SourceError(f"{self.name} holds no rows; name Parquet files with photos in them.")
        return counts

    @cached_property
    def features(self) -> dict:
        """The columns of the first file, as `datasets` has them. Raises SourceError."""
        import datasets
        from pyarrow import ArrowException
        from pyarrow.parquet import read_schema

        try:
            return datasets.Features.from_arrow_schema(read_schema(self.paths[0]))
        except (ArrowException, OSError, ValueError) as error:
            raise unreadable(self.paths[0], error) from error

    def folders_of(self, path: Path) -> tuple[Path, ...]:
        return tuple(dict.fromkeys((path.absolute().parent, self.root.absolute())))

    def first_is_photo(self, column: str) -> bool:
        """Whether the first cell of a column that holds anything is a photo."""
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        try:
            with ParquetFile(self.paths[0]) as file:
                for batch in file.iter_batches(batch_size=16, columns=[column]):
                    values = [value for value in batch.column(0).to_pylist() if value]
                    if values:
                        return is_photo(values[0], self.folders_of(self.paths[0]))
        except (ArrowException, OSError) as error:
            raise unreadable(self.paths[0], error) from error
        return False

    @property
    def holds_images(self) -> bool:
        """The pictures themselves, not words about pictures that lie elsewhere."""
        return holds_images(self.features, self.first_is_photo)

    @cached_property
    def picture_column(self) -> str:
        return picture_column(self.name, self.features, self.column, is_photo=self.first_is_photo)

    @property
    def has_paths(self) -> bool:
        return holds_text(element(self.features[self.picture_column]))

    def by_number(self) -> PhotoRows:
        """By number: `datasets` keeps a copy of the table that can be read so."""
        _ = self.counts, self.picture_column  # what is wrong with the files is said first
        table = self.table(self.paths, streaming=False)
        firsts = tuple(sum(self.counts[:place]) for place in range(len(self.paths)))
        return PhotoRows(table, self.picture_column, left_out=self.left_out,
                         places=PathFolders(firsts, tuple(self.folders_of(path) for path in self.paths)))

    def cells(self) -> ParquetCells:
        """For what is more than photos, as masks are: any column's cells, by their rows."""
        return ParquetCells(self.paths, folders_of=self.folders_of)

    def stream(self) -> Stream:
        _ = self.counts, self.picture_column
        folders = {path.absolute().parent for path in self.paths}
        if self.has_paths and len(folders) > 1:
            raise SourceError(f"{self.name}: its tables lie in {len(folders)} folders, and a stream cannot tell which "
                              f"one a path in {self.picture_column!r} is of; leave data.streaming out.")
        return Stream(self.table(self.paths, streaming=True), self.picture_column,
                      folders=self.folders_of(self.paths[0]), left_out=self.left_out)

    def table(self, paths: tuple[Path, ...], *, streaming: bool):
        return loaded("parquet", f"{self.name} cannot be read as Parquet", split="train", streaming=streaming,
                      data_files=[str(path.absolute()) for path in paths])

    def source(self, **limits: object) -> Source:
        """Read as it comes: nothing is copied."""
        counts, column = self.counts, self.picture_column
        labels = label_column(self.name, self.features, self.labels)
        listed = is_list(self.features[column])

        def some(paths: tuple[Path, ...], first: int, count: int) -> Source:
            def read() -> Iterator[SourcePhoto | BadPhoto]:
                stream = Stream(self.table(paths, streaming=True), column)
                table = stream.table.select_columns([column, labels] if labels else [column])
                return row_photos(table, self.name, column, labels, self.features.get(labels), first=first,
                                  listed=listed, folders=self.folders_of(paths[0]))

            return Source(self.name, None if listed else count, read)

        def cut() -> list[Source]:
            return [some((path,), sum(counts[:place]), counts[place])
                    for place, path in enumerate(self.paths) if counts[place]]

        whole = some(self.paths, 0, sum(counts))
        if self.has_paths:  # looked for beside the file that names them
            whole = replace(whole, read=lambda: (photo for piece in cut() for photo in piece))
        return replace(whole, cut=cut, left_out=self.left_out)


class ParquetCells:
    """Cells of Parquet files by their row, counted through all files; one row group of a column in memory at a time,
    and nothing copied."""

    def __init__(self, paths: Sequence[Path], *, folders_of: Callable[[Path], tuple[Path, ...]] | None = None) -> None:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        self._paths, self._files = paths, []
        self._folders_of = folders_of or (lambda path: (path.absolute().parent,))
        groups, starts = [], [0]
        for number, path in enumerate(paths):
            try:
                self._files.append(ParquetFile(path))
            except (ArrowException, OSError) as error:
                raise unreadable(path, error) from error
            told = self._files[number].metadata
            for group in range(told.num_row_groups):
                groups.append((number, group))
                starts.append(starts[-1] + told.row_group(group).num_rows)
        self._groups, self._starts = groups, starts
        self._group = lru_cache(maxsize=2)(self._read)

    def __len__(self) -> int:
        return self._starts[-1]

    def cell(self, row: int, column: str) -> object:
        """Raises SourceError where the file has changed since, or is damaged there."""
        place = bisect_right(self._starts, row) - 1
        return self._group(place, column)[row - self._starts[place]].as_py()

    def path_of(self, row: int) -> Path:
        return self._paths[self._groups[bisect_right(self._starts, row) - 1][0]]

    def folders_of(self, row: int) -> tuple[Path, ...]:
        """Where a path in a row is looked for."""
        return self._folders_of(self.path_of(row))

    def column(self, name: str) -> list:
        return [value for place in range(len(self._groups)) for value in self._read(place, name).to_pylist()]

    def _read(self, place: int, column: str):
        from pyarrow import ArrowException

        number, group = self._groups[place]
        try:
            return self._files[number].read_row_group(group, columns=[column])[column]
        except (ArrowException, OSError) as error:
            raise unreadable(self._paths[number], error) from error


def unreadable(path: Path, error: BaseException) -> SourceError:
    name = printable(str(path))
    try:
        with path.open("rb") as file:
            if file.read(len(LFS_POINTER)) == LFS_POINTER:
                return SourceError(f"{name} is a Git LFS pointer, not the table itself; run git lfs pull where it was "
                                   "cloned.")
    except OSError:
        pass
    return SourceError(f"{name} cannot be read as Parquet: {first_line(error)}; copy or download it again.")
