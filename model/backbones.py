"""Frozen networks: a timm model or a peer by name, with its weights, and the features inside it of photos."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from hashlib import sha256
from os import PathLike

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.checkpoints.tensor_files import CheckpointError, first_line, read_all, weights_sha256
from model.peers.loading import load_peer
from model.peers.table import PEERS

# Of a classification file, not of the features: whether it is there says nothing about whether the file fits.
CLASSIFIER = re.compile(r"(head|head_dist|classifier|fc|last_linear)\.")
COUNTER = "num_batches_tracked"  # has no part in what a frozen network gives
MOST_NAMED = 3  # tensors in a sentence


class BackboneError(ValueError):
    """A network that cannot be had or used; one sentence says which and why."""


class Backbone(nn.Module):
    """A frozen timm model, or a peer by its name in `model.peers`, in eval mode, float32, read at chosen places.

    A ViT and the like (`is_column`: one grid from the first block to the last) is read after one block, its patch
    tokens normed by the model's last norm. A network of stages is read after several, which are joined at the finest
    stride of theirs, or at `joined_stride`.

    stride:       a picture's pixels a feature, each way
    multiple:     the grids of all stages are whole on pictures whose sides are multiples of it
    num_features: the width of the joined features
    chosen:       the numbers of the block or of the stages, from 0, in the model's order
    sha256:       of the file of weights, or of the tensors that timm downloaded
    """

    def __init__(self, name: str, *, weights: str | PathLike[str] | None = None, block: int = -1,
                 stages: Sequence[int] | None = None, joined_stride: int | None = None) -> None:
        """weights: a file in timm's names, of a peer a file in a layout of its own; None for the hub's. A timm model's
        may lack what is not read (later blocks, the classifier). block: from 0, or from the end, of a ViT. stages: from
        0, of any other; None for the last ones of strides 16 and 32. Raises BackboneError."""
        super().__init__()
        self.name = name
        tensors = None
        if name in PEERS:
            try:
                peer = load_peer(name, weights)
            except CheckpointError as error:
                raise BackboneError(str(error)) from error
            network, self.sha256, mean, std = peer.network, peer.sha256, peer.mean, peer.std
        else:
            tensors = None if weights is None else tensors_of(weights)
            network = built(name, tensors)
            self.sha256 = sha256_of_tensors(network.state_dict()) if weights is None else sha256_of(weights)
            data = timm.data.resolve_model_data_config(network)
            mean, std = data["mean"], data["std"]
        strides, widths = places(name, network)
        self.is_column = len(set(strides)) == 1
        if self.is_column:
            self.chosen = [checked_block(name, block, len(strides))]
            self.stride = self.multiple = strides[0]
        else:
            self.chosen = checked_stages(name, stages, strides)
            self.stride = joined_stride or min(strides[stage] for stage in self.chosen)
            self.multiple = max(32, *strides)
        self.num_features = sum(widths[place] for place in self.chosen)
        own = set(network.state_dict())
        network.prune_intermediate_layers(self.chosen, prune_norm=not self.is_column, prune_head=True)
        if tensors is not None:
            fill(network, tensors, str(weights))
            refuse_others(name, own, tensors, str(weights))
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def maps(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in 0..1 -> (B, C, rows, cols) of each chosen place, float32; a ViT has one.

        The picture's memory format is the network's. Raises BackboneError for a picture that it cannot look at.
        """
        seen = (image - self.mean) / self.std
        try:
            found = self.network.forward_intermediates(seen, indices=self.chosen, norm=self.is_column,
                                                       output_fmt="NCHW", intermediates_only=True)
        except torch.OutOfMemoryError:  # a RuntimeError too, and no fault of the picture's
            raise
        except (AssertionError, RuntimeError, TypeError) as error:  # a network made for pictures of one size
            raise BackboneError(f"{self.name} cannot look at a picture of {image.shape[2]} x {image.shape[3]} pixels: "
                                f"{first_line(error)}") from error
        return [features.float() for features in found]

    @torch.no_grad()
    def features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1, sides multiples of `stride` -> (B, num_features, H / stride, W / stride), float32.

        What is on another grid is resized to this one, bilinear.
        """
        grid = (image.shape[2] // self.stride, image.shape[3] // self.stride)
        return torch.cat([features if tuple(features.shape[-2:]) == grid else
                          F.interpolate(features, size=grid, mode="bilinear", align_corners=False)
                          for features in self.maps(image)], dim=1)


def built(name: str, tensors: dict[str, Tensor] | None) -> nn.Module:
    """timm's model without its classifier, for pictures of any size where it can: with timm's weights, or with none
    and of the size that a file's positions are for."""
    if not timm.is_model(name):
        raise BackboneError(f"timm has no model {name!r}; python -c \"import timm; print(timm.list_models())\" lists "
                            f"those it has, and besides there are {', '.join(PEERS)}")
    try:
        network = without_classifier(name, pretrained=tensors is None)
        size = None if tensors is None else size_of_positions(network, tensors)
        return network if size is None else without_classifier(name, img_size=size)
    except Exception as error:  # timm, the hub's client and torch each raise their own
        if tensors is None:
            raise BackboneError(f"the weights of {name} could not be downloaded ({first_line(error)}); fetch them on a "
                                "machine with a network and name their safetensors file") from error
        raise BackboneError(f"timm cannot make {name} ({first_line(error)})") from error


