"""A recipe of edits as JSON: what was done to a photo, written down so that it can be done again, here or elsewhere."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from stellar_explorer.photo import MAX_RESOLUTION, MIN_RESOLUTION, printable
from stellar_explorer.server.request import NotPlainError, check_fields, json_value, shown

if TYPE_CHECKING:
    from model.operations.editing import Edit

VERSION = 2
# By version, what edits are called now that were called otherwise then. In version 1 to erase was to withdraw.
RENAMED: dict[int, dict[str, str]] = {1: {"erase": "withdraw"}, VERSION: {}}
MOST_BYTES = 256 * 1024
PHOTO_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True)
class PhotoEntry:
    """A photo that a recipe needs: one of the gallery's examples by its id, or a file by its name or path."""

    example: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        return f"the example {self.example}" if self.file is None else printable(self.file)


@dataclass(frozen=True)
class Recipe:
    """model: the name of the model that it was made with, and width how many numbers its concepts have; photo: what it
    was made on, to be told; photos: those that edits take concepts from, by the names that they have in the edits."""

    model: str
    edits: tuple[Edit, ...]
    resolution: int | None = None
    width: int | None = None
    photo: PhotoEntry | None = None
    photos: Mapping[str, PhotoEntry] = field(default_factory=dict)


def read_recipe(text: str | bytes) -> Recipe:
    """ValueError, one sentence, for anything that is not a recipe to the last field."""
    if len(text) > MOST_BYTES:
        raise ValueError(f"The recipe is larger than {MOST_BYTES // 1024} kB; it cannot be one of edits.")
    try:
        said = json_value(text)
    except NotPlainError:
        raise
    except ValueError:
        raise ValueError("The recipe is not JSON; save one on the page, under Edit.") from None
    if not isinstance(said, dict):
        raise ValueError("The recipe is not a JSON object; save one on the page, under Edit.")
    version = said.get("version")
    if type(version) is not int or version not in RENAMED:
        raise ValueError(f"The recipe has version {shown(version)}; this program reads versions "
                         f"{' and '.join(map(str, RENAMED))}.")
    check_fields(said, {"version", "model", "edits"}, {"resolution", "width", "photo", "photos"}, "The recipe")
    if not isinstance(said["model"], str) or not said["model"]:
        raise ValueError("The recipe's model must be a name.")
    resolution, width = said.get("resolution"), said.get("width")
    if resolution is not None and not (type(resolution) is int and MIN_RESOLUTION <= resolution <= MAX_RESOLUTION):
        raise ValueError(f"The recipe's resolution must be a whole number from {MIN_RESOLUTION} to {MAX_RESOLUTION}.")
    if width is not None and not (type(width) is int and width > 0):
        raise ValueError("The recipe's width must be a whole number above 0.")
    photos = said.get("photos", {})
    if not isinstance(photos, dict):
        raise ValueError("The recipe's photos must be an object of names and photos.")
    for name in photos:
        if not PHOTO_NAME.fullmatch(name):
            raise ValueError(f"The recipe names a photo {shown(name)}; a name is up to 40 letters, digits, - and _.")
    photo = None if said.get("photo") is None else photo_entry(said["photo"], "The recipe's photo")
    return Recipe(
        said["model"], read_edits(said["edits"], photos, version), resolution, width, photo,
        {name: photo_entry(entry, f"The recipe's photo {name}") for name, entry in photos.items()})


def read_edits(said: Any, photos: Mapping[str, Any], version: int = VERSION) -> tuple[Edit, ...]:
    """The list of a recipe; photos: the names that its edits may use. ValueError as `read_recipe`."""
    from model.operations.editing import EDITS, MOST_EDITS

    if not isinstance(said, list):
        raise ValueError("The edits must be a list.")
    if len(said) > MOST_EDITS:
        raise ValueError(f"There are {len(said)} edits; at most {MOST_EDITS} can be made.")
    kinds = {kind.name: kind for kind in EDITS}
    kinds |= {before: kinds[now] for before, now in RENAMED[version].items()}
    edits = []
    for number, one in enumerate(said, start=1):
        kind = kinds.get(one.get("edit")) if isinstance(one, dict) and isinstance(one.get("edit"), str) else None
        if kind is None:
            found = shown(one.get("edit")) if isinstance(one, dict) else shown(one)
            raise ValueError(f"Edit {number} is {found}; there are {', '.join(kinds)}.")
        label = f"Edit {number}, {kind.name},"
        needed = {part.name for part in fields(kind) if part.default is MISSING}
        check_fields(one, {"edit", *needed}, {part.name for part in fields(kind)} - needed, label)
        values = {name: FIELDS[name](value, f"{label} has {name}") for name, value in one.items() if name != "edit"}
        if (name := values.get("photo")) is not None and name not in photos:
            raise ValueError(f"{label} takes from a photo {shown(name)} that is not among the recipe's photos.")
        edits.append(kind(**values))
    return tuple(edits)


def write_recipe(recipe: Recipe) -> str:
    """-> JSON that `read_recipe` makes the same recipe of."""
    said: dict[str, Any] = {"version": VERSION, "model": recipe.model}
    said |= {name: value for name in ("resolution", "width") if (value := getattr(recipe, name)) is not None}
    if recipe.photo is not None:
        said["photo"] = entry_said(recipe.photo)
    if recipe.photos:
        said["photos"] = {name: entry_said(entry) for name, entry in recipe.photos.items()}
    said["edits"] = [edit_said(edit) for edit in recipe.edits]
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def edit_said(edit: Edit) -> dict[str, Any]:
    values = {part.name: getattr(edit, part.name) for part in fields(edit)}
    return {"edit": edit.name, **{name: list(value) if isinstance(value, tuple) else value
                                  for name, value in values.items() if value is not None}}


def entry_said(entry: PhotoEntry) -> dict[str, str]:
    return {"example": entry.example} if entry.file is None else {"file": entry.file}


def photo_entry(said: Any, label: str) -> PhotoEntry:
    if not isinstance(said, dict):
        raise ValueError(f'{label} must be {{"example": id}} or {{"file": name}}, found {shown(said)}.')
    check_fields(said, set(), {"example", "file"}, label)
    if len(said) != 1 or not all(isinstance(value, str) and value for value in said.values()):
        raise ValueError(f"{label} must have either an example or a file, by its name.")
    return PhotoEntry(**said)


# --- fields ---


def a_token(value: Any, label: str) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{label} {shown(value)}; a concept is a whole number from 0.")
    return value


def a_list_of_tokens(value: Any, label: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{label} {shown(value)}; it must be a list of concepts' numbers.")
    return tuple(a_token(token, label) for token in value)


def a_number(value: Any, label: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{label} {shown(value)}; it must be a number.")
    return float(value)


def a_photo(value: Any, label: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{label} {shown(value)}; it must be the name of one of the photos.")
    return value


FIELDS: dict[str, Callable[[Any, str], Any]] = {
    **dict.fromkeys(("tokens", "others"), a_list_of_tokens), "photo": a_photo,
    **dict.fromkeys(("dx", "dy", "by", "what", "where"), a_number),
}
