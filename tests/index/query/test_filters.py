"""Filters: exactly the concepts of which all holds that a filter says, and a search among them finds their nearest."""

import numpy as np
import pytest

from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.query.filters import Filter
from tests.fakes.index import FAKE_MODEL, fake_encoded

LABELS = ("cat", "dog", None)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with ConceptIndex.create(tmp_path_factory.mktemp("index") / "index", model=FAKE_MODEL) as made:
        made.add([fake_encoded(seed, label=LABELS[seed % 3], source=f"set{seed % 2}/{seed}.jpg") for seed in range(12)])
        made.add([fake_encoded(seed, label="cat", source=f"owner/flowers train row {seed}") for seed in range(12, 15)])
        made.remove([4, 13])
        yield made


def passing(index: ConceptIndex, holds) -> list[int]:
    """By asking of each concept."""
    concepts = index.concepts(index.columns("id")["id"])
    return [concept.id for concept in concepts if holds(concept, index.photo(concept.photo))]


def inside(concept, left: float, top: float, right: float, bottom: float) -> bool:
    x, y = concept.centroid
    return left <= x <= right and top <= y <= bottom


CASES = [
    (Filter(), lambda concept, photo: True),
    (Filter(labels=("cat",)), lambda concept, photo: photo.label == "cat"),
    (Filter(labels=("dog", "cat", "cow")), lambda concept, photo: photo.label is not None),
    (Filter(labels=("cow",)), lambda concept, photo: False),
    (Filter(labels=()), lambda concept, photo: False),
    (Filter(sources=("set0",)), lambda concept, photo: photo.source.startswith("set0/")),
    (Filter(sources=("set0/", "set1/3.jpg")), lambda concept, photo: photo.source.startswith("set0/") or photo.id == 3),
    (Filter(sources=("owner/flowers train",)), lambda concept, photo: photo.id >= 12),
    (Filter(sources=("set",)), lambda concept, photo: False),
    (Filter(mass=(0.2, 0.5)), lambda concept, photo: 0.2 <= concept.mass <= 0.5),
    (Filter(region=(0, 0, 0.5, 0.6)), lambda concept, photo: inside(concept, 0, 0, 0.5, 0.6)),
    (Filter(photos=(1, 2, 4, 99)), lambda concept, photo: photo.id in (1, 2)),
    (Filter(not_photos=(1, 4)), lambda concept, photo: photo.id != 1),
    (Filter(labels=("cat",), sources=("set0",), mass=(0.1, 1), region=(0.2, 0, 1, 1), not_photos=(6,)),
     lambda concept, photo: photo.label == "cat" and photo.source.startswith("set0/") and concept.mass >= 0.1
     and inside(concept, 0.2, 0, 1, 1) and photo.id != 6),
]


@pytest.mark.parametrize(("where", "holds"), CASES)
def test_what_passes_is_what_it_says(index, where, holds):
    allowed = where.allowed(index)
    assert allowed.dtype == np.int64 and allowed.tolist() == passing(index, holds)


@pytest.mark.parametrize("where", [where for where, _ in CASES])
def test_a_search_finds_the_nearest_of_what_passes(index, where):
    queries = np.random.default_rng(0).normal(size=(3, FAKE_MODEL.width)).astype(np.float32)
    allowed = where.allowed(index)
    scores = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ index.vectors(allowed).T
    for hits, row in zip(index.search(queries, k=5, where=where), scores, strict=True):
        expected = np.argsort(-row, kind="stable")[:5]
        assert [hit.concept.id for hit in hits] == allowed[expected].tolist()
        assert [hit.score for hit in hits] == pytest.approx(row[expected].tolist(), abs=1e-3)


def test_photos_are_found_by_their_summaries_if_one_of_their_concepts_passes(index):
    query = np.ones((1, FAKE_MODEL.width))
    everything = [hit.photo.id for hit in index.search_summaries(query, k=50)[0]]
    assert len(everything) == index.num_photos
    where = Filter(mass=(0.5, 1))
    expected = {concept.photo for concept in index.concepts(where.allowed(index))}
    found = [hit.photo.id for hit in index.search_summaries(query, k=50, where=where)[0]]
    assert found == [photo for photo in everything if photo in expected] and 0 < len(found) < len(everything)


def test_the_photos_that_are_asked_for_are_those_of_this_version(index, tmp_path):
    where = Filter(labels=("new",))
    with ConceptIndex.create(tmp_path / "index", model=FAKE_MODEL) as changing:
        changing.add([fake_encoded(0)])
        assert not len(where.allowed(changing))
        changing.add([fake_encoded(1, label="new")])
        assert where.allowed(changing).tolist() == [4, 5, 6, 7]
        changing.remove([1])
        assert not len(where.allowed(changing)) and changing.labels == ()


def test_a_filter_that_means_nothing_is_refused():
    with pytest.raises(ConceptIndexError, match="from 0.5 to 0.2; give the least and then the most"):
        Filter(mass=(0.5, 0.2))
    with pytest.raises(ConceptIndexError, match="give the least"):
        Filter(mass=(float("nan"), 1))
    with pytest.raises(ConceptIndexError, match="give its left and top first"):
        Filter(region=(0.5, 0, 0.2, 1))
