"""The line's own addresses: a page's place in it, and what a page says that it shows. Both answer at once."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stellar_explorer.explorer import MOST_LEASED, Explorer
from stellar_explorer.server.admission import admission, visitor_of
from stellar_explorer.server.answers import FRESH, REFUSED, refusal, whole_body
from stellar_explorer.server.request import json_value

MOST_TOLD = 4096  # bytes: 24 tokens of 32 letters, and more


def line_routes(explorer: Explorer) -> list[Route]:
    """Beside `stellar_explorer.explore.routes.routes`. Neither waits in a line itself."""

    async def place(request: Request) -> Response:
        return JSONResponse({"before": admission().line().before_first_of(visitor_of(request))}, headers=FRESH)

    async def shown(request: Request) -> Response:
        try:
            explorer.lease(texts(await whole_body(request, MOST_TOLD)))
            return Response(status_code=204, headers=FRESH)
        except REFUSED as error:
            return refusal(error)

    return [Route("/stellar/line.json", place), Route("/stellar/shown", shown, methods=["POST"])]


def texts(body: bytes) -> list[str]:
    """ValueError, one sentence, for what is no list of texts."""
    try:
        found = json_value(body)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError(f"Send a list of at most {MOST_LEASED} texts.")
    return found
