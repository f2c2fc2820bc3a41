"""Photos of a table to measure on: their classes by a column, or what is in them by a column of masks."""

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
from photos.sources.columns import holds_bytes, is_image, is_list, picture_column
from photos.sources.errors import SourceError
from photos.sources.hub import HubTable
from photos.sources.labels import label_column, label_text
from photos.sources.parquet import ParquetTables
from photos.sources.saved import SavedTable
from train.evaluators.photo_set import PhotoSet
from train.evaluators.table_cells import Cells, StreamedCells, TableCells

MASKS = ("annotation", "mask", "segmentation", "semantic_segmentation", "label")  # "label" where it holds pictures
ROW = "row "
BACKGROUND, UNLABELLED = 0, 255  # of a mask's values: neither is an object
BORDER = 0xE0E0C0  # around the objects of VOC's coloured masks, nobody's
COLOURED = 256  # from here on a mask's values are colours, 0xRRGGBB


@dataclass(frozen=True)
class Area:
    """What a mask's value covers, in the place of an `Outline`; read anew when it is asked for."""

    value: int
    values: Callable[[], np.ndarray]

    @property
    def label(self) -> str:
        return str(self.value) if self.value < COLOURED else f"#{self.value:06x}"

    def mask(self, side: int) -> np.ndarray:
        """(side, side) bool, on the photo squashed to a square."""
        found = Image.fromarray((self.values() == self.value).astype(np.uint8))
        return np.asarray(found.resize((side, side), Image.Resampling.NEAREST)).astype(bool)


@dataclass
class TablePhotos(PhotoSet):
    """cells: of the table; image, label, mask: names of its columns, among `columns`. A photo's path is the table and
    its row."""

    name: str = ""
    cells: Cells | None = None
    image: str = ""
    label: str | None = None
    mask: str | None = None
    columns: tuple[str, ...] = ()
    _shown: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, found: ParquetTables | SavedTable | HubTable, place: str | Path, *, mask_column: str | None = None,
           streaming: bool = False, limit: int | None = None) -> TablePhotos:
        """limit: of a stream the first so many rows, else spread over the table as `PhotoSet.open` does it. Raises
        ValueError, one sentence: a SourceError where the table cannot be had or lacks a column that is asked for."""
        table, features, first_is_photo, folders = looked_at(found, streaming=streaming)
        name = found.opened[0] if isinstance(found, SavedTable) else found.name
        if isinstance(found, HubTable):
            name = " ".join(filter(None, (name, found.config, found.split if found.split != "train" else None)))
        mask = mask_of(name, features, mask_column)
        rest = {column: kind for column, kind in features.items() if column != mask and column not in MASKS}
        try:
            image = picture_column(name, features if found.column else rest, found.column, is_photo=first_is_photo)
        except SourceError as error:
            if found.column:
                raise
            raise SourceError(f"{place} has no column of photos (it has {', '.join(map(str, features)) or 'none'}); "
                              "one must hold the bytes of files, or their paths; name it with --column") from error
        label = label_column(name, {key: kind for key, kind in features.items() if key != mask}, found.labels)
        if isinstance(found, ParquetTables):
            cells: Cells = found.cells()
        elif table.__class__.__name__ == "IterableDataset":
            cells = StreamedCells(name, table, image, label=label, mask=mask, most=limit)
        else:
            cells = TableCells(table, tuple(filter(None, (image, mask))), folders=folders)
        if not len(cells):
            raise SourceError(f"{name} holds no rows; name another split.")
        kind = features.get(label)
        told = [label_text(kind, value) for value in cells.column(label)] if label else []
        place = Path(place)
        whole = cls(place, [place / f"{ROW}{row}" for row in range(len(cells))], left_out=found.left_out, name=name,
                    cells=cells, image=image, label=label, mask=mask, columns=tuple(map(str, features)))
        whole.label_by(told)
        if limit is None or limit >= len(whole):
            return whole
        part = cls(place, whole._spread(limit), left_out=found.left_out, name=name, cells=cells, image=image,
                   label=label, mask=mask, columns=whole.columns)
        part.label_by([told[part.row(index)] for index in range(len(part))] if told else [])
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

    @property
    def title(self) -> str:
        return self.name

    @property
    def described(self) -> str:
        columns = ", ".join(column for column in (self.image, self.label, self.mask) if column)
        return f"{self.title} ({len(self)} photos; columns {columns})"

    def lack(self, needs: str) -> str:
        option, asked = {"classes": ("--label-column", self.label), "outlines": ("--mask-column", self.mask)}[needs]
        found = f"its column {asked!r} does not tell two classes or leaves photos without one" if asked else \
            f"it has the columns {', '.join(self.columns)}"
        return f"has no {needs} ({found}; {option} names another)"

    def row(self, index: int) -> int:
        return int(self.paths[index].name.removeprefix(ROW))

    def read(self, index: int) -> Tensor | None:
        self.progress(1)
        try:
            return pixels_of(open_photo(self.content_of(index, self.image), limits=LOCAL))
        except SourceError:  # of the table, not of a photo
            raise
        except (ValueError, OSError) as error:
            self.skipped[self.paths[index]] = str(error)
            return None

    def content_of(self, index: int, column: str) -> bytes:
        """ValueError where the cell holds none."""
        row = self.row(index)
        first = next(iter(cells_of(self.cells.cell(row, column))), None)
        return content_of(first, self.cells.folders_of(row))

    @property
    def texts(self) -> dict[Path, bool | None]:
        return {}  # nothing lies beside a row

    @property
    def has_outlines(self) -> bool:
        return self.mask is not None

    def with_outlines(self) -> TablePhotos:
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
                except SourceError:
                    raise
                except (OSError, ValueError, Image.DecompressionBombError) as error:
                    raise ValueError(f"{self.paths[index]}: its {self.mask} cannot be read as a mask") from error
                self._shown[index] = one_value(found)
            return self._shown[index]
        return [Area(value, values) for value in np.unique(values()).tolist()
                if value not in (BACKGROUND, UNLABELLED, BORDER)]


