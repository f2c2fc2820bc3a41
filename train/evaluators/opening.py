"""What --data names -> the photos to measure on: a folder, Parquet, a saved data set, or one of the hub."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from photos.sources.errors import SourceError
from photos.sources.filenames import readable
from photos.sources.files import Files
from photos.sources.hub import HUB_NAME, HubTable
from photos.sources.open import find_photos
from photos.sources.parquet import ParquetTables
from photos.sources.saved import SavedTable
from photos.sources.tars import Tars
from train.evaluators.outlines import Boxes
from train.evaluators.photo_set import PhotoSet, check_one_split, several_splits
from train.evaluators.table_photos import TablePhotos

SHARD = re.compile(r"(?P<split>.+?)-(?P<number>\d{5})-of-(?P<count>\d{5})")


@dataclass(frozen=True)
class Reading:
    """What of a data set is looked at, None where that is found: config and split of a data set that has several;
    columns of a table. streaming: a hub data set is read as it comes, and not fetched first. kept: nothing is fetched.
    """

    split: str | None = None
    config: str | None = None
    column: str | None = None
    label_column: str | None = None
    mask_column: str | None = None
    streaming: bool = False
    kept: bool = False


def open_set(
    place: str | Path, *, reading: Reading | None = None, limit: int | None = None, boxes: Boxes | None = None
) -> PhotoSet:
    """limit: about so many of its photos. Raises ValueError, one sentence that names the place."""
    reading, place = reading or Reading(), str(place)
    shown = readable(place)
    found = find_photos(place, column=reading.column, label_column=reading.label_column, split=reading.split,
                        config=reading.config)
    if isinstance(found, Tars):
        raise ValueError(f"{shown} holds archives of photos, and measures are taken on photos in folders and tables; "
                         "unpack it and name the folder.")
    if reading.streaming and not isinstance(found, HubTable):
        raise ValueError(f"{shown} is at hand and is read where it lies; leave --streaming out, which is for hub data "
                         "sets.")
    if isinstance(found, HubTable):
        found = HubTable(found.name, found.split, found.config, found.column, found.labels, kept=reading.kept)
    else:
        check_whole(Path(place).expanduser(), shown, found)
    if isinstance(found, Files):
        if reading.column or reading.label_column or reading.mask_column:
            raise ValueError(f"{shown} is no table, so it has no columns; leave out --column, --label-column and "
                             "--mask-column.")
        return PhotoSet.of(found, limit=limit, boxes=boxes, split_is_named=reading.split is not None)
    if reading.split is None:  # what of it is of training, nobody said
        check_one_split(place, found.left_out)
        splits = saved_splits(found) if isinstance(found, SavedTable) else []
        if len(splits) > 1:
            raise several_splits(place, splits)
    return TablePhotos.of(found, place, mask_column=reading.mask_column, streaming=reading.streaming, limit=limit)


def is_of_hub(place: str) -> bool:
    return not Path(place).expanduser().exists() and HUB_NAME.fullmatch(place) is not None


def saved_splits(found: SavedTable) -> list[str]:
    """Sorted, none where it is one table."""
    try:
        return sorted(json.loads((found.path / "dataset_dict.json").read_text(encoding="utf-8"))["splits"])
    except (OSError, ValueError, KeyError, TypeError):
        return []  # opening it says what is wrong


def check_whole(place: Path, shown: str, found: Files | ParquetTables | SavedTable) -> None:
    """Raises SourceError for a folder that the hub's client left half filled: a table measured on it would be another
    data set's."""
    if not place.is_dir():
        return
    missing = missing_shards(found.paths) if isinstance(found, ParquetTables) else []
    if not missing and not any(place.glob(".cache/huggingface/download/**/*.incomplete")):
        return
    which = f" ({', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''} is not there)" if missing else ""
    raise SourceError(f"{shown} is half downloaded{which}; run hf download again, which goes on where it stopped.")


def missing_shards(paths: Sequence[Path]) -> list[str]:
    """Of files train-00000-of-00003 and the like, those that are not among the others."""
    there: dict[tuple[str, int], set[int]] = defaultdict(set)
    for path in paths:
        if told := SHARD.match(path.name):
            there[told["split"], int(told["count"])].add(int(told["number"]))
    return [f"{split}-{number:05d}-of-{count:05d}" for (split, count), numbers in there.items()
            for number in range(count) if number not in numbers]
