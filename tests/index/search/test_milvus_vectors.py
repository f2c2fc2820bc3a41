"""The vectors in a Milvus Lite file answer as the shards do, whatever Milvus lacks or has too much of."""


import numpy as np
import pytest

from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.query.filters import Filter
from index.search import milvus_vectors
from index.search.milvus_vectors import FILE, Milvus, MilvusVectors, collection_of
from index.search.vector_rows import ShardVectors
from index.search.vectors import VectorIndex
from tests.fakes.index import FAKE_MODEL, fake_encoded

pytest.importorskip("pymilvus", reason="pymilvus is not installed: pip install -r requirements-scale.txt")
pytest.importorskip("milvus_lite", reason="Milvus Lite is not installed: pip install milvus-lite")

WIDTH, K = 16, 5
DRAWN = np.random.default_rng(0).standard_normal((900, WIDTH)).astype(np.float32)
VECTORS = (DRAWN / np.linalg.norm(DRAWN, axis=1, keepdims=True)).astype(np.float16)
# The second has lost every third row to a compaction.
GAPS = np.setdiff1d(np.arange(300, 600), np.arange(302, 600, 3))
SHARDS = [ShardVectors(0, VECTORS[:300]), ShardVectors(300, VECTORS[GAPS], GAPS), ShardVectors(600, VECTORS[600:])]
QUERIES = VECTORS[::90].astype(np.float32)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One file for all tests: each has a collection of its own."""
    return str(tmp_path_factory.mktemp("milvus") / "vectors.db")


@pytest.fixture
def milvus(server):
    with Milvus(server) as milvus:
        yield milvus


@pytest.fixture
def vectors(milvus, tmp_path):
    """-> MilvusVectors of one index, of these shards."""
    return lambda shards, live=None: milvus(tmp_path / "faiss", shards, live=live)


@pytest.fixture
def asked(milvus, monkeypatch):
    """How often Milvus was searched, and for how many hits."""
    counts: list[int] = []
    search = type(milvus.client).search

    def counted(client, *given, limit: int, **named):
        counts.append(limit)
        return search(client, *given, limit=limit, **named)

    monkeypatch.setattr(type(milvus.client), "search", counted)
    monkeypatch.setattr(milvus_vectors, "FEW", 0)
    return counts


def assert_exact(found: MilvusVectors, *, live: np.ndarray | None = None, allowed: np.ndarray | None = None) -> None:
    wanted = VectorIndex("nowhere", found.rows.shards, live=live, index_type="exact").search(
        QUERIES, k=K, allowed=allowed)
    scores, ids = found.search(QUERIES, k=K, allowed=allowed)
    assert np.array_equal(ids, wanted[1]) and np.allclose(scores, wanted[0], atol=1e-6)


def test_it_answers_as_the_shards_do(vectors, asked):
    found = vectors(SHARDS)
    assert found.tail == len(found.rows) and found.fault
    assert_exact(found)
    assert not asked  # nothing is there yet
    steps: list[tuple[int, int]] = []
    assert found.build(lambda done, of: steps.append((done, of))) == []
    assert found.tail == 0 and found.fault is None and steps == [(300, 800), (500, 800), (800, 800)]
    assert_exact(found)
    assert len(asked) == 1
    again = vectors(SHARDS)
    assert again.tail == 0
    again.search(QUERIES, k=K, exact=True)
    assert len(asked) == 1
    nothing = vectors([]).search(QUERIES, k=K)
    assert (nothing[1] == -1).all() and np.isneginf(nothing[0]).all()


@pytest.mark.parametrize("share", [0.5, 0.02, 0.0])
def test_filters_and_removals_cost_no_hit(vectors, asked, monkeypatch, share):
    monkeypatch.setattr(milvus_vectors, "RANKED", 8)
    monkeypatch.setattr(milvus_vectors, "RANKED_PER_HIT", 1)
    vectors(SHARDS).build()
    drawn = np.random.default_rng(1)
    live = drawn.random(800) < 0.7
    found = vectors(SHARDS, live=live)
    allowed = np.concatenate([np.arange(300), GAPS, np.arange(600, 900)])
    allowed = allowed[drawn.random(len(allowed)) < share]
    assert_exact(found, live=live)
    assert_exact(found, live=live, allowed=allowed)
    assert bool(asked) and (share == 0 or max(asked) > 8)


def test_where_milvus_cannot_give_enough_the_vectors_that_pass_are_compared(vectors, asked, monkeypatch):
    monkeypatch.setattr(milvus_vectors, "MOST_PROPOSED", 10)
    vectors(SHARDS).build()
    assert_exact(vectors(SHARDS), allowed=np.arange(700, 720))
    assert asked == [10]


def test_few_that_pass_are_compared_at_once(vectors, asked, monkeypatch):
    monkeypatch.setattr(milvus_vectors, "FEW", 100)
    vectors(SHARDS).build()
    assert_exact(vectors(SHARDS), allowed=np.arange(700, 720))
    assert not asked


def test_what_was_added_or_lost_is_compared_until_it_is_brought(vectors, asked):
    vectors(SHARDS[:2]).build()
    found = vectors(SHARDS)
    assert found.tail == 300
    assert_exact(found)
    found.build()
    found.milvus.client.delete(found.collection, ids=[400, 403])
    lost = vectors(SHARDS)
    assert lost.tail == 500
    assert_exact(lost)
    lost.build()
    assert lost.tail == 0 and vectors(SHARDS).tail == 0
    assert_exact(lost)


def test_what_left_the_shards_leaves_milvus_with_the_next_build(vectors, asked):
    whole = [ShardVectors(0, VECTORS[:300]), ShardVectors(300, VECTORS[300:600]), ShardVectors(600, VECTORS[600:])]
    vectors(whole).build()
    assert_exact(vectors(SHARDS))
    found = vectors(SHARDS[1:2])
    for shards, wanted in ((SHARDS[1:2], GAPS.tolist()), ([], [])):
        vectors(shards).build()
        rows = found.milvus.client.query(found.collection, filter="id >= 0", output_fields=["id"])
        assert sorted(row["id"] for row in rows) == wanted


def test_an_index_without_concepts_needs_no_collection(vectors, tmp_path):
    assert vectors([]).build() == [] and collection_of(tmp_path) is None


def test_an_index_that_is_kept_in_milvus_answers_as_one_that_is_not(tmp_path, server, asked):
    photos = [fake_encoded(seed, num_concepts=4, label="odd" if seed % 2 else None) for seed in range(60)]
    queries = np.concatenate([photo.vectors for photo in photos[:9]])

    def assert_same(ours: ConceptIndex) -> None:
        with ConceptIndex.open(ours.path) as theirs:
            for where in (None, Filter(labels=("odd",))):
                for found, wanted in zip(ours.search(queries, k=K, where=where),
                                         theirs.search(queries, k=K, where=where), strict=True):
                    assert [hit.concept for hit in found] == [hit.concept for hit in wanted]
                    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted], abs=1e-6)

    with ConceptIndex.create(tmp_path / "index", model=FAKE_MODEL) as index:
        index.add(photos[:50])
        index.compact()
    with Milvus(server) as kept:
        with ConceptIndex.open(tmp_path / "index", writer=True, searcher=kept) as index:
            index.compact()
            index.add(photos[50:])
            index.remove([3, 7])
            assert_same(index)
            index.compact()
            assert index.verify() == []
            assert_same(index)
        rows = kept.client.query(collection_of(tmp_path / "index"), filter="id >= 0", output_fields=["id"])
        assert asked and len(rows) == 58 * 4


def test_what_a_person_can_mend_is_one_sentence(tmp_path, vectors):
    vectors(SHARDS).build()
    with pytest.raises(ConceptIndexError, match=r"holds vectors of 16 numbers, and this index 8"):
        vectors([ShardVectors(0, VECTORS[:9, :8])]).build()
    with pytest.raises(ConceptIndexError, match=r"http://127.0.0.1:9 cannot be had .*MILVUS_TOKEN"):
        _ = Milvus("http://127.0.0.1:9").client
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ConceptIndexError, match=f"{FILE} cannot be read"):
        collection_of(tmp_path)
