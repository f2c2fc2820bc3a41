"""Splits: which files of a data set are for training and which for testing, by their names and folders."""

from __future__ import annotations

import re
from collections.abc import Sequence

from photos.sources.errors import SourceError

ALL = "all"  # asked for as a split: every photo
NAMES = {"train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
         "dev": "validation", "test": "test", "testing": "test", "eval": "test", "evaluation": "test"}
SHARD = re.compile(r"(\w+?)[-_.]\d+-of-\d+")  # train-00000-of-00003.parquet, as the hub writes any split


def split_of(path: str) -> str | None:
    """Of a table or an archive, by its path inside the data set: data/train-00000-of-00003.parquet, test/0.tar."""
    *folders, file = path.split("/")
    if (shard := SHARD.match(file)) is not None:
        return NAMES.get(shard[1].lower(), shard[1])
    words = re.split(r"[^a-z]+", file.lower())
    return NAMES.get(words[0]) or next((NAMES[folder.lower()] for folder in folders if folder.lower() in NAMES), None)


def split_of_picture(path: str) -> str | None:
    """By the first folder alone: a person's own folders may well have such names further down."""
    folder, slash, _ = path.partition("/")
    return NAMES.get(folder.lower()) if slash else None


def chosen(name: str, splits: Sequence[str | None], wanted: str | None) -> str | None:
    """Which split is meant, of those that the files are of; None for all of them.

    wanted: None for train, or the only one there is. Where no file tells, "train" is everything too. Raises SourceError
    for one that is not there, with those that are.
    """
    there = sorted({split for split in splits if split is not None})
    if wanted == ALL:
        return None
    wanted = NAMES.get(wanted, wanted) if wanted not in there else wanted
    if wanted is None:
        if not there or "train" in there or len(there) == 1:
            return "train" if "train" in there else there[0] if there else None
        raise SourceError(f"{name} has no split train; it has {', '.join(there)}; name one with --split (in training "
                          "--set data.split=), or all.")
    if not there and wanted == "train":
        return None
    if wanted not in there:
        has = f"it has {', '.join(there)}" if there else "it has none"
        raise SourceError(f"{name} has no split {wanted!r}; {has}; name another with --split (in training --set "
                          "data.split=), or all.")
    return wanted
