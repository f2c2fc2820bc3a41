"""A peer's network with its published weights, from a file or the hub; what does not fit is said in one sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn

from model.baselines import published
from model.baselines.titok import TiTok
from model.checkpoints import checkpoint
from model.checkpoints.checkpoint import HubFile
from model.checkpoints.tensor_files import CheckpointError, first_line, index_beside, only_checkpoint, weights_sha256
from model.peers.architectures import TiTokPatches
from model.peers.files import named_tensors
from model.peers.layouts import COUNTER, INDEX, LAYOUTS, Layout, recognised, shapes_of
from model.peers.table import PEERS, Peer

# Of the network itself; what else a file has is its training's: heads, decoders, a second copy.
NETWORK = re.compile(r"(blocks|layer\d+|encoder\.layer|norm_pre)\.|(reg_token|register_tokens|dist_token)")
LOCATES = ("pos_embed", "blocks.0.attn.relative_position_bias_table")  # what the size of the pictures is read off
MOST_NAMED = 3


@dataclass(frozen=True)
class LoadedPeer:
    """network: timm's interface, its weights filled in; mean and std of its pixels; sha256 of the file."""

    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str


def load_peer(name: str, weights: str | PathLike[str] | None = None, *, peer: Peer | None = None) -> LoadedPeer:
    """By a name of PEERS; weights: a file, or a folder of one, None for the hub's. Raises CheckpointError."""
    peer = peer or PEERS[name]
    path = located(name, peer, weights)
    sha256 = sha256_of(path)
    if peer.layouts == ("titok",):
        return LoadedPeer(TiTokPatches(TiTok.load(path)), *peer.pixels, sha256)
    if peer.network is None:
        raise CheckpointError(f"{name} is a STELLAR: it is not read as a network of patches; load it by its name")
    tensors = named_tensors(path)
    layout = layout_of(name, peer, path, tensors)
    return LoadedPeer(filled(name, peer, path, layout, tensors), *peer.pixels, sha256)


def located(name: str, peer: Peer, weights: str | PathLike[str] | None) -> Path:
    """The file."""
    if weights is not None:
        path = Path(weights)
        if not path.exists():
            raise CheckpointError(f"there is no file {path}; give the weights of {peer.system} ({peer.published})")
        return only_checkpoint(path) if path.is_dir() else index_beside(path)
    if peer.hub is None:
        note = f"; {peer.note}" if name == "byol-r50" else ""
        raise CheckpointError(f"the weights of {name} are on no hub: fetch them ({peer.published}{note}) and give "
                              f"their file, {name}=FILE")
    return checkpoint.download(peer.hub) if isinstance(peer.hub, HubFile) \
        else only_checkpoint(published.hub_folder(peer.hub))


def is_at_hand(name: str) -> bool:
    """Whether a name of PEERS loads without a network and without a file being named."""
    hub = PEERS[name].hub
    if isinstance(hub, HubFile):
        return checkpoint.local_copy(hub) is not None
    return hub is not None and published.local_folder(hub) is not None


def layout_of(name: str, peer: Peer, path: Path, tensors: dict[str, Tensor]) -> Layout:
    key = recognised(shapes_of(tensors))
    if key in peer.layouts:
        return LAYOUTS[key]
    wanted = " or ".join(LAYOUTS[known].label for known in peer.layouts)
    if key is None:
        raise CheckpointError(f"{path} has no layout that is known here (it has {', '.join(list(tensors)[:MOST_NAMED])}"
                              f", ...); {name} is read from {wanted}")
    others = ", ".join(other for other, row in PEERS.items() if key in row.layouts)
    other = f"; give it as {others}" if others else ""
    raise CheckpointError(f"{path} is not {name}'s: its layout is {LAYOUTS[key].label}, {name} is read from "
                          f"{wanted}{other}")


def filled(name: str, peer: Peer, path: Path, layout: Layout, tensors: dict[str, Tensor]) -> nn.Module:
    """The peer's architecture with every parameter from the file, float32, in eval mode; strict both ways."""
    prefix = layout.prefix(shapes_of(tensors))

    def stored(ours: str) -> list[str] | None:
        """The file's names of one of timm's."""
        for alternative in layout.alternatives(ours):
            names = [other.removeprefix("/") if other.startswith("/") else prefix + other for other in alternative]
            if all(other in tensors for other in names):
                return names
        return None

    def refuse(what: str) -> CheckpointError:
        return CheckpointError(f"{path} does not fit {name}, {peer.network}: {what}")

    located_by = {ours: names for ours in LOCATES if (names := stored(ours))}
    try:
        with torch.device("meta"):  # drawing a large network's numbers takes half a minute, and a file has them all
            network = peer.network.build({ours: tuple(tensors[names[0]].shape) for ours, names in located_by.items()})
    except KeyError as error:
        raise refuse(f"it lacks {error.args[0]}") from error
    except (ValueError, RuntimeError, AssertionError, ArithmeticError, IndexError) as error:
        raise refuse(first_line(error)) from error
    if not peer.last_norm and stored("norm.weight") is None:
        network.norm = nn.Identity()
    wanted = {ours: tensor for ours, tensor in network.state_dict().items()
              if not ours.endswith((COUNTER, INDEX))}
    found = {ours: stored(ours) for ours in wanted}
    missing = [ours for ours, names in found.items() if names is None]
    if missing:
        raise refuse(f"it lacks {len(missing)} of {len(wanted)} parameters, {missing[0]} the first")
    weights = {}
    for ours, names in found.items():
        parts = [tensors[other] for other in names]
        weights[ours] = (torch.cat(parts) if len(parts) > 1 else parts[0]).float()
        if weights[ours].shape != wanted[ours].shape:
            raise refuse(f"its {ours} has the shape {tuple(weights[ours].shape)}, it must be "
                         f"{tuple(wanted[ours].shape)}")
    read = {other for names in found.values() for other in names}
    others = [other for other in tensors if other not in read and other.startswith(prefix)
              and NETWORK.match(other.removeprefix(prefix)) and not other.endswith((COUNTER, INDEX))]
    if others:
        raise refuse(f"it has what the network does not, {', '.join(others[:MOST_NAMED])}")
    network.to_empty(device="cpu")
    for module in network.modules():  # what timm reckons from sizes and no file has
        if hasattr(module, "init_non_persistent_buffers"):
            module.init_non_persistent_buffers()
    network.load_state_dict(weights, strict=False)
    return network.requires_grad_(False).eval()


def sha256_of(path: Path) -> str:
    try:
        return weights_sha256(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
