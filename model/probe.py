"""Probe: words for single concepts, by a linear classifier over their vectors, learnt on the weights of one model."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.checkpoints.files import write_whole

SUFFIX = ".probe.npz"


class ProbeError(ValueError):
    """One sentence: which file, what is wrong with it and what to do."""


@dataclass(frozen=True, eq=False)
class Probe:
    """weight (W, D) and bias (W,) float32, for W words; sha256: of the weights that make the concepts which it
    knows (`model.checkpoints.identity`)."""

    words: tuple[str, ...]
    weight: Tensor
    bias: Tensor
    sha256: str

    def scores(self, semantics: Tensor) -> Tensor:
        """(..., D), of any length -> (..., W); each row sums to 1."""
        concepts = F.normalize(semantics.float(), dim=-1)
        return F.linear(concepts, self.weight.to(concepts.device), self.bias.to(concepts.device)).softmax(dim=-1)

    def save(self, path: Path) -> None:
        """Raises OSError."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, words=np.array(self.words), weight=self.weight.numpy(), bias=self.bias.numpy(),
                            sha256=np.array(self.sha256))
        write_whole(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Probe:
        """Raises ProbeError for a file that no `save` wrote."""
        try:
            with np.load(path, allow_pickle=False) as file:
                words = tuple(str(word) for word in file["words"])
                weight, bias = (torch.from_numpy(np.asarray(file[name], np.float32)) for name in ("weight", "bias"))
                sha256 = str(file["sha256"])
        except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile, zlib.error) as error:
            raise ProbeError(f"{path} cannot be read as a probe of concepts; make it again: python -m train.evaluate "
                             "CHECKPOINT --data CLASS_FOLDERS --save-probe --overwrite, or delete it.") from error
        if weight.ndim != 2 or weight.shape[0] != len(words) or bias.shape != (len(words),):
            raise ProbeError(f"{path} has {len(words)} words for weights of {tuple(weight.shape)}; make it again, or "
                             "delete it.")
        return cls(words, weight, bias, sha256)


def beside(checkpoint: Path) -> Path:
    """Where the probe of a checkpoint's concepts lies: model.safetensors -> model.probe.npz."""
    return checkpoint.with_suffix(SUFFIX)
