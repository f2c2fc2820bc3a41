"""A run that measures itself: nothing of it changes, and the best step it logged is the one that is kept."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file

from model.checkpoints.files import sha256_of
from model.stellar import Stellar
from tests.train.test_loop import log, tiny
from train import loop, run_evaluation
from train.__main__ import main
from train.config import EvaluationConfig, RecipeError, TrainConfig
from train.evaluate import PROTOCOLS, Scores
from train.run_evaluation import RunEvaluation, untouched
from train.run_folder import RunError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Photos of one bright square each, in two classes, with its outline beside it."""
    place = tmp_path_factory.mktemp("photos")
    for i in range(8):
        (place / f"class{i % 2}").mkdir(exist_ok=True)
        left, top = 4 + 3 * i, 32 - 3 * i
        photo = Image.fromarray(np.random.default_rng(i).integers(0, 90, (64, 64, 3), dtype=np.uint8))
        ImageDraw.Draw(photo).rectangle((left, top, left + 24, top + 24), fill=(250, 200 - 100 * (i % 2), 40))
        photo.save(place / f"class{i % 2}" / f"{i}.png")
        corners = [(left, top), (left + 24, top), (left + 24, top + 24), (left, top + 24)]
        outline = " ".join(f"{value / 64:.4f}" for corner in corners for value in corner)
        (place / f"class{i % 2}" / f"{i}.txt").write_text(f"{i % 2} {outline}\n")
    return place


def measured(folder: Path, *protocols: str, best: str | None = "objects/mean_best_iou", **changes) -> TrainConfig:
    asked = tuple(EvaluationConfig(name, str(folder), resolution=64) for name in protocols or ("objects", "mass"))
    return tiny(folder, **{"steps": 4, "picture_every": 100, "evaluate_every": 2, "evaluations": asked,
                           "keep_best": best, **changes})


def tiny_stellar(seed: int = 0) -> Stellar:
    torch.manual_seed(seed)
    return Stellar(tiny(Path("x")).model)


def scores_of(**values: float | None) -> Scores:
    return Scores("run", "", {f"mass/{name}": value for name, value in values.items()})


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("measured") / "run"
    loop.run(measured(folder), out, device="cpu", quiet=True)
    return out


def evaluations(out: Path) -> dict[int, dict]:
    return {line["step"]: line["evaluation"] for line in log(out) if "evaluation" in line}


def test_measuring_changes_nothing_of_a_run(folder, finished, tmp_path):
    plain = measured(folder, evaluate_every=None, evaluations=(), best=None)
    loop.run(plain, tmp_path / "plain", device="cpu", quiet=True)
    ours, theirs = (load_file(out / "model.safetensors") for out in (finished, tmp_path / "plain"))
    assert set(ours) == set(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)
    losses = [[line["losses"] for line in log(out) if "losses" in line] for out in (finished, tmp_path / "plain")]
    assert losses[0] == losses[1] and len(losses[0]) == 4


def test_the_best_is_the_best_of_the_log(folder, finished):
    found = evaluations(finished)
    assert list(found) == [0, 2, 4]
    assert set(found[0]) == {*PROTOCOLS["objects"].measures, *PROTOCOLS["mass"].measures}
    best = json.loads((finished / "best.json").read_text())
    values = {step: scores["objects/mean_best_iou"] for step, scores in found.items()}
    assert best["value"] == max(values.values()) and best["measure"] == "objects/mean_best_iou"
    assert best["step"] == next(step for step, value in values.items() if value == best["value"]), "the earliest"
    weights = finished / "best.safetensors"
    assert best["sha256"] == sha256_of(weights)
    # What was logged of a step is what its weights say when they are looked at later.
    again = RunEvaluation(measured(folder), finished, CPU).scores(Stellar.load(weights, device="cpu", dtype="float32"))
    assert again.scores == pytest.approx(found[best["step"]], abs=1e-4)


