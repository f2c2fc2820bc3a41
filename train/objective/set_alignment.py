"""Set alignment: a masked view's tokens fall into the prototypes of the clean view's tokens they match."""

from __future__ import annotations

from torch import Tensor

from train.objective.clustering import PREDICTION_TEMPERATURE


def set_alignment_loss(logits: Tensor, assignments: Tensor, matches: Tensor, *,
                       temperature: float = PREDICTION_TEMPERATURE) -> Tensor:
    """(B, K, P) logits of one view's tokens, (B, K, P) assignments of the clean view's, (B, K) matches -> scalar.

    The cross-entropy of token k against the assignment of token matches[b, k] (paper, section 3.4). With
    log-softmax(z) = z - logsumexp(z) it is a product of logits with every target, of which the matched ones are taken:
    K x K numbers in the place of a re-ordered copy of K x P targets for each view.
    """
    scores = (logits @ assignments.mT).gather(2, matches[..., None])[..., 0] / temperature
    mass = assignments.sum(dim=-1).gather(1, matches)
    return (mass * (logits / temperature).logsumexp(dim=-1) - scores).mean()
