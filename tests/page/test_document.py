"""The document that is sent: the frame before Gradio's app, previews by our own title and picture, what is fetched."""

import json
import re
from html.parser import HTMLParser
from urllib.request import urlopen

import pytest
from PIL import Image

from stellar_explorer.explore.routes import settings
from stellar_explorer.page import frame as frames
from stellar_explorer.page.document import PICTURE, PREVIEW_SIZE, Document, head
from stellar_explorer.page.frame import TABS, WEB, code_address, code_link, frame, inside_script, scripts_of

GRADIO = """<!doctype html><html><head><base href="./" /><meta property="og:title" content="Gradio" />
<meta
    name="twitter:image" content="https://elsewhere.test/x.jpg" />
<script>window.gradio_config = {"root": "https://stellar.test/explorer", "title": "a > b"};</script></head>
<body><gradio-app></gradio-app></body></html>"""


class Metas(HTMLParser):
    """What a preview reads: the first of each name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found = {}
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        said = dict(attributes)
        if tag == "meta" and (name := said.get("property") or said.get("name")):
            self.found.setdefault(name, said.get("content"))


def framed(html: str = GRADIO, tab: str = "explore") -> str:
    return Document(None, lambda: "<div id='stellar-frame'></div>").framed(html, tab)


def test_previews_have_our_title_and_a_picture_by_its_whole_address():
    found = Metas(framed()).found
    assert found["og:title"] == "STELLAR Explorer" and found["og:description"]
    assert found["og:image"] == "https://stellar.test/explorer/stellar/preview.png"
    assert found["og:url"] == "https://stellar.test/explorer/" and found["twitter:card"] == "summary_large_image"
    assert "Gradio" not in str(found) and "elsewhere" not in str(found)


def test_the_picture_of_previews_has_the_size_that_is_told_and_is_light():
    with Image.open(PICTURE) as picture:
        assert picture.size == PREVIEW_SIZE
    assert PICTURE.stat().st_size < 300_000


def test_the_frame_comes_before_gradios_app_and_a_document_without_one_stays():
    html = framed()
    assert html.index("stellar-frame") < html.index("<gradio-app") < html.index("</body>")
    assert html.count("</head>") == 1 and html.index("shared/tokens.css") < html.index("</head>")
    assert framed("<p>not the page</p>") == "<p>not the page</p>"
    assert "<gradio-app" in framed("<head></head><body><gradio-app></gradio-app></body>")


def test_an_address_that_a_proxy_tells_is_text():
    assert '"><script>' not in head('https://a.test/"><script>', "explore")


@pytest.mark.parametrize("tab", TABS)
def test_scripts_of_the_open_tab_and_of_no_other_are_asked_for_at_once(tab):
    scripts = scripts_of(tab)
    assert scripts[0] == "stellar/web/frame/frame.js" and f"stellar/web/{tab}/{tab}.js" in scripts
    assert all((WEB.parent / script.removeprefix("stellar/")).is_file() for script in scripts)
    assert not [other for other in TABS if other != tab and f"stellar/web/{other}/{other}.js" in scripts]
    assert "stellar/web/frame/help.js" not in scripts  # when it is opened


def test_no_example_and_no_setting_ends_an_element():
    told = {"examples": [{"id": '"x', "title": "<b>", "thumbnail": "t.jpg", "credit": "</script>", "alt": ""}],
            "accept": 'image/*"', "max_bytes": 1}
    html = frame(told)
    inside = html.split('id="stellar-settings">')[1].split("</script>")[0]
    assert json.loads(inside) == told and "<b>" not in html and 'data-example="&quot;x"' in html
    assert json.loads(inside_script("</script>")) == "</script>"


def test_the_code_link_is_the_spaces_or_the_citations_or_is_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(frames, "ROOT", tmp_path)
    monkeypatch.delenv(frames.SPACE, raising=False)
    assert code_address() is None and code_link(None) == ""
    (tmp_path / "CITATION.cff").write_text("title: x\nrepository-code: https://code.test/a\n", encoding="utf-8")
    assert code_address() == "https://code.test/a" and 'href="https://code.test/a"' in code_link(code_address())
    monkeypatch.setenv(frames.SPACE, "somebody/stellar")
    assert code_address() == "https://huggingface.co/spaces/somebody/stellar/tree/main"


def test_the_served_document(served, explorer):
    html = urlopen(f"{served.url}?tab=models", timeout=30).read().decode()
    assert html.index('id="stellar-frame"') < html.index("<gradio-app")
    assert re.findall('role="tab"[^>]*data-tab="([a-z]+)"', html) == list(TABS)
    assert html.count("data-example=") == len(settings(explorer)["examples"])
    preloaded = re.findall('rel="modulepreload" href="([^"]+)"', html)
    assert "stellar/web/models/models.js" in preloaded and "stellar/web/explore/explore.js" not in preloaded
    picture = urlopen(f"{served.url}stellar/preview.png", timeout=30)
    assert picture.headers["content-type"] == "image/png"
    alone = urlopen(f"{served.url}stellar/frame.html", timeout=30).read().decode()
    assert 'id="stellar-frame"' in alone and "shared/tokens.css" in alone