def test_the_lowest_can_be_the_best_and_a_resumed_run_remembers_it(folder, tmp_path):
    config = measured(folder, "mass", best="lowest:mass/dead")
    evaluation = RunEvaluation(config, tmp_path, CPU)
    for step, value in enumerate((0.5, 0.25, 0.25, 0.75)):
        evaluation.keep_best(tiny_stellar(step), step, scores_of(dead=value))
    kept = load_file(tmp_path / "best.safetensors")
    assert json.loads((tmp_path / "best.json").read_text())["step"] == 1
    assert torch.equal(kept["encoder.tokens"], tiny_stellar(1).encoder.tokens)

    resumed = RunEvaluation(config, tmp_path, CPU)
    resumed.keep_best(tiny_stellar(4), 4, scores_of(dead=0.3))
    assert resumed.best() == 0.25
    resumed.keep_best(tiny_stellar(5), 5, scores_of(dead=0.2))
    assert json.loads((tmp_path / "best.json").read_text())["step"] == 5
    other = RunEvaluation(replace(config, keep_best="mass/heaviest"), tmp_path, CPU)
    assert other.best() is None, "of another measure none is known"
    assert not list(tmp_path.glob(".*")), "nothing is left aside"


def test_an_unknown_measure_is_refused_before_anything_is_trained(folder, tmp_path):
    with pytest.raises(RecipeError, match=r"'objects/mean_iou' \(did you mean objects/mean_best_iou\?\); .*give "
                                          r"objects/mean_best_iou, .*mass/dead"):
        loop.run(measured(folder, best="objects/mean_iou"), tmp_path / "run", device="cpu", quiet=True)
    with pytest.raises(ValueError, match="no protocol 'objcts'; choose from"):
        loop.run(measured(folder, "objcts"), tmp_path / "run", device="cpu", quiet=True)
    Image.new("RGB", (40, 40)).save(tmp_path / "bare.png")
    with pytest.raises(ValueError, match="has no outlines; objects needs"):
        loop.run(measured(tmp_path), tmp_path / "run", device="cpu", quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_measure_that_cannot_be_had_stops_a_run_with_the_reason(folder, tmp_path):
    evaluation = RunEvaluation(measured(folder, "mass", best="mass/dead"), tmp_path, CPU)
    none = replace(scores_of(dead=None), notes={"mass/dead": "all are alive"})
    with pytest.raises(RunError, match=r"mass/dead, and there is none \(all are alive\)"):
        evaluation.keep_best(tiny_stellar(), 0, none)


def test_every_protocol_yields_the_measures_that_it_is_known_for(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(run_evaluation, "shipped_stem", lambda device: None)
    scores = RunEvaluation(measured(folder, *PROTOCOLS, best=None), tmp_path, CPU).scores(tiny_stellar())
    assert list(scores.scores) and set(scores.scores) == {name for kind in PROTOCOLS.values() for name in kind.measures}


def test_modes_and_random_states_are_as_they_were():
    stellar = tiny_stellar().train()
    stellar.localizer.eval()
    torch.manual_seed(3)
    with untouched(stellar, CPU):
        assert not stellar.training and not torch.is_grad_enabled()
        torch.rand(5)
    drawn = torch.rand(2)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(2)) and stellar.training and not stellar.localizer.training


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"evaluations": ()}, "need each other"),
    ({"evaluate_every": None}, "need each other"),
    ({"evaluate_every": 0}, "evaluate_every must be at least 1"),
    ({"evaluate_every": None, "evaluations": ()}, "keep_best needs evaluate_every"),
    ({"evaluations": 2 * (EvaluationConfig("mass", "x"),)}, "can be in evaluations once"),
])
def test_what_does_not_go_together_is_said(folder, changes, sentence):
    with pytest.raises(RecipeError, match=sentence):
        measured(folder, **changes)


def test_sharded_weights_are_not_evaluated(folder):
    config = measured(folder)
    with pytest.raises(RecipeError, match="sharded weights are not evaluated"):
        loop.check_sharded(replace(config, optimizer=replace(config.optimizer, average=None)))


def test_the_command_line_says_it_in_short(folder, capsys):
    asked = ["--recipe", "smoke", "--show", "--evaluate-every", "50", "--evaluate", f"objects={folder}",
             "--evaluate", "mass=x=y", "--keep-best", "lowest:mass/dead", "--set", "evaluations.0.limit=3"]
    assert main(asked) == 0
    shown = TrainConfig.from_json(capsys.readouterr().out)
    assert shown.evaluations == (EvaluationConfig("objects", str(folder), limit=3), EvaluationConfig("mass", "x=y"))
    assert (shown.evaluate_every, shown.keep_best) == (50, "lowest:mass/dead")
    assert main([*asked[:3], "--evaluate", "objects"]) == 2
    assert "PROTOCOL=FOLDER" in capsys.readouterr().err
