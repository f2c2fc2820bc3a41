"""The model that ships."""

from __future__ import annotations

from model.config import DecoderConfig, StellarConfig
from train.config import DataConfig, OptimizerConfig, PrototypesConfig, TeacherConfig, TrainConfig, ViewsConfig
from train.recipes.tokenizer import NARROW

NANO = StellarConfig(width=384, depth=8, num_heads=6, mlp_width=1536, norm_eps=1e-6, stem="tf_efficientnet_lite0",
                     join_block=5,
                     decoder=DecoderConfig(width=192, depth=3, num_heads=3, mlp_width=768, num_codes=1024,
                                           norm_eps=1e-6),
                     tokenizer=NARROW)


def before_the_join(model: StellarConfig) -> tuple[str, ...]:
    """The names, as TrainConfig.frozen takes them, of what comes before the tokens: it needs no backward pass then."""
    return ("encoder.embedding.patch", "encoder.positions", "encoder.summary_token",
            *(f"encoder.blocks.{i}" for i in range(model.join_block)))


def recipe() -> TrainConfig:
    """The nano in assets/: a frozen EfficientNet-Lite0, the first eight blocks of a ViT-S, two frozen teachers.

    `python -m train --recipe nano --data FOLDER --out runs/nano`, with the tokenizer that a run of that recipe left
    (`--set tokenizer_weights=FILE`) or without one (`--without reconstruction`). It starts from a small DINOv2, by
    timm's name or from a file (`--init FILE`), of which the first five blocks stay as they are and the other three
    learn slowly: what it knows of scenes is more than a few thousand photos tell (EXPERIMENTS.md has the figures). The
    stem and the tokens, set from clusters of patches, join between the two: the stem knows what things are, the ViT
    where they end. The teachers are named by timm, or by files: `--set teachers.0.weights=FILE`.
    Tokens come in three groups of 2, 4 and 10: see objective/granularity.py. The shipped decoder learnt afterwards, by
    itself; assets/nano/README.md has the command and what came of it all.
    """
    return TrainConfig(
        recipe="nano",
        model=NANO,
        init="timm:vit_small_patch14_dinov2.lvd142m",
        tokenizer_weights="nano",
        weights={"reconstruction": 0.05, "clustering": 0.08, "summary_clustering": 0.04, "set_alignment": 0.08,
                 "koleo": 0.02, "distillation": 1.0, "low_rank": 0.3, "granularity": 1.0},
        frozen=before_the_join(NANO),
        teachers=(
            TeacherConfig(name="vit_small_patch14_dinov2.lvd142m", block=10, resolution=336, width=96,
                          summary_weight=0.0),
            TeacherConfig(name="tf_efficientnet_lite0.in1k", resolution=384, width=160, weight=0.2, summary_weight=0.3),
        ),
        token_groups=(2, 4, 10),
        # The finest group holds the most, so that a patch's strongest concept is a part and not a half of the photo.
        group_shares=(0.28, 0.28, 0.44),
        data=DataConfig(num_workers=1),
        views=ViewsConfig(resolutions=(192, 224, 288), scale=(0.3, 1.0), num_masked=1, num_local=0,
                          jitter=(0.4, 0.2, 0.2, 0.0), blur_probability=0.0),
        prototypes=PrototypesConfig(num_prototypes=2048, predictor_width=1024, prototype_width=128),
        optimizer=OptimizerConfig(learning_rate=1e-3, encoder_rate=0.2, final_learning_rate=1e-5, warmup=0.04,
                                  clip=3.0, average=0.998),
        batch_size=16,
        steps=3000,
    )
