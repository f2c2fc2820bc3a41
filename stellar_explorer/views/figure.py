"""The paper's figure of one photo: what the features say, their low-rank approximation, and each concept's place."""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from stellar_explorer.views.basis import ColourBasis
from stellar_explorer.views.concepts import keep_concepts, photo_concept_map, photo_mask
from stellar_explorer.views.diagnostics import explained_variance, residual, row_entropy
from stellar_explorer.views.palette import palette
from stellar_explorer.views.render import HEAT, enlarge, lit, ramp
from stellar_explorer.views.sheet import DPI, LABEL, QUIET, SMALL, place, write

if TYPE_CHECKING:
    from stellar_explorer.analysis import Analysis

LAYERS = {"photo": "Photo", "features": "Feature map", "low_rank": "Low-rank approximation", "concepts": "Concept map",
          "residual": "Residual", "entropy": "Entropy"}
PAPER = ("photo", "features", "low_rank", "concepts")
CONTENT, MARGIN, GAP = 2004, 56, 20  # pixels: the width everything shares, around it, and between pictures
# (pictures and concepts in a row) for photos up to this many times as wide as high.
COLUMNS = ((2.2, 4, 8), (4.5, 2, 4), (9.0, 2, 2), (float("inf"), 1, 1))
TALLEST = 420  # a concept: beyond this a photo is drawn narrower,
SLIVER, TALLEST_SLIVER = 32, 900  # until it is so narrow; then taller
NARROWEST = 150  # a concept's column: room for its label


