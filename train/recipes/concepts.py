"""What concepts are compared by, learnt for a model that is finished."""

from __future__ import annotations

from dataclasses import replace

from model.config import ConceptHeadConfig
from train.config import STEM, OptimizerConfig, TeacherConfig, TrainConfig, ViewsConfig
from train.recipes.nano import NANO


def recipe() -> TrainConfig:
    """A concept head alone: `python -m train --recipe concepts --init CHECKPOINT --data FOLDER --out runs/concepts`.

    Everything else of the checkpoint stays as it is, to the bit; `--init` names a STELLAR. Each photo is looked at once
    (about four a second on two cores), then the head learns for a minute: among the concepts of other photos, who is
    near whom is as among the teacher's features under the same masks (objective/relation.py). The teacher is the
    model's own stem, which knows kinds best near the size it was trained at. Of a token the head sees what the stem
    says under its mask, and the photo's summary: semantics that learnt from pixels hold how a thing is drawn and which
    token it is. A model without a stem needs a timm model's name, `--set teachers.0.name=NAME`, and other inputs:
    `--set model.concept_head.stem_width=0 --set 'model.concept_head.inputs=["semantics","patches","summary"]'`.
    train/EXPERIMENTS.md and assets/nano/README.md say what came of it.
    """
    return TrainConfig(
        recipe="concepts",
        trains="concepts",
        init="nano",
        model=replace(NANO, decoder=None, tokenizer=None, concept_head=ConceptHeadConfig(
            hidden_width=768, width=192, inputs=("stem", "summary"), stem_width=320, standardized=True)),
        weights={"relation": 1.0},
        relation_whole=0.5,
        teachers=(TeacherConfig(name=STEM, stages=(4,), resolution=320, width=128, summary_weight=0.0),),
        views=ViewsConfig(resolutions=(448,), num_masked=0, num_local=0),
        optimizer=OptimizerConfig(learning_rate=1e-3, final_learning_rate=1e-5, warmup=0.05, weight_decay=0.05,
                                  betas=(0.9, 0.98), clip=3.0),
        batch_size=96,
        steps=600,
        log_every=50,
    )
