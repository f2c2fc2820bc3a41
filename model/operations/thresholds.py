"""Thresholds: from which cosine on something counts, for the concepts and summaries of one model.

Other weights spread their cosines otherwise, so a checkpoint may bring its own beside its file: model.safetensors ->
model.thresholds.json, written by `python -m benchmarks.thresholds FOLDER --model CHECKPOINT --out`.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from os import PathLike
from pathlib import Path

from model.checkpoints.files import write_whole

SUFFIX = ".thresholds.json"
# The concepts of a photo weigh as much as so many equal ones, of all its tokens: 11 of 16, measured with nano.
PHOTO_SHARE = 0.7


class ThresholdsError(ValueError):
    """One sentence: which file, what is wrong with it and what to do."""


@dataclass(frozen=True)
class ConceptThresholds:
    """The defaults are for weights that bring none.

    has: from this cosine of two concepts on a photo has what NOT leaves out. alike, nearly: two photos are nearly the
    same from these cosines of their summaries and of their small pictures on (`index.query.folding`); a picture knows
    nothing of the model. chance: half of the photos that have nothing to do with a concept reach this cosine to it, so
    a hit below it says nothing; 0 where that was not measured. match, match_photo: from these scores on a photo that is
    found by one concept, and by all of another photo's, counts as a match: one in a hundred of those that have nothing
    to do with what is asked for reaches them; None where that was not measured.
    """

    has: float = 0.85
    alike: float = 0.55
    nearly: float = 0.9
    chance: float = 0.0
    match: float | None = None
    match_photo: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not -1 <= value <= 1:
                raise ValueError(f"{field.name} must be a number from -1 to 1, found {value!r}")

    def match_of(self, num_concepts: float, num_tokens: int) -> float:
        """The score from which a photo that is found by a set counts as a match; -inf where that was not measured.

        num_concepts: of the set, as so many of equal weight; num_tokens: of the model. Between one concept and a whole
        photo the score that unrelated photos reach falls about evenly.
        """
        if self.match is None or self.match_photo is None:
            return -math.inf if self.match is None or num_concepts > 1 else self.match
        share = (num_concepts - 1) / max(PHOTO_SHARE * num_tokens - 1, 1)
        return self.match + min(max(share, 0.0), 1.0) * (self.match_photo - self.match)

    def measured(self) -> dict[str, float]:
        """By name, without what was not measured, so that programs that know none of it read the rest."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def to_json(self) -> str:
        return json.dumps(self.measured())

    @classmethod
    def from_json(cls, text: str) -> ConceptThresholds:
        """Raises ValueError or TypeError for anything else than `to_json` gave."""
        return cls(**json.loads(text))


def thresholds_of(source: str | PathLike[str]) -> ConceptThresholds:
    """Those beside a checkpoint, by what `Stellar.load` takes, or the defaults. Raises ThresholdsError for a file that
    cannot be read or was measured on other weights, and CheckpointError."""
    from model.checkpoints.checkpoint import resolve  # seconds of imports, which reading an index does not need
    from model.checkpoints.identity import concepts_sha256

    file = beside(resolve(source))
    if not file.is_file():
        return ConceptThresholds()
    remedy = (f"measure them again: python -m benchmarks.thresholds FOLDER --model {source} --out --overwrite, or "
              "delete it.")
    try:
        said = json.loads(file.read_bytes())
        measured_on = said.pop("sha256")
        found = ConceptThresholds(**said)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ThresholdsError(f"{file} cannot be read as thresholds ({error}); {remedy}") from error
    if measured_on != concepts_sha256(source):
        raise ThresholdsError(f"{file} was measured on other weights than those beside it; {remedy}")
    return found


def save(thresholds: ConceptThresholds, source: str | PathLike[str]) -> Path:
    """Beside a checkpoint, whose weights they were measured on -> the file. Raises OSError."""
    from model.checkpoints.checkpoint import resolve
    from model.checkpoints.identity import concepts_sha256

    file = beside(resolve(source))
    said = {"sha256": concepts_sha256(source), **thresholds.measured()}
    write_whole(file, (json.dumps(said, indent=1) + "\n").encode())
    return file


def beside(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(SUFFIX)
