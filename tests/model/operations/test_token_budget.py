"""Laws of keeping some of a photo's concepts, and of the orders in which they are kept."""

import pytest
import torch

from model.factorization import Factorization
from model.operations.token_budget import best_first, heaviest_first, keep


def drawn(*, num_tokens: int = 6, width: int = 8, patch_grid: tuple[int, int] = (4, 5), seed: int = 0) -> Factorization:
    generator = torch.Generator().manual_seed(seed)
    rows, cols = patch_grid
    localization = (3 * torch.randn(1, rows * cols, num_tokens, generator=generator)).softmax(-1)
    semantics = torch.randn(1, num_tokens, width, generator=generator)
    return Factorization(semantics, localization, localization @ semantics, semantics.mean(1), patch_grid)


def test_all_concepts_are_the_factorization_itself():
    factorization = drawn()
    assert keep(factorization, range(6)) is factorization


def test_places_are_divided_anew_among_those_kept():
    factorization = drawn()
    kept = keep(factorization, [1, 4])
    assert kept.num_tokens == 2 and kept.patch_grid == factorization.patch_grid
    assert torch.allclose(kept.localization.sum(-1), torch.ones(1, 20))
    before = factorization.localization
    assert torch.allclose(kept.localization[..., 0] / kept.localization[..., 1], before[..., 1] / before[..., 4])
    assert torch.equal(kept.semantics, factorization.semantics[:, [1, 4]])
    assert torch.equal(keep(factorization, [3]).localization, torch.ones(1, 20, 1))  # one alone is everywhere


def test_their_order_does_not_matter():
    factorization = drawn()
    assert torch.allclose(keep(factorization, [4, 1, 0]).low_rank, keep(factorization, [0, 1, 4]).low_rank, atol=1e-6)


def test_a_patch_with_nothing_left_is_uniform():
    factorization = drawn()
    localization = torch.zeros_like(factorization.localization)
    localization[..., 5] = 1
    kept = keep(Factorization(factorization.semantics, localization, factorization.patch_features,
                              factorization.summary, factorization.patch_grid), [0, 2])
    assert torch.equal(kept.localization, torch.full((1, 20, 2), 0.5))


@pytest.mark.parametrize("tokens", [[], [0, 0], [6], [-1]])
def test_what_cannot_be_kept_is_refused(tokens):
    with pytest.raises(ValueError, match="concept"):
        keep(drawn(), tokens)


def test_the_heaviest_come_first():
    factorization = drawn()
    mass = factorization.mass[0][heaviest_first(factorization)]
    assert (mass.diff() <= 0).all() and sorted(heaviest_first(factorization)) == list(range(6))


@pytest.mark.parametrize("seed", range(3))
def test_the_best_come_first(seed):
    """Each is, of those that were left, the one that brings the low-rank features nearest to those of all."""
    factorization = drawn(seed=seed)
    order = best_first(factorization)
    assert sorted(order) == list(range(6))
    for count in range(6):
        distances = {token: float((keep(factorization, [*order[:count], token]).low_rank - factorization.low_rank)
                                  .square().sum()) for token in order[count:]}
        assert distances[order[count]] == min(distances.values())


def test_a_concept_that_is_everything_is_the_best():
    factorization = drawn()
    localization = torch.full_like(factorization.localization, 1e-3)
    localization[..., 3] = 1 - 5e-3
    one = Factorization(factorization.semantics, localization, factorization.patch_features, factorization.summary,
                        factorization.patch_grid)
    assert best_first(one)[0] == heaviest_first(one)[0] == 3
