"""Which token of one view says what a token of another says: entropic optimal transport."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def transport(tokens: Tensor, targets: Tensor, *, epsilon: float = 0.1, rounds: int = 5) -> Tensor:
    """(B, V, K, D) tokens of views, (B, K, D) of the clean view -> (B, V, K, K) transport plan; columns sum to 1.

    Euclidean cost, both sides of unit mass a token, `rounds` of log-domain Sinkhorn at `epsilon` (Cuturi 2013; paper,
    section 3.4). The targets are broadcast over the views, never copied.
    """
    cost = torch.cdist(tokens.float(), targets.float()[:, None])
    rows = cost.new_zeros(cost.shape[:-1])
    columns = cost.new_zeros(*cost.shape[:-2], cost.shape[-1])
    for _ in range(rounds):
        rows = -epsilon * torch.logsumexp((columns[..., None, :] - cost) / epsilon, dim=-1)
        columns = -epsilon * torch.logsumexp((rows[..., :, None] - cost) / epsilon, dim=-2)
    return ((rows[..., :, None] + columns[..., None, :] - cost) / epsilon).exp()


def match(tokens: Tensor, targets: Tensor, *, epsilon: float = 0.1, rounds: int = 5) -> Tensor:
    """(B, V, K, D), (B, K, D) -> (B, V, K): for each token of a view, the clean token that gives it most of its mass.

    Two tokens may have the same match: it is the arg-max of a plan and no permutation.
    """
    return transport(tokens, targets, epsilon=epsilon, rounds=rounds).argmax(dim=-1)
