"""Building: photos of a source into an index, from where the last run stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from index.build.models import checked_resolution, identity_of, load, model_file, model_of
from index.build.report import BuildReport, Stale
from index.errors import ConceptIndexError
from index.records import EncodedPhoto
from index.store import staging
from index.store.places import FileState, Place, Root, key_of, state_of
from index.store.searcher import MakeSearcher
from photos.sources.source import BadPhoto, Source, SourceFile, SourcePhoto
from photos.text import printable

if TYPE_CHECKING:
    from index.concept_index import ConceptIndex
    from model.stellar import Stellar

MODEL, RESOLUTION = "nano", 448  # of a new index
# What was encoded is written in one transaction after so many photos or seconds: a kill loses no more than that.
PHOTOS_A_TRANSACTION, SECONDS_A_TRANSACTION = 256, 30.0
# Known photos whose places are written in one transaction.
PLACES_A_TRANSACTION = 4096
# A build that brought this share of an index's concepts ends with a compaction, which rebuilds what search is fast by.
SHARE_TO_COMPACT = 0.1


class Engine(Enum):
    """LOCAL: in this process; RAY: on the machines of a Ray cluster (`index.build.ray_engine`)."""

    LOCAL = "local"
    RAY = "ray"


def build(
    source: Source,
    out: Path,
    *,
    model: str | None = None,
    resolution: int | None = None,
    engine: Engine = Engine.LOCAL,
    searcher: MakeSearcher | None = None,
    on_photo: Callable[[], None] | None = None,
) -> BuildReport:
    """The photos of a source into the index at `out`, which is made where there is none; what it holds is passed over.
    Nothing is taken out: what the source no longer holds is counted (`index.build.updating` takes it out).

    model, resolution: None for the index's own, or for a new one nano at 448 px. searcher: what searches the index, as
    `ConceptIndex.open` takes it; None: FAISS. on_photo: called once a photo.
    Raises ConceptIndexError, in one sentence: before anything is encoded where the index is another model's, after the
    rest is written where the source breaks off, and where not one photo could be opened.
    """
    if engine is Engine.RAY:
        from index.build import ray_engine

        ray_engine.imported()  # or says why not, before an index is made
    index, stellar = open_or_create(out, model=model, resolution=resolution, searcher=searcher)
    with index:
        if engine is Engine.RAY:
            file = model_file(model or index.model.name)
            report = ray_engine.add_photos(index, file, source, on_photo=on_photo)
        else:
            report = add_photos(index, stellar, source, on_photo=on_photo)
            staging.clear(index.path)  # by a build on Ray that was stopped, and that this one has completed
        if searcher or report.num_concepts >= max(1, SHARE_TO_COMPACT * index.num_concepts):
            index.compact()  # and what is not FAISS is brought what is new
        report.stale = stale(index, source.roots)
    if not report.bad and not report.seen:
        raise ConceptIndexError(f"{source.name} holds no photos; name another folder or data set.")
    if report.seen == len(report.bad):
        first = report.bad[0]
        raise ConceptIndexError(f"Not one of the {report.seen:,} photos of {source.name} could be opened; the first, "
                                f"{printable(first.source)}: {first.reason}")
    return report


def add_photos(
    index: ConceptIndex,
    stellar: Stellar,
    photos: Iterable[SourcePhoto | BadPhoto],
    *,
    on_photo: Callable[[], None] | None = None,
) -> BuildReport:
    """Encode the photos that the index, open for writing, does not hold, and add them in transactions of a few hundred.

    The same bytes twice are one photo. Whatever ends it early, what was encoded until then is written. The caller sees
    to it that `stellar` is the index's model (`model_of`).
    """
    from index.build.encoding import encode

    report, start = BuildReport(), time.perf_counter()
    on_photo = on_photo or (lambda: None)
    unwritten: list[EncodedPhoto] = []
    # sha256 of a photo on its way -> the sources of its copies, and the files
    copies: dict[str, list[tuple[str, SourceFile | None]]] = {}
    placed: list[tuple[SourceFile, int]] = []

    def is_known(photo: SourcePhoto) -> bool:
        if photo.sha256 in copies:
            # Counted with the first, which may turn out to be bad.
            copies[photo.sha256].append((photo.source, photo.file))
            return True
        if (known := index.find_photo(photo.sha256)) is not None:
            if photo.file:
                placed.append((photo.file, known))
                if len(placed) >= PLACES_A_TRANSACTION:
                    write_places()
            report.known += 1
            on_photo()
            return True
        copies[photo.sha256] = []
        return False

    def on_bad(bad: BadPhoto) -> None:
        for source in [bad.source, *(source for source, _ in copies.pop(bad.sha256, []))]:
            report.bad.append(BadPhoto(source, bad.reason, bad.sha256))
            on_photo()

    def write() -> None:
        nonlocal unwritten
        batch, unwritten = unwritten, []  # a batch that fails is not tried again on the way out
        if batch:
            added = index.add(batch)
            report.added += added.added
            report.known += added.known
            report.num_concepts += added.num_concepts
        for encoded in batch:
            others = copies.pop(encoded.photo.sha256)
            if files := [file for _, file in others if file]:
                photo = index.find_photo(encoded.photo.sha256)
                placed.extend((file, photo) for file in files)
            report.known += len(others)
            for _ in others:
                on_photo()

    def write_places() -> None:
        nonlocal placed
        batch, placed = placed, []
        if batch:
            index.place(batch)

    last = time.monotonic()
    try:
        for encoded in encode(stellar, photos, resolution=index.model.resolution, is_known=is_known, on_bad=on_bad):
            unwritten.append(encoded)
            on_photo()
            if len(unwritten) >= PHOTOS_A_TRANSACTION or time.monotonic() - last >= SECONDS_A_TRANSACTION:
                write()
                last = time.monotonic()
    finally:
        write()
        write_places()
    report.seconds = time.perf_counter() - start
    return report


def stale(index: ConceptIndex, roots: Iterable[Path]) -> list[Stale]:
    """Of each of these folders that has any."""
    found = []
    for folder in roots:
        if root := root_of(index, folder):
            places: dict[str, list[Place]] = {}
            for place in index.places(root=root):
                places.setdefault(place.path, []).append(place)
            gone = sum(not os.path.lexists(folder / path) and state_of(folder, path) is FileState.GONE
                       for path in places)
            changed = sum(len(several) > 1 for several in places.values())
            found += [Stale(folder, gone, changed)] if gone or changed else []
    return found


def root_of(index: ConceptIndex, folder: Path) -> Root | None:
    key = key_of(folder)
    return next((root for root in index.roots if root.key == key), None)


def open_or_create(
    out: Path, *, model: str | None = None, resolution: int | None = None, searcher: MakeSearcher | None = None
) -> tuple[ConceptIndex, Stellar]:
    """The index at `out`, open for writing, and its model; an empty index where there is none. Raises
    ConceptIndexError where it is of another model or resolution than those asked for."""
    from index.concept_index import ConceptIndex, check_room
    from index.store.catalogue import FILE

    searched = {"searcher": searcher} if searcher else {}
    if not (out / FILE).exists():
        check_room(out)  # before the model is loaded
        resolution = checked_resolution(resolution or RESOLUTION)
        stellar, sha256 = load(model or MODEL)
        identity = identity_of(model or MODEL, stellar, sha256, resolution=resolution)
        return ConceptIndex.create(out, model=identity, **searched), stellar
    index = ConceptIndex.open(out, writer=True, **searched)
    try:
        if resolution not in (None, index.model.resolution):
            raise ConceptIndexError(f"The index in {out} was made at {index.model.resolution} px, and photos at "
                                    f"{resolution} px do not mix with it; leave out --resolution, or choose another "
                                    "folder.")
        return index, model_of(index, model)
    except BaseException:
        index.close()
        raise
