"""The line before the server's work: what holds however many come, and whoever they are. Counts, not clocks."""

import threading

import pytest

from stellar_explorer.kept.flights import Flights
from stellar_explorer.kept.pixels import PixelBudget
from stellar_explorer.server.line import BusyError, Line, UnwantedError, check_wanted

PATIENCE = 30


class Work:
    """Pieces of work that begin when the line says and end when the test says."""

    def __init__(self, at_once: int = 1, most_waiting: int = 1000, **options):
        # Nothing takes any time, so every piece counts the same.
        self.line = Line(at_once, most_waiting, work_clock=lambda: 0.0, **options)
        self.begun, self.running, self.most = [], 0, 0
        self.lock, self.may_end = threading.Lock(), threading.Semaphore(0)
        self.has_begun = threading.Semaphore(0)

    def submit(self, name, visitor=("here", "one"), **options):
        def work():
            with self.lock:
                self.begun.append(name)
                self.running += 1
                self.most = max(self.most, self.running)
            self.has_begun.release()
            assert self.may_end.acquire(timeout=PATIENCE)
            check_wanted()
            with self.lock:
                self.running -= 1
            return name
        return self.line.submit(work, visitor=visitor, **options)

    def hold(self):
        """Take the only place, so that what comes now waits."""
        ticket = self.submit("first", ("there", "first"))
        assert self.has_begun.acquire(timeout=PATIENCE)
        return ticket

    def finish(self, *tickets):
        for _ in tickets:
            self.may_end.release()
        return [ticket.future.result(timeout=PATIENCE) for ticket in tickets]


@pytest.mark.parametrize("at_once", [1, 3])
def test_never_more_at_once(at_once):
    work = Work(at_once)
    tickets = [work.submit(number, ("here", str(number % 5))) for number in range(20)]
    assert sorted(work.finish(*tickets)) == list(range(20))
    assert work.most == at_once and work.line.waiting == 0


def test_a_visitors_own_keep_their_order():
    work = Work()
    tickets = [work.submit(number) for number in range(6)]
    work.finish(*tickets)
    assert work.begun == list(range(6))


def test_who_asks_for_twenty_things_does_not_keep_others_waiting():
    work = Work()
    tickets = [work.hold(), *(work.submit(f"many {number}", ("here", "many")) for number in range(20)),
               work.submit("single", ("here", "single")), work.submit("other", ("here", "other"))]
    assert [work.line.before_first_of(("here", name)) for name in ("single", "other")] == [1, 2]
    work.finish(*tickets)
    assert work.begun[1:4] == ["many 0", "single", "other"]


def test_who_invents_sessions_shares_one_addresses_turns():
    work = Work()
    tickets = [work.hold(), *(work.submit(f"invented {number}", ("here", str(number))) for number in range(20)),
               work.submit("elsewhere", ("elsewhere", ""))]
    work.finish(*tickets)
    assert work.begun[:3] == ["first", "invented 0", "elsewhere"]


def test_behind_a_proxy_sessions_take_turns():
    work = Work()
    tickets = [work.hold()]
    for number in range(3):
        tickets += [work.submit(f"{session}{number}", ("proxy", session)) for session in "abc"]
    work.finish(*tickets)
    assert work.begun[1:] == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]


class Timed:
    """A line of one, with work that takes seconds by its own clock alone."""

    def __init__(self):
        self.seconds, self.begun = threading.local(), []
        self.line = Line(1, 100, work_clock=lambda: getattr(self.seconds, "passed", 0.0))

    def submit(self, name, needed, session, **options):
        def work():
            self.begun.append(name)
            self.seconds.passed = getattr(self.seconds, "passed", 0.0) + needed
        return self.line.submit(work, visitor=("here", session), **options)

    def hold(self):
        gate = threading.Event()
        self.line.submit(gate.wait, visitor=("there", ""))
        return gate


def test_what_takes_long_lets_more_of_what_is_quick_pass():
    timed = Timed()
    gate = timed.hold()
    tickets = [timed.submit("long", 50, "a") for _ in range(2)] + [timed.submit("quick", 1, "b") for _ in range(9)]
    gate.set()
    for ticket in tickets:
        ticket.future.result(timeout=PATIENCE)
    assert timed.begun == ["long", *["quick"] * 9, "long"]


def test_what_should_be_quick_goes_before_what_should_be_long_but_not_for_ever():
    timed = Timed()
    for label, needed in (("long", 5), ("quick", 1)):  # so that it is known
        timed.submit(label, needed, "before", label=label).future.result(timeout=PATIENCE)
    del timed.begun[:]
    gate = timed.hold()
    tickets = [timed.submit("long", 5, "a", label="long"), *(timed.submit("quick", 1, "b", label="quick")
                                                             for _ in range(12))]
    gate.set()
    for ticket in tickets:
        ticket.future.result(timeout=PATIENCE)
    assert timed.begun == [*["quick"] * 4, "long", *["quick"] * 8]


def test_who_comes_under_a_new_name_each_time_does_not_overtake_for_ever():
    timed = Timed()
    gate, others = timed.hold(), 40
    waiting = [timed.submit("other", 1, "other", label="x") for _ in range(2)]

    def come_anew(number):
        """One waits at any time, each under another name."""
        if number < others:
            waiting.append(timed.submit(str(number), 1, f"name {number}", label="x"))
            waiting[-1].future.add_done_callback(lambda _: come_anew(number + 1))

    for number in range(0, others, 10):
        come_anew(number)
    gate.set()
    for ticket in waiting:
        ticket.future.result(timeout=PATIENCE)
    second = [place for place, name in enumerate(timed.begun) if name == "other"][1]
    assert second < 12, timed.begun


