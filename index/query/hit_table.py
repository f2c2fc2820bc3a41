"""Hits for a terminal: a table for people, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from index.names.hedging import is_certain, shown
from index.records import Concept, Hit, Photo
from photos.text import printable

HEADS = ("score", "photo", "concept", "token", "mass", "label", "source", "perhaps")
NUM_NUMBERS = 5  # of these, which stand to the right

# The words that a collection was taught and a concept probably is, with their scores.
Taught = Sequence[tuple[str, float]]


def hits_table(name: str, concept: Concept, hits: Sequence[Hit], photos: Mapping[int, Photo],
               taught: Sequence[Taught] = ()) -> str:
    """What was looked for, in a sentence, and a line a hit, the best first. photos: by id; taught: a hit each."""
    rows = [HEADS]
    for hit, learnt in zip(hits, taught or [()] * len(hits), strict=True):
        photo = photos[hit.concept.photo]
        rows.append((f"{hit.score:.3f}", str(hit.concept.photo), str(hit.concept.id), str(hit.concept.token),
                     f"{hit.concept.mass:.1%}", printable(photo.label or ""), plain(photo.name),
                     words(hit.concept, learnt)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = ["  ".join(cell.rjust(width) if column < NUM_NUMBERS else cell.ljust(width)
                       for column, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]
    perhaps = f", perhaps {words(concept)}" if concept.names else ""
    return "\n".join([f"{printable(name)}, concept {concept.token}: {concept.mass:.1%} of the photo{perhaps}", *lines])


def hits_json(name: str, concept: Concept, hits: Sequence[Hit], photos: Mapping[int, Photo],
              taught: Sequence[Taught] = ()) -> str:
    """The same as one JSON object: photo, concept, hits."""
    found = [{"score": round(hit.score, 4), "photo": hit.concept.photo, "source": photos[hit.concept.photo].source,
              "folder": photos[hit.concept.photo].folder, "label": photos[hit.concept.photo].label,
              "concept": hit.concept.id, **facts(hit.concept),
              "taught": [[word, round(score, 4)] for word, score in learnt]}
             for hit, learnt in zip(hits, taught or [()] * len(hits), strict=True)]
    return json.dumps({"photo": name, "concept": facts(concept), "hits": found})


def facts(concept: Concept) -> dict[str, object]:
    return {"token": concept.token, "mass": round(concept.mass, 4), "box": [round(edge, 4) for edge in concept.box],
            "names": [[word, round(score, 4)] for word, score in concept.names],
            "certain": bool(concept.names) and is_certain(concept.names[0][1])}


def plain(path: str) -> str:
    """A path fit for a terminal and whole, unlike `printable` makes it: photos are told apart by it."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in path)


def words(concept: Concept, taught: Taught = ()) -> str:
    return ", ".join([*(f"{word} (taught)" for word, _ in taught),
                      *(shown(word, score) for word, score in concept.names)])
