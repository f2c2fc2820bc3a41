"""Summary alignment: a masked view's and a local crop's summary fall into the clean view's prototype."""

from __future__ import annotations

from torch import Tensor

from train.objective.clustering import PREDICTION_TEMPERATURE


def summary_alignment_loss(logits: Tensor, assignments: Tensor, *,
                           temperature: float = PREDICTION_TEMPERATURE) -> Tensor:
    """(B, V, P) logits of V views' summaries, (B, P) assignments of the clean view's -> scalar.

    The mean cross-entropy over photos and views (paper, section 3.4). Linear in the targets, so one product of each
    photo's logits with its own target serves all its views and no target is copied.
    """
    scores = (logits @ assignments[..., None])[..., 0] / temperature
    mass = assignments.sum(dim=-1, keepdim=True)
    return (mass * (logits / temperature).logsumexp(dim=-1) - scores).mean()
