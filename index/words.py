"""Words: which concepts have a suggested name that a person's word is in."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np


def named(word: str, words: Sequence[str], codes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """codes, scores: (n, names) of each concept, codes counting in `words` and -1 where there is none -> (n,) float32:
    the best score of a name that the word is in, -inf where there is none."""
    wanted = np.zeros(len(words) + 1, bool)  # the last one, which -1 means, stays False
    wanted[matching(word, words)] = True
    return np.where(wanted[codes], scores, -np.inf).max(axis=1, initial=-np.inf).astype(np.float32)


def matching(word: str, words: Sequence[str]) -> list[int]:
    """The places of the names that a word is in, whatever the case: as whole words where there is such a name ("ant" is
    in "army ant" and not in "elephant"), else as letters ("hound" is in "bloodhound")."""
    whole = re.compile(rf"(?<!\w){re.escape(word.casefold())}(?!\w)")
    found = [place for place, name in enumerate(words) if whole.search(name.casefold())]
    return found or [place for place, name in enumerate(words) if word.casefold() in name.casefold()]
