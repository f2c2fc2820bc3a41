"""Changes: adding, removing and compacting, each a few files and then one transaction that names them."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from index.errors import ConceptIndexError
from index.records import AddReport, EncodedPhoto, Photo
from index.store import thumbnails
from index.store.catalogue import (
    Catalogue,
    Contents,
    FileEntry,
    PhotoEntry,
    ShardEntry,
    State,
    Transaction,
    sync_folder,
)
from index.store.concept_table import FULL, ConceptTable, check, merge, split, table_of
from index.store.places import Place, Root, key_of, new_root, place_of
from index.store.searcher import SEGMENT_NAME, MakeSearcher
from index.store.shards import Shard, content_of, damaged, paths_of
from index.store.snapshot import SEGMENTS, Snapshot, open_shards, vectors_of
from index.taught_word import TaughtWord
from model.checkpoints.files import sha256_of, write_whole
from photos.sources.source import SourceFile

FOLDERS = ("shards", "thumbnails", SEGMENTS)
# What a writer calls its files there. Anything else is somebody else's, and stays.
OURS = re.compile(rf"\d{{6,}}\.(npy|safetensors|jpegs)|\..+\.part|{SEGMENT_NAME.pattern}")
# A shard of fewer concepts is small. So many small ones at the end become larger ones with the next addition: each
# that is mapped keeps two files open.
SMALL = FULL // 2
MOST_SMALL = 32
# Thumbnails that lie in a smaller file are put into a larger one by a compaction.
SMALL_PACK, FULL_PACK = 1 << 20, 64 << 20

# A table, and which of its concepts and of their photos are kept.
Part = tuple[ConceptTable, np.ndarray, np.ndarray]


def add(catalogue: Catalogue, snapshot: Snapshot, photos: Sequence[EncodedPhoto]) -> AddReport:
    contents, state = snapshot.contents, snapshot.contents.state
    model = contents.model
    check(photos, width=model.width, summary_width=model.summary_width, num_tokens=model.num_tokens)
    first = {encoded.photo.sha256: encoded for encoded in reversed(photos)}
    new = [encoded for encoded in photos if first[encoded.photo.sha256] is encoded
           and not catalogue.photos("sha256 = ?", (encoded.photo.sha256,), at=state.version)]
    table = table_of(new, first_concept=state.next_concept, first_photo=state.next_photo, width=model.width,
                     summary_width=model.summary_width)
    report = AddReport(len(new), len(photos) - len(new), len(table))
    if not new:
        return report
    with _change(catalogue, contents) as change:
        tail = _small_tail(snapshot)
        parts = [(change.sound(shard), *_all_of(shard.table)) for shard in tail]
        change.replace_shards(tail, [*parts, (table, *_all_of(table))])
        places = change.write_pack([encoded.thumbnail for encoded in new])
        concept = state.next_concept
        for photo, (encoded, place) in enumerate(zip(new, places, strict=True), start=state.next_photo):
            change.photos.append(PhotoEntry(replace(encoded.photo, id=photo), concept, len(encoded.concepts), place,
                                            added=change.state.version))
            concept += len(encoded.concepts)
        ids = {entry.photo.sha256: entry.photo.id for entry in change.photos}
        change.put_places(catalogue, [(encoded.file, ids[encoded.photo.sha256]) for encoded in photos
                                      if encoded.file and encoded.photo.sha256 in ids])
        change.pixels = [(ids[encoded.photo.sha256], encoded.pixels) for encoded in new if encoded.pixels]
        change.state = replace(change.state, next_concept=concept, next_photo=state.next_photo + len(new),
                               num_concepts=state.num_concepts + len(table), num_photos=state.num_photos + len(new))
    return report


def remove(catalogue: Catalogue, snapshot: Snapshot, photo_ids: Iterable[int]) -> int:
    with _change(catalogue, snapshot.contents) as change:
        return change.remove(catalogue, photo_ids)


def place(catalogue: Catalogue, snapshot: Snapshot, files: Iterable[tuple[SourceFile, int]]) -> None:
    with _change(catalogue, snapshot.contents) as change:
        change.put_places(catalogue, files)


def move_root(catalogue: Catalogue, snapshot: Snapshot, before: Root, now: Path) -> None:
    others = [root for root in catalogue.roots() if root.id != before.id]
    with _change(catalogue, snapshot.contents) as change:
        change.roots = [replace(new_root(now, others), id=before.id)]


def settle(catalogue: Catalogue, snapshot: Snapshot, *, removed: Iterable[int], photos: Iterable[Photo],
           files: Iterable[tuple[SourceFile, int]], dropped: Iterable[Place]) -> None:
    version = snapshot.contents.state.version
    with _change(catalogue, snapshot.contents) as change:
        change.remove(catalogue, removed)
        for photo in photos:
            [entry] = catalogue.photos("id = ?", (photo.id,), at=version)
            change.photos.append(replace(entry, photo=photo))
        change.dropped_places = list(dropped)
        change.put_places(catalogue, files)


def compact(catalogue: Catalogue, snapshot: Snapshot, searcher: MakeSearcher) -> None:
    with _change(catalogue, snapshot.contents) as change:
        for run in _untidy_runs(snapshot):
            shards = [snapshot.shards[place] for place in run]
            change.replace_shards(shards, (
                (change.sound(snapshot.shards[place]), snapshot.live_of(place), snapshot.live_photos_of(place))
                for place in run))
        _repack(catalogue, change)
        change.forget_removed = len(snapshot.contents.removed_photos) > 0
        _write_segments(snapshot, change, searcher)


def segment(catalogue: Catalogue, snapshot: Snapshot, searcher: MakeSearcher) -> None:
    with _change(catalogue, snapshot.contents) as change:
        _write_segments(snapshot, change, searcher)


def teach(catalogue: Catalogue, snapshot: Snapshot, word: TaughtWord) -> None:
    """In the place of what was taught as the same word, in whatever case."""
    with _change(catalogue, snapshot.contents) as change:
        change.forgotten = spelt_as(word.word, snapshot)
        change.taught = [word]


def forget(catalogue: Catalogue, snapshot: Snapshot, word: str) -> bool:
    with _change(catalogue, snapshot.contents) as change:
        change.forgotten = spelt_as(word, snapshot)
    return bool(change.forgotten)


def spelt_as(word: str, snapshot: Snapshot) -> list[str]:
    """The taught word that is this one, whatever the case."""
    wanted = " ".join(word.split()).casefold()
    return [taught.word for taught in snapshot.contents.taught if taught.word.casefold() == wanted]


def restore_segments(catalogue: Catalogue, snapshot: Snapshot, searcher: MakeSearcher) -> bool:
    """What FAISS made of the shards is made again where a file of it is missing or not what it was -> whether."""
    segments = [file for file in snapshot.contents.files if file.path.startswith(f"{SEGMENTS}/")]
    if all(is_sound(catalogue.folder, file) for file in segments):
        return False
    segment(catalogue, snapshot, searcher)
    return True


def sweep(folder: Path, contents: Contents) -> None:
    """Removes what no transaction has named: a writer that was killed has left it."""
    named = {file.path for file in contents.files}
    for place in FOLDERS:
        for file in (folder / place).glob("*"):
            if OURS.fullmatch(file.name) and f"{place}/{file.name}" not in named:
                file.unlink(missing_ok=True)
    for file in folder.glob(".*.part"):
        if time.time() - file.stat().st_mtime > 3600:  # a younger one may be a map that another process is writing
            file.unlink(missing_ok=True)


def is_sound(folder: Path, file: FileEntry) -> bool:
    """Whether a file is there and as it was written."""
    try:
        return (folder / file.path).stat().st_size == file.nbytes and sha256_of(folder / file.path) == file.sha256
    except OSError:
        return False


def check_sound(folder: Path, contents: Contents, *paths: str) -> None:
    """Raises ConceptIndexError where one of these files is not what was written."""
    for file in contents.files:
        if file.path in paths and not is_sound(folder, file):
            raise damaged(folder / file.path, "it is not what was written")


@dataclass
class _Change:
    """A transaction that is being prepared: its files are written, and what it will say of them is gathered."""

    folder: Path
    contents: Contents
    state: State
    files: list[FileEntry] = field(default_factory=list)
    dropped_files: list[str] = field(default_factory=list)
    shards: list[ShardEntry] = field(default_factory=list)
    dropped_shards: list[int] = field(default_factory=list)
    photos: list[PhotoEntry] = field(default_factory=list)
    taught: list[TaughtWord] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    roots: list[Root] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    dropped_places: list[Place] = field(default_factory=list)
    pixels: list[tuple[int, str]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    forget_removed: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.files or self.dropped_files or self.photos or self.forget_removed or self.taught
                    or self.forgotten or self.changes_places)

    @property
    def changes_places(self) -> bool:
        return bool(self.roots or self.places or self.dropped_places or self.pixels)

    def number(self) -> int:
        """For a new file: never given before."""
        self.state = replace(self.state, next_file=self.state.next_file + 1)
        return self.state.next_file - 1

    def write(self, path: str, content: bytes) -> None:
        write_whole(self.folder / path, content)
        self.files.append(FileEntry(path, len(content), sha256(content).hexdigest()))

    def replace_shards(self, shards: Sequence[Shard], parts: Iterable[Part]) -> None:
        """What is kept of some neighbours, and comes behind them, takes their place."""
        for table in _pieces(parts):
            number = self.number()
            for path, content in zip(paths_of(number), content_of(table), strict=True):
                self.write(path, content)
            self.shards.append(ShardEntry(number, int(table.photo_ids[0]), len(table.photo_ids), len(table)))
        self.dropped_shards += [shard.number for shard in shards]
        self.dropped_files += [path for shard in shards for path in paths_of(shard.number)]

    def remove(self, catalogue: Catalogue, photo_ids: Iterable[int]) -> int:
        """-> how many of them there were."""
        found = [entry for photo in sorted({int(photo) for photo in photo_ids}) if 0 <= photo < self.state.next_photo
                 for entry in catalogue.photos("id = ?", (photo,), at=self.contents.state.version)]
        self.photos += [replace(entry, removed=self.state.version) for entry in found]
        self.removed += [entry.photo.id for entry in found]
        self.state = replace(self.state, num_photos=self.state.num_photos - len(found),
                             num_concepts=self.state.num_concepts - sum(entry.num_concepts for entry in found))
        return len(found)

    def put_places(self, catalogue: Catalogue, files: Iterable[tuple[SourceFile, int]]) -> None:
        """Files and the ids of the photos that were read from them."""
        known = catalogue.roots()
        by_path = {}
        for file, photo in files:
            if file.root not in by_path:
                key = key_of(file.root)
                found = next((root for root in [*known, *self.roots] if root.key == key), None)
                if found is None:
                    found = new_root(file.root, [*known, *self.roots])
                    self.roots.append(found)
                by_path[file.root] = found.id
            put = place_of(file, by_path[file.root], photo)
            if put not in catalogue.places("places.root = ? AND places.path = ? AND places.photo = ?",
                                           (put.root, put.path, put.photo)):
                self.places.append(put)

    def write_pack(self, pictures: Sequence[bytes]) -> list[thumbnails.ThumbnailPlace]:
        path = f"thumbnails/{self.number():06d}.jpegs"
        content, places = thumbnails.pack(path, pictures)
        self.write(path, content)
        return places

    def sound(self, shard: Shard) -> ConceptTable:
        """Its table, which is about to be written again under a new hash."""
        check_sound(self.folder, self.contents, *paths_of(shard.number))
        return shard.table

    def apply(self, transaction: Transaction) -> None:
        transaction.drop_files([*self.dropped_files, *(file.path for file in self.files)])
        transaction.add_files(self.files)
        for number in self.dropped_shards:
            transaction.drop_shard(number)
        for shard in self.shards:
            transaction.add_shard(shard)
        if self.forget_removed:
            transaction.forget_removed()
        transaction.put_photos(self.photos)
        transaction.forget_places(self.removed)
        if self.changes_places:
            transaction.put_places(self.roots, self.dropped_places, self.places, self.pixels)
        if self.taught or self.forgotten:
            transaction.change_taught(self.taught, self.forgotten)
        transaction.set_state(self.state)


@contextmanager
def _change(catalogue: Catalogue, contents: Contents) -> Iterator[_Change]:
    """What is prepared inside becomes one transaction, if it says anything; what fails leaves all as it was."""
    folder = catalogue.folder
    change = _Change(folder, contents, replace(contents.state, version=contents.state.version + 1))
    try:
        for place in FOLDERS:
            if not (folder / place).is_dir():
                (folder / place).mkdir()
                sync_folder(folder)
        yield change
        if change.is_empty:
            return
        for place in sorted({(folder / file.path).parent for file in change.files}):
            sync_folder(place)
        with catalogue.transaction() as transaction:
            change.apply(transaction)
    except BaseException as error:
        # The transaction may have been done before this came, by Ctrl-C for one: the catalogue knows.
        with suppress(OSError, ConceptIndexError):
            sweep(folder, catalogue.contents())
        if isinstance(error, OSError | sqlite3.Error):
            reason = getattr(error, "strerror", None) or error
            raise ConceptIndexError(f"{folder} could not be changed ({reason}) and is as it was before; make room or "
                                    "see to the rights there, and do the same again.") from error
        raise
    with suppress(OSError):  # a reader on another machine may hold one; the next writer sweeps
        for path in change.dropped_files:
            (folder / path).unlink(missing_ok=True)


def _all_of(table: ConceptTable) -> tuple[np.ndarray, np.ndarray]:
    return np.ones(len(table), bool), np.ones(len(table.photo_ids), bool)


def _pieces(parts: Iterable[Part]) -> Iterator[ConceptTable]:
    """Parts one after the other, cut anew into pieces that are as full as can be. Few are in memory at once."""
    waiting: list[Part] = []
    for part in parts:
        waiting.append(part)
        if sum(max(keep.sum(), photos.sum()) for _, keep, photos in waiting) >= FULL:
            *whole, last = split(merge(*zip(*waiting, strict=True)))
            yield from whole
            waiting = [(last, *_all_of(last))]
    if waiting:
        yield from split(merge(*zip(*waiting, strict=True)))


def _small_tail(snapshot: Snapshot) -> list[Shard]:
    """The small shards at the end, if they have become too many."""
    tail = []
    for shard in reversed(snapshot.shards):
        if _size(shard) >= SMALL:
            break
        tail.insert(0, shard)
    return tail if len(tail) >= MOST_SMALL else []


def _untidy_runs(snapshot: Snapshot) -> Iterator[list[int]]:
    """Places of neighbours that become fewer, or smaller, when they are written again."""
    def has_removed(place: int) -> bool:
        return not (snapshot.live_of(place).all() and snapshot.live_photos_of(place).all())

    def is_tidy(place: int) -> bool:
        return _size(snapshot.shards[place]) >= SMALL and not has_removed(place)

    for tidy, group in groupby(range(len(snapshot.shards)), is_tidy):
        run = list(group)
        if not tidy and (len(run) > 1 or has_removed(run[0])):
            yield run


def _size(shard: Shard) -> int:
    return max(len(shard), len(shard.table.photo_ids))


def _repack(catalogue: Catalogue, change: _Change) -> None:
    """Thumbnails from small packs, and from those that hold removed ones, into new packs."""
    state = change.contents.state
    files = {file.path: file.nbytes for file in change.contents.files if file.path.startswith("thumbnails/")}
    live = {pack.path: pack for pack in catalogue.packs(at=state.version)}
    small = [path for path in live if files[path] < SMALL_PACK]
    holed = {path for path, pack in live.items() if pack.nbytes < files[path]}
    untidy = sorted(holed | set(small if len(small) > 1 else ()))
    ends = np.cumsum([live[path].nbytes for path in untidy])
    for _, group in groupby(zip(untidy, ends // FULL_PACK, strict=True), itemgetter(1)):
        packs = [live[path] for path, _ in group]
        check_sound(change.folder, change.contents, *(pack.path for pack in packs))
        moved = [entry for pack in packs for entry in catalogue.photos(
            "id BETWEEN ? AND ? AND pack = ?", (pack.first_photo, pack.last_photo, pack.path), at=state.version)]
        places = change.write_pack([thumbnails.read(change.folder, entry.thumbnail) for entry in moved])
        change.photos += [replace(entry, thumbnail=place) for entry, place in zip(moved, places, strict=True)]
    change.dropped_files += [*untidy, *(files.keys() - live.keys())]


def _write_segments(snapshot: Snapshot, change: _Change, searcher: MakeSearcher) -> None:
    """What FAISS makes of the shards as they will be."""
    folder, contents = change.folder, change.contents
    entries = [entry for entry in contents.shards if entry.number not in change.dropped_shards] + change.shards
    shards = open_shards(folder, contents, sorted(entries, key=lambda entry: entry.first_photo), snapshot.shards)
    named = {file for file in contents.files if file.path.startswith(f"{SEGMENTS}/")}
    segments = searcher(folder / SEGMENTS, vectors_of(shards)).build()
    needed = {FileEntry(f"{SEGMENTS}/{segment.name}", segment.nbytes, segment.sha256) for segment in segments}
    change.files += needed - named
    change.dropped_files += {file.path for file in named} - {file.path for file in needed}
