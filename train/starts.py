"""Where a run's weights start: from scratch, from a timm ViT, from a STELLAR; and the frozen parts it stands on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from sklearn.linear_model import Ridge
from timm.layers import resample_patch_embed
from torch import Tensor, nn

from model.backbones import BackboneError, fill, tensors_of
from model.checkpoints import checkpoint
from model.checkpoints.tensor_files import (
    CheckpointError,
    TensorFile,
    first_line,
    index_beside,
    only_checkpoint,
    read_all,
)
from model.config import DecoderConfig
from model.encoder import HybridEmbedding
from model.operations.kmeans import kmeans
from model.stellar import Stellar
from model.tokenizer import Tokenizer
from photos.fitting import fit
from train.config import RecipeError, TrainConfig
from train.learners.teachers import TaughtPhoto, Whitening
from train.run_folder import RunFolder, damage


def start(config: TrainConfig) -> Stellar:
    """A STELLAR in float32 with the recipe's architecture and its starting weights, on the CPU, in training mode.

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
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            load_start(stellar, config.init)
    return stellar.train()  # by name: a hybrid's frozen stem then leaves the mode that it was built in


def load_start(stellar: Stellar, source: str) -> None:
    """Weights from a timm ViT or another STELLAR into one; its concept head and decoder too, where it has the same.

    Positions are resized to the model's own grid.
    """
    if not is_vit(source):
        load_stellar(stellar, source)
    elif timm.is_model(source):
        load_vit(stellar, f"timm:{source}")
    else:
        load_vit(stellar, source)


def is_vit(source: str) -> bool:
    """Whether a start is a timm ViT, which has no tokens, rather than a STELLAR."""
    return source.startswith("timm:") or timm_file(source) or timm.is_model(source)


def load_stellar(stellar: Stellar, source: str) -> None:
    config = stellar.config
    # The heads that a foreign file does not record are taken to be the recipe's.
    other = Stellar.load(source, device="cpu", dtype="float32", num_heads=config.num_heads,
                         decoder_num_heads=config.decoder.num_heads if config.decoder is not None else None)
    check_heads(source, other.config.num_heads, config.num_heads)
    if other.config.stem not in (None, config.stem):
        raise RecipeError(f"{source} does not fit this recipe's model: it stands on the stem {other.config.stem}, "
                          f"the model on {config.stem or 'none'}")
    tensors = {name: tensor for name, tensor in other.state_dict().items()
               if not name.startswith(("tokenizer.", "decoder.", "concept_head."))}
    if other.concept_head is not None and other.config.concept_head == config.concept_head:
        tensors |= {f"concept_head.{name}": tensor for name, tensor in other.concept_head.state_dict().items()}
    if other.decoder is not None and same_architecture(other.config.decoder, config.decoder):
        tensors |= {f"decoder.{name}": tensor for name, tensor in other.decoder.state_dict().items()}
    merge(stellar, tensors, source)


def heads_of_start(learner: nn.Module, init: str | None) -> dict[str, Tensor]:
    """What a run's start brings for the learner's training heads, by the learner's names: of another run's folder those
    in its last checkpoint that have the same shape; else nothing."""
    saved = RunFolder(Path(init)).saved() if init is not None and Path(init).is_dir() else []
    if not saved or not (saved[-1] / "model.safetensors").is_file():
        return {}
    whole = [checkpoint for checkpoint in saved if damage(checkpoint) is None] or saved  # else it says what is wrong
    own = {name: tensor for name, tensor in learner.state_dict().items() if not name.startswith("stellar.")}
    file = TensorFile(whole[-1] / "model.safetensors")
    found = file.read(name for name in file.shapes if name in own)
    return {name: tensor for name, tensor in found.items() if tensor.shape == own[name].shape}


def same_architecture(one: DecoderConfig, other: DecoderConfig | None) -> bool:
    """Whether two decoders have the same parts; at which size each draws best is no part."""
    return other is not None and replace(one, best_size=None) == replace(other, best_size=None)


def load_heads(learner: nn.Module, init: str | None) -> None:
    """Training heads of a run's start into the learner's.

    Random teaching heads and prototypes would disturb a trained encoder until they fit it. Where the start brings none,
    prototypes do begin at random, and teaching heads by `fit_teaching_heads`.
    """
    learner.load_state_dict(heads_of_start(learner, init), strict=False)


