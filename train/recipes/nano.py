"""The model that ships."""

from __future__ import annotations

from model.config import DecoderConfig, StellarConfig
from train.config import DataConfig, OptimizerConfig, TeacherConfig, TrainConfig, ViewsConfig, before_join
from train.recipes.tokenizer import NARROW

NANO = StellarConfig(width=384, depth=11, num_heads=6, mlp_width=1536, norm_eps=1e-6, stem="tf_efficientnet_lite0",
                     join_block=8,
                     decoder=DecoderConfig(width=256, depth=4, num_heads=4, mlp_width=1024, num_codes=1024,
                                           norm_eps=1e-6, best_size=448),
                     tokenizer=NARROW)


def recipe() -> TrainConfig:
    """The small hybrid: a frozen EfficientNet-Lite0, the first eleven blocks of a ViT-S, two frozen teachers.

    `python -m train --recipe nano --data FOLDER --out runs/nano`, with the tokenizer that a run of that recipe left
    (`--set tokenizer_weights=FILE`) or without one (`--without reconstruction`). It starts from a small DINOv2, by
    timm's name or from a file (`--init FILE`), of which the first eight blocks stay as they are and the other three
    learn slowly: what it knows of scenes is more than a few thousand photos teach (EXPERIMENTS.md has the figures). The
    stem and the tokens, set from clusters of patches, join between the two: the stem knows what things are, the ViT
    where they end. Teachers are the stem's whole network, by timm's name or a file (`--set teachers.0.weights=FILE`),
    and the start itself (train/learners/start_teacher.py).
    Tokens come in three groups of 2, 4 and 10, each of which explains the patch features by itself
    (objective/granularity.py), each patch sharply in one of its tokens (objective/sharpness.py).
    First they find what is in X; only then X drops what they cannot rebuild (objective/simplicity.py). The published
    clustering and alignment are left out: what they cost masks or bring them here was not measured apart.
    Half an hour on two cores: good masks and no pictures to speak of, for which it needs many more crops, and then its
    masks held to what they were (recipe `pictures`). assets/nano/README.md says what came of it.
    """
    return TrainConfig(
        recipe="nano",
        model=NANO,
        init="timm:vit_small_patch14_dinov2.lvd142m",
        tokenizer_weights="nano",
        weights={"reconstruction": 0.05, "koleo": 0.02, "distillation": 1.0, "low_rank": 0.3, "granularity": 0.5,
                 "sharpness": 0.3, "simplicity": 1.0},
        frozen=before_join(NANO),
        teachers=(
            TeacherConfig(name="tf_efficientnet_lite0.in1k", resolution=384, width=160, weight=0.3, summary_weight=1.0,
                          summary_width=192),
            TeacherConfig(name="start", width=96, summary_weight=0.0),
        ),
        token_groups=(2, 4, 10),
        # The finest group holds the most, so that a patch's strongest concept is a part and not a half of the photo.
        group_shares=(0.28, 0.28, 0.44),
        simplicity_from=0.75,
        data=DataConfig(num_workers=1),
        views=ViewsConfig(resolutions=(192, 224, 288), scale=(0.3, 1.0), num_masked=0, num_local=0,
                          jitter=(0.4, 0.2, 0.2, 0.0), blur_probability=0.0),
        optimizer=OptimizerConfig(learning_rate=1e-3, encoder_rate=0.2, final_learning_rate=1e-5, warmup=0.04,
                                  clip=3.0),
        batch_size=16,
        steps=1500,
    )
