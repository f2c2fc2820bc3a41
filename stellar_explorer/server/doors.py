"""Which of Gradio's own addresses are open, and what may be sent to them: JSON, read as strictly as ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import Parameter

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stellar_explorer.kept.tokens import GoneError
from stellar_explorer.server.answers import FRESH, MOST_QUERY, REFUSED, refusal, whole_body
from stellar_explorer.server.request import check_fields, choice, entries, json_object, json_value

API = "/gradio_api/"
# What the page needs none of: files of its folder, other hosts, recordings that stay on the disk, runs, tools of
# developers.
CLOSED = re.compile(r"/gradio_api/(file[=/]|proxy=|stream/|process_recording|component_server|custom_component/"
                    r"|vibe-|undo-vibe-|run-history|runs|deep_link|dev/|profiling)|/monitoring|/svelte/")
NAMED = re.compile(r"/gradio_api/(call/v2|call|run|api)/([^/]*)/?")
MCP = re.compile(r"/gradio_api/mcp(/|$)")
MOST_MCP = 17 * 2**20  # a photo of 12 MB in base64
MOST_VALUES = 64
MISFIT = "This address does not take what was sent; /gradio_api/info describes what it takes."


class Doors:
    """ASGI middleware inside the one that settles the sub-path. named: gives the endpoints that may be asked by name,
    with their parameters. numbers: gives the functions that the page asks by number."""

    def __init__(
        self, app: ASGIApp, named: Callable[[], Mapping[str, Sequence[Parameter]]],
        numbers: Callable[[], Collection[int]],
    ) -> None:
        self.app, self._named, self._numbers = app, named, numbers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))
        if CLOSED.match(path):
            await PlainTextResponse("There is no such address here.", 404, headers=FRESH)(scope, receive, send)
        elif scope["method"] == "POST" and path.startswith(API) and path != f"{API}upload":
            await self._ask(path, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _ask(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await whole_body(Request(scope, receive), MOST_MCP if MCP.match(path) else MOST_QUERY)
            self._check(path, body)
        except REFUSED as error:
            await refusal(error)(scope, receive, send)
            return
        is_given = is_refused = False

        async def given() -> Message:
            nonlocal is_given
            if is_given:
                return await receive()  # that the client has gone
            is_given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def plainly(message: Message) -> None:
            nonlocal is_refused
            if message["type"] == "http.response.start" and message["status"] == 422:
                is_refused = True  # what it holds is a list of pydantic's findings
                await PlainTextResponse(MISFIT, 400, headers=FRESH)(scope, receive, send)
            elif not is_refused:
                await send(message)

        await self.app(scope, given, plainly)

    def _check(self, path: str, body: bytes) -> None:
        """ValueError for what is no request; GoneError for what it is not a request to."""
        if MCP.match(path):
            if body:  # a notification may have none
                json_value(body)
            return
        said = json_object(body)
        named = NAMED.fullmatch(path)
        endpoints = self._named()
        # Gradio's page asks so, with a number, for what does not wait in its queue.
        is_by_number = path == f"{API}run/predict" and said.get("fn_index") is not None
        if named and named[2] not in endpoints and not is_by_number:
            raise GoneError(f"There is no such endpoint; there are {' and '.join(sorted(endpoints))}.")
        if named and named[1] == "call/v2":
            check_fields(said, (one.name for one in endpoints[named[2]] if one.default is Parameter.empty),
                         (one.name for one in endpoints[named[2]]), "What is asked for")
            return
        if named or path == f"{API}queue/join":
            entries(said.get("data"), "The data", most=MOST_VALUES)
        if (number := said.get("fn_index")) is not None:
            choice(number, "The function's number", sorted(self._numbers()))
        elif path == f"{API}queue/join":
            raise ValueError("Say by fn_index which function is asked.")
