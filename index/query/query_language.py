"""The kinds of queries: frozen values, checked where they are made.

Scores. A concept scores a photo by its best cosine there; a word by its best name's score; a set (a whole photo, or
what lives in a drawn box) by its one-to-one matching (`index.query.sets`). AND asks for all of its parts and gives the
least; OR gives the greatest. NOT leaves out the photos whose score for its part reaches the threshold and scores all
others 1, which changes nothing in an AND; NOT NOT is the part itself where it reaches the inner threshold. A layout
gives the least of its two scores, for the best pair of different concepts of a photo that stand in the relation
(`index.query.layout`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from index.query import query_checks as check
from index.query.query import MOST_PARTS, Query
from index.query.query_checks import Vector
from index.query.teaching import checked_word
from model.operations.thresholds import ConceptThresholds

MOST_MARKS = 256
MOST_LETTERS = 100
MOST_WEIGHT = 100.0

RELATIONS = ("left_of", "right_of", "above", "below", "inside", "covers")


# Queries that score each concept by itself.


@dataclass(frozen=True)
class ConceptQuery(Query):
    """One concept: an indexed one by its id, or a vector (D,) of any length.

    others: the vectors of the other concepts of the vector's photo, where they are known, which tell whether a hit is
    mutual.
    """

    kind: ClassVar[str] = "concept"
    concept: int | None = None
    vector: Vector | None = field(default=None, metadata={"packed": True})
    others: tuple[Vector, ...] = field(default=(), metadata={"packed": True})

    def __post_init__(self) -> None:
        if (self.concept is None) == (self.vector is None):
            check.refuse("A concept is asked for by its id or by its vector, by one of the two")
        others = check.vectors(self.others, "The photo's other concepts")
        if self.vector is None:
            if others:
                check.refuse("The other concepts of an indexed concept's photo are known; leave them out")
            self.keep(concept=check.whole_number(self.concept, "A concept"), others=())
        else:
            own = check.vector(self.vector, "A concept's vector")
            check.vectors((own, *others), "A concept and the others of its photo")
            self.keep(vector=own, others=others)


@dataclass(frozen=True)
class NameQuery(Query):
    """A word: concepts with a suggested name that it is in (`index.query.words`), or that a word which the collection
    was taught finds (`index.query.taught`), scored by the best of these."""

    kind: ClassVar[str] = "name"
    word: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.word, str) or not self.word.strip() or len(self.word) > MOST_LETTERS:
            check.refuse(f"A word has 1 to {MOST_LETTERS} letters, found {check.shown(self.word)}")
        self.keep(word=" ".join(self.word.split()))


@dataclass(frozen=True)
class TaughtQuery(NameQuery):
    """A word with what its asker was taught of it: concepts that the classifier (`index.query.teaching`) finds as well.

    weights, bias: of the classifier. yes, no: ids of concepts that are known to be it, and known not to be.
    """

    kind: ClassVar[str] = "taught"
    weights: Vector = field(default=(), metadata={"packed": True})
    bias: float = 0.0
    yes: tuple[int, ...] = ()
    no: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.keep(word=checked_word(self.word), weights=check.vector(self.weights, "A taught word's weights"),
                  bias=check.number(self.bias, "A taught word's bias", -check.LARGEST, check.LARGEST),
                  yes=marks(self.yes), no=marks(self.no))


@dataclass(frozen=True)
class SumQuery(Query):
    """Arithmetic, A - B + C: weight x unit vector, added over the terms (weight, query) and made unit again.

    A term is a concept, a sum or a refinement.
    """

    kind: ClassVar[str] = "sum"
    terms: tuple[tuple[float, Query], ...] = ()

    def __post_init__(self) -> None:
        checked = []
        for term in check.several(self.terms, "The terms of a sum", MOST_PARTS):
            pair = check.several(term, "A term of a sum", 2)
            if len(pair) != 2:
                check.refuse("A term of a sum is a weight and a query")
            checked.append((check.number(pair[0], "A term's weight", -MOST_WEIGHT, MOST_WEIGHT),
                            one_of(pair[1], "A term of a sum", DIRECTIONS)))
        if not checked:
            check.refuse("A sum has at least one term")
        self.keep(terms=tuple(checked))

    def depth(self) -> int:
        return 1 + max(query.depth() for _, query in self.terms)


@dataclass(frozen=True)
class RefinedQuery(Query):
    """A query moved towards hits that were marked good and away from bad ones, by concept ids (`index.query.feedback`).

    Without a query (a word or a set was refined) it starts from the good ones. The bad ones are not found again.
    """

    kind: ClassVar[str] = "refined"
    query: Query | None = None
    good: tuple[int, ...] = ()
    bad: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.query is not None:
            one_of(self.query, "What is refined", DIRECTIONS)
        good, bad = marks(self.good), marks(self.bad)
        if both := set(good) & set(bad):
            check.refuse(f"Concept {min(both)} is marked good and bad; take one of the marks back")
        if self.query is None and not good:
            check.refuse("A refinement starts from a query or from a good hit")
        self.keep(good=good, bad=bad)

    def depth(self) -> int:
        return 1 + (self.query.depth() if self.query is not None else 0)


def marks(value: Any) -> tuple[int, ...]:
    """Concept ids, rising, each once."""
    several = check.several(value, "The marks", MOST_MARKS)
    return tuple(sorted({check.whole_number(mark, "A marked hit") for mark in several}))


DIRECTIONS = (ConceptQuery, SumQuery, RefinedQuery)
OF_ONE_CONCEPT = (*DIRECTIONS, NameQuery)


# Queries that look at several concepts of a photo.


@dataclass(frozen=True)
class PhotoQuery(Query):
    """A whole photo, its set of concepts against another's: an indexed one by its id, or vectors with their masses.

    tokens: of the vectors, where they are known, by which a hit says what it was paired with.
    """

    kind: ClassVar[str] = "photo"
    photo: int | None = None
    vectors: tuple[Vector, ...] = field(default=(), metadata={"packed": True})
    masses: tuple[float, ...] = ()
    tokens: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        own = check.vectors(self.vectors, "A photo's vectors")
        if (self.photo is None) == (not own):
            check.refuse("A photo is asked for by its id or by its concepts' vectors, by one of the two")
        self.keep(photo=None if self.photo is None else check.whole_number(self.photo, "A photo"), vectors=own,
                  masses=check.shares(self.masses, "The masses", len(own)),
                  tokens=tokens_of(self.tokens, len(own)))


@dataclass(frozen=True)
class BoxQuery(Query):
    """What lives in a box (left, top, right, bottom) in 0..1 of a photo: its concepts by their mass inside.

    The photo is an indexed one by its id, or vectors with what of their mass is inside
    (`index.query.sets.mass_in_box`). tokens: as a photo's.
    """

    kind: ClassVar[str] = "box"
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    photo: int | None = None
    vectors: tuple[Vector, ...] = field(default=(), metadata={"packed": True})
    masses: tuple[float, ...] = ()
    tokens: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        own = check.vectors(self.vectors, "A photo's vectors")
        if (self.photo is None) == (not own):
            check.refuse("A box is on a photo by its id or by its concepts' vectors, by one of the two")
        self.keep(photo=None if self.photo is None else check.whole_number(self.photo, "A photo"), vectors=own,
                  masses=check.shares(self.masses, "The masses inside", len(own)),
                  tokens=tokens_of(self.tokens, len(own)), box=check.box(self.box, "The box"))


def tokens_of(value: Any, expected: int) -> tuple[int, ...]:
    """As many as there are vectors, or none."""
    tokens = check.several(value, "The tokens", check.MOST_CONCEPTS)
    if tokens and len(tokens) != expected:
        check.refuse(f"The tokens must be as many as the vectors, found {len(tokens)} for {expected}")
    return tuple(check.whole_number(token, "A token") for token in tokens)


@dataclass(frozen=True)
class Layout(Query):
    """Two concepts in a relation, "a left_of b"; or "a covers" and the share, 0..1, that a has at least."""

    kind: ClassVar[str] = "layout"
    a: Query | None = None
    relation: str = ""
    b: Query | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        one_of(self.a, "The first of a layout", OF_ONE_CONCEPT)
        if self.relation not in RELATIONS:
            check.refuse(f"A layout's relation is one of {', '.join(RELATIONS)}, found {check.shown(self.relation)}")
        if self.relation == "covers":
            if self.b is not None:
                check.refuse("A concept covers a share of its photo; leave the second of the layout out")
            self.keep(share=check.number(self.share, "A covered share", 0, 1))
        else:
            one_of(self.b, "The second of a layout", OF_ONE_CONCEPT)
            if self.share is not None:
                check.refuse(f"A share goes with covers, not with {self.relation}")
            self.keep()

    def parts(self) -> tuple[Query, ...]:
        return tuple(part for part in (self.a, self.b) if part is not None)


# Queries joined.


@dataclass(frozen=True)
class And(Query):
    kind: ClassVar[str] = "and"
    of: tuple[Query, ...] = ()

    def __post_init__(self) -> None:
        self.keep(of=joined(self.of))

    def parts(self) -> tuple[Query, ...]:
        return self.of


@dataclass(frozen=True)
class Or(Query):
    kind: ClassVar[str] = "or"
    of: tuple[Query, ...] = ()

    def __post_init__(self) -> None:
        self.keep(of=joined(self.of))

    def parts(self) -> tuple[Query, ...]:
        return self.of


@dataclass(frozen=True)
class Not(Query):
    """threshold: the score from which a photo has it; None: for a word any score is enough, for all else what the
    index's model says (`model.operations.thresholds`: has)."""

    kind: ClassVar[str] = "not"
    of: Query | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        one_of(self.of, "What is left out", (Query,))
        self.keep(threshold=None if self.threshold is None else check.number(self.threshold, "A threshold", -1, 1))

    def parts(self) -> tuple[Query, ...]:
        return (self.of,)

    def reached_from(self, thresholds: ConceptThresholds) -> float:
        """The score, where the index's model has these thresholds."""
        usual = 0.0 if isinstance(self.of, NameQuery) else thresholds.has
        return usual if self.threshold is None else self.threshold


def joined(parts: Any) -> tuple[Query, ...]:
    checked = tuple(one_of(part, "A part", (Query,)) for part in check.several(parts, "The parts", MOST_PARTS))
    if not checked:
        check.refuse("AND and OR join at least one query")
    return checked


def one_of(value: Any, name: str, allowed: tuple[type[Query], ...]) -> Query:
    if not isinstance(value, allowed):
        wanted = "a query" if allowed == (Query,) else f"of kind {', '.join(one.kind for one in allowed)}"
        check.refuse(f"{name} must be {wanted}, found {value.kind if isinstance(value, Query) else check.shown(value)}")
    return value
