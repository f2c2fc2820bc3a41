"""Names: the words that the model's own classifier suggests for the concepts of a study, asked for afterwards."""

from __future__ import annotations

from threading import Lock

from stellar_explorer.analysis import Explorer, Study
from stellar_explorer.photo import fit
from stellar_explorer.retrieve.collections import Collections

MOST_KEPT = 256

Names = list[list[tuple[str, float]]]


class ConceptNames:
    """By a study's token. Photos of a collection have their names there; others cost one more encode."""

    def __init__(self, explorer: Explorer, collections: Collections) -> None:
        self._explorer, self._collections = explorer, collections
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

        stellar = self._explorer.stellar(study.model)
        namer = namer_of(stellar)
        if namer is None:
            return [[] for _ in range(study.analysis.num_tokens)]
        with self._explorer.opened(study.photo) as photo:
            image = fit(photo, resolution=study.analysis.resolution, patch_size=stellar.patch_size)
        with self._explorer.alone():
            _, [names] = namer.factorize(stellar, image)
        return [list(concept) for concept in names]
