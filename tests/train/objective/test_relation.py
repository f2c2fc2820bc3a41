"""The relation loss, and the run that trains a concept head alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

from model.concept_head import mean_under_masks
from model.config import ConceptHeadConfig, DecoderConfig, StellarConfig
from model.factorization import Factorization
from model.stellar import Stellar
from tests.train.test_command import refused
from tests.weights import write_timm
from train import concept_store
from train.__main__ import main
from train.concept_run import append_photo_mean
from train.config import RecipeError, TeacherConfig, TrainConfig
from train.learners import teachers
from train.learners.stellar import StellarLearner, Views
from train.objective.relation import relation_loss
from train.recipes import recipe

PHOTOS = torch.arange(6).repeat_interleave(4)
SCALE = torch.tensor(10.0)


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def relation(concepts: torch.Tensor, taught: torch.Tensor, photos: torch.Tensor = PHOTOS) -> float:
    return relation_loss(concepts, taught, photos, scale=SCALE, temperature=0.1).item()


# The loss


def test_a_space_that_has_the_teachers_angles_loses_nothing():
    """Whatever its axes and lengths: at a scale of 1 / temperature a rotated copy is the teacher."""
    taught = rand(24, 8)
    rotation, _ = torch.linalg.qr(rand(8, 8, seed=1))
    assert abs(relation(3 * taught @ rotation, taught)) < 1e-6
    assert relation(rand(24, 8, seed=2), taught) > 0.1


def test_concepts_of_one_photo_are_not_compared():
    """A teacher that says otherwise of pairs inside a photo, and only of those, changes nothing."""
    taught = F.one_hot(torch.arange(4).repeat(6)).float()  # alike across photos, all different inside one
    inside = torch.zeros(24, 24)
    inside[PHOTOS[:, None] == PHOTOS[None]] = 5.0
    concepts = rand(24, 8)
    wanted = (taught @ taught.T / 0.1).masked_fill(PHOTOS[:, None] == PHOTOS[None], -torch.inf).softmax(1)
    own = F.normalize(concepts, dim=1)
    found = (10 * own @ own.T + inside).masked_fill(PHOTOS[:, None] == PHOTOS[None], -torch.inf).softmax(1)
    by_hand = torch.where(wanted > 0, wanted * (wanted.log() - found.log()), 0.0).sum(1).mean()
    torch.testing.assert_close(torch.tensor(relation(concepts, taught)), by_hand, atol=1e-5, rtol=1e-4)


def test_the_order_of_concepts_does_not_matter():
    concepts, taught, order = rand(24, 8), rand(24, 5, seed=1), torch.randperm(24)
    mixed = relation(concepts[order], taught[order], PHOTOS[order])
    assert mixed == pytest.approx(relation(concepts, taught), abs=1e-5)


def test_one_photo_has_nothing_to_be_compared_with():
    concepts = rand(4, 8).requires_grad_()
    loss = relation_loss(concepts, rand(4, 5), torch.zeros(4), scale=SCALE, temperature=0.1)
    loss.backward()
    assert loss.item() == 0 and not concepts.grad.any()


def test_following_the_loss_brings_the_neighbours_nearer():
    taught, concepts = rand(24, 6), rand(24, 12, seed=3).requires_grad_()
    scale = torch.tensor(1.0, requires_grad=True)
    optimizer = torch.optim.Adam([concepts, scale], lr=0.05)
    before = relation(concepts, taught)
    for _ in range(150):
        optimizer.zero_grad()
        relation_loss(concepts, taught, PHOTOS, scale=scale.exp(), temperature=0.1).backward()
        optimizer.step()
    assert relation_loss(concepts, taught, PHOTOS, scale=scale.exp(), temperature=0.1).item() < 0.2 * before


# In the whole objective

TINY = StellarConfig(width=32, depth=2, num_heads=2, mlp_width=64, native_size=32, num_tokens=4)
TAUGHT = TrainConfig(recipe="test", model=TINY, weights={"distillation": 1.0, "relation": 1.0}, steps=1,
                     teachers=(TeacherConfig(name="test_vit", width=8, summary_weight=0.0),))


def relation_of(config: TrainConfig) -> tuple[StellarLearner, torch.Tensor]:
    torch.manual_seed(0)
    learner = StellarLearner(Stellar(config.model), config)
    image = torch.rand(3, 3, 32, 32)
    none = image[:, :0, None]
    views = Views(image=image, masked=none, kept=torch.empty(0), local=none, targets=(rand(3, 4, 8),),
                  summaries=(torch.empty(3, 0),))
    return learner, learner(views)[0]["relation"]


@pytest.mark.parametrize(("share", "reaches"), [(0.0, False), (1.0, True)])
def test_a_share_of_its_gradient_reaches_what_a_head_sees(share, reaches):
    model = replace(TINY, concept_head=ConceptHeadConfig(hidden_width=16, width=8))
    learner, loss = relation_of(replace(TAUGHT, model=model, relation_share=share))
    loss.backward()
    assert learner.stellar.concept_head.fc1.weight.grad.any() and learner.relation_scale.grad is not None
    grad = learner.stellar.encoder.tokens.grad
    assert (grad is not None and bool(grad.any())) == reaches


def test_without_a_head_the_semantics_learn_it():
    learner, loss = relation_of(replace(TAUGHT, relation_share=0.0))
    loss.backward()
    assert learner.stellar.encoder.tokens.grad.any()


def test_left_out_by_its_name_it_is_neither_built_nor_computed():
    config = TAUGHT.without("relation")
    assert "relation" not in config.weights and StellarLearner(Stellar(TINY), config).relation_scale is None


def test_it_needs_a_teacher():
    with pytest.raises(RecipeError, match="relation needs distillation and a timm teacher"):
        replace(TAUGHT, weights={"relation": 1.0})


def test_reconstruction_that_reaches_the_semantics_leaves_the_localization_alone():
    model = replace(TINY, decoder=DecoderConfig(width=16, depth=1, num_heads=2, mlp_width=32, num_codes=None))
    config = TrainConfig(recipe="test", model=model, weights={"reconstruction": 1.0}, steps=1)
    for reaches in ("both", "semantics"):
        torch.manual_seed(0)
        learner = StellarLearner(Stellar(model), replace(config, reconstruction_reaches=reaches))
        image = torch.rand(2, 3, 32, 32)
        learner.reconstruction(learner.stellar(image), image).backward()
        assert learner.stellar.encoder.tokens.grad.any()
        grad = learner.stellar.localizer.patch_proj.weight.grad
        assert (grad is not None and bool(grad.any())) == (reaches == "both")
    with pytest.raises(RecipeError, match="reconstruction_reaches must be both or semantics, found 'tokens'"):
        replace(config, reconstruction_reaches="tokens")


# What is present


def test_a_token_is_present_by_its_mass_or_its_mask():
    localization = torch.tensor([[[0.97, 0.03, 0.0, 0.0], [0.98, 0.02, 0.0, 0.0], [0.7, 0.0, 0.3, 0.0],
                                  [0.8, 0.2, 0.0, 0.0]]])
    found = Factorization(torch.zeros(1, 4, 2), localization, torch.zeros(1, 4, 2), torch.zeros(1, 2), (2, 2))
    # 1 has a sixteenth of the photo, 2 a mask, 3 neither.
    assert found.present.tolist() == [[True, True, True, False]]


# The head alone


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i in range(24):
        coarse = np.random.default_rng(i % 4).integers(0, 255, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((48, 48 + i)).save(folder / f"{i:02}.png")
    (folder / "broken.png").write_bytes(b"no photo")
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Stellar(TINY).save(path)
    return path


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> str:
    return write_timm(tmp_path_factory.mktemp("teacher"), "test_vit")["test_vit"]


def concepts(finished: Path, photos: Path, teacher: str, out: Path, *more: str) -> list[str]:
    return ["--recipe", "concepts", "--init", str(finished), "--data", str(photos), "--out", str(out), "--quiet",
            "--device", "cpu", "--steps", "30", "--set", "batch_size=8", "--set", "log_every=10",
            "--set", "views.resolutions=[32]", "--set", "teachers.0.name=test_vit", "--set",
            f"teachers.0.weights={teacher}", "--set", "teachers.0.resolution=64", "--set", "teachers.0.width=8",
            "--set", "model.concept_head.hidden_width=16", "--set", "model.concept_head.width=8",
            "--set", "model.concept_head.inputs=[\"semantics\",\"patches\",\"summary\"]",
            "--set", "model.concept_head.stem_width=0", *more]


def test_the_head_learns_and_everything_else_stays_to_the_bit(finished, photos, teacher, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(concepts(finished, photos, teacher, out)) == 0
    made, before = load_file(out / "model.safetensors"), load_file(finished)
    assert all(torch.equal(made[name], tensor) for name, tensor in before.items())
    assert {name.split(".")[0] for name in made.keys() - before.keys()} == {"concept_head"}
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30]
    assert lines[-1]["losses"]["relation"] < lines[0]["losses"]["relation"]
    assert json.loads((out / "status.json").read_text())["state"] == "finished"

    stellar = Stellar.load(out / "model.safetensors", device="cpu")
    assert stellar.concepts(stellar.factorize(torch.rand(1, 3, 32, 48))).shape == (1, 4, 8)
    assert stellar.concept_head.deviation.min() > 0 and stellar.concept_head.mean.any()


def test_what_was_seen_is_kept_and_a_resumed_run_ends_the_same(finished, photos, teacher, tmp_path, monkeypatch):
    look, looked = concept_store.concept_rows, []
    monkeypatch.setattr(concept_store, "concept_rows", lambda *given: looked.append(1) or look(*given))
    out, command = tmp_path / "run", concepts(finished, photos, teacher, tmp_path / "run")
    assert main(command) == 0 and len(looked) == 24
    ended = load_file(out / "model.safetensors")
    assert main([*command, "--resume"]) == 0 and len(looked) == 24
    again = load_file(out / "model.safetensors")
    assert all(torch.equal(again[name], tensor) for name, tensor in ended.items())
    assert len((out / "log.jsonl").read_text().splitlines()) == 3


def test_a_stopped_look_goes_on_where_it_was(finished, photos, teacher, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(teachers, "SAVED_EVERY", 4)
    look, looked = concept_store.concept_rows, []

    def stops(*given):
        looked.append(1)
        if len(looked) == 11:
            raise KeyboardInterrupt
        return look(*given)

    monkeypatch.setattr(concept_store, "concept_rows", stops)
    assert main(concepts(finished, photos, teacher, tmp_path / "run")) == 2
    assert main(concepts(finished, photos, teacher, tmp_path / "run")) == 0
    assert len(looked) < 24 + 11  # of the first ten, eight were kept


def test_a_mean_under_a_mask_is_by_localization():
    localization = torch.tensor([[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]])
    features = torch.tensor([[[1.0], [2.0], [3.0]]])
    torch.testing.assert_close(mean_under_masks(features, localization)[0, :, 0], torch.tensor([2.1 / 1.5, 3.0]))


# Bad input


@pytest.mark.parametrize(("changes", "sentence"), [
    (("--init", "null"), "needs --init CHECKPOINT"),
    (("--set", "model.concept_head=null"), "needs model.concept_head"),
    (("--set", "teachers.0.name=stem", "--set", "teachers.0.weights=null", "--set", "teachers.0.stages=[3,4]"),
     "no stem to be its teacher"),
    (("--set", "teachers=[]"), "has one teacher"),
    (("--set", "data.streaming=true"), "takes no stream"),
    (("--set", "frozen=[\"encoder\"]"), "trains the head alone"),
    (("--without", "relation"), "no loss is left"),
    (("--set", "model.concept_head.inputs=[\"pixels\"]"), "a concept head's inputs are some of"),
    (("--set", "model.concept_head.inputs=[\"stem\"]"), "stem_width is that of its input stem"),
    (("--set", "model.concept_head.inputs=[\"stem\"]", "--set", "model.concept_head.stem_width=320"),
     "sees a stem of 320 channels, and this model has none"),
])
def test_what_cannot_be_is_said_in_a_sentence(changes, sentence, finished, photos, teacher, tmp_path, capsys):
    assert sentence in refused(concepts(finished, photos, teacher, tmp_path / "run", *changes), capsys)


def test_a_missing_checkpoint_is_named(photos, teacher, tmp_path, capsys):
    gone = tmp_path / "gone.safetensors"
    assert str(gone) in refused(concepts(gone, photos, teacher, tmp_path / "run"), capsys)
    assert not (tmp_path / "run").exists()


def test_a_head_that_sees_the_stem_gets_its_mean_under_each_mask():
    torch.manual_seed(0)
    hybrid = replace(TINY, stem="tf_efficientnet_lite0", join_block=1,
                     concept_head=ConceptHeadConfig(hidden_width=16, width=8, inputs=("stem",), stem_width=320))
    stellar = Stellar(hybrid).eval()
    image = torch.rand(2, 3, 64, 96)
    found = stellar.factorize(image)
    assert found.stem_features.shape == (2, 24, 320)
    with torch.no_grad():
        under = mean_under_masks(stellar.encoder.stem_features(image)["32"], found.localization)
        wanted = F.normalize(stellar.concept_head.of_inputs(under), dim=-1)
    torch.testing.assert_close(stellar.concepts(found), wanted, atol=1e-5, rtol=1e-4)
    stellar.concept_head = None
    assert stellar.factorize(image).stem_features is None


def test_the_whole_photo_counts_beside_a_concept_by_its_share():
    taught, photos = rand(6, 4), torch.tensor([3, 3, 7, 7, 7, 9])
    found = append_photo_mean(taught, photos, 0.5)
    own = F.normalize(taught, dim=-1)
    torch.testing.assert_close(found[:, :4], own)
    torch.testing.assert_close(found[2:5, 4:], (0.5 * F.normalize(own[2:5].sum(0), dim=-1)).expand(3, 4))


def test_the_recipe_is_for_the_shipped_model():
    config = recipe("concepts")
    assert config.trains == "concepts" and config.init == "nano" and config.weights == {"relation": 1.0}
