"""Words that a visitor teaches: learnt here from what they marked, and kept in their browser, not on the server.

A visitor's word comes with each question that it belongs to, so nobody else sees it and no collection changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from index.concept_index import ConceptIndex
from index.query import query_checks as check
from index.query.directions import direction
from index.query.query_language import TaughtQuery
from index.query.taught import TaughtWord, background, brought, named_by
from index.query.teaching import MOST_EXAMPLES, check_counts, checked_word, learn
from stellar_explorer.retrieve.queries import Asked, whole_number
from stellar_explorer.server.request import check_fields, entries, text

MOST_WORDS = 32  # of one visitor
MOST_NAMED = 512  # concepts that are named at once

Key = tuple[str, str, int]


def teach(asked: Asked, index: ConceptIndex, name: str, said: dict[str, Any]) -> dict[str, Any]:
    """{word, yes, no}, the two lists of examples -> the word with its classifier, as a query of kind "taught" has it.

    An example is {"concept": id} of the collection `name`, {"in": collection, "concept": id} of another one, or
    {"study": token, "token": 3} of a visitor's own photo. ValueError, one sentence, for what cannot be learnt.
    """
    check_fields(said, (), ("word", "yes", "no"), "What a word is taught by")
    word = checked_word(said.get("word"))
    yes, no = (keys_of(said.get(side), name) for side in ("yes", "no"))
    if both := yes.keys() & no.keys():
        number = min(key[2] for key in both)
        raise ValueError(f"Concept {number} is marked both as “{word}” and as not; take one of the marks back.")
    check_counts(len(yes), len(no))
    vectors = [np.stack([vector_of(asked, index, said) for said in side.values()]) for side in (yes, no)]
    marked = [key[2] for side in (yes, no) for key in side if key[:2] == ("concept", name)]
    classifier = learn(*vectors, background(index, marked))
    return {"word": word, "weights": check.packed(classifier.weights), "bias": classifier.bias,
            "model": index.model.sha256}


def names(asked: Asked, index: ConceptIndex, said: dict[str, Any]) -> dict[str, Any]:
    """{words, concepts, study}: which of a visitor's words, and of the collection's, some of its concepts have, and
    those of a photo of theirs -> {concepts: {id: [[word, score], ...]}, study: a list a token}."""
    given = said.get("words", [])
    entries(given, "The words of your own", most=MOST_WORDS)
    words = [*index.taught, *(word_of(index, one) for one in given)]
    ids = entries(said.get("concepts", []), "The concepts to be named", most=MOST_NAMED)
    ids = np.array(sorted({whole_number(number) for number in ids}), np.int64)
    ids = ids[np.isin(ids, index.columns("id")["id"])]
    found = named_by(words, ids, index.vectors(ids)) if len(ids) and words else [()] * len(ids)
    answer: dict[str, Any] = {"concepts": {str(number): sent(one) for number, one in zip(ids, found, strict=True)}}
    if (study := said.get("study")) is not None:
        concepts = asked.concepts_of_study(study)
        nowhere = np.full(len(concepts), -1)
        answer["study"] = [sent(one) for one in named_by(words, nowhere, concepts)]
    return answer


def word_of(index: ConceptIndex, said: Any) -> TaughtWord:
    """A word as it came from `teach`, with the ids of this collection that are known to be it, and not to be."""
    if not isinstance(said, dict):
        raise ValueError("A word of your own is an object with its classifier.")
    query = TaughtQuery.from_json({**said, "kind": "taught"})
    assert isinstance(query, TaughtQuery)
    return brought(index, query)


def keys_of(said: Any, name: str) -> dict[Key, dict[str, Any]]:
    """Examples by what they are of, so that one that is marked twice counts once."""
    found = {}
    for one in entries(said, "The examples", most=MOST_EXAMPLES):
        if not isinstance(one, dict):
            raise ValueError("An example is a concept of a collection or of a photo of yours.")
        if "study" in one:
            example = {"study": one["study"], "token": one.get("token")}
            key = ("study", text(one["study"], "The study"), whole_number(one.get("token")))
        else:
            of, number = text(one.get("in", name), "The collection"), whole_number(one.get("concept"))
            example = {"concept": number, **({"in": of} if of != name else {})}
            key = ("concept", of, number)
        found[key] = {"kind": "concept", **example}
    return found


def vector_of(asked: Asked, index: ConceptIndex, said: dict[str, Any]) -> np.ndarray:
    """(C,) unit length."""
    return direction(index, asked.query(said))


def sent(named: tuple[tuple[str, float], ...]) -> list[list[Any]]:
    return [[word, round(score, 3)] for word, score in named]
