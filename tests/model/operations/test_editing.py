"""Edits of a factorization: the laws that hold for any image, and what is refused."""

import math

import pytest
import torch

from model.config import DecoderConfig, StellarConfig
from model.factorization import Factorization
from model.operations.editing import (
    ABSENT,
    EDITS,
    MOST_EDITS,
    Blend,
    Clone,
    Erase,
    Move,
    Scale,
    Strengthen,
    SwapAppearance,
    SwapPosition,
    Withdraw,
    canvas_of,
    edited,
    odds,
    patches,
    shift,
    with_odds,
)
from model.operations.pairing import pair_tokens
from model.stellar import Stellar

GRID = (6, 9)
NUM_TOKENS, WIDTH = 5, 12
EVERY = [
    Move((0, 2), 0.3, -0.2), Erase((4,)), Withdraw((1,)), Clone((2,), 0.25, 0), Scale((3, 1), 1.7),
    Strengthen((0,), -3), SwapAppearance((1, 2), (4,)), SwapAppearance((0,), (3,), "other"),
    SwapPosition("other"), Blend("other", 0.4, 0.7)]


def factorization(seed: int = 0, *, grid=GRID, num_tokens: int = NUM_TOKENS, width: int = WIDTH, batch: int = 2):
    generator = torch.Generator().manual_seed(seed)
    num_patches = grid[0] * grid[1]

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    return Factorization(
        semantics=draw(batch, num_tokens, width), localization=(2.5 * draw(batch, num_patches, num_tokens)).softmax(-1),
        patch_features=draw(batch, num_patches, width), summary=draw(batch, width), patch_grid=grid)


@pytest.fixture
def image():
    return factorization()


@pytest.fixture
def others():
    return {"other": factorization(1)}


def same(one: Factorization, other: Factorization) -> bool:
    return torch.equal(one.localization, other.localization) and torch.equal(one.semantics, other.semantics)


def columns(image: Factorization, *tokens: int) -> torch.Tensor:
    """(B, G, rows, cols)"""
    return image.localization[..., list(tokens)].mT.unflatten(2, image.patch_grid)


def test_no_edits_give_exactly_the_plain_reconstruction():
    config = StellarConfig(width=16, depth=1, num_heads=2, mlp_width=16, native_size=32, num_tokens=4,
                           decoder=DecoderConfig(width=16, depth=1, num_heads=2, mlp_width=16, num_codes=None))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stellar = Stellar(config).eval()
        plain = stellar.factorize(torch.rand(1, 3, 48, 64))
    assert torch.equal(stellar.decode(edited(plain, [])), stellar.decode(plain))
    assert same(edited(plain, []), plain)


@pytest.mark.parametrize("edit", [
    Move((1, 2), 0, 0), Move((1,), 0.04, -0.04), Scale((0, 3), 1), Strengthen((2,), 0), SwapAppearance((3,), (3,)),
    Blend("other", 0, 0)])
def test_an_edit_of_nothing_changes_nothing(edit, image, others):
    assert same(edited(image, [edit], others), image)


def test_swapping_what_with_itself_changes_nothing(image):
    assert same(edited(image, [SwapAppearance((2,), (2,))]), image)
    assert same(edited(image, [SwapAppearance((2, 0), (2, 0), "self")], {"self": image}), image)
    assert same(edited(image, [SwapPosition("self")], {"self": image}), image)
    for share in (0.3, 1):
        morphed = edited(image, [Blend("self", share, share)], {"self": image})
        torch.testing.assert_close(morphed.localization, image.localization)
        torch.testing.assert_close(morphed.semantics, image.semantics)


@pytest.mark.parametrize("tokens", [(1,), (0, 3)])
@pytest.mark.parametrize(("right", "down"), [(2, 0), (0, -1), (-3, 2), (8, 5)])
def test_moving_there_and_back_restores_all_but_what_left_the_picture(image, tokens, right, down):
    rows, cols = GRID
    back = edited(image, [Move(tokens, right / cols, down / rows), Move(tokens, -right / cols, -down / rows)])
    stayed = torch.zeros(GRID, dtype=torch.bool)
    stayed[max(0, -down):rows - max(0, down), max(0, -right):cols - max(0, right)] = True
    stayed = stayed.flatten()
    assert stayed.sum() == (rows - abs(down)) * (cols - abs(right))
    torch.testing.assert_close(back.localization[:, stayed], image.localization[:, stayed])
    before, after = (odds(canvas_of(one).logits, tokens) for one in (image, back))
    torch.testing.assert_close(after[:, stayed], before[:, stayed], atol=1e-4, rtol=1e-4)
    emptiest = before.amin(dim=1, keepdim=True).expand_as(before)
    torch.testing.assert_close(after[:, ~stayed], emptiest[:, ~stayed], atol=1e-4, rtol=1e-4)


