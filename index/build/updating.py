"""Updating: after it, an index says of a folder what the folder says now.

Which files are unchanged is told by size and time, without opening them; the others are read, and known by their bytes
wherever they lie now. What has new bytes and shows the model the same pixels as a photo that is gone is that photo,
tagged anew. Only what is left is encoded. Photos are taken out at the end, when nothing can claim them any more.
"""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from index.build import building
from index.build.building import PLACES_A_TRANSACTION, SHARE_TO_COMPACT, root_of
from index.build.models import model_of
from index.errors import ConceptIndexError
from index.query.hit_table import plain
from index.records import EncodedPhoto, Photo
from index.store.places import UNKNOWN, FileState, Place, Root, key_of, size_of, state_of
from index.store.searcher import MakeSearcher
from photos.sources.open import open_source
from photos.sources.source import BadPhoto, ListedPhoto, Source, SourceFile, SourcePhoto
from photos.text import printable

if TYPE_CHECKING:
    from index.build.decoding import Prepared
    from index.concept_index import ConceptIndex
    from model.stellar import Stellar


ROW = re.compile(r" row \d+$")  # of a data set


class Fate(Enum):
    """What became of a file of the folder, and below the line of a photo that has no file in it any more; the words
    that follow its count."""

    UNCHANGED = "unchanged"
    FOLLOWED = "moved and followed"
    RETAGGED = "with other tags and the same pixels"
    REPLACED = "replaced"
    ADDED = "added"
    COPY = "copies of others"
    BAD = "that could not be opened"
    # ---
    REMOVED = "removed"
    MISSING = "missing and kept"
    HIDDEN = "kept, whose files are not seen now (for lack of rights, of a drive, or by other options)"
    ELSEWHERE = "kept, which another folder has too"


OF_FILES = (Fate.UNCHANGED, Fate.FOLLOWED, Fate.RETAGGED, Fate.REPLACED, Fate.ADDED, Fate.COPY, Fate.BAD)
OF_PHOTOS = (Fate.REMOVED, Fate.MISSING, Fate.HIDDEN, Fate.ELSEWHERE)


@dataclass
class UpdateReport:
    """names: the files of each fate, but for unchanged ones, and with an arrow from where they were; every file of the
    folder has one of OF_FILES, so that these counts add up to the files. num_read: files that were opened. unplaced:
    photos of which nobody knows what folder they came from, and which were left alone."""

    num_files: int
    names: dict[Fate, list[str]] = field(default_factory=lambda: defaultdict(list))
    unchanged: int = 0
    num_read: int = 0
    num_encoded: int = 0
    num_concepts: int = 0
    unplaced: int = 0
    bad: list[BadPhoto] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, fate: Fate) -> int:
        return self.unchanged if fate is Fate.UNCHANGED else len(self.names[fate])


def update(
    source: Source,
    out: Path,
    *,
    model: str | None = None,
    keep_missing: bool = False,
    dry_run: bool = False,
    reread: bool = False,
    adopt: bool = False,
    moved_from: Path | None = None,
    searcher: MakeSearcher | None = None,
    on_photo: Callable[[], None] | None = None,
) -> UpdateReport:
    """Make the index at `out` say of a folder what the folder says, in transactions of a few hundred photos.

    Photos of other folders and of data sets are left alone. keep_missing: a photo whose file is gone stays. dry_run:
    nothing is written or encoded, and the report says what would be. reread: size and time are not trusted. adopt:
    photos of which the index does not know the folder, as those of older programs, came from this one. moved_from:
    where this folder was before. on_photo: called once a file. Raises ConceptIndexError, in one sentence, and leaves
    all as it was, where the folder is not one that the index was built of, or is empty.
    """
    from index.concept_index import ConceptIndex

    folder = folder_of(source)
    with ConceptIndex.open(out, writer=not dry_run, **({"searcher": searcher} if searcher else {})) as index:
        root = known_root(index, folder, moved_from)
        if moved_from is not None and not dry_run:
            index.move_root(root, folder)
        work = Update(index, source, root, model=model, keep_missing=keep_missing, dry_run=dry_run, reread=reread,
                      adopt=adopt, on_photo=on_photo or (lambda: None))
        report = work.run()
        if not dry_run and report.num_concepts and (
                searcher or report.num_concepts >= max(1, SHARE_TO_COMPACT * index.num_concepts)):
            index.segment()  # no more: who reads the index meanwhile still asks for what was removed
    return report


