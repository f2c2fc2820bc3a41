"""Staging: encoded photos that lie beside an index as parts, until shards are made of them and one transaction names
those.

A part is a shard whose ids count from 0, a pack of thumbnails, and a list of its photos that is written last: a part
with a list is whole. Whoever encodes again, after a stop, finds the parts and passes over their photos.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from itertools import groupby
from pathlib import Path

import numpy as np

from index.errors import ConceptIndexError
from index.records import EncodedPhoto, ModelIdentity
from index.store import thumbnails
from index.store.catalogue import FileEntry
from index.store.concept_table import FULL, ConceptTable, check, merge, table_of
from index.store.shards import content_of, open_shard, paths_of
from index.store.thumbnails import ThumbnailPlace
from model.checkpoints.files import write_whole

FOLDER = "staged"
OURS = re.compile(r"\d{6,}\.(npy|safetensors|jpegs|json)|\.[0-9a-f]{16}\.part")  # what parts are called
PARTS = "shards"  # where `index.store.shards` puts them
PART_BITS = 48  # parts are numbered by chance: their makers do not know of each other


@dataclass(frozen=True)
class StagedPhoto:
    """A photo in a part: which of its photos, and what a plan or the catalogue needs to know of it."""

    sha256: str
    part: int
    row: int
    num_concepts: int
    size: tuple[int, int]
    nbytes: int
    thumbnail: ThumbnailPlace


@dataclass(frozen=True)
class ShardPlan:
    """A shard that is to be made: the numbers of its files, its first ids, and its photos in the order of theirs."""

    number: int
    pack_number: int
    first_concept: int
    first_photo: int
    photos: tuple[StagedPhoto, ...]

    @property
    def num_concepts(self) -> int:
        return sum(photo.num_concepts for photo in self.photos)


@dataclass(frozen=True)
class MadeShard:
    """What the catalogue is told of a shard: its files, and where each photo's thumbnail lies."""

    files: tuple[FileEntry, ...]
    places: tuple[ThumbnailPlace, ...]


def write_part(index_path: Path, photos: Sequence[EncodedPhoto], model: ModelIdentity) -> list[StagedPhoto]:
    """Photos -> a new part beside the index. Raises OSError, and ConceptIndexError for photos that do not fit it."""
    check(photos, width=model.width, summary_width=model.summary_width, num_tokens=model.num_tokens)
    folder, part = index_path / FOLDER, secrets.randbits(PART_BITS)
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    table = table_of(photos, first_concept=0, first_photo=0, width=model.width, summary_width=model.summary_width)
    for path, content in zip(paths_of(part), content_of(table), strict=True):
        write_whole(folder / path, content)
    pack, places = thumbnails.pack(f"{PARTS}/{part:06d}.jpegs", [encoded.thumbnail for encoded in photos])
    write_whole(folder / places[0].pack, pack)
    staged = [StagedPhoto(encoded.photo.sha256, part, row, len(encoded.concepts), encoded.photo.size,
                          encoded.photo.nbytes, place)
              for row, (encoded, place) in enumerate(zip(photos, places, strict=True))]
    listed = json.dumps([asdict(photo) for photo in staged]).encode()
    write_whole(folder / PARTS / f"{part:06d}.json", sha256(listed).hexdigest().encode() + b"\n" + listed)
    return staged


def staged_photos(index_path: Path) -> dict[str, StagedPhoto]:
    """By their sha256: what parts hold that are there already. One whose list is damaged counts for nothing."""
    found = {}
    for file in sorted((index_path / FOLDER / PARTS).glob("*.json")):
        digest, _, listed = file.read_bytes().partition(b"\n")
        if sha256(listed).hexdigest().encode() == digest:
            for photo in json.loads(listed):
                place, size = ThumbnailPlace(**photo.pop("thumbnail")), tuple(photo.pop("size"))
                found[photo["sha256"]] = StagedPhoto(**photo, size=size, thumbnail=place)
    return found


