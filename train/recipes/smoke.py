"""Whether training works here at all."""

from __future__ import annotations

from model.config import DecoderConfig, StellarConfig
from train.config import DataConfig, OptimizerConfig, PrototypesConfig, TrainConfig, ViewsConfig


def recipe() -> TrainConfig:
    """A toy of 60,000 parameters on photos of 32 px: `python -m train --recipe smoke --data assets/examples`.

    Ten seconds on one core. It has every part of the published objective, and its losses fall; its concepts mean
    nothing.
    """
    return TrainConfig(
        recipe="smoke",
        model=StellarConfig(width=32, depth=2, num_heads=2, mlp_width=64, native_size=32, num_tokens=4,
                            decoder=DecoderConfig(width=32, depth=1, num_heads=2, mlp_width=64, num_codes=None)),
        weights={"reconstruction": 10.0, "clustering": 1.0, "summary_clustering": 1.0, "set_alignment": 1.0,
                 "summary_alignment": 1.0, "koleo": 0.1},
        data=DataConfig(num_workers=1),
        views=ViewsConfig(resolutions=(32,), num_masked=2, mask_ratio=0.5, num_local=2, local_resolution=16),
        prototypes=PrototypesConfig(num_prototypes=16, predictor_width=16, prototype_width=8),
        optimizer=OptimizerConfig(learning_rate=1e-3),
        batch_size=8,
        steps=40,
        log_every=2,
        save_every=10,
        picture_every=20,
    )
