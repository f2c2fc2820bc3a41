"""Taxonomy: the kinds of things that the classifier's classes are, as a tree; what is summed up it, and found by words.

assets/names/taxonomy.json is made by `python -m index.names.wordnet`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from index.errors import ConceptIndexError

TAXONOMY_FILE = Path(__file__).resolve().parent.parent.parent / "assets" / "names" / "taxonomy.json"


class Taxonomy:
    """Nodes, of which the first `num_classes` are the classes, in the classifier's order.

    classes: what the classifier's own list calls them; names: what each node is called; synsets: WordNet's ids. shown:
    (M,) bool, whether it is given as a name. unnamed: (M,) bool, whether it is of what says nothing of a photo (clothes
    are people). under: (M, W) bool, which classes lie under a node, itself one of them; summing: (W, M) float32, the
    same less what is unnamed. information: (M,) in bits, what a name says: log2(W) for a class, 0 for all classes.
    """

    def __init__(self, told: Mapping) -> None:
        nodes, self.classes, self.num_classes = told["nodes"], told["classes"], len(told["classes"])
        self.names: list[str] = [node["name"] for node in nodes]
        self.synsets: list[str] = [node["synset"] for node in nodes]
        self.shown = np.array([node["shown"] for node in nodes])
        self.unnamed = np.array([node["unnamed"] for node in nodes])
        self._above = [_above(place, nodes) for place in range(len(nodes))]
        self.under = np.zeros((len(nodes), self.num_classes), bool)
        for leaf in range(self.num_classes):
            self.under[list(self._above[leaf]), leaf] = True
        self.summing = (self.under & ~self.unnamed[: self.num_classes]).T.astype(np.float32)
        self.information = np.log2(self.num_classes) - np.log2(self.under.sum(axis=1))
        self._synonyms: dict[str, list[int]] = told["synonyms"]
        self._plurals: dict[str, str] = told["plurals"]
        self._called: dict[str, list[int]] = defaultdict(list)
        for place, node in enumerate(nodes):
            for word in node["words"]:
                self._called[word].append(place)
        self._named: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(self.names):
            for one in {name, *self.classes[place : place + 1]}:  # an older index has the classifier's names
                if place < self.num_classes or self.shown[place]:
                    self._named[one].append(place)

    def above(self, place: int) -> frozenset[int]:
        """A node and all that it is a kind of."""
        return self._above[place]

    def named(self, name: str) -> list[int]:
        """The nodes that have this very name, today or in an older index."""
        return self._named.get(name, [])

    def find(self, word: str) -> list[int]:
        """What is meant by a word, in the singular or plural; [] where that is no kind that the tree knows."""
        for one in singulars(plain(word), self._plurals):
            if found := self._synonyms.get(one) or self._called.get(one):
                return list(found)
        return []

    def names_under(self, places: Iterable[int]) -> set[str]:
        """The names that say that something is of these kinds: theirs, and those of all that lies under them."""
        return {name for name, held in self._named.items()
                if any(not self._above[one].isdisjoint(places) for one in held)}

    def classes_under(self, places: Iterable[int]) -> list[str]:
        return [self.names[leaf] for leaf in np.flatnonzero(self.under[list(places)].any(axis=0))]

    def vocabulary(self) -> Iterator[str]:
        """Every word that `find` knows, in the singular."""
        yield from self._synonyms
        yield from self._called


def _above(place: int, nodes: Sequence[Mapping]) -> frozenset[int]:
    found: set[int] = set()
    waiting = [place]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += nodes[one]["parents"]
    return frozenset(found)


def plain(word: str) -> str:
    """As words are compared: small letters, single spaces, no hyphens, and no sign of doubt behind."""
    return " ".join(word.casefold().replace("_", " ").replace("-", " ").rstrip("? ").split())


def singulars(word: str, irregular: Mapping[str, str]) -> Iterator[str]:
    """The word, and what it may be the plural of, by its last part; the likeliest first."""
    yield word
    *first, last = word.rsplit(" ", 1)
    endings = (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("men", "man"), ("es", ""), ("s", ""))
    for single in [irregular.get(last), *(last[: -len(end)] + new for end, new in endings if last.endswith(end))]:
        if single:
            yield " ".join([*first, single])


def taxonomy() -> Taxonomy:
    """The shipped one."""
    return read_taxonomy(TAXONOMY_FILE)


@lru_cache(maxsize=2)
def read_taxonomy(path: Path) -> Taxonomy:
    try:
        return Taxonomy(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ConceptIndexError(f"The tree of names cannot be read from {path}; restore it: "
                                "git checkout -- assets") from error
