"""The Models tab's own addresses: what is at hand, one entry, its pictures. All of it is read anew, and cheaply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stellar_explorer.models.library import Library
from stellar_explorer.server.request import whole_text

FRESH = {"Cache-Control": "no-store"}
GONE = "This model is no longer there; choose another one."


def library_routes(library: Library) -> list[Route]:
    """Beside `stellar_explorer.explore.routes.routes`. Entries are found by a key of ours, so no path comes from a
    visitor."""

    def found(answer: Callable[..., Response]) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            try:
                return answer(**request.path_params)
            except (KeyError, OSError):
                return PlainTextResponse(GONE, status_code=404, headers=FRESH)
            except ValueError as error:
                return PlainTextResponse(str(error), status_code=400, headers=FRESH)
        return endpoint

    def overview() -> Response:
        return JSONResponse(library.overview(), headers=FRESH)

    def record(key: str) -> Response:
        return JSONResponse(library.record(key), headers=FRESH)

    def picture(key: str, step: str) -> Response:
        # Its address ends in the file's time, so a browser may keep it.
        headers: dict[str, Any] = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}
        path = library.picture(key, whole_text(step, "The step"))
        if not path.is_file():
            raise KeyError(step)
        return FileResponse(path, media_type="image/png", headers=headers)

    return [
        Route("/stellar/models.json", found(overview)),
        Route("/stellar/models/{key}.json", found(record)),
        Route("/stellar/models/{key}/pictures/{step}.png", found(picture)),
    ]