def opened(name: str, out: Path, **options: object) -> Source:
    """A folder to update from. Raises ValueError, in one sentence, where it is none, or where nothing is in it: a drive
    that is not mounted looks like a folder whose photos were all deleted."""
    path = Path(name).expanduser()
    advice = (f"nothing in {out} was changed; mount the drive that it is on, or where the folder was moved, update "
              f"from there with --moved-from {plain(name)}.")
    if not path.exists():
        raise ConceptIndexError(f"{printable(name)} does not exist; {advice}")
    try:
        source = open_source(name, **options)
    except ValueError as error:
        if path.is_dir():
            raise ConceptIndexError(f"{str(error).removesuffix('.')}; {advice}") from error
        raise
    if source.roots and not source.listed:
        raise ConceptIndexError(f"{printable(name)} holds no photos; {advice}")
    return source


def folder_of(source: Source) -> Path:
    if len(source.roots) != 1 or not source.listed:
        raise ConceptIndexError(f"{printable(source.name)} is no folder of photos, and update follows one folder; name "
                                "a folder, or add what else there is: python -m index add DIR SOURCE.")
    return source.roots[0]


def known_root(index: ConceptIndex, folder: Path, moved_from: Path | None) -> Root | None:
    """The folder as the index knows it; None where it knows none of its photos' folders. Raises ConceptIndexError."""
    known, name = root_of(index, folder), plain(str(folder))
    if moved_from is not None:
        before = root_of(index, moved_from)
        if before is None or known is not None:
            raise ConceptIndexError(
                f"{index.path} was not built of {plain(str(moved_from))}; it was built of {names_of(index)}."
                if before is None else f"{index.path} knows {name} already; leave out --moved-from.")
        return before
    if known is not None:
        return known
    keys = {root.key: root.name for root in index.roots}
    above = next((parent for parent in folder.parents if key_of(parent) in keys), None)
    if above is not None:
        raise ConceptIndexError(f"{name} lies in {plain(str(above))}, which {index.path} was built of; update that "
                                "one.")
    if keys and not unplaced(index):
        raise ConceptIndexError(f"{index.path} was not built of {name}; it was built of {names_of(index)}; where that "
                                "folder was moved here, say from where with --moved-from, else add these photos: "
                                f"python -m index add {index.path} {name}.")
    return None


def names_of(index: ConceptIndex) -> str:
    return ", ".join(printable(root.name) for root in index.roots) or "folders that it does not know"


def unplaced(index: ConceptIndex) -> list[Photo]:
    """Those of which the index knows no file; a row of a data set never was one."""
    return [photo for photo in index.unplaced() if not ROW.search(photo.source)]


