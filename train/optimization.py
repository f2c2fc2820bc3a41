"""Which parameters learn how fast: their groups, and the learning rate of each step."""

from __future__ import annotations

import math
import re

import torch
from torch import nn

from train.config import OptimizerConfig, TrainConfig

# The ViT's own parameters, what a start brings; and those that no weight decay pulls, besides vectors.
VIT = re.compile(r"stellar\.encoder\.(embedding\.patch|positions|summary_token|blocks|norm)\b.*"
                 r"|titok\.(encoder|tokens)\b.*")
QUERIES = re.compile(r".*\.(tokens|summary_token|cls_token|mask_token|positions|token_positions)")


def parameter_groups(learner: nn.Module, config: OptimizerConfig) -> list[dict]:
    """By the share of the learning rate that they learn at and by their decay: none on norms, biases and queries."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in learner.named_parameters():
        if parameter.requires_grad:
            share = config.encoder_rate if VIT.fullmatch(name) else 1.0
            decay = 0.0 if QUERIES.fullmatch(name) or parameter.ndim < 2 else config.weight_decay
            groups.setdefault((share, decay), []).append(parameter)
    return [{"params": params, "share": share, "weight_decay": decay} for (share, decay), params in groups.items()]


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Linear warm-up over a share of the steps, then a cosine to the final rate: a function of the step alone."""
    peak, final = config.optimizer.learning_rate, config.optimizer.final_learning_rate
    warm = max(1, round(config.optimizer.warmup * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return final + (peak - final) * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2


def set_learning_rate(optimizer: torch.optim.Optimizer, config: TrainConfig, step: int, steps: int) -> float:
    rate = learning_rate(config, step, steps)
    for group in optimizer.param_groups:
        group["lr"] = group["share"] * rate
    return rate
