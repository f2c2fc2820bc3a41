"""What an evaluator looks at: a Stellar, what it is compared with, or a timm model or peer with K-means."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import ModuleType
from typing import Protocol

import torch
from torch import Tensor

from model.backbones import Backbone, BackboneError, sha256_of
from model.baselines import at_native_size, mae, published, titok
from model.baselines.mae import Mae
from model.baselines.titok import TiTok
from model.checkpoints import checkpoint
from model.checkpoints.tensor_files import INDEX_SUFFIX, CheckpointError, TensorFile, only_checkpoint
from model.factorization import Factorization
from model.operations.kmeans import NUM_CENTROIDS, factorize_by_kmeans
from model.stellar import Stellar, check_images, choose_device

BASELINES = (titok, mae)
NUM_VISIBLE = 32
TITOK_TOKENIZER = "nano"  # for a TiTok's file without one: the tokenizer that recipe titok has


class Subject(Protocol):
    """A model that factorizes photos. `stellar` is the Stellar itself, None for a peer; `sha256` of its weights."""

    name: str
    sha256: str
    patch_size: int
    stellar: Stellar | None

    def factorize(self, images: Tensor) -> Factorization:
        """(B, 3, H, W) in 0..1, sides multiples of `patch_size` -> Factorization, float32."""
        ...


class StellarSubject:
    """A Stellar, looked at as it is."""

    def __init__(self, name: str, stellar: Stellar, sha256: str = "") -> None:
        self.name, self.stellar, self.sha256 = name, stellar, sha256

    @classmethod
    def open(cls, source: str, *, device: str = "auto") -> StellarSubject:
        """What Stellar.load takes, or `label=` in front of it. Raises CheckpointError (a ValueError).

        In float32 wherever it runs, so that its scores are the same.
        """
        label, place = labelled(source)
        path = checkpoint.resolve(place)
        stellar = Stellar.load(place, device=device, dtype="float32")
        return cls(label or name_of(place), stellar, sha256_of(path))

    @property
    def patch_size(self) -> int:
        return self.stellar.patch_size

    @property
    def device(self) -> torch.device:
        return self.stellar.device

    def factorize(self, images: Tensor) -> Factorization:
        return self.stellar.factorize(images)


class BaselineSubject:
    """What STELLAR is compared with: it only reconstructs, from its own number of tokens, at one size of its own."""

    stellar = None

    def __init__(self, name: str, baseline: TiTok | Mae, sha256: str = "") -> None:
        self.name, self.baseline, self.sha256 = name, baseline, sha256
        # As many patches for a MAE as a TiTok has codes; of a very small one half.
        self.num_tokens = (baseline.num_tokens if isinstance(baseline, TiTok)
                           else min(NUM_VISIBLE, baseline.native_grid**2 // 2))

    @classmethod
    def open(cls, source: str, *, device: str = "auto") -> BaselineSubject:
        """"titok", "mae" or a published name, a file or folder of one, or `label=` in front of either; see
        `baseline_module`. A TiTok without a tokenizer of its own gets nano's. Raises CheckpointError (a ValueError)."""
        label, place = labelled(source)
        module = baseline_module(source)
        path = published.locate(place, shipped=module.SHIPPED, repositories=module.REPOSITORIES)
        device = choose_device(device)
        baseline = (Mae.load(place, device=device) if module is mae
                    else TiTok.load(place, device=device, tokenizer=TITOK_TOKENIZER))
        return cls(label or name_of(place), baseline,
                   sha256_of(only_checkpoint(path) if path.is_dir() else path))

    @property
    def patch_size(self) -> int:
        """That photos are fitted by; the model then sees them stretched to its own size."""
        return self.baseline.config.patch_size

    @property
    def device(self) -> torch.device:
        return next(self.baseline.parameters()).device

    @property
    def no_round_trip(self) -> str | None:
        """Why no tokenizer is its ceiling, or None."""
        tokenizer = getattr(self.baseline, "tokenizer", None)
        if tokenizer is None:
            return "this model gives pixels, so no tokenizer is its ceiling"
        return "its tokenizer came without an encoder" if tokenizer.encoder is None else None

    def round_trip(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, 3, native, native): through its tokenizer alone."""
        tokenizer = self.baseline.tokenizer
        return tokenizer.decode(tokenizer.encode(at_native_size(images, self.baseline.native_size))).float()

    def reconstruct(self, images: Tensor, *, seed: int) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, 3, native, native) in 0..1. The seed draws what a MAE sees."""
        settings = {"seed": seed} if isinstance(self.baseline, Mae) else {}
        return self.baseline.reconstruct(images.to(self.device), self.num_tokens, **settings)

    def num_bytes(self, images: Tensor) -> list[int]:
        return self.baseline.num_bytes(images, self.num_tokens)

    def factorize(self, images: Tensor) -> Factorization:
        raise ValueError(f"{self.name} has no concepts, it only reconstructs: give --protocol reconstruction.")


