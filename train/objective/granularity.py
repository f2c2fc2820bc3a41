"""Granularity: each group of tokens explains the whole photo, the few coarsely and the many finely."""

from __future__ import annotations

import torch
from torch import Tensor

from model.factorization import Factorization


def group_masses(localization: Tensor, groups: tuple[int, ...]) -> Tensor:
    """(B, N, K) and the groups' sizes, which sum to K -> (B, N, G): a patch's mass in each group; rows sum to 1."""
    return torch.stack([part.sum(dim=-1) for part in localization.split(groups, dim=-1)], dim=-1)


def within_groups(localization: Tensor, groups: tuple[int, ...]) -> list[Tensor]:
    """(B, N, K) -> a (B, N, K_g) a group: where a patch is among the group's tokens; rows sum to 1."""
    return [part / part.sum(dim=-1, keepdim=True).clamp_min(1e-6) for part in localization.split(groups, dim=-1)]


def group_low_rank(factorization: Factorization, groups: tuple[int, ...]) -> list[Tensor]:
    """-> a (B, N, D) a group: the low-rank features by its tokens alone, its localization made to sum to 1."""
    locations = within_groups(factorization.localization, groups)
    meanings = factorization.semantics.split(groups, dim=1)
    return [location @ meaning for location, meaning in zip(locations, meanings, strict=True)]


def group_balance_loss(localization: Tensor, groups: tuple[int, ...], shares: tuple[float, ...]) -> Tensor:
    """(B, N, K) -> scalar, at least 0: how far each patch is from giving every group its share of the mass.

    Kullback-Leibler divergence of the shares, which sum to 1, from the groups' masses. It keeps every group's tokens
    above the threshold 1/K somewhere: an object and its parts are then there together, each in a mask of its own.
    """
    wanted = localization.new_tensor(shares)
    masses = group_masses(localization, groups).clamp_min(1e-6)
    return (wanted * (wanted / masses).log()).sum(dim=-1).mean()
