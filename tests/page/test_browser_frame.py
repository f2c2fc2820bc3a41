"""The page's frame in real Chromium: there before Gradio's app, one photo everywhere, Back, and what is given."""

import io

import pytest
from PIL import Image

pytestmark = pytest.mark.browser

PATIENCE = 60_000
TABS = ("explore", "retrieve", "atlas", "reconstruct", "edit", "models")
WIDTHS = {1280: 800, 390: 844}
CURRENT = '.photo-strips .example[aria-pressed="true"]'
# Before the page's own scripts: what moves without a key or a click, and whether the frame was painted before the app.
WATCH = """
    window.shift = 0;
    const seen = (list) => list.getEntries().forEach((one) => { window.shift += one.hadRecentInput ? 0 : one.value; });
    new PerformanceObserver(seen).observe({ type: "layout-shift", buffered: true });
    new MutationObserver((_, observer) => {
        if (!document.querySelector("#stellar-panels")) return;
        window.paintedBefore = performance.getEntriesByName("first-contentful-paint").length > 0;
        observer.disconnect();
    }).observe(document, { childList: true, subtree: true });
"""


def picture(colour, size=(96, 64), **options) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, options.pop("format", "JPEG"), **options)
    return buffer.getvalue()


def file(name, data, kind="image/jpeg"):
    return {"name": name, "mimeType": kind, "buffer": data}


@pytest.fixture
def visit(browser, served):
    """-> a function that opens the page; at the end, no script may have failed."""
    contexts, problems = [], []

    def visit(query="", *, width=1280, context=None, ready=True, script=WATCH):
        if context is None:
            context = browser.new_context(viewport={"width": width, "height": WIDTHS[width]})
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.add_init_script(script)
        page.goto(served.url + query)
        if ready:
            page.wait_for_selector(CURRENT, state="attached")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not problems


def is_current(page, name):
    page.locator(f'{CURRENT}[aria-label="{name}"]').wait_for()


def add(page, *files):
    page.set_input_files('[data-control="file"]', files=list(files))


def open_tab(page, tab):
    page.locator(f"#tab-{tab}").click()
    page.wait_for_function("(tab) => document.body.dataset.tab === tab", arg=tab)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("tab", TABS)
def test_the_frame_is_painted_first_and_nothing_moves(visit, tab, width):
    fetched = []
    page = visit(f"?tab={tab}", width=width, ready=False)
    page.on("request", lambda request: fetched.append(request.url))
    page.wait_for_function("(tab) => document.querySelector(`#panel-${tab}`)?.children.length > 0", arg=tab)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.paintedBefore")
    assert page.evaluate("window.shift") < 0.02
    scripts = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert not [other for other in TABS if other != tab and any(f"/{other}/{other}.js" in name for name in scripts)]
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    boxes = page.locator("[role=tab]").evaluate_all("(tabs) => tabs.map((tab) => tab.getBoundingClientRect().toJSON())")
    assert len(boxes) == 6 and all(box["left"] >= 0 and box["right"] <= width for box in boxes)
    assert all(box["height"] >= 34 and box["width"] >= 24 for box in boxes)


def test_one_photo_everywhere_and_back(visit):
    page = visit()
    first = page.locator(CURRENT).get_attribute("aria-label")
    other = page.locator(".photo-strips .example").nth(2).get_attribute("aria-label")
    page.locator(".photo-strips .example").nth(2).click()
    open_tab(page, "edit")
    is_current(page, other)
    assert other in page.locator("[data-photo-caption]").inner_text()
    page.go_back()
    page.wait_for_function("() => document.body.dataset.tab === 'explore'")
    is_current(page, other)
    page.go_back()
    is_current(page, first)
    page.go_forward()
    is_current(page, other)


def test_ten_photos_of_which_three_are_broken(visit):
    page = visit()
    files = [file(f"good-{number}.jpg", picture((number * 30, 90, 20))) for number in range(7)]
    broken = [file("empty.jpg", b""), file("film.mp4", b"x" * 50, "video/mp4"), file("torn.jpg", b"\xff\xd8nothing")]
    add(page, *files[:3], *broken, *files[3:])
    page.wait_for_function("() => document.querySelectorAll('[data-own] .example').length === 7")
    page.locator("[data-photo-alert]").wait_for()
    said = page.locator("[data-photo-alert] p").all_inner_texts()
    assert len(said) == 3 and all(any(name in line for line in said) for name in ("empty.jpg", "film.mp4", "torn.jpg"))
    is_current(page, "good-0.jpg")
    own = page.locator("[data-own] .example")
    assert [one.get_attribute("aria-label") for one in own.all()] == [f"good-{number}.jpg" for number in range(7)]
    page.reload()
    is_current(page, "good-0.jpg")
    assert own.count() == 7
    own.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Delete")
    page.wait_for_function("() => document.querySelectorAll('[data-own] .example').length === 6")
    page.get_by_label("Remove good-0.jpg").focus()
    box = page.get_by_label("Remove good-0.jpg").bounding_box()
    assert min(box["width"], box["height"]) >= 24
    page.keyboard.press("Enter")
    is_current(page, "good-2.jpg")
    assert "good" not in page.evaluate("location.href") and "photo=" not in page.evaluate("location.href")


