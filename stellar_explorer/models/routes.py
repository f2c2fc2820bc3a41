"""The Models tab's own addresses: what is at hand, one entry, its pictures. All of it is read anew, and cheaply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from stellar_explorer.kept.tokens import GoneError
from stellar_explorer.models.library import Library
from stellar_explorer.models.paper_tables import paper_tables
from stellar_explorer.server.answers import FOREVER, answered
from stellar_explorer.server.request import whole_text

GONE = "This model is no longer there; choose another one."


def library_routes(library: Library) -> list[Route]:
    """Beside `stellar_explorer.explore.routes.routes`. Entries are found by a key of ours, so no path comes from a
    visitor."""

    def there(look: Callable[..., Any]) -> Callable[[Request, bytes], Any]:
        """A run may be removed while it is looked at."""
        def answer(request: Request, body: bytes) -> Any:
            try:
                return look(**request.path_params)
            except (KeyError, OSError):
                raise GoneError(GONE) from None
        answer.__qualname__ = look.__qualname__  # by which the line tells long from short
        return answer

    def picture(key: str, step: str) -> Response:
        path = library.picture(key, whole_text(step, "The step"))
        if not path.is_file():
            raise KeyError(step)
        return FileResponse(path, media_type="image/png", headers=FOREVER)  # its address ends in the file's time

    def tables() -> dict[str, Any]:
        return paper_tables(library)

    return [
        Route("/stellar/models.json", answered(there(library.overview))),
        Route("/stellar/models/tables.json", answered(there(tables))),
        Route("/stellar/models/{key}.json", answered(there(library.record))),
        Route("/stellar/models/{key}/pictures/{step}.png", answered(there(picture))),
    ]
