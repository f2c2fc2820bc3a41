"""The Reconstruct tab in real Chromium: pictures and gaps, concepts off and on, the budget, and what is saved."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from stellar_explorer.examples import examples
from stellar_explorer.page.demo import build, launch
from stellar_explorer.reconstruct.settings import Settings
from tests.fakes.collections import photo_bytes
from tests.fakes.reconstruct import GONE, NUM_TOKENS, decoding_explorer, fake_offers, fake_reconstructions, study_of

pytestmark = pytest.mark.browser

PATIENCE = 60_000
FIRST, SECOND = list(examples())[:2]
WAYS = ["stellar", "titok", "mae", "vqgan", "svd", "pca", "colours", "jpeg", "webp"]
QUIET = """() => !document.querySelector("[data-reconstruct]").hasAttribute("aria-busy")"""


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    return decoding_explorer(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def reconstructions(explorer):
    made = fake_reconstructions(explorer)
    made.baselines.offered["titok-s128"] = fake_offers(missing=("titok",))["titok"]
    made.all(study_of(explorer, explorer.example(FIRST)), Settings())  # what is imported at the first use
    return made


@pytest.fixture(scope="module")
def address(explorer, reconstructions):
    demo = build(explorer)
    _, url, _ = launch(demo, explorer, None, None, reconstructions, server_name="127.0.0.1", prevent_thread_lock=True,
                       quiet=True)
    yield url
    demo.close(verbose=False)


class Visitor:
    """One browser context on the Reconstruct tab, and what a test wants to know of it."""

    def __init__(self, browser, url: str, *, width: int = 1280, query: str = "?tab=reconstruct", waits: bool = True
                 ) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.url, self.problems, self.requests = url, [], []
        self.page = page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: message.type == "error" and self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: (self.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(query if query.startswith("http") else url + query)
        if waits:
            self.settle()

    def settle(self) -> None:
        """Until nothing is under way and what came is drawn."""
        self.page.wait_for_selector('[data-reconstruct][data-state="ready"]')
        self.page.wait_for_function(QUIET)
        self.page.wait_for_timeout(400)  # the address is written a little later
        self.page.wait_for_function(QUIET)

    def find(self, selector: str):
        return self.page.locator(f"[data-reconstruct] {selector}")

    def picture(self, name: str):
        return self.find(f'[data-picture="{name}"]')

    def words(self, name: str) -> str:
        return self.picture(name).inner_text().replace("\u00a0", " ")

    def source(self, name: str) -> str:
        return urlsplit(self.picture(name).locator(".rebuilt-image").get_attribute("src")).path

    def query_of(self, name: str) -> str:
        return urlsplit(self.picture(name).locator(".rebuilt-image").get_attribute("src")).query

    @property
    def split(self) -> float:
        """Where the line stands, in percent."""
        return self.page.evaluate(
            """() => parseFloat(document.querySelector("[data-reconstruct]").style.getPropertyValue("--split"))""")

    def asked(self, part: str) -> list[str]:
        return [url for url in self.requests if "/stellar/reconstruct" in url and part in url]

    @property
    def query(self) -> dict[str, str]:
        """What the address says."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    def click(self, selector: str) -> None:
        self.find(selector).click()
        self.settle()

    def kept(self) -> list[str]:
        return self.find('[data-chip][aria-pressed="true"]').evaluate_all("(all) => all.map((one) => one.dataset.chip)")


