"""Clustering: every concept (or summary) is drawn to its balanced assignment among the prototypes."""

from __future__ import annotations

from torch import Tensor

PREDICTION_TEMPERATURE = 0.12


def clustering_loss(logits: Tensor, assignments: Tensor, *, temperature: float = PREDICTION_TEMPERATURE) -> Tensor:
    """(..., P) logits and (..., P) assignments, detached -> scalar: their cross-entropy at `temperature`.

    Paper, section 3.4: the assignments are Sinkhorn-Knopp's of the same logits, over the global batch.
    """
    return -(assignments * (logits / temperature).log_softmax(dim=-1)).sum(dim=-1).mean()
