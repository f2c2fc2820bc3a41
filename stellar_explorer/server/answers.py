"""How our own addresses answer: JSON or a response of their own, made in a thread; or one sentence, why not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from stellar_explorer.analysis import GoneError
from stellar_explorer.photo import MAX_BYTES
from stellar_explorer.server.admission import Kind, admission, visitor_of
from stellar_explorer.server.line import BusyError, UnwantedError

FRESH = {"Cache-Control": "no-store"}
# For addresses that name their content, by a hash or an unguessable token. Private: a proxy keeps no visitor's photo.
FOREVER = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}
MOST_QUERY = 256 * 1024
ARRIVAL_SECONDS = 300  # for 12 MB by a telephone
GONE_AWAY = 499  # nobody reads it
UNREADABLE = "The server cannot read or write this collection just now; its log says why."


class TooLargeError(ValueError):
    """What was sent is larger than it may be."""


def answered(answer: Callable[[Request, bytes], Any], *, limit: int = MOST_QUERY, kind: Kind = Kind.LOOK,
             told: Callable[[str], str] = str, label: Callable[[bytes], str] | None = None
             ) -> Callable[[Request], Any]:
    """answer(request, body) -> a Response, or what JSON can hold. Its ValueErrors are sentences for the visitor, which
    pass `told` first.

    limit: of the body in bytes. kind: the line that it waits in. label: of a body, by which the line reckons how long
    its work takes; by default all of an address take about as long. Status 404 for what is gone, 400 for what cannot be
    done, 413 for what is too large, 503 where a disk fails, and with Retry-After where there is no room for more.
    """
    def respond(request: Request, body: bytes) -> Response:
        try:
            found = answer(request, body)
            return found if isinstance(found, Response) else JSONResponse(found, headers=FRESH)
        except GoneError as error:
            return PlainTextResponse(str(error), status_code=404, headers=FRESH)
        except ValueError as error:
            return PlainTextResponse(told(str(error)), status_code=400, headers=FRESH)
        except OSError:
            logging.getLogger(__name__).exception(request.url.path)
            return PlainTextResponse(UNREADABLE, status_code=503, headers=FRESH)

    async def endpoint(request: Request) -> Response:
        admitted, visitor, body = admission(), visitor_of(request), b""
        try:
            if request.method == "POST":
                with admitted.arriving(min(declared_length(request), limit), visitor):
                    async with asyncio.timeout(ARRIVAL_SECONDS):
                        body = await whole_body(request, limit)
            return await admitted.answer(partial(respond, request, body), visitor=visitor, kind=kind, held=len(body),
                                         label=answer.__qualname__ if label is None else label(body),
                                         has_gone=request.is_disconnected)
        except TooLargeError as error:
            return PlainTextResponse(str(error), status_code=413, headers=FRESH)
        except BusyError as error:
            return PlainTextResponse(str(error), status_code=503, headers={**FRESH, "Retry-After": str(error.seconds)})
        except (UnwantedError, ClientDisconnect):
            return Response(status_code=GONE_AWAY)
        except TimeoutError:
            return PlainTextResponse("What was sent did not arrive in time; try again.", status_code=408, headers=FRESH)
    return endpoint


def declared_length(request: Request) -> int:
    """Of the body, in bytes; the most there can be where the request does not say."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 16 else MAX_BYTES


async def whole_body(request: Request, limit: int) -> bytes:
    """TooLargeError before more than the limit is held in memory."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            what = "This photo is larger than" if limit == MAX_BYTES else "This question is longer than"
            size = f"{limit // 2**20} MB" if limit >= 2**20 else f"{limit // 1024} kB"
            raise TooLargeError(f"{what} {size}; send a smaller one.")
    return bytes(body)


def is_json(request: Request) -> bool:
    """Whether a body that may be a photo's bytes is a question instead. ValueError for a form, which is neither."""
    kind = request.headers.get("content-type", "").lower()
    if kind.startswith(("multipart/", "application/x-www-form-urlencoded")):
        raise ValueError("Send the photo's bytes as they are, or JSON that names one; a form is not read here.")
    return kind.startswith("application/json")
