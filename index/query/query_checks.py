"""Checks of what a query is made of. A stranger's browser sends it, so each value is looked at before it is used.

Every check gives the value as it is kept, or raises ConceptIndexError with one sentence.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from index.errors import ConceptIndexError

MOST_WIDTH = 8192
MOST_CONCEPTS = 256  # of one photo that is given by its vectors
SHORTEST = 1e-6  # a vector has a direction from here on
LARGEST = 1e18  # the squares of larger values would leave float32

Vector = np.ndarray  # (D,) float32, not to be written to


def whole_number(value: Any, name: str) -> int:
    """An id: 0 up to int64."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**63:
        refuse(f"{name} must be a whole number from 0, found {shown(value)}")
    return int(value)


def number(value: Any, name: str, low: float, high: float) -> float:
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not real or not low <= value <= high:  # NaN fails the comparison
        refuse(f"{name} must be a number in {low:g}..{high:g}, found {shown(value)}")
    return float(value)


def several(value: Any, name: str, most: int) -> tuple:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence | np.ndarray):
        refuse(f"{name} must be a list, found {shown(value)}")
    if len(value) > most:
        refuse(f"{name} must have at most {most} entries, found {len(value)}")
    return tuple(value)


def vector(value: Any, name: str) -> Vector:
    """A list, an array or base64 of little-endian float32 -> a vector of any length but zero."""
    if isinstance(value, str):
        value = unpacked(value, name)
    several(value, name, MOST_WIDTH)
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        refuse(f"{name} must hold numbers, found {shown(value)}")
    if numbers.ndim != 1 or not len(numbers):
        refuse(f"{name} must be one vector, found the shape {numbers.shape}")
    if not (np.abs(numbers) < LARGEST).all() or np.linalg.norm(numbers) < SHORTEST:
        refuse(f"{name} must be finite and not zero, found the length {np.linalg.norm(numbers):g}")
    kept = numbers.astype(np.float32)
    kept.flags.writeable = False
    return kept


def vectors(value: Any, name: str) -> tuple[Vector, ...]:
    checked = tuple(vector(one, name) for one in several(value, name, MOST_CONCEPTS))
    if len(widths := {len(one) for one in checked}) > 1:
        refuse(f"{name} must be equally wide, found widths of {' and '.join(map(str, sorted(widths)))}")
    return checked


def shares(value: Any, name: str, expected: int) -> tuple[float, ...]:
    """As many numbers of 0 or more as there are vectors, not all 0."""
    checked = tuple(number(share, name, 0, LARGEST) for share in several(value, name, MOST_CONCEPTS))
    if len(checked) != expected:
        refuse(f"{name} must be as many as the vectors, found {len(checked)} for {expected}")
    if checked and not any(checked):
        refuse(f"{name} must not all be 0")
    return checked


def box(value: Any, name: str) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) in 0..1 of the photo, with an area."""
    sides = several(value, name, 4)
    if len(sides) != 4:
        refuse(f"{name} must be left, top, right and bottom, found {shown(value)}")
    left, top, right, bottom = (number(side, f"A side of {name.lower()}", 0, 1) for side in sides)
    if not (left < right and top < bottom):
        refuse(f"{name} must have left < right and top < bottom, found {shown(value)}")
    return left, top, right, bottom


def packed(value: Vector | tuple[Vector, ...]) -> Any:
    """A vector -> base64 of little-endian float32; several -> a list of those."""
    if isinstance(value, tuple):
        return [packed(one) for one in value]
    return base64.b64encode(np.asarray(value, "<f4").tobytes()).decode("ascii")


def unpacked(text: str, name: str) -> np.ndarray:
    if len(text) > 6 * MOST_WIDTH:
        refuse(f"{name} must be at most {MOST_WIDTH} wide")
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    except (binascii.Error, ValueError):
        refuse(f"{name} must be a list of numbers or base64 of float32 values, found {shown(text)}")


def refuse(sentence: str) -> NoReturn:
    raise ConceptIndexError(f"{sentence}.")


def shown(value: Any) -> str:
    """A stranger's value, short enough for a sentence."""
    text = repr(value[:20] if isinstance(value, str | bytes | list | tuple) else value)
    return text if len(text) <= 60 else text[:57] + "..."
