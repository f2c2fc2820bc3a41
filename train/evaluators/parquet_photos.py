"""Photos in Parquet files to measure on: their classes by a column, or what is in them by a column of masks."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from photos.decoding import open_photo
from photos.fitting import pixels_of
from photos.limits import LOCAL
from photos.sources.cells import cells_of, content_of
from photos.sources.columns import holds_bytes, is_image, picture_column
from photos.sources.errors import SourceError
from photos.sources.labels import label_column, label_text
from photos.sources.parquet import ParquetCells, ParquetTables
from train.evaluators.photo_set import PhotoSet

MASKS = ("annotation", "mask", "segmentation")
ROW = "row "
BACKGROUND, UNLABELLED = 0, 255  # of a mask's values: neither is an object


@dataclass(frozen=True)
class Area:
    """What a mask's value covers, in the place of an `Outline`; read anew when it is asked for."""

    label: str
    values: Callable[[], np.ndarray]

    def mask(self, side: int) -> np.ndarray:
        """(side, side) bool, on the photo squashed to a square."""
        found = Image.fromarray((self.values() == int(self.label)).astype(np.uint8))
        return np.asarray(found.resize((side, side), Image.Resampling.NEAREST)).astype(bool)


@dataclass
class ParquetPhotos(PhotoSet):
    """tables, cells: of the files; image, mask: names of their columns. A photo's path is its file and its row."""

    tables: ParquetTables | None = None
    cells: ParquetCells | None = None
    image: str = ""
    mask: str | None = None
    _shown: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def open(cls, place: str | Path, *, limit: int | None = None) -> ParquetPhotos:
        """A file, or a folder of them in the order of their names. Raises ValueError, one sentence."""
        place = Path(place)
        tables = ParquetTables(str(place), tuple(parquet_files(place)), root=place if place.is_dir() else place.parent)
        features, cells = tables.features, tables.cells()
        mask = next((name for name in MASKS if holds_pictures(features.get(name))), None)
        rest = {name: kind for name, kind in features.items() if name not in MASKS}
        try:
            image = picture_column(tables.name, rest, None, is_photo=tables.first_is_photo)
        except SourceError as error:
            raise ValueError(f"{place} has no column of photos (it has {', '.join(features)}); one must hold the bytes "
                             "of files, or their paths") from error
        label = label_column(tables.name, features, None)
        found = [label_text(features[label], value) for value in cells.column(label)] if label else []
        photos = cls(place, [place / f"{ROW}{row}" for row in range(len(cells))], tables=tables, cells=cells,
                     image=image, mask=mask)
        photos.label_by(found)
        if limit is None or limit >= len(photos):
            return photos
        part = cls(place, photos._spread(limit), tables=tables, cells=cells, image=image, mask=mask)
        part.label_by([found[part.row(index)] for index in range(len(part))] if found else [])
        return part

    def label_by(self, found: list[str | None]) -> None:
        """Two classes or more, each photo of one; else there are none."""
        told = [label for label in found if label is not None]
        classes = sorted(set(told))
        whole = len(told) == len(self.paths) and len(classes) > 1
        number = {name: index for index, name in enumerate(classes)}
        # In the place of what PhotoSet sees by folders.
        self.__dict__["class_names"] = classes if whole else []
        self.__dict__["labels"] = [number[name] for name in told] if whole else []

    def row(self, index: int) -> int:
        return int(self.paths[index].name.removeprefix(ROW))

    def read(self, index: int) -> Tensor | None:
        self.progress(1)
        try:
            return pixels_of(open_photo(self.content_of(index, self.image), limits=LOCAL))
        except (ValueError, OSError) as error:
            self.skipped[self.paths[index]] = str(error)
            return None

    def content_of(self, index: int, column: str) -> bytes:
        """ValueError where the cell holds none."""
        row = self.row(index)
        first = next(iter(cells_of(self.cells.cell(row, column))), None)
        return content_of(first, self.tables.folders_of(self.cells.path_of(row)))

    @property
    def has_outlines(self) -> bool:
        return self.mask is not None

    def with_outlines(self) -> ParquetPhotos:
        return self

    def outlines(self, index: int) -> list[Area] | None:
        """What the mask's values cover, but for the background and what nobody labelled. ValueError names the row."""
        if self.mask is None:
            return None

        def values() -> np.ndarray:
            if index not in self._shown:
                self._shown.clear()  # the classes of one photo are asked for one after the other
                try:
                    with Image.open(io.BytesIO(self.content_of(index, self.mask))) as mask:
                        found = np.asarray(mask)
                except (OSError, ValueError, Image.DecompressionBombError) as error:
                    raise ValueError(f"{self.paths[index]}: its {self.mask} cannot be read as a mask") from error
                if found.ndim != 2:
                    raise ValueError(f"{self.paths[index]}: its {self.mask} has {found.ndim} dimensions; a mask has "
                                     "one value a pixel")
                self._shown[index] = found
            return self._shown[index]
        return [Area(str(value), values) for value in np.unique(values()).tolist()
                if value not in (BACKGROUND, UNLABELLED)]


def is_parquet(place: str | Path) -> bool:
    """A .parquet file, or a folder of them."""
    place = Path(place)
    return place.suffix == ".parquet" or (place.is_dir() and any(place.glob("*.parquet")))


def parquet_files(place: Path) -> list[Path]:
    found = [place] if place.is_file() else sorted(place.glob("*.parquet"))
    if not found:
        raise ValueError(f"there is no Parquet file at {place}; name one, or a folder of them.")
    return found


def holds_pictures(kind: object) -> bool:
    return is_image(kind) or holds_bytes(kind)
