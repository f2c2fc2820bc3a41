"""Teaching: some concepts that a word means and some that it does not -> a classifier of all others.

Logistic regression on three kinds of concepts: what it is, what it is not, and a sample of the collection, which is
mostly not it (Elkan and Noto, 2008) and tells what is common there. It is fitted where the collection has the same
spread in every direction, so that what all concepts share counts little; with three examples this shrinkage is what
works. Then its logit is scaled on examples that were held out, because on its own ones it is always sure.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np

from index.errors import ConceptIndexError
from index.query import query_checks as check
from index.taught_word import Classifier

LEAST_YES, LEAST_NO = 3, 1
MOST_EXAMPLES = 256  # of each kind
MOST_LETTERS = 60  # of a taught word
MOST_BACKGROUND = 1024

# Chosen among a few by benchmarks.teach: how much of the mean variance is added in every direction, and the weight of
# what a word is not against that of the background.
SHRINKAGE, NEGATIVE_SHARE = 2.0, 0.2
STRENGTH = 10.0  # scikit-learn's C, of features whose mean square is about FEATURE_SCALE squared
FEATURE_SCALE = 3.0
FOLDS = 3
# Measured by benchmarks.teach: from which score on a concept is found by the word, and is called so.
LEAST_FOUND, LEAST_NAMED = 0.2, 0.5
# How many of a collection's concepts a word is assumed to mean, which nobody has counted.
PRIOR = 0.1
# What is held out of a few examples says little of their spread; the background's counts as that of so many more.
SPREAD_EXAMPLES = 5


def learn(yes: np.ndarray, no: np.ndarray, background: np.ndarray) -> Classifier:
    """(y, C), (n, C), (b, C), unit length. In whatever order the examples come, and however often one of them does,
    the classifier is the same."""
    yes, no = np.unique(yes, axis=0).astype(np.float64), np.unique(no, axis=0).astype(np.float64)
    background = background.astype(np.float64)
    width = yes.shape[1]
    everything = np.concatenate([background, yes, no])
    middle = everything.mean(axis=0)
    spread = np.cov(everything.T)
    spread += (SHRINKAGE * np.trace(spread) / width) * np.eye(width)
    whitening = FEATURE_SCALE / np.sqrt(width) * np.linalg.inv(np.linalg.cholesky(spread)).T
    yes_there, no_there, others_there = ((part - middle) @ whitening for part in (yes, no, background))
    weights, bias = fit(yes_there, no_there, others_there)
    held_out = np.concatenate([yes_there[fold] @ own + its_bias for fold in folds(len(yes))
                               for own, its_bias in [fit(np.delete(yes_there, fold, axis=0), no_there, others_there)]])
    others = others_there @ weights + bias if len(others_there) else no_there @ weights + bias
    slope, offset = calibration(held_out, others)
    in_space = slope * (whitening @ weights)
    return Classifier(in_space.astype(np.float32), float(slope * bias + offset - in_space @ middle))


def fit(yes: np.ndarray, no: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, float]:
    """(y, C), (n, C), (b, C) -> weights (C,) and bias of a logit. What it is and what it is not weigh the same."""
    # It takes a second to import, and most of those who search teach nothing.
    from sklearn.linear_model import LogisticRegression

    share = NEGATIVE_SHARE if len(others) else 1.0
    weigh = np.concatenate([np.full(len(yes), 1.0), np.full(len(no), share * len(yes) / len(no)),
                            np.full(len(others), (1 - share) * len(yes) / max(len(others), 1))])
    targets = np.concatenate([np.ones(len(yes)), np.zeros(len(no) + len(others))])
    fitted = LogisticRegression(C=STRENGTH, max_iter=300).fit(np.concatenate([yes, no, others]), targets,
                                                             sample_weight=weigh)
    return fitted.coef_[0], float(fitted.intercept_[0])


def folds(count: int) -> list[np.ndarray]:
    """The places of so many examples in FOLDS parts."""
    return [np.arange(part, count, FOLDS) for part in range(min(FOLDS, count))]


def calibration(held_out: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Logits of examples that were held out, and of all else -> slope and offset of the logit to be trusted: that of
    two normal distributions of one spread, at PRIOR."""
    of_yes, of_others = held_out.mean(), others.mean()
    variance = ((SPREAD_EXAMPLES * others.var() + len(held_out) * held_out.var()) / (SPREAD_EXAMPLES + len(held_out)))
    # Examples that have nothing in common are nearer to all else than to each other; the order still holds.
    slope = max(of_yes - of_others, 1e-3) / max(variance, 1e-6)
    return float(slope), float(-slope * (of_yes + of_others) / 2 + np.log(PRIOR / (1 - PRIOR)))


def checked_word(word: Any) -> str:
    """A word as it is kept. Raises ConceptIndexError, one sentence, for what is none."""
    if not isinstance(word, str) or not word.strip():
        check.refuse("A taught word has at least one letter; give it a name")
    word = unicodedata.normalize("NFC", " ".join(word.split()))
    if len(word) > MOST_LETTERS:
        check.refuse(f"A taught word has at most {MOST_LETTERS} letters, and this one has {len(word):,}; choose a "
                     "shorter one")
    for sign in word:
        if not (unicodedata.category(sign)[0] in "LMN" or sign in " '’-."):
            check.refuse(f"A taught word has letters, digits, spaces, dashes, dots and apostrophes, found {sign!a}; "
                         "leave that out")
    if not any(unicodedata.category(sign)[0] in "LN" for sign in word):
        check.refuse("A taught word has at least one letter; give it a name")
    return word


def check_counts(num_yes: int, num_no: int) -> None:
    """Raises ConceptIndexError where there is too little to learn from, or too much. Of different concepts."""
    if num_yes < LEAST_YES:
        check.refuse(f"A word is taught from at least {LEAST_YES} concepts that are it, and here "
                     f"{'is' if num_yes == 1 else 'are'} {num_yes}; mark more")
    if num_no < LEAST_NO:
        check.refuse("A word is taught from at least one concept that is not it too, and there is none; mark one")
    if max(num_yes, num_no) > MOST_EXAMPLES:
        check.refuse(f"A word is taught from at most {MOST_EXAMPLES} concepts of each kind, found "
                     f"{max(num_yes, num_no):,}; leave some out")


def examples(yes: Any, no: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ids of concepts, rising and each once, if a word can be taught from them. Raises ConceptIndexError."""
    kept = []
    for given, side in ((yes, "What a word is"), (no, "What a word is not")):
        several = check.several(given, side, 10 * MOST_EXAMPLES)
        kept.append(tuple(sorted({check.whole_number(one, "A concept") for one in several})))
    if both := set(kept[0]) & set(kept[1]):
        raise ConceptIndexError(f"Concept {min(both)} is marked both as the word and as not the word; take one of the "
                                "marks back.")
    check_counts(len(kept[0]), len(kept[1]))
    return kept[0], kept[1]
