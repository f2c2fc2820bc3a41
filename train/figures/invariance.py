"""Invariance under crops: how far what concepts say lies from what they say in another crop, a bar a system."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from train.figures.look import BLUE, INK, LINE, name_rows, plain
from train.figures.measured import Measured, with_any

MEASURE = "invariance/crops/semantics"


def num_axes(measured: Measured) -> int:
    return int(bool(with_any(measured.systems, [MEASURE])))


def height(measured: Measured) -> float:
    return 1.2 + LINE * len(with_any(measured.systems, [MEASURE]))


def draw(axes: Sequence[Axes], measured: Measured) -> None:
    panel, systems = axes[0], with_any(measured.systems, [MEASURE])
    distances = [1 - system.values[MEASURE] for system in systems]
    bars = panel.barh(range(len(systems)), distances, height=0.6, color=BLUE)
    panel.bar_label(bars, [f"{distance:.3f}" for distance in distances], padding=4, fontsize=8.5, color=INK)
    name_rows(panel, [system.label for system in systems])
    panel.set_ylabel("system")
    panel.set_xlabel("cosine distance of matched concepts (less: what they say stays)")
    panel.margins(x=0.12)
    panel.set_xlim(left=min(0, *distances))
    plain(panel, "Invariance under crops")
