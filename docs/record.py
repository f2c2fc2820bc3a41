"""python -m docs.record: the pictures of the README, recorded from the real page in Chromium.

assets/tour.webp, animated: a visitor looks at concepts, finds one in other photos, moves one, and sees a photo drawn
again. assets/screenshot.webp, assets/screenshot-edit.webp: two of its tabs.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.page import ROOT, chromium_path, page_server

ASSETS = ROOT / "assets"
SIZE = (1280, 800)
TOUR_SIZE = (864, 540)
MOST_BYTES = 2_000_000
SEEN = "localStorage.setItem('stellar-tour-seen', 'yes')"  # the tour's words would lie over the pictures
LOOK, MOVE = 1300, 110  # milliseconds that a frame stays: to be read, and as a part of a movement


class Recording:
    """Frames of one page, each with how long it stays."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []

    def take(self, milliseconds: int = LOOK) -> None:
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        self.frames.append(shot.resize(TOUR_SIZE, Image.Resampling.LANCZOS))
        self.durations.append(milliseconds)

    def save(self, path: Path) -> int:
        """As large as fits; -> bytes."""
        for quality in (72, 60, 48, 36):
            self.frames[0].save(path, save_all=True, append_images=self.frames[1:], duration=self.durations, loop=0,
                                quality=quality, method=4, minimize_size=True)
            if path.stat().st_size <= MOST_BYTES:
                break
        return path.stat().st_size


def centre(page: Any, selector: str) -> tuple[float, float, float, float]:
    box = page.locator(selector).first.bounding_box()
    return box["x"], box["y"], box["width"], box["height"]


def explore(page: Any, take: Callable[..., None]) -> None:
    """Concepts light up under the pointer, in all four pictures."""
    x, y, width, height = centre(page, '[data-panel="photo"] canvas')
    for across, down in ((0.3, 0.6), (0.5, 0.1), (0.6, 0.9), (0.78, 0.55)):
        page.mouse.move(x + across * width, y + down * height)
        page.wait_for_timeout(400)
        take()
    page.mouse.click(x + 0.3 * width, y + 0.6 * height)
    page.wait_for_timeout(400)
    take()


def retrieve(page: Any, take: Callable[..., None]) -> None:
    """A building in other photos."""
    page.locator('[data-example="castle"]').click()
    page.wait_for_timeout(3000)
    page.locator('[data-action="find"]').first.click()
    page.wait_for_selector("[data-hits] .hit", timeout=120_000)
    page.wait_for_timeout(3000)
    take(2 * LOOK)


def edit(page: Any, take: Callable[..., None]) -> None:
    """The macaw is dragged."""
    page.locator('[data-example="macaw"]').click()
    page.locator("#tab-edit").click()
    page.wait_for_selector('[data-panel="edit"] [data-chip]', timeout=120_000)
    page.wait_for_timeout(4000)
    take()
    x, y, width, height = centre(page, '[data-panel="edit"] canvas')
    page.mouse.click(x + 0.4 * width, y + 0.4 * height)
    page.wait_for_timeout(2500)
    take()
    page.mouse.move(x + 0.4 * width, y + 0.4 * height)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(x + (0.4 + 0.035 * step) * width, y + (0.4 + 0.006 * step) * height)
        page.wait_for_timeout(120)
        take(MOVE)
    page.mouse.up()
    page.wait_for_timeout(3500)
    take(2 * LOOK)


def reconstruct(page: Any, take: Callable[..., None]) -> None:
    """A castle from 16 concepts, beside the baselines."""
    page.locator('[data-example="castle"]').click()
    page.locator("#tab-reconstruct").click()
    page.wait_for_selector('[data-picture="mae"][data-state="ready"]', timeout=180_000)
    page.wait_for_timeout(1500)
    take(2 * LOOK)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    from playwright.sync_api import sync_playwright

    with page_server() as (url, _, _), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.add_init_script(SEEN)
        page.goto(f"{url}?photo=horses&__theme=light")
        page.wait_for_selector('[data-panel="explore"] [data-chip]', timeout=120_000)
        page.wait_for_timeout(2500)
        recording = Recording(page)
        for part, still in ((explore, "screenshot.webp"), (retrieve, None), (edit, "screenshot-edit.webp"),
                            (reconstruct, None)):
            part(page, recording.take)
            if still:
                shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                shot.save(ASSETS / still, quality=80, method=6)
        print(f"tour.webp: {len(recording.frames)} frames, {recording.save(ASSETS / 'tour.webp'):,} bytes")
        chromium.close()


if __name__ == "__main__":
    main()
