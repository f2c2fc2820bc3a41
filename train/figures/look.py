"""How the figures look: few lines, labelled axes, and colours that colour-blind people tell apart (Okabe and Ito's)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, INK, QUIET = "#0072B2", "#D55E00", "#009E73", "#1D1B19", "#68625B"
LONGEST = 40  # letters of a system's name
LINE = 0.3  # inches that a system takes


def plain(axes: Axes, title: str) -> None:
    """Last of all that is done to a panel. title: "" for one beside another with a title."""
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(colors=INK, labelsize=8.5)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(size=9, color=INK)


def name_rows(axes: Axes, labels: Sequence[str]) -> None:
    """A system a row, the first on top. A name is no mathematics, whatever it holds."""
    axes.set_yticks(range(len(labels)), [short(label) for label in labels], parse_math=False)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def short(label: str) -> str:
    return label if len(label) <= LONGEST else label[:LONGEST - 1] + "…"
