"""The Atlas tab in real Chromium: what a visitor does with a map, on either way of drawing it."""

import csv
import io
import json
import threading
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from index.atlas import atlas as atlas_module
from index.atlas.atlas import atlas_of
from index.concept_index import ConceptIndex
from stellar_explorer.atlas import atlases as atlases_module
from stellar_explorer.page.demo import build, launch
from stellar_explorer.retrieve.collections import Collections
from tests.axe import violations
from tests.fakes.atlas import atlas_photo
from tests.fakes.index import FAKE_MODEL

pytestmark = pytest.mark.browser

PATIENCE = 60_000  # a page loads in seconds, but not beside a training
HOSTILE = "${alert(1)}<img src=x onerror=alert(1)>"
COLUMNS, ROWS = 24, 16  # of concepts, too many to show crops of all
COUNT = COLUMNS * ROWS
MARGIN = 40  # of the whole map inside its frame


def in_a_grid(vectors, *, progress):
    """A map whose places a test knows: row by row from the top left."""
    place = np.arange(len(vectors))
    across, down = place % COLUMNS / (COLUMNS - 1), place // COLUMNS / (COLUMNS - 1)
    return np.stack([2 * across - 1, (ROWS - 1) / (COLUMNS - 1) - 2 * down], axis=1).astype(np.float32)


def hostile(seed: int):
    encoded = atlas_photo(seed)
    concepts = tuple(replace(concept, names=((HOSTILE, 0.9),)) for concept in encoded.concepts)
    return replace(encoded, concepts=concepts, photo=replace(encoded.photo, source=f"{HOSTILE}/1.jpg", label=HOSTILE))


class WithoutExamples(Collections):
    """Does not spend seconds on a collection that no test here looks at."""

    def start(self) -> None:
        pass


@pytest.fixture(scope="module")
def late():
    """Set when the second collection's map may be finished."""
    return threading.Event()


