"""The line's own addresses: a page's place in it, and what a page says that it shows. Both answer at once."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stellar_explorer.explorer import MOST_LEASED, Explorer
from stellar_explorer.server.admission import admission, visitor_of
from stellar_explorer.server.answers import FRESH, TooLargeError, whole_body
from stellar_explorer.server.request import json_value

MOST_TOLD = 4096  # bytes: 24 tokens of 32 letters, and more


def line_routes(explorer: Explorer) -> list[Route]:
    """Beside `stellar_explorer.explore.routes.routes`. Neither waits in a line itself."""

    async def place(request: Request) -> Response:
        return JSONResponse({"before": admission().line().before_first_of(visitor_of(request))}, headers=FRESH)

    async def shown(request: Request) -> Response:
        try:
            tokens = json_value(await whole_body(request, MOST_TOLD))
            if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
                raise ValueError
        except TooLargeError as error:
            return PlainTextResponse(str(error), status_code=413, headers=FRESH)
        except ValueError:
            said = f"Send a list of at most {MOST_LEASED} texts."
            return PlainTextResponse(said, status_code=400, headers=FRESH)
        explorer.lease(tokens)
        return Response(status_code=204, headers=FRESH)

    return [Route("/stellar/line.json", place), Route("/stellar/shown", shown, methods=["POST"])]
