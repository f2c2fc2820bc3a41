"""Which patches a masked view keeps."""

from __future__ import annotations

import torch
from torch import Tensor

FOCUS_PROBABILITY = 0.5
FOCUS_SIGMA = (0.1, 0.5)  # shares of the grid's side


def focus(noise: Tensor, patch_grid: tuple[int, int], *, probability: float = FOCUS_PROBABILITY,
          generator: torch.Generator | None = None) -> Tensor:
    """(M, N) noise -> the same, in some rows less a Gaussian bump, so that what is kept lies together.

    The bump's centre is any patch, its sigma 0.1 to 0.5 of each side of the grid, which need not be square.
    """
    (rows, cols), views, device = patch_grid, len(noise), noise.device
    y, x = torch.meshgrid(torch.arange(rows, device=device), torch.arange(cols, device=device), indexing="ij")
    centres = torch.randint(rows * cols, (views, 1), generator=generator, device=device)
    sigma = torch.empty(views, 1, device=device).uniform_(*FOCUS_SIGMA, generator=generator)
    down = (y.flatten() - centres // cols) / (sigma * rows)
    across = (x.flatten() - centres % cols) / (sigma * cols)
    chosen = torch.rand(views, 1, generator=generator, device=device) < probability
    return noise - chosen * torch.exp(-(down**2 + across**2) / 2)


def kept_patches(views: int, patch_grid: tuple[int, int], *, mask_ratio: float, device: torch.device | str = "cpu",
                 generator: torch.Generator | None = None) -> Tensor:
    """(views, M) indices of the patches that each view keeps, in order; M = N (1 - mask_ratio), at least one.

    Random noise a patch, the lowest stay (He et al. 2022), half of the views with a focus (the paper's Gaussian one).
    """
    num_patches = patch_grid[0] * patch_grid[1]
    noise = torch.rand(views, num_patches, generator=generator, device=device)
    noise = focus(noise, patch_grid, generator=generator)
    num_kept = max(1, int(num_patches * (1 - mask_ratio)))
    return noise.argsort(dim=1)[:, :num_kept].sort(dim=1).values
