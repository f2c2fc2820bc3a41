"""A recipe of edits replayed on a photo, without a page: files in, a picture's bytes out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from photos.limits import LOCAL, Limits
from stellar_explorer.edit.recipe import MOST_BYTES, Recipe, read_recipe
from stellar_explorer.photo import MAX_RESOLUTION, MIN_RESOLUTION, open_photo, printable

DEFAULT_RESOLUTION = 448


def replay(
    photo: str, recipe_path: Path, *, model: str | None = None, resolution: int | None = None,
    photos: Sequence[str] = (), limits: Limits = LOCAL,
) -> tuple[bytes, str]:
    """-> the PNG, and a line that says what was done.

    model, resolution: the recipe's by default; photos: NAME=PATH for those that the recipe names. ValueError, one
    sentence, for whatever a person can mend.
    """
    recipe = read_file(recipe_path)
    resolution = resolution or recipe.resolution or DEFAULT_RESOLUTION
    if not MIN_RESOLUTION <= resolution <= MAX_RESOLUTION:
        raise ValueError(f"--resolution is {resolution}; it must be from {MIN_RESOLUTION} to {MAX_RESOLUTION}.")
    paths = paths_of(recipe, recipe_path.parent, photos)
    opened = {name: open_photo(path, limits=limits) for name, path in paths.items()}
    picture = open_photo(photo, limits=limits)

    from stellar_explorer.analysis import display_name
    from stellar_explorer.edit.edits import Editor, check_recipe
    from stellar_explorer.explorer import Explorer

    model = model or recipe.model
    explorer = Explorer((model,))
    editor = Editor(explorer)
    analysis = explorer.analyse(picture, model, resolution)
    check_recipe(recipe, display_name(model), analysis.semantics.shape[1])
    others = {name: explorer.analyse(other, model, resolution) for name, other in opened.items()}
    made = editor.decode(model, analysis, recipe.edits, others)
    height, width = made.picture.shape[:2]
    edits = f"{len(recipe.edits)} edit{'' if len(recipe.edits) == 1 else 's'}"
    return made.png(), f"{printable(Path(photo).name)}: {edits}, {width} x {height} pixels, {made.seconds:.2f} s"


def read_file(path: Path) -> Recipe:
    try:
        with open(path, "rb") as file:
            return read_recipe(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); give a recipe saved on the page.") from error


def paths_of(recipe: Recipe, folder: Path, given: Sequence[str]) -> dict[str, Path]:
    """Where each photo is that the recipe names. Files are looked for from the recipe's folder."""
    from stellar_explorer.examples import examples

    places = {}
    for pair in given:
        name, has_path, path = pair.partition("=")
        if not (has_path and path) or name not in recipe.photos:
            known = ", ".join(recipe.photos) or "none"
            raise ValueError(f"--photo {printable(pair)} is not NAME=PATH of a photo of the recipe; it names {known}.")
        places[name] = Path(path)
    for name, entry in recipe.photos.items():
        if name in places:
            continue
        if entry.example is not None:
            if entry.example not in examples():
                raise ValueError(f"The recipe's photo {name} is no example ({printable(entry.example)}); "
                                 f"give one with --photo {name}=PATH.")
            places[name] = examples()[entry.example].path
        else:
            places[name] = folder / entry.file
            if not places[name].is_file():
                raise ValueError(f"The recipe's photo {name} is {entry}, which is not beside the recipe; "
                                 f"say where it is with --photo {name}=PATH.")
    return places
