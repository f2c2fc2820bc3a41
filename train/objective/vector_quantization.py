"""Vector quantization: codes and what is encoded move towards each other."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

COMMITMENT = 0.25


def straight_through(hidden: Tensor, chosen: Tensor) -> Tensor:
    """The chosen codes, with the gradient of what was encoded (van den Oord et al. 2017)."""
    return hidden + (chosen - hidden).detach()


def codebook_loss(hidden: Tensor, chosen: Tensor) -> Tensor:
    """(B, d, h, w) encoded and its nearest codes -> scalar: what is encoded commits to its code.

    The codes themselves follow by moving averages (van den Oord et al. 2017, equation 3 and appendix A.1), which keeps
    pace with the encoder; by gradient they lag behind it and fall out of use.
    """
    return COMMITMENT * F.mse_loss(hidden, chosen.detach())
