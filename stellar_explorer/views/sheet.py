"""A sheet of pixels that pictures and words are laid on: matplotlib's Figure, without its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100
LABEL, SMALL = 21, 18  # pixels of letter height
INK, QUIET = "#26292f", "#7b808a"


def place(sheet: Figure, picture: np.ndarray, x: int, y: int) -> None:
    """Pixel for pixel: (x, y) is the upper left corner, from the sheet's."""
    top = round(sheet.get_figheight() * DPI)
    sheet.figimage(picture, xo=x, yo=top - y - picture.shape[0], origin="upper")


def write(
    sheet: Figure, text: str, x: float, y: float, *, size: int = LABEL, colour: str = INK, align: str = "left"
) -> None:
    """One line, its middle at y."""
    width, height = sheet.get_figwidth() * DPI, sheet.get_figheight() * DPI
    sheet.text(x / width, 1 - y / height, text, size=size * 72 / DPI, color=colour, ha=align, va="center_baseline",
               family="DejaVu Sans", parse_math=False)
