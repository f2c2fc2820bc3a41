"""The page in real Chromium: what a visitor does, and that it costs no request where none is needed."""

import base64
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from stellar_explorer.examples import examples
from stellar_explorer.explore.package import package
from stellar_explorer.photo import open_photo

pytestmark = pytest.mark.browser

HOSTILE = "${alert(1)}<img src=x onerror=alert(1)>.png"
PATIENCE = 60_000  # a page loads in seconds, but not beside a training
PANELS = ("photo", "features", "low_rank", "concepts")


def photo_bytes(kind: str = "PNG", size: tuple[int, int] = (360, 240), seed: int = 0) -> bytes:
    """Not in the gallery: a few coloured rectangles."""
    generator = np.random.default_rng(seed)
    picture = Image.new("RGB", size, (200, 190, 170))
    for _ in range(12):
        left, top = (int(generator.integers(0, side)) for side in size)
        box = (left, top, left + int(generator.integers(20, 140)), top + int(generator.integers(20, 140)))
        picture.paste(tuple(int(value) for value in generator.integers(0, 256, 3)), box)
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


class Visitor:
    """One browser context on the page, and what a test wants to know of it."""

    def __init__(self, browser, url: str, *, width: int = 1280, height: int = 900, query: str = "",
                 has_tour: bool = False) -> None:
        """has_tour: as who comes for the first time; others have had it."""
        self.context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        if not has_tour:
            self.context.add_init_script("localStorage.setItem('stellar-tour-seen', 'yes')")
        self.url, self.problems, self.requests = url, [], []
        self.open(query)

    def open(self, query: str = "") -> None:
        self.page = page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: (self.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", self.note)
        page.goto(query if query.startswith("http") else self.url + query)
        page.wait_for_selector('[data-stage][data-state="ready"][data-frame]')
        self.settle()

    def note(self, request) -> None:
        """But what the page tells twice a minute, and its place in the line, whatever its visitor does."""
        if not request.url.endswith(("stellar/shown", "stellar/line.json")):
            self.requests.append(request.url)

    def settle(self) -> None:
        """Until what was asked for is drawn."""
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def quiet(self) -> None:
        """Until concepts are named, and nothing has been asked for half a second."""
        self.page.wait_for_selector("[data-stage][data-named]")
        for _ in range(60):
            count = len(self.requests)
            self.page.wait_for_timeout(500)
            if len(self.requests) == count:
                return

    def data(self, name: str) -> str | None:
        return self.page.locator("[data-stage]").get_attribute(f"data-{name}")

    def words(self, name: str) -> str:
        return self.page.locator(f"[data-stage] [data-{name}]").inner_text()

    def canvas(self, panel: str):
        return self.page.locator(f'[data-panel="{panel}"] canvas').first

    def pixels(self, panel: str) -> str:
        return self.canvas(panel).evaluate("(canvas) => canvas.toDataURL()")

    def point(self, across: float, down: float, panel: str = "photo", click: bool = False) -> None:
        box = self.canvas(panel).bounding_box()
        place = box["x"] + box["width"] * across, box["y"] + box["height"] * down
        (self.page.mouse.click if click else self.page.mouse.move)(*place)
        self.settle()

    def adjust(self) -> None:
        """Unfold what is set seldom."""
        if not self.page.locator("[data-adjust]").is_visible():
            self.page.locator('[data-control="adjust"]').click()
            self.settle()

    def choose(self, control: str, option: str | int) -> None:
        self.adjust()
        self.page.locator(f'[data-control="{control}"] [data-option="{option}"]').click()
        self.settle()

    def upload(self, name: str, data: bytes, kind: str = "image/png") -> None:
        self.page.set_input_files('[data-control="file"]', files=[{"name": name, "mimeType": kind, "buffer": data}])

    def wait(self, condition: str, argument=None) -> None:
        """condition: JavaScript over `stage` (its data), `status` and `value`."""
        self.page.wait_for_function(
            f"""(value) => {{ const stage = document.querySelector("[data-stage]").dataset;
            const status = document.querySelector("[data-stage] [data-status]").textContent;
            const announced = document.querySelector("[data-announced]").textContent; return {condition}; }}""",
            arg=argument)
        self.settle()

    def word(self, token: str | int) -> str:
        return self.page.locator(f'[data-chip="{token}"] .chip-name').inner_text()

    def back(self) -> None:
        self.page.go_back()
        self.settle()


@pytest.fixture
def visit(browser, served):
    """-> a function that opens the page; at the end, nothing may be in any console but that a bad file was refused."""
    visitors = []

    def visit(**options) -> Visitor:
        visitors.append(Visitor(browser, served.url, **options))
        return visitors[-1]

    yield visit
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for visitor in visitors:
        visitor.context.close()
    assert not [problem for problem in problems if "status of 400" not in problem]


def test_opens_with_an_example_and_follows_the_pointer(visit):
    visitor = visit()
    page = visitor.page
    first = next(iter(examples()))
    assert page.locator(f'[data-example="{first}"]').get_attribute("aria-pressed") == "true"
    assert visitor.data("resolution") == "448" and not page.locator("[data-stage] [data-alert]").is_visible()
    assert all(visitor.canvas(panel).is_visible() for panel in PANELS)
    assert page.locator("[data-chip]").count() == 16
    visitor.quiet()  # thumbnails and names that arrive late
    assert visitor.data("pinned") is None
    assert visitor.word(visitor.data("lit")) in visitor.words("readout")  # before anybody has pointed

    visitor.requests.clear()
    page.mouse.move(2, 2)
    visitor.settle()
    before = {panel: visitor.pixels(panel) for panel in PANELS}
    visitor.point(0.4, 0.5)
    lit = visitor.data("lit")
    assert lit is not None and visitor.data("pinned") is None
    assert all(visitor.pixels(panel) != before[panel] for panel in PANELS)
    assert visitor.word(lit) in visitor.words("readout")
    share = page.locator(f'[data-chip="{lit}"] .chip-share').inner_text()
    assert f"{share} of the photo" in visitor.words("readout")
    for panel in PANELS:
        visitor.point(0.4, 0.5, panel)
        assert visitor.data("lit") == lit

    # pinned: the pointer goes elsewhere and the concept stays
    visitor.point(0.4, 0.5, click=True)
    assert visitor.data("pinned") == lit
    for place in ((0.05, 0.05), (0.95, 0.95), (0.1, 0.9)):
        visitor.point(*place, panel="concepts")
        assert visitor.data("lit") == lit

    # the threshold, opacity, kept concepts, heat, edges and basis are the browser's own
    masked, chip = visitor.pixels("photo"), page.locator(f'[data-chip="{lit}"] canvas')
    chip_before = chip.evaluate("(canvas) => canvas.toDataURL()")
    visitor.adjust()
    page.locator('[data-control="threshold"]').focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    visitor.settle()
    assert "2.00 ×" in page.locator('[data-value="threshold"]').inner_text()
    assert visitor.pixels("photo") != masked
    # the crop follows when the threshold rests
    page.wait_for_function("([canvas, before]) => canvas.toDataURL() !== before",
                           arg=[chip.element_handle(), chip_before])
    assert page.locator(f'[data-chip="{lit}"] .chip-share').inner_text() != share
    for control, option, panel in (
            ("show", "heat", "photo"), ("style", "blocky", "features"), ("basis", "examples", "low_rank")):
        drawn = visitor.pixels(panel)
        visitor.choose(control, option)
        assert visitor.pixels(panel) != drawn, control
    drawn = visitor.pixels("low_rank")
    page.locator('[data-control="kept"]').focus()
    page.keyboard.press("Home")
    visitor.settle()
    assert visitor.pixels("low_rank") != drawn
    page.wait_for_timeout(400)
    assert visitor.requests == []


def test_the_keyboard(visit):
    visitor = visit()
    page = visitor.page
    visitor.canvas("photo").focus()

    def place() -> list[int]:
        page.wait_for_timeout(30)
        words = visitor.words("readout").replace(",", "").split()
        return [int(words[words.index("row") + 1]), int(words[words.index("column") + 1])]

    page.keyboard.press("ArrowRight")
    visitor.settle()
    row, col = place()
    for key, expected in (("ArrowRight", (row, col + 1)), ("ArrowDown", (row + 1, col + 1)),
                          ("ArrowLeft", (row + 1, col)), ("ArrowUp", (row, col))):
        page.keyboard.press(key)
        visitor.settle()
        assert tuple(place()) == expected
    order = page.locator("[data-chip]").evaluate_all("(all) => all.map((one) => Number(one.dataset.chip))")
    page.keyboard.press("Enter")
    visitor.settle()
    pinned = int(visitor.data("pinned"))
    at = order.index(pinned)
    for key, expected in (("]", order[(at + 1) % 16]), ("]", order[(at + 2) % 16]), ("[", order[(at + 1) % 16])):
        page.keyboard.press(key)
        visitor.settle()
        assert int(visitor.data("pinned")) == expected
    page.keyboard.press("Escape")
    visitor.settle()
    assert visitor.data("pinned") is None
    page.keyboard.down("s")
    visitor.settle()
    assert visitor.data("similar") is not None
    page.keyboard.up("s")
    visitor.settle()
    assert visitor.data("similar") is None


def test_an_upload_sharpens_and_can_be_taken_away(visit):
    visitor = visit()
    page = visitor.page
    visitor.upload("my holiday é.png", photo_bytes(seed=3))
    visitor.wait("stage.state === 'ready' && status.includes(value)", "my holiday é.png")
    assert page.locator('[data-example][aria-pressed="true"]').count() == 0
    visitor.point(0.3, 0.6, click=True)
    pinned = visitor.data("pinned")

    page.evaluate("""() => { const stage = document.querySelector("[data-stage]"); window.states = [];
        new MutationObserver(() => window.states.push([stage.dataset.state, stage.dataset.resolution]))
            .observe(stage, { attributes: true, attributeFilter: ["data-state", "data-resolution"] }); }""")
    visitor.choose("resolution", 1024)
    visitor.wait("stage.state === 'ready' && stage.resolution === '1024'")
    states = page.evaluate("window.states")
    assert "sharpening" in [state for state, _ in states] and states[-1] == ["ready", "1024"]
    assert visitor.data("pinned") == pinned and "holiday" in visitor.words("status")
    visitor.choose("view", "compare")
    assert visitor.data("view") == "compare"
    assert page.locator(".compare canvas, [data-compare] canvas").first.is_visible()

    visitor.choose("style", "blocky")
    address = page.locator('[data-download="figure"]').get_attribute("href")
    for said in ("threshold=1", "style=blocky", "basis=photo", "view=compare"):
        assert said in address

    taken = {}
    for kind in ("figure", "masks", "rle", "arrays"):
        if page.locator("[data-downloads]").get_attribute("open") is None:
            page.locator("[data-downloads] summary").click()
        with page.expect_download() as download:
            page.locator(f'[data-download="{kind}"]').click()
        taken[kind] = download.value.path().read_bytes()
        assert download.value.suggested_filename.startswith("stellar-my-holiday-é-1024-")
    assert Image.open(io.BytesIO(taken["figure"])).format == "PNG"
    assert len(zipfile.ZipFile(io.BytesIO(taken["masks"])).namelist()) == len(json.loads(taken["rle"])) == 16
    with np.load(io.BytesIO(taken["arrays"]), allow_pickle=False) as arrays:
        assert arrays["localization"].shape[1] == 16


def test_a_link_restores_what_was_seen(visit):
    visitor = visit()
    page = visitor.page
    example = list(examples())[2]
    page.locator(f'[data-example="{example}"]').click()
    visitor.wait("stage.state === 'ready' && status.includes(value)", examples()[example].title)
    visitor.choose("resolution", 672)
    visitor.wait("stage.state === 'ready' && stage.resolution === '672'")
    visitor.point(0.6, 0.4, click=True)
    visitor.choose("view", "low_rank")
    pinned = visitor.data("pinned")
    page.locator('[data-action="link"]').click()
    visitor.wait("announced.startsWith('Link copied')")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(visitor.url)
    page.close()
    visitor.open(link)
    visitor.wait("stage.state === 'ready' && stage.resolution === '672'")
    assert visitor.page.locator(f'[data-example="{example}"]').get_attribute("aria-pressed") == "true"
    assert (visitor.data("pinned"), visitor.data("view")) == (pinned, "low_rank")
    assert visitor.canvas("low_rank").is_visible() and not visitor.canvas("features").is_visible()

    visitor.page.close()
    visitor.open("?photo=nobody&concept=999&resolution=9999&view=%3Cscript%3E&threshold=1e9&model=/etc/passwd&kept=-1")
    assert visitor.data("resolution") == "448" and visitor.data("view") == "side" and visitor.data("pinned") is None
    assert "999" in visitor.words("alert")


def test_bad_files_leave_the_picture(visit):
    visitor = visit()
    page = visitor.page
    shown, drawn = visitor.data("token"), visitor.pixels("photo")
    bad = {"notes.jpg": b"this is a text", "empty.png": b"", "cut.jpg": photo_bytes("JPEG", (900, 700))[:4000],
           "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
           "dot.png": photo_bytes(size=(1, 1))}
    for name, data in bad.items():
        visitor.upload(name, data)
        page.locator("[data-photo-alert]").wait_for(state="visible")
        said = page.locator("[data-photo-alert] p").inner_text()
        assert said.endswith(".") and "\n" not in said and "Traceback" not in said, said
        assert visitor.data("token") == shown
        page.locator("[data-photo-alert] button").click()
        assert not page.locator("[data-photo-alert]").is_visible()
    page.mouse.move(2, 2)
    visitor.settle()
    assert visitor.pixels("photo") == drawn
    visitor.upload("good.png", photo_bytes(seed=4))
    visitor.wait("stage.state === 'ready' && status.includes('good.png')")


def test_a_hostile_name_is_text(visit):
    visitor = visit()
    visitor.upload(HOSTILE, photo_bytes(seed=5))
    visitor.wait("stage.state === 'ready' && status.includes(value)", HOSTILE)
    assert visitor.page.locator('img[src="x"]').count() == 0
    visitor.upload(HOSTILE.replace(".png", ".jpg"), b"no picture")
    visitor.page.locator("[data-photo-alert]").wait_for(state="visible")
    assert visitor.page.locator('img[src="x"]').count() == 0  # a dialog would be among the problems


def test_a_dropped_file_is_analysed(visit):
    visitor = visit()
    visitor.page.evaluate("""(bytes) => { const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
        const told = { dataTransfer: transfer, bubbles: true, cancelable: true };
        for (const name of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(name, told));
        }""", list(photo_bytes(seed=6)))
    visitor.wait("stage.state === 'ready' && status.includes('dropped.png')")
    visitor.page.evaluate("""(bytes) => { const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], "pasted.png", { type: "image/png" }));
        document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
        }""", list(photo_bytes(seed=7)))
    visitor.wait("stage.state === 'ready' && status.includes('pasted.png')")


def test_one_visitor_never_sees_anothers_photo(visit):
    one, other = visit(), visit()
    one.upload("a secret.png", photo_bytes(seed=8))
    one.wait("stage.state === 'ready' && status.includes('a secret.png')")
    token = one.data("token")
    other.page.reload()
    other.page.wait_for_selector('[data-stage][data-state="ready"][data-frame]')
    config = other.page.evaluate("fetch('config').then((answer) => answer.text())")
    for held in (other.page.content(), config, json.dumps(other.requests)):
        assert token not in held and "a secret" not in held
    assert examples()[next(iter(examples()))].title in other.words("status")


def test_the_first_screen_holds_it_all(visit):
    visitor = visit(height=800)
    page = visitor.page
    visitor.quiet()
    things = ["#stellar-frame header", "#stellar-frame [role=tablist]", "#stellar-frame .photo-bar",
              "[data-stage] .actions", *(f'[data-panel="{panel}"] canvas' for panel in PANELS)]
    boxes = [page.locator(thing).bounding_box() for thing in things]
    boxes += [chip.bounding_box() for chip in page.locator("[data-chip]").all()]
    for box in boxes:
        assert box["x"] >= 0 and box["y"] >= 0 and box["x"] + box["width"] <= 1280 and box["y"] + box["height"] <= 800
    assert not page.locator("[data-adjust]").is_visible()
    words = page.locator(".chip-name").all_inner_texts()
    assert len(set(words)) == 16 and not any(word.strip().isdigit() for word in words)
    # whole: its box holds the canvas, and that is not cut
    assert not page.locator(".chip-picture").evaluate_all(
        "(all) => all.filter((one) => one.scrollHeight > one.clientHeight + 1)")


def test_a_portrait_uses_the_height_and_a_panorama_stands_two_by_two(visit):
    visitor = visit(height=800, query="?photo=dogs")
    boxes = [visitor.canvas(panel).bounding_box() for panel in PANELS]
    assert boxes[0]["height"] >= 0.58 * (800 - boxes[0]["y"])
    assert len({round(box["y"]) for box in boxes}) == 1
    visitor.page.locator('[data-example="victoria-memorial"]').click()
    visitor.wait("stage.state === 'ready' && status === value", examples()["victoria-memorial"].title)
    boxes = [visitor.canvas(panel).bounding_box() for panel in PANELS]
    assert len({round(box["y"]) for box in boxes}) == len({round(box["x"]) for box in boxes}) == 2


def test_adjust_keeps_its_state(visit):
    visitor = visit()
    page = visitor.page
    button = page.locator('[data-control="adjust"]')
    assert button.get_attribute("aria-expanded") == "false"
    visitor.choose("style", "blocky")
    page.locator('[data-tab="models"]').click()
    page.locator('[data-tab="explore"]').click()
    assert page.locator("[data-adjust]").is_visible()
    page.wait_for_timeout(400)  # until it is written
    page.reload()
    page.wait_for_selector('[data-stage][data-state="ready"][data-frame]')
    assert button.get_attribute("aria-expanded") == "true" and page.locator("[data-adjust]").is_visible()
    assert page.locator('[data-control="style"] [data-option="blocky"] input').is_checked()
    button.click()
    assert not page.locator("[data-adjust]").is_visible()


def test_back_undoes_pin_view_and_photo_one_by_one(visit):
    visitor = visit()
    page = visitor.page
    example = list(examples())[1]
    page.locator(f'[data-example="{example}"]').click()
    visitor.wait("stage.state === 'ready' && status === value", examples()[example].title)
    visitor.choose("view", "concepts")
    page.locator("[data-chip]").first.click()
    visitor.settle()
    assert visitor.data("pinned") is not None and visitor.data("view") == "concepts"
    visitor.back()
    assert visitor.data("pinned") is None and visitor.data("view") == "concepts"
    visitor.back()
    assert visitor.data("view") == "side" and visitor.words("status") == examples()[example].title
    visitor.back()
    visitor.wait("stage.state === 'ready' && status === value", examples()[next(iter(examples()))].title)
    page.go_forward()
    visitor.wait("stage.state === 'ready' && status === value", examples()[example].title)


def test_similar_patches_are_a_mode(visit):
    visitor = visit()
    visitor.page.locator('[data-control="mode"] [data-option="similar"]').click()
    visitor.settle()
    assert visitor.data("similar") is None
    visitor.point(0.4, 0.5)
    drawn = visitor.pixels("photo")
    assert visitor.data("similar") is not None and "row" in visitor.words("readout")
    visitor.point(0.4, 0.5, click=True)
    assert visitor.data("pinned") is None
    visitor.page.mouse.move(2, 2)
    visitor.settle()
    assert visitor.pixels("photo") == drawn, "it stays to be looked at"
    visitor.page.locator('[data-control="mode"] [data-option="concept"]').click()
    visitor.settle()
    assert visitor.data("similar") is None


def test_the_tour_comes_once_and_can_be_skipped(visit):
    visitor = visit(has_tour=True)
    page = visitor.page
    card = page.locator("[data-tour-card]")
    assert "1 of 4" in card.inner_text()
    page.locator('[data-tour="skip"]').click()
    assert not card.is_visible()
    page.reload()
    page.wait_for_selector('[data-stage][data-state="ready"][data-frame]')
    assert not card.is_visible()
    page.evaluate("document.dispatchEvent(new Event('stellar-tour'))")
    for step in range(1, 5):
        assert f"{step} of 4" in card.inner_text()
        box = card.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1280
        page.locator('[data-tour="next"]').click()
    assert not card.is_visible()


def test_a_phone(visit):
    visitor = visit(width=390, height=844)
    page = visitor.page

    def fits() -> bool:
        return page.evaluate("document.scrollingElement.scrollWidth") <= 390

    assert fits()
    box = visitor.canvas("photo").bounding_box()
    assert box["width"] > 300 and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert not any(visitor.canvas(panel).is_visible() for panel in PANELS[1:])
    chip = page.locator("[data-chip]").first
    below = chip.bounding_box()["y"] - box["y"] - box["height"]
    assert 0 <= below < 80 and chip.bounding_box()["y"] < 844

    page.locator('[data-control="front"] [data-option="features"]').click()
    visitor.settle()
    assert visitor.canvas("features").is_visible() and not visitor.canvas("photo").is_visible()

    assert not page.locator("[data-pinned-bar]").is_visible()
    chip.click()
    visitor.settle()
    bar = page.locator("[data-pinned-bar]")
    said = bar.inner_text()
    assert visitor.word(visitor.data("pinned")).strip() in said and "of the photo" in said and fits()
    page.locator("[data-pinned-bar] >> text=Unpin").click()
    visitor.settle()
    assert visitor.data("pinned") is None and not bar.is_visible()
    for view in ("compare", "entropy", "side"):
        visitor.choose("view", view)
        assert fits(), view


@pytest.mark.parametrize("resolution", [224, 1024])
def test_the_browsers_numbers_are_pythons(visit, explorer, resolution):
    study = explorer.study(explorer.example("chelsea"), model="nano", resolution=resolution)
    analysis = study.analysis
    thresholds = [0.5, 1, 2.5]
    found = visit().page.evaluate("""async ([analysis, thresholds]) => {
        const base = window.gradio_config?.root ?? new URL(".", document.baseURI).href;
        const address = (name) => new URL(`stellar/web/${name}`, base.endsWith("/") ? base : `${base}/`).href;
        const maths = await import(address("drawing/factorization.js"));
        const { fetchArrays } = await import(address("shared/server.js"));
        const grid = maths.openGrid(analysis, (await fetchArrays(analysis)).arrays);
        const tokens = Array.from({ length: analysis.num_tokens }, (_, token) => token);
        return {
            masks: thresholds.map((threshold) => tokens.map((token) => [...maths.tokenMask(grid, token, threshold)])),
            colours: [...maths.lowRankColours(grid, "photo", tokens)], strongest: [...grid.strongest],
            inside: tokens.map((token) => maths.isInside(grid, token)),
        }; }""", [package(study).manifest["analysis"], thresholds])
    shares = analysis.localization.T
    for threshold, masks in zip(thresholds, found["masks"], strict=True):
        near = np.abs(shares - threshold / analysis.num_tokens) <= analysis.peak[:, None] / 255
        truth = analysis.masks(threshold).reshape(shares.shape)
        np.testing.assert_array_equal(np.array(masks, bool)[~near], truth[~near])
    truth = study.bases["photo"].colours(analysis.low_rank).astype(int)
    assert np.abs(np.array(found["colours"]).reshape(-1, 3) - truth).max() <= 2
    chosen = np.array(found["strongest"])
    lost = shares.max(axis=0) - shares[chosen, np.arange(len(chosen))]
    assert lost.max() <= analysis.peak.max() / 255, "another concept than the strongest, by more than the rounding"
    edge = np.ones(analysis.patch_grid, bool)
    edge[1:-1, 1:-1] = False
    along = shares[:, edge.ravel()].mean(axis=1) / shares.mean(axis=1)
    clear = np.abs(along - 0.5) > 0.01
    np.testing.assert_array_equal(np.array(found["inside"])[clear], along[clear] < 0.5)
    assert {True, False} <= set(found["inside"])


def test_the_picture_is_where_the_photo_is(visit):
    """Left half red, right half blue: on the stage, too."""
    picture = Image.new("RGB", (320, 160), (220, 20, 20))
    picture.paste((20, 20, 220), (160, 0, 320, 160))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    visitor = visit()
    visitor.upload("halves.png", buffer.getvalue())
    visitor.wait("stage.state === 'ready' && status.includes('halves.png')")
    visitor.page.mouse.move(2, 2)
    visitor.settle()
    shown = open_photo(base64.b64decode(visitor.pixels("photo").split(",")[1]))
    assert shown.width / shown.height == pytest.approx(2, rel=0.02)
    left, right = (np.asarray(shown)[:, slice(*span)].mean(axis=(0, 1)) for span in (
        (0, shown.width // 2 - 4), (shown.width // 2 + 4, None)))
    assert left[0] > 150 > left[2] and right[2] > 150 > right[0]
