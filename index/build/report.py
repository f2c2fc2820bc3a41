"""BuildReport: what a build did, and what it left for an update to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from photos.sources.source import BadPhoto


@dataclass(frozen=True)
class Stale:
    """Of a folder: how many files that the index knows are gone, and how many hold other photos than before."""

    root: Path
    gone: int
    changed: int


@dataclass
class BuildReport:
    """added, known: photos that came in, and that were there already; bad: what could not be opened; stale: of each
    folder what an update would see to."""

    added: int = 0
    known: int = 0
    num_concepts: int = 0
    bad: list[BadPhoto] = field(default_factory=list)
    seconds: float = 0.0
    stale: list[Stale] = field(default_factory=list)

    @property
    def seen(self) -> int:
        return self.added + self.known + len(self.bad)
