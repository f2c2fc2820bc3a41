"""A reverse proxy of twenty lines: shows a server under a sub-path, which it keeps or takes off."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

METHODS = ["GET", "HEAD", "POST", "DELETE"]


@contextmanager
def proxied(target: str, prefix: str, *, keeps: bool) -> Iterator[str]:
    """-> the proxy's address; what is asked for outside the sub-path is 404."""
    client = httpx.AsyncClient(base_url=target, timeout=120)

    async def forward(request: Request) -> Response:
        path = request.url.path
        if not path.startswith(f"{prefix}/"):
            return PlainTextResponse("outside", 404)
        asked = client.build_request(
            request.method, f"{path if keeps else path.removeprefix(prefix)}?{request.url.query}",
            headers=request.headers.raw, content=await request.body())
        found = await client.send(asked, stream=True)
        headers = {name: value for name, value in found.headers.items() if name != "transfer-encoding"}
        return StreamingResponse(found.aiter_raw(), found.status_code, headers)

    app = Starlette(routes=[Route("/{path:path}", forward, methods=METHODS)])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)
