"""How a photo moves, by laws: twice flipped is not flipped, and what moves by whole patches is the array, shifted."""

import math

import pytest
import torch
import torch.nn.functional as F

from model.operations import motion

GRID = (6, 8)


def smooth_picture(height=120, width=160):
    down, across = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return torch.stack([down, across, (down * 3).sin() * across])


def patch_values(num_channels=4, seed=0):
    return torch.randn(GRID[0] * GRID[1], num_channels, generator=torch.Generator().manual_seed(seed))


def test_standing_still_changes_nothing():
    values = patch_values()
    moved, visible = motion.move_patches(values, GRID, motion.still())
    assert torch.allclose(moved, values, atol=1e-6) and visible.all()
    picture = smooth_picture()
    for still in (motion.still(), motion.shift(0, 0), motion.rotation((120, 160), 0.0),
                  motion.between((3, 5, 50, 70), (3, 5, 50, 70))):
        assert torch.allclose(motion.move(picture, still), picture, atol=1e-5)


def test_a_flip_twice_is_nothing():
    picture, values = smooth_picture(), patch_values()
    assert torch.equal(motion.move(motion.move(picture, motion.flip()), motion.flip()), picture)
    once, visible = motion.move_patches(values, GRID, motion.flip())
    assert visible.all()
    assert torch.allclose(once.unflatten(0, GRID), values.unflatten(0, GRID).flip(1), atol=1e-6)
    assert torch.allclose(motion.move_patches(once, GRID, motion.flip())[0], values, atol=1e-5)


@pytest.mark.parametrize(("across", "down"), [(1, 0), (-2, 0), (0, 3), (2, -1)])
def test_moving_by_whole_patches_shifts_the_array(across, down):
    """`across` patches to the left and `down` up, and the patches seen are those that were in the photo before."""
    rows, cols = GRID
    values = patch_values()
    moved, visible = motion.move_patches(values, GRID, motion.shift(2 * across / cols, 2 * down / rows))
    rolled = values.unflatten(0, GRID).roll((-down, -across), (0, 1)).flatten(0, 1)
    inside = torch.zeros(GRID, dtype=torch.bool)
    inside[max(0, -down) : rows - max(0, down), max(0, -across) : cols - max(0, across)] = True
    assert torch.equal(visible, inside.flatten())
    assert torch.allclose(moved[visible], rolled[visible], atol=1e-5)


def test_a_turn_turns_the_photo_against_the_clock():
    picture = torch.zeros(3, 64, 64)
    picture[:, 28:36, 48:56] = 1  # to the right of the centre
    turned = motion.move(picture, motion.rotation((64, 64), math.pi / 2))
    assert turned[:, 8:16, 28:36].mean() > 0.9  # above it


def test_a_map_leads_back_to_the_same_place_of_the_photo():
    """A smooth picture seen through two crops, and moved: its values at the mapped places agree."""
    picture = smooth_picture()

    def agree(before, after, moved):
        places = F.affine_grid(moved[None], [1, 3, *after.shape[1:]], align_corners=False)
        inside = places[0].abs().amax(dim=2) < 0.97
        predicted = F.grid_sample(before[None], places, align_corners=False)[0]
        assert inside.float().mean() > 0.4
        assert (predicted - after)[:, inside].abs().max() < 0.02

    first, second = (0, 30, 100, 160), (20, 0, 120, 130)
    crop = [picture[:, top:bottom, left:right] for top, left, bottom, right in (first, second)]
    agree(*crop, motion.between(first, second))
    for moved in (motion.shift(0.2, -0.1), motion.flip(), motion.rotation((120, 160), 0.15)):
        agree(picture, motion.move(picture, moved), moved)
    turned = motion.rotation((120, 160), 0.15)[:, :2] * torch.tensor([[1, 160 / 120], [120 / 160, 1]])
    assert torch.allclose(turned @ turned.T, torch.eye(2), atol=1e-5)
