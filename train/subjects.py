"""What an evaluator looks at: a Stellar, or any timm model with K-means in the place of concepts."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from model import checkpoint
from model.factorization import Factorization
from model.stellar import Stellar, check_images, choose_device
from train.backbones import Backbone, BackboneError, sha256_of

NUM_CENTROIDS = 16


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

    def factorize(self, images: Tensor) -> Factorization:
        return self.stellar.factorize(images)


class TimmSubject:
    """A timm model's patch features; per photo K-means takes the place of concepts.

    semantics are the centroids, localization the one-hot rows of the patches' clusters, the summary is the mean patch
    feature. A photo with fewer distinct patches than centroids has fewer clusters: the tokens left over have no patch
    and say the mean patch feature.

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
        """`NAME`, `NAME=FILE` or either with `:BLOCK` behind: a timm name, a safetensors file in timm's names, and for
        a ViT the number of the block to read, from 0 (else the last). Without a file timm downloads the weights.

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
        clustered = [cluster(features, num_centroids=self.num_centroids, seed=self.seed)
                     for features in patch_features.cpu().numpy()]
        return Factorization(
            semantics=torch.from_numpy(np.stack([centroids for centroids, _ in clustered])).to(self.device),
            localization=torch.from_numpy(np.stack([one_hot for _, one_hot in clustered])).to(self.device),
            patch_features=patch_features, summary=patch_features.mean(dim=1), patch_grid=patch_grid)


def cluster(features: np.ndarray, *, num_centroids: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) -> centroids (K, D) and one-hot rows (N, K), both float32."""
    num_clusters = min(num_centroids, len(features))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct patches than clusters: handled below
        means = KMeans(num_clusters, n_init=1, random_state=seed).fit(features)
    one_hot = np.zeros((len(features), num_centroids), np.float32)
    one_hot[np.arange(len(features)), means.labels_] = 1
    centroids = np.repeat(features.mean(axis=0, keepdims=True), num_centroids, axis=0).astype(np.float32)
    used = np.unique(means.labels_)
    centroids[used] = means.cluster_centers_[used]
    return centroids, one_hot


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
    path = Path(source)
    if source in checkpoint.SHIPPED or source in checkpoint.PUBLISHED or not path.exists():
        return source
    path = path.resolve()
    return path.name if path.is_dir() else path.parent.name if path.stem == "model" else path.stem
