"""TrainingLog: a run's log.jsonl as numbers a step, read on from where the last reading stopped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stellar_explorer.views.axes import finite

GROUPS = ("losses", "metrics", "evaluation")  # a line's numbers that come by name; the others are single
SINGLE = ("learning_rate", "gradient_norm", "photos_per_second", "waiting")
TAIL = 64  # bytes before the place read to that are compared, to know the file is still the same one
STEP_LIMIT = 2**53


def whole(value: Any) -> int | None:
    """A whole number from 0, or None."""
    number = finite(value)
    return int(number) if number is not None and number == int(number) and 0 <= number < STEP_LIMIT else None


class TrainingLog:
    """What a log says so far. `read` again when the file has grown: only what is new is looked at.

    The last line may be torn while the run writes: it waits until it is whole. Lines that are no JSON object with a
    step are counted in `bad_lines`. A step's losses and what was evaluated at it are lines of their own; a number that
    was logged twice for a step (after a resume) counts as the later line says.

    last: the numbers of the line that was written last; steps: how many steps the run is to have, None if not said.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._forget()

    def _forget(self) -> None:
        self._place, self._tail = 0, b""
        self._lines: dict[int, dict[str, float]] = {}
        self.last: dict[str, float] = {}
        self.steps: int | None = None
        self.bad_lines = 0

    def __len__(self) -> int:
        return len(self._lines)

    def read(self) -> None:
        """OSError if the file is there and cannot be read; a file that is gone, is empty."""
        try:
            with open(self.path, "rb") as file:
                start = max(0, self._place - TAIL)
                file.seek(start)
                if file.read(self._place - start) != self._tail:  # shorter now, or another file
                    self._forget()
                    file.seek(0)
                new = file.read()
                whole_lines = new.rfind(b"\n") + 1
                if whole_lines:
                    self._take(new[:whole_lines].split(b"\n"))
                    self._place += whole_lines
                    file.seek(max(0, self._place - TAIL))
                    self._tail = file.read(min(TAIL, self._place))
        except FileNotFoundError:
            self._forget()

    def _take(self, lines: Iterable[bytes]) -> None:
        for text in filter(bytes.strip, lines):
            try:
                line = json.loads(text)
                step = whole(line["step"])
                if step is None:
                    raise ValueError("no step")
            except (ValueError, TypeError, KeyError, RecursionError):
                self.bad_lines += 1
                continue
            self.steps = whole(line.get("steps")) or self.steps
            self.last = {"step": step, **numbers(line)}
            self._lines.setdefault(step, {}).update(numbers(line))

    def columns(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Name ("losses/total", "learning_rate", "metrics/mass_entropy", "time") -> (steps, values), both (M,), steps
        rising; a step at which it was not logged, or was not a number, is left out."""
        found: dict[str, tuple[list[int], list[float]]] = {}
        for step in sorted(self._lines):
            for name, value in self._lines[step].items():
                steps, values = found.setdefault(name, ([], []))
                steps.append(step)
                values.append(value)
        return {name: (np.array(steps, np.int64), np.array(values)) for name, (steps, values) in found.items()}

    def seconds_a_step(self, lines: int = 50) -> float | None:
        """The median over the last lines, so that a pause between two sessions of a run does not count."""
        timed = [(step, self._lines[step]["time"]) for step in sorted(self._lines)[-lines:]
                 if "time" in self._lines[step]]
        paces = [(later[1] - earlier[1]) / (later[0] - earlier[0])
                 for earlier, later in zip(timed, timed[1:], strict=False)]
        paces = [pace for pace in paces if pace > 0]
        return float(np.median(paces)) if paces else None


def numbers(line: Mapping[str, Any]) -> dict[str, float]:
    """A line's finite numbers by their full names."""
    found = {name: line.get(name) for name in ("time", *SINGLE)}
    for group in GROUPS:
        values = line.get(group)
        if isinstance(values, dict):
            found |= {f"{group}/{name}": value for name, value in values.items()}
    return {name: number for name, value in found.items() if (number := finite(value)) is not None}
