"""What moves, what stays, in real Chromium: the slider, the pictures that follow it, the curves, a phone."""

import json

import pytest

from stellar_explorer.equivariance.changes import CHANGES
from stellar_explorer.examples import examples
from stellar_explorer.page.demo import build, launch
from tests.axe import violations
from tests.fakes.edits import decoding_explorer

pytestmark = pytest.mark.browser

PATIENCE = 60_000
FIRST, SECOND = list(examples())[:2]
ROOT = "[data-equivariance]"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    explorer = decoding_explorer(tmp_path_factory.mktemp("weights"))
    demo = build(explorer)
    _, url, _ = launch(demo, explorer, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield url
    demo.close(verbose=False)


class Visitor:
    """One browser context that has come to the end of the Edit tab."""

    def __init__(self, browser, url, *, width=1280, query="", **options):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.page = page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        self.problems, self.asked, self.answered = [], [], []
        page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: request.url.endswith("/stellar/equivariance")
                and self.asked.append(json.loads(request.post_data)))
        for event in ("requestfinished", "requestfailed"):
            page.on(event, lambda request: request.url.endswith("/stellar/equivariance")
                    and self.answered.append(request))
        page.goto(f"{url}?tab=edit{query}")
        page.wait_for_selector(ROOT, state="attached")

    def come(self, change="shift", amount=32):
        self.find("h2").scroll_into_view_if_needed()
        self.settle(change, amount)
        return self

    def find(self, selector):
        return self.page.locator(f"{ROOT} {selector}")

    def settle(self, change, amount, peer="own"):
        """Until that step is shown and nothing more is asked."""
        self.page.wait_for_selector(f'{ROOT}[data-state="ready"][data-shown="{change}/{amount}/{peer}"]')
        quiet = 0
        while quiet < 2:  # an answer is followed by the next question at once
            known = len(self.asked)
            self.page.wait_for_timeout(250)
            quiet = quiet + 1 if len(self.asked) == known == len(self.answered) else 0

    def drag(self, amount):
        self.page.evaluate("""([root, amount]) => {
          const range = document.querySelector(`${root} [data-control=amount]`);
          range.value = amount;
          range.dispatchEvent(new Event("input", { bubbles: true }));
        }""", [ROOT, amount])

    def shares(self, subject):
        return self.find(f'[data-block="split"] [data-subject="{subject}"] .eq-shares').inner_text()

    def pixels(self, picture):
        """Of a canvas, as a string that tells two pictures apart."""
        return self.page.evaluate("""async (selector) => {
          for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
          return document.querySelector(selector).toDataURL();
        }""", f'{ROOT} [data-picture="{picture}"] canvas')

    @property
    def status(self):
        return self.find("[data-status]").inner_text()


def test_nothing_is_asked_before_a_visitor_comes_near_and_a_step_is_asked_once(visit):
    visitor = visit()
    visitor.page.wait_for_timeout(1000)
    near = visitor.page.evaluate("(root) => document.querySelector(root).getBoundingClientRect().top < 1200", ROOT)
    assert near or not visitor.asked
    visitor.come()
    assert "Shifted 32 px to the right." in visitor.status
    steps = [asked["amount"] for asked in visitor.asked]
    assert set(steps) == set(CHANGES["shift"].curve) and len(steps) == len(set(steps))
    assert visitor.find('[data-curve="stays"] path[data-line="model"]').get_attribute("d").count("L") == 6
    visitor.drag(-16)  # known from the curve
    visitor.settle("shift", -16)
    assert len(visitor.asked) == len(steps) and "16 px to the left" in visitor.status


def test_the_photo_and_the_map_predicted_follow_at_once_and_the_newest_step_wins(visit):
    visitor = visit().come()
    before = visitor.pixels("photo"), visitor.pixels("model-predicted"), visitor.pixels("model-before")
    hold = []
    visitor.page.route("**/stellar/equivariance", lambda route: route.continue_() if hold else hold.append(route))
    for amount in (40, 56, 24, 8):
        visitor.drag(amount)
    after = visitor.pixels("photo"), visitor.pixels("model-predicted"), visitor.pixels("model-before")
    assert after[0] != before[0] and after[1] != before[1] and after[2] == before[2]
    assert [json.loads(route.request.post_data)["amount"] for route in hold] == [40], "one at a time"
    hold[0].continue_()
    visitor.settle("shift", 8)
    assert [asked["amount"] for asked in visitor.asked[-2:]] == [40, 8], "what was dragged over is never asked"


def test_unmoved_everything_stays(visit):
    visitor = visit().come()
    visitor.drag(0)
    visitor.settle("shift", 0)
    assert visitor.status.startswith("Nothing is moved yet")
    assert visitor.find('[data-number="cosine"]').inner_text() == "1.00"
    assert visitor.shares("model").startswith("Nothing moved")


@pytest.mark.parametrize(("change", "amount", "words"), [
    ("flip", 1, "Flipped."), ("turn", 30, "Turned by 30° clockwise."), ("crop", 50, "Cropped to the middle 50 %.")])
