"""benchmarks.pictures: the evaluator's numbers in a row, a sheet, and what is refused in a sentence."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ViTMAEConfig

from benchmarks.pictures import BAD_INPUT, HEAD, WIDTH, main
from model.baselines.mae import Mae
from tests.fakes.collections import photo_bytes
from tests.fakes.reconstruct import decoding_explorer
from train.evaluators import reconstruction
from train.evaluators.photo_set import PhotoSet
from train.subjects import StellarSubject


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """-> a folder with photos/, a model, one without a decoder, and a MAE."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "photos").mkdir()
    for number in range(3):
        (folder / "photos" / f"{number}.png").write_bytes(photo_bytes(number, size=(96, 64)))
    for predicts in ("codes", None):
        decoding_explorer(folder, predicts=predicts)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Mae(ViTMAEConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                         image_size=64, patch_size=16, decoder_hidden_size=16, decoder_num_hidden_layers=1,
                         decoder_num_attention_heads=2, decoder_intermediate_size=16)).save(folder / "mae.safetensors")
    return folder


@pytest.fixture
def ask(place):
    """-> a function: the exit status for more options."""
    def ask(*options: str, model: str = "codes", folder: str = "photos") -> int:
        return main([str(place / folder), "--model", str(place / f"{model}.safetensors"), "--mae",
                     str(place / "mae.safetensors"), "--device", "cpu", *options])
    return ask


def test_a_row_is_what_the_evaluator_measures(ask, place, capsys):
    assert ask("--resolution", "64,96", "--sheet", str(place / "sheet.png")) == 0
    *_, row, second = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == "64 px" and second.startswith("| 96 px |")
    subject = StellarSubject.open(str(place / "codes.safetensors"), device="cpu")
    found = dict(reconstruction.evaluate(subject, PhotoSet.open(place / "photos"), resolution=64))
    ours, floor, ceiling = (found[f"reconstruction/{name}psnr"] for name in ("", "floor_", "ceiling_"))
    assert cells[1:4] == [f"{value:.2f}" for value in (ours, floor, ceiling)] and cells[5] == f"{ours - floor:.2f}"
    assert float(cells[6]) == pytest.approx(float(cells[1]) - float(cells[4]), abs=0.02)

    sheet = np.asarray(Image.open(place / "sheet.png"))
    assert sheet.shape[0] >= 3 * HEAD and sheet.shape[1] == 6 * WIDTH  # the photo, two sizes, floor, ceiling, MAE


@pytest.mark.parametrize(("options", "words"), [
    ({"model": "blind"}, "draws no pictures"),
    ({"model": "nowhere"}, "nowhere"),
    ({"folder": "nothing"}, "nothing"),
    (("--resolution", "large"), "--resolution is large"),
    (("--resolution", "8"), "from 32"),
    (("--limit", "0"), "at least 1"),
])  # fmt: skip
def test_what_cannot_be_measured_is_one_sentence(options, words, ask, capsys):
    assert (ask(**options) if isinstance(options, dict) else ask(*options)) == BAD_INPUT
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and words in said.err


def test_a_photo_that_cannot_be_read_is_left_out(ask, place, tmp_path, capsys):
    (tmp_path / "good.png").write_bytes(photo_bytes(1, size=(96, 64)))
    (tmp_path / "bad.png").write_bytes(b"nothing")
    assert ask("--resolution", "64", "--sheet", str(tmp_path / "sheet.png"), folder=str(tmp_path)) == 0
    assert Image.open(tmp_path / "sheet.png").height < 2 * (HEAD + WIDTH)
