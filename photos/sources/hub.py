"""A data set of the hub, by its name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
    """config: of a data set that has several. column, labels: None to find them. kept: nothing is fetched, and the data
    set is had from the cache of `datasets` or not at all."""

    name: str
    split: str = "train"
    config: str | None = None
    column: str | None = None
    labels: str | None = None
    kept: bool = False
    left_out = NOTHING

    def table(self, *, streaming: bool):
        """Streamed, nothing is kept on this disk."""
        options = {"streaming": streaming, "name": self.config, "split": self.split}
        complaint = f"{printable(self.name)} is no folder, list or Parquet here, and as a hub data set it cannot be had"
        try:
            if not self.kept:
                return loaded(self.name, complaint, **options)
            with no_network():
                return loaded(self.name, complaint, **options)
        except SourceError as error:
            if "gated" in str(error) or "authenticated" in str(error):
                raise SourceError(f"{printable(self.name)} is gated: accept its terms on its page of the hub, log in "
                                  "with hf auth login, and run the same command again.") from error
            raise

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


def is_kept(name: str, config: str | None, split: str) -> bool:
    """Whether `datasets` has the split in its cache, whole: what is said of a data set is written there last."""
    import datasets
    from datasets.naming import camelcase_to_snakecase

    owner, _, short = name.partition("/")
    root = Path(datasets.config.HF_DATASETS_CACHE).expanduser() / f"{owner}___{camelcase_to_snakecase(short)}"
    for told in root.glob(f"{config or '*'}/*/*/dataset_info.json"):
        try:
            if told.parent.suffix != ".incomplete" and split in json.loads(told.read_text(encoding="utf-8"))["splits"]:
                return True
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return False


@contextmanager
def no_network() -> Iterator[None]:
    """`datasets` then takes what its cache has, and does not ask the hub for something newer."""
    import datasets

    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before
