"""Searching vectors: exact answers, what codes find of them, filters, removals, and files that are damaged."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from index.errors import ConceptIndexError
from index.search import segments, vectors
from index.search.codes import num_lists_for
from index.search.segments import IndexType, index_type_for
from index.search.vector_rows import ShardVectors
from index.search.vectors import VectorIndex

WIDTH, NUM_ROWS, K = 64, 12_000, 20
CODED = ("flat", "ivf")


class Synthetic:
    """Unit vectors round 150 overlapping centres."""

    def __init__(self):
        self.drawn = np.random.default_rng(0)
        self.centres = self.drawn.standard_normal((150, WIDTH))

    def draw(self, count: int, *, centres: slice = slice(None)) -> np.ndarray:
        near = self.drawn.permutation(self.centres[centres].repeat(-(-count // len(self.centres[centres])), 0))[:count]
        return unit(near + 0.9 * self.drawn.standard_normal((count, WIDTH))).astype(np.float16)


def unit(found: np.ndarray) -> np.ndarray:
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Vectors, queries and three shards with a gap between their ids; a folder with the segment of each index_type."""
    synthetic = Synthetic()
    stored = synthetic.draw(NUM_ROWS)
    queries = unit(synthetic.draw(40).astype(np.float32))
    shards = [ShardVectors(0, stored[:5000]), ShardVectors(5000, stored[5000:5003]), ShardVectors(7000, stored[5003:])]
    folders = {index_type: tmp_path_factory.mktemp(index_type) for index_type in CODED}
    files = {index_type: VectorIndex(folder, shards, index_type=index_type).build()
             for index_type, folder in folders.items()}
    return synthetic, stored, queries, shards, folders, files


@pytest.fixture
def few(monkeypatch):
    """So that an index of thousands is searched as one of millions is."""
    monkeypatch.setattr(vectors, "FEW", 10)
    monkeypatch.setattr(vectors, "SHORT_TAIL", 100)


def copied(folder, tmp_path):
    place = tmp_path / "faiss"
    place.mkdir()
    for file in folder.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    return place


def by_hand(stored: np.ndarray, ids: np.ndarray, queries: np.ndarray, k: int = K) -> np.ndarray:
    order = np.argsort(-(queries @ stored.astype(np.float32).T), axis=1, kind="stable")[:, :k]
    return ids[order]


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([np.isin(true[true >= 0], some).mean() for some, true in zip(found, truth, strict=True)]))


# Exact


def test_exact_search_is_what_numpy_finds(made, tmp_path):
    _, stored, queries, shards, *_ = made
    index = VectorIndex(tmp_path / "none", shards)
    ids = index.rows.ids_of(np.arange(NUM_ROWS))
    scores, found = index.search(3 * queries, k=K)
    assert np.array_equal(found, by_hand(stored, ids, queries))
    assert np.allclose(scores, np.sort(queries @ stored.astype(np.float32).T, axis=1)[:, ::-1][:, :K], atol=1e-5)
    assert scores.dtype == np.float32 and found.dtype == np.int64


def test_shards_may_be_cut_anywhere(made, tmp_path):
    _, stored, queries, *_ = made
    whole = VectorIndex(tmp_path, [ShardVectors(0, stored)]).search(queries, k=K)
    cuts = [0, 1, 2, 1025, 1026, 9000, NUM_ROWS]
    shards = [ShardVectors(start, stored[start:stop]) for start, stop in zip(cuts, cuts[1:], strict=False)]
    for one, other in zip(whole, VectorIndex(tmp_path, shards).search(queries, k=K), strict=True):
        assert np.allclose(one, other, atol=1e-6)


def test_rows_and_ids_lead_to_each_other(made):
    _, stored, _, shards, *_ = made
    gaps = np.array([20_000, 20_007, 20_008])
    rows = VectorIndex(None, [*shards, ShardVectors(20_000, stored[:3], gaps)], index_type="exact").rows
    ids = rows.ids_of(np.arange(len(rows)))
    assert np.array_equal(rows.rows_of(ids), np.arange(len(rows)))
    assert (rows.rows_of(np.array([5003, 6999, 20_001, 20_009, 10**15, -1])) == -1).all()
    some = ids[::7]
    assert np.array_equal(ids[rows.mask_of(some)], some)
    assert not rows.mask_of(np.array([5003, 6999, 20_001, 20_009])).any()
    assert np.array_equal(np.flatnonzero(rows.id_mask()), ids)
    mask = np.arange(len(rows)) % 3 == 0
    assert np.array_equal(np.flatnonzero(rows.id_mask(mask)), ids[mask])
    for last in (-1, 0, 4999, 5002, 6000, 7000, 20_006, 20_008, 10**9):
        assert rows.rows_up_to(last) == (ids <= last).sum()


