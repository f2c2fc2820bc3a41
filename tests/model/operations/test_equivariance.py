"""What a change is made of, by laws: no change is no change, a perfect flip is all localization, the parts add up."""

import math

import pytest
import torch
import torch.nn.functional as F

from model.factorization import Factorization
from model.operations.equivariance import compare, pair, predicted_share
from model.operations.kmeans import factorize_by_kmeans
from model.operations.motion import flip, move_patches, shift, still
from model.operations.pairing import pair_tokens


def factorization_of(localization, semantics, patch_grid):
    low_rank = localization @ semantics
    return Factorization(semantics, localization, low_rank, low_rank.mean(dim=1), patch_grid)


def one_photo(seed=0, patch_grid=(6, 8), num_tokens=4):
    generator = torch.Generator().manual_seed(seed)
    localization = (3 * torch.randn(1, patch_grid[0] * patch_grid[1], num_tokens, generator=generator)).softmax(dim=2)
    return factorization_of(localization, torch.randn(1, num_tokens, 8, generator=generator), patch_grid)


def mirrored(factorization, tokens=(0, 1, 2, 3)):
    """A perfect flip, the tokens in another order."""
    maps = factorization.localization.mT.unflatten(2, factorization.patch_grid).flip(3)
    return factorization_of(maps.flatten(2).mT[..., tokens], factorization.semantics[:, tokens],
                            factorization.patch_grid)


def test_no_change_changes_nothing():
    photo = one_photo()
    scores = compare(photo, photo, still())
    assert all(scores[name] == pytest.approx(1) for name in scores if name.startswith("invariance"))
    assert all(scores[name] == pytest.approx(0, abs=1e-5) for name in scores if name.startswith("equivariance"))
    found = pair(photo, photo, still())
    assert found.cosine.tolist() == pytest.approx([1] * 4) and found.cosine_by_mass == pytest.approx(1)
    assert found.localization_cosine == found.resting_cosine == pytest.approx(1)
    assert all(math.isnan(share) for share in found.partition.shares()) and not found.partition.total.any()
    assert math.isnan(predicted_share(photo.low_rank[0], photo.low_rank[0], photo.low_rank[0], found.visible))


def test_of_a_perfect_flip_all_change_is_in_the_localization():
    photo = one_photo()
    after = mirrored(photo, [2, 0, 3, 1])  # tokens have no order
    scores = compare(photo, after, flip())
    assert scores["equivariance/from_semantics"] == pytest.approx(0, abs=1e-5)
    assert scores["equivariance/from_localization"] == pytest.approx(1, abs=1e-5)
    assert scores["equivariance/unpredicted"] == pytest.approx(0, abs=1e-4)
    assert scores["invariance/low_rank"] == pytest.approx(1, abs=1e-5)
    found = pair(photo, after, flip())
    assert found.matched.tolist() == [1, 3, 0, 2]
    assert found.partition.shares() == pytest.approx((1, 0, 0), abs=1e-5)
    assert found.localization_cosine == pytest.approx(1) and found.resting_cosine < 0.95
    share = predicted_share(found.localization, found.predicted, found.changed_localization, found.visible)
    assert share == pytest.approx(1)


def test_semantics_that_change_in_place_are_seen():
    photo = one_photo()
    changed = photo.semantics + 0.1 * one_photo(seed=1).semantics
    after = factorization_of(photo.localization, changed, photo.patch_grid)
    scores = compare(photo, after, still())
    assert scores["equivariance/from_semantics"] == pytest.approx(1, abs=1e-5)
    assert scores["equivariance/from_localization"] == pytest.approx(0, abs=1e-5)
    assert scores["invariance/semantics"] == pytest.approx(F.cosine_similarity(photo.semantics, changed, dim=2).mean())
    assert pair(photo, after, still()).partition.shares() == pytest.approx((0, 1, 0), abs=1e-5)


def test_the_parts_add_up():
    before, after = one_photo(), one_photo(seed=1)
    tokens = pair_tokens(before.semantics, after.semantics)[1][0]
    assert sorted(tokens.tolist()) == [0, 1, 2, 3]
    partition = pair(before, after, flip()).partition
    assert torch.allclose(partition.total, after.low_rank[0] - before.low_rank[0], atol=1e-5)
    assert sum(partition.shares()) == pytest.approx(1, abs=1e-5)
    changed = after.semantics[0, tokens] - before.semantics[0]
    norm = (before.localization[0] @ changed).norm() / partition.total.norm()
    assert compare(before, after, flip())["equivariance/from_semantics"] == pytest.approx(norm.item(), rel=1e-4)


def test_the_order_of_the_tokens_does_not_matter():
    before, after = one_photo(), one_photo(seed=1)
    order = torch.tensor([3, 1, 0, 2])
    shuffled = factorization_of(after.localization[..., order], after.semantics[:, order], after.patch_grid)
    assert compare(before, shuffled, flip()) == pytest.approx(compare(before, after, flip()), rel=1e-4)


def test_what_moves_along_is_foreseen_and_what_stays_is_not():
    values = one_photo().localization[0]
    motion = shift(2 * 2 / 8, 0)
    moved, visible = move_patches(values, (6, 8), motion)
    assert predicted_share(values, moved, moved, visible) == 1
    assert predicted_share(values, values, moved, visible) == 0
    assert math.isnan(predicted_share(values, moved, moved, torch.zeros_like(visible)))


def test_a_shift_by_more_than_the_photo_foretells_nothing():
    found = pair(one_photo(), one_photo(seed=1), shift(3.0, 0))
    assert not found.visible.any() and math.isnan(found.localization_cosine) and math.isfinite(found.cosine_by_mass)


def test_clusters_make_a_factorization():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 48, 8, generator=generator)
    clustered = factorize_by_kmeans(features, (6, 8), num_centroids=5)
    assert torch.equal(clustered.localization.sum(dim=2), torch.ones(2, 48))
    for row in range(2):  # a centroid is the mean of its patches
        shares = clustered.localization[row] / clustered.localization[row].sum(dim=0)
        assert torch.allclose(shares.T @ features[row], clustered.semantics[row], atol=1e-5)
    again = factorize_by_kmeans(features, (6, 8), num_centroids=5)
    assert torch.equal(again.semantics, clustered.semantics)
    alike = factorize_by_kmeans(torch.ones(1, 48, 8), (6, 8), num_centroids=5)
    assert alike.mass[0].count_nonzero() == 1 and torch.equal(alike.semantics, torch.ones(1, 5, 8))
