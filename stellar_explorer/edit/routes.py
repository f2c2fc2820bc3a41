"""The Edit tab's own addresses: what edits make of a photo's study, and recipes read."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stellar_explorer.analysis import display_name
from stellar_explorer.edit.edits import Edited, Editor
from stellar_explorer.edit.recipe import read_edits, read_recipe, write_recipe
from stellar_explorer.explore.package import ALIGNMENT, concepts, localization_codes, pack
from stellar_explorer.explorer import Explorer
from stellar_explorer.retrieve.collections import Collections
from stellar_explorer.server import answers
from stellar_explorer.server.admission import Kind
from stellar_explorer.server.answers import FRESH
from stellar_explorer.server.request import check_fields, json_object, text

MOST_PHOTOS = 16


def edit_routes(explorer: Explorer, collections: Collections) -> list[Route]:
    """Beside `stellar_explorer.server.photo_routes`, whose studies are found by their unguessable tokens."""
    editor = Editor(explorer)
    answered = partial(answers.answered, told=collections.without_folders)

    def made(request: Request, body: bytes) -> Edited:
        asked = json_object(body)
        check_fields(asked, ("edits",), ("photos",), "What is asked for")
        photos = asked.get("photos", {})
        if not isinstance(photos, dict) or len(photos) > MOST_PHOTOS:
            raise ValueError(f"The photos must be an object of names and analyses, at most {MOST_PHOTOS}.")
        edits = read_edits(asked["edits"], photos)
        taken_from = {getattr(edit, "photo", None) for edit in edits} - {None}
        others = {name: explorer.kept_study(text(photos[name], "A photo's analysis")) for name in sorted(taken_from)}
        study = explorer.kept_study(request.path_params["token"])
        if study.drawing.missing is not None:
            raise ValueError(study.drawing.missing)
        return editor.edit(study, edits, others)

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
        Route("/stellar/edit/recipe", answered(recipe), methods=["POST"]),
        Route("/stellar/edit/{token}", answered(edit, kind=Kind.WORK), methods=["POST"]),
        Route("/stellar/edit/{token}/picture.png", answered(picture, kind=Kind.WORK), methods=["POST"]),
    ]


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
