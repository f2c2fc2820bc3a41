"""PhotoRows: the photos of a table, by number or as they come."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photos.sources.cells import cells_of, content_of
from photos.sources.columns import is_list, undecoded
from photos.sources.errors import SourceError
from photos.sources.labels import label_text
from photos.sources.report import NOTHING, Report
from photos.sources.source import BadPhoto, SourcePhoto


@dataclass(frozen=True)
class PathFolders:
    """Where the paths in a table's rows are looked for. firsts: the first row of each of its files, from 0; folders: of
    each file."""

    firsts: tuple[int, ...] = ()
    folders: tuple[tuple[Path, ...], ...] = ()

    def of(self, row: int) -> tuple[Path, ...]:
        return self.folders[bisect_right(self.firsts, row) - 1] if self.firsts else ()


class PhotoRows:
    """The photos of a `datasets` table that is at hand, by number: one a row, or as many as its list holds."""

    def __init__(self, table, column: str, *, left_out: Report = NOTHING, places: PathFolders | None = None) -> None:
        self.column, self.left_out, self.places = column, left_out, places or PathFolders()
        table = undecoded(table, column)
        self.fingerprint = table._fingerprint
        self.table = table.select_columns([column])  # other columns of a row would be read too
        self.firsts = first_photos(table, column) if is_list(table.features[column]) else None

    def __len__(self) -> int:
        return len(self.table) if self.firsts is None else int(self.firsts[-1])

    def place(self, number: int) -> tuple[int, int]:
        """A photo -> its row and its place in the row's list."""
        if self.firsts is None:
            return number, 0
        row = bisect_right(self.firsts, number) - 1
        return row, number - int(self.firsts[row])

    def name_of(self, number: int) -> str:
        row, place = self.place(number)
        return f"row {row}" if self.firsts is None else f"row {row}.{place}"

    def content_of(self, number: int) -> bytes:
        """ValueError where the cell holds none."""
        row, place = self.place(number)
        return content_of(cells_of(self.table[row][self.column])[place], self.places.of(row))


def first_photos(table, column: str) -> np.ndarray:
    """(rows + 1,): the number of each row's first photo, and how many there are. A row without a list is one, bad."""
    import pyarrow.compute as compute

    lengths = compute.fill_null(compute.list_value_length(table.data.column(column)), 1)
    return np.concatenate([[0], np.cumsum(lengths.to_numpy())])


class Stream:
    """A `datasets` table that is read as it comes, pictures as bytes; `table` may be shuffled and shared out."""

    def __init__(self, table, column: str, *, folders: tuple[Path, ...] = (), left_out: Report = NOTHING) -> None:
        self.table, self.column, self.folders, self.left_out = undecoded(table, column), column, folders, left_out


def row_photos(
    table: Iterable[dict], name: str, column: str, label_column: str | None, classes: object, *, first: int = 0,
    listed: bool = False, folders: tuple[Path, ...] = (),
) -> Iterator[SourcePhoto | BadPhoto]:
    """first: the number of the first row; listed: the column holds lists, whose photos are told apart."""
    for number, row in enumerate(unbroken(table, name), first):
        label = label_text(classes, row.get(label_column)) if label_column else None
        for place, cell in enumerate(cells_of(row.get(column))):
            source = f"{name} row {number}.{place}" if listed else f"{name} row {number}"
            try:
                yield SourcePhoto(content_of(cell, folders), source, label)
            except ValueError as error:
                yield BadPhoto(source, str(error))


def unbroken(table: Iterable[dict], name: str) -> Iterator[dict]:
    """Its rows; SourceError where they end too early."""
    remaining = iter(table)
    while True:
        try:
            row = next(remaining)
        except StopIteration:
            return
        except Exception as error:  # datasets raises anything, from OSError to its own
            raise SourceError(f"{name} broke off ({first_line(error)}); the same command goes on where it stopped."
                              ) from error
        yield row


def loaded(path: str, complaint: str, **options: object):
    """A table of `datasets`, streamed or not. Raises SourceError."""
    import datasets

    try:
        table = datasets.load_dataset(path, **options)
        # A stream need not know its columns before its first row.
        return table._resolve_features() if table.features is None else table
    except Exception as error:  # datasets raises anything, from OSError to its own
        cause = error if error.__cause__ is None else error.__cause__  # what it wraps says more
        raise SourceError(f"{complaint}: {first_line(cause)}") from error


def first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