def test_every_picture_comes_with_its_numbers(visit):
    visitor = visit()
    names = visitor.find("[data-picture]").evaluate_all("(all) => all.map((one) => one.dataset.picture)")
    assert names == ["photo", *WAYS]
    for name in WAYS:
        picture = visitor.picture(name)
        assert picture.get_attribute("data-state") == "ready"
        image = picture.locator(".rebuilt-image")
        assert image.evaluate("(image) => image.complete && image.naturalWidth") == 224
        assert re.search(r"rebuilt by .+ from \d+", image.get_attribute("alt"))
        facts = picture.locator("[data-facts]").inner_text()
        assert re.search(r"\d+\s(B|kB)", facts) and re.search(r"\d+\s×\s\d+", facts)
        assert "dB" in picture.locator("[data-measures]").inner_text()
    assert f"{NUM_TOKENS} tokens" in visitor.words("stellar")
    assert "32 × 32" in visitor.words("titok")
    rows = visitor.find("[data-row]").evaluate_all("(all) => all.map((one) => one.dataset.row)")
    assert rows == WAYS and visitor.find("[data-fitted]").text_content().startswith("The whole photo of")
    psnr, ssim = ({name: float(visitor.find(f'[data-row="{name}"] [data-number="{number}"]').inner_text())
                   for name in (*WAYS[:3], "colours")} for number in ("psnr_db", "ssim"))
    label = {"stellar": "STELLAR", "titok": "TiTok, small", "mae": "MAE, small"}
    standing = visitor.find("[data-standing]").inner_text()
    assert f"by PSNR: {label[max(label, key=psnr.get)]}; by SSIM: {label[max(label, key=ssim.get)]};" in standing
    above = psnr["stellar"] - psnr["colours"]
    assert ("below" if above < 0 else "above") + " the mean colours of its concepts" in standing
    assert "Tokens are not bytes" in visitor.find(".rebuilt-meant").text_content()
    assert visitor.page.locator(f'[data-example="{FIRST}"]').get_attribute("aria-pressed") == "true"


def test_nothing_is_asked_before_the_tab_is_seen(visit):
    visitor = visit(query="", waits=False)
    visitor.page.wait_for_selector('[data-stage][data-state="ready"]')
    assert not visitor.asked("")
    visitor.page.get_by_role("tab", name="Reconstruct").click()
    visitor.settle()
    assert visitor.asked("pictures/stellar.json")


def test_concepts_off_and_on(visit, explorer):
    visitor = visit()
    encodes = []
    hook = explorer.stellar(explorer.models[0]).encoder.register_forward_hook(lambda *_: encodes.append(1))
    before = visitor.source("stellar")
    visitor.requests.clear()
    visitor.click('[data-chip="1"]')
    assert visitor.kept() != [] and "1" not in visitor.kept() and visitor.query["without"] == "1"
    assert visitor.query_of("stellar") == "kept=0.2.3" and visitor.source("stellar") == before
    assert "3 of 4 kept" in visitor.find("[data-kept]").inner_text()
    assert f"{NUM_TOKENS - 1} tokens" in visitor.words("svd")
    assert not visitor.asked("titok") and not visitor.asked("vqgan") and not visitor.asked("/reconstruct?model")
    visitor.click('[data-chip="1"]')
    assert len(visitor.kept()) == NUM_TOKENS and "without" not in visitor.query and not visitor.query_of("stellar")
    for token in "012":
        visitor.find(f'[data-chip="{token}"]').click()
    visitor.find('[data-chip="3"]').click()
    assert "One concept has to stay" in visitor.find("[data-alert]").inner_text()
    visitor.settle()
    assert visitor.kept() == ["3"] and visitor.query_of("stellar") == "kept=3"
    visitor.click('[data-action="keep-all"]')
    hook.remove()
    assert len(visitor.kept()) == NUM_TOKENS and not encodes


def test_the_best_k(visit):
    visitor = visit()
    slider = visitor.picture("stellar").locator('[data-control="count"]')
    slider.fill("2")
    visitor.settle()
    best = set(visitor.kept())
    assert len(best) == 2 and "2 of 4" in visitor.picture("stellar").inner_text()
    visitor.click('[data-control="order"] [data-option="mass"]')
    heaviest = visitor.find("[data-chip]").evaluate_all("(all) => all.map((one) => one.dataset.chip)")[:2]
    assert set(visitor.kept()) == set(heaviest)
    # by keys, in the curve: the line's last place and one back, kept with Enter
    curve = visitor.find(".budget-picture")
    curve.focus()
    visitor.page.keyboard.press("Home")
    assert visitor.find(".budget-readout").inner_text().startswith("1 concept,")
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.keyboard.press("Enter")
    visitor.settle()
    assert len(visitor.kept()) == 3


