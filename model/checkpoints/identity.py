"""Identity: which weights a checkpoint's concepts are made by, as one number.

What is hashed is what makes concepts, the encoder, the localizer and the concept head: the settings of their
architecture, their names and shapes, and their numbers in float32. So the same weights have the same identity under
published names and ours, in half the bytes or whole; and a new decoder or tokenizer changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from hashlib import sha256
from os import PathLike
from typing import Any

import torch

from model.checkpoints import checkpoint
from model.checkpoints.tensor_files import parts_of
from model.stellar import Stellar

PARTS = ("encoder", "localizer", "concept_head")


def concepts_sha256(source: str | PathLike[str]) -> str:
    """Of what `Stellar.load` takes. Raises CheckpointError (a ValueError). A file is read once while it stays the same:
    nano takes half a second."""
    path = checkpoint.resolve(source)
    found = [part.stat() for part in parts_of(path)]
    return _sha256(str(path), tuple((part.st_mtime_ns, part.st_size) for part in found))


@lru_cache(maxsize=64)
def _sha256(path: str, seen: tuple[tuple[int, int], ...]) -> str:
    opened = checkpoint.open_checkpoint(path)
    with torch.device("meta"), opened.architecture_errors():
        expected = Stellar(opened.config).state_dict()
    config = replace(opened.config, decoder=None, tokenizer=None)
    digest = sha256(json.dumps(settings(config), sort_keys=True).encode())
    for name, tensor in opened.stored(expected, parts=PARTS):
        numbers = tensor.float() if tensor.is_floating_point() else tensor.long()
        digest.update(f"\n{name} {tuple(numbers.shape)}\n".encode())
        digest.update(numbers.contiguous().numpy())
    return digest.hexdigest()


def settings(config: Any) -> dict[str, Any]:
    """A config's values where they are not the defaults: a setting that is added later changes no identity."""
    said = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if value != field.default:
            said[field.name] = settings(value) if is_dataclass(value) else value
    return said
