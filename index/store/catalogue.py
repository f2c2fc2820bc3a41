"""Catalogue: the SQLite file that says what an index holds; what it does not name is garbage."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from index.errors import ConceptIndexError
from index.records import ModelIdentity, Photo
from index.store import places
from index.store.places import Place, Root
from index.store.thumbnails import ThumbnailPlace
from index.taught_word import Classifier, TaughtWord
from model.checkpoints.files import sha256_of, write_whole
from model.operations.thresholds import ConceptThresholds

FILE = "catalogue.sqlite"
# Of the whole file, written when a writer closes: SQLite itself does not notice a flipped byte.
SEAL = "catalogue.sha256"
FORMAT = 2
PATIENCE = 10  # seconds that SQLite waits for another process

# Every row ends with a CRC-32 of its other values.
SCHEMA = """
CREATE TABLE model (name TEXT, sha256 TEXT, width INTEGER, summary_width INTEGER, num_tokens INTEGER,
    resolution INTEGER, thresholds TEXT, crc INTEGER);
CREATE TABLE state (version INTEGER, next_concept INTEGER, next_photo INTEGER, next_file INTEGER,
    num_concepts INTEGER, num_photos INTEGER, crc INTEGER);
CREATE TABLE shards (number INTEGER PRIMARY KEY, first_photo INTEGER, num_photos INTEGER, num_concepts INTEGER,
    crc INTEGER);
CREATE TABLE files (path TEXT PRIMARY KEY, nbytes INTEGER, sha256 TEXT, crc INTEGER) WITHOUT ROWID;
CREATE TABLE photos (id INTEGER PRIMARY KEY, sha256 TEXT, source TEXT, width INTEGER, height INTEGER, nbytes INTEGER,
    label TEXT, first_concept INTEGER, num_concepts INTEGER, pack TEXT, start INTEGER, length INTEGER, jpeg INTEGER,
    added INTEGER, removed INTEGER, crc INTEGER);
CREATE UNIQUE INDEX live_photos ON photos (sha256) WHERE removed IS NULL;
CREATE INDEX removed_photos ON photos (removed) WHERE removed IS NOT NULL;
"""
# Came later, and is made with the first word: an index without one is read by programs that know none.
TAUGHT = """
CREATE TABLE IF NOT EXISTS taught (word TEXT PRIMARY KEY, yes TEXT, no TEXT, weights BLOB, bias REAL, model TEXT,
    crc INTEGER);
