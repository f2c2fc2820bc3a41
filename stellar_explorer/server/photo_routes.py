"""Photos and their studies, the one way for all tabs.

    POST stellar/photos                   the photo's bytes (?name=, its file's), or JSON that names one -> its facts
    GET  stellar/photos/TOKEN/thumbnail.jpg
    POST stellar/studies                  JSON: a photo, a model and a resolution -> {photo, analysis}
"""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stellar_explorer.explore.package import package, photo_facts
from stellar_explorer.explore.routes import DEFAULT_RESOLUTION, RESOLUTIONS, THUMBNAIL_SIDE
from stellar_explorer.photo import MAX_BYTES, MAX_RESOLUTION, MIN_RESOLUTION
from stellar_explorer.server import answers
from stellar_explorer.server.admission import Kind
from stellar_explorer.server.answers import FOREVER, is_json
from stellar_explorer.server.request import check_fields, json_object, text, whole

if TYPE_CHECKING:
    from stellar_explorer.analysis import Explorer, KeptPhoto
    from stellar_explorer.retrieve.collections import Collections

MOST_STUDY = 16 * 1024  # bytes of a question
STUDY_FIELDS = ("example", "photo", "model", "resolution", "later", "name")


def photo_routes(explorer: Explorer, collections: Collections) -> list[Route]:
    """Before `stellar_explorer.explore.routes.routes`. Uploads and studies are found by their unguessable tokens.

    A photo's facts: {token, address, thumbnail, width, height, name, alt, notes, example}. name: what its visitor
    called it, for nobody else is told. A photo is named by {"example": id}, {"photo": token}, or {"collection": name,
    "id": number}, one that was found: the example that it is, or its picture, kept from now as an upload is.

    A study is asked for by {"example": id} or {"photo": token} with model, resolution (a whole number of pixels, 224 to
    1024), and if wanted later (the resolution that will be asked for next) and name (the upload's). Status 404 for a
    photo that is no longer kept.
    """
    answered = partial(answers.answered, kind=Kind.WORK, told=collections.without_folders)

    def add_photo(request: Request, body: bytes) -> Any:
        if not is_json(request):
            return photo_facts(explorer.keep(body), request.query_params.get("name"))
        asked = json_object(body)
        check_fields(asked, (), ("example", "photo", "collection", "id", "name"), "What is asked for")
        name = asked.pop("name", None)
        name = None if name is None else text(name, "The name")
        return photo_facts(*photo_and_name(explorer, collections, asked, name))

    def thumbnail(request: Request, body: bytes) -> Response:
        kept = explorer.photo(request.path_params["token"])
        return Response(thumbnail_of(kept), media_type="image/jpeg", headers=FOREVER)

    def make_study(request: Request, body: bytes) -> Any:
        asked = json_object(body)
        check_fields(asked, (), STUDY_FIELDS, "A study")
        later, name = asked.get("later"), asked.get("name")
        resolution = resolution_of(asked.get("resolution", DEFAULT_RESOLUTION), "The resolution")
        if later is not None:
            resolution_of(later, "The later resolution")
        model = text(asked.get("model", explorer.models[0]), "The model")
        photo = explorer.named({one: asked[one] for one in ("example", "photo") if one in asked})
        manifest = package(explorer.study(photo, model=model, resolution=resolution, later=later)).manifest
        return {**manifest, "photo": photo_facts(photo, None if name is None else text(name, "The name"))}

    return [
        Route("/stellar/photos", answered(add_photo, limit=MAX_BYTES), methods=["POST"]),
        Route("/stellar/photos/{token}/thumbnail.jpg", answers.answered(thumbnail)),
        Route("/stellar/studies", answered(make_study, limit=MOST_STUDY, label=study_label), methods=["POST"]),
    ]


def resolution_of(value: Any, what: str) -> int:
    return whole(value, what, MIN_RESOLUTION, MAX_RESOLUTION)


def photo_and_name(explorer: Explorer, collections: Collections, asked: dict[str, Any], name: str | None = None
                   ) -> tuple[KeptPhoto, str | None]:
    """The photo that a request names, and what to call it: as it is called, or else as its collection calls it."""
    if not {"collection", "id"} & set(asked):
        return explorer.named(asked), name
    collection, photo_id = asked.get("collection"), whole(asked.get("id"), "The number of a photo")
    if not isinstance(collection, str) or len(asked) > 2:
        raise ValueError("No photo was named; choose one.")
    found = collections.get(collection).photo(photo_id)
    if example := collections.example_of(collection, found.source):
        return explorer.example(example), name
    return explorer.keep(collections.picture(collection, photo_id)), name or found.name


def thumbnail_of(photo: KeptPhoto) -> bytes:
    """A JPEG of the whole photo, 128 px on the long side; of the picture that the page shows, so that no large photo is
    opened for it."""
    small = Image.open(io.BytesIO(photo.display))
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def study_label(body: bytes) -> str:
    """By which the line reckons how long a study takes: the offered resolution that it is nearest to, from below."""
    try:
        asked = json_object(body).get("resolution", DEFAULT_RESOLUTION)
    except ValueError:
        return ""
    known = type(asked) is int and asked <= MAX_RESOLUTION
    return f"analyse {next(side for side in RESOLUTIONS if asked <= side)}" if known else ""
