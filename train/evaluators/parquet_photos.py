"""Photos in Parquet files to measure on: their classes by a column, or what is in them by a column of masks."""

from __future__ import annotations

import io
import json
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from torch import Tensor

from photos.decoding import open_photo
from photos.fitting import pixels_of
from photos.limits import LOCAL
from train.evaluators.photo_set import PhotoSet

IMAGES, LABELS, MASKS = ("image", "img"), ("label", "labels", "class"), ("annotation", "mask", "segmentation")
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


class Rows:
    """Cells of some columns of Parquet files, one row group in memory at a time."""

    def __init__(self, files: list[Path]) -> None:
        self.files = [pq.ParquetFile(file) for file in files]
        groups = [(number, group, file.metadata.row_group(group).num_rows)
                  for number, file in enumerate(self.files) for group in range(file.metadata.num_row_groups)]
        self.groups = [(number, group) for number, group, _ in groups]
        self.starts = np.cumsum([0, *(count for *_, count in groups)]).tolist()
        self.group = lru_cache(maxsize=2)(self._group)

    def __len__(self) -> int:
        return self.starts[-1]

    def cell(self, row: int, column: str) -> object:
        place = bisect_right(self.starts, row) - 1
        return self.group(place, column)[row - self.starts[place]].as_py()

    def _group(self, place: int, column: str) -> pa.ChunkedArray:
        file, group = self.groups[place]
        return self.files[file].read_row_group(group, columns=[column])[column]

    def column(self, name: str) -> list:
        return [value for file in self.files for value in file.read(columns=[name])[name].to_pylist()]


@dataclass
class ParquetPhotos(PhotoSet):
    """rows: of the files; image, mask: names of their columns. A photo's path is its file and its row."""

    rows: Rows | None = None
    image: str = ""
    mask: str | None = None
    _shown: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def open(cls, place: str | Path, *, limit: int | None = None) -> ParquetPhotos:
        """A file, or a folder of them in the order of their names. Raises ValueError, one sentence."""
        place = Path(place)
        files = parquet_files(place)
        try:
            rows = Rows(files)
            schema = rows.files[0].schema_arrow
            image = column_of(schema, IMAGES, holds_bytes)
            if image is None:
                raise ValueError(f"{place} has no column of photos (it has {', '.join(schema.names)}); it must be "
                                 f"called {' or '.join(IMAGES)} and hold the bytes of files")
            label = column_of(schema, LABELS, lambda found: pa.types.is_integer(found) or pa.types.is_string(found))
            found = rows.column(label) if label else []
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{place} cannot be read as Parquet ({str(error).splitlines()[0]}); fetch it again") \
                from error
        photos = cls(place, [place / f"{ROW}{row}" for row in range(len(rows))], rows=rows, image=image,
                     mask=column_of(schema, MASKS, holds_bytes))
        photos.label_by(found, names_of_classes(schema, label))
        if limit is None or limit >= len(photos):
            return photos
        paths = photos._spread(limit)
        part = cls(place, paths, rows=rows, image=image, mask=photos.mask)
        part.label_by([found[part.row(index)] for index in range(len(part))] if found else [],
                      names_of_classes(schema, label))
        return part

    def label_by(self, found: list, names: list[str] | None) -> None:
        """Two classes or more, each photo of one; else there are none."""
        labels = [str(value) if not isinstance(value, int) or names is None or not 0 <= value < len(names)
                else names[value] for value in found if value is not None]
        classes = sorted(set(labels))
        whole = len(labels) == len(self.paths) and len(classes) > 1
        number = {name: index for index, name in enumerate(classes)}
        # In the place of what PhotoSet sees by folders.
        self.__dict__["class_names"] = classes if whole else []
        self.__dict__["labels"] = [number[name] for name in labels] if whole else []

    def row(self, index: int) -> int:
        return int(self.paths[index].name.removeprefix(ROW))

    def read(self, index: int) -> Tensor | None:
        self.progress(1)
        try:
            return pixels_of(open_photo(bytes_of(self.rows.cell(self.row(index), self.image)), limits=LOCAL))
        except (ValueError, pa.ArrowException, OSError) as error:
            self.skipped[self.paths[index]] = str(error)
            return None

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
                    with Image.open(io.BytesIO(bytes_of(self.rows.cell(self.row(index), self.mask)))) as mask:
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


def column_of(schema: pa.Schema, names: tuple[str, ...], fits: Callable[[pa.DataType], bool]) -> str | None:
    return next((name for name in names if name in schema.names and fits(schema.field(name).type)), None)


def holds_bytes(arrow_type: pa.DataType) -> bool:
    """As `datasets` stores a photo (bytes and path), or the bytes alone."""
    return pa.types.is_binary(arrow_type) or pa.types.is_large_binary(arrow_type) or (
        pa.types.is_struct(arrow_type) and "bytes" in [part.name for part in arrow_type])


def bytes_of(cell: object) -> bytes:
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not content:
        raise ValueError("its cell has no bytes")
    return content


def names_of_classes(schema: pa.Schema, label: str | None) -> list[str] | None:
    """Which `datasets` writes beside the table."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return list(features[label]["names"])
    except (KeyError, TypeError, ValueError):
        return None
