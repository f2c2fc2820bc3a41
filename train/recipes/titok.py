"""What STELLAR is compared with: a small TiTok."""

from __future__ import annotations

from train.config import BaselineConfig, DataConfig, OptimizerConfig, TrainConfig, ViewsConfig


def recipe() -> TrainConfig:
    """TiTok's published first stage, small: 32 codes of 4,096 a photo predict the codes of nano's tokenizer.

    `python -m train --recipe titok --data FOLDER --out runs/titok`. Two ViTs of width 192 and 5 blocks from scratch,
    5 M parameters. The tokenizer is the one whose codes nano's decoder predicts, so that the two differ in what is
    between. Six minutes of one core with bfloat16; assets/titok learnt far longer on a GPU, as its card says.
    """
    return TrainConfig(
        recipe="titok",
        trains="titok",
        baseline=BaselineConfig(),
        tokenizer_weights="nano",
        # Without KoLeo the latents of all photos end at one code before the decoder has learnt to read them.
        weights={"reconstruction": 1.0, "codebook": 1.0, "koleo": 0.1},
        data=DataConfig(num_workers=1),
        views=ViewsConfig(num_masked=0, num_local=0),
        optimizer=OptimizerConfig(learning_rate=1e-3, encoder_rate=0.2, final_learning_rate=2e-5, warmup=0.04,
                                  weight_decay=0.02, betas=(0.9, 0.95), clip=1.0),
        batch_size=8,
        steps=800,
        save_every=50,
        picture_every=100,
    )
