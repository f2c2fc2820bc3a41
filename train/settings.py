"""Settings by their dotted names: JSON values, or NAME=VALUE words, into nested frozen dataclasses."""

from __future__ import annotations

import difflib
import json
import math
import types
import typing
from dataclasses import fields, is_dataclass


class RecipeError(ValueError):
    """An unknown key or an impossible combination; says which."""


def require(holds: bool, sentence: str) -> None:
    if not holds:
        raise RecipeError(sentence)


def require_least(part: object, prefix: str, least: float, *names: str) -> None:
    for name in names:
        value = getattr(part, name)
        require(value >= least, f"{prefix}{name} must be at least {least}, found {value}")


def require_positive(part: object, prefix: str, *names: str) -> None:
    for name in names:
        value = getattr(part, name)
        require(value > 0, f"{prefix}{name} must be above 0, found {value}")


def require_share(part: object, prefix: str, *names: str) -> None:
    for name in names:
        value = getattr(part, name)
        require(0 <= value <= 1, f"{prefix}{name} must be in 0..1, found {value}")


def require_range(part: object, prefix: str, name: str, highest: float = math.inf) -> None:
    low, high = getattr(part, name)
    ends = f"0 < low <= high <= {highest:g}" if math.isfinite(highest) else "0 < low <= high"
    require(0 < low <= high <= highest, f"{prefix}{name} must have {ends}, found {low} and {high}")


def set_value(values: dict, assignment: str) -> str:
    """Sets one "dotted.name=value" in a config's JSON values; returns its name."""
    name, equals, text = assignment.partition("=")
    if not equals:
        raise RecipeError(f"{assignment!r} is no setting; write name=value")
    *path, last = name.split(".")
    part = values
    for key in path:
        if isinstance(part, list):  # teachers.0.weights
            part = part[int(key)] if key.isdecimal() and int(key) < len(part) else None
        else:
            part = part.get(key) if isinstance(part, dict) else None
    open_ended = path == ["weights"]
    if not isinstance(part, dict) or (last not in part and not open_ended):
        raise RecipeError(f"there is no setting {name!r}{suggestion(name, dotted_names(values))}; "
                          "`python -m train --recipe NAME --show` lists them")
    part[last] = parse(text)
    return name


def suggestion(name: str, known: typing.Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def dotted_names(values: dict, prefix: str = "") -> list[str]:
    names = []
    for key, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = dict(enumerate(value))
        names += dotted_names(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
    return names


def parse(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return {"None": None, "True": True, "False": False}.get(text, text)


def build(dataclass_type: type, values: object, prefix: str = "") -> typing.Any:
    """JSON values -> a (nested) frozen dataclass; raises RecipeError for unknown keys and wrong types.

    `prefix` is what comes before its settings' dotted names.
    """
    if not isinstance(values, dict):
        raise RecipeError(f"{prefix.rstrip('.') or 'a recipe'} is made of named values, found {values!r}")
    hints = typing.get_type_hints(dataclass_type)
    names = [field.name for field in fields(dataclass_type)]
    for key in values:
        if key not in names:
            raise RecipeError(f"there is no setting {prefix + key!r}{suggestion(key, names)}")
    try:
        return dataclass_type(**{key: convert(prefix + key, hints[key], value) for key, value in values.items()})
    except TypeError as error:  # something without a default is missing
        raise RecipeError(f"{prefix.rstrip('.') or 'a recipe'}: {error}") from error
    except RecipeError:
        raise
    except ValueError as error:
        raise RecipeError(str(error)) from error


TYPE_NAMES = {int: "a whole number", float: "a number", bool: "true or false",
              str: "text (a number as text has quotes)"}


def convert(name: str, hint: object, value: object) -> object:
    """A JSON value -> the type that a field's hint asks for; `name` is the setting's, dotted."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return convert(name, next(one for one in arguments if one is not type(None)), value)
    if is_dataclass(hint):
        return build(hint, value, f"{name}.")
    if origin is tuple:
        if not isinstance(value, list | tuple):
            value = [value]  # `views.resolutions=224` means one
        if arguments[-1] is not ... and len(value) != len(arguments):
            raise RecipeError(f"{name} has {len(arguments)} values, found {len(value)}")
        item_hints = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        items = enumerate(zip(item_hints, value, strict=True))
        return tuple(convert(f"{name}.{i}", item_hint, item) for i, (item_hint, item) in items)
    if origin is dict:
        if not isinstance(value, dict):
            raise RecipeError(f"{name} is made of named values, found {value!r}")
        return {key: convert(f"{name}.{key}", arguments[1], item) for key, item in value.items()}
    if hint is float and type(value) is int:
        value = float(value)
    if type(value) is not hint or (hint is float and not math.isfinite(value)):
        raise RecipeError(f"{name} must be {TYPE_NAMES[hint]}, found {value!r}")
    return value
