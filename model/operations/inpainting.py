"""Inpainting of localizations: what lies around a hole in the patch grid is continued into it.

Two steps. The harmonic extension of the rows around says what each patch of the hole should be like: the mean of its
neighbours, so that a ground goes on and a border between two grounds crosses from one side to the other. It is a
mixture, though, and a decoder draws mixtures as grey. So each patch of the hole takes the row of a patch outside that
is most like its extension, and near: every row is one that the photo has, and a texture stays a texture.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# A concept's place: where its share is more than an even one, and more than so much of its largest. The Edit tab draws
# its outline by the same rule (web/edit/cutout/field.js, fieldOf).
LEAST_OF_PEAK = 0.35
# What a picture's long side away costs, in squared distance of shares. Chosen by looking at fourteen examples.
NEARNESS = 0.4


def place_of(share: Tensor, *, even: float) -> Tensor:
    """(B, N), and what an even share would be -> (B, N) bool. Of a share that is nowhere more than even, nothing."""
    peak = share.amax(dim=1, keepdim=True)
    return share > (LEAST_OF_PEAK * peak).clamp_min(even)


def grown(is_inside: Tensor, patch_grid: tuple[int, int]) -> Tensor:
    """(B, N) bool, one patch larger all round: those at a border hold some of what lies inside."""
    maps = is_inside.unflatten(1, patch_grid)[:, None].float()
    return F.max_pool2d(maps, 3, stride=1, padding=1).flatten(1) > 0


def sources(share: Tensor, without: list[int], is_hole: Tensor, patch_grid: tuple[int, int]) -> Tensor:
    """(N, K), (N,) bool -> (N,): the patch whose row each patch takes; outside the hole its own.

    without: tokens that are not to be continued. The fewer of them a patch outside has, the sooner it serves. There
    must be patches outside that have others.
    """
    rest = share.clone()
    rest[:, without] = 0
    others = rest.sum(dim=1, keepdim=True)
    rest = rest / others.clamp_min(torch.finfo(rest.dtype).tiny)
    hole, outside = is_hole.nonzero()[:, 0], (~is_hole & (others[:, 0] > 0)).nonzero()[:, 0]
    wanted = harmonic_extension(rest, is_hole, patch_grid)
    centres = places(patch_grid, share) / max(patch_grid)
    cost = torch.cdist(wanted, share[outside]).square()
    cost += NEARNESS * torch.cdist(centres[hole], centres[outside]).square()
    found = torch.arange(len(share), device=share.device)
    found[hole] = outside[cost.argmin(dim=1)]
    return found


def harmonic_extension(rows: Tensor, is_hole: Tensor, patch_grid: tuple[int, int]) -> Tensor:
    """(N, K), (N,) bool -> (holes, K): each patch of the hole is the mean of its neighbours above, below, left and
    right. At the picture's border there are fewer."""
    centres = places(patch_grid, rows).double()
    hole, outside = is_hole.nonzero()[:, 0], (~is_hole).nonzero()[:, 0]
    apart = torch.cdist(centres[hole], centres, p=1)
    is_neighbour = (apart > 0.5) & (apart < 1.5)
    degree = is_neighbour.sum(dim=1).double().diag()
    from_outside = is_neighbour[:, outside].double() @ rows[outside].double()
    return torch.linalg.solve(degree - is_neighbour[:, hole].double(), from_outside).to(rows)


def places(patch_grid: tuple[int, int], like: Tensor) -> Tensor:
    """(N, 2): row and column of each patch."""
    return torch.cartesian_prod(*(torch.arange(side, dtype=like.dtype, device=like.device) for side in patch_grid))
