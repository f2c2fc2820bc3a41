"""Weights that any machine can rebuild: each parameter is drawn from its own name, as the reference outputs' were."""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np
import timm
import torch
from safetensors.torch import save_file

from model.config import StellarConfig
from model.stellar import Stellar


def drawn(name: str, shape: list[int]) -> torch.Tensor:
    """float32, a function of the name alone: biases small, scales near 1, matrices of unit gain."""
    values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(tuple(shape), dtype=np.float32)
    if name.endswith("bias"):
        values = 0.1 * values
    elif len(shape) <= 1:
        values = 1 + 0.1 * values
    else:
        values = values / np.sqrt(max(math.prod(shape[1:]), 1))
    return torch.from_numpy(values)


def reference_state(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """A state dict in the reference's names."""
    return {name: drawn(name, shape) for name, shape in shapes.items()}


def write_reference(path: Path, shapes: dict[str, list[int]]) -> Path:
    save_file(reference_state(shapes), path)
    return path


def write_timm(folder: Path, *names: str) -> dict[str, str]:
    """Seeded files of timm models, whole, with their classifiers: name -> path."""
    paths = {}
    for name in names:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            paths[name] = str(folder / f"{name}.safetensors")
            save_file(timm.create_model(name).state_dict(), paths[name])
    return paths


def write_tiny(folder: Path) -> str:
    """A seeded STELLAR of four tokens, small enough to index with in a test -> its path."""
    path = folder / "tiny.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = StellarConfig(width=16, depth=1, num_heads=2, mlp_width=16, native_size=32, num_tokens=4)
        Stellar(config).save(path)
    return str(path)
