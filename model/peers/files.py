"""A published checkpoint as named tensors: safetensors, or a pickle in which nothing is executed."""

from __future__ import annotations

import argparse
import pickle
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from model.checkpoints.tensor_files import (
    DAMAGE,
    CheckpointError,
    cut_short,
    first_line,
    is_safetensors,
    read_all,
    refuse_no_weights,
)

WRAPPERS = ("model", "state_dict", "module")  # what a checkpoint calls the network beside its optimizer and its epoch
# torch keeps the list of what a pickle may hold for the whole process.
OPENING = Lock()
# Plain records of a run's arguments: MAE, DINO, SiameseIM keep argparse's, SimMIM yacs's, a dictionary of values.
RECORDS = [argparse.Namespace, (OrderedDict, "yacs.config.CfgNode")]


def named_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a file by its name; of dictionaries inside it (teacher, student) by both names with a dot.

    Raises CheckpointError for what is damaged, holds no named tensors, or more than tensors and plain records.
    """
    if path.name.endswith(".json"):  # an index of shards
        return read_all(path)
    try:
        refuse_no_weights(path)
        content = load_file(path) if is_safetensors(path) else unpickled(path)
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path} holds more than tensors, or is no checkpoint; nothing in it was executed. "
                              "Save its state dict as safetensors and name that.") from error
    except DAMAGE as error:
        raise CheckpointError(f"{path} {cut_short(path) or f'is damaged or no checkpoint: {first_line(error)}'}"
                              ) from error
    while isinstance(content, dict):
        wrapped = next((content[name] for name in WRAPPERS if isinstance(content.get(name), dict)), None)
        if wrapped is None:
            break
        content = wrapped
    tensors = dict(flattened(content)) if isinstance(content, dict) else {}
    if not tensors:
        raise CheckpointError(f"{path} holds no named tensors; give a checkpoint's file")
    for wrapper in WRAPPERS:
        if all(name.startswith(f"{wrapper}.") for name in tensors):
            tensors = {name.removeprefix(f"{wrapper}."): tensor for name, tensor in tensors.items()}
    return tensors


def unpickled(path: Path) -> Any:
    with OPENING, torch.serialization.safe_globals(RECORDS):
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:
            if "mmap can only be used" not in str(error):
                raise
            return torch.load(path, map_location="cpu", weights_only=True)  # torch < 1.6 wrote no zip


def flattened(content: dict) -> Iterator[tuple[str, Tensor]]:
    for name, value in content.items():
        if not isinstance(name, str):  # an optimizer's state, by number
            continue
        if isinstance(value, Tensor):
            yield name, value
        elif isinstance(value, dict):
            for inner, tensor in flattened(value):
                yield f"{name}.{inner}", tensor