def test_an_empty_index_finds_nothing(tmp_path):
    scores, ids = VectorIndex(tmp_path, []).search(np.ones((2, WIDTH)), k=3)
    assert (scores == -np.inf).all() and (ids == -1).all() and ids.shape == (2, 3)
    assert VectorIndex(tmp_path, [], index_type="ivf").build() == []


@pytest.mark.parametrize("index_type", ("exact", *CODED))
def test_where_there_are_fewer_the_rest_is_empty(made, few, index_type):
    _, _, queries, shards, folders, _ = made
    index = VectorIndex(folders.get(index_type), shards, index_type=index_type)
    allowed = np.array([3, 4999, 6000, 7000])
    scores, ids = index.search(queries, k=K, allowed=allowed)
    assert (np.sort(ids[:, :3]) == [3, 4999, 7000]).all()
    assert (ids[:, 3:] == -1).all() and (scores[:, 3:] == -np.inf).all()
    assert (index.search(queries, k=K, allowed=np.empty(0, np.int64))[1] == -1).all()
    scores, ids = index.search(queries[:1], k=NUM_ROWS + 5)
    assert (ids[0, -5:] == -1).all() and len(np.unique(ids)) == NUM_ROWS + 1


def test_shards_of_two_widths_or_out_of_order_are_refused(made, tmp_path):
    _, stored, _, shards, *_ = made
    with pytest.raises(ConceptIndexError, match="one model"):
        VectorIndex(tmp_path, [*shards, ShardVectors(50_000, stored[:, :32])])
    with pytest.raises(ConceptIndexError, match="rising order"):
        VectorIndex(tmp_path, shards[::-1])


@pytest.mark.parametrize("value", (np.nan, np.inf, 60_000))
def test_a_vector_that_cannot_be_gives_no_hits_in_silence(made, tmp_path, value):
    _, stored, queries, *_ = made
    damaged = stored[:100].copy()
    damaged[50, 3] = value
    with pytest.raises(ConceptIndexError, match="verify"):
        VectorIndex(tmp_path, [ShardVectors(0, damaged)]).search(np.abs(queries), k=3)


# Codes


def test_the_kind_goes_by_size():
    assert [index_type_for(rows) for rows in (0, 50_000, 50_001, 250_000, 250_001)] == [
        IndexType.EXACT, IndexType.EXACT, IndexType.FLAT, IndexType.FLAT, IndexType.IVF]


def test_no_segment_is_made_for_few_concepts(made, tmp_path):
    index = VectorIndex(tmp_path / "faiss", made[3])
    assert index.build() == [] and not (tmp_path / "faiss").exists()


@pytest.mark.parametrize("index_type", CODED)
def test_codes_find_what_exact_search_finds(made, few, index_type):
    _, stored, queries, shards, folders, _ = made
    index = VectorIndex(folders[index_type], shards, index_type=index_type)
    assert index.segment.index_type is IndexType(index_type) and index.tail == 0 and index.fault is None
    truth = index.search(queries, k=10, exact=True)[1]
    scores, ids = index.search(queries, k=K)
    assert recall(ids[:, :10], truth) >= 0.95
    # The scores are the stored vectors' own.
    own = stored.astype(np.float32)[index.rows.rows_of(ids)]
    assert np.allclose(scores, np.einsum("qd,qkd->qk", queries, own), atol=1e-5)
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize("index_type", CODED)
def test_a_concept_finds_itself_first(made, few, index_type):
    _, stored, _, shards, folders, _ = made
    index = VectorIndex(folders[index_type], shards, index_type=index_type)
    rows = np.arange(0, NUM_ROWS, 397)
    scores, ids = index.search(stored[rows].astype(np.float32), k=1)
    assert np.array_equal(ids[:, 0], index.rows.ids_of(rows))
    assert np.allclose(scores, 1, atol=1e-3) and scores.max() <= 1


@pytest.mark.parametrize("index_type", CODED)
@pytest.mark.parametrize("share", (0.5, 0.1, 0.01, 0.001))
def test_a_filter_costs_no_recall(made, few, index_type, share):
    _, _, queries, shards, folders, _ = made
    index = VectorIndex(folders[index_type], shards, index_type=index_type)
    ids = index.rows.ids_of(np.arange(NUM_ROWS))
    allowed = np.sort(np.random.default_rng(1).choice(ids, int(share * NUM_ROWS), replace=False))
    truth = index.search(queries, k=10, allowed=allowed, exact=True)[1]
    found = index.search(queries, k=K, allowed=allowed)[1]
    assert recall(found[:, :10], truth) >= 0.95
    assert np.isin(found[found >= 0], allowed).all()


