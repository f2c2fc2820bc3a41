"""The Edit tab in real Chromium: concepts moved, erased, swapped and taken back, and recipes that replay the same."""

import base64
import io
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from PIL import Image

from model.operations.inpainting import LEAST_OF_PEAK, place_of
from stellar_explorer.__main__ import main
from stellar_explorer.examples import examples
from stellar_explorer.page.demo import build, launch
from stellar_explorer.retrieve.collections import Collections
from tests.axe import violations
from tests.fakes.collections import photo_bytes, with_examples
from tests.fakes.edits import NUM_TOKENS, decoding_explorer

pytestmark = pytest.mark.browser

PATIENCE = 60_000
FIRST, SECOND = list(examples())[:2]
PHOTO = ".edit-photo [data-edit-canvas]"
HOSTILE = '${alert(1)}{{x}}<img src=x onerror="alert(1)">.png'


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    return decoding_explorer(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def address(explorer, tmp_path_factory):
    collections = Collections(explorer, cache=tmp_path_factory.mktemp("cache"))
    with_examples(collections)
    demo = build(explorer)
    _, url, _ = launch(demo, explorer, None, collections, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield url
    demo.close(verbose=False)
    collections.close()


class Visitor:
    """One browser context on the Edit tab, and what a test wants to know of it."""

    def __init__(self, browser, url: str, *, width: int = 1280, height: int = 800, query: str = "?tab=edit",
                 touch: bool = False) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, has_touch=touch)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.url, self.problems, self.requests = url, [], []
        self.page = page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: (self.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(url + query)
        if "tab=edit" in query:
            self.settle()

    def settle(self) -> None:
        """Until nothing is under way and what came is drawn."""
        ready = """() => { const root = document.querySelector("[data-edit]");
            return root.dataset.state === "ready" && root.dataset.decoding === "no" && root.dataset.answers
                && !root.hasAttribute("aria-busy"); }"""
        self.page.wait_for_selector("[data-edit]", state="attached")
        for _ in range(2):
            self.page.wait_for_function(ready)
            self.page.wait_for_timeout(300)  # two frames, and the address is written a little later

    def find(self, selector: str):
        return self.page.locator(f"[data-edit] {selector}")

    def click(self, selector: str, at: int = 0) -> None:
        self.find(selector).nth(at).click()
        self.settle()

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)
        self.settle()

    @property
    def edits(self) -> list[str]:
        return self.find("[data-edits] li .edit-words").all_inner_texts()

    @property
    def chosen(self) -> list[int]:
        return [int(token) for token in self.page.locator("[data-edit]").get_attribute("data-chosen").split()]

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    def picture(self) -> np.ndarray:
        """The decoded picture as it is on the screen."""
        url = self.find("[data-decoded]").evaluate("(canvas) => canvas.toDataURL()")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"), np.int16)

    def photo(self) -> np.ndarray:
        """The edited photo as it is on the screen."""
        url = self.find(PHOTO).evaluate("(canvas) => canvas.toDataURL()")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"), np.int16)

    def place(self, u: float, v: float, selector: str = PHOTO) -> tuple[float, float]:
        self.find(selector).scroll_into_view_if_needed()
        box = self.find(selector).bounding_box()
        return box["x"] + u * box["width"], box["y"] + v * box["height"]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*self.place(*start))
        mouse.down()
        mouse.move(*self.place(*((a + b) / 2 for a, b in zip(start, end, strict=True))), steps=3)
        mouse.move(*self.place(*end), steps=3)
        mouse.up()
        self.settle()

    def slide(self, name: str, value: float) -> None:
        self.find(f'[data-control="{name}"]').fill(str(value))
        self.settle()

    def save(self, action: str = "save") -> bytes:
        self.find(".edit-save summary").click()
        with self.page.expect_download() as coming:
            self.find(f'[data-action="{action}"]').click()
        self.saved = coming.value.suggested_filename
        return Path(coming.value.path()).read_bytes()

    def load(self, recipe: bytes) -> None:
        self.page.set_input_files('[data-edit] [data-control="recipe"]', files=[
            {"name": "recipe.json", "mimeType": "application/json", "buffer": recipe}])

    def upload(self, name: str, data: bytes) -> None:
        """Through the strip of photos, as for every tab; it is the photo that is looked at then."""
        self.page.set_input_files('.photo-bar [data-control="file"]', files=[
            {"name": name, "mimeType": "image/png", "buffer": data}])
        self.page.wait_for_selector('.photo-own [aria-pressed="true"]')
        self.settle()


