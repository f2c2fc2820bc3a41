"""What goes on for as long as the server runs: the guard stands outside everything, and stray files are removed."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from stellar_explorer.retrieve.own_photos import OWN
from stellar_explorer.server.guard import Guard, Names
from stellar_explorer.server.scratch import uploads_folder
from stellar_explorer.server.sweeping import FILE

LOOK_SECONDS, STRAY_SECONDS = 30.0, 60.0


def lifespan(names: Names) -> Callable[[Any], AbstractAsyncContextManager]:
    """For `demo.launch(app_kwargs={"lifespan": ...})`."""

    @asynccontextmanager
    async def running(app: Any) -> AsyncIterator[None]:
        # Not as one of the app's own middleware: Gradio adds more, outside those, which answer by themselves.
        app.middleware_stack = Guard(app.middleware_stack, names)
        looking = asyncio.create_task(look_for_strays())
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    return running


async def look_for_strays() -> None:
    while True:
        await run_in_threadpool(remove_strays, uploads_folder())
        await asyncio.sleep(LOOK_SECONDS)


def remove_strays(folder: Path, seconds: float = STRAY_SECONDS) -> None:
    """What Gradio wrote by itself: a photo that an MCP client sends inside an address lies here until it is uploaded, a
    moment later, by the server's own client."""
    for path in folder.iterdir():
        if path.name == FILE or path.name.startswith(OWN):
            continue
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > seconds:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
