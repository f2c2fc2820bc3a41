"""Maps of an index: like concepts lie together, a map outlives additions and removals, and its file never lies."""

import io
from dataclasses import replace

import numpy as np
import pytest

from index.atlas import atlas as atlas_module
from index.atlas.__main__ import main
from index.atlas.atlas import atlas_of, load
from index.atlas.clusters import (
    LEAST_TOGETHER,
    MOST_CLUSTERS,
    NUM_TYPICAL,
    PLACE_SIDE,
    by_falling_count,
    num_clusters,
    place_map,
    together_of,
)
from index.atlas.distinct import common_of, distinct
from index.atlas.map import _main_directions, lay_out, nearest, place
from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.store.atlas_file import FILE
from tests.fakes.atlas import CENTRES, FakeIndex, atlas_photo, kinds_of
from tests.fakes.index import FAKE_MODEL


@pytest.fixture(autouse=True)
def quick_map(monkeypatch):
    """UMAP takes five seconds to be imported; what is told of an atlas holds for any map."""
    def flat(vectors, *, progress):
        progress(1)
        positions = _main_directions(vectors)
        return (positions / np.abs(positions).max()).astype(np.float32)

    monkeypatch.setattr(atlas_module, "lay_out", flat)


@pytest.fixture
def index(tmp_path):
    return FakeIndex(tmp_path, [atlas_photo(seed) for seed in range(30)])


