"""The server's line in real Chromium: who waits sees their place, in whichever tab."""

import re
import threading
from contextlib import contextmanager

import pytest

from stellar_explorer.server.admission import admission
from tests.explore.test_page import Visitor, photo_bytes  # noqa: F401 - conftest's `visit` takes Visitor from here

pytestmark = pytest.mark.browser
PATIENCE = 60


@pytest.fixture
def address(served):
    return served.url


@contextmanager
def busy(more: int):
    """All that may work does, and so many others wait, until the end of the block."""
    gate, line = threading.Event(), admission().line()
    tickets = [line.submit(lambda: gate.wait(PATIENCE), visitor=(f"other {number}", ""))
               for number in range(line.at_once + more)]
    try:
        yield gate
    finally:
        gate.set()
        for ticket in tickets:
            ticket.future.result(PATIENCE)


def test_an_upload_that_waits_says_how_many_are_before_it(visit):
    visitor = visit()
    with busy(more=2) as gate:
        visitor.upload("holiday.png", photo_bytes(seed=70))
        pill = visitor.page.locator("[data-line]")
        pill.wait_for()  # one more than was put there, where what names the first photo is at work
        assert re.fullmatch(r"Many are here just now: ([1-3] before you|you are next)\.", pill.inner_text())
        assert visitor.page.locator("[data-photo-status]").inner_text() == "Uploading holiday.png…"
        gate.set()
        visitor.wait('stage.state === "ready" && status.includes("holiday.png")')


def test_other_tabs_say_it_at_the_foot_of_the_page(visit):
    visitor = visit()
    with busy(more=2) as gate:
        visitor.page.get_by_role("tab", name="Reconstruct").click()
        pill = visitor.page.locator("[data-line]")
        pill.wait_for()
        assert pill.inner_text().startswith("Many are here just now:") and pill.get_attribute("role") == "status"
        gate.set()
        visitor.page.wait_for_selector('[data-reconstruct][data-state="ready"]')
        pill.wait_for(state="hidden")


def test_what_a_page_shows_is_kept(visit, explorer):
    visitor = visit()
    with visitor.page.expect_request("**/stellar/shown") as told:
        visitor.upload("holiday.png", photo_bytes(seed=71))
    tokens = told.value.post_data_json
    assert tokens and all(len(token) == 32 for token in tokens)
    visitor.wait('stage.state === "ready" && status.includes("holiday.png")')
