"""A line before the work that requests ask for: so much at once, visitors by turns, and no more than it has room for.

Two rules keep one visitor from filling it. Whoever is served goes to the back, so a visitor who asks for twenty things
waits with nineteen of them behind everybody else's first. And where the line is full, it is the last of whoever holds
most of it that has to go, which is the newcomer only if that is the newcomer.

A visitor is an address and, within it, a session. Turns go round the addresses and then round the sessions of each: who
invents sessions shares one address's turn, and behind a proxy, where all have one address, the sessions take turns.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock, local
from typing import Any

Visitor = tuple[str, str]  # address, session
FIRST_GUESS = 1.0  # seconds that one thing takes, until some have been done
LONGEST_PAUSE = 60  # seconds that anybody is told to stay away


class BusyError(RuntimeError):
    """There is no room for more. seconds: when to come again."""

    def __init__(self, seconds: int, why: str = "The server has more to do than it can take on") -> None:
        super().__init__(f"{why}; try again in {seconds} second{'' if seconds == 1 else 's'}.")
        self.seconds = seconds


class UnwantedError(RuntimeError):
    """Nobody waits for this work any more."""


@dataclass(eq=False)
class Ticket:
    """One piece of work. held: bytes that are in memory while it waits, as those of an upload."""

    work: Callable[[], Any]
    visitor: Visitor
    held: int = 0
    future: Future = field(default_factory=Future)
    is_wanted: bool = True


class Turns:
    """Tickets, each visitor's in their order, the visitors by turns."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, OrderedDict[str, deque[Ticket]]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(self._count, self._addresses))

    def __iter__(self) -> Iterator[Ticket]:
        """As they would be taken if nobody else came."""
        copy = Turns()
        copy._addresses = OrderedDict(
            (address, OrderedDict((session, deque(tickets)) for session, tickets in sessions.items()))
            for address, sessions in self._addresses.items())
        while copy._addresses:
            yield copy.take()

    def add(self, ticket: Ticket) -> None:
        address, session = ticket.visitor
        self._addresses.setdefault(address, OrderedDict()).setdefault(session, deque()).append(ticket)

    def take(self) -> Ticket:
        """The next; whose it is goes to the back. KeyError where there is none."""
        address, sessions = self._addresses.popitem(last=False)
        session, tickets = sessions.popitem(last=False)
        ticket = tickets.popleft()
        if tickets:
            sessions[session] = tickets
        if sessions:
            self._addresses[address] = sessions
        return ticket

    def remove(self, ticket: Ticket) -> bool:
        """-> whether it was there."""
        address, session = ticket.visitor
        tickets = self._addresses.get(address, {}).get(session, ())
        if ticket not in tickets:
            return False
        tickets.remove(ticket)
        if not tickets:
            del self._addresses[address][session]
        if not self._addresses[address]:
            del self._addresses[address]
        return True

    def last_of_most(self) -> Ticket:
        """What has to go where one is too many: of the address that waits for most, of its session that does, the last.
        Of equals, those who wait longest keep their place."""
        address = max(reversed(self._addresses), key=self._count)
        sessions = self._addresses[address]
        return sessions[max(reversed(sessions), key=lambda session: len(sessions[session]))][-1]

    def _count(self, address: str) -> int:
        return sum(map(len, self._addresses[address].values()))


class Line:
    """at_once: threads that work, no more than these ever do. most_waiting, most_held: tickets behind those, and the
    bytes that they hold. enter: called once in each thread. after: called in the thread when a piece is done."""

    def __init__(self, at_once: int, most_waiting: int, *, most_held: int = 2**62, name: str = "line",
                 enter: Callable[[], None] = lambda: None, after: Callable[[], None] = lambda: None) -> None:
        self.at_once, self.most_waiting, self.most_held = at_once, most_waiting, most_held
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix=name, initializer=enter)
        self._after = after
        self._lock = Lock()
        self._turns = Turns()
        self._running = self._held = 0
        self._seconds = FIRST_GUESS

    def submit(self, work: Callable[[], Any], *, visitor: Visitor, held: int = 0) -> Ticket:
        """In line, or at work already. BusyError where there is no room; the same comes out of the future of a ticket
        that had to give up its place later."""
        ticket, pushed_out = Ticket(work, visitor, held), []
        with self._lock:
            self._turns.add(ticket)
            self._held += held
            self._begin()
            while len(self._turns) > self.most_waiting or self._held > self.most_held and len(self._turns):
                pushed_out.append(self._turns.last_of_most())
                self._forget(pushed_out[-1])
        for one in pushed_out:
            one.future.set_exception(BusyError(self.pause()))
        if ticket in pushed_out:
            raise ticket.future.exception()
        return ticket

    def before(self, ticket: Ticket) -> int | None:
        """How many are to begin before it; None once it has begun."""
        with self._lock:
            return next((place for place, other in enumerate(self._turns) if other is ticket), None)

    def before_first_of(self, visitor: Visitor) -> int | None:
        """The same of the first that a visitor waits for."""
        with self._lock:
            return next((place for place, other in enumerate(self._turns) if other.visitor == visitor), None)

    def drop(self, ticket: Ticket) -> None:
        """Its client has gone. What has begun is told, and ends at its next `check_wanted`."""
        with self._lock:
            ticket.is_wanted = False
            was_waiting = self._forget(ticket)
        if was_waiting:
            ticket.future.cancel()

    def pause(self) -> int:
        """Seconds after which there should be room again."""
        with self._lock:
            return min(max(math.ceil(self._seconds * (len(self._turns) + 1) / self.at_once), 1), LONGEST_PAUSE)

    @property
    def waiting(self) -> int:
        with self._lock:
            return len(self._turns)

    def _forget(self, ticket: Ticket) -> bool:
        found = self._turns.remove(ticket)
        if found:
            self._held -= ticket.held
        return found

    def _begin(self) -> None:
        while self._running < self.at_once and len(self._turns):
            ticket = self._turns.take()
            if not ticket.future.set_running_or_notify_cancel():
                self._held -= ticket.held
                continue
            self._running += 1
            self._threads.submit(self._run, ticket)

    def _run(self, ticket: Ticket) -> None:
        start = time.perf_counter()
        _current.ticket = ticket
        try:
            check_wanted()
            outcome, set_outcome = ticket.work(), ticket.future.set_result
        except BaseException as error:  # whoever waits is told, whatever it was
            outcome, set_outcome = error, ticket.future.set_exception
        ticket.work = _current.ticket = None  # nothing of it is held by a thread that waits for the next
        seconds = time.perf_counter() - start
        with self._lock:
            self._running -= 1
            self._held -= ticket.held
            self._seconds += (seconds - self._seconds) / 8
            self._begin()
        set_outcome(outcome)
        del outcome, set_outcome  # an error holds this frame, and so all that it holds
        self._after()


_current = local()


def check_wanted() -> None:
    """UnwantedError where the client of the work that this thread does has gone. Called between the steps of long
    work; outside a line it does nothing."""
    ticket = getattr(_current, "ticket", None)
    if ticket is not None and not ticket.is_wanted:
        raise UnwantedError("The visitor who asked for this has gone.")
