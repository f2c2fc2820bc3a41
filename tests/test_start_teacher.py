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
from train.learner import Views
from train.start_teacher import StartTeacher
from train.starts import start

LATE = StellarConfig(width=64, depth=6, num_heads=2, mlp_width=192, native_size=160, num_tokens=4, norm_eps=1e-6,
                     stem="tf_efficientnet_lite0", join_block=4)
TAUGHT = TrainConfig(recipe="test", model=LATE, weights={"distillation": 1.0}, steps=1,
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
    teacher = StartTeacher(start(replace(TAUGHT, init=vit)).encoder, 8, images)
    known = timm.create_model("test_vit", num_classes=0).eval()
    known.load_state_dict({name: tensor for name, tensor in load_file(vit).items() if not name.startswith("head")})
    wanted = known.forward_features(normalise(images[0], IMAGENET_MEAN, IMAGENET_STD))[:, 1:]
    torch.testing.assert_close(teacher.plain_vit(images[0]), wanted, atol=1e-4, rtol=1e-4)
    told = torch.cat([teacher(image)[0, ::5] for image in images])
    torch.testing.assert_close(told.mean(0), torch.zeros(8), atol=1e-3, rtol=0)
    torch.testing.assert_close(told.mT.cov(), torch.eye(8), atol=1e-2, rtol=0)


class Photos(list):
    read = list.__getitem__


def test_training_moves_the_model_and_not_its_start(vit, images):
    learner = loop.build(replace(TAUGHT, init=vit), Photos((255 * image[0]).byte() for image in images))
    before = learner.start_teacher(images[0])
    loss = learner.factorization_losses(learner.stellar(images[0]), Views(
        image=images[0], masked=images[0][:, None, :0], kept=torch.empty(0), local=images[0][:, None, :0], targets=(),
        summaries=()))["distillation"]
    loss.backward()
    assert all(parameter.grad is None for parameter in learner.start_teacher.parameters())
    assert learner.stellar.encoder.blocks[-1].mlp.fc2.weight.grad.any()
    with torch.no_grad():
        for parameter in learner.stellar.parameters():
            parameter.add_(0.1)
    assert torch.equal(learner.start_teacher(images[0]), before)


def test_it_is_the_last_teacher_and_knows_no_summaries():
    other = TeacherConfig(name="test_vit")
    with pytest.raises(RecipeError, match="the teacher start must be the last one"):
        replace(TAUGHT, teachers=(*TAUGHT.teachers, other))
    with pytest.raises(RecipeError, match="start says nothing of whole photos; its summary_weight must be 0"):
        TeacherConfig(name="start")
    assert replace(TAUGHT, teachers=(other, *TAUGHT.teachers)).timm_teachers == (other,)