"""
TABLES = {"model": "model", "state": "state", "shards": "number", "files": "path", "photos": "id", "taught": "word",
          "roots": "id", "places": "root, path", "pixels": "photo"}
OPTIONAL = ("taught", "roots", "places", "pixels")
COLUMNS = ("id, sha256, source, width, height, nbytes, label, first_concept, num_concepts, pack, start, length, jpeg, "
           "added, removed, crc")


@dataclass(frozen=True)
class State:
    """version: rises with each transaction. next_*: the id or file number that was never given yet. num_*: what is
    there and not removed."""

    version: int = 0
    next_concept: int = 0
    next_photo: int = 0
    next_file: int = 1
    num_concepts: int = 0
    num_photos: int = 0


@dataclass(frozen=True)
class ShardEntry:
    """A shard: its number, the id of its first photo, how many photos and concepts lie in it. Shards share no photo,
    and ids of concepts rise as those of photos do."""

    number: int
    first_photo: int
    num_photos: int
    num_concepts: int


@dataclass(frozen=True)
class FileEntry:
    """A file below the index: its path, size and sha256."""

    path: str
    nbytes: int
    sha256: str


@dataclass(frozen=True)
class PhotoEntry:
    """A photo, the ids of its concepts (one after the other), where its thumbnail is, and the versions of the index
    that it came and went with; removed: None while it is there."""

    photo: Photo
    first_concept: int
    num_concepts: int
    thumbnail: ThumbnailPlace
    added: int
    removed: int | None = None


@dataclass(frozen=True)
class Pack:
    """A file of thumbnails: its path, the first and last photo that is there and has its thumbnail in it, and the bytes
    of those."""

    path: str
    first_photo: int
    last_photo: int
    nbytes: int


@dataclass(frozen=True)
class Contents:
    """What one version of an index is made of. shards: in the order of their photos. removed: (n, 3) int64, each photo
    that a compaction will forget, its first concept and how many it has. taught: in the order of the alphabet."""

    state: State
    model: ModelIdentity
    shards: tuple[ShardEntry, ...]
    files: tuple[FileEntry, ...]
    removed: np.ndarray
    taught: tuple[TaughtWord, ...] = ()

    @property
    def removed_photos(self) -> np.ndarray:
        return self.removed[:, 0]


class Catalogue:
    """One connection, shared by the threads of a process. Raises ConceptIndexError where the file is none of ours."""

    def __init__(self, folder: Path, *, writer: bool = False) -> None:
        self.folder, self.path, self.writer = folder, folder / FILE, writer
        self._lock = threading.RLock()
        self._frozen = False
        self._connection = self._connect()
        if writer and (fault := self._seal_fault()) and not fault.startswith(str(folder / SEAL)):
            self._connection.close()
            raise ConceptIndexError(f"{fault.removesuffix('.')}; copy it back from a backup, or build the index again.")

    @classmethod
    def create(cls, folder: Path, model: ModelIdentity) -> Catalogue:
        """An empty catalogue, there as a whole or not at all: it is filled under another name."""
        partial = folder / f".{FILE}.part"
        partial.unlink(missing_ok=True)
        connection = sqlite3.connect(partial, isolation_level=None)
        try:
            # In one transaction, and WAL is turned on afterwards: what is renamed is one whole file.
            connection.executescript(f"PRAGMA synchronous=FULL; BEGIN; PRAGMA user_version={FORMAT}; {SCHEMA} COMMIT;")
            _insert(connection, "model", [_model_row(model)])
            _insert(connection, "state", [astuple(State())])
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
        os.replace(partial, folder / FILE)
        sync_folder(folder)
        return cls(folder, writer=True)

    def contents(self) -> Contents:
        """What the last transaction left, read in one go."""
        with self._reading() as connection:
            [state] = _checked(connection, "SELECT * FROM state", "state", self.path)
            [model] = _checked(connection, "SELECT * FROM model", "model", self.path)
            shards = _checked(connection, "SELECT * FROM shards ORDER BY first_photo", "shards", self.path)
            files = _checked(connection, "SELECT * FROM files", "files", self.path)
            # SQLite would read all photos to have these in the order of their ids.
            removed = [_photo_entry(row) for row in _checked(
                connection, f"SELECT {COLUMNS} FROM photos INDEXED BY removed_photos WHERE removed IS NOT NULL",
                "photos", self.path)]
            taught = _checked(connection, "SELECT * FROM taught ORDER BY word", "taught", self.path) \
                if _has(connection, "taught") else []
        contents = Contents(
            State(*state), _model_identity(model), tuple(ShardEntry(*row) for row in shards),
            tuple(FileEntry(*row) for row in files),
            np.array(sorted((entry.photo.id, entry.first_concept, entry.num_concepts) for entry in removed),
                     np.int64).reshape(-1, 3),
            tuple(_taught_word(row) for row in taught))
        held = sum(shard.num_concepts for shard in contents.shards) - int(contents.removed[:, 2].sum())
        if held != contents.state.num_concepts:
            raise ConceptIndexError(f"{self.path} is damaged: it counts {contents.state.num_concepts} concepts and "
                                    f"names {held}; copy it back from a backup, or build the index again.")
        return contents

    def version(self) -> int:
        with self._reading() as connection:
            return connection.execute("SELECT version FROM state").fetchone()[0]

    def photos(self, where: str, values: Sequence[object] = (), *, at: int) -> list[PhotoEntry]:
        """The photos that were there at a version, by a condition in SQL; at most as many as its LIMIT says."""
        return [_photo_entry(row[1:], row[0]) for row in self._photo_rows(where, values, at)]

    def _photo_rows(self, where: str, values: Sequence[object], at: int) -> list[tuple]:
        """With the folder's name before them."""
        with self._reading() as connection:
            return _checked(connection, f"SELECT {_folder(connection)}, {COLUMNS} FROM photos WHERE added <= ? AND "
                            f"(removed IS NULL OR removed > ?) AND {where}", "photos", self.path, (at, at, *values),
                            first=1)

    def labels_and_sources(self, *, at: int) -> list[tuple[int, str | None, str]]:
        """(id, label, source, told apart as `Photo.name` is) of all photos that were there at a version, in the order
        of their ids."""
        return [(row[1], row[7], row[3] if row[0] is None else f"{row[0]}/{row[3]}")
                for row in self._photo_rows("1 ORDER BY id", (), at)]

    def roots(self) -> list[Root]:
        """The folders that photos came from."""
        with self._reading() as connection:
            rows = _checked(connection, "SELECT * FROM roots ORDER BY id", "roots", self.path) \
                if _has(connection, "roots") else []
        return [Root(*row) for row in rows]

    def places(self, where: str = "1", values: Sequence[object] = ()) -> list[Place]:
        """Of photos that are there now, by a condition in SQL."""
        with self._reading() as connection:
            rows = _checked(connection, "SELECT places.* FROM places JOIN photos ON photos.id = places.photo WHERE "
                            f"photos.removed IS NULL AND ({where}) ORDER BY root, path, photo", "places", self.path,
                            values) if _has(connection, "places") else []
        return [Place(*row) for row in rows]

    def unplaced(self, *, at: int) -> list[PhotoEntry]:
        """The photos that have no place."""
        with self._reading() as connection:
            return self.photos("NOT EXISTS (SELECT 1 FROM places WHERE places.photo = photos.id)" if
                               _has(connection, "places") else "1", at=at)

    def pixels(self, root: int) -> dict[int, str]:
        """Of the photos that came from a folder and have one: the sha256 of what the model was shown."""
        with self._reading() as connection:
            rows = _checked(connection, "SELECT * FROM pixels WHERE photo IN (SELECT photo FROM places WHERE root = ?)",
                            "pixels", self.path, (root,)) if _has(connection, "pixels") else []
        return dict(rows)

    def packs(self, *, at: int) -> list[Pack]:
        """Where the thumbnails lie of all photos that were there at a version."""
        with self._reading() as connection:
            rows = connection.execute("SELECT pack, min(id), max(id), sum(length) FROM photos WHERE added <= ? AND "
                                      "(removed IS NULL OR removed > ?) GROUP BY pack", (at, at)).fetchall()
        return [Pack(*row) for row in rows]

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All of it or nothing: what is done inside is durable when it ends, and undone where anything is raised.

        Then the log is emptied into the file, if no reader needs it just now: of what stands in the log, a flipped byte
        would undo the transactions after it in silence.
        """
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            with suppress(sqlite3.Error):  # what was committed is safe without it
                self._empty_log()

    def faults(self) -> list[str]:
        """Sentences about damage in the catalogue itself: its pages, its rows, and its bytes where it is sealed."""
        faults = []
        try:
            with self._reading() as connection:
                if fault := self._seal_fault():
                    faults.append(fault)
                for line, in connection.execute("PRAGMA integrity_check(10)"):
                    if line != "ok":
                        faults.append(f"{self.path} is damaged: {line}.")
                for table, key in TABLES.items():
                    if table in OPTIONAL and not _has(connection, table):
                        continue
                    for row in connection.execute(f"SELECT * FROM {table} ORDER BY {key if key != table else 1}"):
                        if row[-1] != row_crc(row[:-1]):
                            faults.append(f"{self.path} is damaged: a row of {table} ({row[0]}).")
        except ConceptIndexError as error:
            faults.append(str(error))
        return faults

    def close(self) -> None:
        """A writer seals the file, unless a reader keeps it from being made whole."""
        with self._lock:
            if self._connection is None:
                return
            try:
                if self.writer:
                    self._seal()
            finally:
                self._connection.close()
                self._connection = None

    def _seal(self) -> None:
        try:
            version = self.version()
            if (_read_seal(self.folder / SEAL) or ("",))[0] == str(version):
                return
            if self._empty_log():
                write_whole(self.folder / SEAL, _seal(version, sha256_of(self.path)))
        except (sqlite3.Error, OSError):  # what was committed is safe without it
            (self.folder / SEAL).unlink(missing_ok=True)

    def _seal_fault(self) -> str | None:
        """A sentence where the file is not the one that the last writer sealed; a later one may have been killed."""
        seal = _read_seal(self.folder / SEAL)
        if seal == ("", ""):
            return f"{self.folder / SEAL} is damaged."
        if seal and not self._unsealed_changes() and seal[0] == str(self.version()) and seal[1] != sha256_of(self.path):
            return f"{self.path} is damaged: it is not the file that was sealed."
        return None

    def _empty_log(self) -> bool:
        """False where a reader is in the way."""
        self._connection.execute("PRAGMA busy_timeout=100")
        try:
            return not self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            self._connection.execute(f"PRAGMA busy_timeout={1000 * PATIENCE}")

    def _unsealed_changes(self) -> bool:
        log = self.folder / f"{FILE}-wal"
        return log.exists() and log.stat().st_size > 0

    def _connect(self) -> sqlite3.Connection:
        if not self.path.is_file():
            raise ConceptIndexError(f"There is no concept index in {self.folder}; make one: "
                                    f"python -m index build PHOTOS --out {self.folder}")
        address = self.path.absolute().as_uri()
        try:
            if self.writer:
                return self._opened(f"{address}?mode=rw")
            try:
                return self._opened(f"{address}?mode=ro")
            except sqlite3.OperationalError:
                # A folder without rights to write: SQLite asks for a promise that nobody else writes there either.
                if self._unsealed_changes():
                    raise
                self._frozen = True
                return self._opened(f"{address}?mode=ro&immutable=1")
        except sqlite3.Error as error:
            raise ConceptIndexError(f"{self.path} cannot be read as a catalogue ({error}); copy it back from a backup, "
                                    "or build the index again.") from error

    def _opened(self, address: str) -> sqlite3.Connection:
        connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False,
                                     timeout=PATIENCE)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA secure_delete=ON")  # what was removed is not to be read in the file
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            connection.execute("SELECT count(*) FROM state").fetchone()
        except BaseException:
            connection.close()
            raise
        if found != FORMAT:
            connection.close()
            raise ConceptIndexError(f"{self.path} is of format {found}, and this program reads format {FORMAT}; build "
                                    "the index again in a new folder: python -m index build PHOTOS --out FOLDER.")
        return connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the file, whatever a writer does meanwhile."""
        with self._lock:
            if self._connection is None:
                raise ConceptIndexError(f"The index in {self.folder} is closed; open it again.")
            nested = self._connection.in_transaction
            if self._frozen and not nested:  # the promise holds for one look at a time
                self._connection.close()
                self._connection = self._connect()
            try:
                if not nested:
                    self._connection.execute("BEGIN")
                yield self._connection
            except sqlite3.DatabaseError as error:
                raise ConceptIndexError(f"{self.path} cannot be read ({error}); copy it back from a backup, or build "
                                        "the index again.") from error
            finally:
                if not nested and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


