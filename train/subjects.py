"""What an evaluator looks at: a Stellar, or any timm model with K-means in the place of concepts."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from pathlib import Path
from typing import Protocol

import numpy as np
import timm
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from model import checkpoint
from model.encoder import normalise
from model.factorization import Factorization
from model.stellar import Stellar, check_images, choose_device

NUM_CENTROIDS = 16
# Of a classification file, not of the features: a feature model has neither.
CLASSIFIER = re.compile(r"(head|head_dist|classifier|fc|last_linear)\.")


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

    def __init__(self, name: str, backbone: torch.nn.Module, *, block: int | None = None, sha256: str = "",
                 device: str | torch.device = "cpu", num_centroids: int = NUM_CENTROIDS, seed: int = 0) -> None:
        self.name, self.sha256 = name, sha256
        self.num_centroids, self.seed = num_centroids, seed
        self.device = torch.device(device)
        self.backbone = backbone.eval().requires_grad_(False).to(self.device)
        settings = timm.data.resolve_model_data_config(backbone)
        self.mean, self.std = tuple(settings["mean"]), tuple(settings["std"])
        self.patch_size, self.blocks = blocks_to_read(name, backbone, block)

    @classmethod
    def open(cls, spec: str, *, device: str = "auto", num_centroids: int = NUM_CENTROIDS,
             seed: int = 0) -> TimmSubject:
        """`NAME`, `NAME=FILE` or either with `:BLOCK` behind: a timm name, a safetensors file in timm's names, and for
        a ViT the number of the block to read, from 0 (else the last). Without a file timm downloads the weights.

        Raises ValueError, one sentence, for an unknown name, a file that does not fit and a download that fails.
        """
        name, file, block = parse_peer(spec)
        if not timm.is_model(name):
            raise ValueError(f"timm has no model {name!r}; python -c \"import timm; print(timm.list_models())\" lists "
                             "those it has.")
        if file is None:
            backbone = downloaded(name)
            sha256 = sha256_of_weights(backbone)
        else:
            backbone = with_weights(name, Path(file))
            sha256 = sha256_of(Path(file))
        return cls(name, backbone, block=block, sha256=sha256, device=choose_device(device),
                   num_centroids=num_centroids, seed=seed)

    @torch.no_grad()
    def patch_features(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """(B, 3, H, W) in 0..1 -> (B, N, D) and the patch grid."""
        images = normalise(images.to(self.device, torch.float32), self.mean, self.std)
        rows, cols = images.shape[2] // self.patch_size, images.shape[3] // self.patch_size
        options = {} if len(self.blocks) > 1 else {"norm": True}
        maps = self.backbone.forward_intermediates(images, indices=list(self.blocks), intermediates_only=True,
                                                   output_fmt="NCHW", **options)
        fine = maps[0][..., :rows, :cols]
        coarse = [F.interpolate(feature, size=(rows, cols), mode="bilinear", align_corners=False)
                  for feature in maps[1:]]
        return torch.cat([fine, *coarse], dim=1).flatten(2).mT.float(), (rows, cols)

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


def blocks_to_read(name: str, backbone: torch.nn.Module, block: int | None) -> tuple[int, tuple[int, ...]]:
    """-> patch size, and the numbers that forward_intermediates knows the wanted outputs by."""
    info = getattr(backbone, "feature_info", None)
    if not hasattr(backbone, "forward_intermediates") or not info:
        raise ValueError(f"{name} does not give its intermediate features in timm; choose a ViT or a CNN.")
    reductions = [stage["reduction"] for stage in (info if isinstance(info, list) else info.info)]
    if len(set(reductions)) == 1:  # a ViT: every block has the patch's grid
        block = len(reductions) - 1 if block is None else block
        if not 0 <= block < len(reductions):
            raise ValueError(f"{name} has the blocks 0 to {len(reductions) - 1}, not {block}.")
        return reductions[0], (block,)
    if block is not None:
        raise ValueError(f"{name} is a network of stages, of which strides 16 and 32 are read; leave :{block} out.")
    if not {16, 32} <= set(reductions):
        raise ValueError(f"{name} has features at strides {', '.join(map(str, reductions))}; 16 and 32 are needed.")
    last = {reduction: number for number, reduction in enumerate(reductions)}
    return 16, (last[16], last[32])


def parse_peer(spec: str) -> tuple[str, str | None, int | None]:
    """`NAME[=FILE][:BLOCK]` -> the three."""
    found = re.fullmatch(r"(?P<name>[^=:]+)(=(?P<file>.+?))?(:(?P<block>\d+))?", spec)
    if not found:
        raise ValueError(f"--peer {spec} is not understood; write NAME, NAME=FILE or NAME=FILE:BLOCK.")
    block = found["block"]
    return found["name"], found["file"], None if block is None else int(block)


def built(name: str, **options: object) -> torch.nn.Module:
    """The model without its classifier; a ViT resizes its positions to whatever grid comes."""
    try:
        return timm.create_model(name, num_classes=0, dynamic_img_size=True, **options)
    except TypeError:  # it has no positions to resize
        return timm.create_model(name, num_classes=0, **options)


def downloaded(name: str) -> torch.nn.Module:
    try:
        return built(name, pretrained=True)
    except Exception as error:  # whatever the network, the hub's client and timm think of
        raise ValueError(f"the weights of {name} could not be downloaded ({checkpoint.first_line(error)}); fetch them "
                         f"on a machine with a network and write --peer {name}=FILE.") from error


def with_weights(name: str, file: Path) -> torch.nn.Module:
    try:
        weights = {key: tensor.float() if tensor.is_floating_point() else tensor
                   for key, tensor in load_file(file).items()}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} cannot be read as safetensors ({checkpoint.first_line(error)}); check the path of "
                         f"--peer {name}.") from error
    backbone = built(name)
    positions, native = weights.get("pos_embed"), getattr(backbone, "pos_embed", None)
    if positions is not None and native is not None and positions.ndim == 3 and positions.shape != native.shape:
        side = int(max(positions.shape[1] - getattr(backbone, "num_prefix_tokens", 0), 1) ** 0.5)
        backbone = built(name, img_size=side * backbone.patch_embed.patch_size[0])
    weights = {key: tensor for key, tensor in weights.items() if not CLASSIFIER.match(key)}
    try:
        missing, surplus = backbone.load_state_dict(weights, strict=False)
    except RuntimeError as error:  # shapes
        lines = str(error).splitlines()
        raise ValueError(f"{file} does not fit {name}: {lines[-1].strip()}") from error
    # A count of batches has no part in what a network in eval mode gives.
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or surplus:
        problem, keys = ("lacks", missing) if missing else ("has what the model does not:", surplus)
        raise ValueError(f"{file} does not fit {name}: it {problem} {', '.join(keys[:3])}"
                         f"{f' and {len(keys) - 3} more' if len(keys) > 3 else ''}.")
    return backbone


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


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_weights(backbone: torch.nn.Module) -> str:
    """Of the tensors' names and bytes, for weights that came without a file."""
    digest = hashlib.sha256()
    for name, tensor in sorted(backbone.state_dict().items()):
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        digest.update(name.encode() + content)
    return digest.hexdigest()
