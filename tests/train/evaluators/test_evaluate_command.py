"""`python -m train.evaluate`: one table, one JSON, and one sentence for what a person got wrong."""

import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from model.config import StellarConfig
from model.stellar import Stellar
from train.evaluate import PROTOCOLS, command_line, main


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A checkpoint, a peer's file, a folder of classes and a folder with outlines."""
    root = tmp_path_factory.mktemp("world")
    torch.manual_seed(0)
    config = StellarConfig(width=32, depth=2, num_heads=2, mlp_width=64, native_size=64, num_tokens=4)
    Stellar(config).save(root / "tiny.safetensors")
    save_file(timm.create_model("resnet10t").state_dict(), root / "resnet.safetensors")
    generator = np.random.default_rng(0)
    for name in ("classes/cat", "classes/dog", "outlines"):
        (root / name).mkdir(parents=True)
        for number in range(4):
            pixels = generator.integers(0, 256, (24, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((80, 64)).save(root / name / f"{number}.jpg")
    for number in range(4):
        (root / "outlines" / f"{number}.txt").write_text("cat 0.1 0.1 0.6 0.1 0.6 0.7\n3 0.6 0.5 1 1\n")
    return root


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_everything_the_data_allow_in_one_run(world, capsys):
    status, out, _ = run(
        capsys, f"mine={world / 'tiny.safetensors'}", "--peer", f"resnet10t={world / 'resnet.safetensors'}",
        "--data", world / "classes", "--data", world / "outlines", "--resolution", 64, "--device", "cpu",
        "--out", world / "scores.json")
    assert status == 0
    report = json.loads((world / "scores.json").read_text())
    assert set(report) == {"made", "command", "protocols", "models"} and list(report["protocols"]) == list(PROTOCOLS)
    assert [model["name"] for model in report["models"]] == ["mine", "resnet10t"]
    for model in report["models"]:
        assert len(model["sha256"]) == 64
        for name, value in model["scores"].items():
            assert (value is None) == (name in model["notes"]), name
        assert model["notes"]["reconstruction/psnr"]
        assert {name.split("/")[0] for name in model["scores"]} == {*PROTOCOLS, "invariance"}
    assert report["models"][0]["scores"]["objects/count"] == 8
    assert report["protocols"]["knn"]["photos"] == 8 and report["protocols"]["knn"]["data"] == "classes"
    assert report["protocols"]["mass"]["data"] == "outlines"
    assert str(world) not in json.dumps(report) and str(world) not in out
    assert (world / "scores.md").read_text() == out
    assert out.startswith("| measure | mine | resnet10t |\n|---|---:|---:|")
    assert "| objects/count | 8 | 8 |" in out and "| reconstruction/psnr | – | – |" in out
    assert "this checkpoint has no decoder" in out and not list(world.glob(".*.part"))


def test_a_bad_photo_is_counted_and_named(world, capsys, tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes((world / "outlines" / f"{number}.jpg").read_bytes())
    (tmp_path / "1.jpg").write_bytes(b"no photo")
    status, out, err = run(capsys, world / "tiny.safetensors", "--data", tmp_path, "--protocol", "mass",
                           "--resolution", 64, "--device", "cpu", "--out", tmp_path / "out.json")
    assert status == 0 and "1 left out" in out
    assert "1 photos could not be read" in err and "1.jpg" in err
    protocol = json.loads((tmp_path / "out.json").read_text())["protocols"]["mass"]
    assert protocol["photos"] == 2 and protocol["skipped"] == ["1.jpg"]


def test_seeded_runs_agree_and_limits_hold(world, capsys):
    arguments = [world / "tiny.safetensors", "--data", f"equivariance={world / 'outlines'}", "--resolution", 64,
                 "--device", "cpu", "--limit", 2]
    tables = [run(capsys, *arguments)[1].split("\n\nMade")[0] for _ in range(2)]
    assert tables[0] == tables[1] and "(2 photos of outlines at 64 px)" in tables[0]
    assert "invariance/crops/semantics" in tables[0] and "mass/" not in tables[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{tiny}"], "--data"),
        (["--data", "{root}/outlines"], "nothing to evaluate"),
        (["{tiny}", "--data", "{root}/nowhere"], "does not exist"),
        (["{root}/none.safetensors", "--data", "{root}/outlines"], "none.safetensors"),
        (["{root}/resnet.safetensors", "--data", "{root}/outlines"], "not a STELLAR checkpoint"),
        (["{tiny}", "--data", "{root}/outlines", "--protocol", "fame"], "there is no protocol 'fame'"),
        (["{tiny}", "--data", "{root}/outlines", "--protocol", "knn"], "no --data for knn: it needs a folder a class"),
        (["{tiny}", "--data", "objects={root}/classes"], "has no outlines"),
        (["{tiny}", "--data", "{root}/outlines", "--peer", "vit_enormous"], "timm has no model 'vit_enormous'"),
        (["{tiny}", "--data", "{root}/outlines", "--resolution", "0"], "--resolution is 0"),
        (["{tiny}", "--data", "{root}/outlines", "--resolution", "8"], "patches of 16 pixels"),
        (["{tiny}", "--data", "{root}/outlines", "--limit", "many"], "invalid int value"),
        (["{tiny}", "--data", "{root}/outlines", "--device", "abacus"], "--device abacus is not there"),
        (["{tiny}", "--data", "{root}/outlines", "--out", "{root}/scores.txt"], "must end in .json"),
        (["{tiny}", "--data", "{root}/outlines", "--out", "{root}/no/scores.json"], "does not exist"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_and_status_2(world, capsys, arguments, sentence):
    arguments = [argument.format(root=world, tiny=world / "tiny.safetensors") for argument in arguments]
    try:
        status = main(arguments)
    except SystemExit as error:  # argparse's own
        status = error.code
    captured = capsys.readouterr()
    assert status == 2 and not captured.out
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1 and sentence in captured.err


def test_no_folder_of_this_machine_stays_in_the_command():
    arguments = ["a=/x/y/z.safetensors", "--peer", "vit=/x y/v.safetensors:10", "--data", "knn=/data/in/labelled/",
                 "--data", "../photos/o", "/a b/c d"]
    assert command_line(arguments) == ("python -m train.evaluate a=z.safetensors --peer vit=v.safetensors:10 "
                                       "--data knn=labelled --data ../photos/o 'c d'")


def test_captions_are_counted_and_boxes_of_centres_are_told(world, tmp_path, capsys):
    for number, text in enumerate(["a dog and 2 cats", "0 0.5 0.5 0.2 0.3", "0 0.5 0.5 0.4 0.4"]):
        Image.new("RGB", (64, 64), "red").save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.txt").write_text(text)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing")
    command = [world / "tiny.safetensors", "--data", tmp_path, "--protocol", "objects", "--resolution", 64]
    status, _, told = run(capsys, *command)
    assert status == 0 and "1 text files beside photos are no outlines" in told
    assert "boxes are read as centre, width and height" in told and "a link to nothing (1)" in told
    (tmp_path / "1.txt").write_text("")
    (tmp_path / "2.txt").write_text("0 0.4 0.4 0.5 0.5")  # which may be read either way
    status, _, told = run(capsys, *command)
    assert status == 2 and "say which they are with --boxes corners or --boxes centres" in told
    assert run(capsys, *command, "--boxes", "centres")[0] == 0
