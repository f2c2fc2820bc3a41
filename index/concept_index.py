"""ConceptIndex: a folder of concepts of many photos; one writer, any number of readers in any process.

What a transaction has named is there after a power cut, and what none has named is garbage: every file is written
aside, fsynced and renamed before one SQLite transaction names it with its sha256.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Self

import numpy as np

from index.errors import ConceptIndexError
from index.query import taught
from index.query.filters import Filter
from index.query.taught import TaughtScores
from index.query.teaching import LEAST_NAMED
from index.records import AddReport, Concept, EncodedPhoto, Hit, ModelIdentity, Photo, PhotoHit
from index.search.vectors import VectorIndex
from index.store import thumbnails
from index.store.catalogue import FILE, Catalogue, PhotoEntry
from index.store.changes import (
    add,
    compact,
    forget,
    move_root,
    place,
    remove,
    restore_segments,
    segment,
    settle,
    sweep,
    teach,
)
from index.store.columns import Columns
from index.store.lock import WriterLock
from index.store.places import Place, Root, key_of
from index.store.searcher import MakeSearcher
from index.store.snapshot import Snapshot, open_snapshot
from index.store.verification import faults
from index.taught_word import Classifier, TaughtWord
from photos.sources.filenames import readable
from photos.sources.source import SourceFile


def check_room(path: Path) -> None:
    """Whether an index can be made there; makes nothing. ConceptIndexError where there is one, or somebody's files."""
    try:
        # A creation that was killed leaves the lock and an unnamed catalogue; nobody misses them.
        found = {file.name for file in path.iterdir() if not file.name.startswith(f".{FILE}.part")} - {WriterLock.FILE}
    except FileNotFoundError:
        return
    except OSError as error:
        raise no_room(path, error) from error
    if FILE in found:
        raise ConceptIndexError(f"{path} holds an index already; open it, or choose another folder.")
    if found:
        raise ConceptIndexError(f"{path} holds other files ({min(found)}); choose an empty or a new folder.")


def no_room(path: Path, error: OSError) -> ConceptIndexError:
    return ConceptIndexError(f"{path} cannot hold an index ({error.strerror}); choose a folder with the right to "
                             "write.")


