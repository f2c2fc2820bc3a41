"""Words: which concepts have a suggested name that a person's word means, and what to say where none has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from index.names.taxonomy import plain, taxonomy
from index.query.searchable import Searchable
from photos.text import printable

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# The classes of a kind are all told where they are so few, so that nobody expects others.
FEW_CLASSES = 3
NUM_OFFERED = 5
NUM_ABOVE = 2  # kinds that hold what is asked for
# How alike two words are of which one may be meant by the other, in difflib's ratio, which takes time with length.
NEAR = 0.75
LONGEST = 60
# What a suggested word is.
NAME, CATEGORY = "name", "category"
TEACH_IT = "Or teach it: mark three concepts that show it, and one that does not."


def named(word: str, words: Sequence[str], codes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """codes, scores: (n, names) of each concept, codes counting in `words` and -1 where there is none -> (n,) float32:
    the best score of a name that the word means, -inf where there is none."""
    wanted = np.zeros(len(words) + 1, bool)  # the last one, which -1 means, stays False
    wanted[names_meant(word, words)] = True
    return np.where(wanted[codes], scores, -np.inf).max(axis=1, initial=-np.inf).astype(np.float32)


def names_meant(word: str, words: Sequence[str]) -> list[int]:
    """The places of the names that a word means, whatever the case and in the singular or plural: of a kind of things
    all that lies under it ("dogs" means "beagle"). Of names that lie in no tree, and where the word is no kind, those
    that it is in: as whole words where there is such a name ("ant" is in "army ant" and not in "elephant"), else as
    letters ("hound" is in "bloodhound")."""
    tree = taxonomy()
    nodes = tree.find(word)
    under = tree.names_under(nodes) if nodes else set()
    others = [place for place, name in enumerate(words) if not nodes or not tree.named(name)]
    whole = re.compile(rf"(?<!\w){re.escape(plain(word))}(?!\w)")
    found = [place for place in others if whole.search(plain(words[place]))]
    found += [place for place, name in enumerate(words) if name in under]
    return found or [place for place in others if not nodes and plain(word) in plain(words[place])]


def counted(words: Sequence[str], codes: np.ndarray) -> dict[str, int]:
    """codes: (n, names), as `named` takes them -> how many concepts have each name, or as their first name one of what
    lies under it; the most frequent first. A kind that is no name here, and of which one name is, is left out."""
    tree = taxonomy()
    count = {words[code]: int(times) for code, times in zip(*np.unique(codes[codes >= 0], return_counts=True),
                                                            strict=True)}
    firsts = np.unique(codes[codes[:, 0] >= 0, 0], return_counts=True)
    above: dict[str, list[int]] = {}
    for code, times in zip(*firsts, strict=True):
        nodes = {one for place in tree.named(words[code]) for one in tree.above(place) if tree.shown[one]}
        for name in {tree.names[one] for one in nodes} | {words[code]}:
            above.setdefault(name, []).append(int(times))
    for name, times in above.items():
        if len(times) > 1 or name in count:
            count[name] = max(count.get(name, 0), sum(times))
    return dict(sorted(count.items(), key=lambda pair: -pair[1]))


def suggestions(words: tuple[str, ...], codes: np.ndarray, photos: np.ndarray, most: int) -> list[tuple[str, int, str]]:
    """codes: (n, names), as `named` takes them; photos: (n,), of each concept -> words that find something, in how many
    photos, and what each is, NAME or CATEGORY (a kind of things that is no name here); those in most photos first."""
    asked = tuple(counted(words, codes))[:most]
    if not asked:
        return []
    _, row = np.unique(photos, return_inverse=True)
    row, column = np.repeat(row, codes.shape[1]), codes.ravel()
    in_photo = csr_of(row[column >= 0], column[column >= 0], (int(row.max()) + 1, len(words)))
    found = (in_photo @ _finding(asked, words)).tocsc()
    counts, names = np.diff(found.indptr).tolist(), set(words)
    return sorted(((word, count, NAME if word in names else CATEGORY)
                   for word, count in zip(asked, counts, strict=True)), key=lambda one: (-one[1], one[0]))


@lru_cache(maxsize=8)  # a page asks each time that it opens a collection, and a large one has a thousand words
def _finding(asked: tuple[str, ...], words: tuple[str, ...]) -> csr_array:
    """(words, asked): which names each word means."""
    pairs = [(place, column) for column, word in enumerate(asked) for place in names_meant(word, words)]
    place, column = np.array(pairs, np.int64).reshape(-1, 2).T
    return csr_of(place, column, (len(words), len(asked)))


def csr_of(row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> csr_array:
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(row), np.float32), (row, column)), shape=shape)


def advice(word: str, index: Searchable) -> str:
    """Of a word that finds nothing in an index: why, and which words would, in a sentence or two."""
    tree, asked = taxonomy(), f'"{printable(word)}"'
    codes = index.columns("names")["names"]
    firsts, times = np.unique(codes[codes[:, 0] >= 0, 0], return_counts=True)
    if not len(firsts):
        return f"{asked} finds nothing: no concept of this collection has a name."
    offered = [index.words[code] for code in firsts[np.argsort(-times, kind="stable")][:NUM_OFFERED]]
    near: list[str] = []
    nodes = tree.find(word)
    if not nodes:
        spoken = {plain(name): name for name in counted(index.words, codes)}
        near = [spoken[name] for name in get_close_matches(plain(word)[:LONGEST], spoken, 3, NEAR)]
        why = f"No class of the classifier is called {asked}"
    elif tree.unnamed[nodes].all():
        why = f"{asked} is never given as a name: what people wear and hold stands for people, who are no class"
    else:
        classes = tree.classes_under(nodes)
        above = sorted({one for node in nodes for one in tree.above(node)}, key=lambda one: -tree.information[one])
        here = counted(index.words, codes)
        near = [tree.names[one] for one in above if tree.shown[one] and tree.names[one] in here][:NUM_ABOVE]
        why = f"Nothing here is named {asked}"
        if len(classes) <= FEW_CLASSES:
            why += f"; of its kind the classifier knows {listed(classes)} alone"
    found = listed([*near, *(one for one in offered if one not in near)])
    return f"{why}. Words that find something here: {found}. {TEACH_IT}"


def listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