def brings_heads(learner: nn.Module, init: str | None) -> bool:
    """Whether a run's start brings each of the learner's teaching heads."""
    taught = {name for name, _ in learner.named_parameters() if name.startswith(("teaching.", "summary_teaching."))}
    return taught <= heads_of_start(learner, init).keys()


def timm_file(source: str) -> bool:
    """Whether a path is a file, or a folder of one, in timm's ViT names."""
    path = Path(source)
    try:
        path = only_checkpoint(path) if path.is_dir() else path
        return path.is_file() and timm_names(TensorFile(index_beside(path)).shapes)
    except CheckpointError:  # Stellar.load says what is wrong with it
        return False


def timm_names(names: Iterable[str]) -> bool:
    return {"patch_embed.proj.weight", "blocks.0.attn.qkv.weight"} <= set(names)


# timm's names outside the blocks: those that we have, and those that a start can do without.
VIT_NAMES = {"patch_embed.proj.weight": "encoder.embedding.patch.weight",
             "patch_embed.proj.bias": "encoder.embedding.patch.bias",
             "cls_token": "encoder.summary_token", "pos_embed": "encoder.positions",
             "norm.weight": "encoder.norm.weight", "norm.bias": "encoder.norm.bias"}
VIT_EXTRAS = ("head", "fc_norm.", "attn_pool.", "reg_token", "dist_token")


def load_vit(stellar: Stellar, source: str) -> None:
    """timm's ViT parameters into the encoder: everything but the tokens, the localizer and the decoder.

    A block's layer scales (DINOv2 has them) go into the weights that they scale, which changes nothing. A model with
    fewer blocks starts from the ViT's first ones, one with other patches from its patch embedding resampled. In a
    hybrid the stem's projections start at zero, but for those that `initialize_stem_projections` sets.
    """
    depth, patch = num_blocks(stellar.state_dict()), stellar.encoder.embedding.patch
    if source.startswith("timm:"):
        name = source.removeprefix("timm:")
        try:
            vit = timm.create_model(name, pretrained=True, num_classes=0)
        except Exception as error:  # timm, the hub's client and torch each raise their own
            raise RecipeError(f"{name} cannot be had through timm ({first_line(error)}); give a file of it to "
                              "--init") from error
        tensors = vit.state_dict()
        if not timm_names(tensors):
            raise RecipeError(f"timm's {name} is no ViT to start from: it has no blocks of this model's kind")
        check_heads(source, vit.blocks[0].attn.num_heads, stellar.config.num_heads)
    else:
        tensors = read_all(source)
    homeless = [name for name in tensors if name not in VIT_NAMES and not name.startswith(("blocks.", *VIT_EXTRAS))]
    if homeless:
        raise RecipeError(f"{source} is no plain ViT: this model has no place for its {homeless[0]}")
    ours = {VIT_NAMES.get(name, f"encoder.{name}"): tensor.float() for name, tensor in tensors.items()
            if not name.startswith(VIT_EXTRAS)}
    for name in [name for name in ours if name.endswith((".ls1.gamma", ".ls2.gamma"))]:
        scale, block = ours.pop(name), name.split(".ls")[0]
        scaled = f"{block}.attn.proj" if ".ls1." in name else f"{block}.mlp.fc2"
        for part in {f"{scaled}.weight", f"{scaled}.bias"} & set(ours):
            ours[part] = scale.view(-1, *[1] * (ours[part].ndim - 1)) * ours[part]
    # The last norm is kept though blocks are dropped: it scales down channels that are large after every late block.
    ours = {name: tensor for name, tensor in ours.items()
            if not (name.startswith("encoder.blocks.") and int(name.split(".")[2]) >= depth)}
    embedding = ours["encoder.embedding.patch.weight"]
    if embedding.shape[-2:] != patch.weight.shape[-2:]:
        ours["encoder.embedding.patch.weight"] = resample_patch_embed(embedding, list(patch.weight.shape[-2:]))
    merge(stellar, ours, source)
    if isinstance(stellar.encoder.embedding, HybridEmbedding):
        initialize_stem_projections(stellar.encoder.embedding)


# The initial gain of the coarsest stride's projection, beside a DINOv2 ViT-S after five to eight blocks, whose patches
# differ by about 1. EXPERIMENTS.md compares others.
STEM_GAIN = 0.12
# A late stem's summary projection begins with so many principal components of photos' means, each of this length.
SUMMARY_DIRECTIONS, SUMMARY_NORM = 192, 4.0