def test_a_photo_that_the_server_lost_is_said_after_a_reload(visit, served):
    page = visit()
    add(page, file("lost.jpg", picture((1, 2, 3))), file("kept.jpg", picture((3, 2, 1))))
    page.wait_for_function("() => document.querySelectorAll('[data-own] .example').length === 2")
    is_current(page, "lost.jpg")
    page.route("**/stellar/photos", lambda route: route.fulfill(status=404, body="It is gone.")
               if page.locator('.example[aria-label="lost.jpg"]').get_attribute("data-photo") in route.request.post_data
               else route.continue_())
    page.reload()
    page.locator("[data-photo-alert]").wait_for()
    assert "lost.jpg is no longer on the server; add it again" in page.locator("[data-photo-alert]").inner_text()
    assert page.locator("[data-own] .example").count() == 1
    assert page.locator(CURRENT).get_attribute("data-example")


def test_a_photo_over_the_limit_is_made_smaller_and_said(visit, served):
    page = visit()
    noise = Image.effect_noise((3000, 3000), 90).convert("RGB")
    buffer = io.BytesIO()
    noise.save(buffer, "PNG", compress_level=0)
    assert len(buffer.getvalue()) > 12 * 2**20
    add(page, file("large.png", buffer.getvalue(), "image/png"))
    is_current(page, "large.png")
    page.wait_for_function("() => document.querySelector('[data-photo-status]').textContent.includes('made smaller')")


def test_a_pasted_or_dropped_address_says_what_to_do(visit):
    page = visit()
    paste = """(text) => { const data = new DataTransfer(); data.setData("text/plain", text);
        const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event); }"""
    page.evaluate(paste, "https://elsewhere.test/dog.jpg")
    alert = page.locator("[data-photo-alert]")
    assert "Save the picture and drop it here" in alert.inner_text()
    alert.get_by_label("Dismiss").click()
    assert alert.is_hidden()
    page.evaluate(paste, "just words")
    assert alert.is_hidden()
    drop = """() => { const data = new DataTransfer(); data.setData("text/uri-list", "https://elsewhere.test/dog.jpg");
        const event = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event); return event.defaultPrevented; }"""
    assert page.evaluate(drop) and alert.is_visible()


def test_two_browser_tabs_at_once(visit):
    one = visit()
    other = visit("?photo=kitten", context=one.context)
    add(one, file("mine.jpg", picture((9, 9, 9))))
    is_current(one, "mine.jpg")
    assert other.locator("[data-own] .example").count() == 0
    fourth = other.locator(".photo-strips .example").nth(3)
    fourth.click()
    other.reload()
    other.wait_for_selector(CURRENT)
    assert fourth.get_attribute("aria-pressed") == "true"
    is_current(one, "mine.jpg")


def test_storage_switched_off(visit):
    off = """for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, {
        get() { throw new DOMException("Access is denied", "SecurityError"); } });"""
    page = visit(script=off)
    add(page, file("mine.jpg", picture((9, 9, 9))))
    is_current(page, "mine.jpg")
    page.locator('[data-action="theme"]').click()
    assert page.evaluate("document.body.classList.contains('dark')")


def test_the_chosen_theme_stays(visit):
    page = visit("?__theme=light")
    assert not page.evaluate("document.body.classList.contains('dark')")
    page.locator('[data-action="theme"]').click()
    page.wait_for_selector("#stellar-panels")
    assert page.evaluate("document.body.classList.contains('dark')")
    page.reload()
    page.wait_for_selector("#panel-explore > *", state="attached")
    assert page.evaluate("document.body.classList.contains('dark')")
    assert page.locator('[data-action="theme"]').get_attribute("aria-pressed") == "true"


def test_keys_of_the_frame(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.wait_for_selector("#panel-explore > *", state="attached")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "panel-explore"
    page.locator("#tab-explore").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.id") == "tab-models"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.body.dataset.tab") == "explore"  # not before Enter
    page.keyboard.press("Enter")
    assert page.evaluate("document.body.dataset.tab") == "retrieve"
    page.locator(CURRENT).focus()
    page.keyboard.press("End")
    last = page.evaluate("document.activeElement.dataset.example")
    box = page.evaluate("document.activeElement.getBoundingClientRect().toJSON()")
    assert last == page.locator(".photo-strips .example").last.get_attribute("data-example") and box["right"] <= 1280
    page.keyboard.press("Enter")
    assert page.locator(CURRENT).get_attribute("data-example") == last
    assert page.evaluate("""() => [...document.querySelectorAll(".photo-strips .example")]
        .filter((tile) => tile.tabIndex === 0).length""") == 1


def test_help_the_tour_and_the_keyboard(visit):
    page = visit("?tab=models")
    page.wait_for_selector("#panel-models > *", state="attached")
    page.evaluate("document.addEventListener('stellar-tour', () => { window.toured = document.body.dataset.tab; })")
    page.keyboard.press("?")
    page.locator('[data-dialog="keyboard"]').wait_for()
    page.keyboard.press("Escape")
    page.locator('[data-action="help"]').click()
    words = page.locator('[data-dialog="help"]').inner_text()
    assert all(word in words for word in (*(tab.capitalize() for tab in TABS), "never in a link"))
    page.locator('[data-action="tour"]').click()
    page.wait_for_function("() => window.toured === 'explore'")
    assert page.locator('[data-dialog="help"]').is_hidden()
