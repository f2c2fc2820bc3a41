"""Where a run's weights start: from scratch, from a timm ViT, from a STELLAR; and the frozen parts it stands on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file
from sklearn.cluster import KMeans
from torch import Tensor, nn

from model import checkpoint
from model.encoder import HybridEmbedding
from model.stellar import Stellar
from model.tokenizer import Tokenizer
from train.config import RecipeError, TrainConfig
from train.photos import fit
from train.teachers import TeacherError, load_timm

TOKEN_START_PHOTOS = 256


def start(config: TrainConfig) -> Stellar:
    """A STELLAR in float32 with the recipe's architecture and its starting weights, on the CPU.

    The seed decides whatever is drawn. Raises RecipeError (or CheckpointError) for a start that does not fit.
    """
    wanted = config.model
    if "reconstruction" not in config.weights:
        wanted = replace(wanted, decoder=None, tokenizer=None)
    elif wanted.decoder.num_codes is None:
        wanted = replace(wanted, tokenizer=None)
    tokenizer = None
    if wanted.decoder is not None and wanted.decoder.num_codes is not None:
        tokenizer = open_tokenizer(config.tokenizer_weights)
        if tokenizer.config.num_codes != wanted.decoder.num_codes:
            raise RecipeError(f"the decoder predicts {wanted.decoder.num_codes} codes, "
                              f"the tokenizer has {tokenizer.config.num_codes}")
        wanted = replace(wanted, tokenizer=tokenizer.config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        stellar = Stellar(wanted)
        nn.init.normal_(stellar.encoder.summary_token, std=1e-6)
    if wanted.stem is not None:
        load_stem(stellar.encoder.embedding.stem, wanted.stem, config.stem_weights)
    if tokenizer is not None:
        stellar.tokenizer.load_state_dict(tokenizer.state_dict())
    if config.init is not None:
        load_start(stellar, config.init)
    return stellar


def load_start(stellar: Stellar, source: str) -> None:
    """Weights from a timm ViT or another STELLAR into one; the source need not have a decoder."""
    if source.startswith("timm:") or timm_file(source):
        load_vit(stellar, source)
    elif timm.is_model(source):
        load_vit(stellar, f"timm:{source}")
    else:
        other = Stellar.load(source, device="cpu", dtype="float32")
        merge(stellar, {name: tensor for name, tensor in other.state_dict().items()
                        if not name.startswith("tokenizer.")}, source)


def timm_file(source: str) -> bool:
    """Whether a path is a safetensors file in timm's ViT names."""
    path = Path(source)
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    try:
        with safe_open(path, "pt") as tensors:
            return {"patch_embed.proj.weight", "blocks.0.attn.qkv.weight"} <= set(tensors.keys())
    except Exception:  # Stellar.load says what is wrong with it
        return False


def load_vit(stellar: Stellar, source: str) -> None:
    """timm's ViT parameters into the encoder: everything but the tokens, the localizer and the decoder."""
    if source.startswith("timm:"):
        name = source.removeprefix("timm:")
        try:
            tensors = timm.create_model(name, pretrained=True, num_classes=0).state_dict()
        except Exception as error:  # timm, the hub's client and torch each raise their own
            raise RecipeError(f"{name} cannot be had through timm ({error}); give a safetensors file of it to --init") \
                from error
    else:
        tensors = load_file(source)
    names = {"patch_embed.proj.weight": "encoder.embedding.patch.weight",
             "patch_embed.proj.bias": "encoder.embedding.patch.bias",
             "cls_token": "encoder.summary_token", "pos_embed": "encoder.positions",
             "norm.weight": "encoder.norm.weight", "norm.bias": "encoder.norm.bias"}
    ours = {names.get(name, f"encoder.{name}"): tensor.float() for name, tensor in tensors.items()
            if name in names or name.startswith("blocks.")}
    if "encoder.positions" in ours:
        ours["encoder.positions"] = resized_positions(ours["encoder.positions"], stellar.encoder.native_grid)
    merge(stellar, ours, source)


def resized_positions(positions: Tensor, side: int) -> Tensor:
    """(1, 1 + n * n, D) or, where a ViT has none for its summary, (1, n * n, D) -> (1, 1 + side * side, D)."""
    count = positions.shape[1]
    grid = int(count**0.5)
    front = positions[:, : count - grid * grid]
    if not front.shape[1]:
        front = positions.new_zeros(1, 1, positions.shape[2])
    square = positions[:, count - grid * grid :].unflatten(1, (grid, grid)).movedim(-1, 1)
    if grid != side:
        square = F.interpolate(square, size=(side, side), mode="bicubic", align_corners=False)
    return torch.cat([front[:, :1], square.flatten(2).mT], dim=1)


