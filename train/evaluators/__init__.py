"""One measure a file: `evaluate(subject, photos, *, resolution, batch_size, seed)` yields names and values.

Evaluators neither log, plot nor save. `DESCRIPTION` is the protocol, for the tables;
`MEASURES` are the names of what it yields.
A value is a float, or Unavailable with the reason where it cannot be had.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unavailable:
    """In the place of a value that cannot be had here; the reason is a clause: "this checkpoint has no decoder"."""

    reason: str


Value = float | Unavailable
