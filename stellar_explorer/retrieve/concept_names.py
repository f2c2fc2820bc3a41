"""Names: the words that the model's own classifier suggests for the concepts of a study, asked for afterwards."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from stellar_explorer.explorer import Explorer
from stellar_explorer.kept.studies import Study
from stellar_explorer.retrieve.collections import Collections

if TYPE_CHECKING:
    from torch import Tensor

MOST_KEPT = 256

Names = list[list[tuple[str, float]]]


class ConceptNames:
    """By a study's token. Photos of a collection have their names there; of others the model's stem looks once more."""

    def __init__(self, explorer: Explorer, collections: Collections) -> None:
        self._explorer, self._collections = explorer, collections
        self._name = explorer.one_at_a_time(self._named)
        self._kept: dict[str, Names] = {}
        self._lock = Lock()

    def of(self, token: str) -> Names:
        """A token a list of (word, score), the best first; empty where nothing is likely. GoneError if the study has
        left the server."""
        study = self._explorer.kept_study(token)
        with self._lock:
            if token in self._kept:
                return self._kept[token]
        found = self._indexed(study) or self._encoded(study)
        with self._lock:
            self._kept[token] = found
            while len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return found

    def _indexed(self, study: Study) -> Names | None:
        for facts in self._collections.offered():
            if facts.state != "ready" or (facts.model, facts.resolution) != (study.model, study.analysis.resolution):
                continue
            index = self._collections.get(facts.name)
            photo = index.find_photo(study.photo.sha256)
            if photo is not None:
                names: Names = [[] for _ in range(study.analysis.num_tokens)]
                for concept in index.concepts_of(photo):
                    names[concept.token] = list(concept.names)
                return names
        return None

    def _encoded(self, study: Study) -> Names:
        from index.names.naming import namer_of

        if namer_of(self._explorer.stellar(study.model)) is None:
            return [[] for _ in range(study.analysis.num_tokens)]
        analysis = study.analysis
        image = self._explorer.photos.fitted(study.photo, patch_size=analysis.patch_size,
                                             resolution=analysis.resolution)
        return self._name(study, image)

    def _named(self, study: Study, image: Tensor) -> Names:
        from index.names.naming import namer_of
        from stellar_explorer.edit.edits import factorization_of

        stellar = self._explorer.stellar(study.model)
        [names] = namer_of(stellar).name(stellar, image, factorization_of(study.analysis))
        return [list(concept) for concept in names]