@pytest.fixture(scope="module")
def address(explorer, tmp_path_factory, late):
    """The page over two collections: `known`, whose map is there, and `late`, whose map is made while one waits."""
    folder = tmp_path_factory.mktemp("atlas")
    collections = WithoutExamples(explorer, root=folder / "indexes", cache=folder / "cache")
    model = replace(FAKE_MODEL, name="nano", sha256=collections.identity.sha256)

    def make(index, file, report):
        report("Drawing the map of 24 concepts", 0.4)
        assert late.wait(60)
        atlas_of(index, file=file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atlas_module, "lay_out", in_a_grid)
        patch.setattr(atlases_module, "make_apart", make)
        for name, photos in (("known", range(COUNT // 4 - 1)), ("late", range(100, 105))):
            with ConceptIndex.create(folder / "indexes" / name, model=model) as index:
                index.add([hostile(500), *map(atlas_photo, photos)])
                if name == "known":
                    atlas_of(index)
        demo = build(explorer)
        _, url, _ = launch(demo, explorer, None, collections, server_name="127.0.0.1", prevent_thread_lock=True,
                           quiet=True)
        yield url
        late.set()
        demo.close(verbose=False)


class Visitor:
    def __init__(self, context, url: str, query: str) -> None:
        self.problems: list[str] = []
        self.page = page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: (self.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(f"{url}?tab=atlas&{query}")
        self.atlas, self.map = page.locator('[data-panel="atlas"]'), page.locator(".atlas-map")

    def ready(self):
        self.page.wait_for_selector('[data-panel="atlas"][data-state="ready"]')
        self.map.scroll_into_view_if_needed()
        return self

    def place(self, row: int) -> tuple[float, float]:
        """Where a concept of `in_a_grid` is on the screen, while all of the map is shown."""
        box = self.map.bounding_box()
        width, height = box["width"] - 2, box["height"] - 2
        x, y = in_a_grid(np.arange(COUNT), progress=None)[row].tolist()
        scale = min((width - 2 * MARGIN) / 2, (height - 2 * MARGIN) / 2 * (COLUMNS - 1) / (ROWS - 1))
        return box["x"] + 1 + width / 2 + x * scale, box["y"] + 1 + height / 2 - y * scale

    def bare(self, count: int) -> list[int]:
        """Concepts of `in_a_grid` whose dots no label covers."""
        found: list[int] = []
        for row in range(COUNT):
            self.page.mouse.move(*self.place(row))
            if self.map.get_attribute("data-over") == "concept":
                found.append(row)
            if len(found) == count:
                return found
        raise AssertionError("labels cover nearly everything")

    def lasso(self, first: int, last: int) -> None:
        """Round the rectangle of the grid between two of its concepts."""
        (left, top), (right, bottom) = self.place(first), self.place(last)
        margin = (self.place(1)[0] - self.place(0)[0]) / 2
        left, top, right, bottom = left - margin, top - margin, right + margin, bottom + margin
        self.page.mouse.move(left, top)
        self.page.mouse.down()
        for corner in ((right, top), (right, bottom), (left, bottom)):
            self.page.mouse.move(*corner, steps=3)
        self.page.mouse.up()

    def lasso_with_shift(self, first: int, last: int) -> None:
        self.page.keyboard.down("Shift")
        self.lasso(first, last)
        self.page.keyboard.up("Shift")

    def painted(self, words: str) -> None:
        self.page.wait_for_selector(f'[data-panel="atlas"][data-painted="{words}"]')

    def colour(self, field: str) -> None:
        self.page.locator(f'[data-control="colour"] [data-option="{field}"]').click()
        self.page.wait_for_selector(f'[data-panel="atlas"][data-painted^="{field}/"]')

    def legend(self) -> dict[str, int]:
        lines = self.page.locator(".atlas-legend-item").evaluate_all(
            'all => all.map(one => [one.title, one.querySelector(".atlas-count").textContent])')
        return {label: int(count) for label, count in lines}

    def colours_round(self, row: int) -> set[str]:
        x, y = self.place(row)
        clip = {"x": x - 5, "y": y - 5, "width": 10, "height": 10}
        picture = Image.open(io.BytesIO(self.page.screenshot(clip=clip))).convert("RGB")
        return {"#" + bytes(pixel).hex() for pixel in np.asarray(picture).reshape(-1, 3)}

    def saved(self, button: str) -> bytes:
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name=button).click()
        return download.value.path().read_bytes()

    def query(self) -> dict[str, str]:
        return self.page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")


@pytest.fixture
def visit(browser, address):
    """-> a function that opens the tab; at the end, nothing may be in any console, and no dialog may have opened."""
    visitors = []

    def visit(query: str = "collection=known&map=canvas", **options) -> Visitor:
        context = browser.new_context(accept_downloads=True, **{"viewport": {"width": 1280, "height": 1000}, **options})
        visitors.append(Visitor(context, address, query))
        return visitors[-1]

    yield visit
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for visitor in visitors:
        visitor.page.context.close()
    assert not problems


def test_a_lasso_selects_counts_and_exports(visit):
    visitor = visit().ready()
    page = visitor.page
    assert sum(visitor.legend().values()) == COUNT
    visitor.lasso_with_shift(0, 2 * COLUMNS + 3)  # three rows of four
    visitor.painted("cluster/12")
    assert page.locator("[data-selection] h2").inner_text().startswith("12 concepts from ")
    assert sum(visitor.legend().values()) == 12
    page.wait_for_function("document.querySelectorAll('[data-selection] .atlas-crop').length === 12")
    expected = [down * COLUMNS + across for down in range(3) for across in range(4)]
    table = list(csv.DictReader(io.StringIO(visitor.saved("CSV").decode())))
    assert sorted(int(row["concept"]) for row in table) == expected
    assert visitor.saved("Parquet")[:4] == b"PAR1"
    # Another colour keeps the selection, and its legend counts it.
    visitor.colour("mass")
    assert sum(visitor.legend().values()) == 12
    visitor.map.focus()
    page.keyboard.press("Escape")
    visitor.painted("mass/all")
    assert sum(visitor.legend().values()) == COUNT and page.locator("[data-selection]").is_hidden()


def test_a_concept_is_marked_for_the_word_that_retrieve_teaches(visit):
    visitor = visit().ready()
    page = visitor.page
    first, other = visitor.bare(2)
    marked = "JSON.parse(sessionStorage.getItem('stellar-teach-examples')).{}.map((one) => one.concept)"
    page.mouse.click(*visitor.place(first))
    buttons = [page.locator(f'.atlas-card[data-pinned] [data-teach="{side}"]') for side in ("yes", "no")]
    buttons[0].click()
    assert page.evaluate(marked.format("yes")) == [first] and buttons[0].get_attribute("aria-pressed") == "true"
    buttons[1].click()
    assert page.evaluate(marked.format("yes")) == [] and page.evaluate(marked.format("no")) == [first]
    for row, pressed in ((other, ["false", "false"]), (first, ["false", "true"])):
        page.locator(".atlas-card-close").click()  # the card may lie over the next one's place
        page.mouse.click(*visitor.place(row))
        buttons[0].wait_for(state="visible")
        assert [button.get_attribute("aria-pressed") for button in buttons] == pressed


def test_a_line_of_the_legend_lights_its_own_alone(visit):
    visitor = visit().ready()
    page = visitor.page
    visitor.colour("label")
    counts = visitor.legend()
    assert set(counts) == {"indoor", "outdoor", "none", HOSTILE} and sum(counts.values()) == COUNT
    page.locator('.atlas-legend-item[title="indoor"]').click()
    visitor.painted(f"label/{counts['indoor']}")
    assert visitor.legend() == counts  # of its own lines, it still tells of the others
    assert "#d9d5ce" not in visitor.colours_round(4)  # photo 0 is indoor, of three
    page.locator('.atlas-legend-item[title="indoor"]').click()
    visitor.painted("label/all")
    for field in ("source", "name"):
        visitor.colour(field)
        assert sum(visitor.legend().values()) == COUNT


def test_a_cluster_of_the_table_is_lit_and_in_the_address(visit):
    visitor = visit().ready()
    page = visitor.page
    rows = page.locator("[data-clusters] tbody tr")
    assert rows.count() == 10
    page.locator("[data-clusters] .atlas-more").click()
    assert rows.count() > 10
    count = int(rows.nth(1).locator(".atlas-often-count").inner_text())
    rows.nth(1).locator("th .atlas-cluster").click()
    visitor.painted(f"cluster/{count}")
    visitor.colour("mass")
    assert sum(visitor.legend().values()) == count
    assert visitor.query().items() >= {"tab": "atlas", "collection": "known", "colour": "mass", "cluster": "2"}.items()
    # Another tab's address is its own.
    page.get_by_role("tab", name="Models").click()
    page.wait_for_function("!new URLSearchParams(location.search).has('cluster')")
    again = visit("collection=known&colour=mass&cluster=2&map=canvas").ready()
    again.painted(f"mass/{count}")


@pytest.mark.parametrize("kind", ["canvas", "webgl"])
def test_dots_are_drawn_hovered_and_become_crops_when_near(visit, kind):
    visitor = visit(f"collection=known&map={kind}").ready()
    page = visitor.page
    renderer = visitor.map.get_attribute("data-renderer")
    assert renderer in ("canvas", kind)  # a browser without WebGL has the same map
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    first, other = visitor.bare(2)
    page.mouse.move(0, 0)
    for row in (first, other, COUNT - 1):
        assert len(visitor.colours_round(row)) > 1  # more than the paper
    page.mouse.move(*visitor.place(first))
    card = page.locator(".atlas-card").first
    card.wait_for(state="visible")
    page.wait_for_function("document.querySelector('.atlas-card dl').textContent.includes('.jpg')")
    page.mouse.move(visitor.map.bounding_box()["x"] + 8, visitor.place(first)[1])  # beside all dots
    card.wait_for(state="hidden")
    assert visitor.map.get_attribute("data-crops") == "0"
    page.mouse.move(*visitor.place(first))
    for _ in range(8):
        page.mouse.wheel(0, -200)
    page.wait_for_function("Number(document.querySelector('.atlas-map').dataset.crops) > 0")
    page.get_by_role("button", name="Show thumbnails when zoomed in").click()
    page.wait_for_function("document.querySelector('.atlas-map').dataset.crops === '0'")
    page.get_by_role("button", name="Fit").click()
    page.wait_for_timeout(500)
    assert len(visitor.colours_round(0)) > 1


def test_a_click_leads_to_the_same_concept_in_retrieve(visit):
    visitor = visit().ready()
    page = visitor.page
    [row] = visitor.bare(1)
    page.mouse.click(*visitor.place(row))
    card = page.locator(".atlas-card[data-pinned]")
    card.wait_for(state="visible")
    card.get_by_role("button", name="Find in other photos").click()
    page.wait_for_selector('[role="tab"][aria-selected="true"]:has-text("Retrieve")')
    query = visitor.query()
    assert query["tab"] == "retrieve" and query["collection"] == "known"
    asked = page.evaluate("Object.values(history.state).find((one) => one?.views).views.retrieve")
    assert asked["find"] == f"{row // 4}.{row % 4}"  # each photo has four
    page.get_by_role("tab", name="Atlas").click()
    page.wait_for_function("new URLSearchParams(location.search).get('tab') === 'atlas'")
    assert card.is_visible()  # as it was left
    page.keyboard.press("Escape")


def test_the_map_is_worked_by_keyboard(visit):
    visitor = visit().ready()
    page = visitor.page
    visitor.map.focus()
    page.keyboard.press("Enter")
    page.locator(".atlas-card[data-pinned]").wait_for(state="visible")
    page.keyboard.press("Escape")
    page.locator(".atlas-card[data-pinned]").wait_for(state="hidden")
    for _ in range(8):
        page.keyboard.press("+")
    page.wait_for_function("Number(document.querySelector('.atlas-map').dataset.crops) > 0")
    page.keyboard.press("0")
    page.wait_for_function("document.querySelector('.atlas-map').dataset.crops === '0'")


def test_the_lasso_has_a_button_of_its_own(visit):
    visitor = visit(viewport={"width": 390, "height": 844}).ready()
    page = visitor.page
    page.locator('[data-control="tool"] [data-option="lasso"]').click()
    assert visitor.map.get_attribute("data-tool") == "lasso"
    visitor.lasso(0, COLUMNS + 1)
    visitor.painted("cluster/4")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_picture_of_the_map_can_be_published(visit):
    visitor = visit(color_scheme="dark").ready()
    page = visitor.page
    visitor.colour("label")
    page.locator(".atlas-toolbar summary").click()
    svg = ElementTree.fromstring(visitor.saved("SVG").decode())
    circles = [circle for circle in svg.iter("{http://www.w3.org/2000/svg}circle") if "fill-opacity" in circle.attrib]
    assert len(circles) == COUNT
    words = " ".join(text.text for text in svg.iter("{http://www.w3.org/2000/svg}text"))
    assert "Label" in words and f"{COUNT} concepts of {COUNT // 4} photos" in words and HOSTILE[:20] in words
    page.locator(".atlas-toolbar summary").click()
    picture = Image.open(io.BytesIO(visitor.saved("PNG"))).convert("RGB")
    assert picture.width == round(2 * float(svg.get("width"))) and picture.getpixel((2, 2)) == (255, 255, 255)


def test_a_map_is_waited_for_and_markup_stays_text(visit, late):
    visitor = visit("collection=late&map=canvas")
    page = visitor.page
    page.wait_for_selector('.atlas-wait-words:has-text("Drawing the map of 24 concepts")')
    assert page.locator(".atlas-content").is_hidden()
    late.set()
    visitor.ready()
    visitor.colour("name")
    assert HOSTILE in visitor.legend()
    page.locator('[data-panel="atlas"] [data-collection]').select_option("known")
    page.wait_for_function("document.querySelector('[data-facts]').textContent.startsWith('384 ')")
    assert visitor.query()["collection"] == "known"


def test_a_server_that_fails_is_told_and_asked_again(visit):
    visitor = visit("collection=known&map=canvas").ready()
    page = visitor.page
    page.route("**/atlas/export.csv", lambda route: route.fulfill(status=400, body="There is no room."))
    visitor.lasso_with_shift(0, 1)
    visitor.painted("cluster/2")
    page.get_by_role("button", name="CSV").click()
    page.wait_for_selector('[data-panel="atlas"] [role="alert"]:has-text("There is no room.")')
    visitor.problems.clear()  # Chromium's own line about the status
    page.unroute("**/atlas/export.csv")
    body = json.dumps({"state": "failed", "message": "The disk is full."})
    page.route("**/atlas.json", lambda route: route.fulfill(status=200, body=body, content_type="application/json"))
    page.locator('[data-panel="atlas"] [data-collection]').select_option("late")
    page.wait_for_selector('[data-panel="atlas"] [role="alert"]:has-text("The disk is full.")')
    page.unroute("**/atlas.json")
    page.wait_for_selector('[data-panel="atlas"][data-state="ready"]')
    assert page.locator('[data-panel="atlas"] [role="alert"]').is_hidden()

def requests_of(visitor) -> list[str]:
    """What the page asks for from now on."""
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    return asked


def quiet(page) -> None:
    """Until two frames have been drawn and nothing has been asked for in a while."""
    page.wait_for_load_state("networkidle")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def labels_of(visitor) -> list[int]:
    return [int(code) for code in visitor.map.get_attribute("data-labels").split()]


def test_labels_lie_on_the_map_and_more_come_with_nearness(visit):
    visitor = visit().ready()
    page = visitor.page
    quiet(page)
    shown = labels_of(visitor)
    assert shown and len(shown) == len(set(shown))
    # A label is pointed at: its cluster stands out, in the table too, and a press on it lights it alone.
    place = page.evaluate("""() => {
      const box = document.querySelector(".atlas-map").getBoundingClientRect();
      return [box.left, box.top, box.width, box.height];
    }""")
    found = None
    for y in range(10, int(place[3]), 12):
        for x in range(10, int(place[2]), 40):
            page.mouse.move(place[0] + x, place[1] + y)
            if page.locator('.atlas-card:visible .hint:text-is("A cluster")').count():
                found = place[0] + x, place[1] + y
                break
        if found:
            break
    assert found, "no label is under the pointer anywhere"
    row = page.locator("[data-clusters] tr[data-over]")
    code = int(row.get_attribute("data-row"))
    page.mouse.click(*found)
    visitor.painted(f"cluster/{row.locator('.atlas-often-count').inner_text()}")
    assert visitor.query()["cluster"] == str(code + 1)
    page.go_back()
    visitor.painted("cluster/all")


def test_the_table_and_the_legend_light_the_map_without_a_request(visit):
    visitor = visit().ready()
    page = visitor.page
    quiet(page)
    asked = requests_of(visitor)
    hidden = [code for code in range(10) if code not in labels_of(visitor)]
    code = hidden[0] if hidden else 3
    page.locator(f'[data-clusters] tr[data-row="{code}"]').hover()
    page.wait_for_function(f"document.querySelector('.atlas-map').dataset.labels.split(' ').includes('{code}')")
    item = page.locator(f'.atlas-legend-item[data-code="{code}"]')
    assert item.get_attribute("data-over") is not None
    page.mouse.move(0, 0)
    item.focus()
    assert page.locator(f'[data-clusters] tr[data-row="{code}"]').get_attribute("data-over") is not None
    visitor.map.scroll_into_view_if_needed()
    for row in (0, 37, COUNT - 1):
        page.mouse.move(*visitor.place(row))
        page.locator(".atlas-card").first.wait_for(state="visible")
    assert not [url for url in asked if "/stellar/" in url and "shown" not in url and "line.json" not in url]


def test_a_search_dims_the_rest_and_counts(visit):
    visitor = visit().ready()
    page = visitor.page
    quiet(page)  # photos' titles come after the map
    page.locator("[data-search]").fill("/7.JPG")
    visitor.painted("cluster/4")
    assert page.locator("[data-found]").inner_text() == "4 concepts from 1 photo"
    assert page.locator("[data-selection] h2").inner_text() == "4 concepts from 1 photo"
    page.wait_for_function("new URLSearchParams(location.search).get('search') === '/7.JPG'")
    page.locator("[data-search]").fill("no such thing")
    visitor.painted("cluster/0")
    assert "Nothing matches" in page.locator("[data-found]").inner_text()
    page.locator("[data-search]").fill("")
    visitor.painted("cluster/all")
    again = visit("collection=known&search=%2F7.jpg&map=canvas").ready()
    again.painted("cluster/4")
    assert again.page.locator("[data-search]").input_value() == "/7.jpg"


def test_the_data_cannot_be_lost(visit):
    visitor = visit().ready()
    page = visitor.page
    box = visitor.map.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for _ in range(30):
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] + 400, middle[1] + 250)
        page.mouse.up()
    visitor.map.focus()
    for key in ["-"] * 5 + ["+"] * 6 + ["ArrowLeft"] * 60 + ["ArrowUp"] * 60:
        page.keyboard.press(key)
    quiet(page)
    clip = {**box, "x": box["x"] + 2, "y": box["y"] + 60, "width": box["width"] - 60, "height": box["height"] - 62}
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")).reshape(-1, 3)
    assert len(np.unique(picture, axis=0)) > 1  # more than the paper
    page.keyboard.press("0")
    page.wait_for_timeout(500)
    for row in (0, COUNT - 1):
        assert len(visitor.colours_round(row)) > 1


def test_a_concepts_photo_becomes_that_of_all_tabs(visit):
    visitor = visit().ready()
    page = visitor.page
    [row] = visitor.bare(1)
    page.mouse.click(*visitor.place(row))
    card = page.locator(".atlas-card[data-pinned]")
    card.get_by_role("button", name="Explore this photo").last.click()
    page.wait_for_selector('[role="tab"][aria-selected="true"]:has-text("Explore")')
    state = page.evaluate("Object.values(history.state).find((one) => one?.photo)")
    assert state["photo"]["from"] == {"collection": "known", "id": row // 4} and state["concept"] == row % 4
    page.go_back()
    page.wait_for_selector('[role="tab"][aria-selected="true"]:has-text("Atlas")')
    assert card.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(visit, width, scheme):
    visitor = visit(viewport={"width": width, "height": 844}, color_scheme=scheme).ready()
    quiet(visitor.page)
    assert violations(visitor.page, '[data-panel="atlas"]') == []


def test_on_a_phone_the_map_comes_first_and_is_active_after_a_tap(visit):
    visitor = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).ready()
    page = visitor.page
    box = visitor.map.bounding_box()
    assert abs(box["width"] - box["height"]) <= 2 and box["y"] < 200
    assert not page.locator("[data-legend]").evaluate("one => one.open")
    assert visitor.map.get_attribute("data-active") is None
    page.touchscreen.tap(*visitor.place(visitor.bare(1)[0]))
    page.locator(".atlas-card[data-pinned]").wait_for(state="visible")
    done = page.get_by_role("button", name="Done: scroll the page again")
    done.click()
    assert visitor.map.get_attribute("data-active") is None and done.is_hidden()
    page.locator("[data-legend] summary").click()
    page.locator(".atlas-legend-item").first.wait_for(state="visible")
