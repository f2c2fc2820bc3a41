"""Teach a word in real Chromium: marks on hits and on a photo, a name for them, and whose it is."""

import pytest

from stellar_explorer.page.demo import build, launch
from stellar_explorer.retrieve.collections import Collections
from tests.fakes.collections import make_index, tiny_explorer, with_examples
from tests.retrieve.test_browser_retrieve import Visitor  # noqa: F401, which `visit` asks this module for

pytestmark = pytest.mark.browser

MINE = "?tab=retrieve&collection=mine"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    explorer, root = tiny_explorer(tmp_path_factory.mktemp("weights")), tmp_path_factory.mktemp("root")
    collections = Collections(explorer, root=root, cache=tmp_path_factory.mktemp("cache"))
    make_index(root / "mine", collections.identity, num_photos=12)
    make_index(root / "hostile", collections.identity, num_photos=5, hostile=True)
    with_examples(collections)
    demo = build(explorer)
    _, url, _ = launch(demo, explorer, None, collections, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield url
    demo.close(verbose=False)
    collections.close()


def mark_hits(visitor, marks: dict[int, str]) -> None:
    """By the places that hits have now; a mark moves them."""
    photos = visitor.hits.evaluate_all("(all) => all.map((one) => one.dataset.photo)")
    for place, mark in marks.items():
        visitor.find(f'.hit[data-photo="{photos[place]}"] .hit-mark[data-mark="{mark}"]').click()
        visitor.settle()


def teach(visitor, word: str) -> None:
    visitor.find('[data-control="teach-word"]').fill(word)
    visitor.click('[data-action="teach"]')


def taught_words(visitor) -> list[str]:
    return visitor.find(".teach-find").all_text_contents()


def test_a_word_from_marks_is_found_named_kept_and_one_visitor_s_alone(visit):
    visitor = visit(query=MINE)
    visitor.find("[data-teach-panel] summary").click()
    assert visitor.find('[data-action="teach"]').is_disabled()
    assert visitor.find("[data-teach-hint]").inner_text() == "Mark 3 more that are it and one that is not."
    mark_hits(visitor, {0: "good", 2: "good", 5: "bad"})
    assert [visitor.find(f'[data-examples="{side}"] li').count() for side in ("yes", "no")] == [2, 1]
    assert visitor.find("[data-teach-hint]").inner_text() == "Mark 1 more that is it."

    # the chosen concept of the photo that is asked about
    visitor.find('[data-teach-panel] [data-teach="yes"]').click()
    assert visitor.find('[data-examples="yes"] li').count() == 3
    assert visitor.find('[data-teach-panel] [data-teach="yes"]').get_attribute("aria-pressed") == "true"
    assert visitor.find('[data-action="teach"]').is_disabled()  # without a name
    teach(visitor, "ball")
    assert visitor.asked == "Photos with “ball”." and taught_words(visitor) == ["ball"]
    assert visitor.scores()[:2] == [1.0, 1.0] and visitor.hits.first.locator(".taught-name").inner_text() == "ball"
    assert visitor.find('[data-examples="yes"] li').count() == 0

    visitor.go(visitor.page.url)
    assert visitor.asked == "Photos with “ball”." and visitor.hits.count() >= 2 and taught_words(visitor) == ["ball"]
    visitor.find('[data-control="word"]').click()
    assert "ball" in visitor.options()
    visitor.page.keyboard.press("Escape")

    other = visit(query=MINE + "&find=%22ball%22")
    assert other.asked == "Photos with “ball”." and other.hits.count() == 0 and taught_words(other) == []

    visitor.find("[data-teach-panel] summary").click()
    visitor.click('[aria-label="Forget “ball”"]')
    assert taught_words(visitor) == [] and visitor.hits.count() == 0


def test_marks_can_be_taken_back(visit):
    visitor = visit(query=MINE)
    visitor.find("[data-teach-panel] summary").click()
    mark_hits(visitor, {0: "good", 1: "bad"})
    visitor.find('[data-examples="no"] button').click()
    assert visitor.find('[data-examples="no"] li').count() == 0
    visitor.click('[data-action="unrefine"]')
    assert visitor.find('[data-examples="yes"] li').count() == 0
    mark_hits(visitor, {0: "good"})
    visitor.find('[data-action="clear-examples"]').click()
    assert visitor.find('[data-examples="yes"] li').count() == 0


def test_what_the_server_refuses_is_said_and_nothing_is_lost(visit):
    visitor = visit(query=MINE)
    visit.expected.append("status of 400")
    visitor.find("[data-teach-panel] summary").click()
    mark_hits(visitor, {0: "good", 1: "good", 2: "good", 3: "bad"})
    teach(visitor, "<img src=x onerror=alert(1)>")
    assert "letters, digits" in visitor.find("[data-teach-hint]").inner_text()
    assert visitor.find('[data-examples="yes"] li').count() == 3 and taught_words(visitor) == []


def test_names_of_strangers_stay_text(visit):
    visitor = visit(query="?tab=retrieve&collection=hostile")
    visitor.find("[data-teach-panel] summary").click()
    mark_hits(visitor, {0: "good", 1: "good", 2: "good", 3: "bad"})
    teach(visitor, "ball")
    assert taught_words(visitor) == ["ball"] and visitor.hits.count() >= 3
