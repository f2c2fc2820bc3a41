"""The tokenizer that nano's decoder predicts."""

from __future__ import annotations

from model.config import StellarConfig, TokenizerConfig
from train.config import OptimizerConfig, TrainConfig, ViewsConfig

NARROW = TokenizerConfig(hidden_channels=32, channel_multipliers=(2, 3, 4), num_res_blocks=2, code_width=32,
                         num_codes=1024, unshuffle=4, linear_path=True)


def recipe() -> TrainConfig:
    """A narrow MaskGIT-VQGAN, f16, 1,024 codes of width 32, 7 MB in float16.

    `python -m train --recipe tokenizer --data FOLDER --out runs/tokenizer`. Pixels are unshuffled by 4 at the entrance
    and shuffled back at the exit, which spares the two finest levels, three quarters of the arithmetic of the published
    design at this width; a linear path beside the convolutions starts from the patches' principal components, where the
    published design needs a thousand steps to get. The perceptual and the adversarial loss look through nano's frozen
    stem.
    """
    return TrainConfig(
        recipe="tokenizer",
        trains="tokenizer",
        model=StellarConfig(width=256, depth=1, num_heads=4, mlp_width=1024, stem="tf_efficientnet_lite0",
                            tokenizer=NARROW),
        weights={"reconstruction": 1.0, "codebook": 1.0, "perceptual": 0.1, "adversarial": 0.02},
        views=ViewsConfig(resolutions=(128,), scale=(0.2, 1.0), num_masked=0, num_local=0),
        optimizer=OptimizerConfig(learning_rate=1e-3, final_learning_rate=2e-5, warmup=0.03, weight_decay=1e-4,
                                  betas=(0.9, 0.95), clip=1.0, average=0.999),
        batch_size=24,
        steps=4000,
    )
