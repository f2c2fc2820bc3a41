"""Sinkhorn-Knopp: balanced soft assignments of concepts to prototypes, over the global batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist

# The largest exponent: exp(50) times a batch of a million rows is still far inside float32.
LARGEST_EXPONENT = 50.0
EPS = 1e-8


def in_group() -> bool:
    """Whether several processes train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


@torch.no_grad()
def assign(logits: Tensor, *, temperature: float, rounds: int = 3, balance: float = 1.0) -> Tensor:
    """(M, P) logits -> (M, P) assignments: rows sum to 1, and prototypes share the rows of all processes evenly.

    `rounds` alternate between the columns' sums, taken over every process, and the rows'. `balance` below 1 raises the
    columns' sums to that power, so that prototypes need not be equally large. Source: SwAV (Caron et al. 2020) as in
    CAPI (Darcet et al. 2025); paper, section 3.4. The logits are left as they are.
    """
    scaled = logits.float() / temperature
    largest = scaled.amax(dim=0, keepdim=True)
    if in_group():
        dist.all_reduce(largest, dist.ReduceOp.MAX)
    plan = (scaled - largest + LARGEST_EXPONENT).exp_()
    for _ in range(rounds):
        columns = plan.sum(dim=0, keepdim=True)
        if in_group():
            dist.all_reduce(columns)
        columns += EPS
        plan /= columns if balance == 1 else columns**balance
        plan /= plan.sum(dim=1, keepdim=True) + EPS
    return plan