def merge(stellar: Stellar, tensors: dict[str, Tensor], source: str) -> None:
    """Named tensors over a model's own; RecipeError where a shape differs or hardly anything fits."""
    own = stellar.state_dict()
    fitting = {name: tensor for name, tensor in tensors.items() if name in own}
    if not any(name.startswith("encoder.blocks.") for name in fitting):
        raise RecipeError(f"{source} has no transformer block that this recipe's model could start from")
    for name, tensor in fitting.items():
        if tensor.shape != own[name].shape:
            raise RecipeError(f"{source} does not fit this recipe's model: {name} has the shape {tuple(tensor.shape)}, "
                              f"the model's has {tuple(own[name].shape)}")
    stellar.load_state_dict(fitting, strict=False)


def load_stem(stem: nn.Module, name: str, weights: str | None) -> None:
    """The frozen stem: out of a STELLAR that has one, from a safetensors file in timm's names, or timm's download."""
    if weights in checkpoint.SHIPPED:
        weights = str(checkpoint.SHIPPED[weights])
    if weights is None:
        try:
            tensors = timm.create_model(name, pretrained=True, features_only=True, out_indices=(2, 3, 4)).state_dict()
        except Exception as error:  # as above
            raise RecipeError(f"the stem {name} cannot be had through timm ({error}); set stem_weights to a file") \
                from error
        stem.load_state_dict(tensors)
        return
    prefix = "encoder.embedding.stem."
    try:
        with safe_open(weights, "pt") as file:
            inside = {key.removeprefix(prefix): file.get_tensor(key).float() for key in file.keys()  # noqa: SIM118
                      if key.startswith(prefix)}
    except Exception as error:  # safetensors' errors have no common base
        raise RecipeError(f"stem_weights: {weights} cannot be read as safetensors: {error}") from error
    if inside:
        stem.load_state_dict(inside, strict=False)
        return
    try:
        load_timm(stem, weights)
    except TeacherError as error:
        raise RecipeError(str(error)) from error


def open_tokenizer(source: str | None) -> Tokenizer:
    """A frozen tokenizer: "nano" or any STELLAR that has one, "published", or a file of one."""
    if source is None:
        raise RecipeError("the decoder predicts codes, so it needs a tokenizer: set tokenizer_weights to a STELLAR that "
                          "has one, or let it predict pixels with --set model.decoder.num_codes=null")
    return Tokenizer.load(source)


def open_stem(config: TrainConfig) -> nn.Module:
    """The stem alone, for the tokenizer's perceptual loss."""
    stem = HybridEmbedding(config.model.width, config.model.patch_size, config.model.stem).stem
    load_stem(stem, config.model.stem, config.stem_weights)
    return stem


@torch.no_grad()
def tokens_from_clusters(stellar: Stellar, images: list[Tensor], *, seed: int) -> None:
    """Sets the tokens of a hybrid from K-means of what its embedding says of some photos' patches (nano's warm start).

    images: (1, 3, H, W) each, in 0..1. The tokens then start apart from each other and among the patches, where the
    first blocks' attention already tells them apart.
    """
    patches = torch.cat([stellar.encoder.embedding(image).flatten(2).mT.flatten(0, 1)[::7] for image in images])
    count = len(stellar.encoder.tokens)
    if len(patches) < count:
        raise RecipeError(f"{len(patches)} patches cannot be clustered into {count} tokens")
    found = KMeans(count, n_init=1, random_state=seed).fit(patches.float().numpy())
    centres = torch.from_numpy(found.cluster_centers_).to(stellar.encoder.tokens)
    spread = centres - centres.mean(dim=0)
    stellar.encoder.tokens.copy_(spread / spread.norm(dim=1, keepdim=True).clamp_min(1e-6))


def some_images(photos, patch_size: int) -> list[Tensor]:
    """Up to TOKEN_START_PHOTOS readable photos, evenly spaced: (1, 3, H, W) each, 224 px long."""
    found = []
    for index in range(0, len(photos), max(1, len(photos) // TOKEN_START_PHOTOS)):
        try:
            found.append(fit(photos.read(index), resolution=224, patch_size=patch_size)[None])
        except (ValueError, OSError):
            continue
    return found