@pytest.mark.parametrize("index_type", CODED)
def test_a_filter_far_from_the_query_is_answered_in_full(made, few, tmp_path, index_type):
    synthetic = made[0]
    here, there = synthetic.draw(6000, centres=slice(100)), synthetic.draw(200, centres=slice(148, 150))
    index = VectorIndex(tmp_path, [ShardVectors(0, np.concatenate([here, there]))], index_type=index_type)
    index.build()
    allowed = np.arange(6000, 6200)
    queries = here[::500].astype(np.float32)
    truth = index.search(queries, k=10, allowed=allowed, exact=True)[1]
    assert recall(index.search(queries, k=10, allowed=allowed)[1], truth) >= 0.95


# What comes and goes


@pytest.mark.parametrize("index_type", CODED)
def test_removed_concepts_are_never_found_and_hide_nobody(made, few, index_type):
    _, stored, _, shards, folders, _ = made
    query = stored[77].astype(np.float32)
    near = np.argsort(-(stored.astype(np.float32) @ query))
    live = np.ones(NUM_ROWS, bool)
    # More than are looked at in one go.
    live[near[:400]] = False
    index = VectorIndex(folders[index_type], shards, live=live, index_type=index_type)
    removed = index.rows.ids_of(near[:400])
    found = index.search(query, k=K)[1]
    assert (found >= 0).all() and not np.isin(found, removed).any()
    allowed = np.sort(index.rows.ids_of(near[:410]))
    found = index.search(query, k=K, allowed=allowed)[1][0]
    assert set(found) == {*index.rows.ids_of(near[400:410]), -1}


@pytest.mark.parametrize("index_type", CODED)
def test_what_was_added_since_is_found_without_a_build(made, few, index_type):
    synthetic, _, queries, shards, folders, _ = made
    new = synthetic.draw(3000)
    index = VectorIndex(folders[index_type], [*shards, ShardVectors(30_000, new)], index_type=index_type)
    assert index.tail == 3000
    truth = index.search(queries, k=10, exact=True)[1]
    assert (truth >= 30_000).any()
    assert recall(index.search(queries, k=10)[1], truth) >= 0.95
    scores, ids = index.search(new[5].astype(np.float32), k=1)
    assert ids[0, 0] == 30_005


@pytest.mark.parametrize("index_type", CODED)
def test_a_build_takes_in_the_tail_and_lets_go_of_what_is_in_no_shard(made, few, tmp_path, index_type):
    synthetic, stored, queries, shards, folders, _ = made
    folder = copied(folders[index_type], tmp_path)
    old = VectorIndex(folder, shards, index_type=index_type)
    kept = np.flatnonzero(np.random.default_rng(2).random(NUM_ROWS) < 0.8)
    # As a compaction leaves it: other shards, the same ids.
    anew = [ShardVectors(int(old.rows.ids_of(kept)[0]), stored[kept], old.rows.ids_of(kept)),
            ShardVectors(30_000, synthetic.draw(3000))]
    index = VectorIndex(folder, anew, index_type=index_type)
    assert index.tail == 3000 and index.segment.num_removed == NUM_ROWS - len(kept)
    truth = index.search(queries, k=10, exact=True)[1]
    assert recall(index.search(queries, k=10)[1], truth) >= 0.95
    told = []
    [file] = index.build(progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(kept) + 3000, len(kept) + 3000)
    assert file.num_rows == len(kept) + 3000 and (folder / file.name).stat().st_size == file.nbytes
    assert index.tail == 0 and index.segment.num_removed == 0
    assert recall(index.search(queries, k=10)[1], truth) >= 0.95
    # A reader of the version before goes on with either file.
    assert recall(old.search(queries, k=10)[1], old.search(queries, k=10, exact=True)[1]) >= 0.95


@pytest.mark.parametrize("index_type", CODED)
def test_a_build_leaves_what_is_there(made, tmp_path, index_type):
    synthetic, _, _, shards, folders, files = made
    folder = copied(folders[index_type], tmp_path)
    with_short_tail = [*shards, ShardVectors(30_000, synthetic.draw(10))]
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    for given in (shards, with_short_tail):
        assert VectorIndex(folder, given, index_type=index_type).build() == files[index_type]
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before


def test_a_larger_index_goes_on_with_the_smaller_kind(made, monkeypatch):
    _, _, queries, shards, folders, _ = made
    monkeypatch.setattr(vectors, "index_type_for", lambda num_rows: IndexType.IVF)
    index = VectorIndex(folders["flat"], shards)
    assert index.index_type is IndexType.IVF and index.segment.index_type is IndexType.FLAT
    assert recall(index.search(queries, k=10)[1], index.search(queries, k=10, exact=True)[1]) >= 0.95


@pytest.mark.parametrize("index_type", CODED)
def test_bytes_a_concept(made, index_type):
    # A bit a number, eight bytes of RaBitQ's own and an id; besides, the rotation and the centres, in float32.
    [file] = made[5][index_type]
    num_lists = num_lists_for(NUM_ROWS) if index_type == "ivf" else 0
    codes = NUM_ROWS * (WIDTH / 8 + 8 + 8)
    assert codes < file.nbytes <= codes + 4 * WIDTH * (WIDTH + num_lists) + 8 * num_lists + 4096


