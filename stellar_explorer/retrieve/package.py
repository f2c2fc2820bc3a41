"""What the Retrieve tab is sent of photos, concepts and hits: plain JSON, masks as run lengths for the browser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stellar_explorer.examples import examples
from stellar_explorer.views.palette import palette

if TYPE_CHECKING:
    from index.concept_index import ConceptIndex
    from index.query.queries import PhotoResult
    from index.records import Concept, Photo
    from stellar_explorer.retrieve.collections import Collections

Names = Sequence[tuple[str, float]]

MOST_WORDS, MOST_LABELS, MOST_SUGGESTIONS = 400, 1000, 2000
MOST_HITS = 8  # of one photo that are sent: a whole photo is found by all of its concepts, and nobody sees so many


def concept_facts(concept: Concept, taught: Names = ()) -> dict[str, Any]:
    """taught: the words that the collection was taught and that the concept probably is."""
    return {"concept": concept.id, "token": concept.token, "mass": round(concept.mass, 5),
            "peak": round(concept.peak, 4), "centroid": [round(place, 4) for place in concept.centroid],
            "box": [round(edge, 4) for edge in concept.box], "grid": list(concept.patch_grid),
            "mask": list(concept.mask), "names": names_facts(concept.names),
            "taught": [[word, round(score, 3)] for word, score in taught]}


def names_facts(names: Sequence[tuple[str, float]]) -> list[list[Any]]:
    """Word, score, and whether it is certain: where it is not, a page shows it with a sign of doubt."""
    from index.names.hedging import is_certain

    return [[word, round(score, 3), is_certain(score)] for word, score in names]


def thumbnail_address(name: str, photo: Photo) -> str:
    return f"stellar/collections/{name}/thumbnails/{photo.id}.jpg?v={photo.sha256[:12]}"


def photo_address(collections: Collections, name: str, photo: Photo) -> dict[str, Any]:
    """A photo without its concepts. The hash keeps an address apart from that of another index under the same name."""
    base, version = f"stellar/collections/{name}", photo.sha256[:12]
    example = examples().get(collections.example_of(name, photo.source) or "")
    return {"photo": photo.id, "width": photo.size[0], "height": photo.size[1], "label": photo.label,
            "title": example.title if example else photo.name, "alt": example.alt if example else "",
            "source": photo.source, "folder": photo.folder, "example": example.id if example else None,
            "thumbnail": thumbnail_address(name, photo),
            "picture": f"{base}/pictures/{photo.id}.jpg?v={version}"}


def photo_facts(collections: Collections, name: str, photo: Photo, concepts: Sequence[Concept]) -> dict[str, Any]:
    index = collections.get(name)
    num_tokens = index.model.num_tokens
    return {**photo_address(collections, name, photo), "num_tokens": num_tokens,
            "palette": ["#" + bytes(colour).hex() for colour in palette(num_tokens)],
            "concepts": [concept_facts(*both) for both in zip(concepts, index.taught_names(concepts), strict=True)]}


def results_facts(collections: Collections, name: str, query: Any, results: Sequence[PhotoResult]) -> dict[str, Any]:
    """query: as the page asked it.

    matches: how many results are matches, and not only the nearest there are; is_measured: whether the model's
    thresholds tell them apart; without that all are matches. advice: a sentence where there is no match, else None.
    matched: of a result of a whole photo or a box, which concepts are alike in both, what adds most to the score first.
    """
    index = collections.get(name)
    thresholds = collections.thresholds(name)
    shown = [hit for result in results for hit in result.hits[:MOST_HITS]]
    taught = iter(index.taught_names([hit.concept for hit in shown]))
    matches = sum(result.is_match for result in results)
    return {"num_photos": index.num_photos, "matches": matches, "is_measured": thresholds.match is not None,
            "advice": None if matches else no_match(index, query, len(results)), "results": [
        {**photo_address(collections, name, index.photo(result.photo)), "score": round(result.score, 4),
         "is_match": result.is_match, "alike": list(result.folded),
         "matched": [{"query_token": hit.query_token, "token": hit.concept.token, "cosine": round(hit.score, 4)}
                     for hit in result.hits[:MOST_HITS]
                     if hit.query_token is not None and hit.score >= thresholds.has],
         "hits": [{**concept_facts(hit.concept, next(taught)), "score": round(hit.score, 4), "part": hit.part,
                   "mutual": hit.mutual} for hit in result.hits[:MOST_HITS]]}
        for result in results]}


def no_match(index: ConceptIndex, said: Any, num_weaker: int) -> str:
    """What to say where no result is a match. said: the query as the page asked it; num_weaker: of results."""
    if num_weaker:
        count = "The photo below is" if num_weaker == 1 else f"The {num_weaker:,} photos below are"
        return f"No match in this collection. {count} only the closest there {'is' if num_weaker == 1 else 'are'}."
    return word_advice(index, said) or ("Nothing in this collection fits. Lower the minimum similarity, remove a "
                                        "filter or change the query.")


def word_advice(index: ConceptIndex, said: Any) -> str | None:
    """Of a query that found nothing, as the page asked it: what to say of the first word that nothing here has."""
    from index.query.words import advice, names_meant

    for word in asked_words(said):
        if not names_meant(word, index.words):
            return advice(word, index)
    return None


def asked_words(said: Any) -> Iterator[str]:
    if isinstance(said, list):
        for item in said:
            yield from asked_words(item)
    elif isinstance(said, dict) and said.get("kind") == "name":
        yield str(said.get("word"))
    elif isinstance(said, dict):
        yield from asked_words(list(said.values()))


def vocabulary(index: ConceptIndex) -> dict[str, Any]:
    """The words that find concepts, and the labels of photos, the most frequent first, each with how often; and the
    words that the collection was taught. suggestions: of all words, for somebody who types: in how many photos each
    finds something, those in most first, and what it is: a "name", a "category" (a kind of things) or "taught"."""
    from index.query.words import counted, suggestions

    columns = index.columns("names", "label", "photo")
    words = [list(pair) for pair in counted(index.words, columns["names"]).items()][:MOST_WORDS]
    found = [(word.word, index.taught_counts(word)[1], "taught") for word in index.taught]
    known = {word.casefold() for word, *_ in found}
    found += [one for one in suggestions(index.words, columns["names"], columns["photo"], MOST_SUGGESTIONS)
              if one[0].casefold() not in known]
    found = sorted(found, key=lambda one: (-one[1], one[0]))[:MOST_SUGGESTIONS]
    _, firsts = np.unique(columns["photo"], return_index=True)
    labels = Counter(index.labels[code] for code in columns["label"][firsts] if code >= 0)
    return {"words": words, "labels": labels.most_common(MOST_LABELS), "taught": [word.word for word in index.taught],
            "suggestions": [{"word": word, "photos": count, "kind": kind} for word, count, kind in found]}