class Transaction:
    """What may be changed, inside `Catalogue.transaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def set_state(self, state: State) -> None:
        self._connection.execute("DELETE FROM state")
        _insert(self._connection, "state", [astuple(state)])

    def add_shard(self, entry: ShardEntry) -> None:
        _insert(self._connection, "shards", [astuple(entry)])

    def drop_shard(self, number: int) -> None:
        self._connection.execute("DELETE FROM shards WHERE number = ?", (number,))

    def add_files(self, files: Iterable[FileEntry]) -> None:
        _insert(self._connection, "files", [astuple(file) for file in files])

    def drop_files(self, paths: Iterable[str]) -> None:
        self._connection.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in paths])

    def put_photos(self, entries: Iterable[PhotoEntry]) -> None:
        """New ones, and new states of those that are there."""
        rows = [_photo_row(entry) for entry in entries]
        self._connection.executemany("DELETE FROM photos WHERE id = ?", [row[:1] for row in rows])
        _insert(self._connection, "photos", rows)

    def forget_removed(self) -> None:
        self._connection.execute("DELETE FROM photos WHERE removed IS NOT NULL")

    def put_places(self, roots: Iterable[Root], dropped: Iterable[Place], put: Iterable[Place],
                   pixels: Iterable[tuple[int, str]]) -> None:
        """Where photos lie, and what the model was shown of them; what is put takes the place of what was there."""
        for statement in places.SCHEMA:
            self._connection.execute(statement)
        roots, put, pixels = list(roots), list(put), list(pixels)
        self._connection.executemany("DELETE FROM roots WHERE id = ?", [(root.id,) for root in roots])
        self._connection.executemany("DELETE FROM places WHERE root = ? AND path = ? AND photo = ?",
                                     [(place.root, place.path, place.photo) for place in (*dropped, *put)])
        self._connection.executemany("DELETE FROM pixels WHERE photo = ?", [row[:1] for row in pixels])
        _insert(self._connection, "roots", [astuple(root) for root in roots])
        _insert(self._connection, "places", [astuple(place) for place in put])
        _insert(self._connection, "pixels", pixels)

    def forget_places(self, photos: Iterable[int]) -> None:
        """Of photos that leave the index."""
        for table in ("places", "pixels"):
            if _has(self._connection, table):
                self._connection.executemany(f"DELETE FROM {table} WHERE photo = ?", [(photo,) for photo in photos])

    def change_taught(self, words: Iterable[TaughtWord], forgotten: Iterable[str]) -> None:
        """forgotten: words, of which some may be among the new ones."""
        self._connection.execute(TAUGHT)
        self._connection.executemany("DELETE FROM taught WHERE word = ?", [(word,) for word in forgotten])
        _insert(self._connection, "taught", [_taught_row(word) for word in words])


def row_crc(values: Sequence[object]) -> int:
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "surrogatepass"))


def sync_folder(folder: Path) -> None:
    """Makes the renames in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _insert(connection: sqlite3.Connection, table: str, rows: list[tuple]) -> None:
    if rows:
        marks = ", ".join("?" * (len(rows[0]) + 1))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", [(*row, row_crc(row)) for row in rows])