class Update:
    """One update, from what was listed to taking out what is gone.

    held: by path, what lay there before. now: by path, the photo that lies there, below 0 for one that a dry run does
    not encode. claimed: photos that lie anywhere in the folder.
    """

    def __init__(self, index: ConceptIndex, source: Source, root: Root | None, *, model: str | None,
                 keep_missing: bool, dry_run: bool, reread: bool, adopt: bool, on_photo: Callable[[], None]) -> None:
        self.index, self.folder, self.root, self.model = index, source.roots[0], root, model
        self.listed = {photo.source: photo for photo in source.listed}
        self.limits = source.limits
        self.keep_missing, self.dry_run, self.reread, self.on_photo = keep_missing, dry_run, reread, on_photo
        self.report = UpdateReport(len(self.listed))
        self.unplaced = {photo.id: photo for photo in unplaced(index)}
        self.places = index.places(root=root) if root else []
        if adopt:
            self.places += [Place(UNKNOWN, photo.source, photo.id) for photo in self.unplaced.values()]
        self.held, self.held_by = grouped(self.places, "path"), grouped(self.places, "photo")
        self.first_new = index._snapshot.contents.state.next_photo
        self.now: dict[str, int] = {}
        self.claimed: set[int] = set()
        self.bad: dict[str, BadPhoto] = {}
        self.on_way: dict[str, list[SourceFile]] = {}  # sha256 of a photo that is not in yet -> its files
        self.alike: list[tuple[str, str, tuple[int, int]]] = []  # sha256, digest, size: perhaps tagged anew
        # Photos with other bytes, as they are to be, and their files: for the last transaction.
        self.retagged: dict[int, Photo] = {}
        self.retagged_files: list[tuple[SourceFile, int]] = []
        self.files: list[tuple[SourceFile, int]] = []  # known photos' files that are not written yet
        self.unwritten: list[EncodedPhoto] = []
        self.imagined: dict[str, int] = {}  # sha256 of a photo that a dry run would encode -> below 0

    def run(self) -> UpdateReport:
        start = time.perf_counter()
        changed = self.changed()
        self.report.num_read = len(changed)
        if changed:
            self.read(changed)
        self.end()
        self.report.unplaced = len(unplaced(self.index))
        self.report.seconds = time.perf_counter() - start
        return self.report

    # --- what lies where ---

    def changed(self) -> list[ListedPhoto]:
        """The files that have to be read; of the others it is known what they hold."""
        changed = []
        for path, photo in self.listed.items():
            held = self.held.get(path, ())
            try:
                found = os.stat(photo.path) if held and not self.reread else None
            except OSError:
                found = None  # what is wrong with it, reading will tell
            same = [place.photo for place in held if found and place.is_as(found)]
            if same:
                self.put(path, max(same))
            else:
                changed.append(photo)
        return changed

    def put(self, path: str, photo: int) -> None:
        self.now[path] = photo
        self.claimed.add(photo)
        self.on_photo()

    def put_file(self, file: SourceFile, photo: int) -> None:
        self.put(file.path, photo)
        self.files.append((file, photo))
        if len(self.files) >= PLACES_A_TRANSACTION:
            self.write_files()

    # --- reading and encoding ---

    def read(self, changed: list[ListedPhoto]) -> None:
        stellar = model_of(self.index, self.model)
        pixels = self.index.pixels(self.root) if self.root else {}
        digests: dict[str, list[int]] = defaultdict(list)
        for photo, digest in pixels.items():
            digests[digest].append(photo)

        def is_same(photo: SourcePhoto, prepared: Prepared) -> bool:
            """Decided at the end: the photo that it looks like may still be found elsewhere."""
            looks_alike = any(other not in self.claimed for other in digests.get(prepared.digest, ()))
            if looks_alike:
                self.alike.append((photo.sha256, prepared.digest, prepared.size))
            return looks_alike

        self.encode(stellar, changed, is_same)
        again: list[ListedPhoto] = []
        for sha256, digest, size in self.alike:
            files = self.on_way.pop(sha256)
            photo = self.gone_photo(digests[digest], files)
            if photo is None:
                again += [self.listed[file.path] for file in files]
                continue
            self.retagged[photo] = replace(self.index.photo(photo), sha256=sha256, size=size, nbytes=files[0].nbytes)
            for file in files:
                self.put(file.path, photo)
            self.retagged_files += [(file, photo) for file in files]
        if again:
            self.encode(stellar, again, None)

    def gone_photo(self, photos: list[int], files: list[SourceFile]) -> int | None:
        """One of these that lies nowhere any more, if there is one; rather one that lay where one of the files is."""
        paths = {file.path for file in files}
        gone = [photo for photo in photos if photo not in self.claimed and not self.elsewhere(photo)
                and all(self.fate_of(place) is not Fate.HIDDEN for place in self.held_by[photo])]
        return min(gone, default=None, key=lambda photo: (
            not any(place.path in paths for place in self.held_by[photo]), photo))

    def encode(self, stellar: Stellar, photos: list[ListedPhoto],
               is_same: Callable[[SourcePhoto, Prepared], bool] | None) -> None:
        """Or in a dry run all but that."""
        from index.build.decoding import decoded_ahead
        from index.build.encoding import encode

        read = (photo.read(self.folder, limits=self.limits) for photo in photos)
        resolution, last = self.index.model.resolution, time.monotonic()
        if self.dry_run:
            for photo, prepared in decoded_ahead(read, resolution=resolution, patch_size=stellar.patch_size, ahead=4,
                                                 num_workers=None, is_known=self.is_known, on_bad=self.on_bad):
                if is_same is None or not is_same(photo, prepared):
                    self.report.num_encoded += 1
                    self.imagined[photo.sha256] = -self.report.num_encoded
                    for file in self.on_way.pop(photo.sha256):
                        self.put(file.path, -self.report.num_encoded)
            return
        try:
            for encoded in encode(stellar, read, resolution=resolution, is_known=self.is_known, is_same=is_same,
                                  on_bad=self.on_bad):
                self.unwritten.append(encoded)
                if len(self.unwritten) >= building.PHOTOS_A_TRANSACTION \
                        or time.monotonic() - last >= building.SECONDS_A_TRANSACTION:
                    self.write()
                    last = time.monotonic()
        finally:
            self.write()

    def is_known(self, photo: SourcePhoto) -> bool:
        if photo.sha256 in self.on_way:
            self.on_way[photo.sha256].append(photo.file)
            return True
        known = self.imagined.get(photo.sha256, self.index.find_photo(photo.sha256))
        if known is not None:
            self.put_file(photo.file, known)
            return True
        self.on_way[photo.sha256] = [photo.file]
        return False

    def on_bad(self, bad: BadPhoto) -> None:
        paths = {bad.source} | {file.path for file in self.on_way.pop(bad.sha256, ())}
        for path in sorted(paths):
            self.bad[path] = BadPhoto(path, bad.reason, bad.sha256)
            self.on_photo()

    def write(self) -> None:
        batch, self.unwritten = self.unwritten, []  # a batch that fails is not tried again on the way out
        if batch:
            self.report.num_concepts += self.index.add(batch).num_concepts
            self.report.num_encoded += len(batch)
        for encoded in batch:
            photo = self.index.find_photo(encoded.photo.sha256)
            for file in self.on_way.pop(encoded.photo.sha256):
                self.put_file(file, photo)
        self.write_files()

    def write_files(self) -> None:
        files, self.files = self.files, []
        if files and not self.dry_run:
            self.index.place(files)

    # --- what is gone, and the one transaction that says so ---

    def end(self) -> None:
        lies_at = defaultdict(list)  # photo -> the paths where it lies, in order
        for path in self.listed:
            if path in self.now:
                lies_at[self.now[path]].append(path)
        removed: set[int] = set()
        dropped: list[Place] = []
        changed: dict[int, Photo] = {}
        for photo in [*self.held_by, *(photo for photo in lies_at if photo not in self.held_by)]:
            if photo < 0 or photo >= self.first_new:
                continue
            held, paths = self.held_by.get(photo, []), lies_at.get(photo, [])
            if [place.path for place in held] == sorted(paths) and photo not in self.retagged:
                continue
            fates = {place: self.fate_of(place) for place in held if self.now.get(place.path) != photo}
            # What lies somewhere is not missing.
            kept = [place for place, fate in fates.items() if fate is Fate.HIDDEN or fate is Fate.MISSING and not paths]
            dropped += [place for place in fates if place not in kept]
            elsewhere = self.elsewhere(photo)
            if not (paths or kept or elsewhere):
                removed.add(photo)
                continue
            if not paths:
                self.name(min((fates[place] for place in kept), key=OF_PHOTOS.index, default=Fate.ELSEWHERE),
                          held[0].path)
            if record := self.record(photo, [*paths, *(place.path for place in (*kept, *elsewhere))]):
                changed[photo] = record
        self.tell(lies_at, removed, changed)
        if not self.dry_run:
            self.write_files()
            self.index.settle(removed=removed, dropped=dropped, photos=changed.values(), files=self.retagged_files)

    def record(self, photo: int, paths: list[str]) -> Photo | None:
        """What is to be said of a photo that lies at these paths; None where that is what is said already."""
        said = self.retagged.get(photo) or self.index.photo(photo)
        if said.source in paths or ROW.search(said.source):
            return self.retagged.get(photo)
        return replace(said, source=paths[0], label=self.label(said, paths[0]))

    def label(self, before: Photo, path: str) -> str | None:
        """A label that was the folder's name stays that, and so does one that was not."""
        listed = self.listed.get(path)
        if listed is not None and listed.label is not None:
            return listed.label
        was_folder = before.label is not None and before.label == PurePosixPath(before.source).parent.name
        return PurePosixPath(path).parent.name or None if was_folder else before.label

    def tell(self, lies_at: dict[int, list[str]], removed: set[int], changed: dict[int, Photo]) -> None:
        """Each file's fate, and each removed photo's: where a new one has taken its place it is replaced."""
        removed = set(removed)
        for path in self.listed:
            if path in self.bad:
                self.name(Fate.BAD, path)
                continue
            photo = self.now[path]
            is_first = lies_at[photo][0] == path
            was_at = {place.path for place in self.held_by.get(photo, ())}
            if photo in self.unplaced:
                was_at.add(self.unplaced[photo].source)
            if photo in self.retagged:
                self.name(Fate.RETAGGED if is_first else Fate.COPY, path, was_at)
            elif path in was_at:
                self.report.unchanged += 1
            elif photo < 0 or photo >= self.first_new:
                before = next((place.photo for place in self.held.get(path, ()) if place.photo in removed), None)
                if is_first and before is not None:
                    removed.discard(before)
                    self.name(Fate.REPLACED, path)
                else:
                    self.name(Fate.ADDED if is_first else Fate.COPY, path)
            elif is_first and photo in changed and was_at.isdisjoint(lies_at[photo]):
                self.name(Fate.FOLLOWED, path, was_at)
            else:
                self.name(Fate.COPY, path)
        for photo in sorted(removed):
            self.name(Fate.REMOVED, self.held_by[photo][0].path)
        self.report.bad = [self.bad[path] for path in sorted(self.bad)]

    def name(self, fate: Fate, path: str, was_at: Iterable[str] = ()) -> None:
        before = min(was_at, default=path)
        self.report.names[fate].append(path if path in was_at or before == path else f"{before} -> {path}")

    def elsewhere(self, photo: int) -> list[Place]:
        """Where it lies in other folders."""
        return [place for place in self.index.places(photo=photo) if self.root is None or place.root != self.root.id]

    def fate_of(self, place: Place) -> Fate:
        """Of what does not lie there any more: HIDDEN, MISSING, or REMOVED."""
        if place.path in self.now:
            return Fate.REMOVED
        if place.path in self.bad:
            # What could be read and is no photo has taken the place of one that is gone.
            return Fate.REMOVED if self.bad[place.path].sha256 else Fate.HIDDEN
        match state_of(self.folder, place.path):
            case FileState.HIDDEN:
                return Fate.HIDDEN
            case FileState.GONE if self.keep_missing:
                return Fate.MISSING
            # It was listed when the index was built, with --hidden, say, or of another split: it is not gone.
            case FileState.THERE if size_of(self.folder, place.path) == place.nbytes:
                return Fate.HIDDEN
        return Fate.REMOVED


def grouped(places: Sequence[Place], by: str) -> dict[object, list[Place]]:
    """By a field of theirs, each group in the order of paths."""
    groups = defaultdict(list)
    for place in sorted(places, key=lambda place: (place.path, place.photo)):
        groups[getattr(place, by)].append(place)
    return dict(groups)
