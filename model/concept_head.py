"""Factorization -> concepts: what a token says, in the space where concepts are compared."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import ConceptHeadConfig
from model.factorization import Factorization


class ConceptHead(nn.Module):
    """A perceptron of two layers over each token, its inputs standardised first where the config says so.

    The published form is the predictor of the clustering head (paper, section 3.4), in whose space tokens are clustered
    and aligned. `mean` and `deviation`, one number a channel of the inputs, are measured and not learnt; they begin as
    the identity. Its arithmetic is float32 whatever the encoder's, as the localizer's is: concepts that differ a little
    are what it separates.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: ConceptHeadConfig, *, width: int) -> None:
        """width: D, of the factorizations that it will see."""
        super().__init__()
        self.config = config
        in_width = config.in_width(width)
        if config.standardized:
            self.register_buffer("mean", torch.zeros(in_width))
            self.register_buffer("deviation", torch.ones(in_width))
        self.fc1 = nn.Linear(in_width, config.hidden_width)
        self.fc2 = nn.Linear(config.hidden_width, config.width)

    def inputs(self, factorization: Factorization) -> Tensor:
        """-> (B, K, the inputs' width), float32, not yet standardised, on the head's device."""
        device = self.fc1.weight.device
        return torch.cat([INPUTS[name](factorization).to(device, torch.float32) for name in self.config.inputs], dim=-1)

    def forward(self, factorization: Factorization) -> Tensor:
        """-> (B, K, C), not yet unit length."""
        return self.of_inputs(self.inputs(factorization))

    def of_inputs(self, inputs: Tensor) -> Tensor:
        """(..., the inputs' width) -> (..., C): what `forward` says of `inputs`."""
        with torch.autocast(inputs.device.type, enabled=False):
            if self.config.standardized:
                inputs = (inputs - self.mean) / self.deviation
            return self.fc2(F.gelu(self.fc1(inputs)))


def mean_under_masks(features: Tensor, localization: Tensor) -> Tensor:
    """(B, N, F) features of the patches, (B, N, K) -> (B, K, F): their mean under each token's mask, by localization.

    The mask is where localization > 1 / K; a token that exceeds that nowhere takes all its patches.
    """
    inside = localization * (localization > 1 / localization.shape[-1])
    weights = torch.where(inside.sum(dim=1, keepdim=True) > 0, inside, localization)
    weights = weights / weights.sum(dim=1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
    return weights.mT @ features


# What a head may see of each token, by the names that its config has for them: a factorization -> (B, K, D).
INPUTS = {
    "semantics": lambda factorization: factorization.semantics,
    "patches": lambda factorization: mean_under_masks(factorization.patch_features, factorization.localization),
    "stem": lambda factorization: mean_under_masks(factorization.stem_features, factorization.localization),
    "summary": lambda factorization: factorization.summary[:, None].expand_as(factorization.semantics),
}
