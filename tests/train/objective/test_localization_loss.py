"""The localization loss: another model's masks, in whatever order its tokens are."""

from dataclasses import replace
from itertools import permutations

import pytest
import torch

from model.config import StellarConfig
from model.stellar import Stellar
from train.config import RecipeError, TrainConfig
from train.learners.registry import guide_of
from train.learners.stellar import StellarLearner, Views
from train.objective.localization import localization_loss

GROUPS = (2, 4)
TINY = StellarConfig(width=32, depth=2, num_heads=2, mlp_width=64, native_size=32, num_tokens=6)


def localization(seed: int, sharpness: float = 3.0) -> torch.Tensor:
    return (sharpness * torch.randn(3, 9, 6, generator=torch.Generator().manual_seed(seed))).softmax(-1)


def test_it_is_zero_for_the_same_masks_in_another_order_inside_their_groups():
    found = localization(0)
    assert localization_loss(found, found[..., [1, 0, 5, 3, 2, 4]], GROUPS).item() == pytest.approx(0, abs=1e-6)
    assert localization_loss(found, found[..., [2, 3, 0, 1, 4, 5]], GROUPS).item() > 0.1


def test_how_much_of_a_patch_a_group_holds_is_taught_too():
    found = localization(0)
    coarser = torch.cat([0.1 * found[..., :2], 2 * found[..., 2:]], dim=-1)
    coarser = coarser / coarser.sum(-1, keepdim=True)
    by_hand = (found * (found.log() - coarser.log())).sum(-1).mean()
    torch.testing.assert_close(localization_loss(coarser, found, GROUPS), by_hand)


def test_the_pairing_is_the_best_of_all():
    """Against every order of a group of four by hand."""
    own, taught = (localization(seed)[..., 2:] for seed in (1, 2))
    own, taught = (part / part.sum(-1, keepdim=True) for part in (own, taught))
    by_hand = torch.stack([(taught * (taught.log() - own[..., list(order)].log())).sum(-1).mean(1)
                           for order in permutations(range(4))]).amin(0).mean()
    torch.testing.assert_close(localization_loss(own, taught, (4,)), by_hand)


def test_a_run_learns_the_masks_and_leaves_their_teacher_alone(tmp_path):
    torch.manual_seed(0)
    Stellar(TINY).save(tmp_path / "guide.safetensors")
    config = TrainConfig(recipe="test", model=TINY, weights={"localization": 1.0, "summary": 1.0}, steps=1,
                         token_groups=GROUPS, guide=str(tmp_path / "guide.safetensors"))
    teacher = guide_of(config)
    learner = StellarLearner(Stellar(TINY), config, guide=teacher).train()
    image = torch.rand(2, 3, 32, 32)
    none = image[:, :0, None]
    views = Views(image=image, masked=none, kept=torch.empty(0), local=none, targets=(), summaries=())
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    optimizer = torch.optim.Adam([weight for weight in learner.parameters() if weight.requires_grad], lr=3e-3)
    losses = []
    for _ in range(25):
        found = learner(views)[0]
        loss = found["localization"] + found["summary"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())
    assert not any(weight.requires_grad for weight in teacher.parameters())


def test_what_cannot_teach_masks_is_said(tmp_path):
    Stellar(replace(TINY, num_tokens=5)).save(tmp_path / "five.safetensors")
    config = TrainConfig(recipe="test", model=TINY, weights={"localization": 1.0}, steps=1, token_groups=GROUPS,
                         guide=str(tmp_path / "five.safetensors"))
    with pytest.raises(RecipeError, match="guide names a model of 5 tokens, patches of 16 px and width 32"):
        guide_of(config)
    with pytest.raises(RecipeError, match="localization needs guide, the STELLAR"):
        replace(config, guide=None)
