"""Taught words: what is learnt from a few concepts, kept with a collection, searched like any word, and forgotten."""

import shutil
import sqlite3

import numpy as np
import pytest

from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.query.filters import Filter
from index.query.queries import run
from index.query.query import Query
from index.query.query_language import Layout, NameQuery, Not, TaughtQuery
from index.query.taught import named_by, teach
from index.query.teaching import LEAST_FOUND, MOST_LETTERS, checked_word, learn
from index.store.snapshot import Snapshot
from index.taught_word import Classifier
from tests.fakes.index import FAKE_MODEL, fake_encoded

WIDTH, TOKENS = FAKE_MODEL.width, 4
PHOTOS = 60


def vectors_of(photo: int) -> np.ndarray:
    """Token 0 of every third photo is a "ball": near one direction. All else is spread in the others."""
    generator = np.random.default_rng(photo)
    vectors = generator.normal(size=(TOKENS, WIDTH))
    vectors[:, 2] *= 0.2
    if photo % 3 == 0:
        vectors[0] += 8 * np.eye(WIDTH)[2]
    return vectors


def encoded(photo: int):
    return fake_encoded(photo, vectors=vectors_of(photo), names=photo % 2 == 1)


def id_of(photo: int, token: int = 0) -> int:
    return TOKENS * photo + token