def test_a_moved_concept_takes_its_share_along_and_lies_in_front(image, monkeypatch):
    moved = columns(edited(image, [Move((1,), 2 / GRID[1], 0)]), 1)
    source = columns(image, 1)
    assert (moved[..., 2:] >= source[..., :-2]).all()  # in front: at least the share it had
    monkeypatch.setattr("model.operations.editing.FRONT", 0)
    moved = edited(image, [Move((1,), 2 / GRID[1], 0)])
    torch.testing.assert_close(columns(moved, 1)[..., 2:], source[..., :-2])
    # The place that it left: the others, in the proportions that they had there.
    others = [0, 2, 3, 4]
    renormalised = [one.localization[..., others] / one.localization[..., others].sum(-1, keepdim=True)
                    for one in (moved, image)]
    torch.testing.assert_close(*renormalised)


def test_concepts_moved_together_keep_to_one_another(image, monkeypatch):
    monkeypatch.setattr("model.operations.editing.FRONT", 0)
    moved = edited(image, [Move((0, 3), 2 / GRID[1], 1 / GRID[0])])
    torch.testing.assert_close(columns(moved, 0, 3)[..., 1:, 2:], columns(image, 0, 3)[..., :-1, :-2])


def test_withdrawing_all_but_one_gives_that_one_everywhere(image):
    for left in range(NUM_TOKENS):
        rest = tuple(token for token in range(NUM_TOKENS) if token != left)
        once = edited(image, [Withdraw(rest)])
        assert torch.equal(once.localization[..., left], torch.ones(2, GRID[0] * GRID[1]))
        assert torch.equal(once.low_rank, image.semantics[:, left:left + 1].expand_as(once.low_rank))
        one_by_one = edited(image, [Withdraw((token,)) for token in rest])
        assert same(once, one_by_one)


def test_what_is_withdrawn_stays_so(image):
    for after in (Strengthen((1,), 20), Move((1,), 0.2, 0), Scale((1,), 2), Move((0, 1), 0.2, 0.2)):
        assert edited(image, [Withdraw((1,)), after]).localization[..., 1].max() == 0
    assert edited(image, [Withdraw((1,)), *[Strengthen((1,), 20)] * (MOST_EDITS - 1)]).localization[..., 1].max() == 0


@pytest.mark.parametrize("kind", [Erase, Withdraw])
def test_the_last_concept_cannot_be_taken_away(image, kind):
    with pytest.raises(ValueError, match=rf"Edit 1, {kind.name}: one concept has to stay"):
        edited(image, [kind(tuple(range(NUM_TOKENS)))])
    with pytest.raises(ValueError, match=rf"Edit 2, {kind.name}: one concept has to stay"):
        edited(image, [Withdraw((0, 1, 2)), kind((3, 4))])
    copied = edited(image, [Clone((0,), 0, 0), Withdraw(tuple(range(NUM_TOKENS)))])
    assert copied.localization[..., NUM_TOKENS].min() == 1


def test_strengths_add(image):
    one_by_one = edited(image, [Strengthen((1, 2), 1.5), Strengthen((3,), -1), Strengthen((1, 2), -4)])
    together = edited(image, [Strengthen((1, 2), -2.5), Strengthen((3,), -1)])
    torch.testing.assert_close(one_by_one.localization, together.localization)
    there_and_back = edited(image, [Strengthen((1,), 2), Strengthen((1,), -2)])
    torch.testing.assert_close(there_and_back.localization, image.localization)
    assert (edited(image, [Strengthen((1,), 1)]).mass[:, 1] > image.mass[:, 1]).all()


def test_a_strength_is_added_to_the_odds(image):
    before, after = (odds(canvas_of(one).logits, [2]) for one in (image, edited(image, [Strengthen((2,), 1.25)])))
    torch.testing.assert_close(after, before + 1.25, atol=1e-4, rtol=1e-4)


def test_a_clone_says_the_same_elsewhere_and_appends_a_column(image, monkeypatch):
    monkeypatch.setattr("model.operations.editing.FRONT", 0)
    cloned = edited(image, [Clone((1, 3), 2 / GRID[1], 0)])
    assert cloned.num_tokens == NUM_TOKENS + 2
    assert torch.equal(cloned.semantics, torch.cat([image.semantics, image.semantics[:, [1, 3]]], dim=1))
    torch.testing.assert_close(columns(cloned, NUM_TOKENS, NUM_TOKENS + 1)[..., 2:], columns(image, 1, 3)[..., :-2])
    again = edited(image, [Clone((1, 3), 2 / GRID[1], 0), Move((5, 6), 0, 0.2), Clone((6,), 0, 0.3)])
    assert again.num_tokens == NUM_TOKENS + 3


