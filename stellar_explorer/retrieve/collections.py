"""Collections: the concept indexes that the server offers, by name; the page's only door to the index."""

from __future__ import annotations

import atexit
import logging
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import Lock, RLock, Thread, Timer, main_thread
from typing import TYPE_CHECKING, Any

from stellar_explorer.analysis import Explorer, GoneError, display_name
from stellar_explorer.examples import examples
from stellar_explorer.photo import printable
from stellar_explorer.retrieve.example_collection import cache_folder, example_collection
from stellar_explorer.retrieve.own_photos import OwnPhotos
from stellar_explorer.server.request import flag, number

if TYPE_CHECKING:
    from index.concept_index import ConceptIndex
    from index.query.queries import PhotoResult
    from index.records import ModelIdentity
    from model.operations.thresholds import ConceptThresholds
    from stellar_explorer.retrieve.queries import Asked

EXAMPLES = "examples"
OWN = "own-"
SHARED = OWN + "shared"
SESSION = re.compile(r"[A-Za-z0-9_-]{20,64}")
RESOLUTION = 448  # of the collections that are made here
MOST_OWN = 64
CLOSING_SECONDS = 10.0
OWN_SECONDS, SWEEP_SECONDS = 3600.0, 30.0
LEFT_SECONDS = 60.0  # in which a page that is loaded anew says that its visitor is still there
MOST_RESULTS = 500
# Of one look at the folder of indexes: a page asks often, and an index rarely comes.
LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class CollectionFacts:
    """What a page says of a collection.

    name: in addresses; title: for people; state: building, ready or failed; model: the name by which the page's
    Explorer knows its model, None where it does not; progress: 0..1 of a building one; message: why it failed;
    chance: the cosine that half of the photos reach to any concept, 0 where it is not known.
    identity: of what made its concepts, which a word that a visitor taught is for.
    """

    name: str
    title: str
    num_photos: int
    num_concepts: int
    state: str
    model: str | None
    progress: float = 1.0
    message: str = ""
    resolution: int = RESOLUTION
    num_tokens: int = 16
    chance: float = 0.0
    is_own: bool = False
    identity: str = ""


class Entry:
    """A place in the list: an index, or why there is none yet."""

    def __init__(self, name: str, title: str, path: Path | None = None) -> None:
        self.name, self.title, self.path = name, title, path
        self.index: ConceptIndex | None = None
        self.model: str | None = None
        self.progress, self.message = 0.0, ""

    @property
    def state(self) -> str:
        return "failed" if self.message else "ready" if self.index is not None else "building"


