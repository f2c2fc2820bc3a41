"""A data set of the hub, by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from photos.sources.columns import is_list, picture_column, undecoded
from photos.sources.errors import SourceError
from photos.sources.labels import label_column
from photos.sources.report import NOTHING
from photos.sources.rows import PhotoRows, Stream, loaded, row_photos
from photos.sources.source import BadPhoto, Source, SourcePhoto
from photos.text import printable

HUB_NAME = re.compile(r"\w[\w.-]*/[\w.-]+")  # owner/name: else every mistyped folder would be waited for online


@dataclass(frozen=True)
class HubTable:
    """config: of a data set that has several. column, labels: None to find them."""

    name: str
    split: str = "train"
    config: str | None = None
    column: str | None = None
    labels: str | None = None
    left_out = NOTHING

    def table(self, *, streaming: bool):
        """Streamed, nothing is kept on this disk."""
        return loaded(self.name, f"{printable(self.name)} is no folder, list or Parquet here, and as a hub data set it "
                      "cannot be had", streaming=streaming, name=self.config, split=self.split)

    def found(self, table) -> str:
        return picture_column(self.name, table.features or {}, self.column)

    def by_number(self) -> PhotoRows:
        table = self.table(streaming=False)
        if not len(table):
            raise SourceError(f"{self.name} holds no rows; name another split.")
        return PhotoRows(table, self.found(table))

    def stream(self) -> Stream:
        table = self.table(streaming=True)
        return Stream(table, self.found(table))

    def source(self, **limits: object) -> Source:
        table = self.table(streaming=True)
        column, features = self.found(table), table.features or {}
        labels = label_column(self.name, features, self.labels)
        listed = is_list(features.get(column))
        told = (table.info.splits or {}).get(self.split)
        table = undecoded(table, column)
        table = table.select_columns([column, labels] if labels else [column])
        name = self.name if self.split == "train" else f"{self.name} {self.split}"

        def read() -> Iterator[SourcePhoto | BadPhoto]:
            return row_photos(table, name, column, labels, features.get(labels), listed=listed)

        return Source(name, told.num_examples if told and not listed else None, read)
