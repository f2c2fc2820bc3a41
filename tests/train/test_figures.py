"""--figure: what was measured, drawn; every value in a picture is one of the JSON's."""

import importlib
import json

import pytest
from matplotlib.colors import to_hex
from PIL import Image

from tests.train.evaluators.test_evaluate_command import run, world  # noqa: F401  the small world of checkpoints and photos
from train.evaluators.equivariance import CHANGES
from train.figures.figure import figure
from train.figures.look import BLUE, GREEN, ORANGE
from train.figures.measured import Measured, of_report, of_table
from train.figures.partition import PARTS

COMMON = ("--resolution", 64, "--device", "cpu", "--limit", 2)


def scores(shift: float = 0.0, tokens: int = 16) -> dict:
    found = {f"invariance/{change}/semantics": 0.8 - shift for change in CHANGES}
    for place, change in enumerate(CHANGES):
        for number, (name, _, _) in enumerate(PARTS.values()):
            found[f"equivariance/{change}/{name}"] = round(0.1 * place + 0.2 * number + 0.05 + shift, 3)
    rebuilt = {"tokens": tokens, "psnr": 17 + tokens / 8, "rfid": None}
    return found | {f"reconstruction/{name}": value for name, value in rebuilt.items()}


def report(**models: dict) -> Measured:
    return of_report({"models": [{"name": name, "scores": found} for name, found in models.items()]})


def titled(sheet, words: str):
    found = [axes for axes in sheet.get_axes() if words in axes.get_title(loc="left")]
    assert len(found) == 1, words
    return found[0]


def names(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_bars_are_the_values_of_the_json():
    a, b = scores(), scores(0.1)
    sheet = figure(report(**{"STELLAR $b_16$": a, "DINO": b}))
    crops = titled(sheet, "Invariance under crops")
    assert [bar.get_width() for bar in crops.patches] == pytest.approx([1 - 0.8, 1 - 0.7])
    assert names(crops) == ["STELLAR $b_16$", "DINO"]
    for change in CHANGES:
        axes = titled(sheet, f"What moves, what stays: {change}" if change == "crops" else change)
        for (name, words, colour), bars in zip(PARTS.values(), axes.containers, strict=True):
            measure = f"equivariance/{change}/{name}"
            assert [bar.get_width() for bar in bars] == [a[measure], b[measure]]
            assert bars.get_label() == words and {to_hex(bar.get_facecolor()) for bar in bars} == {colour.lower()}
    assert len({BLUE, ORANGE, GREEN}) == 3


def test_quality_stands_against_the_number_of_tokens():
    sheet = figure(report(many=scores(tokens=24), few=scores(tokens=8)))
    axes, = (axes for axes in sheet.get_axes() if axes.get_ylabel() == "PSNR (dB)")
    assert axes.lines[0].get_xydata().tolist() == [[8, 18], [24, 20]]
    assert [text.get_text() for text in axes.texts] == ["few", "many"]
    assert "rFID" not in [axes.get_ylabel() for axes in sheet.get_axes()], "what is missing is not drawn"


def test_a_tables_cells_are_drawn_beside_what_is_published():
    table = importlib.import_module("train.tables.tokens").TABLE
    cells = {"stellar-b24": {"rfid": {"value": 2.5}, "imagenet-1k": {"value": 0.75}},
             "stellar-b8": {"rfid": {"value": 4.5}, "imagenet-1k": {"failed": "no memory"}},
             "mine": {"rfid": {"value": 1.0}}}
    sheet = figure(of_table(table, cells))
    assert [axes.get_ylabel() for axes in sheet.get_axes()] == ["rFID"]
    ours, published = sheet.get_axes()[0].lines
    assert ours.get_xydata().tolist() == [[8, 4.5], [24, 2.5]]
    assert published.get_xydata().tolist() == [[16, 3.06]]
    table = importlib.import_module("train.tables.invariance").TABLE
    cells = {"dino-b16": {"crops": {"value": 0.9}}, "mine": {"crops": {"value": 0.95}}}
    axes, = figure(of_table(table, cells)).get_axes()
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.1, 0.05]) and names(axes)[1] == "mine"


def test_every_axis_has_a_label():
    sheet = figure(report(a=scores(), b=scores(0.1, tokens=8)))
    for axes in sheet.get_axes():
        assert axes.get_xlabel()
        assert axes.get_ylabel() or axes.get_title(loc="left") in CHANGES, "they share the first one's"


def test_nothing_that_fits_is_said():
    for nothing in (report(a={"knn/summary": 0.5}), report(a={"reconstruction/psnr": 20, "reconstruction/tokens": 16})):
        with pytest.raises(ValueError, match="--figure has nothing to draw"):
            figure(nothing)


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_report_is_drawn(world, capsys, tmp_path, ending):  # noqa: F811
    path = tmp_path / f"figure.{ending}"
    arguments = [world / "tiny.safetensors", "--data", f"equivariance={world / 'outlines'}", "--out",
                 tmp_path / f"{ending}.json", "--figure", path, *COMMON]
    assert run(capsys, *arguments)[0] == 0
    if ending == "png":
        with Image.open(path) as picture:
            picture.load()
            assert picture.width > 1000
    else:
        assert "Invariance under crops</text>" in path.read_text(encoding="utf-8")
    made = path.read_bytes()
    status, _, err = run(capsys, *arguments)
    assert status == 2 and "--overwrite" in err and path.read_bytes() == made
    assert run(capsys, *arguments, "--overwrite")[0] == 0
    assert path.read_bytes() == made, "the same numbers make the same file"
    assert not list(tmp_path.glob(".*.part"))


def test_a_table_is_drawn_and_its_cells_say_what_made_them(world, capsys, tmp_path):  # noqa: F811
    out, path = tmp_path / "cells.json", tmp_path / "figure.svg"
    status, _, _ = run(capsys, "--table", "invariance", "--rows", "mine", f"mine={world / 'tiny.safetensors'}",
                       "--data", f"imagenet-1k={world / 'classes'}", "--out", out, "--figure", path, *COMMON)
    assert status == 0 and ">mine</text>" in path.read_text(encoding="utf-8")
    cell = json.loads(out.read_text(encoding="utf-8"))["cells"]["mine"]["crops"]
    assert cell["command"].startswith("python -m train.evaluate --table invariance")
    assert str(world) not in cell["command"]
    assert len(cell.get("commit", "0000000")) >= 7 and cell["made"]


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--figure", "{out}/a.pdf"], "must end in .png or .svg"),
    (["--figure", "{out}/no/a.png"], "does not exist; make it first"),
    (["--figure", "{out}/a.png", "--table", "downstream"], "the table downstream measures none of them"),
    (["--figure", "{out}/a.png", "--protocol", "mass"], "and mass measure none of them"),
])
def test_what_a_person_can_mend(world, capsys, tmp_path, arguments, sentence):  # noqa: F811
    status, _, err = run(capsys, world / "tiny.safetensors", "--data", world / "outlines",
                         *[text.format(out=tmp_path) for text in arguments])
    assert status == 2 and sentence in err and err.count("\n") == 1 and not list(tmp_path.iterdir())