@pytest.mark.parametrize("kind", [Erase, Withdraw])
def test_taking_a_clone_away_undoes_it(image, kind):
    undone = edited(image, [Clone((1,), 0.3, 0.2), kind((NUM_TOKENS,))])
    torch.testing.assert_close(undone.localization[..., :NUM_TOKENS], image.localization)
    assert undone.localization[..., NUM_TOKENS].max() == 0


def test_scale_keeps_the_centroid_and_changes_the_area():
    # A disc on an otherwise even picture: its area goes with the square of the scale.
    rows, cols = grid = (24, 32)
    y, x = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(cols) + 0.5, indexing="ij")
    inside = (4 - ((y - 11) ** 2 + (x - 15) ** 2).sqrt()).flatten()
    logits = torch.stack([8 * inside.clamp(-1, 1), torch.zeros(rows * cols)], dim=1)[None]
    image = Factorization(torch.randn(1, 2, 3), logits.softmax(-1), torch.zeros(1, rows * cols, 3), torch.zeros(1, 3),
                          grid)
    area = (image.localization[0, :, 0] > 0.5).sum().item()
    for by in (0.5, 2.0):
        scaled = edited(image, [Scale((0,), by)]).localization[0, :, 0]
        assert (scaled > 0.5).sum().item() == pytest.approx(area * by**2, rel=0.2)
        for of, middle in ((y, 11), (x, 15)):
            assert ((scaled * of.flatten()).sum() / scaled.sum()).item() == pytest.approx(middle, abs=0.3)


def test_swapping_what_takes_it_from_the_other_photo(image, others):
    swapped = edited(image, [SwapAppearance((1, 4, 0), (2, 3), "other")], others)
    assert torch.equal(swapped.localization, image.localization)
    taken = {1: 2, 4: 3, 0: 3}
    for token in range(NUM_TOKENS):
        expected = others["other"].semantics[:, taken[token]] if token in taken else image.semantics[:, token]
        assert torch.equal(swapped.semantics[:, token], expected)


def test_swapping_where_takes_the_matched_columns(image, others):
    swapped = edited(image, [SwapPosition("other")], others)
    assert torch.equal(swapped.semantics, image.semantics)
    ours, theirs = pair_tokens(image.semantics, others["other"].semantics)
    for number in range(2):
        assert sorted(theirs[number].tolist()) == list(range(NUM_TOKENS))
        expected = torch.empty_like(image.localization[number])
        expected[:, ours[number]] = others["other"].localization[number][:, theirs[number]]
        torch.testing.assert_close(swapped.localization[number], expected)
    back = edited(swapped, [SwapPosition("first")], {"first": image})
    torch.testing.assert_close(back.localization, image.localization)


def test_tokens_in_another_order_match_themselves(image):
    order = torch.tensor([3, 0, 4, 1, 2])
    ours, theirs = pair_tokens(image.semantics, image.semantics[:, order])
    assert torch.equal(order[theirs], ours)
    permuted = Factorization(image.semantics[:, order], image.localization[..., order], image.patch_features,
                             image.summary, GRID)
    torch.testing.assert_close(edited(image, [Blend("p", 1, 1)], {"p": permuted}).localization, image.localization)


def test_a_morph_goes_from_one_photo_to_the_other(image, others):
    whole = edited(image, [Blend("other", 1, 1)], others)
    torch.testing.assert_close(whole.low_rank, others["other"].low_rank)
    assert same(edited(image, [Blend("other", 0, 1)], others), edited(image, [SwapPosition("other")], others))
    only_what = edited(image, [Blend("other", 0.5, 0)], others)
    assert torch.equal(only_what.localization, image.localization)
    assert not torch.equal(only_what.semantics, image.semantics)


def test_a_photo_of_other_sides_and_fewer_tokens_serves_too(image):
    other = {"other": factorization(2, grid=(4, 4), num_tokens=3, batch=1)}
    for edit in (SwapPosition("other"), Blend("other", 0.5, 0.5)):
        result = edited(image, [Clone((0,), 0.1, 0), edit], other)
        assert result.num_tokens == NUM_TOKENS + 1 and result.patch_grid == GRID
        torch.testing.assert_close(result.localization.sum(-1), torch.ones(2, GRID[0] * GRID[1]))


@pytest.mark.parametrize("seed", range(12))
def test_rows_sum_to_one_whatever_is_done(image, others, seed):
    order = torch.randperm(len(EVERY), generator=torch.Generator().manual_seed(seed)).tolist()
    for number in range(1, len(order) + 1):
        result = edited(image, [EVERY[place] for place in order[:number]], others)
        assert torch.isfinite(result.localization).all() and (result.localization >= 0).all()
        torch.testing.assert_close(result.localization.sum(-1), torch.ones(2, GRID[0] * GRID[1]))


