"""Pictures for a nano whose masks are good: reconstruction through everything, the masks held to what they were."""

from __future__ import annotations

from dataclasses import replace

from train.config import DataConfig, TrainConfig, ViewsConfig
from train.recipes.nano import recipe as nano


def recipe() -> TrainConfig:
    """A nano learns to be drawn from its concepts: `python -m train --recipe pictures --data FOLDER --out
    runs/pictures`, with `--init CHECKPOINT` and `--set guide=CHECKPOINT` for others than the shipped one.

    Reconstruction alone makes of L a code for places and costs masks, which follow its bands; here the guide, a nano
    whose masks hold whole things, says in each photo which patches belong together (objective/localization.py).
    Pictures need many crops, hundreds of thousands from a start that was never drawn from; a start that was needs a few
    thousand to get its masks back. train/EXPERIMENTS.md has the figures, assets/nano/README.md what came of it.
    """
    start = nano()
    return TrainConfig(
        recipe="pictures",
        model=start.model,
        init="nano",
        guide="nano",
        tokenizer_weights="nano",
        frozen=start.frozen,
        weights={"reconstruction": 0.3, "localization": 4.0, "summary": 1.0, "low_rank": 0.3, "simplicity": 1.0,
                 "sharpness": 0.1, "koleo": 0.02},
        token_groups=start.token_groups,
        group_shares=start.group_shares,
        data=DataConfig(num_workers=1),
        views=ViewsConfig(resolutions=(224, 320, 448), scale=(0.3, 1.0), num_masked=0, num_local=0,
                          jitter=(0.0, 0.0, 0.0, 0.0), blur_probability=0.0, grey_probability=0.0),
        optimizer=replace(start.optimizer, learning_rate=5e-4, encoder_rate=0.3, final_learning_rate=5e-6, warmup=0.05,
                          weight_decay=0.02, betas=(0.9, 0.98)),
        batch_size=16,
        steps=1000,
    )