def _checked(connection: sqlite3.Connection, query: str, table: str, path: Path, values: Sequence[object] = (), *,
             first: int = 0) -> list[tuple]:
    """The rows without their CRC. first: where in a row the table's own columns begin. Raises ConceptIndexError where
    a CRC does not match."""
    rows = connection.execute(query, values).fetchall()
    for row in rows:
        if row[-1] != row_crc(row[first:-1]):
            raise ConceptIndexError(f"{path} is damaged in a row of {table} ({row[first]}); copy it back from a "
                                    "backup, or build the index again.")
    return [row[:-1] for row in rows]


def _model_row(model: ModelIdentity) -> tuple:
    return (model.name, model.sha256, model.width, model.summary_width, model.num_tokens, model.resolution,
            model.thresholds.to_json())


def _model_identity(row: tuple) -> ModelIdentity:
    *values, thresholds = row
    return ModelIdentity(*values, ConceptThresholds.from_json(thresholds))


def _photo_row(entry: PhotoEntry) -> tuple:
    photo, place = entry.photo, entry.thumbnail
    return (photo.id, photo.sha256, photo.source, *photo.size, photo.nbytes, photo.label, entry.first_concept,
            entry.num_concepts, *astuple(place), entry.added, entry.removed)


def _photo_entry(row: tuple, folder: str | None = None) -> PhotoEntry:
    photo_id, digest, source, width, height, nbytes, label, first_concept, num_concepts, *place, added, removed = row
    return PhotoEntry(Photo(digest, source, (width, height), nbytes, label, photo_id, folder), first_concept,
                      num_concepts, ThumbnailPlace(*place), added, removed)