class Collections:
    """The example photos, the indexes of one folder, and what visitors dropped, each its visitor's alone.

    root: every folder in it that is an index is offered by its folder's name; nothing else is ever opened, so no path
    comes from a browser. cache: where the index of the examples is kept; the user's cache folder by default.
    shares_photos: all that is dropped goes into one collection that every visitor sees, until the server ends.
    """

    def __init__(
        self, explorer: Explorer, *, root: Path | None = None, cache: Path | None = None, shares_photos: bool = False
    ) -> None:
        self._explorer, self._root, self._cache = explorer, root, cache
        self.shares_photos = shares_photos
        self._entries: dict[str, Entry] = {}
        self._own: dict[str, OwnPhotos] = {}
        self._lock, self._starting = RLock(), Lock()
        self._hashes: dict[str, str] = {}
        self._thresholds: dict[str, ConceptThresholds] = {}
        self._is_started, self._looked, self._sweeper = False, -LOOK_SECONDS, None
        self._is_closed, self._maker = False, None
        self._examples = Entry(EXAMPLES, "Example photos")

    def start(self) -> None:
        """Build, or open, the collection of the examples in the background; a second call does nothing."""
        with self._starting:
            if self._is_started:
                return
            self._is_started = True
            self._maker = Thread(target=self._make_examples, name="example collection", daemon=True)
            self._maker.start()
            atexit.register(self.close)

    def offered(self, own: str | None = None) -> list[CollectionFacts]:
        """What can be searched, the examples first; own: the name of a visitor's own collection, shown to them."""
        self.start()
        self._look()
        with self._lock:
            entries = [self._examples, *self._entries.values()]
        found = [self._facts(entry) for entry in entries]
        own = SHARED if self.shares_photos else own
        with self._lock:
            photos = self._own.get(own) if own else None
        if photos is not None:
            photos.touch()
            found.append(self._own_facts(own, photos))
        return found

    def facts(self, name: str) -> CollectionFacts:
        """Of one that is ready. ValueError as `get`."""
        self.get(name)
        with self._lock:
            photos = self._own.get(name)
        return self._own_facts(name, photos) if photos is not None else self._facts(self._entry(name))

    def get(self, name: str) -> ConceptIndex:
        """ValueError, one sentence, for what is not offered, not ready, or made with a model that the page has not."""
        with self._lock:
            photos = self._own.get(name)
            if photos is not None:
                photos.touch()
                return photos.index
        if name.startswith(OWN):
            raise GoneError("Your photos are no longer on the server; drop them again.")
        self.start()
        entry = self._entry(name)
        if entry.state == "building":
            raise ValueError(f"{entry.title} is being prepared; wait a moment.")
        if entry.state == "failed":
            raise ValueError(entry.message)
        entry.index.refresh()
        return entry.index

    def search(
        self, name: str, query: Any, *, k: int = 60, least_score: float = -1.0, where: Any = None, fold: bool = False
    ) -> list[PhotoResult]:
        """A query as `index.query.queries` reads it from JSON, with {"study": token, "token": 3} for a concept of a
        study.

        ValueError, one sentence, for a query that cannot be read; GoneError for a study that is no longer kept.
        """
        from index.query.queries import run

        if type(k) is not int or not 1 <= k <= MOST_RESULTS:
            raise ValueError(f"From 1 to {MOST_RESULTS} photos can be asked for.")
        least_score, fold = number(least_score, "The least score", -1, 1), flag(fold, "Whether photos fold")
        index = self.get(name)
        asked = self.asked(name)
        found = asked.query(query)
        return run(index, found, k=k, least_score=least_score, where=asked.where(where), fold=fold,
                   thresholds=self.thresholds(name))

    def thresholds(self, name: str) -> ConceptThresholds:
        """Those that the index keeps; of one that was made before its model's matches were measured, the model's."""
        kept = self.get(name).model.thresholds
        if kept.match is not None:
            return kept
        measured = self._thresholds.get(name)
        if measured is None:  # without the lock: a whole file is read
            measured = self._thresholds[name] = self._measured(self.facts(name).model)
        return replace(kept, match=measured.match, match_photo=measured.match_photo)

    @staticmethod
    def _measured(model: str | None) -> ConceptThresholds:
        from model.operations.thresholds import ConceptThresholds, thresholds_of

        try:
            return ConceptThresholds() if model is None else thresholds_of(model)
        except (ValueError, OSError):  # what is beside the model cannot be read: then nothing was measured
            return ConceptThresholds()

    def asked(self, name: str) -> Asked:
        """What reads a question to a collection."""
        from stellar_explorer.retrieve.queries import Asked

        return Asked(self._explorer, self.get(name), self.facts(name).model, self.get)

    def picture(self, name: str, photo_id: int) -> bytes:
        """A JPEG of an indexed photo, as large as there is one."""
        index = self.get(name)
        with self._lock:
            photos = self._own.get(name)
        found = photos.picture(photo_id) if photos is not None else None
        if found is None and name == EXAMPLES and (example := self.example_of(name, index.photo(photo_id).source)):
            found = self._explorer.example(example).display
        return found or index.thumbnail(photo_id)

    @staticmethod
    def example_of(name: str, source: str) -> str | None:
        """The example that a photo of a collection is."""
        return source if name == EXAMPLES and source in examples() else None

    # --- a visitor's own photos ---

    def own(self, session: str) -> str:
        """The name of a visitor's own collection, made at the first call. session: what nobody else can guess."""
        if not isinstance(session, str) or not SESSION.fullmatch(session):
            raise ValueError("A session is named by 20 to 64 letters, digits, dashes or underscores.")
        name = SHARED if self.shares_photos else OWN + session
        self.sweep()
        with self._lock:
            if name in self._own:
                return name
        identity, stellar = self.identity, self._explorer.stellar(self._explorer.models[0])
        with self._lock:
            if name not in self._own:
                self._make_room()
                self._own[name] = OwnPhotos(identity, stellar, alone=self._explorer.alone,
                                             room_for=self._explorer.room_for)
                if self._sweeper is None:
                    atexit.register(self.close)
                    self._sweep_later()
        return name

    def _make_room(self) -> None:
        """The longest unused collection without a photo gives way: asking for one costs a stranger nothing."""
        if len(self._own) < MOST_OWN:
            return
        empty = [(photos.used, name) for name, photos in self._own.items() if not photos.index.num_photos]
        if not empty:
            raise ValueError("Too many visitors have dropped photos here just now; try again in an hour.")
        self._close_own(min(empty)[1])

    def add_own(self, name: str, data: bytes, file_name: str) -> tuple[int, bool]:
        """-> the photo's id, and whether it is new. GoneError where the collection is not there (any more)."""
        self.get(name)
        with self._lock:
            photos = self._own.get(name)
        if photos is None:
            raise ValueError("Photos can only be added to your own collection.")
        added = photos.add(data, file_name)
        photos.touch()
        return added

    def leave_own(self, name: str) -> None:
        """The visitor closes the page, or loads it anew, and then says soon that they are back."""
        with self._lock:
            photos = self._own.get(name)
        if photos is not None and name != SHARED:
            photos.left = time.monotonic()

    def remove_own(self, name: str) -> None:
        """All of a visitor's photos, at their wish."""
        if name == SHARED:
            raise ValueError("These photos are shared by all visitors; they stay until the server ends.")
        self._close_own(name)

    def _close_own(self, name: str) -> None:
        with self._lock:
            photos = self._own.pop(name, None)
        if photos is not None:
            photos.close()

    def sweep(self, seconds: float = OWN_SECONDS, *, left: float = LEFT_SECONDS) -> None:
        """Remove what nobody has used for so long, or whose visitor left so long ago; what is shared stays until the
        end."""
        now = time.monotonic()
        with self._lock:
            old = [name for name, photos in self._own.items() if photos.is_old(now, unused=seconds, left=left)
                   and (name != SHARED or seconds < 0)]
        for name in old:
            self._close_own(name)

    def close(self) -> None:
        self._is_closed = True
        # A thread that still multiplies matrices while the interpreter ends takes it down with an abort.
        if self._maker is not None:
            self._maker.join(timeout=CLOSING_SECONDS)
        if self._sweeper is not None:
            self._sweeper.cancel()
        self.sweep(-1)

    def _sweep_later(self) -> None:
        def sweep() -> None:
            self.sweep()
            self._sweep_later()

        self._sweeper = Timer(SWEEP_SECONDS, sweep)
        self._sweeper.daemon = True
        self._sweeper.start()

    # --- what is there ---

    @cached_property
    def identity(self) -> ModelIdentity:
        """Of the collections that are made here: by the Explorer's first model."""
        from index.build.models import identity_of

        model = self._explorer.models[0]
        return identity_of(model, self._explorer.stellar(model), self._hash(model), resolution=RESOLUTION)

    def _make_examples(self) -> None:
        entry, num_photos = self._examples, len(examples())

        def on_photo() -> None:
            if self._is_closed:
                raise SystemExit  # of this thread alone; the next start makes them anew
            entry.progress = min(1.0, entry.progress + 1 / num_photos)

        try:
            model = self._explorer.models[0]
            stellar, identity = self._explorer.stellar(model), self.identity
            try:
                index = example_collection(stellar, identity, self._cache or cache_folder(), on_photo=on_photo)
            except OSError:  # a home that cannot be written to: then for this run alone
                entry.progress = 0.0
                self._temporary = tempfile.TemporaryDirectory(prefix="stellar-", ignore_cleanup_errors=True)
                index = example_collection(stellar, identity, Path(self._temporary.name), on_photo=on_photo)
            entry.model, entry.progress = model, 1.0
            entry.index = index
        except (ValueError, OSError) as error:
            entry.message = f"The example photos could not be prepared: {error}"
        except Exception:  # a thread of ours that ends must not leave visitors waiting
            if self._is_closed or not main_thread().is_alive():
                return  # the server ends, and its pools take no work any more; the next start makes them anew
            logging.getLogger(__name__).exception("the example collection")
            entry.message = "The example photos could not be prepared; the server's log says why."

    def _look(self) -> None:
        """Indexes that came into the folder, or left it."""
        if self._root is None:
            return
        from index.store.catalogue import FILE

        with self._lock:
            if time.monotonic() - self._looked < LOOK_SECONDS:
                return
            try:
                paths = sorted(path for path in self._root.iterdir() if (path / FILE).is_file())
            except OSError:
                paths = []
            known = {entry.path: entry for entry in self._entries.values()}
            entries: dict[str, Entry] = {}
            for path in paths:
                entry = known.get(path) or Entry(free_name(path.name, [EXAMPLES, *entries]), printable(path.name), path)
                entries[entry.name] = entry
                self._open(entry)
            self._entries, self._looked = entries, time.monotonic()

    def _open(self, entry: Entry) -> None:
        """A damaged one is tried again at the next look: somebody may have mended it."""
        if entry.index is not None:
            return
        from index.concept_index import ConceptIndex

        try:
            index = ConceptIndex.open(entry.path)
        except (ValueError, OSError) as error:
            entry.message = self.without_folders(str(error), entry)
            return
        entry.model = self._model_of(index)
        if entry.model is None:
            made_with = printable(index.model.name)
            index.close()
            entry.message = (f"{entry.title} was made with {made_with} (weights {index.model.sha256[:8]}), which this "
                             f"page does not offer; start it with --model {made_with}, or build the collection again: "
                             "python -m index build PHOTOS --out FOLDER.")
            return
        entry.message, entry.index = "", index

    def _model_of(self, index: ConceptIndex) -> str | None:
        """The Explorer's name for the weights that an index was made with."""
        wanted = index.model
        for model in sorted(self._explorer.models, key=lambda model: display_name(model) != wanted.name):
            named_so = display_name(model) == wanted.name
            if (named_so or model == self._explorer.models[0]) and self._hash(model) == wanted.sha256:
                return model
        return None

    def _hash(self, model: str) -> str:
        """Of what makes a model's concepts; "" where it is not at hand. Nothing is downloaded for it but the first
        model."""
        from model.checkpoints.checkpoint import PUBLISHED, is_at_hand
        from model.checkpoints.identity import concepts_sha256

        with self._lock:
            if (known := self._hashes.get(model)) is not None:
                return known
        is_first = model == self._explorer.models[0]
        try:  # without the lock: a whole file is read, and other visitors' collections need not wait for it
            found = concepts_sha256(model) if is_first or model not in PUBLISHED or is_at_hand(model) else ""
        except (ValueError, OSError):
            return ""
        with self._lock:
            return self._hashes.setdefault(model, found)

    def _entry(self, name: str) -> Entry:
        if name == EXAMPLES:
            return self._examples
        self._look()
        with self._lock:
            entry = self._entries.get(name)
        if entry is None:
            raise GoneError(f"There is no collection {printable(str(name))}; choose one that is offered.")
        return entry

    def without_folders(self, sentence: str, *more: Entry) -> str:
        """A visitor learns a collection's title, not where it lies on the server."""
        with self._lock:
            entries = [self._examples, *self._entries.values(), *more]
            places = [(entry.index.path if entry.index else entry.path, entry.title) for entry in entries]
            places += [(photos.index.path, "your photos") for photos in self._own.values()]
        if self._root is not None:
            places.append((self._root, "the folder of collections"))
        # The longest first: one may lie in another.
        for path, title in sorted(places, key=lambda place: -len(str(place[0]))):
            sentence = sentence.replace(str(path), title) if path else sentence
        return sentence

    def _facts(self, entry: Entry) -> CollectionFacts:
        return facts_of(entry.name, entry.title, entry.index, entry.model, state=entry.state, progress=entry.progress,
                        message=entry.message)

    def _own_facts(self, name: str, photos: OwnPhotos) -> CollectionFacts:
        title = "Shared photos" if name == SHARED else "Your photos"
        return facts_of(name, title, photos.index, self._explorer.models[0], is_own=True)


def facts_of(name: str, title: str, index: ConceptIndex | None, model: str | None, *, state: str = "ready",
             progress: float = 1.0, message: str = "", is_own: bool = False) -> CollectionFacts:
    if index is None:
        return CollectionFacts(name, title, 0, 0, state, model, progress, message, is_own=is_own)
    return CollectionFacts(name, title, index.num_photos, index.num_concepts, state, model, progress=1.0,
                           message=message, resolution=index.model.resolution, num_tokens=index.model.num_tokens,
                           chance=index.model.thresholds.chance, is_own=is_own, identity=index.model.sha256)


def free_name(name: str, taken: Sequence[str]) -> str:
    """A folder's name as a part of an address that no other collection has."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "collection"
    plain = plain if not plain.startswith(OWN) else f"index-{plain}"
    found, number = plain, 2
    while found in taken:
        found, number = f"{plain}-{number}", number + 1
    return found
