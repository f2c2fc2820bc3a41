"""A baseline's published weights: a hub repository's config.json and weights, as one folder on this machine."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError

from model.checkpoints import checkpoint, hub
from model.checkpoints.checkpoint import SUFFIXES, CheckpointError, hub_errors

WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def locate(source: str | PathLike[str], *, shipped: dict[str, Path], repositories: dict[str, str]) -> Path:
    """The file or folder that a name, a path or a hub id ("owner/name[@revision]") means.

    shipped: name -> a file of this repository. repositories: name -> hub repository. Raises CheckpointError.
    """
    path, name = Path(source), str(source)
    if name in shipped:
        if not shipped[name].is_file():
            raise CheckpointError(f"{name} is not in this copy: {shipped[name]} is missing; restore it "
                                  f"(git checkout -- assets), or train it: python -m train --recipe {name}")
        return shipped[name]
    if name not in repositories and path.exists():
        return path
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", repositories.get(name, name))
    if match and (name in repositories or path.suffix not in SUFFIXES):
        return hub_folder(match[1], match[2] or "main")
    raise CheckpointError(f"there is no checkpoint at {name}; give a file, a folder, a hub id (owner/name) or one of "
                          f"{', '.join([*shipped, *repositories])}")


def local_folder(repository: str, revision: str = "main") -> Path | None:
    """Where we say to put it (assets/checkpoints/NAME), or the hub's cache, if both files are there."""
    placed = checkpoint.CHECKPOINT_FOLDER / repository.split("/")[1]
    if placed.is_dir():
        return placed
    for name in WEIGHTS:
        cached = [try_to_load_from_cache(repository, file, revision=revision) for file in ("config.json", name)]
        if all(isinstance(file, str) for file in cached):
            return Path(cached[0]).parent
    return None


def is_at_hand(name: str, *, shipped: dict[str, Path], repositories: dict[str, str]) -> bool:
    """Whether a known name loads without a network."""
    return shipped[name].is_file() if name in shipped else local_folder(repositories[name]) is not None


def hub_folder(repository: str, revision: str = "main") -> Path:
    """Both files in one folder; downloaded (with a progress bar) if they must be."""
    folder = local_folder(repository, revision)
    if folder is not None:
        return folder
    name = repository.split("/")[1]
    with hub_errors(f"{repository} is not on this machine and could not be downloaded. Fetch config.json and "
                    f"model.safetensors from that repository of the hub on a machine with a network and put them in "
                    f"assets/checkpoints/{name}, or start with their folder"):
        folder = hub.fetch(repository, "config.json", revision=revision).parent
        try:
            hub.fetch(repository, WEIGHTS[0], revision=revision)
        except EntryNotFoundError:
            hub.fetch(repository, WEIGHTS[1], revision=revision)
    return folder