def figure(
    photo: Image.Image,
    analysis: Analysis,
    basis: ColourBasis,
    *,
    threshold: float = 1.0,
    tokens: Collection[int] | None = None,
    smooth: bool = False,
    layers: Sequence[str] = PAPER,
) -> bytes:
    """-> a PNG. The layers, by default the paper's: photo, feature map, low-rank approximation and concept map, these
    two of `tokens` (all) alone; below, the tokens by falling mass.

    Each is the photo lit where localization > threshold / K, smooth between the patches' centres or patch by patch.
    Nothing here is shared between threads: no pyplot, one figure and canvas a call.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    photo = photo.convert("RGB")
    num_tokens = analysis.localization.shape[1]
    tokens = range(num_tokens) if tokens is None else tokens
    tokens = sorted(tokens, key=lambda token: (-float(analysis.mass[token]), token))
    top_columns, concept_columns = _columns(photo.size)
    top_columns = min(top_columns, len(layers))
    small_width = (CONTENT + GAP) // concept_columns - GAP
    tallest = min(max(TALLEST, SLIVER * photo.height // photo.width), TALLEST_SLIVER)
    small = _within(photo.size, small_width, tallest)
    small_pitch = max(small[0], min(NARROWEST, small_width)) + GAP
    # A picture spans whole columns of the concepts below it, so that their edges are in line.
    span = concept_columns // top_columns
    top_pitch = span * small_pitch
    top = _within(photo.size, top_pitch - GAP, max(span * (TALLEST + GAP) - GAP, tallest))

    head = LABEL + 14  # a label's line above its picture
    top_rows, small_rows = -(-len(layers) // top_columns), -(-len(tokens) // concept_columns)
    concepts_at = MARGIN + top_rows * (head + top[1] + GAP) + GAP
    footer_at = concepts_at + 2 * head + small_rows * (small[1] + head + GAP)
    columns = min(concept_columns, max(len(tokens), 1))
    content = max(top_columns * top_pitch, columns * small_pitch, 900) - GAP
    width, height = content + 2 * MARGIN, footer_at + SMALL + MARGIN

    sheet = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(sheet)

    for index, layer in enumerate(layers):
        label, picture = drawn(layer, photo, analysis, basis, top, tokens, smooth)
        x = MARGIN + index % top_columns * top_pitch
        y = MARGIN + index // top_columns * (head + top[1] + GAP)
        write(sheet, label, x, y + LABEL / 2)
        place(sheet, picture, x, y + head)

    level = f"{threshold:g}/{num_tokens}"
    write(sheet, f"Concepts by mass, lit where localization > {level}", MARGIN, concepts_at + LABEL / 2)
    miniature = photo.resize(small, Image.Resampling.LANCZOS)
    outline = 2 if small[0] / analysis.patch_grid[1] >= 8 else 1  # of fine cells a thick border would be all
    colours = palette(num_tokens)
    for index, token in enumerate(tokens):
        x = MARGIN + index % concept_columns * small_pitch
        y = concepts_at + head + index // concept_columns * (small[1] + head + GAP)
        mask = photo_mask(analysis.localization, analysis.patch_grid, token, small, threshold=threshold, smooth=smooth)
        place(sheet, np.asarray(lit(miniature, mask, colours[token], opacity=0.32, outline=outline)), x, y)
        line = y + small[1] + 10 + SMALL / 2
        chip = np.broadcast_to(colours[token], (SMALL - 4, SMALL - 4, 3))
        place(sheet, chip, x, round(line - chip.shape[0] / 2))
        write(sheet, f"{token}", x + SMALL + 4, line, size=SMALL)
        share = f"{analysis.mass[token]:.1%}".replace("%", " %")
        write(sheet, share, x + small_pitch - GAP, line, size=SMALL, colour=QUIET, align="right")

    rows, cols = analysis.patch_grid
    explained = explained_variance(analysis.patch_features, analysis.low_rank)
    caption = (f"STELLAR {Path(analysis.model).name}, {analysis.resolution} px, {rows} × {cols} patches; "
               f"L S explains {max(explained, 0):.0%} of the features' variance".replace("%", " %"))
    write(sheet, caption, MARGIN, footer_at + SMALL / 2, size=SMALL, colour=QUIET)

    buffer = io.BytesIO()
    canvas.print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def drawn(
    layer: str, photo: Image.Image, analysis: Analysis, basis: ColourBasis, size: tuple[int, int],
    tokens: Sequence[int], smooth: bool,
) -> tuple[str, np.ndarray]:
    """-> its label, and its picture (height, width, 3)"""
    localization, grid = analysis.localization, analysis.patch_grid
    if layer == "photo":
        picture = np.asarray(photo.resize(size, Image.Resampling.LANCZOS))
    elif layer == "concepts":
        colours = palette(localization.shape[1])
        picture = photo_concept_map(localization, grid, colours, size, tokens=tokens, smooth=smooth)
    elif layer in ("features", "low_rank"):
        features = analysis.patch_features if layer == "features" else \
            keep_concepts(localization, tokens) @ analysis.semantics
        picture = enlarge(basis.colours(features).reshape(*grid, 3), size, smooth=smooth)
    else:
        picture = _diagnostic(layer, analysis, size, smooth)
    return LAYERS[layer], picture


def _diagnostic(layer: str, analysis: Analysis, size: tuple[int, int], smooth: bool) -> np.ndarray:
    """From 0, dark, to the largest there is (residual) or can be (entropy), pale."""
    if layer == "residual":
        values = residual(analysis.patch_features, analysis.low_rank)
        full = max(float(values.max()), 1e-6)
    else:
        values, full = row_entropy(analysis.localization), math.log(analysis.num_tokens)
    levels = np.rint(255 * values / full).clip(0, 255).astype(np.uint8).reshape(analysis.patch_grid)
    return ramp(HEAT)[enlarge(levels, size, smooth=smooth)]


def _columns(size: tuple[int, int]) -> tuple[int, int]:
    """How many pictures and how many concepts stand in a row."""
    aspect = size[0] / size[1]
    return next((pictures, concepts) for widest, pictures, concepts in COLUMNS if aspect <= widest)


def _within(size: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """The largest size of the same shape within width and height."""
    scale = min(width / size[0], height / size[1])
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)
