"""What axe finds is told so that a person can mend it."""

import pytest

from tests.axe import violations

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><title>A page</title><main><h1>Photos</h1>
<p id="pale" style="color: #bbb; background: #fff">Too pale to read</p>
<section><button id="mute"></button></section></main></html>"""


@pytest.fixture
def page(browser):
    page = browser.new_page()
    page.set_content(PAGE)
    yield page
    page.close()


def test_each_fault_is_a_sentence_with_its_place_and_rule(page):
    pale, mute = sorted(violations(page), key=lambda sentence: "button-name" in sentence)
    assert pale.startswith("#pale: ") and "contrast of 1.9" in pale and "(serious, color-contrast)" in pale
    assert mute.startswith("#mute: ") and '<button id="mute">' in mute and "\n" not in mute


def test_a_part_is_looked_at_alone_and_rules_can_be_left_out(page):
    assert len(violations(page, "section")) == 1
    assert violations(page, "section", without=("button-name",)) == []


def test_what_is_mended_is_not_told(page):
    page.evaluate("document.querySelector('#pale').style.color = '#222'")
    page.evaluate("document.querySelector('#mute').append('Save')")
    assert violations(page) == []
