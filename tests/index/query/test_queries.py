"""Queries: what each kind scores and finds, against plain loops over the concepts of a small index."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.query import layout, queries, words
from index.query.feedback import moved
from index.query.filters import Filter
from index.query.folding import folded, picture
from index.query.plan import Plan
from index.query.queries import Query, run
from index.query.query_language import (
    And,
    BoxQuery,
    ConceptQuery,
    Layout,
    NameQuery,
    Not,
    Or,
    PhotoQuery,
    RefinedQuery,
    SumQuery,
)
from index.query.sets import mass_in_box, match, set_score
from model.operations.thresholds import ConceptThresholds
from tests.fakes.index import FAKE_MODEL, WORDS, fake_encoded

WIDTH = FAKE_MODEL.width
NUM_PHOTOS = 60
OUT = -np.inf


def around(seed: int):
    """A photo of 0 to 5 concepts near six directions that all photos share, so that queries have likely answers."""
    generator = np.random.default_rng(900 + seed)
    centres = np.random.default_rng(5).normal(size=(6, WIDTH))
    count = seed % 6
    kinds = generator.permutation(6)[:count]
    vectors = centres[kinds] + 0.5 * generator.normal(size=(count, WIDTH))
    return fake_encoded(seed, vectors=vectors.reshape(count, WIDTH), label=("indoor", "outdoor", None)[seed % 3])


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with ConceptIndex.create(tmp_path_factory.mktemp("queries") / "index", model=FAKE_MODEL) as made:
        for start in range(0, NUM_PHOTOS, 20):  # several shards
            made.add([around(seed) for seed in range(start, start + 20)])
        made.remove([11, 12])
        yield made


@pytest.fixture(params=["every concept", "the nearest"])
def depth(request, monkeypatch):
    """Both ways to look: at all of few candidates, and as at many, from a few of the nearest and then deeper."""
    if request.param == "the nearest":
        monkeypatch.setattr(queries, "MOST_COMPARED", 0)
        monkeypatch.setattr(queries, "FIRST_SEEN", 8)
        monkeypatch.setattr(queries, "LEAST_SEEN", 4)
        monkeypatch.setattr(queries, "DEEPER", 2)
        monkeypatch.setattr(queries, "SCORED_A_ROUND", 3)


class Plainly:
    """Scores by loops, a photo at a time, as the query language says."""

    def __init__(self, index: ConceptIndex, where: Filter | None = None) -> None:
        self.index = index
        columns = index.columns("id", "photo")
        allowed = set(columns["id"].tolist() if where is None else where.allowed(index).tolist())
        self.photos: dict[int, list] = {}
        for concept_id, photo in zip(columns["id"].tolist(), columns["photo"].tolist(), strict=True):
            if concept_id in allowed:
                self.photos.setdefault(photo, []).append(concept_id)
        self.concepts = {one: index.concepts([one])[0] for one in allowed}
        self.vectors = {one: index.vectors([one])[0] for one in allowed}
        self.directions: dict[int, np.ndarray] = {}

    def scores(self, query: Query) -> dict[int, float]:
        scores = {photo: self.score(query, photo) for photo in self.photos}
        return {photo: score for photo, score in scores.items() if score > OUT}

    def score(self, query: Query, photo: int) -> float:
        match query:
            case And():
                return min(self.score(part, photo) for part in query.of)
            case Or():
                return max(self.score(part, photo) for part in query.of)
            case Not(of=Not() as inner):
                score = self.score(inner.of, photo)
                return score if score >= inner.reached_from(self.index.model.thresholds) else OUT
            case Not():
                reached = self.score(query.of, photo) >= query.reached_from(self.index.model.thresholds)
                return OUT if reached else 1.0
            case Layout(b=None):
                return max((self.of_concept(query.a, one) for one in self.photos[photo]
                            if self.concepts[one].mass >= query.share), default=OUT)
            case Layout():
                return max((min(self.of_concept(query.a, one), self.of_concept(query.b, other))
                            for one, other in itertools.permutations(self.photos[photo], 2)
                            if layout.stands(query.relation, self.place(one), self.place(other))), default=OUT)
            case PhotoQuery() | BoxQuery():
                return self.of_set(query, photo)
        return max(self.of_concept(query, one) for one in self.photos[photo])

    def of_concept(self, query: Query, one: int) -> float:
        if isinstance(query, NameQuery):
            return max((score for word, score in self.concepts[one].names if query.word in word), default=OUT)
        if isinstance(query, RefinedQuery) and one in query.bad:
            return OUT
        if id(query) not in self.directions:
            self.directions[id(query)] = self.direction(query)
        return float(self.vectors[one] @ self.directions[id(query)])

    def direction(self, query: Query) -> np.ndarray:
        match query:
            case ConceptQuery(concept=None):
                found = np.array(query.vector)
            case ConceptQuery():
                found = self.index.vectors([query.concept])[0]
            case SumQuery():
                found = np.sum([weight * self.direction(part) for weight, part in query.terms], axis=0)
            case RefinedQuery():
                start = None if query.query is None else self.direction(query.query)
                found = moved(start, self.index.vectors(query.good), self.index.vectors(query.bad))
        return found / np.linalg.norm(found)

    def of_set(self, query: PhotoQuery | BoxQuery, photo: int) -> float:
        if query.photo is None:
            asked, masses = np.array(query.vectors), np.array(query.masses)
            asked = asked / np.linalg.norm(asked, axis=1, keepdims=True)
        else:
            concepts = self.index.concepts_of(query.photo)
            asked = self.index.vectors([concept.id for concept in concepts])
            masses = np.array([concept.mass if isinstance(query, PhotoQuery) else mass_in_box(concept, query.box)
                               for concept in concepts])
        cosines = asked @ np.stack([self.vectors[one] for one in self.photos[photo]]).T
        return matched_plainly(cosines, masses)

    def place(self, one: int) -> np.ndarray:
        return np.array([*self.concepts[one].centroid, *self.concepts[one].box])


def matched_plainly(cosines: np.ndarray, weights: np.ndarray) -> float:
    """Every way to pair some of the rows with different columns."""
    gains = (cosines * weights[:, None]).tolist()

    def best(row: int, columns: frozenset[int]) -> float:
        if row == len(gains):
            return 0.0
        return max([best(row + 1, columns), *(gains[row][column] + best(row + 1, columns - {column})
                                              for column in columns if gains[row][column] > 0)])

    return best(0, frozenset(range(cosines.shape[1]))) / weights.sum()


def some_query(generator: np.random.Generator, index: ConceptIndex, levels: int = 3) -> Query:
    ids = index.columns("id")["id"]

    def concept() -> Query:
        if generator.random() < 0.5:
            return ConceptQuery(concept=int(generator.choice(ids)))
        return ConceptQuery(vector=generator.normal(size=WIDTH))

    def of_one() -> Query:
        kind = generator.integers(4)
        if kind == 0:
            return NameQuery(str(generator.choice(WORDS)))
        if kind == 1:
            return SumQuery(((1.0, concept()), (float(generator.normal()), concept())))
        if kind == 2:
            marks = generator.permutation(ids)[:3].tolist()
            return RefinedQuery(concept(), good=tuple(marks[:1]), bad=tuple(marks[1:]))
        return concept()

    kind = generator.integers(7 if levels else 3)
    photo = int(generator.choice(index.columns("photo")["photo"]))
    if kind == 0:
        return PhotoQuery(photo=photo) if generator.random() < 0.5 else BoxQuery(box=(0, 0, 0.9, 0.9), photo=photo)
    if kind == 1:
        relation = str(generator.choice(["left_of", "right_of", "above", "below", "inside", "covers"]))
        if relation == "covers":
            return Layout(of_one(), relation, share=float(generator.uniform(0, 0.5)))
        return Layout(of_one(), relation, of_one())
    if kind == 2:
        return of_one()
    if kind == 3:
        return Not(some_query(generator, index, levels - 1), threshold=float(generator.uniform(0, 0.8)))
    parts = [some_query(generator, index, levels - 1) for _ in range(generator.integers(1, 4))]
    return And(parts) if kind < 6 else Or(parts)


# Every kind against the loops


@pytest.mark.parametrize("seed", range(40))
def test_any_query_finds_what_plain_loops_find(index, depth, seed):
    generator = np.random.default_rng(seed)
    query = some_query(generator, index)
    where = Filter(mass=(0.1, 1.0)) if seed % 3 == 0 else None
    scores = Plainly(index, where).scores(query)
    found = run(index, query, k=12, where=where)
    assert [result.score for result in found] == pytest.approx(sorted(scores.values(), reverse=True)[:12], abs=1e-3)
    assert all(result.score == pytest.approx(scores[result.photo], abs=1e-3) for result in found)
    assert len({result.photo for result in found}) == len(found)


@pytest.mark.parametrize("seed", range(40))
def test_a_query_survives_json(index, seed):
    query = some_query(np.random.default_rng(seed), index)
    assert Query.from_json(json.loads(json.dumps(query.to_json()))) == query


def test_a_filter_is_as_an_index_of_only_what_passes(index, tmp_path, depth):
    where = Filter(labels=("indoor",), mass=(0.05, 0.9))
    kept = {}
    for photo in index.photos(limit=1000):
        passing = [concept for concept in index.concepts_of(photo.id)
                   if photo.label == "indoor" and 0.05 <= concept.mass <= 0.9]
        if passing:
            kept[photo.id] = [concept.id for concept in passing]
    for query in (ConceptQuery(concept=9), PhotoQuery(photo=4), NameQuery("dog"), Not(ConceptQuery(concept=9), 0.3),
                  Or((ConceptQuery(concept=9), NameQuery("cat"))), Layout(NameQuery("cat"), "covers", share=0.2)):
        results = run(index, query, k=100, where=where)
        assert {result.photo for result in results} <= set(kept)
        assert all(hit.concept.id in kept[result.photo] for result in results for hit in result.hits)


# Each kind


def test_a_concept_finds_itself_first(index):
    for one in index.columns("id")["id"][::7].tolist():
        first = run(index, ConceptQuery(concept=one), k=1)[0]
        assert first.hits[0].concept.id == one and first.score == pytest.approx(1, abs=2e-3)
        assert first.hits[0].mutual and first.hits[0].part == 0


def test_and_shows_a_hit_of_each_part_and_or_of_the_best(index):
    one, other, third = (ConceptQuery(concept=int(concept)) for concept in index.columns("id")["id"][[3, 40, 70]])
    both = run(index, And((one, Not(third, 0.99), other)), k=5)
    assert all([hit.part for hit in result.hits] == [0, 2] for result in both)
    assert all(result.score == min(hit.score for hit in result.hits) for result in both)
    for result in run(index, Or((one, other)), k=20):
        [hit] = result.hits
        assert hit.score == result.score and hit.concept.photo == result.photo


def test_not_leaves_out_from_its_threshold_and_changes_no_score(index):
    query, other = ConceptQuery(concept=8), ConceptQuery(concept=20)
    scores = {result.photo: result.score for result in run(index, other, k=100)}
    plain = {result.photo: result.score for result in run(index, query, k=100)}
    left = {result.photo: result.score for result in run(index, And((query, Not(other, 0.4))), k=100)}
    assert left == pytest.approx({photo: score for photo, score in plain.items() if scores[photo] < 0.4}, abs=1e-5)
    reaching = run(index, Not(Not(other, 0.4), -1), k=100)
    assert {result.photo: result.score for result in reaching} == pytest.approx(
        {photo: score for photo, score in scores.items() if score >= 0.4}, abs=1e-5)
    alone = run(index, Not(other, 0.4), k=100)
    assert {result.score for result in alone} == {1.0} and not any(result.hits for result in alone)
    assert [result.photo for result in alone] == sorted(photo for photo, score in scores.items() if score < 0.4)
    thresholds = ConceptThresholds(has=0.7)
    assert Not(other).reached_from(thresholds) == 0.7 and Not(other, 0.4).reached_from(thresholds) == 0.4
    assert Not(NameQuery("cat")).reached_from(thresholds) == 0


def test_a_photo_finds_itself_with_all_of_its_concepts(index):
    for photo in (3, 4, 5, 10):
        first = run(index, PhotoQuery(photo=photo), k=1)[0]
        concepts = index.concepts_of(photo)
        assert first.photo == photo and first.score == pytest.approx(1, abs=2e-3)
        assert {hit.concept.id for hit in first.hits} == {concept.id for concept in concepts}
        assert all(hit.mutual and hit.part == 0 for hit in first.hits)
        # What adds most to the score comes first; it is what a click goes on with.
        assert first.hits[0].concept.mass == pytest.approx(max(concept.mass for concept in concepts))


def test_a_given_photo_is_as_an_indexed_one(index):
    concepts = index.concepts_of(10)
    vectors = index.vectors([concept.id for concept in concepts])
    given = PhotoQuery(vectors=tuple(3 * vectors), masses=tuple(concept.mass for concept in concepts))
    scores = {result.photo: result.score for result in run(index, PhotoQuery(photo=10), k=100)}
    for result in run(index, given, k=100):
        assert result.score == pytest.approx(scores[result.photo], abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 2), (2, 5), (3, 4)])
def test_sets_are_matched_one_to_one_as_by_trying_all(shape):
    for seed in range(20):
        generator = np.random.default_rng(seed)
        cosines, weights = generator.uniform(-1, 1, shape), generator.random(shape[0]) + 0.01
        assert set_score(cosines, weights) == pytest.approx(matched_plainly(cosines, weights))
        asked, there = match(cosines, weights)
        assert len(set(asked.tolist())) == len(asked) and len(set(there.tolist())) == len(there)
        assert (cosines[asked, there] > 0).all()


def test_mass_in_boxes_adds_up_and_counts_parts_of_patches():
    for seed in range(10):
        for concept in fake_encoded(seed).concepts:
            cut = (seed + 1) / 13
            left, right = mass_in_box(concept, (0, 0, cut, 1)), mass_in_box(concept, (cut, 0, 1, 1))
            assert left + right == pytest.approx(concept.mass) and min(left, right) >= 0
    lone = replace(fake_encoded(0).concepts[0], patch_grid=(2, 2), mask=(0, 1, 3), mass=0.4)
    assert mass_in_box(lone, (0, 0, 0.25, 1)) == pytest.approx(0.2)
    assert mass_in_box(lone, (0.5, 0, 1, 1)) == 0
    assert mass_in_box(replace(lone, mask=(4,)), (0, 0, 1, 1)) == 0


def test_a_box_asks_for_what_lives_in_it(index):
    photo = next(photo.id for photo in index.photos(limit=100) if len(index.concepts_of(photo.id)) == 5)
    whole = run(index, BoxQuery(box=(0, 0, 1, 1), photo=photo), k=30)
    same = run(index, PhotoQuery(photo=photo), k=30)
    assert [result.photo for result in whole] == [result.photo for result in same]
    [concept] = [concept for concept in index.concepts_of(photo) if concept.token == 0]
    left, top, right, bottom = concept.box
    inside = {one.id for one in index.concepts_of(photo) if mass_in_box(one, (left, top, left + 0.01, top + 0.01)) > 0}
    found = run(index, BoxQuery(box=(left, top, left + 0.01, top + 0.01), photo=photo), k=1)[0] if inside else None
    assert found is None or {hit.concept.id for hit in found.hits} <= inside or found.photo != photo


# Arithmetic and feedback


def axis(number: int, scale: float = 1.0) -> ConceptQuery:
    return ConceptQuery(vector=tuple(scale * np.eye(WIDTH)[number]))


@pytest.fixture
def axes(tmp_path):
    """Photo p has one concept, along axis p; photo WIDTH a concept between axes 0 and 2."""
    between = np.eye(WIDTH)[0] + np.eye(WIDTH)[2]
    with ConceptIndex.create(tmp_path / "axes", model=FAKE_MODEL) as made:
        made.add([fake_encoded(seed, vectors=np.eye(WIDTH)[[seed]], names=False) for seed in range(WIDTH)]
                 + [fake_encoded(99, vectors=between[None], names=False)])
        yield made


def test_arithmetic_adds_unit_vectors(axes):
    # (a + b) - b + c lies between a and c, whatever the lengths of what is given.
    terms = ((1, SumQuery(((1, axis(0, 5)), (1, axis(1, 0.1))))), (-(0.5**0.5), axis(1)), (0.5**0.5, axis(2)))
    found = run(axes, SumQuery(terms), k=3)
    assert found[0].photo == WIDTH and found[0].score == pytest.approx(1, abs=2e-3)
    assert {found[1].photo, found[2].photo} == {0, 2} and found[0].hits[0].mutual is None
    opposite = ConceptQuery(vector=tuple(-axes.vectors([3])[0]))
    assert len(run(axes, opposite, k=100)) == WIDTH + 1  # a cosine of -1 is not below the least score
    away = run(axes, SumQuery(((1, axis(0)), (-1, axis(2)))), k=WIDTH + 1)
    assert away[0].photo == 0 and away[-1].photo == 2 and away[-1].score == pytest.approx(-(0.5**0.5), abs=2e-3)


def test_a_sum_that_cancels_is_refused(axes):
    with pytest.raises(ConceptIndexError, match="cancel"):
        run(axes, SumQuery(((1, axis(0)), (-1, axis(0, 3)))))


def test_feedback_moves_towards_the_good_and_away_from_the_bad():
    generator = np.random.default_rng(0)
    unit = [vector / np.linalg.norm(vector) for vector in generator.normal(size=(5, WIDTH))]
    start, good, bad = unit[0], np.stack(unit[1:3]), np.stack(unit[3:])
    result = moved(start, good, bad)
    result /= np.linalg.norm(result)
    assert (result @ good.mean(axis=0)) > (start @ good.mean(axis=0))
    assert (result @ bad.mean(axis=0)) < (start @ bad.mean(axis=0))
    assert np.array_equal(moved(start, good[:0], bad[:0]), start)


def test_bad_hits_are_not_found_again_and_good_ones_can_start(index):
    query = ConceptQuery(concept=8)
    first = run(index, query, k=10)
    bad, good = first[1].hits[0].concept.id, first[2].hits[0].concept.id
    for refined in (RefinedQuery(query, good=(good,), bad=(bad,)), RefinedQuery(good=(good,), bad=(bad,))):
        again = run(index, refined, k=100)
        assert bad not in {hit.concept.id for result in again for hit in result.hits}
        scores = {result.photo: result.score for result in again}
        assert scores[first[2].photo] > first[2].score
    assert run(index, RefinedQuery(query), k=5) == [
        replace(result, hits=tuple(replace(hit, mutual=None) for hit in result.hits))
        for result in run(index, query, k=5)]


# Places


PLACES = {  # x, y, left, top, right, bottom
    "west": (0.2, 0.5, 0.1, 0.4, 0.3, 0.6), "east": (0.8, 0.5, 0.7, 0.4, 0.9, 0.6),
    "north": (0.5, 0.2, 0.4, 0.1, 0.6, 0.3), "south": (0.5, 0.8, 0.4, 0.7, 0.6, 0.9),
    "all": (0.5, 0.5, 0.0, 0.0, 1.0, 1.0), "nowhere": (0.5, 0.5, 0.0, 0.0, 0.0, 0.0),
    "beside west": (0.22, 0.5, 0.12, 0.4, 0.32, 0.6), "over an edge": (0.31, 0.5, 0.21, 0.4, 0.41, 0.6),
    "in west": (0.19, 0.5, 0.12, 0.42, 0.25, 0.58),
}


@pytest.mark.parametrize(("a", "relation", "b", "holds"), [
    ("west", "left_of", "east", True), ("east", "left_of", "west", False), ("west", "left_of", "north", True),
    ("west", "left_of", "beside west", False), ("west", "left_of", "west", False),
    ("east", "right_of", "west", True), ("west", "right_of", "east", False),
    ("north", "above", "south", True), ("south", "above", "north", False), ("north", "above", "west", True),
    ("west", "above", "east", False), ("south", "below", "north", True), ("north", "below", "south", False),
    ("west", "inside", "all", True), ("all", "inside", "west", False), ("west", "inside", "west", False),
    ("in west", "inside", "west", True), ("over an edge", "inside", "west", False), ("west", "inside", "east", False),
    ("nowhere", "inside", "all", False), ("west", "inside", "nowhere", False),
])
def test_relations_on_places_made_by_hand(a, relation, b, holds):
    assert bool(layout.stands(relation, np.array(PLACES[a]), np.array(PLACES[b]))) == holds


def test_left_is_the_mirror_of_right_and_above_of_below():
    generator = np.random.default_rng(0)
    a, b = generator.random((2, 500, 6))
    assert np.array_equal(layout.stands("left_of", a, b), layout.stands("right_of", b, a))
    assert np.array_equal(layout.stands("above", a, b), layout.stands("below", b, a))
    assert not (layout.stands("left_of", a, b) & layout.stands("left_of", b, a)).any()
    assert not (layout.stands("inside", a, b) & layout.stands("inside", b, a)).any()


def test_a_layout_wants_two_different_concepts_of_one_photo(axes, tmp_path):
    def photo(seed: int, where: list[str]):
        encoded = fake_encoded(seed, vectors=np.eye(WIDTH)[: len(where)])
        concepts = [replace(concept, centroid=PLACES[place][:2], box=PLACES[place][2:], mass=0.1 * (1 + concept.token))
                    for concept, place in zip(encoded.concepts, where, strict=True)]
        return replace(encoded, concepts=tuple(concepts))

    with ConceptIndex.create(tmp_path / "layout", model=FAKE_MODEL) as made:
        made.add([photo(0, ["west", "east"]), photo(1, ["east", "west"]), photo(2, ["west", "all"])])
        found = run(made, Layout(axis(0), "left_of", axis(1)), k=5)
        assert found[0].photo == 0 and found[0].score == pytest.approx(1, abs=2e-3)
        assert [(hit.concept.token, hit.part) for hit in found[0].hits] == [(0, 0), (1, 1)]
        # Photo 1 has the two the other way round, and only they can stand so: its best pair is the wrong one.
        assert {result.photo: round(result.score, 2) for result in found}[1] == 0
        assert run(made, Layout(axis(0), "inside", axis(1)), k=5)[0].photo == 2
        assert all(hit.concept.token == 1 for result in run(made, Layout(axis(0), "covers", share=0.15), k=5)
                   for hit in result.hits)
        assert run(made, Layout(axis(0), "covers", share=0.5), k=5) == []
        # One concept that is like both is no pair.
        assert not run(made, Layout(axis(0), "left_of", axis(0)), k=5)[0].score > 0.01


# Mutual


def test_a_hit_is_mutual_where_each_is_the_others_nearest(index):
    ids = index.columns("id")["id"].tolist()
    vectors = index.vectors(ids)
    of_photo = index.columns("photo")["photo"]
    seen = set()
    for row in range(0, len(ids), 5):
        for result in run(index, ConceptQuery(concept=ids[row]), k=20):
            [hit] = result.hits
            back = vectors[of_photo == of_photo[row]] @ vectors[ids.index(hit.concept.id)]
            if not 1e-4 < back.max() - hit.score < 1e-3:  # nearly a tie
                assert hit.mutual == (back.max() <= hit.score + 5e-4)
                seen.add(hit.mutual)
    assert seen == {True, False}


def test_a_given_vector_is_mutual_by_its_photos_other_vectors(index):
    concepts = index.concepts_of(10)
    own, *others = index.vectors([concept.id for concept in concepts])
    indexed = run(index, ConceptQuery(concept=concepts[0].id), k=20)
    given = run(index, ConceptQuery(vector=tuple(own), others=tuple(map(tuple, others))), k=20)
    assert [result.hits[0].mutual for result in given] == [result.hits[0].mutual for result in indexed]
    alone = run(index, ConceptQuery(vector=tuple(own)), k=20)
    assert {result.hits[0].mutual for result in alone} == {None}


# Words


def test_a_word_is_found_whole_where_there_is_such_a_name_and_else_as_letters():
    names = ("army ant", "elephant", "Eskimo dog", "bloodhound", "jack-o'-lantern", "C++")
    assert words.names_meant("ant", names) == [0]
    assert sorted(words.names_meant("DOG", names)) == [2, 3]  # what lies under it too, by the tree
    assert words.names_meant("hound", names) == [3]
    assert words.names_meant("jack", names) == [4] and words.names_meant("c++", names) == [5]
    assert words.names_meant("zebra", names) == [] and words.names_meant(".*", names) == []


def test_a_word_finds_named_concepts_by_their_best_name(index):
    found = run(index, NameQuery("Dog"), k=100)
    assert found and all("dog" in dict(result.hits[0].concept.names) for result in found)
    assert all(result.score == pytest.approx(dict(result.hits[0].concept.names)["dog"]) for result in found)
    assert {result.photo for result in found} == {
        concept.photo for photo in index.photos(limit=1000) for concept in index.concepts_of(photo.id)
        if "dog" in dict(concept.names)}
    assert run(index, NameQuery("zebra")) == []
    assert {result.photo for result in run(index, Not(NameQuery("dog")), k=100)}.isdisjoint(
        result.photo for result in found)


def test_an_index_without_names_finds_no_word(axes):
    assert run(axes, NameQuery("dog")) == []


# Results


def test_photos_are_grouped_and_the_least_score_cuts(index):
    results = run(index, ConceptQuery(concept=8), k=100)
    assert len(results) == len({result.photo for result in results})
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)
    cut = run(index, ConceptQuery(concept=8), k=100, least_score=scores[5])
    assert cut == results[: len(cut)] and 6 <= len(cut) < len(results)
    assert run(index, ConceptQuery(concept=8), k=3) == results[:3]


def jpeg(pixels: np.ndarray, side: int, quality: int = 90) -> bytes:
    buffer, size = BytesIO(), (side, side * 3 // 4)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def test_near_duplicates_fold_into_the_best_of_them(tmp_path):
    generator = np.random.default_rng(3)
    vectors, summaries = generator.normal(size=(8, 2, WIDTH)), generator.normal(size=(4, WIDTH))
    with ConceptIndex.create(tmp_path / "folded", model=FAKE_MODEL) as made:
        pictures = [jpeg(pixels, 64) for pixels in generator.integers(0, 256, (4, 6, 8, 3), np.uint8)]
        made.add([replace(fake_encoded(seed, vectors=vectors[seed], summary=summaries[seed % 4] + 1e-3 * seed),
                          thumbnail=pictures[seed % 4]) for seed in range(8)])
        query = ConceptQuery(vector=tuple(generator.normal(size=WIDTH)))
        plain, found = run(made, query, k=8), run(made, query, k=8, fold=True)
        assert len(plain) == 8 and not any(result.folded for result in plain) and len(found) == 4
        order = [result.photo for result in plain]
        for result in found:
            assert [photo % 4 for photo in result.folded] == [result.photo % 4]
            assert all(order.index(photo) > order.index(result.photo) for photo in result.folded)
        assert [result.photo for result in run(made, query, k=2, fold=True)] == [result.photo for result in found[:2]]
        # As many as were asked for come although half of them fold.
        assert len(run(made, query, k=4, fold=True)) == 4


def test_folding_wants_alike_summaries_and_pictures_nearly_the_same():
    east, north, nearly_east = np.array([[1, 0], [0, 1], [0.999, 0.04]], np.float32)
    summaries, pictures = np.stack([east, east, east, north]), [east, north, nearly_east, east]
    assert folded(summaries, pictures.__getitem__, ConceptThresholds()) == [[0, 2], [1], [3]]
    assert folded(summaries[:0], pictures.__getitem__, ConceptThresholds()) == []
    plain = np.zeros(2, np.float32)
    assert folded(summaries[:2], [plain, plain].__getitem__, ConceptThresholds()) == [[0], [1]]


def test_a_picture_is_the_same_in_another_size_and_light():
    pixels = np.random.default_rng(0).integers(60, 190, (6, 8, 3), np.uint8)
    one, other = np.random.default_rng(1).integers(60, 190, (2, 6, 8, 3), np.uint8)
    assert picture(jpeg(pixels, 192)) @ picture(jpeg(pixels, 64)) > 0.99
    assert picture(jpeg(pixels, 192)) @ picture(jpeg(pixels + 40, 192, quality=40)) > 0.99
    assert picture(jpeg(one, 192)) @ picture(jpeg(other, 192)) < 0.8
    for nothing in (b"", b"not a JPEG", jpeg(np.full((6, 8, 3), 90, np.uint8), 64)):
        assert not picture(nothing).any()


def test_an_empty_index_and_a_filter_that_nothing_passes_find_nothing(tmp_path, index):
    with ConceptIndex.create(tmp_path / "empty", model=FAKE_MODEL) as empty:
        for query in (axis(0), NameQuery("dog"), Not(axis(0)), And((axis(0), axis(1))),
                      Layout(axis(0), "covers", share=0.1), Layout(axis(0), "left_of", NameQuery("cat")),
                      PhotoQuery(vectors=(tuple(np.ones(WIDTH)),), masses=(1.0,))):
            assert run(empty, query, fold=True) == []
            assert run(index, query, where=Filter(labels=("no such",))) == []


def test_a_query_sees_the_version_that_the_index_does(tmp_path):
    path = tmp_path / "index"
    with ConceptIndex.create(path, model=FAKE_MODEL) as writer:
        writer.add([fake_encoded(seed) for seed in range(3)])
        with ConceptIndex.open(path) as reader:
            query = ConceptQuery(concept=0)
            assert len(run(reader, query, k=10)) == 3
            writer.remove([1])
            assert len(run(reader, query, k=10)) == 3
            reader.refresh()
            assert {result.photo for result in run(reader, query, k=10)} == {0, 2}


def test_what_is_read_of_two_versions_is_thrown_away(tmp_path, monkeypatch):
    path = tmp_path / "index"
    with ConceptIndex.create(path, model=FAKE_MODEL) as writer:
        writer.add([fake_encoded(seed) for seed in range(6)])
        with ConceptIndex.open(path) as reader:
            def plan(candidates, query, thresholds):
                if writer.num_photos == 6:  # what another thread may do at any moment
                    writer.remove([0, 2])
                    reader.refresh()
                return Plan(candidates, query, thresholds)

            monkeypatch.setattr(queries, "Plan", plan)
            query = Or((ConceptQuery(vector=tuple(np.ones(WIDTH))), NameQuery("dog")))
            found = run(reader, query, k=10)
            assert {result.photo for result in found} == {1, 3, 4, 5}
            monkeypatch.undo()
            assert found == run(reader, query, k=10)


def test_a_damaged_vector_is_said_and_not_found(tmp_path):
    path = tmp_path / "index"
    with ConceptIndex.create(path, model=FAKE_MODEL) as made:
        made.add([fake_encoded(seed) for seed in range(4)])
    [shard] = path.glob("shards/*.npy")
    content = bytearray(shard.read_bytes())
    content[-2:] = b"\xff\x7f"  # not a number
    shard.write_bytes(content)
    with ConceptIndex.open(path) as index, pytest.raises(ConceptIndexError, match="damaged"):
        run(index, axis(0))


# What is refused


def concept(**values):
    return {"kind": "concept", **values}


def nested(levels: int):
    said = concept(concept=0)
    for _ in range(levels):
        said = {"kind": "not", "of": said}
    return said


BAD = [
    None, 3, [], "concept", {}, {"kind": "no such"}, {"kind": 3}, {"kind": ["concept"]}, concept(), concept(concept=-1),
    concept(concept=True), concept(concept="0"), concept(concept=1.0), concept(concept=2**63),
    concept(concept=0, vector=[1]),
    concept(vector=[]), concept(vector=[0, 0]), concept(vector=[float("nan")]), concept(vector=[float("inf")]),
    concept(vector="not base64!"), concept(vector="AAA"), concept(vector=[[1]]), concept(vector={"a": 1}),
    concept(vector=["x"]), concept(vector=[10**400]), concept(vector=[1] * 9000), concept(vector=[1], others=[[1, 2]]),
    concept(concept=0, others=[[1]]), concept(vector=[1], others=[[1]] * 300), concept(concept=0, more=1),
    {"kind": "name"}, {"kind": "name", "word": ""}, {"kind": "name", "word": " "}, {"kind": "name", "word": 3},
    {"kind": "name", "word": "x" * 101}, {"kind": "name", "word": concept(concept=0)},
    {"kind": "sum"}, {"kind": "sum", "terms": []}, {"kind": "sum", "terms": [[1]]},
    {"kind": "sum", "terms": [[1, {"kind": "name", "word": "a"}]]},
    {"kind": "sum", "terms": [["1", concept(concept=0)]]},
    {"kind": "sum", "terms": [[1e9, concept(concept=0)]]}, {"kind": "sum", "terms": [[1, concept(concept=0)]] * 40},
    {"kind": "refined"}, {"kind": "refined", "bad": [1]}, {"kind": "refined", "good": [1], "bad": [1]},
    {"kind": "refined", "good": ["1"]}, {"kind": "refined", "good": list(range(300))},
    {"kind": "refined", "query": {"kind": "name", "word": "a"}},
    {"kind": "photo"}, {"kind": "photo", "photo": 0, "vectors": [[1]], "masses": [1]}, {"kind": "photo", "photo": -1},
    {"kind": "photo", "vectors": [[1]]}, {"kind": "photo", "vectors": [[1]], "masses": [0]},
    {"kind": "photo", "vectors": [[1]], "masses": [-1]}, {"kind": "photo", "vectors": [[1]], "masses": [float("nan")]},
    {"kind": "box", "photo": 0}, {"kind": "box", "photo": 0, "box": [0, 0, 1]},
    {"kind": "box", "photo": 0, "box": [0.5, 0, 0.5, 1]}, {"kind": "box", "photo": 0, "box": [0, 0, 2, 1]},
    {"kind": "layout"}, {"kind": "layout", "a": concept(concept=0), "relation": "near", "b": concept(concept=0)},
    {"kind": "layout", "a": concept(concept=0), "relation": "left_of"},
    {"kind": "layout", "a": concept(concept=0), "relation": "covers"},
    {"kind": "layout", "a": concept(concept=0), "relation": "covers", "share": 2},
    {"kind": "layout", "a": concept(concept=0), "relation": "covers", "share": 0.1, "b": concept(concept=0)},
    {"kind": "layout", "a": {"kind": "photo", "photo": 0}, "relation": "left_of", "b": concept(concept=0)},
    {"kind": "and"}, {"kind": "and", "of": []}, {"kind": "or", "of": [3]}, {"kind": "or", "of": concept(concept=0)},
    {"kind": "and", "of": [concept(concept=0)] * 33}, {"kind": "not"},
    {"kind": "not", "of": concept(concept=0), "threshold": 7},
    {"kind": "not", "of": [concept(concept=0)]}, nested(9), nested(500),
    {"kind": "sum", "terms": [[1, {"kind": "sum", "terms": [[1, nested(500)]]}]]},
]


@pytest.mark.parametrize("said", BAD, ids=lambda said: str(said)[:60])
def test_what_is_no_query_is_refused_in_one_sentence(said):
    with pytest.raises(ConceptIndexError) as refused:
        Query.from_json(said)
    assert_one_sentence(str(refused.value))


def assert_one_sentence(sentence: str) -> None:
    assert sentence[0].isupper() and sentence.endswith(".") and "\n" not in sentence and len(sentence) < 300


def test_what_an_index_cannot_answer_is_refused_in_one_sentence(index):
    for query in (ConceptQuery(vector=(1.0, 2.0)), ConceptQuery(concept=10**6), PhotoQuery(photo=10**6),
                  PhotoQuery(photo=0), PhotoQuery(photo=11), ConceptQuery(concept=index.columns("id")["id"].max() + 1),
                  RefinedQuery(axis(0), good=(10**6,)), PhotoQuery(vectors=((1.0,),), masses=(1.0,)),
                  BoxQuery(box=(0, 0, 1, 1), photo=0), Not(ConceptQuery(concept=10**6))):
        with pytest.raises(ConceptIndexError) as refused:
            run(index, query)
        assert_one_sentence(str(refused.value))
    for options in ({"k": 0}, {"k": True}, {"k": 1.5}, {"k": 10**6}, {"least_score": 2}, {"least_score": float("nan")},
                    {"least_score": None}):
        with pytest.raises(ConceptIndexError) as refused:
            run(index, axis(0), **options)
        assert_one_sentence(str(refused.value))


def test_defaults_are_left_out_of_json_and_vectors_are_base64():
    assert ConceptQuery(concept=3).to_json() == {"kind": "concept", "concept": 3}
    assert NameQuery("  tabby   cat ").to_json() == {"kind": "name", "word": "tabby cat"}
    said = axis(0).to_json()
    assert set(said) == {"kind", "vector"} and isinstance(said["vector"], str)
    assert Query.from_json({"kind": "concept", "vector": [1.0, *[0.0] * (WIDTH - 1)]}) == axis(0)


def test_leaves_are_numbered_in_reading_order():
    one, two, three, four = (ConceptQuery(concept=number) for number in range(4))
    query = Or((And((one, Not(two))), Layout(three, "above", four), SumQuery(((1, one), (-1, two)))))
    assert [leaf.kind for leaf in query.leaves()] == ["concept"] * 4 + ["sum"]
    assert query.depth() == 4
