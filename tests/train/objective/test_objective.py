"""The objective: the public reference's numbers, and what each loss promises for any input."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from model.factorization import Factorization
from model.stellar import Stellar
from tests.weights import drawn, write_reference
from train.learners.masking import focus, kept_patches
from train.learners.matching import match, transport
from train.learners.prototypes import Prototypes, perplexity
from train.learners.sinkhorn import assign
from train.objective.clustering import clustering_loss
from train.objective.distillation import distillation_loss
from train.objective.granularity import group_balance_loss, group_low_rank, group_masses
from train.objective.koleo import koleo_loss
from train.objective.low_rank import low_rank_loss
from train.objective.reconstruction import code_loss, pixel_loss
from train.objective.seams import seam_loss
from train.objective.set_alignment import set_alignment_loss
from train.objective.sharpness import sharpness_loss
from train.objective.simplicity import simplicity_loss
from train.objective.summary_alignment import summary_alignment_loss
from train.objective.vector_quantization import codebook_loss, straight_through

HERE = Path(__file__).resolve().parents[2]
TOLERANCE = 1e-4


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


# Parity with the public reference


@pytest.fixture(scope="module")
def reference() -> dict[str, torch.Tensor]:
    with np.load(HERE / "parity" / "encoder_p16.npz") as arrays:
        return {name: torch.from_numpy(np.array(arrays[name])) for name in arrays.files}


@pytest.fixture(scope="module")
def shapes() -> dict[str, list[int]]:
    return json.loads((HERE / "parity" / "encoder_p16.json").read_text())


def head(shapes: dict[str, list[int]], name: str) -> Prototypes:
    prototypes = Prototypes(96, num_prototypes=128, prototype_width=32, predictor_width=2048)
    foreign = {"predictor.0": "predictor.layers.0", "predictor.2": "predictor.layers.2", "centres": "layer"}
    state = {}
    for ours in prototypes.state_dict():
        part, kind = ours.rsplit(".", 1)
        theirs = f"{name}.{foreign[part]}.{kind}"
        state[ours] = drawn(theirs, shapes[theirs])
    prototypes.load_state_dict(state)
    return prototypes


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs.to(ours.dtype).view_as(ours), rtol=0, atol=TOLERANCE)


@torch.no_grad()
def test_the_references_clustering(reference, shapes):
    logits = head(shapes, "clustering_head")(reference["obj.sparse"])
    close(logits, reference["obj.logits"])
    assignments = assign(logits.flatten(0, 1), temperature=0.06).view_as(logits)
    close(assignments, reference["obj.assignments"])
    close(clustering_loss(logits, assignments), reference["obj.clustering_loss"])


@torch.no_grad()
def test_the_references_summary_clustering(reference, shapes):
    logits = head(shapes, "cls_cluster_head")(reference["obj.cls"][:, 0])
    assignments = assign(logits, temperature=0.06)
    close(assignments, reference["obj.cls_assignments"])
    close(clustering_loss(logits, assignments), reference["obj.cls_clustering_loss"])


@pytest.mark.parametrize("balance", [1.0, 0.5])
def test_the_references_sinkhorn(reference, balance):
    close(assign(reference["obj.logits"].flatten(0, 1), temperature=0.06, balance=balance),
          reference[f"sk.scale{balance}"])


@torch.no_grad()
def test_the_references_matching_and_alignment(reference, shapes):
    views = reference["obj.views"].unflatten(0, (4, 3))
    clean = reference["obj.sparse"]
    close(transport(views, clean), reference["obj.match_plan"])
    matches = match(views, clean)
    assert torch.equal(matches.flatten(0, 1), reference["obj.match_index"])
    prototypes, assignments = head(shapes, "clustering_head"), reference["obj.assignments"]
    losses = [set_alignment_loss(prototypes(views[:, view]), assignments, matches[:, view]) for view in range(3)]
    close(torch.stack(losses).mean(), reference["obj.alignment_loss"])


def test_the_references_koleo(reference):
    close(koleo_loss(reference["obj.sparse"]), reference["obj.koleo"])


@torch.no_grad()
def test_the_references_pixel_loss(reference, shapes, tmp_path):
    path = write_reference(tmp_path / "p16.safetensors", shapes)
    stellar = Stellar.load(path, device="cpu", dtype="float32", num_heads=4, decoder_num_heads=4)
    factorization = stellar.factorize(reference["obj.image"])
    pixels = stellar.decoder(factorization.low_rank, factorization.patch_grid)
    close(pixel_loss(pixels, reference["obj.image"]), reference["dec.mse"])


# Sinkhorn-Knopp


def test_assignments_are_balanced_and_leave_the_logits_alone():
    logits = rand(512, 8)
    before = logits.clone()
    assignments = assign(logits, temperature=0.5, rounds=50)
    torch.testing.assert_close(assignments.sum(1), torch.ones(512))
    torch.testing.assert_close(assignments.sum(0), torch.full((8,), 64.0), rtol=1e-3, atol=0)
    assert torch.equal(logits, before)


def test_assignments_do_not_care_for_a_prototypes_offset():
    logits = rand(64, 8)
    shifted = logits + 5 * rand(1, 8, seed=1)
    torch.testing.assert_close(assign(logits, temperature=0.5), assign(shifted, temperature=0.5), rtol=1e-3, atol=1e-5)


def test_a_lower_balance_lets_prototypes_differ_in_size():
    logits = rand(256, 8) * torch.arange(1, 9)
    spreads = [assign(logits, temperature=0.5, rounds=20, balance=balance).sum(0).std() for balance in (1.0, 0.5)]
    assert spreads[1] > 2 * spreads[0]


def test_extreme_logits_give_no_nan():
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]])
    assert assign(logits, temperature=0.06).isfinite().all()


def test_perplexity_counts_prototypes_in_use():
    assert math.isclose(perplexity(torch.eye(8)), 8, rel_tol=1e-5)
    one = torch.zeros(8, 8)
    one[:, 3] = 1
    assert math.isclose(perplexity(one), 1, rel_tol=1e-5)


# Matching and alignment


def test_a_permuted_set_is_matched_to_itself():
    clean = 3 * rand(2, 16, 32)
    order = torch.stack([torch.randperm(16, generator=generator(seed)) for seed in range(6)]).unflatten(0, (2, 3))
    views = torch.stack([clean[b][order[b]] for b in range(2)])
    assert torch.equal(match(views, clean), order)


def test_a_plans_columns_sum_to_one():
    plan = transport(rand(2, 3, 5, 8), rand(2, 5, 8, seed=1), rounds=5)
    torch.testing.assert_close(plan.sum(-2), torch.ones(2, 3, 5))


def test_alignment_is_the_cross_entropy_with_the_matched_target():
    """Against the plain way: targets re-ordered, one copy a view."""
    logits, matches = rand(2, 5, 7), torch.randint(5, (2, 5), generator=generator())
    assignments = rand(2, 5, 7, seed=1).softmax(-1)
    copied = assignments.gather(1, matches[..., None].expand(-1, -1, 7))
    torch.testing.assert_close(set_alignment_loss(logits, assignments, matches), clustering_loss(logits, copied))


def test_summary_alignment_is_the_cross_entropy_with_each_photos_target():
    logits, assignments = rand(2, 3, 7), rand(2, 7, seed=1).softmax(-1)
    copied = assignments[:, None].expand(-1, 3, -1)
    torch.testing.assert_close(summary_alignment_loss(logits, assignments), clustering_loss(logits, copied))


def test_alignment_never_copies_its_targets_a_view():
    """No intermediate of the backward pass is as large as one copy of the targets for each view would be."""
    views, photos, tokens, prototypes = 8, 2, 4, 512
    logits = rand(photos * views, tokens, prototypes).unflatten(0, (photos, views)).requires_grad_()
    assignments = rand(photos, tokens, prototypes).softmax(-1)
    matches = torch.zeros(photos, views, tokens, dtype=torch.long)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: sizes.append(tensor.numel()) or tensor, lambda t: t):
        for view in range(views):
            set_alignment_loss(logits[:, view], assignments, matches[:, view])
    assert max(sizes) <= photos * tokens * prototypes


# The other losses


def test_koleo_is_lower_for_tokens_far_apart():
    spread = torch.eye(8)[None]
    assert koleo_loss(spread) < koleo_loss(spread + 1) < koleo_loss(torch.ones(1, 8, 8))
    assert koleo_loss(torch.ones(1, 8, 8)).isfinite()


def test_koleo_does_not_depend_on_length_or_order():
    tokens = rand(2, 16, 32)
    torch.testing.assert_close(koleo_loss(tokens), koleo_loss(7 * tokens.flip(1)), rtol=1e-4, atol=1e-5)


def test_distillation_is_zero_for_a_multiple_and_two_for_the_opposite():
    target = rand(2, 9, 8)
    torch.testing.assert_close(distillation_loss(3 * target, target), torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(distillation_loss(-target, target), torch.tensor(2.0))


def test_low_rank_loss_is_the_variance_that_is_left():
    features = rand(2, 9, 8)
    assert low_rank_loss(features, features) == 0
    mean = features.mean(1, keepdim=True).expand_as(features)
    torch.testing.assert_close(low_rank_loss(features, mean), torch.tensor(1.0))


def test_low_rank_loss_moves_both_sides():
    features, low_rank = rand(1, 9, 8).requires_grad_(), rand(1, 9, 8, seed=1).requires_grad_()
    low_rank_loss(features, low_rank).backward()
    assert features.grad.abs().sum() > 0 and low_rank.grad.abs().sum() > 0


def test_low_rank_loss_gains_nothing_by_patch_features_that_are_all_alike():
    features, low_rank = rand(1, 9, 8), 0.3 * rand(1, 9, 8, seed=1)
    mean = features.mean(1, keepdim=True)
    losses = [low_rank_loss(mean + scale * (features - mean), low_rank) for scale in (1.0, 0.5, 0.1)]
    assert losses[0] < losses[1] < losses[2]


def test_simplicity_ends_where_enough_is_explained_and_moves_the_patch_features_alone():
    features, low_rank = rand(2, 9, 8).requires_grad_(), (0.5 * rand(2, 9, 8)).requires_grad_()
    explained = 1 - low_rank_loss(features, low_rank).item()
    assert simplicity_loss(features, low_rank, explained - 0.01) == 0
    short = simplicity_loss(features, low_rank, explained + 0.1)
    assert short.item() == pytest.approx(0.1, abs=1e-5)
    short.backward()
    assert features.grad.any() and low_rank.grad is None
    moved = (features - 0.1 * features.grad / features.grad.norm()).detach()
    assert simplicity_loss(moved, low_rank, explained + 0.1) < short


def factorization(localization: torch.Tensor, semantics: torch.Tensor) -> Factorization:
    num_patches = localization.shape[1]
    return Factorization(semantics=semantics, localization=localization, summary=semantics[:, 0],
                         patch_features=localization @ semantics, patch_grid=(1, num_patches))


def test_groups_tell_the_photo_each_by_itself():
    groups = (1, 3)
    found = factorization(rand(2, 9, 4).softmax(-1), rand(2, 4, 8, seed=1))
    masses = group_masses(found.localization, groups)
    torch.testing.assert_close(masses.sum(-1), torch.ones(2, 9))
    parts = group_low_rank(found, groups)
    torch.testing.assert_close(sum(masses[..., i, None] * part for i, part in enumerate(parts)), found.low_rank)
    torch.testing.assert_close(parts[0], found.semantics[:, :1].expand(-1, 9, -1))


def test_sharpness_is_the_doubt_inside_a_group_and_not_between_groups():
    groups = (1, 2, 3)
    rows = [[0.2, 0.5, 0, 0, 0.3, 0], [0.2, 0, 0.5, 0.3, 0, 0], [0.2, 0.5, 0, 0, 0, 0.3]]
    decided = torch.tensor(rows).repeat(2, 2, 1)
    evenly = torch.cat([decided, decided.roll(1, 1)[..., [0, 2, 1, 3, 4, 5]]])
    undecided = torch.tensor([0.4, 0.15, 0.15, 0.1, 0.1, 0.1]).expand(2, 9, 6)
    torch.testing.assert_close(sharpness_loss(evenly, groups), torch.tensor(0.0))
    torch.testing.assert_close(sharpness_loss(undecided, groups), torch.tensor(1.0))
    assert 0 < sharpness_loss((evenly + undecided[:1, :1]) / 2, groups) < 1
    assert sharpness_loss(evenly, (1,) * 6) == 0 and sharpness_loss(0 * undecided, groups).isfinite()


def test_sharpness_misses_a_token_that_no_patch_of_the_batch_belongs_to():
    """Tokens may well be missing from a photo: the other one of the batch has them."""
    one, other = torch.tensor([1.0, 0.0]).expand(1, 4, 2), torch.tensor([0.0, 1.0]).expand(1, 4, 2)
    assert sharpness_loss(torch.cat([one, other]), (2,)) == 0
    torch.testing.assert_close(sharpness_loss(torch.cat([one, one]), (2,)), torch.tensor(1.0))


def test_group_balance_is_zero_where_every_group_has_its_share():
    shares, groups = (0.4, 0.6), (1, 3)
    even = torch.tensor([0.4, 0.3, 0.2, 0.1]).expand(1, 9, 4)
    assert abs(group_balance_loss(even, groups, shares)) < 1e-6
    one_sided = torch.tensor([0.97, 0.01, 0.01, 0.01]).expand(1, 9, 4)
    assert group_balance_loss(one_sided, groups, shares) > 0.5
    assert group_balance_loss(torch.tensor([1.0, 0, 0, 0]).expand(1, 9, 4), groups, shares).isfinite()


def test_code_loss_is_a_mean_cross_entropy():
    logits, codes = rand(2, 9, 8), torch.randint(8, (2, 9), generator=generator())
    torch.testing.assert_close(code_loss(logits, codes), F.cross_entropy(logits.mT, codes))


def test_seams_are_steps_between_squares_that_the_photo_has_not():
    image = torch.rand(2, 3, 64, 96, generator=generator())
    assert seam_loss(image, image, stride=16) == 0
    assert seam_loss(image + 0.2, image, stride=16) < 1e-6, "another tone everywhere is no seam"
    squares = F.interpolate(torch.rand(2, 3, 4, 6, generator=generator(1)), scale_factor=16.0)
    flat = torch.full_like(squares, 0.5)
    blurred = F.avg_pool2d(squares, 15, stride=1, padding=7, count_include_pad=False)
    assert seam_loss(squares, flat, stride=16) > 1.5 * seam_loss(blurred, flat, stride=16) > 0
    assert seam_loss(squares[..., :16, :16], flat[..., :16, :16], stride=16) == 0, "one square has no neighbour"


def test_a_gradient_goes_straight_through_a_code():
    hidden, codes = rand(1, 4, 2, 2).requires_grad_(), rand(1, 4, 2, 2, seed=1)
    out = straight_through(hidden, codes)
    torch.testing.assert_close(out, codes)
    out.sum().backward()
    assert torch.equal(hidden.grad, torch.ones_like(hidden))
    assert codebook_loss(codes, codes) == 0


# Masking


@pytest.mark.parametrize("patch_grid", [(14, 14), (6, 21)])
def test_a_masked_view_keeps_its_share_of_any_grid(patch_grid):
    kept = kept_patches(32, patch_grid, mask_ratio=0.8, generator=generator())
    num_patches = patch_grid[0] * patch_grid[1]
    assert kept.shape == (32, int(num_patches * 0.2)) and kept.min() >= 0 and kept.max() < num_patches
    assert (kept.diff(dim=1) > 0).all(), "in order, none twice"


def test_a_focus_of_probability_zero_changes_nothing():
    noise = torch.rand(4, 196, generator=generator())
    before = noise.clone()
    assert torch.equal(focus(noise, (14, 14), probability=0.0, generator=generator()), before)
    assert torch.equal(noise, before)


def test_a_focus_keeps_patches_together():
    noise = torch.rand(256, 196, generator=generator())

    def spread(values: torch.Tensor) -> float:
        kept = values.argsort(dim=1)[:, :39]
        return (torch.stack([kept // 14, kept % 14], -1).float().std(dim=1)).mean().item()

    focused = focus(noise, (14, 14), probability=1.0, generator=generator(1))
    assert spread(focused) < 0.85 * spread(noise)


def test_some_views_have_a_focus_and_some_do_not():
    noise = torch.rand(400, 196, generator=generator())
    changed = (focus(noise, (14, 14), generator=generator(1)) != noise).any(dim=1).float().mean()
    assert 0.4 < changed < 0.6