def test_every_change_shows(visit, change, amount, words):
    visitor = visit(reduced_motion="reduce").come()
    visitor.find(f'[data-option="{change}"]').click()
    visitor.settle(change, amount)
    assert words in visitor.status
    parts = [int(part.split()[1].replace("−", "-")) for part in visitor.shares("model").split(" · ")]
    assert sum(parts) == pytest.approx(100, abs=2)


def test_a_concept_pointed_at_is_lit_everywhere(visit):
    visitor = visit().come()
    plain = visitor.pixels("model-before"), visitor.pixels("peer-found")
    bar = visitor.find('[data-block="stays"] [data-subject="model"] .eq-bar').first
    token = bar.get_attribute("data-token")
    bar.click()
    assert bar.get_attribute("aria-pressed") == "true"
    own, peer = (visitor.find(f'[data-block="stays"] [data-subject="{subject}"] .eq-readout').inner_text()
                 for subject in ("model", "peer"))
    word = own.split(": ")[0]
    assert own == bar.get_attribute("aria-label") and word.lower() != f"concept {token}"
    assert peer.startswith(f"Cluster matched to {word[0].lower()}{word[1:]}: ")
    assert bar.get_attribute("title") == f"{own} (number {token})"
    assert visitor.page.evaluate("history.state.stellar.concept") == int(token), "pinned in every tab"
    assert visitor.pixels("model-before") != plain[0] and visitor.pixels("peer-found") != plain[1]
    bar.click()
    visitor.page.mouse.move(5, 5)
    assert visitor.pixels("model-before") == plain[0]


def test_it_follows_the_photo_of_all_tabs(visit):
    visitor = visit().come()
    first = visitor.pixels("photo")
    visitor.page.locator(f'#stellar-frame [data-example="{SECOND}"]').first.click()
    visitor.find("h2").scroll_into_view_if_needed()  # what is out of sight waits until it is looked at again
    visitor.find(f'[data-picture="photo"] canvas[aria-label^="{examples()[SECOND].title}"]').wait_for()
    visitor.settle("shift", 32)
    assert visitor.pixels("photo") != first
    assert visitor.asked[0]["example"] == FIRST and visitor.asked[-1]["example"] == SECOND


def test_a_refusal_is_a_sentence(visit):
    visitor = visit().come()
    visitor.page.route("**/stellar/equivariance", lambda route: route.fulfill(status=400, body="No such thing."))
    visitor.drag(24)
    alert = visitor.find("[data-alert]")
    alert.wait_for()
    assert "No such thing." in alert.inner_text()
    visitor.problems.clear()  # the browser itself notes the 400
    visitor.page.unroute("**/stellar/equivariance")
    visitor.drag(40)
    visitor.settle("shift", 40)


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_page_and_everything_has_a_name(visit, width):
    visitor = visit(width=width).come()
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    nameless = visitor.page.evaluate("""(root) => [...document.querySelectorAll(
      `${root} :is(canvas, svg[role=img], button, input[type=range])`)].filter((element) =>
      !(element.getAttribute("aria-label") || element.textContent.trim() || element.labels?.length)).length""", ROOT)
    assert nameless == 0
    for picture in ("photo", "model-before", "model-predicted", "model-found", "peer-before", "peer-found"):
        box = visitor.find(f'[data-picture="{picture}"] canvas').bounding_box()
        assert box["width"] > 80 and box["x"] >= 0 and box["x"] + box["width"] <= width


def test_a_link_says_the_step_and_back_undoes_a_change(visit):
    visitor = visit(query="&change=turn&amount=-10").come("turn", -10)
    visitor.find('[data-option="crop"]').click()
    visitor.settle("crop", 50)
    visitor.drag(20)
    visitor.settle("crop", 20)
    visitor.page.wait_for_url("**/?tab=edit&change=crop&amount=20")
    visitor.page.go_back()
    visitor.settle("turn", -10)
    visitor.page.locator('#stellar-frame [data-tab="models"]').first.click()
    visitor.page.wait_for_url("**/?tab=models")  # what one tab alone knows is no other's


def test_a_link_to_what_is_not_offered_says_so_and_goes_on(visit):
    visitor = visit(query="&change=melt&amount=7&peer=stem").come()
    assert "There is no peer stem" in visitor.find("[data-alert]").inner_text()
    visitor.problems.clear()  # the browser itself notes the 400


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(visit, width, theme):
    visitor = visit(width=width, query=f"&__theme={theme}").come()
    visitor.find("summary").click()
    assert violations(visitor.page, ROOT) == []
    targets = visitor.page.evaluate("""(root) => [...document.querySelectorAll(
      `${root} :is(button, summary, input[type=range], label.segment)`)].filter((element) => element.offsetParent)
      .map((element) => element.getBoundingClientRect()).filter(({ width, height }) => Math.min(width, height) < 24)
      .length""", ROOT)
    assert targets == 0
