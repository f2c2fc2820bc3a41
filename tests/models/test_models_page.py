"""The Models tab in real Chromium: curves and scores that can be read, a training live, and nothing that runs."""

import json

import pytest

from stellar_explorer.models.library import Library
from stellar_explorer.page.demo import build, launch
from tests.axe import violations
from tests.runs import HOSTILE, append, evaluation, make_run, write_status

pytestmark = pytest.mark.browser

PATIENCE = 60_000  # a page loads in seconds, but not beside a training


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "hostile ${alert(1)}", lines=300, state="stopped", reason=HOSTILE)
    hostile = folder / "hostile ${alert(1)}"
    (hostile / "README.md").write_text(f"# Card {HOSTILE}\n\n{HOSTILE} [link](javascript:alert(4))\n", encoding="utf-8")
    (hostile / "evaluation.json").write_text(json.dumps(evaluation(command=HOSTILE)), encoding="utf-8")
    make_run(folder / "live", lines=60)
    cells = {"stellar-b16": {"imagenet-1k": {"value": 0.75, "made": "2026-11-26", "commit": "abc1234",
                                             "command": HOSTILE}}}
    (hostile / "table-downstream.json").write_text(
        json.dumps({"table": "downstream", "settings": {}, "cells": cells}), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def address(explorer, runs):
    library = Library(("nano",), runs=runs)
    demo = build(explorer, library)
    _, url, _ = launch(demo, explorer, library, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield url
    demo.close(verbose=False)


@pytest.fixture
def visit(browser, address):
    """-> a function that opens the tab; at the end, nothing may be in any console, and no dialog may have opened."""
    contexts, problems = [], []

    def visit(width: int = 1280, query: str = ""):
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: message.type == "error" and problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(f"{address}{query}{'&' if query else '?'}tab=models")  # on a phone the tab is in a menu
        page.wait_for_selector("[data-paper-tables] table" if "entry=tables" in query else
                               "[data-models-record][data-shown]")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not problems


def choose(page, text):
    page.locator(".models-item").filter(has_text=text).click()
    page.wait_for_function("(text) => document.querySelector('.models-head h2')?.textContent.includes(text)", arg=text)


def test_a_running_training_opens_first_and_shows_live(visit, runs):
    page = visit()
    folder = runs / "live"
    assert page.locator(".models-head h2").inner_text() == "live"
    assert "Training now" in page.locator(".models-state").inner_text()
    chart = page.locator('[data-curve="losses/total"] svg')
    assert "step 600" in chart.get_attribute("aria-label")
    assert page.locator("[data-curve]").count() == 9
    page.locator('[data-part="recipe"] summary').click()
    append(folder, 900)
    page.wait_for_function("""() => document.querySelector('[data-curve="losses/total"] svg')
        .getAttribute("aria-label").includes("step 900")""", timeout=12_000)
    assert "Step 900 of 3,000" in page.locator(".models-progress").inner_text()
    assert page.locator('[data-part="recipe"] details').get_attribute("open") is not None  # not closed by the update

    # while another tab is open, nothing is asked for
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.get_by_role("tab", name="Explore").click()
    page.wait_for_timeout(600)
    requests.clear()
    page.wait_for_timeout(5_500)
    assert not [url for url in requests if "stellar/models" in url]
    write_status(folder, "finished")
    page.get_by_role("tab", name="Models").click()
    page.wait_for_function("() => document.querySelector('.models-state').textContent.includes('Finished')")
    # and when nothing runs, nothing either
    requests.clear()
    page.wait_for_timeout(5_000)
    assert not [url for url in requests if "stellar/models" in url]
    write_status(folder)


def test_nothing_that_a_file_says_is_evaluated(visit):
    page = visit()
    choose(page, "hostile")
    page.wait_for_function("() => document.querySelector('#models-card')?.textContent.includes('Card')")
    assert page.locator(".models-head h2").inner_text() == "hostile ${alert(1)}"
    for place in (".models-reason", '[data-part="scores"]', '[data-part="recipe"]', "#models-card"):
        words = page.locator(place).first.text_content()
        assert "${alert(1)} {{x}} <script>alert(2)</script>" in words, place
    for selector in ("[data-models-record] script", "#models-card script", "#models-card img", 'a[href^="javascript"]'):
        assert page.locator(selector).count() == 0


def test_pointer_and_keys_read_all_curves_at_once(visit):
    page = visit()
    choose(page, "hostile")
    chart = page.locator('[data-curve="losses/total"] svg')
    chart.hover()
    readouts = page.locator(".curve-readout").all_text_contents()
    assert len(readouts) == 9 and all(words.startswith("step ") for words in readouts)
    steps = [int(words.split(":")[0].removeprefix("step ").replace(",", "")) for words in readouts]
    assert max(steps) - min(steps) <= 30 and "median" in readouts[0]  # each the nearest that it kept
    page.mouse.move(2, 2)
    assert not any(page.locator(".curve-readout").all_text_contents())
    chart.focus()
    for key, step in (("End", "3,000"), ("ArrowLeft", "2,9"), ("Home", "10")):
        page.keyboard.press(key)
        assert page.locator(".curve-readout").first.text_content().startswith(f"step {step}")


def test_scores_are_bars_and_a_table(visit):
    page = visit()
    choose(page, "hostile")
    bars = page.locator('[data-measure="knn/summary"] .bar-fill')
    nano, peer = (bars.nth(place).bounding_box()["width"] for place in range(2))
    assert peer / nano == pytest.approx(0.6 / 0.7, abs=0.02)
    told = page.locator('[data-measure="knn/summary"]').inner_text()
    assert "higher is better" in told and "0.700" in told and "best" in told
    assert "Not available" in page.locator('[data-measure="reconstruction/lpips"]').inner_text()
    page.locator('[data-fold="table"] summary').click()
    rows = page.locator("[data-scores] tbody tr")
    assert rows.count() == 3 and "0.700" in rows.first.inner_text()


def test_pictures_by_step(visit):
    page = visit()
    choose(page, "hostile")
    image = page.locator(".models-picture")
    page.wait_for_function("() => document.querySelector('.models-picture').naturalWidth === 64")
    assert "pictures/1000.png" in image.get_attribute("src") and "step 1,000" in image.get_attribute("alt")
    page.get_by_label("Step of the picture").focus()
    page.keyboard.press("ArrowLeft")
    assert "pictures/500.png" in image.get_attribute("src")


def test_a_checkpoint_and_its_card(visit):
    page = visit()
    page.locator(".models-kind").filter(has_text="Checkpoints").locator(".models-item").first.click()
    page.wait_for_function("() => document.querySelector('.models-facts')?.textContent.includes('16 px')")
    page.wait_for_function("() => document.querySelector('#models-card')?.textContent.includes('Licences')")
    page.locator("[data-curve] svg").first.wait_for()  # the log of its run lies beside it
    choose(page, "titok")
    page.wait_for_function("() => document.querySelector('#models-card')?.textContent.includes('TiTok')")
    assert page.locator("[data-curve]").count() == 0
    choose(page, "hostile")
    page.locator('[data-jump="Card"]').click()
    page.wait_for_function("() => document.querySelector('#models-card').getBoundingClientRect().top < innerHeight")


def test_back_goes_to_the_entry_before_and_a_link_opens_one(visit):
    page = visit()
    choose(page, "hostile")
    choose(page, "titok")
    page.go_back()
    page.wait_for_function("() => document.querySelector('.models-head h2').textContent.includes('hostile')")
    query = page.evaluate("location.search")
    assert "entry=" in query
    other = visit(query=f"?{query.split('?')[1]}")
    assert "hostile" in other.locator(".models-head h2").inner_text()
    gone = visit(query="?entry=0123456789abcdef")
    assert "not here" in gone.locator("[data-models-record]").locator("..").locator("[data-alert]").inner_text()
    assert gone.locator(".models-head h2").inner_text() == "live"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone(visit, theme):
    page = visit(width=390, query=f"?__theme={theme}")
    for name in ("hostile", "live"):
        choose(page, name)
        page.wait_for_function("() => document.querySelector('[data-fold]')")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
        assert page.evaluate("document.scrollingElement.scrollHeight") <= 6 * 844
        assert not page.locator("details[open]").count() and page.locator("#models-card").is_hidden()
    for summary in page.locator("[data-part='curves'] summary").all():
        summary.click()
    items = page.locator(".models-item")
    assert items.first.bounding_box()["y"] < page.locator(".models-head h2").bounding_box()["y"]
    assert items.first.bounding_box()["height"] >= 44
    for number in range(page.locator("[data-curve] svg").count()):
        box = page.locator("[data-curve] svg").nth(number).bounding_box()
        assert 280 < box["width"] <= 362 and box["x"] >= 0
    sizes = page.locator(".curve-tick").evaluate_all(
        "(labels) => labels.map((label) => parseFloat(getComputedStyle(label).fontSize))")
    assert min(sizes) >= 11


def systems(page) -> list[str]:
    return page.locator('[data-table="downstream"] tbody tr').evaluate_all(
        "(rows) => rows.map((row) => `${row.dataset.kind} ${row.querySelector('th').textContent}`)")


def test_the_papers_tables_are_sorted_and_go_out_as_csv(visit):
    page = visit()
    page.locator(".models-item").filter(has_text="The paper's tables").click()
    page.locator("[data-paper-tables] table").first.wait_for()
    assert page.locator("[data-models-record]").is_hidden() and page.locator("#models-card").is_hidden()
    first = systems(page)
    assert first[-1] == "measured STELLAR b16" and first[:-1] == [row for row in first if row.startswith("published")]
    table = page.locator('[data-table="downstream"]')
    head = table.locator('[data-column="imagenet-1k"]')
    for direction in ("descending", "ascending"):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == direction and table.locator("[aria-sort]").count() == 1
        cells = table.locator("tbody tr td:nth-child(3)").all_text_contents()
        assert [float(cell) for cell in cells] == sorted(map(float, cells), reverse=direction == "descending")
    with page.expect_download() as download:
        table.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert download.value.suggested_filename == "stellar-table-downstream.csv" and len(lines) == len(first) + 1
    assert lines[0].startswith("System,Figures,ImageNet-1k top-1 (%)") and "abc1234" in "".join(lines)
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") is None and systems(page) == first
    table.locator("[data-fold='commands'] summary").click()
    assert HOSTILE in table.locator("[data-fold='commands'] code").inner_text()
    page.go_back()
    page.locator("[data-models-record]").wait_for()
    assert page.locator("[data-paper-tables]").is_hidden()


@pytest.mark.parametrize(("width", "theme"), [(1280, "dark"), (390, "light")])
def test_the_papers_tables_suit_everybody(visit, width, theme):
    page = visit(width=width, query=f"?entry=tables&__theme={theme}")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.locator("[data-paper-tables] .paper-sort").evaluate_all(
        "(buttons) => buttons.every((button) => button.getBoundingClientRect().height >= 24)")
    assert violations(page, "[data-paper-tables]") == []
