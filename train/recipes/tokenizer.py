"""The tokenizer that nano's decoder predicts."""

from __future__ import annotations

from model.config import StellarConfig, TokenizerConfig
from train.config import OptimizerConfig, TrainConfig, ViewsConfig

NARROW = TokenizerConfig(hidden_channels=32, channel_multipliers=(3, 4, 6), num_res_blocks=2, code_width=32,
                         num_codes=1024, unshuffle=4, linear_path=True, linear_encoder=True)


def recipe() -> TrainConfig:
    """A tokenizer for two cores: f16, 1,024 codes of width 32, 9 MB in float16.

    `python -m train --recipe tokenizer --data FOLDER --out runs/tokenizer`, a second a step. Codes are K-means of the
    patches' principal components; what is learnt is MaskGIT-VQGAN's decoder, narrow, its pixels unshuffled by 4. The
    published encoder needs a thousand steps to get where that begins, and codes that move under a decoder of a few
    thousand steps leave it showing their seams. The perceptual loss looks through nano's frozen stem, and
    `seams` smooths where squares meet. With `--init` another run's codes stand still, and only their decoder learns.
    """
    return TrainConfig(
        recipe="tokenizer",
        trains="tokenizer",
        model=StellarConfig(width=256, depth=1, num_heads=4, mlp_width=1024, stem="tf_efficientnet_lite0",
                            tokenizer=NARROW),
        weights={"reconstruction": 1.0, "seams": 0.5, "perceptual": 0.1},
        views=ViewsConfig(resolutions=(128,), scale=(0.2, 1.0), num_masked=0, num_local=0),
        optimizer=OptimizerConfig(learning_rate=2e-3, final_learning_rate=2e-5, warmup=0.03, weight_decay=1e-4,
                                  betas=(0.9, 0.95), clip=1.0, average=0.995),
        batch_size=16,
        steps=1500,
    )
