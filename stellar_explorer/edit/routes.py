"""The Edit tab's own addresses: a photo to edit or to take from, what edits make of it, and recipes read."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stellar_explorer.analysis import COARSE_RESOLUTION, Drawing, Explorer, display_name
from stellar_explorer.edit.edits import Edited, Editor
from stellar_explorer.edit.recipe import read_edits, read_recipe, write_recipe
from stellar_explorer.explore.package import ALIGNMENT, concepts, localization_codes, pack, package
from stellar_explorer.photo import MAX_BYTES
from stellar_explorer.retrieve.collections import Collections
from stellar_explorer.server import answers
from stellar_explorer.server.admission import Kind
from stellar_explorer.server.answers import FRESH, is_json
from stellar_explorer.server.photo_routes import photo_and_name
from stellar_explorer.server.request import check_fields, json_object, text

EDIT_RESOLUTIONS = (COARSE_RESOLUTION, 448)
BEST = "best"  # asks for that of the resolutions at which the model draws best
MOST_PHOTOS = 16


def edit_routes(explorer: Explorer, collections: Collections) -> list[Route]:
    """Beside `stellar_explorer.explore.routes.routes`. Photos and analyses are found by their unguessable tokens."""
    editor = Editor(explorer)
    answered = partial(answers.answered, told=collections.without_folders)

    def study(request: Request, body: bytes) -> Any:  # TODO remove when the page no longer asks
        model, resolution = (request.query_params.get(name, "") for name in ("model", "resolution"))
        if resolution not in (BEST, *map(str, EDIT_RESOLUTIONS)):
            raise ValueError(f"The resolution must be one of {', '.join(map(str, EDIT_RESOLUTIONS))}, or {BEST}.")
        if is_json(request):
            asked = json_object(body)
            check_fields(asked, (), ("example", "photo", "collection", "id"), "What is asked for")
            photo, _ = photo_and_name(explorer, collections, asked)
        else:
            photo = explorer.keep(body)
        best = best_resolution(explorer, model)
        found = explorer.study(photo, model=model, resolution=best if resolution == BEST else int(resolution))
        check_decodes(explorer, model)
        return {**package(found).manifest, "edit": {"best": best}}

    def made(request: Request, body: bytes) -> Edited:
        asked = json_object(body)
        check_fields(asked, ("edits",), ("photos",), "What is asked for")
        photos = asked.get("photos", {})
        if not isinstance(photos, dict) or len(photos) > MOST_PHOTOS:
            raise ValueError(f"The photos must be an object of names and analyses, at most {MOST_PHOTOS}.")
        edits = read_edits(asked["edits"], photos)
        taken_from = {getattr(edit, "photo", None) for edit in edits} - {None}
        others = {name: explorer.kept_study(text(photos[name], "A photo's analysis")) for name in sorted(taken_from)}
        return editor.edit(explorer.kept_study(request.path_params["token"]), edits, others)

    def edit(request: Request, body: bytes) -> Any:
        return Response(edited_package(made(request, body)), media_type="application/octet-stream", headers=FRESH)

    def picture(request: Request, body: bytes) -> Any:
        return Response(made(request, body).png(), media_type="image/png", headers=FRESH)

    def recipe(request: Request, body: bytes) -> Any:
        read = read_recipe(body)
        if read.model not in map(display_name, explorer.models):
            raise ValueError(f"The recipe was made with {read.model[:80]}, which this page does not offer.")
        return json.loads(write_recipe(read))

    return [
        Route("/stellar/edit/study", answered(study, limit=MAX_BYTES, kind=Kind.WORK), methods=["POST"]),
        Route("/stellar/edit/recipe", answered(recipe), methods=["POST"]),
        Route("/stellar/edit/{token}", answered(edit, kind=Kind.WORK), methods=["POST"]),
        Route("/stellar/edit/{token}/picture.png", answered(picture, kind=Kind.WORK), methods=["POST"]),
    ]


def best_resolution(explorer: Explorer, model: str) -> int:
    """Of EDIT_RESOLUTIONS the one that is, as a ratio, nearest to the size at which the model draws best."""
    size = explorer.stellar(model).config.picture_size
    return min(EDIT_RESOLUTIONS, key=lambda side: max(side, size) / min(side, size))


def check_decodes(explorer: Explorer, model: str) -> None:
    """ValueError, before anybody has edited, for a model that cannot draw a picture."""
    if (missing := Drawing.of(model, explorer.stellar(model)).missing) is not None:
        raise ValueError(missing)


def edited_package(made: Edited) -> bytes:
    """One answer with all that the tab draws: the length of a JSON head, the head, its arrays, and a JPEG at the end.

    Head: {num_tokens, patch_grid, concepts, seconds, arrays: as of `pack`, picture: {offset, length, width, height}};
    offsets count from the head's end.
    """
    analysis = made.analysis
    layout, data = pack(localization_codes(analysis))
    jpeg = made.jpeg()
    height, width = made.picture.shape[:2]
    head = json.dumps({
        "num_tokens": analysis.num_tokens, "patch_grid": list(analysis.patch_grid), "concepts": concepts(analysis),
        "seconds": round(made.seconds, 4), "arrays": layout,
        "picture": {"offset": len(data), "length": len(jpeg), "width": width, "height": height},
    }).encode()
    head += b" " * (-(4 + len(head)) % ALIGNMENT)
    return len(head).to_bytes(4, "little") + head + data + jpeg
