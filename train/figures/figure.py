"""--figure FILE.png|FILE.svg: of the figures here, those that follow from what was measured, in one picture."""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from model.checkpoints.files import write_whole
from model.targets import check_free
from train.figures import invariance, partition, tokens
from train.figures.measured import Measured

FIGURES = (invariance, partition, tokens)
ENDINGS = (".png", ".svg")
DRAWN = "invariance under crops, the equivariance partition, or quality against the number of tokens"
PROTOCOLS = ("equivariance", "reconstruction")
TABLES = ("invariance", "tokens", "reconstruction")
WIDTH, DPI = 11.0, 160
# Letters stay letters in an SVG, and the same numbers give the same file.
SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "stellar", "font.family": "DejaVu Sans"}


def check_figure(path: Path, *, overwrite: bool, table: str | None) -> None:
    """Before any work. Raises ValueError, one sentence."""
    if path.suffix not in ENDINGS:
        raise ValueError(f"--figure is {path}; it must end in {' or '.join(ENDINGS)}.")
    if not path.parent.is_dir():
        raise ValueError(f"the folder of --figure, {path.parent}, does not exist; make it first.")
    check_free([path], overwrite=overwrite, option="--figure")
    if table is not None and table not in TABLES:
        raise ValueError(f"--figure draws {DRAWN}, and the table {table} measures none of them; leave --figure out, or "
                         f"give --table {' or '.join(TABLES)}.")


def check_protocols(names: Collection[str]) -> None:
    """Raises ValueError where what will be measured makes no figure."""
    if not set(names) & set(PROTOCOLS):
        raise ValueError(f"--figure draws {DRAWN}, and {', '.join(names)} measure none of them; leave --figure out, or "
                         f"add the protocol {' or '.join(PROTOCOLS)}.")


def figure(measured: Measured) -> Figure:
    """Pure: no file, no state of matplotlib's. Raises ValueError where nothing fits what was measured."""
    fitting = [(each, number) for each in FIGURES if (number := each.num_axes(measured))]
    if not fitting:
        raise ValueError(f"--figure has nothing to draw: it takes a value of {DRAWN} (there of two different numbers).")
    heights = [each.height(measured) for each, _ in fitting]
    sheet = Figure(figsize=(WIDTH, sum(heights)), layout="constrained", facecolor="white")
    parts = sheet.subfigures(len(fitting), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (each, number) in zip(parts, fitting, strict=True):
        each.draw(part.subplots(1, number, squeeze=False)[0], measured)
    return sheet


def draw_figure(path: Path, measured: Measured, *, overwrite: bool) -> None:
    """Writes aside, then renames. Raises ValueError, one sentence."""
    content = io.BytesIO()
    with rc_context(SETTINGS):
        facts = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        figure(measured).savefig(content, format=path.suffix[1:], dpi=DPI, metadata=facts)
    try:
        write_whole(path, content.getvalue(), replace=overwrite)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}); choose another --figure.") from error