def without_classifier(name: str, **options: object) -> nn.Module:
    try:
        return timm.create_model(name, num_classes=0, dynamic_img_size=True, **options)
    except TypeError:  # only ViTs have positions, which are resized to whatever grid comes
        return timm.create_model(name, num_classes=0, **options)


def size_of_positions(network: nn.Module, tensors: dict[str, Tensor]) -> int | None:
    """The side in pixels of the pictures whose patches a file's positions count; None where the network's own fit."""
    positions, own = tensors.get("pos_embed"), getattr(network, "pos_embed", None)
    if not isinstance(own, Tensor) or positions is None or positions.ndim != 3 or positions.shape == own.shape:
        return None
    num_others = own.shape[1] - network.patch_embed.num_patches  # the summary's and the registers', where it has some
    side = math.isqrt(max(positions.shape[1] - num_others, 1))
    return side * network.patch_embed.patch_size[0]


def places(name: str, network: nn.Module) -> tuple[list[int], list[int]]:
    """Strides and widths of what a network can be read at."""
    known = getattr(network, "feature_info", None)
    if not known or not hasattr(network, "forward_intermediates"):
        raise BackboneError(f"timm's {name} does not give the features inside it; choose a ViT or a network of stages")
    known = known if isinstance(known, list) else known.info
    return [place["reduction"] for place in known], [place["num_chs"] for place in known]


def checked_block(name: str, block: int, count: int) -> int:
    if not -count <= block < count:
        raise BackboneError(f"{name} has the blocks 0 to {count - 1} and no block {block}")
    return block % count


def checked_stages(name: str, stages: Sequence[int] | None, strides: list[int]) -> list[int]:
    """-> in the model's order, which is the one that their features come in."""
    last = {stride: stage for stage, stride in enumerate(strides)}
    wanted = [last.get(16, -1), last.get(32, -1)] if stages is None else stages
    if not all(0 <= stage < len(strides) for stage in wanted):
        known = ", ".join(f"{stage} (stride {stride})" for stage, stride in enumerate(strides))
        asked = "strides 16 and 32 are needed" if stages is None else f"its stages are set to {list(stages)}"
        raise BackboneError(f"{name} has the stages {known}; {asked}")
    return sorted(set(wanted))


def tensors_of(path: str | PathLike[str]) -> dict[str, Tensor]:
    """Of a file in timm's names, of an index of shards, or of a folder that holds one of these."""
    try:
        return read_all(path)
    except CheckpointError as error:
        raise BackboneError(str(error)) from error


def fill(network: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Every parameter of a network from named tensors, as float32; what the network has not (a classifier) is left out.
    BackboneError where one is missing or misshapen."""
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in tensors and not name.endswith(COUNTER)]
    if missing:
        raise BackboneError(f"{source} lacks {len(missing)} of this model's parameters, {missing[0]} the first")
    wrong = [name for name, tensor in wanted.items() if name in tensors and tensors[name].shape != tensor.shape]
    if wrong:
        raise BackboneError(f"{source}: {wrong[0]} has the shape {tuple(tensors[wrong[0]].shape)}, "
                            f"the model's has {tuple(wanted[wrong[0]].shape)}")
    network.load_state_dict({name: tensors[name].float() for name in wanted if name in tensors}, strict=False)


def refuse_others(name: str, own: set[str], tensors: dict[str, Tensor], source: str) -> None:
    """BackboneError where a file holds what the model (whose names are `own`) has no place for: it is another's, and
    without its registers or layer scales the features would be wrong and nothing else would say so."""
    others = [tensor for tensor in tensors if tensor not in own and not CLASSIFIER.match(tensor)]
    if others:
        more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        raise BackboneError(f"{source} does not fit {name}: it has what the model does not: "
                            f"{', '.join(others[:MOST_NAMED])}{more}")


def sha256_of(path: str | PathLike[str]) -> str:
    """Of a file's content."""
    try:
        return weights_sha256(path)
    except OSError as error:
        raise BackboneError(f"{path} cannot be read: {error.strerror}") from error


def sha256_of_tensors(tensors: dict[str, Tensor]) -> str:
    """Of their names and bytes, for weights that came without a file."""
    digest = sha256()
    for name, tensor in sorted(tensors.items()):
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        digest.update(name.encode() + content)
    return digest.hexdigest()