def initialize_stem_projections(embedding: HybridEmbedding) -> None:
    """For a pretrained ViT: zero, but for a late stem's coarsest stride, which is rotated into the width, so that its
    angles are kept. The summary's projection is `initialize_summary_projection`'s."""
    for projection in [*embedding.proj.values(), *([embedding.summary_proj] if embedding.summary_proj else [])]:
        nn.init.zeros_(projection.weight)
        nn.init.zeros_(projection.bias)
    if embedding.summary_proj is not None:
        nn.init.orthogonal_(embedding.proj["32"].weight, gain=STEM_GAIN)


def check_heads(source: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise RecipeError(f"{source} does not fit this recipe's model: it has {found} heads, the model {wanted}")


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
    """Named tensors over a model's own. RecipeError where one has no place or another shape, or a block's are missing.

    Biases may be missing: a ViT without them is one whose biases are zero.
    """
    unfit = f"{source} does not fit this recipe's model"
    own = stellar.state_dict()
    if "encoder.positions" in tensors:
        positions = resized_positions(tensors["encoder.positions"], stellar.encoder.native_grid)
        tensors = {**tensors, "encoder.positions": positions}
    blocks, wanted = num_blocks(tensors), num_blocks(own)
    if blocks != wanted:
        raise RecipeError(f"{unfit}: it has {blocks} transformer blocks, the model {wanted}")
    for name, tensor in tensors.items():
        if name not in own:
            raise RecipeError(f"{unfit}: the model has no {name}")
        if tensor.shape != own[name].shape:
            raise RecipeError(f"{unfit}: {name} has the shape {tuple(tensor.shape)}, the model's has "
                              f"{tuple(own[name].shape)}")
    absent = [name for name in own if name.startswith("encoder.blocks.") and name not in tensors]
    for name in absent:
        if not name.endswith(".bias"):
            raise RecipeError(f"{unfit}: it has no {name}")
    stellar.load_state_dict({**tensors, **{name: torch.zeros_like(own[name]) for name in absent}}, strict=False)


def num_blocks(tensors: dict[str, Tensor]) -> int:
    return len({name.split(".")[2] for name in tensors if name.startswith("encoder.blocks.")})


def load_stem(stem: nn.Module, name: str, weights: str | None) -> None:
    """The frozen stem: out of a STELLAR that has one, from a file in timm's names, or timm's download."""
    if weights in checkpoint.SHIPPED:
        weights = str(checkpoint.SHIPPED[weights])
    if weights is None:
        try:
            tensors = timm.create_model(name, pretrained=True, features_only=True, out_indices=(2, 3, 4)).state_dict()
        except Exception as error:  # as above
            raise RecipeError(f"the stem {name} cannot be had through timm ({first_line(error)}); "
                              "set stem_weights to a file") from error
        stem.load_state_dict(tensors)
        return
    prefix = "encoder.embedding.stem."
    try:
        tensors = tensors_of(weights)
        inside = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        fill(stem, inside or tensors, weights)
    except BackboneError as error:
        raise RecipeError(f"stem_weights: {error}") from error


def open_tokenizer(source: str | None) -> Tokenizer:
    """A frozen tokenizer: "nano" or any STELLAR that has one, "published", or a file of one."""
    if source is None:
        raise RecipeError("the decoder predicts codes, so it needs a tokenizer: set tokenizer_weights to a STELLAR "
                          "that has one, or let it predict pixels with --set model.decoder.num_codes=null")
    return Tokenizer.load(source)


def open_stem(config: TrainConfig) -> nn.Module:
    """The stem alone, for the tokenizer's perceptual loss."""
    stem = HybridEmbedding(config.model.width, config.model.patch_size, config.model.stem).stem
    load_stem(stem, config.model.stem, config.stem_weights)
    return stem


@torch.no_grad()
def initialize_tokens(stellar: Stellar, images: list[Tensor], *, seed: int) -> None:
    """Sets a hybrid's tokens to K-means centres of some photos' patch embeddings (nano's warm start).

    images: (1, 3, H, W) each, in 0..1. The tokens then start far from each other and as long as the patches, so that
    the first attention already separates them.
    """
    if not images:
        raise RecipeError("no photo could be read, so there is nothing to set the tokens from")
    patches = torch.cat([stellar.encoder.embed(image)[:, 1:].flatten(0, 1)[::7] for image in images])
    count = len(stellar.encoder.tokens)
    if len(patches) < count:
        raise RecipeError(f"{len(patches)} patches cannot be clustered into {count} tokens")
    centres = torch.from_numpy(kmeans(patches.float().numpy(), num_centroids=count, seed=seed)[0])
    centres = centres.to(stellar.encoder.tokens)
    spread = centres - centres.mean(dim=0)
    length = patches.norm(dim=1).mean().to(spread)
    stellar.encoder.tokens.copy_(length * spread / spread.norm(dim=1, keepdim=True).clamp_min(1e-6))


@torch.no_grad()
def initialize_summary_projection(stellar: Stellar, images: list[Tensor], *, seed: int) -> None:
    """Where a stem joins late, sets the summary's projection to the whitened principal components, over photos, of the
    coarsest stride's mean, rotated at random into the width.

    images: (1, 3, H, W) each, in 0..1. What all photos share is thereby removed, and what separates them is larger than
    what the blocks after it add.
    """
    embedding = stellar.encoder.embedding
    if not images:
        raise RecipeError("no photo could be read, so there is nothing to set the summary from")
    means = torch.cat([embedding.normed(embedding.stem_features(image))["32"].mean(dim=1) for image in images]).float()
    apart = (means - means.mean(dim=0)).square().sum(dim=1).mean().sqrt()
    if apart < 1e-4 * means.norm(dim=1).mean():
        return  # one photo, or the same one again: nothing separates them
    width = stellar.config.width
    whitening = Whitening.of(means, min(SUMMARY_DIRECTIONS, width))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        turned = nn.init.orthogonal_(torch.empty(width, whitening.projection.shape[1]))
    # The last norm weighs channels; the weights are divided by its gains, so that angles are kept behind it.
    gains = stellar.encoder.norm.weight.abs()
    weight = SUMMARY_NORM * turned @ whitening.projection.mT
    weight = weight * (gains.mean() / gains.clamp_min(0.1 * gains.mean()))[:, None]
    embedding.summary_proj.weight.copy_(weight)
    embedding.summary_proj.bias.copy_(-weight @ whitening.mean)


HEAD_PATCH_STEP = 3  # every third patch of a photo is enough
RIDGE = 0.01  # by the mean variance of a channel


@torch.no_grad()
def fit_teaching_heads(learner: nn.Module, taught_photos: Iterable[TaughtPhoto]) -> None:
    """Sets a learner's teaching heads by ridge regression from its features to the teachers', over some photos.

    Random heads disturb a trained encoder: tokens that differ by little collapse onto each other. After 150 steps some
    were dead and X had lost most of what it started with.
    """
    patches, summaries, targets, wholes = [], [], [], []
    for taught in taught_photos:
        factorization, before_join = learner.factorize(taught.image)
        patches.append(factorization.patch_features[0, ::HEAD_PATCH_STEP])
        summaries.append(factorization.summary[0])
        targets.append([target[0, ::HEAD_PATCH_STEP] for target in learner.targets(before_join, taught.targets)])
        wholes.append([whole[0] for whole in taught.summaries])
    if not patches:
        raise RecipeError("no photo could be read by the model and its teachers, so there is nothing to learn from")
    for head, found in zip(learner.teaching, zip(*targets, strict=True), strict=True):
        set_linear(head, torch.cat(patches), torch.cat(found))
    for i, head in learner.summary_teaching.items():
        set_linear(head, torch.stack(summaries), torch.stack([whole[int(i)] for whole in wholes]))


def set_linear(head: nn.Linear, inputs: Tensor, outputs: Tensor) -> None:
    """(M, D), (M, d): ridge regression."""
    found = Ridge(RIDGE * len(inputs) * inputs.var(dim=0, correction=0).mean().clamp_min(1e-4).item())
    found.fit(inputs.double().numpy(), outputs.double().numpy())
    head.weight.copy_(torch.from_numpy(found.coef_))
    head.bias.copy_(torch.from_numpy(found.intercept_))


def fitted(photos: Iterable[Tensor], patch_size: int) -> list[Tensor]:
    """uint8 photos -> (1, 3, H, W) in 0..1, 224 px long."""
    return [fit(photo, resolution=224, patch_size=patch_size) for photo in photos]
