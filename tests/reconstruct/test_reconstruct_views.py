"""What the comparison is drawn and written with: differences, the table and the figure. Arrays in, bytes out."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from stellar_explorer.reconstruct.reconstructions import Rebuilt
from stellar_explorer.views.difference import FULL, difference, difference_map
from stellar_explorer.views.reconstruction_figure import reconstruction_figure
from stellar_explorer.views.reconstruction_table import COLUMNS, as_csv, row
from stellar_explorer.views.render import HEAT


def picture(seed: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def rebuilt(name: str, seed: int = 1, shape: tuple[int, int] = (48, 64), **more: object) -> Rebuilt:
    values = {"num_tokens": 16, "num_bytes": 1234, "detail": "16, of some kind", "native_size": (32, 32),
              "seconds": 0.123456, "measures": {"psnr": 20.5, "ssim": 0.5, "stem_distance": 0.25, "lpips": None}}
    return Rebuilt(name, name.upper(), "a hint", picture=picture(seed, shape), **{**values, **more})


def missing(name: str) -> Rebuilt:
    return Rebuilt(name, name.upper(), "a hint", missing="It is not here, because nobody trained it.")


# Differences


def test_a_picture_does_not_differ_from_itself():
    photo = picture(0)
    assert not difference(photo, photo).any()
    assert (difference_map(photo, photo) == HEAT[0]).all()


def test_black_and_white_differ_by_one_in_either_order():
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert (difference(black, white) == 1).all() and (difference(white, black) == 1).all()
    assert (difference_map(black, white) == HEAT[-1]).all()


def test_one_scale_for_all():
    grey = np.full((1, 1, 3), 100, np.uint8)
    steps = [difference_map(np.full((1, 1, 3), 100 + step, np.uint8), grey)[0, 0].sum() for step in (0, 30, 60, 102)]
    assert steps == sorted(steps) and FULL <= 102 / 255 and steps[-1] == HEAT[-1].sum()


# The table


def test_the_table_says_what_is_measured_and_what_is_not():
    text = as_csv([rebuilt("stellar"), missing("titok"), rebuilt("jpeg", num_tokens=None)])
    assert text.splitlines()[0] == ",".join(COLUMNS)
    ours, gap, file = csv.DictReader(io.StringIO(text))
    assert (ours["model"], ours["tokens"], ours["bits"], ours["bytes"]) == ("STELLAR", "16", "9872", "1234")
    assert (ours["native_width"], ours["measured_width"], ours["measured_height"]) == ("32", "64", "48")
    assert (ours["psnr_db"], ours["ssim"], ours["stem_distance"]) == ("20.5", "0.5", "0.25")
    assert ours["lpips"] == "not available" and ours["seconds"] == "0.1235" and ours["what"] == "16, of some kind"
    assert gap["psnr_db"] == gap["bytes"] == gap["tokens"] == "not available" and "nobody trained" in gap["what"]
    assert file["tokens"] == "" and file["bytes"] == "1234"


def test_a_row_has_every_column():
    assert set(row(rebuilt("mae"))) == set(row(missing("mae"))) == set(COLUMNS)


# The figure


@pytest.mark.parametrize("shape", [(48, 64), (16, 224), (224, 32)])
def test_the_figure_holds_the_pictures(shape):
    photo = picture(0, shape)
    pictures = [rebuilt("stellar", 1, shape), missing("titok"), rebuilt("mae", 2, shape), rebuilt("vqgan", 3, shape)]
    with Image.open(io.BytesIO(reconstruction_figure(photo, pictures, caption="A caption."))) as sheet:
        assert sheet.format == "PNG" and sheet.width == 2112 and sheet.height < 3000
        pixels = np.asarray(sheet.convert("RGB"))
    # The photo stands where it should: its enlarged pixels are found, column by column, in the sheet.
    scale = min(482 / shape[1], 640 / shape[0])
    width, height = (max(round(side * scale), 1) for side in shape[::-1])
    enlarged = np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC))
    drawn = pixels[91 : 91 + enlarged.shape[0], 56 : 56 + width]
    assert np.abs(drawn.astype(int) - enlarged).mean() < 2
    blank = (np.abs(pixels.astype(int) - (236, 234, 230)).max(axis=2) == 0).sum()
    assert blank > 0.3 * enlarged.shape[0] * width  # the gap of what is missing


def test_the_figure_is_the_same_every_time():
    pictures = [rebuilt("stellar"), rebuilt("titok", 2), rebuilt("mae", 3)]
    first, second = (reconstruction_figure(picture(0), pictures, caption="A caption.") for _ in range(2))
    assert first == second
