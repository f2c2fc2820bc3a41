"""The equivariance partition: of what changes when a photo does, how much is position, appearance, or not predicted."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from train.evaluators.equivariance import CHANGES
from train.figures.look import BLUE, GREEN, LINE, ORANGE, name_rows, plain
from train.figures.measured import Measured, with_any

# Part -> the measure's last name, the legend's words, the colour.
PARTS = {
    "position": ("from_localization", "position: |dL S| over |dZ|", BLUE),
    "appearance": ("from_semantics", "appearance: |L dS| over |dZ|", ORANGE),
    "unpredicted": ("unpredicted", "unpredicted by moving the concepts, of the changed photo's deviation", GREEN),
}
THICK = 0.26


def measures(change: str) -> list[str]:
    return [f"equivariance/{change}/{name}" for name, _, _ in PARTS.values()]


def changes(measured: Measured) -> list[str]:
    return [change for change in CHANGES if with_any(measured.systems, measures(change))]


def num_axes(measured: Measured) -> int:
    return len(changes(measured))


def height(measured: Measured) -> float:
    return 1.9 + 2 * LINE * len(shown(measured))


def shown(measured: Measured) -> list:
    return with_any(measured.systems, (name for change in changes(measured) for name in measures(change)))


def draw(axes: Sequence[Axes], measured: Measured) -> None:
    systems = shown(measured)
    longest = max(system.values.get(name, 0) for system in systems for change in changes(measured)
                  for name in measures(change))
    for panel, change in zip(axes, changes(measured), strict=True):
        for place, (name, words, colour) in enumerate(PARTS.values()):
            measure = f"equivariance/{change}/{name}"
            rows = [row for row, system in enumerate(systems) if measure in system.values]
            panel.barh([row + (place - 1) * THICK for row in rows], [systems[row].values[measure] for row in rows],
                       height=THICK * 0.9, color=colour, label=words)
        name_rows(panel, [system.label for system in systems] if panel is axes[0] else [""] * len(systems))
        panel.set_xlabel("relative size")
        panel.set_xlim(0, 1.05 * longest or 1)
        panel.set_ylabel("system" if panel is axes[0] else "")
        plain(panel, f"What moves, what stays: {change}" if panel is axes[0] else change)
    panel.figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False,
                        fontsize=8.5)
