"""Weights that any machine can rebuild: the reference's outputs in this folder were computed on weights drawn so."""

from __future__ import annotations

from math import prod
from zlib import crc32

import numpy as np
import torch
from torch import Tensor


def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """float32 values of `shape`, a function of the parameter's name alone.

    Biases around 0, the scales of norms around 1, everything else with the variance of a linear layer's inputs undone.
    """
    values = np.random.default_rng(crc32(name.encode())).standard_normal(shape, dtype=np.float32)
    if name.endswith("bias"):
        return 0.1 * values
    if len(shape) < 2:
        return 1 + 0.1 * values
    return values / np.sqrt(max(prod(shape[1:]), 1))


def rebuild(shapes: dict[str, list[int]]) -> dict[str, Tensor]:
    """A published state dict: name -> tensor."""
    return {name: torch.from_numpy(np.asarray(draw(name, tuple(shape)), np.float32)) for name, shape in shapes.items()}
