"""What STELLAR is compared with: a small masked autoencoder."""

from __future__ import annotations

from train.config import BaselineConfig, DataConfig, OptimizerConfig, TrainConfig, TransformerConfig, ViewsConfig


def recipe() -> TrainConfig:
    """MAE, small: 32 of 196 patches predict the pixels of the others, as they are and not normalised a patch.

    `python -m train --recipe mae --data FOLDER --out runs/mae`. A ViT of width 256 and 6 blocks over what is seen and
    one of width 192 and 3 blocks over all, from scratch, 6.6 M parameters. Eight minutes of one core with bfloat16;
    assets/mae learnt far longer on a GPU, as its card says.
    """
    return TrainConfig(
        recipe="mae",
        trains="mae",
        baseline=BaselineConfig(encoder=TransformerConfig(width=256, depth=6, num_heads=4, mlp_width=1024),
                                decoder=TransformerConfig(depth=3)),
        weights={"reconstruction": 1.0},
        data=DataConfig(num_workers=1),
        views=ViewsConfig(num_masked=0, num_local=0),
        optimizer=OptimizerConfig(learning_rate=1e-3, final_learning_rate=2e-5, warmup=0.05, weight_decay=0.05,
                                  betas=(0.9, 0.95), clip=1.0),
        batch_size=16,
        steps=1000,
        save_every=50,
        picture_every=100,
    )
