"""A concept index in memory with what the atlas asks of one: concepts around a few centres, the same every time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from index.errors import ConceptIndexError
from index.records import EncodedPhoto
from tests.fakes.index import FAKE_MODEL, fake_encoded

CENTRES = 6


def atlas_photo(seed: int, *, num_concepts: int = 4, noise: float = 0.15) -> EncodedPhoto:
    """Photo `seed` has concepts around centres seed, seed + 1... of CENTRES far ones; its folder and label follow."""
    generator = np.random.default_rng(1000 + seed)
    centres = np.random.default_rng(5).normal(size=(CENTRES, FAKE_MODEL.width))
    kinds = [(seed + place) % CENTRES for place in range(num_concepts)]
    vectors = centres[kinds] + noise * generator.normal(size=(num_concepts, FAKE_MODEL.width))
    return fake_encoded(seed, vectors=vectors, label=("indoor", "outdoor", None)[seed % 3],
                        source=f"set{seed % 2}/{seed}.jpg")


def kinds_of(index: FakeIndex) -> np.ndarray:
    """Which centre each concept of `atlas_photo`s was drawn around, in the order of their ids."""
    columns = index.columns("photo", "token")
    seeds = [int(Path(index.photo(photo).source).stem) for photo in columns["photo"]]
    return (np.array(seeds, int) + columns["token"]) % CENTRES


class FakeIndex:
    """Keeps the part of index.concept_index.ConceptIndex's contract that maps read."""

    def __init__(self, path: Path, photos: Iterable[EncodedPhoto], model=FAKE_MODEL) -> None:
        self.path, self.model, self.version = path, model, 0
        self._photos, self._concepts, self._vectors, self._thumbnails = {}, {}, {}, {}
        self._next_concept = self._next_photo = 0
        self.add(photos)

    def add(self, photos: Iterable[EncodedPhoto]) -> None:
        for encoded in photos:
            photo = self._next_photo
            self._photos[photo] = replace(encoded.photo, id=photo)
            self._thumbnails[photo] = encoded.thumbnail
            for concept, vector in zip(encoded.concepts, encoded.vectors, strict=True):
                self._concepts[self._next_concept] = replace(concept, id=self._next_concept, photo=photo)
                self._vectors[self._next_concept] = vector
                self._next_concept += 1
            self._next_photo += 1
        self.version += 1

    def remove(self, photo_ids: Iterable[int]) -> None:
        gone = set(photo_ids)
        self._concepts = {key: concept for key, concept in self._concepts.items() if concept.photo not in gone}
        self._photos = {key: photo for key, photo in self._photos.items() if key not in gone}
        self.version += 1

    def refresh(self) -> bool:
        return False

    @property
    def num_concepts(self) -> int:
        return len(self._concepts)

    @property
    def num_photos(self) -> int:
        return len(self._photos)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({photo.label for photo in self._photos.values() if photo.label}))

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(photo.source for photo in self._photos.values())

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(sorted({word for concept in self._concepts.values() for word, _ in concept.names}))

    def columns(self, *names: str) -> dict[str, np.ndarray]:
        concepts = list(self._concepts.values())
        photos = [self._photos[concept.photo] for concept in concepts]
        places = {word: place for place, word in enumerate(self.words)}
        codes = [[places[word] for word, _ in concept.names] + [-1] * (3 - len(concept.names)) for concept in concepts]
        scores = [[score for _, score in concept.names] + [0.0] * (3 - len(concept.names)) for concept in concepts]
        boxes = np.array([concept.box for concept in concepts], np.float32).reshape(-1, 4)
        centroids = np.array([concept.centroid for concept in concepts], np.float32).reshape(-1, 2)
        labels, sources = {label: place for place, label in enumerate(self.labels)}, self.sources
        source_of = {source: place for place, source in enumerate(sources)}
        columns = {
            "id": np.array(list(self._concepts), np.int64),
            "photo": np.array([concept.photo for concept in concepts], np.int64),
            "token": np.array([concept.token for concept in concepts], np.uint16),
            "mass": np.array([concept.mass for concept in concepts], np.float32),
            "x": centroids[:, 0], "y": centroids[:, 1],
            **{side: boxes[:, place] for place, side in enumerate(("left", "top", "right", "bottom"))},
            "label": np.array([labels.get(photo.label, -1) for photo in photos], np.int32),
            "source": np.array([source_of[photo.source] for photo in photos], np.int32),
            "names": np.array(codes, np.int32).reshape(-1, 3),
            "name_scores": np.array(scores, np.float32).reshape(-1, 3),
        }
        return {name: columns[name] for name in names}

    def vectors(self, ids: Iterable[int]) -> np.ndarray:
        return np.array([self._vectors[int(key)] for key in ids], np.float32).reshape(-1, self.model.width)

    def concepts(self, ids: Iterable[int]) -> list:
        try:
            return [self._concepts[int(key)] for key in ids]
        except KeyError as error:
            raise ConceptIndexError(f"Concept {error} is not in the index.") from error

    def taught_names(self, concepts: list) -> list[tuple]:
        return [()] * len(concepts)

    def photo(self, photo_id: int):
        return self._photos[int(photo_id)]

    def thumbnail(self, photo_id: int) -> bytes:
        return self._thumbnails[int(photo_id)]


class FakeCollections:
    """One collection, "fake", as stellar_explorer.collections.Collections offers it."""

    def __init__(self, index: FakeIndex) -> None:
        self.index = index

    def get(self, name: str) -> FakeIndex:
        if name != "fake":
            raise ValueError("There is no such collection; choose one from the list.")
        return self.index
