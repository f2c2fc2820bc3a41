"""Addresses for all tabs: settings, scripts, photos, packages and downloads. Plain Starlette, no events."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from stellar_explorer.analysis import display_name
from stellar_explorer.examples import examples
from stellar_explorer.explore.downloads import DOWNLOADS, Shown, download
from stellar_explorer.explore.package import package
from stellar_explorer.explorer import Explorer
from stellar_explorer.kept.tokens import GoneError
from stellar_explorer.photo import FORMATS, MAX_BYTES, MAX_RESOLUTION, MIN_RESOLUTION, open_photo
from stellar_explorer.server.admission import Kind
from stellar_explorer.server.answers import FOREVER, answered
from stellar_explorer.server.attachment import attachment, slug

WEB = Path(__file__).resolve().parent.parent / "web"
LOGO = WEB.parent.parent / "assets" / "logo.svg"
RESOLUTIONS = (MIN_RESOLUTION, 448, 672, MAX_RESOLUTION)
DEFAULT_RESOLUTION = 448
THUMBNAIL_SIDE = 128
SUFFIXES = {"JPEG": ".jpg,.jpeg,.jfif", "MPO": ".mpo", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif",
            "TIFF": ".tif,.tiff", "BMP": ".bmp", "PPM": ".ppm,.pgm", "JPEG2000": ".jp2", "AVIF": ".avif",
            "HEIF": ".heic,.heif", "JXL": ".jxl", "QOI": ".qoi"}
NOTES = {
    "nano": "Ships with the app; 32 M parameters.",
    "stellar-b16": "Published ViT-B/16, 16 tokens.", "stellar-l16": "Published ViT-L/16, 16 tokens.",
    "stellar-h16": "Published ViT-H/14, 16 tokens.", "stellar-b8": "Published ViT-B/16, 8 tokens.",
    "stellar-b24": "Published ViT-B/16, 24 tokens.",
}


def settings(explorer: Explorer) -> dict[str, Any]:
    """What the page needs before any photo. Names, titles and credits travel as JSON, never through a template."""
    from model.checkpoints.checkpoint import PUBLISHED, is_at_hand

    def model(name: str) -> dict[str, Any]:
        note = NOTES.get(name, "A checkpoint of your own.")
        if name in PUBLISHED and not is_at_hand(name):
            note += " Downloaded at first use."
        return {"name": name, "label": display_name(name), "available": True, "note": note}

    return {
        "models": [model(name) for name in explorer.models],
        "resolutions": list(RESOLUTIONS),
        "default": {"model": explorer.models[0], "resolution": DEFAULT_RESOLUTION, "example": next(iter(examples()))},
        "examples": [{"id": example.id, "title": example.title, "alt": example.alt,
                      "credit": f"{example.credit}, {example.licence}",
                      "thumbnail": f"stellar/examples/{example.id}/thumbnail.jpg"} for example in examples().values()],
        "max_bytes": MAX_BYTES,
        "accept": ",".join(["image/*", *(SUFFIXES[name] for name in FORMATS)]),
    }


@cache
def thumbnail(example_id: str) -> bytes:
    """The middle square of an example."""
    photo = open_photo(examples()[example_id].path)
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    square = photo.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS,
                          box=(left, top, left + side, top + side))
    buffer = io.BytesIO()
    square.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def routes(explorer: Explorer) -> list[Route | Mount]:
    """For `demo.launch(app_kwargs={"routes": ...})`."""

    def get_settings(request: Request, body: bytes) -> Any:
        return settings(explorer)

    def get_thumbnail(request: Request, body: bytes) -> Response:
        example_id = request.path_params["example"]
        if example_id not in examples():
            raise GoneError("There is no such example.")
        return Response(thumbnail(example_id), media_type="image/jpeg", headers=FOREVER)

    def get_photo(request: Request, body: bytes) -> Response:
        return Response(explorer.photo(request.path_params["token"]).display, media_type="image/jpeg", headers=FOREVER)

    def get_package(request: Request, body: bytes) -> Response:
        data = package(explorer.kept_study(request.path_params["token"])).data
        return Response(data, media_type="application/octet-stream", headers=FOREVER)

    def get_download(request: Request, body: bytes) -> Response:
        study, kind = explorer.kept_study(request.path_params["token"]), request.path_params["kind"]
        if kind not in DOWNLOADS:
            raise GoneError("There is no such download.")
        content, media_type = download(explorer, study, kind, Shown.of(request.query_params, study))
        name = study.photo.example or slug(request.query_params.get("name", ""))
        headers = attachment(name, str(study.analysis.resolution), kind=kind)
        return Response(content, media_type=media_type, headers=headers)

    return [
        Route("/stellar/settings.json", answered(get_settings)),
        Route("/stellar/examples/{example}/thumbnail.jpg", answered(get_thumbnail)),
        Route("/stellar/photos/{token}.jpg", answered(get_photo)),
        Route("/stellar/analyses/{token}.bin", answered(get_package)),
        Route("/stellar/analyses/{token}/{kind}", answered(get_download, kind=Kind.WORK)),
        Route("/stellar/logo.svg", lambda request: FileResponse(LOGO, media_type="image/svg+xml")),
        Mount("/stellar/web", StaticFiles(directory=WEB)),
    ]