class ConceptIndex:
    """Made by `create` or `open`. Its answers are those of one version, until `refresh`; a writer's own changes show
    at once. Everything raises ConceptIndexError, in one sentence, where a person has to do something."""

    def __init__(self, path: Path, catalogue: Catalogue, lock: WriterLock | None, searcher: MakeSearcher) -> None:
        self.path = path
        self._catalogue, self._lock, self._make_searcher = catalogue, lock, searcher
        self._changing, self._refreshing = threading.Lock(), threading.Lock()
        self._take_up(open_snapshot(catalogue))

    @classmethod
    def create(cls, path: str | PathLike[str], *, model: ModelIdentity, searcher: MakeSearcher = VectorIndex) -> Self:
        """An empty index, open for writing. The folder may exist, but hold nothing. searcher: as in `open`."""
        path = Path(path)
        check_room(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise no_room(path, error) from error
        lock = WriterLock(path)
        try:
            return cls(path, Catalogue.create(path, model), lock, searcher)
        except (OSError, sqlite3.Error) as error:
            lock.release()
            reason = getattr(error, "strerror", None) or error
            raise ConceptIndexError(f"{path} cannot hold an index ({reason}); choose a folder with the right to write "
                                    "and some space.") from error
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, path: str | PathLike[str], *, writer: bool = False, searcher: MakeSearcher = VectorIndex) -> Self:
        """As its last transaction left it. A second writer is refused at once, in this process or another.

        searcher: makes what searches it, by default what suits its size; `partial(VectorIndex, index_type="exact")` and
        the like.
        A writer first removes what a killed one has left, and makes FAISS's files again where they are damaged.
        """
        path = Path(path)
        if not (path / FILE).is_file():
            raise ConceptIndexError(f"There is no concept index in {path}; make one: python -m index build PHOTOS "
                                    f"--out {path}")
        lock = WriterLock(path) if writer else None
        try:
            catalogue = Catalogue(path, writer=writer)
            index = cls(path, catalogue, lock, searcher)
            if writer:
                sweep(path, index._snapshot.contents)
                if restore_segments(catalogue, index._snapshot, searcher):
                    index.refresh()
        except BaseException:
            if lock:
                lock.release()
            raise
        return index

    def close(self) -> None:
        """What was found stays valid; nothing more can be asked. Closing twice does nothing."""
        self._catalogue.close()
        if self._lock:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What it is

    @property
    def model(self) -> ModelIdentity:
        return self._snapshot.contents.model

    @property
    def version(self) -> int:
        """Rises with each transaction."""
        return self._snapshot.contents.state.version

    @property
    def num_photos(self) -> int:
        return self._snapshot.contents.state.num_photos

    @property
    def num_concepts(self) -> int:
        return self._snapshot.contents.state.num_concepts

    # Changing it

    def add(self, photos: Sequence[EncodedPhoto]) -> AddReport:
        """One transaction. Photos that are there already, by their bytes, are counted and not added."""
        with self._writing():
            return add(self._catalogue, self._snapshot, photos)

    def remove(self, photo_ids: Iterable[int]) -> int:
        """One transaction -> how many of these photos were there. Their ids are never given again; their bytes are
        gone after the next `compact`."""
        with self._writing():
            return remove(self._catalogue, self._snapshot, photo_ids)

    def place(self, files: Iterable[tuple[SourceFile, int]]) -> None:
        """One transaction: files, and the ids of the photos that were read from them, which are there already."""
        with self._writing():
            place(self._catalogue, self._snapshot, files)

    def settle(self, *, removed: Iterable[int] = (), photos: Iterable[Photo] = (),
               files: Iterable[tuple[SourceFile, int]] = (), dropped: Iterable[Place] = ()) -> None:
        """One transaction at the end of an update. removed: ids; photos: as they are now, by their ids; files: as in
        `place`; dropped: places where photos no longer are."""
        with self._writing():
            settle(self._catalogue, self._snapshot, removed=removed, photos=photos, files=files, dropped=dropped)

    def move_root(self, before: Root, now: Path) -> None:
        """One transaction: a folder that photos came from is somewhere else."""
        with self._writing():
            move_root(self._catalogue, self._snapshot, before, now)

    def compact(self) -> None:
        """One transaction: small shards become large ones, what was removed leaves the disk, ids stay, and FAISS's
        files are made."""
        with self._writing():
            compact(self._catalogue, self._snapshot, self._make_searcher)

    def segment(self) -> None:
        """One transaction: FAISS's files are made, as `compact` does, and all else stays: a reader of a version before
        finds what it held."""
        with self._writing():
            segment(self._catalogue, self._snapshot, self._make_searcher)

    def teach(self, word: str, yes: Iterable[int], no: Iterable[int]) -> TaughtWord:
        """One transaction: a word from concepts that it means and that it does not mean, by their ids. A word that was
        taught before is taught anew, from these alone."""
        with self._writing():
            learnt = taught.teach(self, word, list(yes), list(no))
            teach(self._catalogue, self._snapshot, learnt)
        return learnt

    def forget(self, word: str) -> bool:
        """One transaction -> whether the word was taught here."""
        with self._writing():
            return forget(self._catalogue, self._snapshot, word)

    def refresh(self) -> bool:
        """Take up newer transactions -> whether there were any. Hits found before stay what they are."""
        with self._refreshing:
            if self._catalogue.version() == self.version:
                return False
            self._take_up(open_snapshot(self._catalogue, before=self._snapshot))
            return True

    # Searching

    def search(self, vectors: np.ndarray, *, k: int = 20, where: Filter | None = None, exact: bool = False
               ) -> list[list[Hit]]:
        """(Q, C), of any length but zero -> for each the k nearest concepts, the best first; fewer where there are
        no more. where: only concepts that pass. exact: every vector is compared."""
        snapshot, vectors = self._snapshot, self._queries(vectors, k, self.model.width)
        allowed = None if where is None else where.allowed(self)
        scores, ids = snapshot.searcher(self._make_searcher).search(vectors, k=k, allowed=allowed, exact=exact)
        flat = iter(snapshot.concepts(ids[ids >= 0]))
        return [[Hit(next(flat), float(score)) for score, found in zip(*row, strict=True) if found >= 0]
                for row in zip(scores, ids, strict=True)]

    def nearest(self, vectors: np.ndarray, *, k: int, allowed: np.ndarray | None = None, exact: bool = False
                ) -> tuple[np.ndarray, np.ndarray]:
        """`search` without the records: (Q, k) cosines float32 and ids int64, -inf and -1 where there are no more.

        allowed: rising ids, of which alone something is found (`Filter.allowed`).
        """
        vectors = self._queries(vectors, k, self.model.width)
        return self._snapshot.searcher(self._make_searcher).search(vectors, k=k, allowed=allowed, exact=exact)

    def cosines(self, vectors: np.ndarray, concept_ids: np.ndarray) -> np.ndarray:
        """(V, C) float32 of unit length -> (V, n), in the order of the ids (`Snapshot.cosines`)."""
        return self._snapshot.cosines(vectors, concept_ids)

    def search_summaries(self, vectors: np.ndarray, *, k: int = 20, where: Filter | None = None
                         ) -> list[list[PhotoHit]]:
        """(Q, D) -> for each the k photos whose summaries are nearest. where: photos with a concept that passes."""
        vectors, snapshot = self._queries(vectors, k, self.model.summary_width), self._snapshot
        photo_ids, scores = snapshot.summary_scores(vectors)
        if where is not None:
            of_concept = self.columns("id", "photo")
            passing = np.unique(of_concept["photo"][np.isin(of_concept["id"], where.allowed(self))])
            scores[:, ~np.isin(photo_ids, passing)] = -np.inf
        found = []
        for row in scores:
            best = [place for place in np.argsort(-row, kind="stable")[:k] if row[place] > -np.inf]
            snapshot.summaries(photo_ids[best])  # which are as they were written, or this raises
            found.append([PhotoHit(self.photo(int(photo_ids[place])), float(row[place])) for place in best])
        return found

    # Looking up

    def vectors(self, concept_ids: Iterable[int]) -> np.ndarray:
        """(n, C) float32, unit length, in the order of the ids."""
        return self._snapshot.vectors(_ids(concept_ids))

    def concepts(self, concept_ids: Iterable[int]) -> list[Concept]:
        return self._snapshot.concepts(_ids(concept_ids))

    def concepts_of(self, photo_id: int) -> list[Concept]:
        entry = self._entry(photo_id)
        return self._snapshot.concepts(np.arange(entry.first_concept, entry.first_concept + entry.num_concepts))

    def summaries(self, photo_ids: Iterable[int]) -> np.ndarray:
        """(n, D) float32, unit length, in the order of the ids."""
        return self._snapshot.summaries(_ids(photo_ids))

    def photo(self, photo_id: int) -> Photo:
        return self._entry(photo_id).photo

    def photos(self, *, offset: int = 0, limit: int = 100) -> list[Photo]:
        """In the order they came."""
        return [entry.photo for entry in
                self._catalogue.photos("1 ORDER BY id LIMIT ? OFFSET ?", (limit, offset), at=self.version)]

    def find_photo(self, sha256: str) -> int | None:
        """The id of the photo with these bytes."""
        found = self._catalogue.photos("sha256 = ?", (sha256,), at=self.version)
        return found[0].photo.id if found else None

    @property
    def roots(self) -> list[Root]:
        """The folders that photos came from."""
        return self._catalogue.roots()

    def places(self, *, root: Root | None = None, path: str | None = None, photo: int | None = None) -> list[Place]:
        """The files that photos were read from: those of which all holds that is asked for."""
        asked = {"root": root and root.id, "path": path, "photo": photo}
        asked = {name: value for name, value in asked.items() if value is not None}
        return self._catalogue.places(" AND ".join(f"places.{name} = ?" for name in asked) or "1", [*asked.values()])

    def photos_at(self, path: str) -> list[Photo]:
        """Those that were read from a file: by its whole path, by that inside its folder, or with the folder's name
        before it, as `Photo.name` has it."""
        roots, whole = {root.key: root for root in self.roots}, Path(path).expanduser().absolute()
        path = readable(path)
        found = {place.photo for place in self.places(path=Path(path).as_posix())}
        for folder in whole.parents if roots else ():
            if root := roots.get(key_of(folder)):
                below = readable(whole.relative_to(folder).as_posix())
                found |= {place.photo for place in self.places(root=root, path=below)}
        for root in roots.values():
            if path.startswith(f"{root.name}/"):
                found |= {place.photo for place in self.places(root=root, path=path.removeprefix(f"{root.name}/"))}
        said = [entry.photo.id for entry in self._catalogue.photos("source = ?", (path,), at=self.version)]
        return [self.photo(photo) for photo in sorted(found.union(said))]

    def unplaced(self) -> list[Photo]:
        """Those of which no file is known."""
        return [entry.photo for entry in self._catalogue.unplaced(at=self.version)]

    def pixels(self, root: Root) -> dict[int, str]:
        """The sha256 of what the model was shown, of the photos that came from a folder, by their ids."""
        return self._catalogue.pixels(root.id)

    def thumbnail(self, photo_id: int) -> bytes:
        """A JPEG."""
        try:
            return thumbnails.read(self.path, self._entry(photo_id).thumbnail)
        except FileNotFoundError:
            # A compaction has moved it since its place was read; the place of today is in the catalogue.
            time.sleep(0.01)
            place = self._entry(photo_id).thumbnail
            try:
                return thumbnails.read(self.path, place)
            except FileNotFoundError as error:
                raise ConceptIndexError(f"{self.path / place.pack} is missing; copy it back from a backup, or build "
                                        "the index again.") from error

    def columns(self, *names: str) -> dict[str, np.ndarray]:
        """Of all concepts, in the order of their ids (`index.store.columns` says which there are). Read once a version;
        not to be changed."""
        return self._columns.of(*names)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the column "label" counts in."""
        return self._columns.labels

    @property
    def sources(self) -> tuple[str, ...]:
        """What the column "source" counts in."""
        return self._columns.sources

    @property
    def words(self) -> tuple[str, ...]:
        """What the column "names" counts in."""
        return self._columns.words

    @property
    def taught(self) -> tuple[TaughtWord, ...]:
        """The words that this collection was taught."""
        return self._snapshot.contents.taught

    def taught_names(self, concepts: Sequence[Concept]) -> list[tuple[tuple[str, float], ...]]:
        """For each the taught words that it probably is, with their scores, the likeliest first."""
        if not self.taught or not concepts:
            return [()] * len(concepts)
        ids = _ids(concept.id for concept in concepts)
        return taught.named_by(self.taught, ids, self.vectors(ids))

    def taught_counts(self, word: TaughtWord) -> tuple[int, int]:
        """How many concepts probably are it, and of how many photos."""
        columns = self.columns("id", "photo")
        named = word.corrected(columns["id"], self.taught_scores(word.classifier)) >= LEAST_NAMED
        return int(named.sum()), len(np.unique(columns["photo"][named]))

    def taught_scores(self, classifier: Classifier) -> np.ndarray:
        """(n,) float32 of all concepts, in the order of their ids, looked at once a version; not to be changed."""
        return self._taught_scores.of(classifier)

    # Care

    def verify(self) -> list[str]:
        """Reads everything -> a sentence for each damaged or missing file; none: it is all as it was written."""
        return faults(self._catalogue)

    def export(self, path: str | PathLike[str], *, file_format: str = "parquet", overwrite: bool = False) -> list[Path]:
        """As files for other programs (`index.store.export`), in a folder that is made -> what was written."""
        from index.store.export import export

        return export(self._catalogue, self._snapshot, Path(path), file_format=file_format, overwrite=overwrite)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One thread at a time, on the newest version; then what it did is taken up."""
        if self._lock is None:
            raise ConceptIndexError(f"The index in {self.path} is open for reading; open it with writer=True.")
        with self._changing:
            self.refresh()  # an interrupted call may have done its transaction
            yield
            self.refresh()

    def _queries(self, vectors: np.ndarray, k: int, width: int) -> np.ndarray:
        vectors = np.asarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != width:
            raise ConceptIndexError(f"A query is {vectors.shape}, and this index takes (queries, {width}); "
                                    f"encode it with {self.model.name}.")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise ConceptIndexError("A query has no direction: its length is zero or not a number.")
        if k < 1:
            raise ConceptIndexError(f"k is {k}; ask for one hit or more.")
        return vectors / lengths

    def _entry(self, photo_id: int) -> PhotoEntry:
        photo_id = int(photo_id)
        found = self._catalogue.photos("id = ?", (photo_id,), at=self.version) if 0 <= photo_id < 2**63 else ()
        if not found:
            raise ConceptIndexError(f"Photo {photo_id} is not in the index in {self.path}; it may have been removed.")
        return found[0]

    def _take_up(self, snapshot: Snapshot) -> None:
        self._snapshot, self._columns = snapshot, Columns(snapshot, self._catalogue)
        self._taught_scores = TaughtScores(snapshot)


def _ids(ids: Iterable[int]) -> np.ndarray:
    return np.fromiter(ids, np.int64) if not isinstance(ids, np.ndarray) else ids.astype(np.int64, copy=False)
