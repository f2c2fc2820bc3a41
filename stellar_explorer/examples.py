"""The example photos that ship with the repository (assets/examples, with their credits)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "examples"


@dataclass(frozen=True)
class Example:
    """One photo of the gallery. `id` is its name in an address."""

    id: str
    file: str
    title: str
    alt: str
    credit: str
    licence: str
    source: str

    @property
    def path(self) -> Path:
        return FOLDER / self.file


@cache
def examples() -> dict[str, Example]:
    """By id, in the gallery's order; the first is the one a visitor sees first."""
    entries = json.loads((FOLDER / "examples.json").read_text(encoding="utf-8"))
    return {entry["id"]: Example(**entry) for entry in entries}
