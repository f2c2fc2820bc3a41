"""axe-core finds nothing on any tab, at both widths, in both themes; nor in the dialogs."""

import pytest

from tests.axe import violations

pytestmark = pytest.mark.browser

TABS = ("explore", "retrieve", "atlas", "reconstruct", "edit", "models")
WIDTHS = {1280: 800, 390: 844}


@pytest.fixture
def opened(browser, served):
    contexts = []

    def opened(query, width):
        context = browser.new_context(viewport={"width": width, "height": WIDTHS[width]}, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(served.url + query)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("tab", TABS)
def test_nothing_keeps_people_from_using_a_tab(opened, tab, width, theme):
    page = opened(f"?tab={tab}&__theme={theme}", width)
    page.wait_for_function("(tab) => document.querySelector(`#panel-${tab}`)?.children.length > 0", arg=tab)
    page.wait_for_load_state("networkidle")
    found = violations(page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["help", "keyboard"])
def test_nor_a_dialog(opened, name, theme):
    page = opened(f"?tab=models&__theme={theme}", 1280)
    page.wait_for_selector("#panel-models > *", state="attached")
    page.locator(f'[data-action="{name}"]').click()
    page.locator(f'[data-dialog="{name}"]').wait_for()
    found = violations(page, within=f'[data-dialog="{name}"]')
    assert not found, "\n".join(found)


def test_nothing_moves_where_motion_is_unwanted(opened):
    page = opened("?tab=models", 1280)
    page.wait_for_selector("#panel-models > *", state="attached")
    longest = page.evaluate("""() => Math.max(...[...document.querySelectorAll(".stellar-stage *")].flatMap((one) => {
        const { transitionDuration, animationDuration } = getComputedStyle(one);
        return `${transitionDuration}, ${animationDuration}`.split(", ").map(parseFloat);
    }))""")
    assert longest <= 0.001
