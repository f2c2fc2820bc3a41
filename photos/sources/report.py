"""What of a source is no photo, file by file, with the reason of each: nothing is left out in silence."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from enum import Enum


class Reason(Enum):
    """Why something is left out, in words."""

    ENDING = "no picture by its ending"
    HEAD = "no picture by how it starts"
    PLUGIN = "a picture that needs a plug-in of Pillow's"
    HIDDEN = "hidden"
    CLUTTER = "kept by a system for itself"
    DANGLING = "a link to nothing"
    SPECIAL = "no regular file"
    UNREADABLE = "not readable"
    AGAIN = "listed already under another name"
    INDEX = "a concept index"
    TABLE = "a table beside the photos"
    ARCHIVE = "an archive beside the photos"
    BESIDE = "beside tables that hold the photos"
    SPLIT = "of another split"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file, or a folder that was not looked into. name: its path inside the source, readable; detail: what the system
    said, or what would help."""

    name: str
    reason: Reason
    is_folder: bool = False
    detail: str | None = None

    def __str__(self) -> str:
        name = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in self.name)
        return f"{name}{'/' if self.is_folder else ''}: {self.reason.value}" + (
            f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class Report:
    """Everything that is there is a photo, is left out here by name, or lies in a folder that is."""

    left_out: tuple[LeftOut, ...] = ()

    def __add__(self, other: Report) -> Report:
        return Report(self.left_out + other.left_out)

    def __bool__(self) -> bool:
        return bool(self.left_out)

    @property
    def counts(self) -> Counter[Reason]:
        """Files and folders together."""
        return Counter(entry.reason for entry in self.left_out)

    @property
    def sentence(self) -> str:
        """How many, and how many for each reason, the commonest first; empty where nothing is left out."""
        if not self.left_out:
            return ""
        files = sum(not entry.is_folder for entry in self.left_out)
        folders = len(self.left_out) - files
        what = " and ".join(told(number, kind) for number, kind in ((files, "file"), (folders, "folder")) if number)
        reasons = [f"{reason.value} ({number:,}{self.endings if reason is Reason.ENDING else ''})"
                   for reason, number in self.counts.most_common()]
        return f"{what} left out: {', '.join(reasons)}"

    @property
    def endings(self) -> str:
        """Which: three of them, the commonest first."""
        found = Counter(os.path.splitext(entry.name)[1].lower() or entry.name for entry in self.left_out
                        if entry.reason is Reason.ENDING).most_common()
        return f": {', '.join(ending for ending, _ in found[:3])}{', ...' if len(found) > 3 else ''}"


NOTHING = Report()


def told(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