def around(num_centres: int, each: int, width: int = 12, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """-> vectors around a few centres, and the centre of each."""
    generator = np.random.default_rng(0)
    kinds = np.repeat(np.arange(num_centres), each)
    vectors = generator.normal(size=(num_centres, width))[kinds] + noise * generator.normal(size=(len(kinds), width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), kinds


# --- the map ---


def test_umap_puts_like_ones_together_and_tells_how_far_it_is():
    vectors, kinds = around(4, 30)
    told = []
    positions = lay_out(vectors, progress=told.append)
    assert positions.shape == (120, 2) and positions.dtype == np.float32
    assert np.abs(positions).max() == pytest.approx(1, abs=1e-5)
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (kinds[apart.argmin(axis=1)] == kinds).mean() > 0.95
    assert told == sorted(told) and told[0] == 0 and told[-1] == 1
    np.testing.assert_array_equal(lay_out(vectors), positions)
    # Equal vectors are no reason to fail: a burst of the same photo is common.
    assert np.isfinite(lay_out(np.repeat(vectors[:4], 20, axis=0))).all()


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_map_of_a_few_needs_no_graph(count):
    positions = lay_out(around(1, count)[0])
    assert positions.shape == (count, 2) and np.isfinite(positions).all() and np.abs(positions).max() <= 1


def test_a_new_one_goes_where_its_nearest_are_and_not_between():
    vectors, kinds = around(2, 20)
    positions = np.where(kinds[:, None] == 0, [-1, 0], [1, 0]).astype(np.float32)
    np.testing.assert_allclose(place(vectors, vectors, positions), positions, atol=1e-6)
    halfway = vectors[:1] * 0.52 + vectors[-1:] * 0.48
    assert abs(place(halfway / np.linalg.norm(halfway), vectors, positions)[0, 0]) == pytest.approx(1, abs=1e-6)
    assert place(vectors[:0], vectors, positions).shape == (0, 2)


def test_the_nearest_are_found_past_the_size_that_is_searched_whole(monkeypatch):
    vectors, _ = around(40, 50)
    scores, rows = nearest(vectors, vectors[::7].copy(), 5)
    monkeypatch.setattr("index.atlas.map.EXACT", 500)
    some, found = nearest(vectors, vectors[::7].copy(), 5)
    assert (found[:, 0] == rows[:, 0]).mean() > 0.95
    assert (some <= scores + 1e-5).all() and (np.diff(some, axis=1) <= 1e-6).all()


# --- clusters ---


def test_what_every_concept_of_a_token_shares_does_not_decide_the_map():
    vectors, kinds = around(3, 60, width=24)
    token = np.arange(len(vectors)) % 4
    shared = np.random.default_rng(1).normal(size=(4, 24)) * 3
    mixed = vectors + shared[token]
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)

    def alike(some: np.ndarray) -> float:
        scores = some @ some.T
        np.fill_diagonal(scores, -2)
        return (kinds[scores.argmax(axis=1)] == kinds).mean()

    left = distinct(mixed, token, common_of(mixed, token, 4))
    np.testing.assert_allclose(np.linalg.norm(left, axis=1), 1, atol=1e-5)
    other_tokens = token[:, None] != token[None]
    plain, freed = (np.where(other_tokens, some @ some.T, -2).argmax(axis=1) for some in (mixed, left))
    assert (kinds[freed] == kinds).mean() > max(0.9, (kinds[plain] == kinds).mean())
    assert alike(left) > 0.9


def test_the_number_of_clusters_grows_slowly_and_ends():
    counts = [num_clusters(count) for count in (1, 20, 320, 16_000, 80_000, 10**7)]
    assert counts == sorted(counts) and counts[0] == 1 and counts[2] == 13 and counts[-1] == MOST_CLUSTERS


def test_clusters_are_numbered_by_size_without_gaps():
    cluster = np.array([4, 4, 4, 1, 1, 0, 4, 1, 7])
    centres = np.arange(8)[:, None].astype(np.float32)
    numbered, kept = by_falling_count(cluster, centres)
    assert kept.ravel().tolist() == [4, 1, 0, 7]
    np.testing.assert_array_equal(kept[numbered].ravel(), cluster)
    assert (np.diff(np.bincount(numbered)) <= 0).all()


def test_together_is_told_of_what_chance_does_not_explain():
    generator = np.random.default_rng(0)
    photo, cluster = [], []
    for number in range(400):  # 0 and 1 always come together, 2 and 3 whenever they like
        kinds = [0, 1] if generator.random() < 0.2 else []
        kinds += [kind for kind in (2, 3) if generator.random() < 0.5]
        photo += [number] * len(kinds)
        cluster += kinds
    together = together_of(np.array(photo), np.array(cluster))
    [(other, lift, both)] = [found for found in together[0] if found[0] == 1]
    assert (together[0][0][0], together[1][0][0]) == (1, 0)
    assert lift > 3 and both == sum(kind == 0 for kind in cluster)
    assert all(found[1] < 1.3 for kind in (2, 3) for found in together[kind])
    rarely = together_of(np.array([0, 0, 1, 2, 3, 4]), np.array([0, 1, 2, 2, 2, 2]))
    assert LEAST_TOGETHER > 1 and rarely == [(), (), ()]


def test_places_are_laid_over_each_other_in_the_frame_of_a_photo():
    concepts = [concept for seed in range(4) for concept in atlas_photo(seed).concepts]
    whole = replace(concepts[0], patch_grid=(2, 2), mask=(2, 2))  # the lower half
    lower = np.array(place_map([whole])).reshape(PLACE_SIDE, PLACE_SIDE)
    assert (lower[: PLACE_SIDE // 2] == 0).all() and (lower[PLACE_SIDE // 2 :] == 255).all()
    assert max(place_map(concepts)) == 255 and set(place_map([replace(whole, mask=(4,))])) == {0}


# --- an atlas ---


def test_an_atlas_tells_of_every_concept(index):
    told = []
    atlas = atlas_of(index, progress=lambda stage, share: told.append(share))
    kinds = kinds_of(index)
    assert told == sorted(told) and told[-1] == 1
    np.testing.assert_array_equal(atlas.ids, index.columns("id")["id"])
    assert atlas.mapped.all() and np.abs(atlas.positions).max() <= 1
    assert sum(cluster.count for cluster in atlas.clusters) == len(atlas.ids)
    assert [cluster.count for cluster in atlas.clusters] == np.bincount(atlas.cluster).tolist()
    for number, cluster in enumerate(atlas.clusters):
        ids = atlas.ids[atlas.cluster == number]
        of_kinds = np.bincount(kinds[atlas.cluster == number], minlength=CENTRES)
        assert of_kinds.max() == of_kinds.sum()  # the centres are far apart, so no cluster mixes them
        assert set(cluster.typical) <= set(ids.tolist()) and 0 < len(cluster.typical) <= NUM_TYPICAL
        photos = [concept.photo for concept in index.concepts(cluster.typical)]
        assert len(set(photos)) == len(photos) and cluster.num_photos >= len(photos)
        assert all(0 <= place <= 1 for place in (*cluster.place, cluster.mass))
        assert number not in {other for other, _, _ in cluster.together}


def test_an_atlas_is_made_once(index, monkeypatch):
    first = atlas_of(index)
    assert (index.path / FILE).is_file()
    monkeypatch.setattr(atlas_module, "_drawn", lambda *_: pytest.fail("drawn again"))
    again = atlas_of(index)
    for name in ("ids", "positions", "cluster", "mapped", "common"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    np.testing.assert_allclose(again.centres, first.centres, atol=1e-3)
    assert again.clusters == first.clusters


def test_what_comes_and_goes_does_not_move_the_rest(index, monkeypatch):
    before = atlas_of(index)
    monkeypatch.setattr(atlas_module, "_drawn", lambda *_: pytest.fail("drawn again"))
    index.add([atlas_photo(seed) for seed in range(100, 106)])
    index.remove([3, 4])
    after = atlas_of(index)
    assert after.version == index.version and after.drawn_from == before.drawn_from
    kept = np.isin(after.ids, before.ids)
    np.testing.assert_array_equal(after.positions[kept], before.positions[before.rows(after.ids[kept])])
    assert (~kept).sum() == 24 and not after.mapped[~kept].any() and after.mapped[kept].all()
    # A new one lies among those of its own kind.
    kinds = kinds_of(index)
    for row in np.flatnonzero(~kept):
        apart = np.linalg.norm(after.positions[kept] - after.positions[row], axis=1)
        assert kinds[kept][apart.argmin()] == kinds[row]
    with pytest.raises(ConceptIndexError, match="load it again"):
        after.rows(before.ids[~np.isin(before.ids, after.ids)])


@pytest.mark.parametrize("change", [
    lambda index: index.add([atlas_photo(seed) for seed in range(100, 120)]),
    lambda index: index.remove(range(15)),
], ids=["much more", "much less"])
def test_a_map_of_something_else_by_now_is_drawn_anew(index, change):
    before = atlas_of(index)
    change(index)
    after = atlas_of(index)
    assert after.drawn_from == index.num_concepts != before.drawn_from and after.mapped.all()


def test_other_weights_never_use_a_map_that_is_there(index):
    atlas_of(index)
    index.model = replace(index.model, sha256="0" * 64)
    assert atlas_of(index).model == "0" * 64


def test_more_than_umap_takes_are_placed_among_those_it_took(index, monkeypatch):
    monkeypatch.setattr(atlas_module, "MOST_MAPPED", 60)
    monkeypatch.setattr(atlas_module, "BLOCK", 16)
    atlas = atlas_of(index)
    assert atlas.mapped.sum() == 60 and np.isfinite(atlas.positions).all()
    kinds = kinds_of(index)
    for row in np.flatnonzero(~atlas.mapped):
        apart = np.linalg.norm(atlas.positions[atlas.mapped] - atlas.positions[row], axis=1)
        assert kinds[atlas.mapped][apart.argmin()] == kinds[row]


def test_an_index_without_concepts_has_no_map(tmp_path):
    with pytest.raises(ConceptIndexError, match="add photos"):
        atlas_of(FakeIndex(tmp_path, []))


def test_a_folder_that_cannot_be_written_to_costs_the_file_alone(index, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError("read only")

    monkeypatch.setattr(atlas_module, "write_whole", refuse)
    told = []
    assert len(atlas_of(index, progress=lambda stage, share: told.append(stage)).ids) == index.num_concepts
    assert "cannot be written" in told[-1] and not (index.path / FILE).exists()


# --- its file ---


def test_a_damaged_file_is_no_map(index, tmp_path):
    atlas_of(index)
    content = (index.path / FILE).read_bytes()
    file = tmp_path / "damaged"
    for at in [0, 1, 30, *range(100, len(content), 997), len(content) - 1]:
        file.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        assert load(file) is None
    for length in (0, 1, 40, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:length])
        assert load(file) is None
    assert load(tmp_path / "missing") is None and load(tmp_path) is None
    # Others may still read it as what it is.
    with np.load(io.BytesIO(content)) as arrays:
        assert len(arrays["ids"]) == index.num_concepts


def test_a_file_of_another_format_is_no_map(index, monkeypatch):
    atlas_of(index)
    monkeypatch.setattr(atlas_module, "FORMAT", -1)
    assert load(index.path / FILE) is None


# --- of a real index ---


def test_the_command_makes_and_keeps_the_map_of_a_real_index(tmp_path, capsys):
    folder = tmp_path / "index"
    with ConceptIndex.create(folder, model=FAKE_MODEL) as index:
        index.add([atlas_photo(seed) for seed in range(10)])
        index.remove([2])
    assert main([str(folder)]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("36 concepts in ") and "100 % Done" in output.err
    with ConceptIndex.open(folder, writer=True) as index:
        assert not index.verify()
        kept = load(folder / FILE)
        np.testing.assert_array_equal(kept.ids, index.columns("id")["id"])
        # A compaction is another version of the same concepts: the map stays, whatever the writer tidies up.
        index.compact()
        assert (folder / FILE).is_file()
        after = atlas_of(index)
        np.testing.assert_array_equal(after.positions, kept.positions)
        assert after.version == index.version > kept.version


def test_the_command_says_in_a_sentence_what_is_wrong(tmp_path, capsys):
    assert main([str(tmp_path / "none")]) == 2
    assert "There is no concept index in" in capsys.readouterr().err
    ConceptIndex.create(tmp_path / "empty", model=FAKE_MODEL).close()
    assert main([str(tmp_path / "empty")]) == 2
    assert "holds no concepts yet" in capsys.readouterr().err
