"""A budget of tokens: which of a photo's concepts are kept, and what is left of its factorization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from model.factorization import Factorization


def keep(factorization: Factorization, tokens: Sequence[int]) -> Factorization:
    """Only these tokens, in this order, each patch's shares summing to 1 again; a patch with nothing left is uniform.

    All of them are the factorization itself, to the last bit. ValueError, one sentence, for tokens it does not have.
    """
    tokens, num_tokens = list(tokens), factorization.num_tokens
    if not tokens:
        raise ValueError("Keep at least one concept.")
    if len(set(tokens)) < len(tokens) or not all(0 <= token < num_tokens for token in tokens):
        raise ValueError(f"This photo has the concepts 0 to {num_tokens - 1}, and each can be kept once.")
    if tokens == list(range(num_tokens)):
        return factorization
    shares = factorization.localization[..., tokens]
    total = shares.sum(dim=-1, keepdim=True)
    localization = torch.where(total > 0, shares / total.clamp_min(torch.finfo(shares.dtype).tiny), 1 / len(tokens))
    return replace(factorization, semantics=factorization.semantics[:, tokens], localization=localization)


def heaviest_first(factorization: Factorization) -> list[int]:
    """Tokens of the batch's one photo by falling mass."""
    return factorization.mass[0].argsort(descending=True, stable=True).tolist()


def best_first(factorization: Factorization) -> list[int]:
    """Tokens of the batch's one photo, chosen one at a time: each time the one with which the low-rank features of
    those kept come nearest to those of all, in squared distance. Greedy, so a pair may be better than the first two."""
    wanted, chosen, left = factorization.low_rank, [], list(range(factorization.num_tokens))

    def distance(token: int) -> float:
        return float((keep(factorization, [*chosen, token]).low_rank - wanted).square().sum())

    while left:
        best = min(left, key=distance)
        chosen.append(best)
        left.remove(best)
    return chosen
