"""A codebook learnt by exponential moving averages (EMA), whose unused codes are set to what was encoded."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch import distributed as dist

from train.learners.sinkhorn import in_group

DECAY = 0.98


@torch.no_grad()
def update_codebook(codebook: Tensor, counts: Tensor, sums: Tensor, found: Tensor, nearest: Callable[[], Tensor], *,
           alive: float, revived: float = 1.0) -> None:
    """Codes become the moving means of what was assigned to them, dead ones some of what was encoded in this batch; the
    same on every process. All in place (van den Oord et al. 2017, appendix A.1).

    codebook, sums (C, d); counts (C,): how often each was chosen a step, a moving average, and below `alive` it is
    dead, and then begins anew as if chosen `revived` times; found (M, d): what was encoded; nearest() -> (M,): their
    codes, asked after the dead were revived.
    """
    candidates = found[torch.randint(len(found), (len(codebook),), device=found.device)]
    if in_group():
        dist.broadcast(candidates, src=0)
    dead = counts < alive
    codebook[dead], sums[dead], counts[dead] = candidates[dead], revived * candidates[dead], revived
    codes = nearest()
    chosen = torch.bincount(codes, minlength=len(codebook)).float()
    added = torch.zeros_like(sums).index_add_(0, codes, found)
    if in_group():
        dist.all_reduce(chosen)
        dist.all_reduce(added)
    counts.lerp_(chosen, 1 - DECAY)
    sums.lerp_(added, 1 - DECAY)
    codebook.copy_(sums / counts.clamp_min(1e-6)[:, None])