def differ(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape != other.shape or int(np.abs(one - other).max()) > 4


# Edits by hand


def test_a_drag_moves_and_undo_takes_it_back(visit):
    visitor = visit()
    assert visitor.query["tab"] == "edit" and "Experimental" in visitor.find(".edit-rough").inner_text()
    plain, photo = visitor.picture(), visitor.photo()
    visitor.drag((0.3, 0.5), (0.6, 0.5))
    assert visitor.chosen and len(visitor.edits) == 1 and "moved 30 % right" in visitor.edits[0]
    moved = visitor.picture()
    assert differ(plain, moved) and differ(photo, visitor.photo())

    visitor.find('[data-action="undo"]').click()
    visitor.settle()
    assert visitor.edits == [] and not differ(visitor.picture(), plain)
    visitor.page.keyboard.press("Escape")
    visitor.page.mouse.move(0, 0)
    visitor.settle()
    assert (visitor.photo() == photo).all()
    visitor.find('[data-action="redo"]').click()
    visitor.settle()
    assert len(visitor.edits) == 1 and not differ(visitor.picture(), moved)
    visitor.press("Control+z")
    assert visitor.edits == [] and not differ(visitor.picture(), plain)
    visitor.press("Control+Shift+z")
    assert len(visitor.edits) == 1 and not differ(visitor.picture(), moved)


def test_what_was_before_shows_while_it_is_held(visit):
    visitor = visit()
    plain = visitor.picture()
    visitor.find("[data-chip]").first.click()
    visitor.click('[data-action="erase"]')
    after = visitor.picture()
    assert differ(plain, after)
    visitor.find('[data-action="before"]').hover()
    visitor.page.mouse.down()
    assert not differ(visitor.picture(), plain)
    visitor.page.mouse.up()
    assert not differ(visitor.picture(), after)
    visitor.page.keyboard.down("b")
    assert not differ(visitor.picture(), plain)
    visitor.page.keyboard.up("b")
    assert not differ(visitor.picture(), after)


def test_what_is_outlined_is_what_is_erased(visit, explorer):
    visitor = visit()
    study = explorer.study(explorer.example(FIRST), model=explorer.models[0], resolution=448)
    share = study.analysis.localization[:, 1]
    peak, even = share.max(), 1 / NUM_TOKENS
    inside = visitor.page.evaluate("""async ([codes, peak, numTokens]) => {
        const root = window.gradio_config?.root ?? location.origin;
        const { fieldOf } = await import(new URL("stellar/web/edit/cutout/field.js", root + "/").href);
        const grid = { numPatches: codes.length, codes: Uint8Array.from(codes), peak: [peak], numTokens };
        const { field, limit } = fieldOf(grid, [0]);
        return [...field].map((value) => value > limit);
    }""", [(255 * share / peak).round().astype(int).tolist(), float(peak), NUM_TOKENS])
    limit = max(even, LEAST_OF_PEAK * peak)
    is_near = abs(share - limit) <= peak / 255
    place = place_of(torch.from_numpy(share.copy())[None], even=even)[0].numpy()
    assert even < 0.75 * peak and (place == inside)[~is_near].all()


def test_each_edit_by_its_control_and_each_taken_back_alone(visit):
    visitor = visit()
    chips = visitor.find("[data-chip]")
    first, second = (int(chips.nth(at).get_attribute("data-chip")) for at in (0, 1))
    chips.nth(0).click()
    assert visitor.chosen == [first]
    chips.nth(1).click(modifiers=["Shift"])
    assert visitor.chosen == [first, second]
    visitor.click('[data-action="clone"]')
    assert visitor.chosen == [NUM_TOKENS, NUM_TOKENS + 1] and chips.count() == NUM_TOKENS + 2
    visitor.slide("scale", 1)
    visitor.slide("scale", 0.5)
    visitor.slide("strength", -3)
    chips.nth(1).click()
    visitor.click(f'[data-chip="{NUM_TOKENS}"]')
    assert visitor.chosen == [NUM_TOKENS]  # a copy, and not what it is a copy of
    visitor.click(f'[data-chip="{NUM_TOKENS + 1}"]')
    visitor.find(f'[data-chip="{NUM_TOKENS}"]').click(modifiers=["Shift"])
    visitor.find(PHOTO).focus()
    visitor.press("ArrowDown")
    visitor.press("Shift+ArrowDown")
    chips.nth(0).click()
    visitor.click('[data-action="erase"]')
    words = visitor.edits
    for word in ("copied", "larger, 1.41", "weakened by 3.0", "down"):
        assert any(word in said for said in words), word
    assert len(words) == 5 and words[-1].endswith(": removed") and visitor.chosen == []
    assert words[1].startswith("Copies of ") and not any(said.startswith("Concept") for said in words)
    assert visitor.find(f'[data-chip="{first}"]').get_attribute("data-dropped") == ""

    # The copies go, and with them what was done to them.
    visitor.click('[data-remove="0"]')
    assert visitor.edits == words[-1:] and chips.count() == NUM_TOKENS
    visitor.click('[data-action="undo"]')
    assert visitor.edits == words
    visitor.click('[data-remove="2"]')
    assert visitor.edits == words[:2] + words[3:]
    visitor.click('[data-action="clear"]')
    assert visitor.edits == []


def test_the_wheel_scrolls_and_with_control_it_scales(visit):
    visitor = visit()
    scrolled = "document.scrollingElement.scrollTop"
    visitor.page.mouse.click(*visitor.place(0.5, 0.5))
    visitor.settle()
    visitor.page.mouse.move(*visitor.place(0.5, 0.5))
    before = visitor.page.evaluate(scrolled)
    visitor.page.keyboard.down("Control")
    for _ in range(2):
        visitor.page.mouse.wheel(0, -100)
        visitor.page.wait_for_timeout(200)
    visitor.page.keyboard.up("Control")
    visitor.settle()
    assert len(visitor.edits) == 1 and "larger" in visitor.edits[0]
    assert visitor.page.evaluate(scrolled) == before
    visitor.page.mouse.wheel(0, 300)
    visitor.page.wait_for_function(f"(before) => {scrolled} > before", arg=before)
    assert len(visitor.edits) == 1
    visitor.page.keyboard.press("Escape")
    assert visitor.chosen == []


def test_while_one_drags_the_photo_follows_without_a_request(visit):
    visitor = visit()
    visitor.page.mouse.click(*visitor.place(0.5, 0.5))
    visitor.settle()
    # The redraw is asked for beside it, and never waited for.
    visitor.page.route("**/stellar/edit/*", lambda route: None)
    visitor.requests.clear()
    seen = [visitor.photo()]
    visitor.page.mouse.move(*visitor.place(0.5, 0.5))
    visitor.page.mouse.down()
    for step in range(1, 4):
        visitor.page.mouse.move(*visitor.place(0.5 + step / 20, 0.5))
        visitor.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        seen.append(visitor.photo())
    assert all(differ(one, other) for one, other in zip(seen, seen[1:], strict=False))
    beside = ("/stellar/edit/", "/stellar/line.json", ".js")  # a script is that of the worker
    assert not [url for url in visitor.requests if not any(part in url for part in beside)]
    assert len([url for url in visitor.requests if "/stellar/edit/" in url]) == 1
    visitor.page.unroute("**/stellar/edit/*")
    visitor.page.mouse.up()


def test_a_drag_asks_for_redraws_one_by_one(visit):
    visitor = visit()
    visitor.page.mouse.click(*visitor.place(0.5, 0.5))
    visitor.settle()
    visitor.requests.clear()
    visitor.page.mouse.move(*visitor.place(0.5, 0.5))
    visitor.page.mouse.down()
    for step in range(1, 30):
        visitor.page.mouse.move(*visitor.place(0.5 + step / 100, 0.5))
    visitor.page.mouse.up()
    visitor.settle()
    asked = [url for url in visitor.requests if "/stellar/edit/" in url]
    assert 1 <= len(asked) < 20 and len(visitor.edits) == 1
    assert not any("/studies" in url for url in asked)  # of the encoder nothing is asked


def test_pictures_and_tools_are_on_the_first_screen(visit):
    visitor = visit()
    assert not violations(visitor.page, "[data-edit]")
    for selector in (PHOTO, "[data-decoded]", "[data-chips]", *(f'[data-action="{name}"]' for name in
                                                               ("erase", "clone", "undo", "redo", "clear"))):
        box = visitor.find(selector).first.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 800, selector


def test_the_cut_out_is_saved_transparent_around_it_and_the_photo_whole(visit, explorer):
    visitor = visit()
    visitor.page.mouse.click(*visitor.place(0.5, 0.5))
    visitor.settle()
    cutout = Image.open(io.BytesIO(visitor.save("cutout")))
    title = "-".join(examples()[FIRST].title.split())
    assert cutout.mode == "RGBA" and visitor.saved == f"stellar-{title}-cutout.png"
    alpha = np.asarray(cutout)[..., 3]
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert (alpha == 255).any() and (alpha == 0).any()
    assert (border == 0).all()

    visitor.click('[data-action="erase"]')
    photo = Image.open(io.BytesIO(visitor.save("photo")))
    shown = Image.open(io.BytesIO(explorer.example(FIRST).display))
    assert photo.size == shown.size and np.asarray(photo.convert("RGBA"))[..., 3].min() == 255
    assert differ(np.asarray(photo.convert("RGB"), np.int16), np.asarray(shown.convert("RGB"), np.int16))


def test_edits_stay_with_their_photo_over_others_and_over_a_reload(visit):
    visitor = visit()
    visitor.drag((0.3, 0.5), (0.6, 0.5))
    words = visitor.edits
    visitor.page.click(f'.photo-bar [data-example="{SECOND}"]')
    visitor.page.wait_for_function("() => document.querySelector('[data-edit]').dataset.edits === '0'")
    visitor.settle()
    assert visitor.edits == []
    visitor.page.go_back()
    visitor.page.wait_for_function("() => document.querySelector('[data-edit]').dataset.edits === '1'")
    visitor.settle()
    assert visitor.edits == words and visitor.find('[data-action="undo"]').is_enabled()
    visitor.page.wait_for_timeout(400)  # the history is written a little later
    visitor.page.reload()
    visitor.settle()
    assert visitor.edits == words
    visitor.click('[data-action="undo"]')
    assert visitor.edits == []


# Another photo


def test_another_photo_gives_its_what_its_where_and_both_by_degrees(visit):
    visitor = visit()
    plain = visitor.picture()
    assert visitor.find('[data-action="swap-what"]').is_hidden()
    visitor.click(f'[data-other-example="{SECOND}"]')
    assert visitor.find('[data-action="swap-what"]').is_disabled()
    visitor.find("[data-chip]").first.click()
    visitor.page.mouse.click(*visitor.place(0.5, 0.5, "[data-other] [data-edit-canvas]"))
    photo = visitor.photo()
    visitor.click('[data-action="swap-what"]')
    title = examples()[SECOND].title
    assert title in visitor.edits[0] and differ(visitor.picture(), plain) and differ(visitor.photo(), photo)
    assert visitor.find("[data-redraw-only]").is_hidden()  # another's appearance is cut out too
    visitor.click('[data-action="clear"]')
    assert not differ(visitor.picture(), plain)

    visitor.click('[data-action="swap-where"]')
    swapped = visitor.picture()
    assert visitor.edits == [f"All concepts at the positions of {title}"] and differ(swapped, plain)
    assert visitor.find("[data-redraw-only]").is_visible()
    visitor.click('[data-action="undo"]')
    visitor.slide("morph-where", 1)
    assert not differ(visitor.picture(), swapped)
    visitor.slide("morph-where", 0.5)
    visitor.slide("morph-what", 0.5)
    assert visitor.edits == [f"Blended with {title}: 50 % of appearance, 50 % of position"]
    visitor.slide("morph-where", 0)
    visitor.slide("morph-what", 0)
    assert visitor.edits == [] and not differ(visitor.picture(), plain)


def test_photo_and_concept_come_from_other_tabs(visit):
    visitor = visit(query=f"?photo={SECOND}&concept=2")
    visitor.page.wait_for_selector("#panel-explore")
    visitor.page.get_by_role("tab", name="Edit").click()
    visitor.settle()
    assert visitor.chosen == [2] and visitor.query["photo"] == SECOND and visitor.query["tab"] == "edit"
    other = int(visitor.find("[data-chip]:not([data-chip='2'])").first.get_attribute("data-chip"))
    visitor.click(f'[data-chip="{other}"]')
    assert visitor.query["concept"] == str(other)
    visitor.page.go_back()
    visitor.settle()
    assert visitor.chosen == [2]


# Recipes


def test_a_recipe_replays_the_same_on_the_page_and_by_the_command(visit, explorer, tmp_path):
    visitor = visit()
    visitor.drag((0.3, 0.5), (0.5, 0.4))
    visitor.click(f'[data-other-example="{SECOND}"]')
    visitor.page.mouse.click(*visitor.place(0.5, 0.5, "[data-other] [data-edit-canvas]"))
    visitor.click('[data-action="swap-what"]')
    visitor.slide("morph-where", 0.35)
    words, recipe, drawn = visitor.edits, visitor.save(), visitor.save("picture")
    said = json.loads(recipe)
    assert said["version"] == 2 and said["photo"] == {"example": FIRST} and len(said["edits"]) == 3 == len(words)
    assert said["photos"] == {SECOND: {"example": SECOND}}

    (tmp_path / "recipe.json").write_bytes(recipe)
    out = tmp_path / "out.png"
    assert main(["edit", str(examples()[FIRST].path), "--recipe", str(tmp_path / "recipe.json"), "--out", str(out),
                 "--model", explorer.models[0]]) == 0
    assert out.read_bytes() == drawn

    again = visit()
    again.load(recipe)
    again.page.wait_for_function("() => document.querySelector('[data-edit]').dataset.edits === '3'")
    again.settle()
    assert again.edits == words and again.save("picture") == drawn
    assert json.loads(again.save()) == said


def test_a_recipe_asks_for_the_photos_that_it_lacks(visit, explorer):
    visitor = visit()
    visitor.upload(HOSTILE, photo_bytes(3))
    visitor.page.click(f'.photo-bar [data-example="{FIRST}"]')
    visitor.settle()
    visitor.click("[data-other-photo]")
    assert "alert" in visitor.find(".edit-other-title").inner_text()
    visitor.click('[data-action="swap-where"]')
    recipe, drawn = visitor.save(), visitor.save("picture")
    assert json.loads(recipe)["photos"] == {"photo": {"file": HOSTILE}}

    again = visit()
    again.load(recipe)
    dialog = again.page.locator('[data-dialog="recipe-photo"]')
    dialog.wait_for()
    assert HOSTILE in dialog.inner_text()
    again.page.set_input_files('[data-control="recipe-photo"]', files=[
        {"name": "x.png", "mimeType": "image/png", "buffer": photo_bytes(3)}])
    again.page.wait_for_function("() => document.querySelector('[data-edit]').dataset.edits === '1'")
    again.settle()
    assert again.save("picture") == drawn


@pytest.mark.parametrize(("recipe", "words"), [
    (b"nonsense", "not JSON"),
    (b'{"version": 1, "model": "drawing.safetensors", "edits": [], "colour": 1}', "unknown field colour"),
    (b'{"version": 1, "model": "drawing.safetensors", "width": 768, "edits": []}', "768 numbers wide"),
    (b'{"version": 1, "model": "drawing.safetensors", "edits": [{"edit": "erase", "tokens": [99]}]}',
     "There is no concept 99"),
], ids=["no JSON", "unknown field", "another width", "token out of range"])  # fmt: skip
def test_a_recipe_that_cannot_be_used_is_one_sentence_and_changes_nothing(recipe, words, visit):
    visit.expected.append("400")
    visitor = visit()
    plain = visitor.picture()
    visitor.load(recipe)
    visitor.find("> [data-alert]").wait_for()
    visitor.settle()
    assert words in visitor.find("> [data-alert]").inner_text()
    assert visitor.edits == [] and not differ(visitor.picture(), plain)


# What goes wrong, and who comes how


def test_the_last_concept_stays(visit):
    visit.expected.append("400")
    visitor = visit()
    for chip in visitor.find("[data-chip]").all():
        chip.click(modifiers=["Shift"])
    assert len(visitor.chosen) == NUM_TOKENS
    visitor.find('[data-action="erase"]').click()
    visitor.find("> [data-alert]").wait_for()
    visitor.settle()
    assert "One concept has to stay" in visitor.find("> [data-alert]").inner_text() and visitor.edits == []
    assert not visitor.find('[data-action="redo"]').is_enabled()


def test_what_the_server_has_forgotten_comes_back_with_its_edits(visit, explorer):
    visit.expected.append("404")
    visitor = visit()
    visitor.find("[data-chip]").first.click()
    visitor.click('[data-action="erase"]')
    drawn = visitor.picture()
    explorer.studies._studies._entries.clear()
    visitor.find("[data-chip]").nth(1).click()
    visitor.slide("strength", 2)
    visitor.settle()
    visitor.page.wait_for_function("() => document.querySelector('[data-edit]').dataset.edits === '2'")
    assert visitor.find("> [data-alert]").is_hidden()
    visitor.click('[data-action="clear"]')
    assert differ(visitor.picture(), drawn)


def test_uploads_are_in_no_link_and_in_no_recipe_but_by_name(visit):
    visitor = visit(query=f"?tab=edit&photo={SECOND}")
    assert visitor.query["photo"] == SECOND
    visitor.upload(HOSTILE, photo_bytes(4))
    assert visitor.query == {"tab": "edit"}
    visitor.drag((0.4, 0.5), (0.6, 0.5))
    assert visitor.query == {"tab": "edit"}
    assert json.loads(visitor.save())["photo"] == {"file": HOSTILE} and visitor.saved.endswith("-edits.json")


def test_without_a_decoder_it_is_said_and_the_cut_out_works(browser, tmp_path):
    explorer = decoding_explorer(tmp_path)
    loaded = explorer.stellar(explorer.models[0])
    loaded.decoder = None
    demo = build(explorer)
    _, url, _ = launch(demo, explorer, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    visitor = Visitor(browser, url, query="?tab=edit&photo=" + SECOND)
    before = visitor.photo()
    visitor.drag((0.3, 0.5), (0.6, 0.5))
    assert "came without a decoder" in visitor.find("[data-missing]").inner_text()
    assert len(visitor.edits) == 1 and differ(before, visitor.photo()) and not visitor.problems
    assert not [url for url in visitor.requests if "/stellar/edit/" in url]
    visitor.context.close()
    demo.close(verbose=False)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone(visit, theme):
    visitor = visit(width=390, query=f"?tab=edit&__theme={theme}", touch=True)
    page = visitor.page
    visitor.click(f'[data-other-example="{SECOND}"]')
    page.touchscreen.tap(*visitor.place(0.4, 0.5))
    visitor.settle()
    assert visitor.chosen
    # A finger on what is chosen drags it; elsewhere it scrolls.
    client = page.context.new_cdp_session(page)
    before = visitor.photo()
    for kind, (u, v) in (("touchStart", (0.4, 0.5)), ("touchMove", (0.5, 0.5)), ("touchMove", (0.6, 0.5))):
        x, y = visitor.place(u, v)
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    visitor.settle()
    assert "moved 20 % right" in visitor.edits[0] and differ(before, visitor.photo())
    # Two fingers scale it.
    (x, y), (u, v) = visitor.place(0.6, 0.5), visitor.place(0.7, 0.5)
    fingers = [(x, y)], [(x, y), (u, v)], [(x, y), (2 * u - x, v)]
    for kind, points in zip(("touchStart", "touchStart", "touchMove"), fingers, strict=True):
        points = [{"x": left, "y": top, "id": number} for number, (left, top) in enumerate(points)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    visitor.settle()
    assert len(visitor.edits) == 2 and "larger, 2.0" in visitor.edits[1]
    visitor.click('[data-action="clone"]')
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    assert not violations(page, "[data-edit]")
    for selector in (PHOTO, "[data-decoded]", "[data-chips]", ".edit-tools",
                     "[data-other]", ".edit-done"):
        box = visitor.find(selector).first.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390, selector
    for button in visitor.find(":is(.edit-buttons, .edit-toolbar) .button").all():
        assert button.bounding_box()["height"] >= 34
    tops = [visitor.find(selector).bounding_box()["y"] for selector in (PHOTO, ".edit-toolbar", "[data-chips]",
                                                                        "[data-decoded]")]
    assert tops == sorted(tops)
    sizes = visitor.find(":is(p, span, button, label)").evaluate_all(
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => parseFloat(getComputedStyle(one).fontSize))")
    assert min(sizes) >= 11
