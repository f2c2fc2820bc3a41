"""Learners: what a run can train, and how each gets its starting weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import torch
from torch import Tensor, nn

from model.baselines import at_native_size
from model.baselines.mae import Mae
from model.baselines.titok import TiTok
from model.stellar import Stellar
from model.tokenizer import Tokenizer
from train import starts
from train.config import GUIDED, RecipeError, TrainConfig, is_part
from train.data.photos import StreamedPhotos
from train.learners.mae import MaeLearner
from train.learners.start_teacher import StartTeacher
from train.learners.stellar import StellarLearner, Views
from train.learners.teachers import some_photos
from train.learners.titok import TiTokLearner
from train.learners.tokenizer import TokenizerLearner


class Learner(Protocol):
    """An nn.Module round what is trained, which it holds under the name that `TrainConfig.trains` has.

    forward(Views) -> (losses, metrics): unweighted scalars by the recipe's names, and figures worth a curve.
    """

    @property
    def exported(self) -> nn.Module:
        """What a run is for: it has a `config`, and `save(path)` writes it."""
        ...

    @property
    def loss_weights(self) -> dict[str, float]: ...

    def forward(self, views: Views) -> tuple[dict[str, Tensor], dict[str, Tensor]]: ...

    def sheet(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> uint8 (3, height, width): what the run looks like, a row a photo."""
        ...


def build(config: TrainConfig, photos) -> nn.Module:
    """The learner with its starting weights; the same on every process."""
    return BUILDERS[config.trains](config, photos).train()


def build_tokenizer(config: TrainConfig, photos) -> TokenizerLearner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        learner = TokenizerLearner(Tokenizer(config.model.tokenizer), starts.open_stem(config), config)
    if config.init is not None:
        learner.load_weights(Tokenizer.load(config.init))
    elif config.model.tokenizer.linear_path:
        learner.initialize_from_patches(starts.fitted(sample(photos), config.model.tokenizer.stride))
    return learner


def build_stellar(config: TrainConfig, photos) -> StellarLearner:
    stellar = starts.start(config)
    fresh = config.model.stem is not None and (config.init is None or starts.is_vit(config.init))
    taught_by_start = "distillation" in config.weights and config.teachers != config.timm_teachers
    images = starts.fitted(sample(photos), config.model.patch_size) if fresh or taught_by_start else []
    if fresh:
        starts.initialize_tokens(stellar, images, seed=config.seed)
        if config.model.join_block:
            starts.initialize_summary_projection(stellar, images, seed=config.seed)
    start_teacher = StartTeacher(stellar.encoder, config.teachers[-1].width, images) if taught_by_start else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed + 1)
        learner = StellarLearner(stellar, config, start_teacher, guide_of(config))
    starts.load_heads(learner, config.init)
    learner.stellar.requires_grad_(True)
    if config.model.stem is not None:
        stellar.encoder.embedding.stem.requires_grad_(False)
    for part in config.frozen:
        named = [parameter for name, parameter in stellar.named_parameters() if is_part(name, part)]
        if not named:
            raise RecipeError(f"frozen names {part!r}, and this model has no parameter of that name; it has "
                              f"{', '.join(name for name, _ in stellar.named_children())}")
        for parameter in named:
            parameter.requires_grad_(False)
    return learner


def guide_of(config: TrainConfig) -> Stellar | None:
    """The STELLAR that a run is held to, without what it draws pictures with."""
    if not GUIDED & set(config.weights):
        return None
    guide = Stellar.load(config.guide, device="cpu", dtype="float32")
    found, wanted = ((each.num_tokens, each.patch_size, each.width) for each in (guide.config, config.model))
    if found != wanted:
        raise RecipeError("guide names a model of {} tokens, patches of {} px and width {}; this recipe's model has "
                          "{}, {} and {}".format(*found, *wanted))
    guide.decoder = guide.tokenizer = guide.concept_head = None
    return guide


def build_titok(config: TrainConfig, photos) -> TiTokLearner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        learner = TiTokLearner(config, starts.open_tokenizer(config.tokenizer_weights))
        if config.init is None:
            learner.initialize_positions()
            learner.initialize_from_photos(squares(sample(photos), config.baseline.native_size))
    if config.init is not None:
        learner.load_weights(TiTok.load(config.init))
    return learner


def build_mae(config: TrainConfig, photos) -> MaeLearner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        learner = MaeLearner(config)
        if config.init is None:
            learner.initialize_positions()
    if config.init is not None:
        learner.load_weights(Mae.load(config.init))
    return learner


def sample(photos) -> Iterable[Tensor]:
    """Some readable photos: of a stream the first ones, else evenly spaced."""
    return photos.some() if isinstance(photos, StreamedPhotos) else some_photos(photos)


def squares(photos: Iterable[Tensor], side: int) -> Tensor:
    """uint8 photos -> (M, 3, side, side) in 0..1: whole, stretched where they are none."""
    found = [at_native_size(photo[None].float() / 255, side) for photo in photos]
    if not found:
        raise RecipeError("no photo could be read, so there is nothing to start from")
    return torch.cat(found)


# By TrainConfig.trains.
BUILDERS: dict[str, Callable[[TrainConfig, object], nn.Module]] = {
    "stellar": build_stellar, "tokenizer": build_tokenizer, "titok": build_titok, "mae": build_mae}
