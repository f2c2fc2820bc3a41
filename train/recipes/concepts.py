"""What concepts are compared by, learnt for a model that is finished."""

from __future__ import annotations

from model.config import ConceptHeadConfig, StellarConfig
from train.config import STEM, OptimizerConfig, TeacherConfig, TrainConfig, ViewsConfig


def recipe() -> TrainConfig:
    """A concept head alone: `python -m train --recipe concepts --init CHECKPOINT --data FOLDER --out runs/concepts`.

    Everything else of the checkpoint stays as it is, to the bit; `--init` names a STELLAR. Each photo is looked at once
    (2 to 8 a second on two cores), then the head learns for three minutes: among the concepts of other photos, who is
    near whom is as among the teacher's features under the same masks (objective/relation.py). The teacher is the
    model's own stem, which sees the photo larger; a model without one needs a timm model's name
    (`--set teachers.0.name=NAME`). train/EXPERIMENTS.md and assets/nano/README.md say what came of it.
    """
    return TrainConfig(
        recipe="concepts",
        trains="concepts",
        init="nano",
        model=StellarConfig(concept_head=ConceptHeadConfig(hidden_width=768, width=192, standardized=True,
                                                           inputs=("semantics", "patches", "summary"))),
        weights={"relation": 1.0},
        teachers=(TeacherConfig(name=STEM, stages=(4,), resolution=448, width=128, summary_weight=0.0),),
        views=ViewsConfig(resolutions=(320,), num_masked=0, num_local=0),
        optimizer=OptimizerConfig(learning_rate=1e-3, final_learning_rate=1e-5, warmup=0.05, weight_decay=0.05,
                                  betas=(0.9, 0.98), clip=3.0),
        batch_size=96,
        steps=1500,
        log_every=50,
    )
