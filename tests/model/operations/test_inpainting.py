"""What is erased: the laws of the hole and of what is continued into it."""

import pytest
import torch

from model.factorization import Factorization
from model.operations.editing import Clone, Erase, Move, Strengthen, edited
from model.operations.inpainting import LEAST_OF_PEAK, grown, harmonic_extension, place_of, sources

GRID = (12, 16)
SKY, GROUND, TEXTURE, THING, PART, NOWHERE = range(6)


def picture(*, batch: int = 1, grid: tuple[int, int] = GRID) -> Factorization:
    """Sky over ground, each row of a patch shared with a texture that differs from patch to patch; in the middle a
    thing and its part. One concept is nowhere more than a little."""
    rows, cols = grid
    generator = torch.Generator().manual_seed(3)
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(cols), indexing="ij")
    share = torch.full((rows, cols, 6), 1e-4)
    share[..., SKY] = (y < rows / 2) * 0.6
    share[..., GROUND] = (y >= rows / 2) * 0.6
    share[..., TEXTURE] = 0.2 + 0.2 * torch.rand(rows, cols, generator=generator)
    is_thing = ((y - rows / 2).abs() < 2.6) & ((x - cols / 2).abs() < 2.6)
    share[is_thing] = torch.tensor([0.03, 0.03, 0.02, 0.6, 0.3, 1e-4])
    share = share.flatten(0, 1)
    share = (share / share.sum(-1, keepdim=True)).expand(batch, -1, -1).clone()
    return Factorization(torch.eye(6).expand(batch, 6, 6), share, torch.zeros(batch, rows * cols, 6),
                         torch.zeros(batch, 6), grid)


@pytest.fixture
def image():
    return picture()


def hole_of(image: Factorization, *tokens: int) -> torch.Tensor:
    together = image.localization[..., list(tokens)].sum(-1)
    return grown(place_of(together, even=len(tokens) / image.num_tokens), image.patch_grid)


def test_what_is_erased_is_gone_there_and_nothing_else_changes(image):
    hole = hole_of(image, THING, PART)
    assert 0.1 < hole.float().mean() < 0.4
    result = edited(image, [Erase((THING, PART))])
    assert result.localization[hole][:, [THING, PART]].max() == 0
    assert torch.equal(result.localization[~hole], image.localization[~hole])
    torch.testing.assert_close(result.localization.sum(-1), torch.ones(1, GRID[0] * GRID[1]))
    assert torch.equal(result.semantics, image.semantics)
    stronger = edited(image, [Erase((THING, PART)), Strengthen((THING,), 20)])
    assert stronger.localization[hole][:, THING].max() == 0