def test_the_curve_follows_what_is_chosen(visit):
    visitor = visit()
    points = visitor.find(".budget-point")
    names = points.evaluate_all("(all) => all.map((one) => one.dataset.point)")
    assert names == [name for name in WAYS if name not in ("jpeg", "webp")]  # files have no tokens
    assert visitor.find(".budget-step").count() == NUM_TOKENS
    visitor.find('[data-control="against"] [data-option="bytes"]').click()
    assert points.count() == len(WAYS) and visitor.find(".budget-label").count() == len(WAYS)
    label = visitor.find(".budget-picture").get_attribute("aria-label")
    assert label.startswith("PSNR against bytes") and "JPEG" in label
    visitor.find('[data-control="measure"] [data-option="stem_distance"]').click()
    assert "lower is better" in visitor.find(".budget-readout").inner_text()


def test_how_much_a_mae_sees(visit):
    visitor = visit()
    visitor.picture("mae").locator('[data-control="visible"]').fill("64")
    visitor.settle()
    assert "64 tokens" in visitor.words("mae") and visitor.query["visible"] == "64"
    visitor.requests.clear()
    visitor.click('[data-control="pattern"] [data-option="grid"]')
    assert visitor.query_of("mae") == "visible=64&pattern=grid" and not visitor.asked("stellar.json")
    visitor.picture("titok").locator('[data-control="titok"]').select_option("titok-b64")
    visitor.settle()
    assert "TiTok B-64" in visitor.picture("titok").inner_text()
    assert "64 tokens" in visitor.words("titok")


def test_the_line_and_the_differences(visit):
    visitor = visit()
    over = visitor.picture("mae").locator(".rebuilt-over")
    assert over.evaluate("(one) => getComputedStyle(one).visibility") == "hidden"
    visitor.click('[data-control="compare"] [data-option="slider"]')
    assert over.evaluate("(one) => getComputedStyle(one).visibility") == "visible"
    box = visitor.picture("titok").locator(".rebuilt-frame").bounding_box()
    visitor.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 40, steps=4)
    visitor.page.mouse.up()
    assert visitor.split == pytest.approx(20, abs=2)
    handle = visitor.find('[data-control="split"]')
    assert float(handle.input_value()) == pytest.approx(0.2, abs=0.02)
    handle.focus()
    visitor.page.keyboard.press("End")
    assert visitor.split == 100
    visitor.click('[data-control="compare"] [data-option="difference"]')
    assert visitor.query["compare"] == "difference" and handle.is_hidden()
    for name in WAYS:
        assert "/differences/" in visitor.source(name)
        assert visitor.picture(name).locator(".rebuilt-image").get_attribute("alt").startswith("Where ")
    # as it was, in a link
    again = visit(query=visitor.page.url)
    assert "/differences/" in again.source("stellar")


def test_what_can_be_saved(visit):
    visitor = visit()
    visitor.click('[data-chip="0"]')
    for file, start in (("numbers.csv", b"name,model,tokens"), ("figure.png", b"\x89PNG")):
        with visitor.page.expect_download() as waiting:
            visitor.find(f'[data-download="{file}"]').click()
        assert waiting.value.suggested_filename == f"stellar-{FIRST}-reconstruction-{file}"
        content = waiting.value.path().read_bytes()
        assert content.startswith(start)
        if file.endswith("csv"):
            assert content.decode().splitlines()[1].split(",")[2] == str(NUM_TOKENS - 1)


