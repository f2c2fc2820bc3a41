"""The Retrieve tab in real Chromium: asking, going on from a hit, one's own photos, and nothing that runs."""

import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from stellar_explorer.examples import examples
from stellar_explorer.page.demo import build, launch
from stellar_explorer.retrieve.collections import EXAMPLES, RESOLUTION, Collections
from tests.fakes.collections import make_index, photo_bytes, tiny_explorer, with_examples

pytestmark = pytest.mark.browser

PATIENCE = 60_000  # a page loads in seconds, but not beside a training
FIRST, SECOND = list(examples())[:2]


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    return tiny_explorer(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def collections(explorer, tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    made = Collections(explorer, root=root, cache=tmp_path_factory.mktemp("cache"))
    make_index(root / "mine", made.identity, num_photos=9)
    make_index(root / "hostile", made.identity, num_photos=3, hostile=True)
    with_examples(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(explorer, collections):
    demo = build(explorer)
    _, url, _ = launch(demo, explorer, None, collections, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield url
    demo.close(verbose=False)


SETTLED = """async () => {
  const { start } = await import(new URL("stellar/web/frame/frame.js", document.baseURI).href);
  const { history } = await start();
  const isReady = () => document.querySelector('[data-retrieve][data-state="ready"]:not([aria-busy])');
  for (let turns = 0; !isReady() || history.isWaiting; turns += 1) {
    if (turns > 3000) throw new Error("Retrieve does not come to rest.");
    await new Promise((done) => setTimeout(done, 20));
  }
}"""


class Visitor:
    """One browser context on the Retrieve tab, and what a test wants to know of it."""

    def __init__(
        self, browser, url: str, *, width: int = 1280, query: str = "?tab=retrieve", waits: bool = True,
        likeness: float | None = None,
    ) -> None:
        """likeness: above which a hit is a match, in place of the measured one."""
        self.context = browser.new_context(viewport={"width": width, "height": 900})
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.url, self.problems, self.requests = url, [], []
        self.page = page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: (self.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))
        if likeness is not None:
            page.route("**/search", lambda route: self.answer(route, likeness))
        self.go(query, waits)

    @staticmethod
    def answer(route, likeness: float) -> None:
        response = route.fetch()
        found = response.json()
        for result in found["results"]:
            result["is_match"] = result["score"] >= likeness
        route.fulfill(response=response, json=found)

    def options(self) -> list[str]:
        """Words that are suggested."""
        return self.find('[role="option"]').evaluate_all("(all) => all.map((one) => one.dataset.word)")

    def go(self, query: str, waits: bool = True) -> None:
        self.page.goto(query if query.startswith("http") else self.url + query)
        if waits:
            self.settle()

    def settle(self) -> None:
        """Until nothing is under way, what came is drawn and the address says it."""
        self.page.wait_for_timeout(100)  # history's events come a little after its steps
        self.page.evaluate(SETTLED)

    def find(self, selector: str):
        return self.page.locator(f"[data-retrieve] {selector}")

    @property
    def hits(self):
        return self.find("[data-hits] .hit:not([hidden])")

    def scores(self) -> list[float]:
        return [float(words) for words in self.hits.locator(".hit-score").all_inner_texts()]

    @property
    def asked(self) -> str:
        """The question in words."""
        return self.find("[data-status]").inner_text()

    @property
    def query(self) -> dict[str, str]:
        """What the address says."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    def click(self, selector: str, at: int = 0) -> None:
        self.find(selector).nth(at).click()
        self.settle()

    def back(self) -> None:
        self.page.go_back()
        self.settle()

    def example(self, name: str):
        """Of the strip of photos, which is over every tab."""
        return self.page.locator(f'#stellar-frame [data-example="{name}"]')

    def choose_example(self, name: str) -> None:
        self.example(name).click()
        self.settle()

    def weaker(self) -> None:
        """Open what is folded."""
        button = self.find('[data-action="weaker"]')
        if button.is_visible() and button.get_attribute("aria-expanded") == "false":
            button.click()

    def chosen(self) -> str | None:
        pressed = self.find('[data-chip][aria-pressed="true"]')
        return pressed.get_attribute("data-chip") if pressed.count() else None

    def wait_for_own(self, words: str) -> None:
        """Until these are told of the photos that come into one's own collection."""
        self.page.wait_for_function(
            "(words) => document.querySelector('[data-retrieve] [data-own]').textContent.includes(words)", arg=words)

    def add_own(self, files: list[tuple[str, bytes]]) -> None:
        self.page.set_input_files('[data-control="own-files"]', files=[
            {"name": name, "mimeType": "image/png" if name.endswith("png") else "text/plain", "buffer": data}
            for name, data in files])
        self.wait_for_own("added")
        self.settle()


# Asking


def test_asks_at_first_with_what_is_in_the_photo_and_not_round_it(visit, explorer):
    photo = explorer.example(FIRST).open()
    analysis = explorer.analyse(photo, explorer.models[0], RESOLUTION)
    edge = np.ones(analysis.patch_grid, bool)
    edge[1:-1, 1:-1] = False
    along = analysis.localization[edge.ravel()].mean(axis=0) / analysis.localization.mean(axis=0)
    by_mass = sorted(range(len(along)), key=lambda token: -analysis.localization[:, token].sum())
    foremost = next((token for token in by_mass if along[token] < 0.5), by_mass[0])
    assert visit().chosen() == str(foremost)


def test_opens_with_a_question_and_lights_the_hits(visit):
    visitor = visit()
    assert visitor.example(FIRST).get_attribute("aria-pressed") == "true"
    visitor.weaker()
    assert visitor.hits.count() == len(examples()) - 1  # not the photo itself
    scores = visitor.scores()
    assert scores == sorted(scores, reverse=True)
    assert visitor.find(f'[data-hits] [data-photo="{list(examples()).index(FIRST)}"]').count() == 0
    dimmed = visitor.hits.first.locator("canvas").evaluate("""(canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const opacities = data.filter((_, place) => place % 4 === 3);
        return opacities.filter((opacity) => opacity > 100).length / opacities.length; }""")
    assert 0.02 < dimmed < 0.99  # and the rest is lit
    assert visitor.query["tab"] == "retrieve" and visitor.query["find"].startswith(f"{FIRST}.")

    # another concept of the same photo, by its chip, by the photo and by keys
    before = visitor.chosen()
    other = next(token for token in "0123" if token != before)
    visitor.click(f'[data-chip="{other}"]')
    assert visitor.chosen() == other and visitor.query["find"] == f"{FIRST}.{other}"
    box = visitor.find("[data-query-canvas]").bounding_box()
    visitor.page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    visitor.settle()
    order = visitor.find("[data-chip]").evaluate_all("(all) => all.map((one) => one.dataset.chip)")
    at = order.index(visitor.chosen())
    visitor.page.keyboard.press("]")
    visitor.settle()
    assert visitor.chosen() == order[(at + 1) % 4]


def test_the_least_score_costs_no_request(visit):
    visitor = visit()
    visitor.weaker()
    scores = visitor.scores()
    visitor.click("[data-filters] summary")
    visitor.requests.clear()
    slider = visitor.find('[data-control="least"]')
    slider.focus()
    slider.fill(str(round(scores[4], 2)))
    visitor.settle()
    assert not [url for url in visitor.requests if "/stellar/" in url and "/stellar/shown" not in url]
    left = visitor.scores()
    assert 0 < len(left) < len(scores) and min(left) >= round(scores[4], 2) - 0.005
    assert " of " in visitor.find("[data-count]").inner_text()
    assert float(visitor.query["least"]) == round(scores[4], 2)
    slider.fill("1")
    assert visitor.hits.count() == 0
    assert "No photo reaches 1.00" in visitor.find("[data-instead]").inner_text()
    slider.fill("0")
    assert visitor.scores() == scores


def test_a_hit_becomes_the_photo_of_all_tabs_and_back_undoes_exactly_one_step(visit):
    visitor = visit()
    first, title = visitor.query["find"], visitor.hits.first.locator(".hit-title").inner_text()
    visitor.click(".hit-picture")
    assert visitor.find(".retrieve-title").inner_text() == title
    second = visitor.query["find"]
    assert second != first and re.fullmatch(r"[a-z0-9-]+\.\d", second)
    assert visitor.example(second.split(".")[0]).get_attribute("aria-pressed") == "true"
    visitor.click(".hit-picture", 2)
    third = visitor.query["find"]
    assert third != second
    other = next(token for token in "0123" if token != visitor.chosen())
    visitor.click(f'[data-chip="{other}"]')

    visitor.back()
    assert visitor.query["find"] == third
    visitor.back()
    assert visitor.query["find"] == second and visitor.find(".retrieve-title").inner_text() == title
    visitor.back()
    assert visitor.query["find"] == first
    visitor.page.go_forward()
    visitor.settle()
    assert visitor.query["find"] == second and visitor.find(".retrieve-title").inner_text() == title


def test_a_hit_of_a_collection_is_listed_among_one_s_photos_and_its_link_brings_it_back(visit):
    visitor = visit(query="?tab=retrieve&collection=mine")
    photo = visitor.hits.first.get_attribute("data-photo")
    visitor.click(".hit-picture")
    assert re.fullmatch(rf"{photo}\.\d", visitor.query["find"]) and visitor.hits.count() == 8  # not itself
    title, chosen = visitor.find(".retrieve-title").inner_text(), visitor.chosen()
    own = visitor.page.locator("#stellar-frame [data-own] [data-photo]")
    assert own.count() == 1 and own.get_attribute("aria-pressed") == "true"

    again = visit(query=visitor.page.url[len(visitor.url):])
    assert again.find(".retrieve-title").inner_text() == title and again.chosen() == chosen and again.hits.count() == 8


def test_hits_by_keys(visit):
    visitor = visit()
    visitor.weaker()
    visitor.hits.first.locator(".hit-picture").focus()
    label = "() => document.activeElement.closest('.hit')?.dataset.photo"
    order = visitor.hits.evaluate_all("(all) => all.map((one) => one.dataset.photo)")
    for key, expected in (("ArrowRight", order[1]), ("ArrowRight", order[2]), ("ArrowLeft", order[1])):
        visitor.page.keyboard.press(key)
        assert visitor.page.evaluate(label) == expected
    visitor.page.keyboard.press("ArrowDown")
    below = visitor.page.evaluate(label)
    assert order.index(below) > 1
    visitor.page.keyboard.press("ArrowUp")
    assert order.index(visitor.page.evaluate(label)) < order.index(below)
    title = visitor.page.evaluate("document.activeElement.closest('.hit').querySelector('.hit-title').textContent")
    visitor.page.keyboard.press("Enter")
    visitor.settle()
    assert visitor.find(".retrieve-title").inner_text() == title


def test_a_box_and_a_whole_photo(visit):
    visitor = visit()
    visitor.click('[data-control="kind"] [data-option="photo"]')
    assert visitor.query["find"] == FIRST and "what is in" in visitor.asked
    visitor.weaker()
    assert visitor.hits.count() == len(examples()) - 1
    visitor.hits.nth(1).locator(".hit-picture").hover()  # what matched is lit in the photo that is asked about too
    visitor.page.wait_for_function("""() => document.querySelector("[data-query-canvas]").dataset.lit.includes(",")""")
    assert visitor.find("[data-readout]").inner_text().startswith("Matched: ")
    visitor.click('[data-control="kind"] [data-option="box"]')
    box = visitor.find("[data-query-canvas]").bounding_box()
    visitor.page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.3)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.8, steps=4)
    visitor.page.mouse.up()
    visitor.settle()
    edges = [float(edge) for edge in visitor.query["find"].split("@")[1].split(",")]
    assert edges == pytest.approx([0.2, 0.3, 0.6, 0.8], abs=0.02) and "a box of" in visitor.asked
    visitor.find("[data-query-canvas]").focus()
    visitor.page.keyboard.press("ArrowRight")
    visitor.settle()
    moved = [float(edge) for edge in visitor.query["find"].split("@")[1].split(",")]
    assert moved == pytest.approx([edges[0] + 0.03, edges[1], edges[2] + 0.03, edges[3]], abs=0.005)


def test_conditions_in_words(visit):
    visitor = visit()
    subject = visitor.chosen()
    other = next(token for token in "0123" if token != subject)
    visitor.click('[data-action="add-row"]')
    assert visitor.find(".builder-slot").get_attribute("aria-pressed") == "true"
    visitor.click(f'[data-chip="{other}"]')
    assert visitor.chosen() == subject and ", also with " in visitor.asked
    assert visitor.query["find"].split("~")[1] == f"also:{FIRST}.{other}"
    visitor.weaker()
    assert len(visitor.find('[data-hits] .hit canvas').all()) == visitor.hits.count()
    for relation, words in (("not", "but not"), ("left_of", "left of"), ("inside", "inside"), ("minus", "less like")):
        visitor.find("[data-relation]").select_option(relation)
        visitor.settle()
        assert words in visitor.asked and visitor.query["find"].split("~")[1].startswith(f"{relation}:")
    visitor.find("[data-relation]").select_option("covers")
    visitor.settle()
    assert "covering at least 20 % of the photo" in visitor.asked

    # of another photo, and of a hit
    visitor.click('[data-action="add-row"]')
    visitor.choose_example(SECOND)
    visitor.click('[data-chip="1"]')
    assert visitor.example(FIRST).get_attribute("aria-pressed") == "true"
    assert visitor.query["find"].split("~")[2] == f"also:{SECOND}.1"
    visitor.click('[data-action="add-row"]')
    visitor.click(".hit-picture")
    assert re.fullmatch(r"also:\d+\.\d", visitor.query["find"].split("~")[3])
    assert visitor.example(FIRST).get_attribute("aria-pressed") == "true"  # a hit was picked, not opened
    visitor.page.keyboard.press("Escape")
    link = visitor.page.url
    said = visitor.asked

    again = visit(query=link[len(visitor.url):])
    assert again.asked == said and again.query["find"] == visitor.query["find"]
    again.click(".builder-end .quiet-button")
    assert again.find(".builder-row").count() == 1


def test_words_find_named_concepts(visit):
    visitor = visit(query="?tab=retrieve&collection=mine")
    field = visitor.find('[data-control="word"]')
    field.click()
    offered = visitor.options()
    assert offered and set(offered) <= {"cat", "dog", "grass", "sky", "wheel", "window", "animal", "mammal"}
    assert field.get_attribute("placeholder").startswith(f"Try: {offered[0]}")
    field.fill(offered[0])
    field.press("Enter")
    visitor.settle()
    assert visitor.asked == f"Photos with “{offered[0]}”." and visitor.hits.count() > 0
    assert visitor.query["find"] == f'"{offered[0]}"'
    field.fill("no such thing")
    field.press("Enter")
    visitor.settle()
    assert visitor.hits.count() == 0 and "Words that find something here" in visitor.find("[data-instead]").inner_text()
    visitor.back()
    assert visitor.asked == f"Photos with “{offered[0]}”."


def test_words_are_suggested_as_one_types(visit):
    visitor = visit(query="?tab=retrieve&collection=mine")
    field = visitor.find('[data-control="word"]')
    field.click()
    word = visitor.options()[1]
    visitor.page.keyboard.type(word[:2])
    assert word in visitor.options() and all(word[:2] in one for one in visitor.options())
    assert field.get_attribute("aria-expanded") == "true"
    visitor.page.keyboard.press("ArrowUp")
    last = visitor.options()[-1]
    active = visitor.find('[role="option"][aria-selected="true"]')
    assert active.get_attribute("data-word") == last
    assert field.get_attribute("aria-activedescendant") == active.get_attribute("id")
    visitor.page.keyboard.press("Enter")
    visitor.settle()
    assert visitor.asked == f"Photos with “{last}”." and field.get_attribute("aria-expanded") == "false"
    visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.press("Escape")
    assert visitor.find('[role="listbox"]').is_hidden() and field.input_value() == last
    field.fill(word[:2])
    visitor.find(f'[role="option"][data-word="{word}"]').click()
    visitor.settle()
    assert visitor.asked == f"Photos with “{word}”."


def test_weaker_matches_are_folded_and_no_match_is_said(visit):
    scores = visit().page.evaluate("[...document.querySelectorAll('.hit')].map((one) => Number(one.dataset.score))")
    for chance, is_match in ((sorted(scores)[-3] - 1e-6, True), (2, False)):
        visitor = visit(likeness=chance)
        button = visitor.find('[data-action="weaker"]')
        assert visitor.find("[data-instead]").is_visible() != is_match
        if is_match:
            assert visitor.hits.count() == 3 and button.get_attribute("aria-expanded") == "false"
            assert button.inner_text() == f"{len(scores) - 3} weaker matches"
            button.click()
        else:
            assert button.inner_text() == f"{len(scores)} weaker matches"
            assert "No match" in visitor.find("[data-instead]").inner_text()
            assert "No match in" in visitor.find("[data-count]").inner_text()
        assert visitor.hits.count() == len(scores) and button.get_attribute("aria-expanded") == "true"
        button.click()
        assert visitor.hits.count() == (3 if is_match else 0)


def test_a_hit_is_never_seen_without_its_mask(visit):
    visitor = visit()
    seen = visitor.find("[data-hits] .hit-picture").first
    seen.wait_for()
    visitor.page.wait_for_selector("[data-hits] .hit-picture[data-drawn]")
    assert seen.evaluate("""(tile) => {
        tile.removeAttribute("data-drawn");
        return [...tile.querySelectorAll("img, canvas")].every((one) => getComputedStyle(one).visibility === "hidden");
    }""")


def test_thumbs_refine_and_can_be_forgotten(visit):
    visitor = visit()
    visitor.weaker()
    before = visitor.scores()
    photo = visitor.hits.nth(3).get_attribute("data-photo")
    visitor.hits.nth(3).locator('[data-mark="good"]').click()
    visitor.settle()
    assert "1 liked" in visitor.asked
    liked = visitor.find(f'.hit[data-photo="{photo}"]')
    visitor.weaker()
    assert liked.get_attribute("data-mark") == "good" and visitor.scores() != before
    bad = visitor.hits.nth(6).get_attribute("data-photo")
    bad_concept = "(all) => all.map((one) => one.dataset.photo)"
    visitor.hits.nth(6).locator('.hit-mark[data-mark="bad"]').click()
    visitor.settle()
    assert "1 disliked" in visitor.asked and bad is not None and visitor.hits.evaluate_all(bad_concept)
    assert visitor.find('[data-action="unrefine"]').inner_text() == "Clear ratings"
    visitor.click('[data-action="unrefine"]')
    visitor.weaker()
    assert visitor.scores() == before and visitor.find('[data-action="unrefine"]').is_hidden()


def test_narrowing_down(visit):
    visitor = visit(query="?tab=retrieve&collection=mine")
    visitor.click("[data-filters] summary")
    visitor.find('[data-control="label"]').select_option("=dog")
    visitor.settle()
    assert visitor.query["label"] == "dog"
    assert all(words.startswith("dog") for words in visitor.hits.locator(".hit-title").all_inner_texts())
    visitor.click('[data-control="size"] [data-option="large"]')
    assert visitor.query["size"] == "large"
    visitor.find('[data-control="fold"]').check()
    visitor.settle()
    assert visitor.query["alike"] == "folded" and visitor.find(".retrieve-count").inner_text() == "3"
    visitor.click(".retrieve-checks .quiet-button")
    visitor.weaker()
    assert not {"label", "size", "alike"} & set(visitor.query) and visitor.hits.count() == 9
    visitor.page.reload()
    visitor.settle()
    assert visitor.find("[data-filters]").evaluate("(one) => one.open")  # it keeps its state


# From elsewhere, and by address


def test_the_photo_and_the_pinned_concept_are_those_of_all_tabs(visit):
    visitor = visit()
    visitor.choose_example(SECOND)
    visitor.click('[data-chip="2"]')
    session = """async () => {
      const { start } = await import(new URL("stellar/web/frame/frame.js", document.baseURI).href);
      const { state } = await start();
      return [state.photo.example, state.concept, state.tab];
    }"""
    assert visitor.page.evaluate(session) == [SECOND, 2, "retrieve"]
    change = """async (values) => {
      const { start } = await import(new URL("stellar/web/frame/frame.js", document.baseURI).href);
      (await start()).change(values);
    }"""
    visitor.page.evaluate(change, {"tab": "models"})
    visitor.page.evaluate(change, {"photo": {"example": FIRST}, "concept": 1})
    visitor.page.evaluate(change, {"tab": "retrieve"})
    visitor.settle()
    assert visitor.chosen() == "1" and visitor.query["find"] == f"{FIRST}.1"
    assert visitor.find(".retrieve-title").inner_text() == examples()[FIRST].title

    visitor.page.set_input_files('#stellar-frame [data-control="file"]', files=[
        {"name": "mine.png", "mimeType": "image/png", "buffer": photo_bytes(11, (360, 240))}])
    visitor.page.wait_for_function("() => document.querySelector('.retrieve-title').textContent === 'mine.png'")
    visitor.settle()
    assert "find" not in visitor.query  # an upload is in no link


def test_a_link_brings_the_question_back(visit):
    visitor = visit(query=f"?tab=retrieve&find={SECOND}.1&least=0.30&photo={FIRST}")
    assert visitor.chosen() == "1"
    assert visitor.example(SECOND).get_attribute("aria-pressed") == "true"
    visitor.weaker()
    assert min(visitor.scores()) >= 0.3
    visitor.page.locator('[data-retrieve] [data-action="link"]').click()
    link = visitor.page.evaluate("navigator.clipboard.readText()")
    assert "photo=" not in link and f"find={SECOND}.1" in link and "least=0.30" in link
    visitor.go(link)
    assert visitor.chosen() == "1" and visitor.query["find"] == f"{SECOND}.1"


@pytest.mark.parametrize("query", [
    "find=nobody.3&collection=..%2F..&least=9&label=%24%7Balert(1)%7D", f"find={FIRST}.99", "find=999.0",
    "find=%22%22~~~:::", f"find={FIRST}%40.9,.9,.1,.1", "find=" + "~also:x" * 500,
    f"find={FIRST}.1~sum:{FIRST}.2~covers:7"])
def test_an_address_of_nonsense_does_no_harm(visit, query):
    visit.expected += ["400", "404"]
    visitor = visit(query=f"?tab=retrieve&{query}")
    assert int(visitor.find("[data-hits] .hit").count()) > 0
    visitor.choose_example(SECOND)
    assert visitor.find(".retrieve-title").inner_text() == examples()[SECOND].title


@pytest.mark.parametrize("query, sentence", [
    ("collection=nobody", "There is no collection nobody here; this is Example photos."),
    (f"find={FIRST}.99", f"{examples()[FIRST].title} has no such concept; this is another one of it."),
    ("find=nobody.1", "The photo of this link is not among the examples; this is another one."),
    ("find=999.0", "Photo 999 is not in the index"),
    (f"find={FIRST}.1~also:999.0", "The photo of one condition is no longer there"),
    ("collection=own-AAAAAAAAAAAAAAAAAAAAAAAA", "Your photos are no longer on the server; add them again.")])
def test_what_a_link_asks_for_and_is_gone_is_said_and_the_tab_goes_on(visit, query, sentence):
    visit.expected += ["400", "404"]
    visitor = visit(query=f"?tab=retrieve&{query}")
    assert sentence in visitor.find("[data-alert]").inner_text()
    assert visitor.find("[data-hits] .hit").count() == len(examples()) - 1 and visitor.chosen() is not None


def test_nothing_that_an_index_says_is_evaluated(visit):
    visitor = visit(query="?tab=retrieve&collection=hostile")
    words = visitor.hits.first.locator(".hit-title").inner_text()
    assert "${alert(1)}{{x}}<img src=x" in words
    visitor.click(".hit-picture")
    assert "${alert(1)}" in visitor.find(".retrieve-title").inner_text()
    assert visitor.page.locator('[data-retrieve] img[src="x"]').count() == 0


def test_browsing_a_collection(visit):
    visitor = visit()
    visitor.click('[data-action="browse"]')
    tiles = visitor.find("[data-browse] .hit")
    assert tiles.count() == len(examples()) and visitor.find("[data-hits]").is_hidden()
    tiles.nth(5).locator("button").click()
    visitor.settle()
    visitor.weaker()
    assert visitor.hits.count() == len(examples()) - 1
    assert visitor.query["find"].startswith(f"{list(examples())[5]}.")
    visitor.find('[data-control="collection"]').select_option("mine")
    visitor.settle()
    visitor.weaker()
    assert visitor.hits.count() == 9  # the same question elsewhere
    visitor.back()
    assert visitor.find('[data-control="collection"]').input_value() == EXAMPLES


# A visitor's own photos


def test_own_photos_are_added_searched_and_removed(visit):
    visit.expected += ["400"]  # one file is no photo
    visitor = visit()
    files = [(f"photo {seed}.png", photo_bytes(seed, (240, 160))) for seed in range(4)]
    visitor.add_own([*files, ("broken.png", b"hello"), ("notes.txt", b"hello"), ("again.png", files[0][1])])
    told = visitor.find("[data-own]").inner_text()
    assert "4 photos added, 1 there already, 1 could not be opened, 1 other file left out." in told
    assert "broken.png: " in told
    assert visitor.find('[data-control="collection"] option:checked').inner_text() == "Your photos"
    assert visitor.find("[data-hits] .hit").count() == 4 and "own-" not in visitor.page.url
    visitor.weaker()
    visitor.click(".hit-picture")
    assert visitor.find(".retrieve-title").inner_text().startswith("photo ")
    assert visitor.find("[data-hits] .hit").count() == 3 and "find" not in visitor.query

    # they outlive a reload, and nobody else sees them
    visitor.page.reload()
    visitor.settle()
    assert visitor.find('[data-control="collection"] option:checked').inner_text() == "Your photos"
    assert visitor.find("[data-hits] .hit").count() == 3
    other = visit()
    assert "Your photos" not in other.find('[data-control="collection"] option').all_inner_texts()

    visitor.click('[data-action="remove-own"]')
    assert visitor.find('[data-control="collection"] option:checked').inner_text() == "Example photos"
    assert "Your photos" not in visitor.find('[data-control="collection"] option').all_inner_texts()
    assert visitor.find("[data-hits] .hit").count() > 0  # with the photo that was theirs


DRAG = """([kind, across, files]) => {
  const data = new DataTransfer();
  for (const [name, bytes] of files) data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
  const place = { clientX: innerWidth * across, clientY: 300 };
  window.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true, ...place }));
}"""


def test_what_is_dropped_asks_or_is_kept(visit):
    visitor = visit()
    one = [["mine.png", list(photo_bytes(21, (240, 160)))]]
    visitor.page.evaluate(DRAG, ["dragenter", 0.2, one])
    assert visitor.find("[data-veil]").is_visible()
    assert visitor.find('[data-half="ask"]').get_attribute("data-over") is not None
    visitor.page.evaluate(DRAG, ["dragover", 0.8, one])
    assert visitor.find('[data-half="keep"]').get_attribute("data-over") is not None
    visitor.page.evaluate(DRAG, ["drop", 0.2, one])
    visitor.page.wait_for_function("() => document.querySelector('.retrieve-title').textContent === 'mine.png'")
    visitor.settle()
    assert visitor.find("[data-veil]").is_hidden() and visitor.find("[data-own]").is_hidden()

    visitor.page.evaluate(DRAG, ["drop", 0.8, one])
    visitor.wait_for_own("1 photo added")
    many = [[f"{seed}.png", list(photo_bytes(seed, (240, 160)))] for seed in (30, 31)]
    visitor.page.evaluate(DRAG, ["dragenter", 0.2, many])
    assert visitor.find('[data-half="ask"]').is_hidden()  # a search has one photo
    visitor.page.evaluate(DRAG, ["drop", 0.2, many])
    visitor.wait_for_own("2 photos added")
    visitor.settle()
    assert visitor.find('[data-control="collection"] option:checked').inner_text() == "Your photos"


# What goes wrong


def test_a_file_that_is_no_photo_is_refused_in_words(visit):
    visit.expected += ["400"]
    visitor = visit()
    visitor.page.set_input_files('#stellar-frame [data-control="file"]', files=[
        {"name": "x.png", "mimeType": "image/png", "buffer": b"hello"}])
    alert = visitor.page.locator("#stellar-frame [data-photo-alert]")
    alert.wait_for()
    visitor.settle()
    assert "x.png" in alert.inner_text() and visitor.find("[data-hits] .hit").count() == len(examples()) - 1


def test_what_the_server_has_forgotten_comes_back(visit, explorer):
    visit.expected += ["404"]
    visitor = visit()
    explorer.studies._studies._entries.clear()
    token = next(one for one in "0123" if one != visitor.chosen())
    visitor.click(f'[data-chip="{token}"]')
    assert visitor.chosen() == token and visitor.find("[data-alert]").is_hidden()
    assert visitor.query["find"] == f"{FIRST}.{token}"
    assert visitor.find("[data-hits] .hit").count() == len(examples()) - 1


def test_a_collection_that_is_being_prepared(visit, collections):
    entry = collections._examples
    index, entry.index, entry.progress = entry.index, None, 0.4
    try:
        visit.expected += ["400"]
        visitor = visit(waits=False)
        bar = visitor.find("[data-instead] [role=progressbar]")
        bar.wait_for()
        assert bar.get_attribute("aria-valuenow") == "40"
    finally:
        entry.index = index
    visitor.page.wait_for_function(
        "(count) => document.querySelectorAll('[data-hits] .hit').length === count", arg=len(examples()) - 1)
    assert collections.get(EXAMPLES).num_photos == len(examples())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone(visit, theme):
    visitor = visit(width=390, query=f"?tab=retrieve&__theme={theme}")
    page = visitor.page
    visitor.click('[data-action="add-row"]')
    visitor.click('[data-chip="1"]')
    visitor.click("[data-filters] summary")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    for selector in (".retrieve-toolbar", ".retrieve-frame", "[data-chips]", ".builder", "[data-filters]",
                     "[data-hits]"):
        box = visitor.find(selector).first.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390, selector
    assert visitor.find(".retrieve-frame").bounding_box()["y"] < visitor.find("[data-hits]").bounding_box()["y"]
    visitor.weaker()
    for mark in visitor.find(".hit-mark").all()[:4]:
        assert mark.bounding_box()["height"] >= 34
    first, second = [one.bounding_box() for one in visitor.hits.all()[:2]]
    assert second["x"] > first["x"] + first["width"]  # two a row
    small = visitor.find(":is(button, select, input:not(.unseen), summary)").evaluate_all("""(all) => all
      .filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.type !== "range")
      .map((one) => [one.outerHTML.slice(0, 60), one.closest("label, .hit-words") ?? one].map((it) =>
        typeof it === "string" ? it : it.getBoundingClientRect()))
      .filter(([, box]) => box.height < 23.5 || box.width < 23.5).map(([name]) => name)""")
    assert not small
    sizes = page.locator("[data-retrieve] :is(p, span, button, label)").evaluate_all(
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => parseFloat(getComputedStyle(one).fontSize))")
    assert min(sizes) >= 11
