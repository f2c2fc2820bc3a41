"""Checkpoints written: safetensors with the architecture in the metadata, a model or a tokenizer by itself."""

from __future__ import annotations

import os
import re
import tempfile
from os import PathLike
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from model.checkpoints.tensor_files import SCALE
from model.config import StellarConfig, TokenizerConfig

CONFIG_KEY = "stellar_config"
TOKENIZER_KEY = "stellar_tokenizer_config"


def write(path: str | PathLike[str], config: StellarConfig, weights: dict[str, Tensor], *,
          dtype: torch.dtype | None = None, eight_bit: bool = False) -> None:
    """Our layout of a STELLAR."""
    if eight_bit:
        matrices = [name for name in weights if EIGHT_BIT.fullmatch(name)]
        weights = {**weights, **{part: tensor for name in matrices for part, tensor in rounded(name, weights[name])}}
    write_tensors(path, {CONFIG_KEY: config.to_json()}, weights, dtype=dtype)


# The encoder's matrices: most of a model's bytes, and what rounding changes least (its outputs pass a norm).
EIGHT_BIT = re.compile(r"encoder\.blocks\.\d+\.(attn\.qkv|attn\.proj|mlp\.fc1|mlp\.fc2)\.weight")


def rounded(name: str, matrix: Tensor) -> list[tuple[str, Tensor]]:
    """A matrix as eight-bit integers and a float32 scale a row, by their names; the largest of a row becomes 127."""
    scale = matrix.detach().float().abs().amax(dim=1).clamp_min(1e-30) / 127  # rows of zeros have one too
    # 16 bits of a mantissa: 127 times that is exact, so what was rounded once rounds to itself, and its scale too.
    mantissa, exponent = scale.frexp()
    scale = torch.ldexp((mantissa * 2**16).round(), exponent - 16)
    return [(name, (matrix.detach().float() / scale[:, None]).round().to(torch.int8)), (name + SCALE, scale)]


def write_tokenizer(path: str | PathLike[str], config: TokenizerConfig, weights: dict[str, Tensor], *,
                    dtype: torch.dtype | None = None) -> None:
    """Our layout of a tokenizer by itself: its names as in a STELLAR."""
    named = {f"tokenizer.{name}": tensor for name, tensor in weights.items()}
    write_tensors(path, {TOKENIZER_KEY: config.to_json()}, named, dtype=dtype)


def write_tensors(path: str | PathLike[str], metadata: dict[str, str], weights: dict[str, Tensor], *,
                  dtype: torch.dtype | None = None) -> None:
    """To a temporary name beside it first, so that a reader sees the old file or the new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = {name: (tensor.to(dtype) if dtype and tensor.is_floating_point() and not name.endswith(SCALE) else tensor)
              .detach().cpu().contiguous() for name, tensor in weights.items()}
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    try:
        save_file(stored, aside, metadata={"format": "pt", **metadata})
        with open(aside, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(aside, 0o644)  # mkstemp's files are private
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