def test_edits_replay_to_the_last_bit_and_leave_the_photo_alone(image, others):
    before = image.localization.clone(), image.semantics.clone()
    first, second = (edited(image, EVERY, others) for _ in range(2))
    assert same(first, second)
    assert torch.equal(image.localization, before[0]) and torch.equal(image.semantics, before[1])
    assert torch.equal(first.patch_features, image.patch_features) and torch.equal(first.summary, image.summary)


def test_an_image_in_a_batch_is_edited_as_alone(image, others):
    def alone(whole: Factorization, number: int) -> Factorization:
        fields = ("semantics", "localization", "patch_features", "summary")
        return Factorization(*(getattr(whole, name)[number:number + 1] for name in fields), GRID)

    together = edited(image, EVERY, others)
    for number in range(2):
        single = edited(alone(image, number), EVERY, {"other": alone(others["other"], number)})
        torch.testing.assert_close(single.localization[0], together.localization[number])
        torch.testing.assert_close(single.semantics[0], together.semantics[number])


def test_shares_of_zero_are_no_trouble(image):
    localization = image.localization.clone()
    localization[:, :, 1] = 0
    localization = localization / localization.sum(-1, keepdim=True)
    image = Factorization(image.semantics, localization, image.patch_features, image.summary, GRID)
    result = edited(image, [Move((1,), 0.3, 0), Scale((1,), 2), Move((0,), -0.3, 0)])
    assert torch.isfinite(result.localization).all()


def test_odds_and_their_inverse(image):
    logits = canvas_of(image).logits
    for tokens in ([1], [0, 2, 4], list(range(NUM_TOKENS))):
        restored = with_odds(logits, tokens, odds(logits, tokens)).softmax(-1)
        torch.testing.assert_close(restored, image.localization)
    torch.testing.assert_close(odds(logits, [2]).sigmoid()[..., 0], image.localization[..., 2])


def test_shift_and_patches():
    maps = torch.arange(12.0).reshape(1, 12, 1)
    assert shift(maps, (3, 4), 1, -1)[0, :, 0].tolist() == [0, 0, 0, 0, 1, 2, 3, 0, 5, 6, 7, 0]
    assert shift(maps, (3, 4), 3, 0).max() == 0 and shift(maps, (3, 4), 0, -7).max() == 0
    assert patches((10, 20), 0.26, -0.26) == (-3, 5) and patches((10, 20), -0.26, 0.26) == (3, -5)


@pytest.mark.parametrize(("edit", "words"), [
    (Move((5,), 0.1, 0), "there is no concept 5; they go from 0 to 4"),
    (Erase((-1,)), "there is no concept -1"),
    (Erase(()), "names no concept"),
    (Scale((1, 1), 2), "names a concept twice"),
    (Move((0,), 1.5, 0), "from -1 to 1"),
    (Move((0,), math.nan, 0), "from -1 to 1"),
    (Clone((0,), 0, -2), "from -1 to 1"),
    (Scale((0,), 0), "from 0.1 to 10"),
    (Scale((0,), math.inf), "from 0.1 to 10"),
    (Strengthen((0,), 21), "from -20 to 20"),
    (Strengthen((0,), math.nan), "from -20 to 20"),
    (SwapAppearance((0,), (1, 9)), "there is no concept 9 there"),
    (SwapAppearance((0,), ()), "names no concept to take from"),
    (SwapAppearance((0,), (1,), "nobody"), "the photo nobody is missing"),
    (SwapPosition("nobody"), "the photo nobody is missing"),
    (Blend("other", 1.1, 0), "from 0 to 1"),
    (Blend("other", 0, math.nan), "from 0 to 1"),
    (Blend("wide", 0.5, 0), "16 numbers wide and this photo's 12"),
])  # fmt: skip
def test_what_cannot_be_done_is_one_sentence_that_names_the_edit(edit, words, image, others):
    wide = {"wide": factorization(3, width=16)}
    with pytest.raises(ValueError, match=r"^Edit 2, ") as refused:
        edited(image, [Strengthen((0,), 1), edit], others | wide)
    assert words in str(refused.value) and str(refused.value).endswith(".") and edit.name in str(refused.value)


def test_there_is_an_end_to_edits(image):
    with pytest.raises(ValueError, match=f"at most {MOST_EDITS}"):
        edited(image, [Strengthen((0,), 0.1)] * (MOST_EDITS + 1))
    assert len({edit.name for edit in EDITS}) == len(EDITS) and math.exp(ABSENT) == 0
