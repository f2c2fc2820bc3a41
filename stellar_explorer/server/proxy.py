"""Behind a reverse proxy: what the page's addresses begin with, and a proxy that takes the sub-path off."""

from __future__ import annotations

import argparse
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Send

VARIABLE = "GRADIO_ROOT_PATH"  # Gradio's own; the command line's option goes before it


def root_path(text: str) -> str:
    """A sub-path as Gradio takes it: "/explorer", an address with one, or "" for none. A mistake is an argparse error.
    """
    path = text.strip().rstrip("/")
    if path and not path.startswith(("/", "http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text} is no sub-path; it begins with a slash, as in /explorer")
    return path


class SubPath:
    """ASGI middleware: every request has the sub-path that the page was told of, whether its proxy takes it off or not.

    Without it Starlette finds what is mounted (our scripts, MCP) under neither name and answers 404.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        prefix = scope.get("root_path", "")
        if prefix.startswith(("http://", "https://")):
            prefix = urlsplit(prefix).path
        path = scope.get("path", "")
        if prefix and not (path == prefix or path.startswith(f"{prefix}/")):
            scope = {**scope, "path": prefix + path}
            if raw_path := scope.get("raw_path"):
                scope["raw_path"] = prefix.encode() + raw_path
        await self.app({**scope, "root_path": prefix}, receive, send)
