"""Cells of tables that `datasets` holds, by their row: of one at hand, or of one that is read as it comes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from photos.sources.cells import cells_of, content_of
from photos.sources.columns import undecoded
from photos.sources.errors import SourceError
from photos.sources.rows import unbroken


class Cells(Protocol):
    """What `photos.sources.parquet.ParquetCells` is too. folders_of: where a path in a row is looked for."""

    def __len__(self) -> int: ...

    def cell(self, row: int, column: str) -> object: ...

    def column(self, name: str) -> list: ...

    def folders_of(self, row: int) -> tuple[Path, ...]: ...


class TableCells:
    """Of a table at hand, mapped from the disk; pictures as the bytes of their files."""

    def __init__(self, table, pictures: tuple[str, ...], *, folders: tuple[Path, ...] = ()) -> None:
        for column in pictures:
            table = undecoded(table, column)
        self._table, self._folders = table, folders
        self._columns: dict[str, object] = {}

    def __len__(self) -> int:
        return len(self._table)

    def cell(self, row: int, column: str) -> object:
        if column not in self._columns:  # the other columns of a row would be read too
            self._columns[column] = self._table.select_columns([column])
        return self._columns[column][row][column]

    def column(self, name: str) -> list:
        return list(self._table.select_columns([name])[name])

    def folders_of(self, row: int) -> tuple[Path, ...]:
        return self._folders


class StreamedCells:
    """Of a stream, which has no rows by number: it is gone through once for everything but the photos, and labels are
    kept in memory, the masks' bytes in a file without a name. Photos then come forward, row after row; one that lies
    behind begins the stream anew.

    most: rows that are looked at. Raises SourceError where the stream breaks off.
    """

    def __init__(self, name: str, table, picture: str, *, label: str | None, mask: str | None,
                 most: int | None = None) -> None:
        for column in filter(None, (picture, mask)):
            table = undecoded(table, column)
        table = table if most is None else table.take(most)
        self._name, self._photos, self._picture, self._mask = name, table.select_columns([picture]), picture, mask
        self._labels: list = []
        self._masks = tempfile.TemporaryFile()  # noqa: SIM115  as long as these cells
        self._ends = [0]
        rest = [column for column in (label, mask) if column] or [picture]
        for row in unbroken(table.select_columns(rest), name):
            self._labels.append(row[label] if label else None)
            self._keep(row[mask] if mask else None)
        self._coming: Iterator[dict] = iter(())
        self._next: int | None = None

    def __len__(self) -> int:
        return len(self._labels)

    def _keep(self, cell: object) -> None:
        try:
            content = content_of(next(iter(cells_of(cell)), None)) if cell is not None else b""
        except ValueError:  # said where the mask is asked for
            content = b""
        self._masks.write(content)
        self._ends.append(self._ends[-1] + len(content))

    def cell(self, row: int, column: str) -> object:
        if column == self._mask:
            self._masks.seek(self._ends[row])
            return self._masks.read(self._ends[row + 1] - self._ends[row]) or None
        assert column == self._picture
        if self._next is None or row < self._next:
            self._coming, self._next = unbroken(self._photos, self._name), 0
        while self._next <= row:
            found = next(self._coming, None)
            if found is None:
                raise SourceError(f"{self._name} has fewer rows than a moment ago; run the same command again.")
            self._next += 1
        return found[column]

    def column(self, name: str) -> list:
        return self._labels

    def folders_of(self, row: int) -> tuple[Path, ...]:
        return ()