def test_links_hold_examples_and_never_uploads(visit):
    visitor = visit(query=f"?tab=reconstruct&photo={SECOND}&without=2&visible=16")
    assert visitor.page.locator(f'[data-example="{SECOND}"]').get_attribute("aria-pressed") == "true"
    assert "2" not in visitor.kept() and "16 tokens" in visitor.words("mae")
    visitor.find('[data-action="link"]').click()
    visitor.find('[data-status]:has-text("Link copied.")').wait_for()
    link = visitor.page.evaluate("navigator.clipboard.readText()")
    assert parse_qs(urlsplit(link).query) == {
        "tab": ["reconstruct"], "photo": [SECOND], "without": ["2"], "visible": ["16"]}
    visitor.page.set_input_files('#stellar-frame [data-control="file"]', files=[
        {"name": "mine.png", "mimeType": "image/png", "buffer": photo_bytes(3, (240, 160))}])
    visitor.find('[data-status]:has-text("mine.png ·")').wait_for()
    visitor.settle()
    assert len(visitor.kept()) == NUM_TOKENS and "240 × 160" in visitor.find("[data-fitted]").text_content()
    visitor.click('[data-chip="1"]')
    assert "photo" not in visitor.query and "without" not in visitor.query
    visitor.find('[data-action="link"]').click()
    visitor.find('[data-status]:has-text("uploads are never in a link")').wait_for()


def test_the_photo_of_explore_is_carried_over(visit):
    visitor = visit(query=f"?photo={SECOND}", waits=False)
    visitor.page.wait_for_selector('[data-stage][data-state="ready"]')
    visitor.page.locator('[data-stage] [data-action="rebuild"]').click()
    visitor.settle()
    assert visitor.page.get_by_role("tab", name="Reconstruct").get_attribute("aria-selected") == "true"
    assert visitor.page.locator(f'[data-example="{SECOND}"]').get_attribute("aria-pressed") == "true"
    assert visitor.query["tab"] == "reconstruct" and visitor.query["photo"] == SECOND


# What goes wrong


def test_a_missing_model_leaves_a_gap(visit):
    visitor = visit(query="?tab=reconstruct&titok=titok-s128")
    gap = visitor.picture("titok")
    assert gap.get_attribute("data-state") == "missing" and gap.locator("[data-gap]").inner_text() == f"{GONE}."
    assert gap.locator(".rebuilt-image").is_hidden() and visitor.picture("mae").get_attribute("data-state") == "ready"
    assert GONE in visitor.find('[data-row="titok"]').inner_text()
    gap.locator('[data-control="titok"]').select_option("titok")
    visitor.settle()
    assert gap.get_attribute("data-state") == "ready"


def test_a_file_that_is_no_photo_is_refused_in_words(visit):
    visit.expected += ["400"]
    visitor = visit()
    visitor.page.set_input_files('#stellar-frame [data-control="file"]', files=[
        {"name": "x.png", "mimeType": "image/png", "buffer": b"hello"}])
    alert = visitor.page.locator("#stellar-frame [role=alert]:visible")
    alert.wait_for()
    assert "not a picture" in alert.inner_text()
    assert visitor.picture("stellar").get_attribute("data-state") == "ready"


def test_what_the_server_has_forgotten_comes_back(visit, explorer):
    visit.expected += ["404"]
    visitor = visit()
    visitor.click('[data-chip="2"]')
    explorer.studies._studies._entries.pop(visitor.source("stellar").split("/")[-3])
    visitor.click('[data-chip="0"]')
    assert visitor.find("[data-alert]").is_hidden() and sorted(visitor.kept()) == ["1", "3"]
    assert visitor.query_of("stellar") == "kept=1.3"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone(visit, theme):
    visitor = visit(width=390, query=f"?tab=reconstruct&__theme={theme}")
    page = visitor.page
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    for selector in ("[data-main]", "[data-others]", "[data-chips]", ".budget-picture", ".rebuilt-scroll", ".toolbar"):
        box = visitor.find(selector).first.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 391, selector
    for name in ("stellar", "mae"):
        inside = visitor.picture(name).bounding_box()
        for control in visitor.picture(name).locator(".control").all():
            box = control.bounding_box()
            assert box["x"] >= inside["x"] - 1 and box["x"] + box["width"] <= inside["x"] + inside["width"] + 1
    sizes = page.locator("[data-reconstruct] :is(p, span, button, label, td, th)").evaluate_all(
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => parseFloat(getComputedStyle(one).fontSize))")
    assert min(sizes) >= 11
