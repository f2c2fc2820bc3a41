"""Quality against the number of tokens, a panel a measure: ours, and where it is known what is published."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from train.figures.look import BLUE, ORANGE, plain, short
from train.figures.measured import Measured, System

MOST = 5  # panels


def shown(measured: Measured) -> dict[str, list[System]]:
    """Words of an axis -> the systems that have a value of it, by their number of tokens. At least two numbers."""
    known = sorted((system for system in measured.systems if system.tokens is not None),
                   key=lambda system: system.tokens)
    words = dict.fromkeys(words for system in known for words in system.qualities)
    found = {name: [system for system in known if name in system.qualities] for name in words}
    return {name: systems for name, systems in list(found.items())[:MOST]
            if len({system.tokens for system in systems}) > 1}


def num_axes(measured: Measured) -> int:
    return len(shown(measured))


def height(measured: Measured) -> float:
    return 3.4


def draw(axes: Sequence[Axes], measured: Measured) -> None:
    for panel, (words, systems) in zip(axes, shown(measured).items(), strict=True):
        panel.plot([system.tokens for system in systems], [system.qualities[words] for system in systems],
                   "o-" if measured.is_one_model else "o", color=BLUE, label="ours")
        published = [system for system in measured.systems if system.tokens is not None and words in system.published]
        if published:
            panel.plot([system.tokens for system in published], [system.published[words] for system in published],
                       "s", color=ORANGE, fillstyle="none", label="published")
        if not measured.is_one_model:
            for system in systems:
                panel.annotate(short(system.label), (system.tokens, system.qualities[words]), xytext=(5, 5),
                               textcoords="offset points", fontsize=8, parse_math=False)
        panel.set_xticks(sorted({system.tokens for system in [*systems, *published]}))
        panel.set_xlabel("number of tokens")
        panel.set_ylabel(words)
        panel.margins(0.15)
        plain(panel, "Quality against tokens" if panel is axes[0] else "")
    marks = {words: mark for panel in axes for mark, words in zip(*panel.get_legend_handles_labels(), strict=True)}
    if len(marks) > 1:
        axes[0].figure.legend(marks.values(), marks.keys(), loc="outside lower center", ncols=2, frameon=False,
                              fontsize=8.5)
