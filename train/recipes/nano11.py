"""The next nano, not shipped yet: eleven blocks of the ViT-S in the place of eight."""

from __future__ import annotations

from dataclasses import replace

from train.config import TrainConfig
from train.recipes import nano

NANO11 = replace(nano.NANO, depth=11, join_block=8)


def recipe() -> TrainConfig:
    """Recipe `nano` with the first eight blocks frozen and three more that learn, and masks that are less undecided.

    `python -m train --recipe nano11 --data FOLDER --out runs/nano11 --init VIT_S`, with nano's tokenizer. Each group of
    tokens explains the patch features by itself, with little doubt about which of its tokens a patch belongs to
    (objective/sharpness.py). The decoder is better taught afterwards, by itself, as the card of nano has it.
    EXPERIMENTS.md has what a run came to.
    """
    made = nano.recipe()
    vit, lite0 = made.teachers
    return replace(
        made, recipe="nano11", model=NANO11, frozen=nano.before_the_join(NANO11),
        teachers=(vit, replace(lite0, summary_weight=1.0)),
        weights={**made.weights, "low_rank": 0.5, "granularity": 0.5, "sharpness": 0.15},
        # X drops a little of what sixteen tokens cannot tell: L S then explains 0.75 of it, and outlines stay.
        low_rank_pull=0.12,
        steps=2000,
    )
