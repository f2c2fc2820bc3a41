"""The document that Gradio sends, made ours: our frame before its app, our title and picture for link previews."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stellar_explorer.page.frame import ROOT, TABS, scripts_of, style_links

TITLE = "STELLAR Explorer"
DESCRIPTION = "Drop in a photo and see the concepts a STELLAR vision model finds, and where each one is."
PICTURE = ROOT / "assets" / "preview.png"
PREVIEW, PREVIEW_SIZE = "stellar/preview.png", (1200, 630)
PREVIEW_ALT = "A photo of horses beside its feature map, its low-rank approximation and its concepts in colours"
COLOURS = {"light": "#faf9f7", "dark": "#121110"}
# Gradio's own, which come first and would be taken.
GRADIOS = re.compile(r"<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>\s*")
BASE = re.compile(r"<base [^>]*>")
CONFIG = "window.gradio_config = "
APP = "<gradio-app"


class Document:
    """ASGI middleware inside the one that settles the sub-path. frame: gives the frame's markup."""

    def __init__(self, app: ASGIApp, frame: Callable[[], str]) -> None:
        self.app, self._frame = app, frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", "").rstrip("/"))
        if scope["type"] != "http" or scope["method"] != "GET" or path not in ("", "/"):
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = bytearray()

        async def gathered(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if start is None or message.get("more_body"):
                return
            headers = MutableHeaders(raw=start["headers"])
            sent = bytes(body)
            if headers.get("content-type", "").startswith("text/html"):
                sent = (await run_in_threadpool(self.framed, sent.decode(), tab_of(scope))).encode()
                headers["content-length"] = str(len(sent))
            await send({**start, "headers": headers.raw})
            await send({"type": "http.response.body", "body": sent})

        await self.app(scope, receive, gathered)

    def framed(self, html: str, tab: str) -> str:
        if APP not in html:
            return html
        html = GRADIOS.sub("", html)
        early = BASE.search(html)  # what previews read, and what is fetched, comes before Gradio's long settings
        at = early.end() if early else html.index("</head>")
        html = html[:at] + head(root_of(html), tab) + html[at:]
        html = html.replace("</head>", f"{style_links()}\n</head>", 1)  # after Gradio's own
        return html.replace(APP, self._frame() + APP, 1)


def document_routes(frame: Callable[[], str]) -> list[Route]:
    """The frame for a document that came without it, and the picture of previews."""

    def get_frame(request: Request) -> Response:
        return HTMLResponse(style_links() + frame(), headers={"Cache-Control": "no-store"})

    def get_preview(request: Request) -> Response:
        return FileResponse(PICTURE, media_type="image/png", headers={"Cache-Control": "max-age=86400"})

    return [Route("/stellar/frame.html", get_frame), Route(f"/{PREVIEW}", get_preview)]


def tab_of(scope: Scope) -> str:
    """That the address opens."""
    (wanted, *_) = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("tab", [""])
    return wanted if wanted in TABS else next(iter(TABS))


def root_of(html: str) -> str:
    """The page's own address as Gradio reckons it, behind whatever proxies; "" where it is not told."""
    _, found, rest = html.partition(CONFIG)
    config = json.JSONDecoder().raw_decode(rest)[0] if found else {}
    return str(config.get("root") or "")


def head(root: str, tab: str) -> str:
    """Previews need whole addresses; all else is relative, as Gradio's own."""
    address, picture = f"{root}/", f"{root}/{PREVIEW}"
    width, height = PREVIEW_SIZE
    named = {"description": DESCRIPTION, "twitter:card": "summary_large_image"}
    properties = {"og:type": "website", "og:site_name": TITLE, "og:title": TITLE, "og:description": DESCRIPTION,
                  "og:url": address, "og:image": picture, "og:image:width": width, "og:image:height": height,
                  "og:image:alt": PREVIEW_ALT}
    lines = [*(f'<meta name="{name}" content="{escape(value)}">' for name, value in named.items()),
             *(f'<meta property="{name}" content="{escape(str(value))}">' for name, value in properties.items()),
             *(f'<meta name="theme-color" content="{colour}" media="(prefers-color-scheme: {theme})">'
               for theme, colour in COLOURS.items()),
             *(f'<link rel="modulepreload" href="{script}">' for script in scripts_of(tab))]
    return "\n".join(["", *lines, ""])