def baseline_module(source: str) -> ModuleType | None:
    """The module of model/baselines/ that a source is of, by its name, its label or its file's metadata, else None."""
    label, place = labelled(source)
    for module in BASELINES:
        if place in (*module.SHIPPED, *module.REPOSITORIES) or label in module.SHIPPED:
            return module
    path = Path(place)
    try:
        path = only_checkpoint(path) if path.is_dir() else path
        metadata = TensorFile(path).metadata if path.suffix == ".safetensors" and path.is_file() else {}
    except CheckpointError:  # whoever loads it says what is wrong
        return None
    return next((module for module in BASELINES if module.CONFIG_KEY in metadata), None)


def open_peer(spec: str, *, device: str = "auto", seed: int = 0) -> Subject:
    """--peer: a published STELLAR with its own concepts, any other of model/peers and any timm model with K-means in
    their place. Raises ValueError, one sentence."""
    name, file, block = parse_peer(spec)
    if name not in checkpoint.PUBLISHED:
        return TimmSubject.open(spec, device=device, seed=seed)
    if block is not None:
        raise ValueError(f"{name} is a STELLAR, whose last block makes its concepts; leave :{block} out")
    path = checkpoint.resolve(file or name)
    # Heads cannot be read off a file, and the name says which they are, wherever the file lies.
    stellar = Stellar.load(path, device=device, dtype="float32", num_heads=checkpoint.PUBLISHED[name].num_heads)
    return StellarSubject(name, stellar, sha256_of(path))


class TimmSubject:
    """A timm model's or a peer's patch features; per photo K-means takes the place of concepts
    (model/operations/kmeans.py).

    A ViT gives the patch tokens of one block, after the model's last norm; a network of stages gives those of strides
    16 and 32 one behind the other, the second resized (bilinear) to the grid of the first.
    """

    stellar = None

    def __init__(self, backbone: Backbone, *, device: str | torch.device = "cpu", num_centroids: int = NUM_CENTROIDS,
                 seed: int = 0) -> None:
        self.name, self.sha256, self.patch_size = backbone.name, backbone.sha256, backbone.stride
        self.num_centroids, self.seed = num_centroids, seed
        self.device = torch.device(device)
        self.backbone = backbone.to(self.device)

    @classmethod
    def open(cls, spec: str, *, device: str = "auto", num_centroids: int = NUM_CENTROIDS,
             seed: int = 0) -> TimmSubject:
        """`NAME`, `NAME=FILE` or either with `:BLOCK` behind: a name of model/peers and a file in a layout of its own,
        or a timm name and a safetensors file in timm's names, and for a ViT the number of the block to read, from 0
        (else the last). Without a file the weights are downloaded.

        Raises BackboneError for an unknown name, a file that does not fit and a download that fails.
        """
        name, file, block = parse_peer(spec)
        backbone = Backbone(name, weights=file, block=-1 if block is None else block)
        if block is not None and not backbone.is_column:
            raise BackboneError(f"{name} is a network of stages, of which strides 16 and 32 are read; leave :{block} "
                                "out")
        return cls(backbone, device=choose_device(device), num_centroids=num_centroids, seed=seed)

    def patch_features(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """(B, 3, H, W) in 0..1 -> (B, N, D) and the patch grid."""
        features = self.backbone.features(images.to(self.device, torch.float32))
        return features.flatten(2).mT, tuple(features.shape[2:])

    def factorize(self, images: Tensor) -> Factorization:
        check_images(images, self.patch_size)
        patch_features, patch_grid = self.patch_features(images)
        return factorize_by_kmeans(patch_features, patch_grid, num_centroids=self.num_centroids, seed=self.seed)


def parse_peer(spec: str) -> tuple[str, str | None, int | None]:
    """`NAME[=FILE][:BLOCK]` -> the three."""
    found = re.fullmatch(r"(?P<name>[^=:]+)(=(?P<file>.+?))?(:(?P<block>\d+))?", spec)
    if not found:
        raise ValueError(f"--peer {spec} is not understood; write NAME, NAME=FILE or NAME=FILE:BLOCK.")
    block = found["block"]
    return found["name"], found["file"], None if block is None else int(block)


def labelled(source: str) -> tuple[str | None, str]:
    """`label=CHECKPOINT` -> both; a file whose own name has an equals sign stays whole."""
    label, sign, place = source.partition("=")
    if not sign or os.path.exists(source) or "/" in label or os.sep in label:
        return None, source
    return label, place


def name_of(source: str) -> str:
    """What to call a checkpoint that came without a label: runs/a/model.safetensors is "a"."""
    path, known = Path(source), [*checkpoint.SHIPPED, *checkpoint.PUBLISHED]
    known += [name for module in BASELINES for name in (*module.SHIPPED, *module.REPOSITORIES)]
    if source in known or not path.exists():
        return source
    path = path.resolve()
    stem = Path(path.name.removesuffix(INDEX_SUFFIX)).stem
    return path.name if path.is_dir() else path.parent.name if stem == "model" else stem
