"""What clients of the page and of the API upload, before it is asked about: in memory, never on the disk.

Stands in for Gradio's own upload, which keeps files under names that others who have the same file can guess, and keeps
what was broken off for ever.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from threading import Lock

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stellar_explorer.kept.tokens import GoneError
from stellar_explorer.photo import MAX_BYTES, printable
from stellar_explorer.server.admission import admission, visitor_of
from stellar_explorer.server.answers import (
    ARRIVAL_SECONDS,
    FRESH,
    GONE_AWAY,
    TooLargeError,
    declared_length,
    whole_body,
)
from stellar_explorer.server.line import BusyError, Visitor

ADDRESS = "/gradio_api/upload"
PREFIX = "uploads/"
SECONDS = 600.0  # from an upload to the question about it
MOST_FILES = 8  # of one request
MOST_BYTES = 256 * 2**20
FORM_BYTES = 64 * 1024  # the parts' own headers
PAUSE = 30  # seconds that a client is told to wait where there is no room


@dataclass(frozen=True)
class Upload:
    data: bytes
    visitor: Visitor
    since: float


class Uploads:
    """By an unguessable name, and given out once: who has not sent a photo cannot ask for it."""

    def __init__(self, most_bytes: int = MOST_BYTES, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes, self._clock = most_bytes, clock
        self._kept: OrderedDict[str, Upload] = OrderedDict()  # the oldest first
        self._lock = Lock()

    def __len__(self) -> int:
        with self._lock:
            self._forget_old()
            return len(self._kept)

    def put(self, data: bytes, name: str, visitor: Visitor = ("", "")) -> str:
        """-> what the client asks about it by. A visitor who sends much loses their own oldest; BusyError where all
        visitors together have sent too much."""
        if len(data) > MAX_BYTES:
            raise TooLargeError(f"The photo is larger than {MAX_BYTES // 2**20} MB; save a smaller copy.")
        with self._lock:
            self._forget_old()
            own = [path for path, kept in self._kept.items() if kept.visitor == visitor]
            while own and len(data) + sum(len(self._kept[path].data) for path in own) > self._most_bytes // 2:
                del self._kept[own.pop(0)]
            if len(data) + sum(len(kept.data) for kept in self._kept.values()) > self._most_bytes:
                raise BusyError(PAUSE)
            path = f"{PREFIX}{secrets.token_hex(16)}/{printable(name).replace('/', '_') or 'photo'}"
            self._kept[path] = Upload(data, visitor, self._clock())
            return path

    def take(self, path: str) -> bytes:
        """The bytes; they are not kept any longer. GoneError for any other path."""
        with self._lock:
            self._forget_old()
            kept = self._kept.pop(path, None)
        if kept is None:
            raise GoneError("The upload is no longer on the server; choose the photo again.")
        return kept.data

    def _forget_old(self) -> None:
        while self._kept and self._clock() - next(iter(self._kept.values())).since > SECONDS:
            self._kept.popitem(last=False)


def upload_routes(uploads: Uploads) -> list[Route]:
    """Before Gradio's own routes: theirs of the same address is then never reached."""

    async def upload(request: Request) -> Response:
        visitor, limit = visitor_of(request), MAX_BYTES + FORM_BYTES
        try:
            with admission().arriving(min(declared_length(request), limit), visitor):
                async with asyncio.timeout(ARRIVAL_SECONDS):
                    body = await whole_body(request, limit)
                files = await files_of(request, body)
                return JSONResponse([uploads.put(data, name, visitor) for name, data in files], headers=FRESH)
        except TooLargeError:
            said = f"The photo is larger than {MAX_BYTES // 2**20} MB; save a smaller copy."
            return PlainTextResponse(said, status_code=413, headers=FRESH)
        except BusyError as error:
            return PlainTextResponse(str(error), status_code=503, headers={**FRESH, "Retry-After": str(error.seconds)})
        except ValueError as error:
            return PlainTextResponse(str(error), status_code=400, headers=FRESH)
        except ClientDisconnect:
            return Response(status_code=GONE_AWAY)
        except TimeoutError:
            return PlainTextResponse("The photo did not arrive in time; try again.", status_code=408, headers=FRESH)

    return [Route(ADDRESS, upload, methods=["POST"])]


class InMemory(MultiPartParser):
    spool_max_size = 0  # never spooled to a file: the whole body is in memory, and bounded, before it is parsed


async def files_of(request: Request, body: bytes) -> list[tuple[str, bytes]]:
    """A form's files with their names; ValueError where it is none, or has none."""
    async def whole() -> AsyncIterator[bytes]:
        yield body

    try:
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise MultiPartException("no form")
        form = await InMemory(request.headers, whole(), max_files=MOST_FILES, max_fields=MOST_FILES).parse()
        files = [(file.filename or "photo", await file.read()) for file in form.getlist("files")
                 if isinstance(file, UploadFile)]
        await form.close()
    except MultiPartException:
        files = []
    if not files:
        raise ValueError(f"Send 1 to {MOST_FILES} photos as a form (multipart/form-data), each as a file named files.")
    return files
