"""What a stranger's request says, read strictly: JSON, and each value in it, of addresses and of bodies alike.

Every function gives the value as it is kept, or raises ValueError with one sentence. No number, letter or depth that
Python, SQLite or UTF-8 could fail at later gets past them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stellar_explorer.photo import printable

MOST_LEVELS = 64
LARGEST = 2**63 - 1  # an id of SQLite; no number of a request needs to be larger
MOST_DIGITS = len(str(LARGEST))
NOT_AN_OBJECT = "Send a JSON object."


class NotPlainError(ValueError):
    """JSON that holds what is not taken; the text is for who sent it."""


def json_value(body: bytes | str) -> Any:
    """Any JSON, in UTF-8: its numbers are finite, its whole ones below 2^63, its texts can be written, no object has a
    key twice, and nothing is nested deeper than 64 levels."""
    try:
        text = body if isinstance(body, str) else body.decode("utf-8-sig")
        said = json.loads(text, parse_int=_whole_literal, parse_float=_number_literal, parse_constant=_no_constant,
                          object_pairs_hook=_once)
    except NotPlainError:
        raise
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise ValueError(NOT_AN_OBJECT) from None
    _check_within(said)
    return said


def json_object(body: bytes | str) -> dict[str, Any]:
    said = json_value(body)
    if not isinstance(said, dict):
        raise ValueError(NOT_AN_OBJECT)
    return said


def check_fields(said: Mapping[str, Any], needed: Iterable[str], allowed: Iterable[str], label: str) -> None:
    """An object with the needed fields, some of the allowed ones and no other. label begins the sentence."""
    needed, allowed = set(needed), set(allowed)
    if unknown := sorted(set(said) - needed - allowed):
        raise ValueError(f"{label} has an unknown field {shown(unknown[0])}; "
                         f"its fields are {', '.join(sorted(needed | allowed))}.")
    if missing := sorted(needed - set(said)):
        raise ValueError(f"{label} lacks the field {missing[0]}.")


def whole(value: Any, what: str, low: int = 0, high: int = LARGEST) -> int:
    """A whole number, which neither true nor 1.0 is. what: the sentence's subject."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{what} is a whole number {_between(low, high)}, found {_kind_of(value)}{shown(value)}.")
    return value


def whole_text(text: Any, what: str, low: int = 0, high: int = LARGEST) -> int:
    """As `whole`, of an address: plain digits."""
    if not isinstance(text, str) or not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        raise ValueError(f"{what} is a whole number {_between(low, high)}, found {shown(text)}.")
    return whole(int(text), what, low, high)


def number(value: Any, what: str, low: float = -math.inf, high: float = math.inf, *, above: bool = False) -> float:
    """A finite number from low to high; above: low itself is not among them."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST
    if not is_number or not low <= value <= high or above and value == low:
        wanted = " and at most " if above else " to "
        span = "" if math.isinf(low) or math.isinf(high) else \
            f" {'above' if above else 'from'} {low:g}{wanted}{high:g}"
        raise ValueError(f"{what} must be a number{span}.")
    return float(value)


def number_text(text: Any, what: str, low: float = -math.inf, high: float = math.inf, *, above: bool = False) -> float:
    """As `number`, of an address."""
    try:
        value = float(text) if isinstance(text, str) and text.isascii() and len(text) <= 40 else None
    except ValueError:
        value = None
    return number(value, what, low, high, above=above)


def numbers(value: Any, count: int, what: str) -> tuple[float, ...]:
    """A list of so many finite numbers."""
    try:
        given = [number(item, what) for item in value] if isinstance(value, list | tuple) else []
    except ValueError:
        given = []
    if len(given) != count:
        raise ValueError(f"{what} is given by {count} numbers.")
    return tuple(given)


def text(value: Any, what: str, *, most: int = 4096) -> str:
    if not isinstance(value, str) or len(value) > most or not _can_be_written(value):
        raise ValueError(f"{what} is a text of at most {most:,} letters, found {shown(value)}.")
    return value


def flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{what} is true or false, found {shown(value)}.")
    return value


def choice(value: Any, what: str, offered: Sequence[Any]) -> Any:
    """One of those that are offered, of the same type: 448.0 is not 448, and true is not 1."""
    if not any(type(value) is type(one) and value == one for one in offered):
        raise ValueError(f"{what} must be one of {', '.join(map(str, offered))}, found "
                         f"{_kind_of(value)}{shown(value)}.")
    return value


def entries(value: Any, what: str, *, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        found = f"{len(value):,}" if isinstance(value, list) else shown(value)
        raise ValueError(f"{what} are a list of at most {most:,}, found {found}.")
    return value


def shown(value: Any) -> str:
    """What was found, short enough for a sentence."""
    found = printable(value if isinstance(value, str) else json.dumps(value, default=lambda one: type(one).__name__))
    return found if len(found) <= 40 else f"{found[:40]}…"


def _kind_of(value: Any) -> str:
    """Where a number was wanted, "0" is told from 0."""
    return "the text " if isinstance(value, str) and value else ""


def _between(low: int, high: int) -> str:
    return f"from {low}" if high == LARGEST else f"from {low} to {high}"


def _can_be_written(value: str) -> bool:
    """Lone halves of a surrogate pair, which JSON can spell, belong to no encoding."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _whole_literal(digits: str) -> int:
    if len(digits.lstrip("-")) > MOST_DIGITS or not -LARGEST <= int(digits) <= LARGEST:
        raise NotPlainError(f"A number has {len(digits.lstrip('-')):,} digits; none may be larger than {LARGEST}.")
    return int(digits)


def _number_literal(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise NotPlainError(f"The number {printable(digits)} is too large.")
    return value


def _no_constant(name: str) -> float:
    raise NotPlainError(f"{name} is no number that can be used; numbers have to be finite.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise NotPlainError(f"The field {shown(twice)} is there twice; say it once.")
    return said


def _check_within(said: Any) -> None:
    level = [said]
    for _ in range(MOST_LEVELS):
        inner = []
        for value in level:
            if isinstance(value, str):
                if not _can_be_written(value):
                    raise NotPlainError(f"The text {shown(value)} holds half of a letter (a lone surrogate).")
            elif isinstance(value, dict):
                inner += (*value, *value.values())
            elif isinstance(value, list):
                inner += value
        if not inner:
            return
        level = inner
    raise _too_deep()


def _too_deep() -> ValueError:
    return NotPlainError(f"This is nested deeper than {MOST_LEVELS} levels.")
