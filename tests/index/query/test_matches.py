"""Matches: which results are more than the nearest there are, and which concepts of two photos go together."""

from __future__ import annotations

import json

import numpy as np
import pytest

from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.names.hedging import LIKELY
from index.query.queries import Query, run
from index.query.query_language import And, BoxQuery, ConceptQuery, Layout, NameQuery, Not, Or, PhotoQuery
from index.query.words import CATEGORY, NAME, suggestions
from model.operations.thresholds import ConceptThresholds
from tests.fakes.index import FAKE_MODEL, fake_encoded

MEASURED = ConceptThresholds(match=0.5, match_photo=0.3)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with ConceptIndex.create(tmp_path_factory.mktemp("matches") / "index", model=FAKE_MODEL) as made:
        made.add([fake_encoded(seed, num_concepts=4) for seed in range(30)])
        yield made


def matches(index, query, thresholds=MEASURED):
    return {result.photo: result.is_match for result in run(index, query, k=100, thresholds=thresholds)}


def scores(index, query):
    return {result.photo: result.score for result in run(index, query, k=100)}


def test_a_match_reaches_what_was_measured(index):
    one, word = ConceptQuery(concept=9), NameQuery("dog")
    assert matches(index, one) == {photo: score >= 0.5 for photo, score in scores(index, one).items()}
    assert matches(index, word) == {photo: score >= LIKELY for photo, score in scores(index, word).items()}
    whole = PhotoQuery(photo=3)
    masses = np.array([concept.mass for concept in index.concepts_of(3)])
    least = MEASURED.match_of(1 / np.square(masses / masses.sum()).sum(), FAKE_MODEL.num_tokens)
    assert 0.3 < least < 0.5
    assert matches(index, whole) == {photo: score >= least for photo, score in scores(index, whole).items()}


def test_what_was_not_measured_calls_everything_a_match(index):
    for query in (ConceptQuery(concept=9), PhotoQuery(photo=3)):
        assert set(matches(index, query, None).values()) == {True}  # as the index was made


def test_a_joined_query_matches_where_its_parts_do(index):
    one, other = ConceptQuery(concept=9), ConceptQuery(concept=50)
    a, b = matches(index, one), matches(index, other)
    assert matches(index, And((one, other))) == {photo: a[photo] and b[photo] for photo in a}
    assert matches(index, Or((one, other))) == {photo: a[photo] or b[photo] for photo in a}
    assert set(matches(index, Not(one, 0.9)).values()) == {True}
    assert matches(index, Not(Not(one, 0.2))) == {photo: a[photo] for photo, score in scores(index, one).items()
                                                  if score >= 0.2}
    least = matches(index, Layout(one, "covers", share=0.2))
    assert least and all(a[photo] or not found for photo, found in least.items())
    both = matches(index, Layout(one, "left_of", other))
    assert both and all(a[photo] and b[photo] or not found for photo, found in both.items())


def test_of_two_photos_is_told_which_concepts_go_together(index):
    tokens = {concept.id: concept.token for concept in index.concepts_of(3)}
    own = next(result for result in run(index, PhotoQuery(photo=3), k=30) if result.photo == 3)
    assert [hit.query_token for hit in own.hits] == [tokens[hit.concept.id] for hit in own.hits] and len(own.hits) == 4
    vectors = index.vectors(list(tokens)).tolist()
    named = PhotoQuery(vectors=vectors, masses=[0.4, 0.3, 0.0, 0.3], tokens=(7, 5, 2, 9))
    assert Query.from_json(json.loads(json.dumps(named.to_json()))) == named
    [found] = [result for result in run(index, named, k=30) if result.photo == 3]
    assert {hit.query_token: hit.concept.token for hit in found.hits} == {7: 0, 5: 1, 9: 3}  # 2 weighs nothing
    unnamed = PhotoQuery(vectors=vectors, masses=[0.4, 0.3, 0.2, 0.1])
    assert {hit.query_token for hit in run(index, unnamed, k=1)[0].hits} == {None}
    box = run(index, BoxQuery(photo=3, box=(0, 0, 1, 1)), k=1)[0]
    assert box.photo == 3 and {hit.query_token for hit in box.hits} <= set(tokens.values())
    with pytest.raises(ConceptIndexError, match="as many as the vectors"):
        PhotoQuery(vectors=vectors, masses=[1, 1, 1, 1], tokens=(1,))


def test_the_score_that_counts_falls_from_one_concept_to_a_whole_photo():
    least = [MEASURED.match_of(count, 16) for count in (0.5, 1, 2, 5, 11.2, 16)]
    assert least[0] == least[1] == 0.5 and least == sorted(least, reverse=True)
    assert least[-2:] == pytest.approx([0.3, 0.3]) and MEASURED.match_of(1, 1) == 0.5
    assert ConceptThresholds().match_of(1, 16) == ConceptThresholds(match=0.5).match_of(5, 16) == -np.inf


def test_a_suggestion_counts_the_photos_that_a_search_for_it_finds(index):
    columns = index.columns("names", "photo")
    told = suggestions(index.words, columns["names"], columns["photo"], 100)
    assert {(word, kind) for word, _, kind in told} >= {("cat", NAME), ("sky", NAME), ("animal", CATEGORY)}
    assert [count for _, count, _ in told] == sorted((count for _, count, _ in told), reverse=True)
    for word, count, _ in told:
        assert count == len(run(index, NameQuery(word), k=100)) > 0
    assert len(suggestions(index.words, columns["names"], columns["photo"], 3)) == 3
    assert suggestions((), np.full((5, 3), -1), np.arange(5), 100) == []