def looked_at(found: ParquetTables | SavedTable | HubTable, *, streaming: bool) -> tuple:
    """-> (table of `datasets` or None, its columns, whether the first cell of a column is a photo, folders)."""
    if isinstance(found, ParquetTables):
        _ = found.counts
        return None, found.features, found.first_is_photo, ()
    if isinstance(found, SavedTable):
        table = found.opened[1]
        return table, table.features, found.first_is_photo, found.folders
    table = found.table(streaming=streaming)
    return table, table.features or {}, lambda column: False, ()


def mask_of(name: str, features: dict, wanted: str | None) -> str | None:
    if wanted is None:
        return next((column for column in MASKS if holds_pictures(features.get(column))), None)
    if wanted not in features:
        raise SourceError(f"{name} has no column {wanted!r}; it has {', '.join(map(str, features))}; name another with "
                          "--mask-column.")
    if not holds_pictures(features[wanted]):
        raise SourceError(f"{name}: the column {wanted!r} holds no pictures, so no masks; name another with "
                          "--mask-column.")
    return wanted


def holds_pictures(kind: object) -> bool:
    return kind is not None and not is_list(kind) and (is_image(kind) or holds_bytes(kind))


def one_value(pixels: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, channels) -> (H, W): grey is its own value, a colour 0xRRGGBB."""
    if pixels.ndim == 2:
        return pixels
    pixels = pixels.astype(np.int64)
    if pixels.shape[2] < 3:  # grey and opacity
        return pixels[..., 0]
    red, green, blue = (pixels[..., channel] for channel in range(3))
    if (red == green).all() and (green == blue).all():
        return red
    return (red << 16) + (green << 8) + blue