def test_threads_find_the_same(made, few):
    _, _, queries, shards, folders, _ = made
    index = VectorIndex(folders["ivf"], shards, index_type="ivf")
    _, expected = index.search(queries, k=K)
    with ThreadPoolExecutor(4) as candidates:
        for _, found in candidates.map(lambda _: index.search(queries, k=K), range(12)):
            assert np.array_equal(found, expected)


# Damage


def flip(path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize("index_type", CODED)
@pytest.mark.parametrize("damage", [
    *(pytest.param(lambda path, place=place: flip(path, place), id=f"a flipped byte at {place}")
      for place in (0, 0.01, 0.3, 1)),
    pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1000]), id="cut short"),
    pytest.param(lambda path: path.write_bytes(b""), id="empty"),
])
def test_a_damaged_segment_is_named_and_not_used_and_made_again(made, few, tmp_path, index_type, damage):
    _, _, queries, shards, folders, files = made
    folder = copied(folders[index_type], tmp_path)
    damage(folder / files[index_type][0].name)
    index = VectorIndex(folder, shards, index_type=index_type)
    assert index.segment is None and index.tail == NUM_ROWS and files[index_type][0].name in index.fault
    truth = index.search(queries, k=K, exact=True)
    for found, expected in zip(index.search(queries, k=K), truth, strict=True):
        assert np.array_equal(found, expected)
    [file] = index.build()
    assert index.fault is None and index.tail == 0 and file.num_rows == NUM_ROWS
    assert recall(index.search(queries, k=10)[1], truth[1][:, :10]) >= 0.95


def test_what_is_missing_is_compared_and_made(made, few, tmp_path):
    _, _, queries, shards, *_ = made
    index = VectorIndex(tmp_path / "faiss", shards, index_type="ivf")
    assert index.segment is None and index.fault is None
    truth = index.search(queries, k=K)[1]
    assert np.array_equal(truth, index.search(queries, k=K, exact=True)[1])
    [file] = index.build()
    assert [found.name for found in (tmp_path / "faiss").iterdir()] == [file.name]


def test_a_segment_of_another_model_is_not_used(made, tmp_path):
    _, stored, _, _, folders, _ = made
    narrow = [ShardVectors(0, unit(stored[:, :32].astype(np.float32)).astype(np.float16))]
    index = VectorIndex(folders["ivf"], narrow, index_type="ivf")
    assert index.segment is None and "of 64 numbers" in index.fault


def test_of_two_segments_the_one_that_covers_more_is_taken(made, few, tmp_path):
    synthetic, _, _, shards, folders, files = made
    folder = copied(folders["ivf"], tmp_path)
    more = [*shards, ShardVectors(30_000, synthetic.draw(500))]
    [newer] = VectorIndex(folder, more, index_type="ivf").build()
    assert VectorIndex(folder, more, index_type="ivf").segment.file == newer
    flip(folder / newer.name, 0.5)
    index = VectorIndex(folder, more, index_type="ivf")
    assert [index.segment.file] == files["ivf"] and newer.name in index.fault


def test_a_full_disk_leaves_nothing_behind(made, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(segments.os, "fsync", full)
    index = VectorIndex(tmp_path / "faiss", made[3], index_type="flat")
    with pytest.raises(ConceptIndexError, match="make room"):
        index.build()
    assert not list((tmp_path / "faiss").iterdir())


def test_a_folder_that_is_a_file_says_so(made, tmp_path):
    (tmp_path / "faiss").write_text("no folder")
    with pytest.raises(ConceptIndexError, match="could not be written"):
        VectorIndex(tmp_path / "faiss", made[3], index_type="flat").build()


# GPU


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_a_gpu_finds_what_the_processor_finds(made, few, tmp_path):
    _, stored, queries, shards, *_ = made
    # An array of its own: a copy on the GPU lives as long as it.
    shards = [replace(shard, vectors=shard.vectors.copy()) for shard in shards]
    there, here = (VectorIndex(tmp_path, shards, index_type="ivf", device=device) for device in ("cuda", "cpu"))
    allowed = np.arange(0, 4000, 3)
    for given in ({}, {"allowed": allowed}):
        (one, one_ids), (other, other_ids) = (index.search(queries, k=K, **given) for index in (there, here))
        assert np.allclose(one, other, atol=1e-4) and recall(one_ids, other_ids) >= 0.99
    there.build()
    assert recall(VectorIndex(tmp_path, shards, index_type="ivf").search(queries, k=10)[1], by_hand(
        stored, here.rows.ids_of(np.arange(NUM_ROWS)), queries, 10)) >= 0.95
