"""A data set as `save_to_disk` of `datasets` leaves it: Arrow files that are read where they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from photos.sources.cells import is_photo
from photos.sources.columns import is_list, picture_column, undecoded
from photos.sources.errors import SourceError
from photos.sources.filenames import readable
from photos.sources.labels import label_column
from photos.sources.report import NOTHING, Report
from photos.sources.rows import PathFolders, PhotoRows, Stream, first_line, row_photos
from photos.sources.source import BadPhoto, Source, SourcePhoto
from photos.sources.splits import ALL, chosen
from photos.text import printable


@dataclass(frozen=True)
class SavedTable:
    """column, labels: None to find them."""

    path: Path
    split: str | None = None
    column: str | None = None
    labels: str | None = None
    left_out: Report = field(default=NOTHING, repr=False)

    @cached_property
    def opened(self) -> tuple[str, object]:
        """(name, table) of the split. Raises SourceError."""
        import datasets

        name = readable(self.path.absolute().name)
        try:
            found = datasets.load_from_disk(str(self.path))
        except Exception as error:  # datasets raises anything, from OSError to its own
            raise SourceError(f"{printable(str(self.path))} cannot be read as a saved data set: {first_line(error)}; "
                              "save or copy it again.") from error
        if isinstance(found, datasets.DatasetDict):
            split = chosen(name, list(found), self.split)
            if split is None:
                found = datasets.concatenate_datasets(list(found.values()))
            else:
                name, found = name if split == "train" else f"{name} {split}", found[split]
        elif self.split not in (None, "train", ALL, str(found.split)):
            chosen(name, [str(found.split)] if found.split else [], self.split)  # says which there are
        if not len(found):
            raise SourceError(f"{name} holds no rows; name a data set with photos in it.")
        return name, found

    @property
    def folders(self) -> tuple[Path, ...]:
        return (self.path.absolute(),)

    def first_is_photo(self, column: str) -> bool:
        """Whether the first cell of a column that holds anything is a photo."""
        found = undecoded(self.opened[1], column).select_columns([column])[:16][column]
        return is_photo(next((value for value in found if value), None), self.folders)

    @cached_property
    def picture_column(self) -> str:
        name, table = self.opened
        return picture_column(name, table.features, self.column, is_photo=self.first_is_photo)

    def by_number(self) -> PhotoRows:
        return PhotoRows(self.opened[1], self.picture_column, left_out=self.left_out,
                         places=PathFolders((0,), (self.folders,)))

    def stream(self) -> Stream:
        return Stream(self.opened[1].to_iterable_dataset(), self.picture_column, folders=self.folders,
                      left_out=self.left_out)

    def source(self, **limits: object) -> Source:
        (name, table), column = self.opened, self.picture_column
        labels = label_column(name, table.features, self.labels)
        listed = is_list(table.features[column])

        def read() -> Iterator[SourcePhoto | BadPhoto]:
            plain = undecoded(table, column).select_columns([column, labels] if labels else [column])
            return row_photos(plain, name, column, labels, table.features.get(labels), listed=listed,
                              folders=self.folders)

        return Source(name, None if listed else len(table), read, left_out=self.left_out)
