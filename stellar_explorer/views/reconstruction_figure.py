"""The slides' figure of one photo: what each model rebuilds it to, where that differs, and what stands for scale."""

from __future__ import annotations

import io
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from stellar_explorer.views.difference import FULL, difference_map
from stellar_explorer.views.render import HEAT, ramp
from stellar_explorer.views.sheet import DPI, LABEL, QUIET, SMALL, place, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stellar_explorer.reconstruct.reconstructions import Rebuilt

CONTENT, MARGIN, GAP = 2000, 56, 24  # pixels: the width everything shares, around it, and between pictures
LINE = 26  # pixels from one line to the next
HEAD = LABEL + 14  # a label's line above its picture
BLANK = (236, 234, 230)
MOST_HEIGHT = 640  # of a picture: beyond this a tall photo is drawn narrower
MAIN = ("stellar", "titok", "mae")


def reconstruction_figure(photo: np.ndarray, pictures: Sequence[Rebuilt], *, caption: str) -> bytes:
    """photo (H, W, 3) uint8, pictures of that size -> a PNG.

    The photo and MAIN; below each where it differs; then the others. One that is missing leaves a gap with the reason.
    Nothing here is shared between threads: no pyplot, one figure and canvas a call.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    main = [rebuilt for rebuilt in pictures if rebuilt.name in MAIN]
    others = [rebuilt for rebuilt in pictures if rebuilt.name not in MAIN]
    large, small = (_within(photo.shape, count) for count in (1 + len(main), max(len(others), 1)))
    words = 3 * LINE
    differences_at = MARGIN + HEAD + large[1] + words
    others_at = differences_at + large[1] + 2 * GAP
    height = others_at + (HEAD + small[1] + words if others else 0) + 3 * LINE + MARGIN
    sheet = Figure(figsize=((CONTENT + 2 * MARGIN) / DPI, height / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(sheet)

    write(sheet, "Photo", MARGIN, MARGIN + LABEL / 2)
    place(sheet, _resized(photo, large), MARGIN, MARGIN + HEAD)
    size = f"{photo.shape[1]} × {photo.shape[0]} pixels"
    write(sheet, size, MARGIN, MARGIN + HEAD + large[1] + 0.8 * LINE, size=SMALL, colour=QUIET)
    _scale(sheet, MARGIN, differences_at, large)
    for column, rebuilt in enumerate(main, start=1):
        x = MARGIN + column * (CONTENT + GAP) // (1 + len(main))
        _picture(sheet, rebuilt, x, MARGIN, large)
        if rebuilt.picture is not None:
            place(sheet, _resized(difference_map(rebuilt.picture, photo), large), x, differences_at)
    for column, rebuilt in enumerate(others):
        _picture(sheet, rebuilt, MARGIN + column * (CONTENT + GAP) // len(others), others_at, small)
    for number, line in enumerate(wrap(caption, 190)[:3]):
        write(sheet, line, MARGIN, height - MARGIN - (2 - number) * LINE, size=SMALL, colour=QUIET)

    buffer = io.BytesIO()
    canvas.print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _picture(sheet: Figure, rebuilt: Rebuilt, x: int, y: int, size: tuple[int, int]) -> None:
    """Its name, the picture or the reason why there is none, and its numbers."""
    write(sheet, rebuilt.label, x, y + LABEL / 2)
    if rebuilt.picture is None:
        place(sheet, np.broadcast_to(np.array(BLANK, np.uint8), (size[1], size[0], 3)), x, y + HEAD)
        for number, line in enumerate(wrap(rebuilt.missing, max(size[0] // 10, 12))[: max((size[1] - 20) // LINE, 1)]):
            write(sheet, line, x + 12, y + HEAD + 24 + number * LINE, size=SMALL, colour=QUIET)
        return
    place(sheet, _resized(rebuilt.picture, size), x, y + HEAD)
    for number, line in enumerate(_numbers(rebuilt)):
        write(sheet, line, x, y + HEAD + size[1] + (number + 0.8) * LINE, size=SMALL, colour=QUIET)


def _numbers(rebuilt: Rebuilt) -> tuple[str, str]:
    tokens = "" if rebuilt.num_tokens is None else f"{rebuilt.num_tokens} tokens · "
    distance = rebuilt.measures.get("stem_distance")
    return (f"{tokens}{rebuilt.num_bytes:,} bytes",
            f"{rebuilt.measures['psnr']:.1f} dB · SSIM {rebuilt.measures['ssim']:.2f}"
            + ("" if distance is None else f" · stem {distance:.2f}"))


def _scale(sheet: Figure, x: int, y: int, size: tuple[int, int]) -> None:
    """What the difference maps' colours mean, in the place below the photo."""
    write(sheet, "Difference from the photo", x, y + LABEL / 2)
    bar = np.repeat(ramp(HEAT)[None], 14, axis=0)
    place(sheet, np.asarray(Image.fromarray(bar).resize((min(size[0], 300), 14))), x, y + HEAD + 4)
    write(sheet, f"0 to {FULL:g} of black to white, or more", x, y + HEAD + 4 + 34, size=SMALL, colour=QUIET)


def _within(shape: tuple[int, ...], columns: int) -> tuple[int, int]:
    """(width, height) of a picture of this shape, so many in a row."""
    height, width = shape[:2]
    scale = min(((CONTENT + GAP) // columns - GAP) / width, MOST_HEIGHT / height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
