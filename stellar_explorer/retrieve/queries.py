"""What a page asks for, in JSON -> a query and a filter of the index: studies become the vectors of their concepts."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from index.query.sets import covered, mass_in_box
from stellar_explorer.analysis import Analysis, Explorer, display_name
from stellar_explorer.server.request import numbers, text, whole

if TYPE_CHECKING:
    from index.concept_index import ConceptIndex
    from index.query.filters import Filter
    from index.query.query import Query

MOST_LEVELS = 24  # of JSON; the index counts the levels of the query itself
MOST_VALUES = 64  # of one filter
SMALLEST_SHARE = 1 / 4  # of an even mass: below it a token says nothing of any place


class Asked:
    """One question to one index. `photos` gathers the indexed photos that the query is about.

    model: the Explorer's name for the index's model; a study of another one is refused. other: finds the collection
    that a concept or photo comes from, where it says "in".
    """

    def __init__(
        self, explorer: Explorer, index: ConceptIndex, model: str | None, other: Callable[[str], ConceptIndex]
    ) -> None:
        self._explorer, self._index, self._model, self._other = explorer, index, model, other
        self.photos: set[int] = set()

    def query(self, said: Any) -> Query:
        """ValueError, one sentence, for what is no query; GoneError for a study that has gone."""
        from index.query.queries import Query

        return Query.from_json(self._resolved(said, MOST_LEVELS))

    def concepts_of_study(self, token: Any) -> np.ndarray:
        """(K, C) unit length. Raises as `query`."""
        num_tokens = self._explorer.kept_study(text(token, "The study")).analysis.num_tokens
        asked = [self.query({"kind": "concept", "study": token, "token": number}) for number in range(num_tokens)]
        vectors = np.array([one.vector for one in asked], np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def where(self, said: Any) -> Filter | None:
        """{labels, mass, region, not_this}, each where it is wanted. After `query`: `not_this` is about its photos."""
        from index.query.filters import Filter

        if said is None:
            return None
        if not isinstance(said, dict) or (unknown := set(said) - {"labels", "mass", "region", "not_this"}):
            found = ", ".join(sorted(map(str, unknown)))[:60] if isinstance(said, dict) else type(said).__name__
            raise ValueError(f"A filter has labels, mass, region and not_this, found {found}.")
        chosen: dict[str, Any] = {}
        if (labels := said.get("labels")) is not None:
            if not isinstance(labels, list) or not 0 < len(labels) <= MOST_VALUES or not all(
                    isinstance(label, str) for label in labels):
                raise ValueError(f"Labels are a list of 1 to {MOST_VALUES} texts.")
            chosen["labels"] = tuple(labels)
        if (mass := said.get("mass")) is not None:
            chosen["mass"] = numbers(mass, 2, "The share of the photo")
        if (region := said.get("region")) is not None:
            chosen["region"] = numbers(region, 4, "The place in the photo")
        if said.get("not_this") is True and self.photos:
            chosen["not_photos"] = tuple(sorted(self.photos))
        return Filter(**chosen) if chosen else None

    def _resolved(self, said: Any, levels: int) -> Any:
        if not levels:
            raise ValueError("The query is nested too deeply.")
        if isinstance(said, list):
            return [self._resolved(item, levels - 1) for item in said]
        if not isinstance(said, dict):
            return said
        if "study" in said:
            return self._of_study(said)
        if "in" in said:
            return self._of_other(said)
        self._remember(said)
        return {name: self._resolved(value, levels - 1) for name, value in said.items()}

    def _remember(self, said: dict) -> None:
        kind = said.get("kind")
        if kind in ("photo", "box") and said.get("photo") is not None:
            self.photos.add(whole_number(said["photo"]))
        if kind == "concept" and said.get("concept") is not None:
            self.photos.add(self._index.concepts([whole_number(said["concept"])])[0].photo)

    def _of_other(self, said: dict) -> dict[str, Any]:
        """A concept or photo of any collection: its vectors, or its id where it is this one's own."""
        said = dict(said)
        index = self._other(text(said.pop("in"), "The collection"))
        if index is self._index:
            self._remember(said)
            return said
        if index.model != self._index.model:
            raise ValueError(f"The photo comes from a collection made with {index.model.name} at "
                             f"{index.model.resolution} px, and this one was made otherwise; choose the photo again.")
        if said.get("kind") == "concept":
            [concept] = index.concepts([whole_number(said.get("concept"))])
            others = [other.id for other in index.concepts_of(concept.photo) if other.id != concept.id]
            own, *vectors = index.vectors([concept.id, *others])
            self._remember_copy(index, concept.photo)
            return {"kind": "concept", "vector": packed(own), "others": [packed(vector) for vector in vectors]}
        if said.get("kind") not in ("photo", "box"):
            raise ValueError("Of another collection one asks for a concept, a box or a photo.")
        photo = whole_number(said.get("photo"))
        concepts = index.concepts_of(photo)
        box = numbers(said.get("box"), 4, "The box") if said["kind"] == "box" else None
        masses = [mass_in_box(concept, box) if box else concept.mass for concept in concepts]
        held = [(concept, mass) for concept, mass in zip(concepts, masses, strict=True) if mass > 0]
        if not held:
            raise ValueError("Nothing lies in this box; draw a larger one.")
        self._remember_copy(index, photo)
        return {"kind": said["kind"], **({"box": list(box)} if box else {}),
                "vectors": [packed(vector) for vector in index.vectors([concept.id for concept, _ in held])],
                "masses": [mass for _, mass in held],
                "tokens": [concept.token for concept, _ in held]}

    def _remember_copy(self, index: ConceptIndex, photo: int) -> None:
        """The same bytes may lie in this index too."""
        known = self._index.find_photo(index.photo(photo).sha256)
        if known is not None:
            self.photos.add(known)

    def _of_study(self, said: dict) -> dict[str, Any]:
        study = self._explorer.kept_study(text(said["study"], "The study"))
        if study.model != self._model:
            raise ValueError(f"This photo was analysed with {display_name(study.model)}, and the collection was made "
                             f"with {display_name(self._model or 'another model')}; choose the photo again.")
        known = self._index.find_photo(study.photo.sha256)
        if known is not None:
            self.photos.add(known)
        analysis, kind = study.analysis, said.get("kind", "concept")
        vectors = analysis.concepts
        heavy = [int(token) for token in np.flatnonzero(analysis.mass * analysis.num_tokens >= SMALLEST_SHARE)]
        if kind == "concept":
            token = said.get("token")
            if type(token) is not int or not 0 <= token < analysis.num_tokens:
                raise ValueError(f"A concept of this photo has a number from 0 to {analysis.num_tokens - 1}.")
            return {"kind": "concept", "vector": packed(vectors[token]),
                    "others": [packed(vectors[other]) for other in heavy if other != token]}
        if kind == "photo":
            return {"kind": "photo", "vectors": [packed(vectors[token]) for token in heavy],
                    "masses": [float(analysis.mass[token]) for token in heavy], "tokens": heavy}
        if kind == "box":
            box = numbers(said.get("box"), 4, "The box")
            inside = mass_inside(analysis, box)
            held = [token for token in heavy if inside[token] > 0]
            if not held:
                raise ValueError("Nothing lies in this box; draw a larger one.")
            return {"kind": "box", "box": list(box), "vectors": [packed(vectors[token]) for token in held],
                    "masses": [float(inside[token]) for token in held], "tokens": held}
        raise ValueError("Of a study one asks for a concept, a box or the photo.")


def mass_inside(analysis: Analysis, box: tuple[float, ...]) -> np.ndarray:
    """(K,): the share of the photo that each token holds inside the box (left, top, right, bottom in 0..1), a patch
    counting by how much of it is inside."""
    rows, cols = analysis.patch_grid
    left, top, right, bottom = box
    weights = np.outer(covered(rows, top, bottom), covered(cols, left, right)).ravel()
    return weights @ analysis.localization / len(analysis.localization)


def whole_number(value: Any) -> int:
    """Of a concept, of a photo or of a token."""
    return whole(value, "The number of a concept or photo")


def packed(vector: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(vector, "<f4").tobytes()).decode("ascii")
