"""The server's one admission: every request's work waits in one of two lines, and who waits can see their place.

WORK is whatever opens a photo or runs a model; what is only looked up has a line of its own, so that a search does not
wait behind sixty analyses. While a request waits it holds no thread. The page asks for its place with `GET
stellar/line.json`, naming itself as its other requests do: by a header with a number of its own (web/shared/line.js).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from enum import Enum
from functools import cache
from typing import Any

from stellar_explorer.server.line import BusyError, Line, Ticket, UnwantedError, Visitor
from stellar_explorer.server.memory import give_back
from stellar_explorer.server.threads import budget, one_thread

SESSION_HEADER = "stellar-session"
MOST_SESSION = 64  # letters
MOST_WAITING, MOST_LOOKING = 128, 256
MOST_HELD = 256 * 2**20  # bytes of uploads that wait
GLANCE_SECONDS = 1.0  # between two looks whether a client is still there


class Kind(Enum):
    """Of what a request asks for."""

    WORK = "opens photos or runs a model"
    LOOK = "is looked up"


class Admission:
    """at_once: pieces of WORK; the model runs for one of them, the others open photos and pack answers meanwhile."""

    def __init__(self, at_once: int | None = None, *, most_waiting: int = MOST_WAITING, most_held: int = MOST_HELD,
                 enter: Callable[[], None] = one_thread) -> None:
        at_once = budget() + 1 if at_once is None else at_once
        self.most_held = most_held
        self._arriving: Counter[Visitor] = Counter()  # bytes
        self._lines = {
            Kind.WORK: Line(at_once, most_waiting, most_held=most_held, name="work", enter=enter, after=give_back),
            Kind.LOOK: Line(2 * at_once, MOST_LOOKING, name="look", enter=enter)}

    def line(self, kind: Kind = Kind.WORK) -> Line:
        return self._lines[kind]

    @contextmanager
    def arriving(self, nbytes: int, visitor: Visitor) -> Iterator[None]:
        """While a body of so many bytes is read. BusyError where too many are, or too many of one visitor's. Only ever
        called by the event loop."""
        own, all_of_them = self._arriving[visitor], self._arriving.total()
        if own and own + nbytes > self.most_held // 4 or all_of_them and all_of_them + nbytes > self.most_held:
            raise BusyError(self.line().pause())
        self._arriving[visitor] += nbytes
        try:
            yield
        finally:
            self._arriving[visitor] -= nbytes
            if not self._arriving[visitor]:
                del self._arriving[visitor]

    async def answer(self, work: Callable[[], Any], *, visitor: Visitor, kind: Kind = Kind.WORK, held: int = 0,
                     label: str = "", has_gone: Callable[[], Awaitable[bool]] | None = None) -> Any:
        """work(), in one of the line's threads. BusyError where there is no room; UnwantedError once `has_gone`."""
        line = self.line(kind)
        waited = Waited(line.submit(work, visitor=visitor, held=held, label=label))
        try:
            while not await waited.is_done():
                if has_gone is not None and await has_gone():
                    raise UnwantedError("The visitor who asked for this has gone.")
            return waited.ticket.future.result()
        finally:
            line.drop(waited.ticket)


class Waited:
    """A ticket as the event loop waits for it. Made in the loop."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        ticket.future.add_done_callback(self._tell)

    def _tell(self, _: Future) -> None:
        """From any thread: there is something to see."""
        with suppress(RuntimeError):  # the loop has ended with the server
            self._loop.call_soon_threadsafe(self._news.set)

    async def is_done(self) -> bool:
        """At the next news, or after a glance's time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), GLANCE_SECONDS)
        self._news.clear()
        return self.ticket.future.done()


@cache
def admission() -> Admission:
    """Of this process: it has one set of cores and one memory, however many pages it serves."""
    return Admission()


def visitor_of(request: Any, session: str | None = None) -> Visitor:
    """request: Starlette's or Gradio's. The address is what the server is told, a proxy's where there is one: then the
    sessions tell visitors apart."""
    client = getattr(request, "client", None)
    headers = getattr(request, "headers", None) or {}
    session = session or headers.get(SESSION_HEADER, "")
    return getattr(client, "host", None) or "", str(session)[:MOST_SESSION]
