"""The start as a teacher: a plain ViT's word on the crop, whatever the run makes of its weights."""

from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import load_file

from model.config import StellarConfig
from model.encoder import IMAGENET_MEAN, IMAGENET_STD, normalise
from tests.weights import write_timm
from train import loop
from train.config import RecipeError, TeacherConfig, TrainConfig
from train.learners.start_teacher import StartTeacher
from train.learners.stellar import Views
from train.starts import start

LATE = StellarConfig(width=64, depth=6, num_heads=2, mlp_width=192, native_size=160, num_tokens=4, norm_eps=1e-6,
                     stem="tf_efficientnet_lite0", join_block=4)
BEFORE_JOIN = ("encoder.embedding.patch", "encoder.positions", "encoder.summary_token",
               *(f"encoder.blocks.{i}" for i in range(LATE.join_block)))
TAUGHT = TrainConfig(recipe="test", model=LATE, weights={"distillation": 1.0}, steps=1, frozen=BEFORE_JOIN,
                     teachers=(TeacherConfig(name="start", width=8, summary_weight=0.0),))


@pytest.fixture(scope="module")
def vit(tmp_path_factory) -> str:
    return write_timm(tmp_path_factory.mktemp("weights"), "test_vit")["test_vit"]


@pytest.fixture(scope="module")
def images() -> list[torch.Tensor]:
    drawn = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, 160, 160, generator=drawn) for _ in range(3)]


@torch.no_grad()
def test_it_says_what_the_vit_says_of_the_crop(vit, images):
    """Neither tokens nor a stem are heard, though they join before the fifth block here."""
    encoder = start(replace(TAUGHT, init=vit)).encoder
    teacher = StartTeacher(encoder, 8, images)
    known = timm.create_model("test_vit", num_classes=0).eval()
    known.load_state_dict({name: tensor for name, tensor in load_file(vit).items() if not name.startswith("head")})
    wanted = known.forward_features(normalise(images[0], IMAGENET_MEAN, IMAGENET_STD))[:, 1:]
    torch.testing.assert_close(teacher.plain_vit(encoder.before_join(images[0])), wanted, atol=1e-4, rtol=1e-4)
    told = torch.cat([teacher(encoder.before_join(image))[0, ::5] for image in images])
    torch.testing.assert_close(told.mean(0), torch.zeros(8), atol=1e-3, rtol=0)
    torch.testing.assert_close(told.mT.cov(), torch.eye(8), atol=1e-2, rtol=0)


class Photos(list):
    read = list.__getitem__


def test_training_moves_the_model_and_not_its_start(vit, images):
    learner = loop.build(replace(TAUGHT, init=vit), Photos((255 * image[0]).byte() for image in images))
    none = images[0][:, None, :0]
    views = Views(image=images[0], masked=none, kept=torch.empty(0), local=none, targets=(), summaries=())
    factorization, before_join = learner.factorize(images[0])
    before = learner.start_teacher(before_join)
    assert torch.equal(factorization.localization, learner.stellar(images[0]).localization)
    learner.factorization_losses(factorization, learner.targets(before_join, ()), views)["distillation"].backward()
    assert all(parameter.grad is None for parameter in learner.start_teacher.parameters())
    assert learner.stellar.encoder.blocks[-1].mlp.fc2.weight.grad.any()
    with torch.no_grad():
        for parameter in learner.stellar.parameters():
            parameter.add_(0.1 * parameter.requires_grad)
        assert torch.equal(learner.start_teacher(learner.factorize(images[0])[1]), before)


def test_it_is_the_last_teacher_and_knows_no_summaries():
    other = TeacherConfig(name="test_vit")
    with pytest.raises(RecipeError, match="the teacher start must be the last one"):
        replace(TAUGHT, teachers=(*TAUGHT.teachers, other))
    with pytest.raises(RecipeError, match="start says nothing of whole photos; its summary_weight must be 0"):
        TeacherConfig(name="start")
    with pytest.raises(RecipeError, match=r"needs what comes before the join frozen; frozen lacks encoder\.positions, "
                                          r"encoder\.blocks\.3$"):
        replace(TAUGHT, frozen=tuple(name for name in BEFORE_JOIN if not name.endswith(("positions", "3"))))
    assert replace(TAUGHT, teachers=(other, *TAUGHT.teachers)).timm_teachers == (other,)