def test_what_lies_around_goes_on(image):
    maps = edited(image, [Erase((THING, PART))]).localization[0].unflatten(0, GRID)
    middle = GRID[1] // 2
    assert (maps[:GRID[0] // 2 - 1, middle, SKY] > 0.5).all() and (maps[GRID[0] // 2 + 1:, middle, GROUND] > 0.5).all()
    # Rows that the photo has, and not their mean.
    hole, rest = hole_of(image, THING, PART)[0], [SKY, GROUND, TEXTURE, NOWHERE]
    there = image.localization[0, ~hole][:, rest]
    nearest = torch.cdist(maps.flatten(0, 1)[hole][:, rest], there / there.sum(-1, keepdim=True),
                          compute_mode="donot_use_mm_for_euclid_dist").amin(dim=1)
    assert nearest.max() < 1e-5


def test_of_what_is_strewn_over_the_picture_the_gaps_serve():
    rows, cols = grid = (8, 8)
    is_dot = (torch.arange(rows)[:, None] % 2 == 0) & (torch.arange(cols)[None] % 2 == 0)
    share = torch.where(is_dot.flatten()[:, None], torch.tensor([0.9, 0.1]), torch.tensor([0.05, 0.95]))[None]
    image = Factorization(torch.eye(2)[None], share, torch.zeros(1, 64, 2), torch.zeros(1, 2), grid)
    result = edited(image, [Erase((0,))]).localization[0]
    assert (result[is_dot.flatten(), 1] == 1).all()
    assert torch.equal(result[~is_dot.flatten()], share[0, ~is_dot.flatten()])


def test_erasing_a_part_takes_the_whole_thing_that_lies_there(image):
    result = edited(image, [Erase((PART,))])
    inside = place_of(image.localization[..., PART], even=1 / 6)
    assert result.localization[inside][:, THING].max() < 0.01


def test_erasing_what_has_no_place_changes_nothing(image):
    result = edited(image, [Erase((NOWHERE,))])
    assert torch.equal(result.localization, image.localization)


def test_erasing_once_more_changes_nothing(image):
    once = edited(image, [Erase((THING, PART))])
    assert torch.equal(edited(image, [Erase((THING, PART))] * 2).localization, once.localization)


def test_what_was_moved_is_taken_from_what_it_lies_on(image):
    moved = [Move((THING, PART), 0.3, 0), Erase((THING, PART))]
    result = edited(image, moved)
    assert result.localization[..., [THING, PART]].max() == 0
    now, before = (one.localization[..., :THING] / one.localization[..., :THING].sum(-1, keepdim=True)
                   for one in (result, image))
    torch.testing.assert_close(now, before)
    copied = edited(image, [Clone((THING,), 0.3, 0), Erase((THING, 6))])
    assert copied.localization[..., 6].max() == 0


def test_images_of_a_batch_have_holes_of_their_own():
    batch = picture(batch=2)
    localization = batch.localization.clone()
    localization[1] = localization[1].unflatten(0, GRID).roll(3, dims=1).flatten(0, 1)
    batch = Factorization(batch.semantics, localization, batch.patch_features, batch.summary, GRID)
    together = edited(batch, [Erase((THING, PART))]).localization
    for number in range(2):
        alone = Factorization(batch.semantics[:1], localization[number:number + 1], batch.patch_features[:1],
                              batch.summary[:1], GRID)
        torch.testing.assert_close(edited(alone, [Erase((THING, PART))]).localization[0], together[number])


def test_a_harmonic_extension_is_the_mean_of_its_neighbours():
    rows, cols = grid = (7, 9)
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(cols), indexing="ij")
    plane = (0.25 * y + 0.5 * x - 1).flatten()[:, None]  # a plane is its own extension
    hole = torch.zeros(grid, dtype=torch.bool)
    hole[2:5, 3:7] = True
    given = torch.where(hole.flatten()[:, None], 99.0, plane)
    torch.testing.assert_close(harmonic_extension(given, hole.flatten(), grid), plane[hole.flatten()])
    corner = torch.zeros(grid, dtype=torch.bool)
    corner[:3, :3] = True  # at the border it is no more than what lies around
    found = harmonic_extension(torch.where(corner.flatten()[:, None], 99.0, plane), corner.flatten(), grid)
    assert plane.min() <= found.min() and found.max() < plane[~corner.flatten()].max()


def test_a_place_is_a_share_of_the_peak_and_more_than_even():
    share = torch.tensor([[0.9, 0.9 * LEAST_OF_PEAK + 0.01, 0.9 * LEAST_OF_PEAK - 0.01, 0.0], [0.2, 0.15, 0.1, 0.0]])
    assert place_of(share, even=0.16).tolist() == [[True, True, False, False], [True, False, False, False]]
    assert not place_of(share, even=0.95).any()


def test_outside_the_hole_a_patch_keeps_its_own_row(image):
    hole = hole_of(image, THING, PART)[0]
    found = sources(image.localization[0], [THING, PART], hole, GRID)
    assert torch.equal(found[~hole], torch.arange(len(hole))[~hole]) and not hole[found].any()
