"""A line before the work that requests ask for: so much at once, the least served first, and an end to it.

Two rules keep one visitor from filling it. Of those who wait, whoever will have been served least goes first, counted
in the seconds that their work took and that the next of it should take: who asks for twenty things waits with nineteen
of them behind everybody else's first, and who asks for something small is not kept for long by those who ask for much.
And where the line is full, it is the last
of whoever holds most of it that has to go, which is the newcomer only if that is the newcomer.

A visitor is an address and, within it, a session. Addresses share, and then the sessions of each: who invents sessions
has one address's share, and behind a proxy, where all have one address, the sessions share all there is.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock, local
from typing import Any

Visitor = tuple[str, str]  # address, session
FIRST_GUESS = 1.0  # seconds that one thing takes, until some have been done
ANY = "any"  # stands for a label of which nothing is known yet
LEAST_SECONDS = 0.05  # that anything counts for
LONGEST_PAUSE = 60  # seconds that anybody is told to stay away
MOST_REMEMBERED = 1024  # of those who wait for nothing just now


class BusyError(RuntimeError):
    """There is no room for more. seconds: when to come again."""

    def __init__(self, seconds: int, why: str = "The server has more to do than it can take on") -> None:
        super().__init__(f"{why}; try again in {seconds} second{'' if seconds == 1 else 's'}.")
        self.seconds = seconds


class UnwantedError(RuntimeError):
    """Nobody waits for this work any more."""


@dataclass(eq=False)
class Ticket:
    """One piece of work. held: bytes that are in memory while it waits, as those of an upload. guesses: the seconds
    that work of a label takes, as far as is known. charged: what its visitor was taken to be served by it."""

    work: Callable[[], Any]
    visitor: Visitor
    held: int = 0
    label: str = ""
    guesses: dict[str, float] = field(default_factory=dict)
    charged: float = 0.0
    number: int = 0
    future: Future = field(default_factory=Future)
    is_wanted: bool = True

    @property
    def guess(self) -> float:
        return self.guesses.get(self.label, self.guesses.get(ANY, FIRST_GUESS))


class Shares:
    """Who has had how much. Who comes, or comes back, is taken to have had an even share of all that was served until
    then: to have been away is no claim, and to come under a new name no gain."""

    def __init__(self) -> None:
        self.served: dict[str, float] = {}
        self._level = 0.0

    def arrive(self, key: str) -> None:
        self.served[key] = max(self.served.get(key, 0.0), self._level)

    def least(self, first: dict[str, Ticket]) -> str:
        """Of those that wait, by their first ticket, who will have had least with it; of equals, who came first."""
        return min(first, key=lambda key: (round(self.served[key] + first[key].guess, 6), first[key].number))

    def serve(self, key: str, seconds: float, among: int) -> None:
        """Of so many who wanted something, one has had so much; negative: so much less than was thought."""
        self._level += seconds / max(among, 1)
        if key in self.served:
            self.served[key] += seconds

    def forget(self, but: dict[str, Any]) -> None:
        """Those who would be taken to have had as much if they came anew."""
        if len(self.served) > MOST_REMEMBERED:
            self.served = {key: had for key, had in self.served.items() if key in but or had > self._level}

    def copy(self) -> Shares:
        copy = Shares()
        copy.served, copy._level = dict(self.served), self._level
        return copy


class Turns:
    """Tickets, each visitor's in their order, the visitors by what they have had."""

    def __init__(self) -> None:
        self._addresses: dict[str, dict[str, deque[Ticket]]] = {}
        self._of_addresses, self._of_sessions = Shares(), {}
        self._count = 0

    def __len__(self) -> int:
        return sum(map(self._waiting, self._addresses))

    def in_order(self) -> Iterator[Ticket]:
        """As they would be taken if nobody else came and each took as long as it should."""
        copy = Turns()
        copy._addresses = {address: {session: deque(tickets) for session, tickets in sessions.items()}
                           for address, sessions in self._addresses.items()}
        copy._of_addresses = self._of_addresses.copy()
        copy._of_sessions = {address: self._of_sessions[address].copy() for address in self._addresses}
        while copy._addresses:
            yield copy.take()

    def add(self, ticket: Ticket) -> None:
        address, session = ticket.visitor
        self._count += 1
        ticket.number = self._count
        if address not in self._addresses:
            self._of_addresses.arrive(address)
            self._of_sessions.setdefault(address, Shares())
        sessions = self._addresses.setdefault(address, {})
        if session not in sessions:
            self._of_sessions[address].arrive(session)
        sessions.setdefault(session, deque()).append(ticket)

    def take(self) -> Ticket:
        """The next, which counts for as long as it should take until `correct` knows better."""
        sessions = {address: self._of_sessions[address].least({session: tickets[0] for session, tickets in of.items()})
                    for address, of in self._addresses.items()}
        address = self._of_addresses.least(
            {address: self._addresses[address][session][0] for address, session in sessions.items()})
        ticket = self._addresses[address][sessions[address]][0]
        self._serve(ticket.visitor, ticket.guess)
        self.remove(ticket)
        return ticket

    def correct(self, visitor: Visitor, seconds: float) -> None:
        """So much more, or less, than was taken at first."""
        self._serve(visitor, seconds)
        self._of_addresses.forget(self._addresses)
        for address in self._of_sessions.keys() - self._of_addresses.served.keys():
            del self._of_sessions[address]
        for address, sessions in self._of_sessions.items():
            sessions.forget(self._addresses.get(address, {}))

    def _serve(self, visitor: Visitor, seconds: float) -> None:
        address, session = visitor
        self._of_addresses.serve(address, seconds, len(self._addresses))
        if address in self._of_sessions:
            self._of_sessions[address].serve(session, seconds, len(self._addresses.get(address, {})))

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
        Of equals, the newest."""
        address = max(self._addresses, key=lambda address: (self._waiting(address), max(
            tickets[-1].number for tickets in self._addresses[address].values())))
        return max(self._addresses[address].values(), key=lambda tickets: (len(tickets), tickets[-1].number))[-1]

    def _waiting(self, address: str) -> int:
        return sum(map(len, self._addresses[address].values()))


class Line:
    """at_once: threads that work, no more than these ever do. most_waiting, most_held: tickets behind those, and the
    bytes that they hold. enter: called once in each thread. after: called in the thread when a piece is done.
    work_clock: what visitors are served in, as the thread that works counts it: its own seconds, not those that it
    waits for another.
    """

    def __init__(self, at_once: int, most_waiting: int, *, most_held: int = 2**62, name: str = "line",
                 enter: Callable[[], None] = lambda: None, after: Callable[[], None] = lambda: None,
                 work_clock: Callable[[], float] = time.thread_time) -> None:
        self.at_once, self.most_waiting, self.most_held = at_once, most_waiting, most_held
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix=name, initializer=enter)
        self._after, self._work_clock = after, work_clock
        self._lock = Lock()
        self._turns = Turns()
        self._foreseen: list[Ticket] | None = None
        self._running = self._held = 0
        self._seconds = FIRST_GUESS  # that one takes, by the clock on the wall
        self._guesses: dict[str, float] = {}  # by label and by work_clock

    def submit(self, work: Callable[[], Any], *, visitor: Visitor, held: int = 0, label: str = "") -> Ticket:
        """In line, or at work already. label: of those that take about as long, one of a handful. BusyError where there
        is no room; the same comes out of the future of a ticket that had to give up its place later."""
        pushed_out = []
        with self._lock:
            ticket = Ticket(work, visitor, held, label, self._guesses)
            self._turns.add(ticket)
            self._foreseen = None
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

    def before_first_of(self, visitor: Visitor) -> int | None:
        """How many are to begin before the first that a visitor waits for; None where they wait for nothing."""
        with self._lock:
            return next((place for place, other in enumerate(self._order()) if other.visitor == visitor), None)

    def _order(self) -> list[Ticket]:
        """Reckoned once a change: each of those who wait asks every second."""
        if self._foreseen is None:
            self._foreseen = list(self._turns.in_order())
        return self._foreseen

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
            self._foreseen = None
            self._held -= ticket.held
        return found

    def _begin(self) -> None:
        while self._running < self.at_once and len(self._turns):
            ticket, self._foreseen = self._turns.take(), None
            ticket.charged = ticket.guess
            if not ticket.future.set_running_or_notify_cancel():
                self._held -= ticket.held
                continue
            self._running += 1
            self._threads.submit(self._run, ticket)

    def _run(self, ticket: Ticket) -> None:
        start, started_work = time.perf_counter(), self._work_clock()
        _current.ticket = ticket
        try:
            check_wanted()
            outcome, set_outcome = ticket.work(), ticket.future.set_result
        except BaseException as error:  # whoever waits is told, whatever it was
            outcome, set_outcome = error, ticket.future.set_exception
        ticket.work = _current.ticket = None  # nothing of it is held by a thread that waits for the next
        seconds, share = time.perf_counter() - start, max(self._work_clock() - started_work, LEAST_SECONDS)
        with self._lock:
            self._running -= 1
            self._held -= ticket.held
            self._seconds += (seconds - self._seconds) / 8
            for label in (ticket.label, ANY):
                known = self._guesses.get(label, share)
                self._guesses[label] = known + (share - known) / 8
            self._turns.correct(ticket.visitor, share - ticket.charged)
            self._foreseen = None
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