def _has(connection: sqlite3.Connection, table: str) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None


def _folder(connection: sqlite3.Connection) -> str:
    """In SQL, of a row of photos: the name of its folder, where the index is of several."""
    if not _has(connection, "roots") or connection.execute("SELECT count(*) FROM roots").fetchone()[0] < 2:
        return "NULL"
    found = "SELECT roots.name FROM places JOIN roots ON roots.id = places.root WHERE places.photo = photos.id"
    return f"coalesce(({found} AND places.path = photos.source LIMIT 1), ({found} LIMIT 1))"


def _taught_row(taught: TaughtWord) -> tuple:
    return (taught.word, json.dumps(taught.yes), json.dumps(taught.no),
            taught.classifier.weights.astype("<f4").tobytes(), taught.classifier.bias, taught.model)


def _taught_word(row: tuple) -> TaughtWord:
    word, yes, no, weights, bias, model = row
    return TaughtWord(word, tuple(json.loads(yes)), tuple(json.loads(no)),
                      Classifier(np.frombuffer(weights, "<f4"), bias), model)


def _seal(version: int | str, digest: str) -> bytes:
    """What SEAL holds: the version, the catalogue's sha256, and that of these two."""
    said = f"{version} {digest}"
    return f"{said} {sha256(said.encode()).hexdigest()}\n".encode()


def _read_seal(path: Path) -> tuple[str, str] | None:
    """(version, sha256); None where there is none, ("", "") where it is damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        return "", ""
    version, _, digest = content.decode("ascii", "replace").rstrip("\n").rpartition(" ")[0].partition(" ")
    return (version, digest) if content == _seal(version, digest) else ("", "")