def clear(index_path: Path) -> None:
    """Removes all parts."""
    for file in (index_path / FOLDER / PARTS).glob("*"):
        if OURS.fullmatch(file.name):
            with suppress(OSError):
                file.unlink()
    for folder in (index_path / FOLDER / PARTS, index_path / FOLDER):
        with suppress(OSError):  # there is none, or it holds what is somebody else's
            folder.rmdir()


def planned(
    photos: Sequence[StagedPhoto], *, first_concept: int, first_photo: int, first_file: int, full: int = FULL
) -> Iterator[ShardPlan]:
    """Shards that are as full as can be and cut no photo in two, as `index.store.concept_table.split` cuts them; two
    files each."""
    start = 0
    while start < len(photos):
        stop, concepts = start, 0
        while stop < len(photos) and stop - start < full and (
                stop == start or concepts + photos[stop].num_concepts <= full):
            concepts += photos[stop].num_concepts
            stop += 1
        yield ShardPlan(first_file, first_file + 1, first_concept, first_photo + start, tuple(photos[start:stop]))
        start, first_concept, first_file = stop, first_concept + concepts, first_file + 2


def write_shard(index_path: Path, plan: ShardPlan, model: ModelIdentity) -> MadeShard:
    """A shard and its thumbnails, from parts. Raises OSError, and ConceptIndexError where a part is damaged."""
    table = renumbered(gathered(index_path / FOLDER, plan.photos, model), plan)
    contents = dict(zip(paths_of(plan.number), content_of(table), strict=True))
    pictures = [thumbnails.read(index_path / FOLDER, photo.thumbnail) for photo in plan.photos]
    pack_path = f"thumbnails/{plan.pack_number:06d}.jpegs"
    contents[pack_path], places = thumbnails.pack(pack_path, pictures)
    for path, content in contents.items():
        (index_path / path).parent.mkdir(exist_ok=True)
        write_whole(index_path / path, content)
    return MadeShard(tuple(FileEntry(path, len(content), sha256(content).hexdigest())
                           for path, content in contents.items()), tuple(places))


def gathered(folder: Path, photos: Iterable[StagedPhoto], model: ModelIdentity) -> ConceptTable:
    """The photos' rows in their order, numbered as in their parts."""
    parts: list[ConceptTable] = []
    keep: list[np.ndarray] = []
    keep_photos: list[np.ndarray] = []
    for part, photo_rows in runs(photos):
        shard = open_shard(folder, part, width=model.width, summary_width=model.summary_width)
        parts.append(shard.table)
        keep.append(np.isin(shard.table.columns["photo"], photo_rows))
        keep_photos.append(np.isin(shard.table.photo_ids, photo_rows))
        table = shard.table
        if any(table.crc_of(row) != int(table.columns["crc"][row]) for row in np.flatnonzero(keep[-1])) \
                or any(table.summary_crc_of(row) != int(table.summary_crcs[row]) for row in photo_rows):
            raise ConceptIndexError(f"{shard.path} is not what was written; remove {folder}, and run the same command "
                                    "again.")
    return merge(parts, keep, keep_photos)


def runs(photos: Iterable[StagedPhoto]) -> Iterator[tuple[int, list[int]]]:
    """Neighbours that lie in one part, in rising rows: what can be copied in one go."""
    for _, group in groupby(enumerate(photos), lambda item: (item[1].part, item[1].row - item[0])):
        run = [photo for _, photo in group]
        yield run[0].part, [photo.row for photo in run]


def renumbered(table: ConceptTable, plan: ShardPlan) -> ConceptTable:
    """The same rows with the ids that the plan gives them."""
    photo_ids = plan.first_photo + np.arange(len(plan.photos), dtype=np.int64)
    table.columns["id"] = plan.first_concept + np.arange(len(table), dtype=np.int64)
    table.columns["photo"] = np.repeat(photo_ids, [photo.num_concepts for photo in plan.photos])
    table = replace(table, photo_ids=photo_ids, summary_crcs=np.zeros(len(photo_ids), "<u4"))
    table.columns["crc"] = np.array([table.crc_of(row) for row in range(len(table))], "<u4")
    table.summary_crcs[:] = [table.summary_crc_of(row) for row in range(len(photo_ids))]
    return table
