"""The JSON of `train.evaluate`, with --table or without, as what figures are drawn from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from train.tables.declaration import Table

# Measures of a report by which quality is drawn: the words on the axis, and what a value is multiplied by.
QUALITIES = {"reconstruction/rfid": ("rFID", 1.0), "reconstruction/lpips": ("LPIPS", 1.0),
             "reconstruction/psnr": ("PSNR (dB)", 1.0),
             "linear_probe/mean_concept": ("linear probe top-1 (%)", 100.0),
             "knn/mean_concept": ("k-NN top-1 (%)", 100.0)}


@dataclass(frozen=True)
class System:
    """values: as the JSON has them, by measure; qualities, published: as an axis shows them, by its words."""

    label: str
    values: dict[str, float] = field(default_factory=dict)
    tokens: int | None = None
    qualities: dict[str, float] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """is_one_model: the systems differ in their number of tokens alone."""

    systems: list[System]
    is_one_model: bool = False


def of_report(report: dict[str, Any]) -> Measured:
    return Measured([of_scores(model["name"], model["scores"]) for model in report["models"]])


def of_scores(label: str, scores: dict[str, float | None]) -> System:
    values = {name: value for name, value in scores.items() if is_number(value)}
    tokens = values.get("reconstruction/tokens")
    return System(label, values, None if tokens is None else round(tokens),
                  {words: scale * values[name] for name, (words, scale) in QUALITIES.items() if name in values})


def of_table(table: Table, found: dict[str, dict[str, dict[str, Any]]]) -> Measured:
    """found: {row: {column: cell}}, as train/tables/cells.py keeps it. All rows that the table declares, for what is
    published of them; behind them those that it does not."""
    declared = {row.name: row for row in table.rows}
    systems = []
    for name in dict.fromkeys([*declared, *found]):
        row, cells = declared.get(name), found.get(name, {})
        values = {column.name: cell["value"] for column in table.columns
                  if (cell := cells.get(column.name)) and is_number(cell.get("value"))}
        published = row.published if row else {}
        tokens = values.get("tokens", row and row.tokens)
        quality = [column for column in table.columns if column.name not in ("tokens", "bytes") and not column.from_one]
        systems.append(System(
            row.label if row else name,
            {column.measure: values[column.name] for column in table.columns if column.name in values},
            None if tokens is None else round(tokens),
            {column.label: column.shown(values[column.name]) for column in quality if column.name in values},
            {column.label: published[column.name] for column in quality if column.name in published}))
    return Measured(systems, is_one_model=any(row.tokens for row in table.rows))


def with_any(systems: Iterable[System], names: Iterable[str]) -> list[System]:
    names = tuple(names)
    return [system for system in systems if any(name in system.values for name in names)]


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