BALLS = [id_of(photo) for photo in range(0, PHOTOS, 3)]
YES, NO = BALLS[:5], [id_of(1), id_of(2, 3), id_of(4, 1)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An index that was taught nothing; tests take copies."""
    path = tmp_path_factory.mktemp("made") / "index"
    with ConceptIndex.create(path, model=FAKE_MODEL) as index:
        index.add([encoded(photo) for photo in range(PHOTOS)])
    return path


@pytest.fixture
def index(made, tmp_path):
    with ConceptIndex.open(shutil.copytree(made, tmp_path / "index"), writer=True) as index:
        yield index


@pytest.fixture(scope="module")
def ball(made):
    """What is learnt of balls, of an index that stays as it is."""
    with ConceptIndex.open(made) as index:
        return teach(index, "ball", YES, NO)


def found(index: ConceptIndex, query: Query, **more: object) -> list[int]:
    return [result.hits[0].concept.id for result in run(index, query, k=PHOTOS, **more)]


def asked(word, name: str = "ball") -> TaughtQuery:
    return TaughtQuery(name, tuple(word.classifier.weights.tolist()), word.classifier.bias, word.yes, word.no)


# What is learnt


def test_a_few_examples_find_the_others(index, ball):
    scores = index.taught_scores(ball.classifier)
    others = np.setdiff1d(np.arange(index.num_concepts), BALLS)
    assert scores[BALLS].min() > scores[others].max()
    assert (scores[BALLS] >= 0.5).all() and (scores[others] < LEAST_FOUND).mean() > 0.95


def test_neither_the_order_nor_a_repetition_of_examples_matters(index, ball):
    again = teach(index, " ball ", [*reversed(YES), YES[0]], [*NO[::-1], NO[1]])
    assert (again.word, again.yes, again.no) == (ball.word, ball.yes, ball.no)
    assert np.array_equal(again.classifier.weights, ball.classifier.weights)
    assert again.classifier.bias == ball.classifier.bias
    yes, no, rest = index.vectors(YES), index.vectors(NO), index.vectors(range(20, 90))
    once, twice = learn(yes, no, rest), learn(np.concatenate([yes[::-1], yes[:2]]), no[::-1], rest)
    assert np.array_equal(once.weights, twice.weights) and once.bias == twice.bias


def test_what_was_said_of_a_concept_holds(index):
    """Whatever the classifier makes of it: a stray that is called a ball is one, and a ball that is not is none."""
    stray, ball = id_of(5, 2), BALLS[-1]
    index.teach("ball", [*YES, stray], [*NO, ball])
    hits = run(index, NameQuery("ball"), k=PHOTOS)
    first = hits[: len(YES) + 1]
    assert {result.hits[0].concept.id for result in first} == {*YES, stray}
    assert [result.score for result in first] == [1.0] * len(first) and ball not in found(index, NameQuery("ball"))
    assert index.taught_names(index.concepts([stray, ball])) == [(("ball", 1.0),), ()]


def test_it_learns_without_a_collection_round_it(index):
    vectors = index.vectors(range(index.num_concepts))
    alone = learn(vectors[YES], vectors[NO], np.empty((0, WIDTH), np.float32))
    scores = alone.scores(vectors @ alone.direction)
    assert scores[BALLS].min() > np.median(scores) and np.isfinite(scores).all()


def test_examples_that_have_nothing_in_common_still_give_a_score(index):
    generator = np.random.default_rng(0)
    yes, no, rest = (generator.normal(size=(count, WIDTH)).astype(np.float32) for count in (3, 1, 50))
    odd = learn(yes, no, rest)
    scores = odd.scores(rest @ odd.direction)
    assert np.isfinite(odd.bias) and ((scores >= 0) & (scores <= 1)).all()


# Kept with the collection


def test_a_taught_word_outlives_its_writer_a_compaction_and_its_examples(index, ball):
    taught = index.teach("ball", YES, NO)
    assert np.array_equal(taught.classifier.weights, ball.classifier.weights)
    before = found(index, NameQuery("ball"))
    index.close()
    with ConceptIndex.open(index.path, writer=True) as again:
        assert found(again, NameQuery("ball")) == before and again.verify() == []
        again.remove([0, 1])
        again.compact()
        left = [one for one in before if one >= 2 * TOKENS]
        assert [word.word for word in again.taught] == ["ball"] and found(again, NameQuery("ball")) == left
        again.add([encoded(PHOTOS)])
        assert id_of(PHOTOS) in found(again, NameQuery("ball"))
    with ConceptIndex.open(index.path) as reader:
        assert found(reader, NameQuery("ball"))[: len(left)] and reader.taught[0].yes == tuple(YES)


def test_forgetting_restores(index):
    queries = (NameQuery("ball"), NameQuery("dog"), Not(NameQuery("ball")))
    before = [run(index, query, k=PHOTOS) for query in queries]
    index.teach("ball", YES, NO)
    assert found(index, NameQuery("ball")) and run(index, queries[1], k=PHOTOS) == before[1]
    assert index.forget(" BALL ") and not index.forget("ball")
    assert index.taught == () and [run(index, query, k=PHOTOS) for query in queries] == before


def test_a_word_that_is_taught_again_is_one_word(index):
    index.teach("ball", YES, NO)
    index.teach("Ball", BALLS[5:9], NO)
    [word] = index.taught
    assert (word.word, word.yes) == ("Ball", tuple(BALLS[5:9]))


def test_a_reader_takes_a_word_up_with_refresh(index):
    with ConceptIndex.open(index.path) as reader:
        index.teach("ball", YES, NO)
        assert not reader.taught and reader.refresh() and reader.taught[0].word == "ball"


def test_an_index_from_before_words_were_taught_is_read_and_taught(index):
    """Nothing of it is in the file until the first word."""
    def tables() -> set[str]:
        with sqlite3.connect(index.path / "catalogue.sqlite") as connection:
            return {name for name, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    assert "taught" not in tables() and index.taught == ()
    index.teach("ball", YES, NO)
    assert "taught" in tables() and index.verify() == []


def test_a_damaged_word_is_named(index):
    index.teach("ball", YES, NO)
    index.close()
    with sqlite3.connect(index.path / "catalogue.sqlite") as connection:
        connection.execute("UPDATE taught SET bias = bias + 1")
    with pytest.raises(ConceptIndexError, match="damaged in a row of taught"):
        ConceptIndex.open(index.path)


# Searched like any word


def test_it_is_found_whatever_the_case_beside_suggested_names(index):
    index.teach("dog", YES, NO)
    both = set(found(index, NameQuery("DOG")))
    index.forget("dog")
    named = set(found(index, NameQuery("dog")))
    photos = {one // TOKENS for one in both}
    assert photos >= {one // TOKENS for one in named} and photos >= {one // TOKENS for one in BALLS}


def test_it_goes_with_not_filters_and_layouts(index):
    index.teach("ball", YES, NO)
    with_it = {one // TOKENS for one in found(index, NameQuery("ball"))}
    without = {result.photo for result in run(index, Not(NameQuery("ball")), k=PHOTOS)}
    assert with_it.isdisjoint(without) and len(with_it) + len(without) == PHOTOS
    assert found(index, NameQuery("ball"), where=Filter(photos=(0, 1))) == [0]
    beside = run(index, Layout(NameQuery("ball"), "covers", share=0.01), k=PHOTOS)
    assert {result.photo for result in beside} <= with_it


def test_all_vectors_are_looked_at_once_a_version(index, monkeypatch):
    index.teach("ball", YES, NO)
    looks = []
    cosines = Snapshot.cosines
    monkeypatch.setattr(Snapshot, "cosines", lambda snapshot, vectors, ids: looks.append(
        len(vectors) * len(ids)) or cosines(snapshot, vectors, ids))
    for _ in range(5):
        found(index, NameQuery("ball"))
    assert sum(looks) == index.num_concepts
    index.remove([0])
    found(index, NameQuery("ball"))
    assert sum(looks) == 2 * index.num_concepts + TOKENS


# What an asker brings


def test_a_classifier_that_is_brought_finds_what_a_kept_one_does(index, ball):
    mine = found(index, asked(ball))
    assert index.taught == () and found(index, NameQuery("ball")) == []
    index.teach("ball", YES, NO)
    assert mine == found(index, NameQuery("ball"))
    assert Query.from_json(asked(ball).to_json()) == asked(ball)


def test_what_is_brought_to_a_query_stays_the_asker_s(index, ball):
    found(index, asked(ball))
    assert found(index, NameQuery("ball")) == [] and index.taught_names(index.concepts(YES)) == [()] * len(YES)


def test_names_come_the_likeliest_first_and_only_where_they_are_likely(index, ball):
    ids = np.array([*YES, *NO, -1])
    vectors = np.concatenate([index.vectors(ids[:-1]), index.vectors(BALLS[-1:])])
    names = named_by([ball], ids, vectors)
    assert names[: len(YES)] == [(("ball", 1.0),)] * len(YES) and names[len(YES) : -1] == [()] * len(NO)
    assert names[-1][0][0] == "ball" and 0.5 <= names[-1][0][1] <= 1


def test_scores_are_probabilities_however_large_the_weights():
    loud = Classifier(np.full(4, 1e17, np.float32), -3.0)
    scores = loud.scores(np.array([-1.0, 0.0, 1.0]))
    assert np.all((scores >= 0) & (scores <= 1)) and np.linalg.norm(loud.direction) == pytest.approx(1)


# Bad input


@pytest.mark.parametrize(("word", "says"), [
    ("", "at least one letter"), ("  \n", "at least one letter"), ("--", "at least one letter"), (7, "one letter"),
    ("a" * 10_000, f"at most {MOST_LETTERS} letters, and this one has 10,000"),
    ("<b>dog</b>", "found '<'"), ("dog\0cat", r"found '\\x00'"), ("{{dog}}", "found '{'"), ('do"g', "found '\"'"),
    ("dog‮", "found"),
])
def test_a_name_that_is_none_is_refused(word, says):
    with pytest.raises(ConceptIndexError, match=says):
        checked_word(word)


def test_names_of_any_language_are_kept():
    for word in ("person", "hot-air balloon", "St. Bernard's dog", "Bär", "犬", "7up"):
        assert checked_word(f"  {word} ") == word


@pytest.mark.parametrize(("yes", "no", "says"), [
    (YES, [], "at least one concept that is not it"), (YES[:2], NO, "at least 3 concepts that are it, and here are 2"),
    ([0, 0, 0, 0], NO, "here is 1"), (YES, [YES[1]], f"Concept {YES[1]} is marked both"),
    ([*YES, 10**6], NO, "Concept 1000000 is not in the index"), ([*YES, -1], NO, "whole number"),
    ([*YES, 2**70], NO, "whole number"), (["a", "b", "c"], NO, "whole number"),
    (range(20, 320), NO, "at most 256"), (range(9000), NO, "at most 2560 entries"),
])
def test_examples_that_teach_nothing_are_refused_and_nothing_is_lost(index, yes, no, says):
    index.teach("ball", YES, NO)
    before = index.version
    with pytest.raises(ConceptIndexError, match=says):
        index.teach("ball", yes, no)
    assert index.version == before and index.taught[0].yes == tuple(YES)


def test_a_reader_teaches_nothing(made):
    with ConceptIndex.open(made) as reader:
        with pytest.raises(ConceptIndexError, match="open for reading"):
            reader.teach("ball", YES, NO)
        with pytest.raises(ConceptIndexError, match="open for reading"):
            reader.forget("ball")


def test_what_is_brought_is_looked_at(index, ball):
    json = asked(ball).to_json()
    for field, value, says in (("weights", [1.0, 2.0], "taught with another model"), ("weights", [0.0] * WIDTH, "zero"),
                               ("weights", [], "zero|one vector"), ("bias", "x", "bias must be a number"),
                               ("bias", float("nan"), "bias must be a number"), ("word", "<i>", "found '<'"),
                               ("yes", [-1], "whole number"), ("no", "abc", "a list")):
        with pytest.raises(ConceptIndexError, match=says):
            run(index, Query.from_json({**json, field: value}))
