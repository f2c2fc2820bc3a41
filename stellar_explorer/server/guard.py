"""Who may ask, and what browsers are told of everything that is served.

A page of another site, open in a visitor's browser, can send requests to a server on that visitor's machine or network;
and its own name can be made to lead there (DNS rebinding). So the name that a request asks for has to be one of this
server's, and a request of a page has to come from a page of ours. Programs send neither Origin nor Sec-Fetch-Site.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stellar_explorer.photo import printable

VARIABLE = "STELLAR_ALLOWED_HOSTS"  # names with commas between, as --allow-host gives them
SHARED = ".gradio.live"  # where Gradio's --share leads; nobody else can give a name in it an address
SPACES = ("https://huggingface.co", "https://*.huggingface.co", "https://*.hf.space")
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Names:
    """What this server is called. Numbers and localhost always are: no other site can have those.

    allowed: by --allow-host. root_path: of a reverse proxy; where it is an address, its host is a name. bound: gives
    the name that the server listens by, which is known once it does.
    """

    def __init__(self, allowed: Iterable[str] = (), *, root_path: str = "", shares: bool = False,
                 bound: Callable[[], str | None] = lambda: None, environment: Mapping[str, str] = os.environ) -> None:
        said = [*allowed, *environment.get(VARIABLE, "").split(","), environment.get("SPACE_HOST", ""),
                urlsplit(root_path).netloc]
        self._given = {host_of(name) for name in said} - {""}
        self._machine = {socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"}
        self._shares, self._bound = shares, bound
        self.is_space = "SPACE_ID" in environment  # public: no name leads to it that should not
        self.has_proxy = bool(root_path)  # which says by X-Forwarded-Host what it was asked for

    def are_given(self, name: str) -> bool:
        """The names that somebody gave, of a public server: pages under them may ask whatever their port."""
        return name in self._given or self._shares and name.endswith(SHARED)

    def include(self, name: str) -> bool:
        return (self.is_space or is_number(name) or name == "localhost" or name.endswith(".localhost")
                or self.are_given(name) or name in self._machine or name == host_of(self._bound() or ""))


class Guard:
    """ASGI middleware, outside all others: refuses with 403 and one sentence, and adds `headers` to every answer."""

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self.app, self._names, self._headers = app, names, headers_for(is_space=names.is_space)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        refused = refusal(self._names, Headers(scope=scope))
        app = self.app if refused is None else PlainTextResponse(refused, 403, headers={"Cache-Control": "no-store"})
        await app(scope, receive, send_with_headers)


def refusal(names: Names, headers: Headers) -> str | None:
    """A sentence, or None for a request that may be answered."""
    host, site = headers.get("host", ""), headers.get("sec-fetch-site", "")
    name = host_of(host)
    if name and not names.include(name):
        return (f"This server does not know the name {printable(name)}; where it is meant to, start it with "
                f"--allow-host {printable(name)}.")
    origin = headers.get("origin")
    if origin is not None:
        forwarded = headers.get("x-forwarded-host", "").split(",")[0].strip() if names.has_proxy else ""
        # same-origin: a browser's own word, which no page can put into its mouth. A proxy may ask by another name.
        if site != "same-origin" and not is_own(origin, (host, forwarded), names):
            return (f"This was asked by a page of another site ({printable(origin)}); where that site may, start the "
                    "server with --allow-host and its name.")
    # A picture or script that another site's page would show, unlike a link that somebody follows.
    elif site in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate":
        return "This was asked for by a page of another site; open it in a tab of its own."
    return None


def is_own(origin: str, hosts: tuple[str, ...], names: Names) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    place = parts.netloc.lower()
    if not place or parts.scheme not in DEFAULT_PORTS:
        return False
    port = DEFAULT_PORTS[parts.scheme]
    return place.removesuffix(port) in {host.lower().removesuffix(port) for host in hosts if host} or \
        names.are_given(host_of(place))


def host_of(place: str) -> str:
    """A name, or number, without its port: [::1]:7860 -> ::1."""
    place = place.strip().lower()
    if place.startswith("["):
        return place[1:].partition("]")[0]
    name, _, port = place.rpartition(":")
    return (name if name and port.isdecimal() and ":" not in name else place).rstrip(".")


def is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def headers_for(*, is_space: bool) -> dict[str, str]:
    """Gradio evaluates templates ('unsafe-eval') and has scripts and styles in its page ('unsafe-inline'); all is the
    server's own. A Space's page is shown in a frame of huggingface.co."""
    outside = " ".join(SPACES) if is_space else ""
    policy = {
        "default-src": "'self'", "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src": "'self' 'unsafe-inline'", "img-src": f"'self' data: blob: {outside}", "font-src": "'self' data:",
        "connect-src": f"'self' data: blob: {outside}", "media-src": "'self' data: blob:", "worker-src": "'self' blob:",
        "object-src": "'none'", "base-uri": "'self'", "form-action": "'self'", "frame-ancestors": f"'self' {outside}",
    }
    headers = {
        "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Security-Policy": "; ".join(f"{name} {value.strip()}" for name, value in policy.items()),
    }
    return headers if is_space else {**headers, "X-Frame-Options": "SAMEORIGIN"}
