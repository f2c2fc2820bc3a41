"""Columns: what filters, maps and tables read of all concepts at once, as arrays in the order of their ids."""

from __future__ import annotations

import threading

import numpy as np

from index.store.catalogue import Catalogue
from index.store.concept_table import CONCEPT_COLUMNS
from index.store.snapshot import Snapshot

# The name of a column -> where it lies in the shards: the column there, and which of its numbers.
COMPONENTS = {"x": ("centroid", 0), "y": ("centroid", 1), "left": ("box", 0), "top": ("box", 1), "right": ("box", 2),
              "bottom": ("box", 3)}
STORED = ("id", "photo", "token", "mass", "peak", "name_scores")


class Columns:
    """Of one snapshot; each is read when it is first asked for, and kept.

    id, photo: (n,) int64. token: (n,) uint16. mass, peak, x, y (the centroid), left, top, right, bottom (the box):
    (n,) float32. label, source: (n,) int32, places in `labels` and `sources`, -1 for none. names: (n, 3) int32, places
    in `words`, -1 for none; name_scores: (n, 3) float32.
    """

    def __init__(self, snapshot: Snapshot, catalogue: Catalogue) -> None:
        self._snapshot, self._catalogue = snapshot, catalogue
        self._lock = threading.RLock()
        self._kept: dict[str, np.ndarray] = {}
        self._photos: tuple[np.ndarray, ...] | None = None
        self._words: tuple[str, ...] | None = None

    def of(self, *names: str) -> dict[str, np.ndarray]:
        with self._lock:
            for name in names:
                if name not in self._kept:
                    self._kept[name] = self._read(name)
                    self._kept[name].flags.writeable = False
            return {name: self._kept[name] for name in names}

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the alphabet."""
        return self._of_photos()[3]

    @property
    def sources(self) -> tuple[str, ...]:
        """In the order that their photos came."""
        return self._of_photos()[4]

    @property
    def words(self) -> tuple[str, ...]:
        """In the order of the alphabet."""
        with self._lock:
            if self._words is None:
                self._words = tuple(sorted({word for shard in self._snapshot.shards for word in shard.table.words}))
            return self._words

    def _read(self, name: str) -> np.ndarray:
        if name in ("label", "source"):
            ids, *codes = self._of_photos()[:3]
            photo = self.of("photo")["photo"]
            places = np.searchsorted(ids, photo)
            known = places < len(ids)
            known[known] = ids[places[known]] == photo[known]
            found = np.full(len(photo), -1, np.int32)
            found[known] = codes[name == "source"][places[known]]
            return found
        if name == "names":
            places = {word: place for place, word in enumerate(self.words)}
            # -1 stays the last one: none.
            recoded = [np.array([*(places[word] for word in shard.table.words), -1], np.int32)
                       for shard in self._snapshot.shards]
            return self._live("names", [codes[shard.table.columns["names"]] for codes, shard in
                                        zip(recoded, self._snapshot.shards, strict=True)])
        if name in COMPONENTS:
            column, part = COMPONENTS[name]
            return self._live(column, [shard.table.columns[column] for shard in self._snapshot.shards])[:, part].copy()
        if name not in STORED:
            raise ValueError(f"There is no column {name}; there are {', '.join((*STORED, *COMPONENTS))}, names, label "
                             "and source.")
        return self._live(name, [shard.table.columns[name] for shard in self._snapshot.shards])

    def _live(self, column: str, parts: list[np.ndarray]) -> np.ndarray:
        dtype, shape = CONCEPT_COLUMNS[column]
        whole = np.concatenate([np.empty((0, *shape), dtype), *parts])
        return whole if self._snapshot.live is None else whole[self._snapshot.live]

    def _of_photos(self) -> tuple:
        """-> ids (p,), label and source codes (p,), labels, sources."""
        with self._lock:
            if self._photos is None:
                rows = self._catalogue.labels_and_sources(at=self._snapshot.contents.state.version)
                labels = tuple(sorted({label for _, label, _ in rows if label is not None}))
                sources = tuple(dict.fromkeys(source for _, _, source in rows))
                label_of = {label: code for code, label in enumerate(labels)} | {None: -1}
                source_of = {source: code for code, source in enumerate(sources)}
                self._photos = (np.array([photo for photo, _, _ in rows], np.int64),
                                np.array([label_of[label] for _, label, _ in rows], np.int32),
                                np.array([source_of[source] for _, _, source in rows], np.int32), labels, sources)
            return self._photos
