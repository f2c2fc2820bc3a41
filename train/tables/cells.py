"""Finished cells of a table: one JSON file, written whole after each cell, that another run takes up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.checkpoints.files import write_whole


@dataclass
class Cells:
    """settings: what a cell depends on besides its row and column, by the option's name; found: {row: {column: cell}}.

    A cell: value (None where it cannot be had, with a reason), seconds, made, weights, command, commit (where git
    knows it); failed: why, to be tried again.
    """

    path: Path
    table: str
    settings: dict[str, Any]
    found: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, table: str, settings: dict[str, Any]) -> Cells:
        """Raises ValueError for a file of another table, of other settings, or that is none of ours."""
        if not path.exists():
            return cls(path, table, settings)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            made, had, found = content["table"], content["settings"], content["cells"]
            if not isinstance(had, dict) or not all(isinstance(cells, dict) for cells in found.values()):
                raise TypeError
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} holds no finished cells of a table; give another --out, or delete it.") from error
        if made != table:
            raise ValueError(f"{path} has the cells of the table {made}, not of {table}; give another --out.")
        # Data that is not named now is not measured now: what was measured on it stays.
        for name in (name for name in settings if name in had):
            if settings[name] != had[name]:
                raise ValueError(f"{path} was begun with {name} {had[name]}, not {settings[name]}; go on with that, or "
                                 "give another --out.")
        return cls(path, table, had | settings, found)

    def get(self, row: str, column: str) -> dict[str, Any] | None:
        return self.found.get(row, {}).get(column)

    def is_finished(self, row: str, column: str, weights: str) -> bool:
        """Of the same weights, and not failed."""
        cell = self.get(row, column)
        return cell is not None and "failed" not in cell and cell.get("weights") == weights

    def put(self, row: str, column: str, cell: dict[str, Any]) -> None:
        """Raises ValueError where the disk refuses."""
        self.found.setdefault(row, {})[column] = cell
        content = {"table": self.table, "settings": self.settings, "cells": self.found}
        try:
            write_whole(self.path, (json.dumps(content, indent=1) + "\n").encode())
        except OSError as error:
            raise ValueError(f"{self.path} cannot be written ({error.strerror}); give another --out.") from error