def test_what_is_remembered_of_visitors_is_bounded():
    line = Line(1, 10, work_clock=lambda: 0.0)
    for number in range(3000):
        line.submit(int, visitor=(str(number % 2), str(number))).future.result(timeout=PATIENCE)
    assert sum(len(shares.served) for shares in line._turns._of_sessions.values()) < 2200


def test_a_full_line_refuses_and_says_when_to_come_again():
    work = Work(most_waiting=2)
    tickets = [work.hold(), work.submit("a", ("here", "a")), work.submit("b", ("here", "b"))]
    with pytest.raises(BusyError, match=r"try again in \d+ seconds?\.$") as refused:
        work.submit("c", ("here", "c"))
    assert 1 <= refused.value.seconds <= 60
    assert work.finish(*tickets) == ["first", "a", "b"], "who was there first is served"


def test_one_visitor_cannot_fill_the_line():
    work = Work(most_waiting=4)
    tickets = [work.hold(), *(work.submit(number, ("here", "many")) for number in range(4))]
    with pytest.raises(BusyError):
        work.submit("one more", ("here", "many"))
    other = work.submit("other", ("here", "other"))
    with pytest.raises(BusyError):
        tickets[4].future.result(timeout=PATIENCE)
    assert len(work.finish(*tickets[:4], other)) == 5 and "other" in work.begun


def test_a_stranger_with_many_names_cannot_fill_the_line():
    work = Work(most_waiting=4)
    tickets = [work.hold(), *(work.submit(number, ("here", str(number))) for number in range(4))]
    other = work.submit("elsewhere", ("elsewhere", ""))
    assert work.line.waiting == 4
    with pytest.raises(BusyError):
        tickets[4].future.result(timeout=PATIENCE)
    work.finish(*tickets[:4], other)


def test_no_more_bytes_wait_than_may():
    work = Work(most_held=100)
    tickets = [work.hold(), work.submit("a", ("here", "a"), held=60)]
    with pytest.raises(BusyError):
        work.submit("b", ("here", "b"), held=60)
    tickets.append(work.submit("c", ("here", "c"), held=40))
    work.finish(*tickets)
    work.finish(work.submit("what was held is given back", held=90))


def test_a_client_that_has_gone_leaves_its_place():
    work = Work(most_waiting=2)
    first, gone, other = work.hold(), work.submit("gone", ("here", "gone")), work.submit("other", ("here", "other"))
    assert work.line.before_first_of(("here", "other")) == 1
    assert work.line.before_first_of(first.visitor) is None, "what has begun does not wait"
    work.line.drop(gone)
    assert work.line.before_first_of(("here", "other")) == 0 and gone.future.cancelled()
    third = work.submit("third", ("here", "third"))  # there is room again
    assert work.finish(first, other, third) == ["first", "other", "third"] and "gone" not in work.begun


def test_work_that_has_begun_ends_at_its_next_step():
    work = Work()
    first = work.hold()
    work.line.drop(first)
    work.may_end.release()
    with pytest.raises(UnwantedError):
        first.future.result(timeout=PATIENCE)
    assert work.finish(work.submit("next")) == ["next"]


def test_what_fails_fails_for_its_visitor_alone():
    line = Line(1, 10)
    failed = line.submit(lambda: 1 / 0, visitor=("here", ""))
    with pytest.raises(ZeroDivisionError):
        failed.future.result(timeout=PATIENCE)
    assert line.submit(lambda: "well", visitor=("here", "")).future.result(timeout=PATIENCE) == "well"


def test_the_first_place_of_a_visitor_is_told():
    work = Work()
    tickets = [work.hold(), work.submit("a", ("here", "a")), *(work.submit("b", ("here", "b")) for _ in range(2))]
    assert work.line.before_first_of(("here", "b")) == 1
    assert work.line.before_first_of(("here", "nobody")) is None
    work.finish(*tickets)


# --- bytes of pixels, and work that is done once ---

def test_never_more_pixels_than_the_budget():
    budget, most, lock = PixelBudget(100), [], threading.Lock()

    def hold(nbytes):
        with budget.holding(nbytes), lock:
            most.append(budget.held)

    threads = [threading.Thread(target=hold, args=(20 + number % 50,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(most) == 40 and max(most) <= 100 and budget.held == 0


def test_what_is_larger_than_the_budget_is_alone():
    budget, order = PixelBudget(100), []
    with budget.holding(10):
        large = threading.Thread(target=lambda: enter(budget, 500, order))
        large.start()
        assert not order
    large.join(PATIENCE)
    assert order == [500] and budget.held == 0


def enter(budget, nbytes, order):
    with budget.holding(nbytes):
        assert budget.held == nbytes
        order.append(nbytes)


def test_what_twenty_want_is_made_once():
    flights, kept, made = Flights(), {}, []

    def ask():
        with flights.alone("key"):
            if "key" not in kept:
                made.append(1)
                kept["key"] = "value"

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert made == [1] and len(flights) == 0


def test_where_the_first_fails_the_next_tries():
    flights = Flights()
    with pytest.raises(ZeroDivisionError), flights.alone("key"):
        1 / 0  # noqa: B018
    with flights.alone("key"):
        assert len(flights) == 1
