"""What several test files share: an Explorer over the weights of the repository, the page in this process, Chromium."""

import os
import shutil
from dataclasses import dataclass
from typing import Any

import pytest

# Before torch: threads that wait for each other by spinning take the cores from the browser beside them, and on a busy
# machine an encode of a twentieth of a second then lasts half a minute.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                   "--disable-background-networking", "--disable-component-update")


@dataclass(frozen=True)
class Page:
    """A page that answers at `url`, and the Explorer behind it."""

    url: str
    explorer: Any
    demo: Any


@pytest.fixture(scope="session")
def explorer():
    """nano alone, whatever the hub offers; shared, so count with one of your own."""
    from stellar_explorer.explorer import Explorer

    return Explorer(("nano",))


@pytest.fixture(scope="session")
def served(explorer):
    """The page, launched once in this process on a free port."""
    from stellar_explorer.page.demo import build, launch

    demo = build(explorer)
    _, url, _ = launch(demo, explorer, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, mcp_server=False)
    yield Page(url, explorer, demo)
    demo.close(verbose=False)


@pytest.fixture(scope="module")
def browser():
    """Chromium through Playwright; its tests are skipped where either is missing.

    A module's alone: while it is open, an event loop runs in this thread, and other tests may want one of their own.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is on this machine")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=path, args=list(BROWSER_OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture
def visit(request, browser, address):
    """-> a function that opens the page as the module's own `Visitor(browser, address, **options)`, which has a browser
    `context` and what went wrong in its console, `problems`. At the end there may be none but what the test expects:
    words in `visit.expected`.
    """
    visitors, expected = [], []

    def visit(**options):
        visitors.append(request.module.Visitor(browser, address, **options))
        return visitors[-1]

    visit.expected = expected
    yield visit
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for visitor in visitors:
        visitor.context.close()
    assert not [problem for problem in problems if not any(words in problem for words in expected)]
