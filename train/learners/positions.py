"""Sine and cosine positions, and a transformer whose attention starts out local."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The longest wave is this times the shortest, which is 2 pi patches: a grid has a dozen or two a side.
WAVES = 20
# With these, attention to a patch two away is about half of that to the next, and to the far end none; what is attended
# to is added at half its length.
QUERY_KEY_GAIN, VALUE_OUT_GAIN = 1.5, 0.5


def grid_points(count: int) -> Tensor:
    """(count, 2): x and y in 0..1 of so many points, evenly spread, row by row."""
    rows = max(divisor for divisor in range(1, int(count**0.5) + 1) if count % divisor == 0)
    y, x = torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(count // rows) + 0.5) / (count // rows),
                          indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def sincos_positions(points: Tensor, width: int, side: int) -> Tensor:
    """(M, 2) in 0..1 -> (M, width): sines and cosines of x and y, counted in patches of a grid of side x side.

    As MAE's positions (He et al. 2022), but of any point; a width that four does not divide ends in zeros.
    """
    waves = WAVES ** -(torch.arange(width // 4) / (width // 4))
    angles = (points * side - 0.5)[..., None] * waves  # (M, 2, width / 4)
    positions = torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(1)
    return F.pad(positions, (0, width - positions.shape[1]))


@torch.no_grad()
def initialize_local_attention(query: Tensor, key: Tensor) -> None:
    """(D, D) projections, in place: equal and orthogonal, so that patches with similar positions attend to each
    other. Random ones need many steps to learn that."""
    nn.init.orthogonal_(query, gain=QUERY_KEY_GAIN)
    key.copy_(query)


@torch.no_grad()
def initialize_value_projection(value: Tensor, out: Tensor) -> None:
    """(D, D) projections, in place: the output projection undoes the value projection, so that what is attended to is
    added as it is."""
    nn.init.orthogonal_(value, gain=VALUE_OUT_GAIN**0.5)
    out.copy_(value.mT)
