"""python -m benchmarks.preview [--photo horses]: assets/preview.png, the picture that a link to the page is shown with.

The page's own pictures of an example, beside each other under its name; app.py is driven in Chromium.
"""

from __future__ import annotations

import argparse
import io
import sys

from PIL import Image

from benchmarks.page import READY, ROOT, chromium_path, page_server
from stellar_explorer.page.document import PICTURE, PREVIEW_SIZE, TITLE

LAYERS = {"photo": "Photo", "features": "Feature map", "low_rank": "Low-rank", "concepts": "Concepts"}
MOST_BYTES = 300_000
# Pixels as the page drew them, and a card of them in its place.
COLLECT = """(layers) => layers.map((layer) => {
    const canvas = document.querySelector(`[data-panel="${layer}"] canvas`);
    return canvas.toDataURL("image/png");
})"""
CARD = """<!doctype html><style>
    body { margin: 0; padding: 52px 56px; background: #faf9f7; color: #1d1b19; font-family: sans-serif; }
    header { display: flex; align-items: center; gap: 22px; margin-bottom: 40px; }
    h1 { margin: 0; font-size: 46px; letter-spacing: -0.02em; } p { margin: 4px 0 0; font-size: 24px; color: #68625b; }
    main { display: grid; grid-template-columns: repeat(4, 1fr); gap: 16px; font-size: 19px; font-weight: 600; }
    main img { display: block; width: 100%; height: 318px; object-fit: cover; border-radius: 8px; margin-bottom: 12px; }
</style><header>LOGO<div><h1>TITLE</h1><p>What a vision model sees in a photo, and where</p></div></header>"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photo", default="horses", help="an example's id")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    width, height = PREVIEW_SIZE
    with page_server() as (url, _, _), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": 1600, "height": 1000})
        page.goto(f"{url}?photo={options.photo}&resolution=1024&__theme=light")
        page.wait_for_selector(READY + '[data-resolution="1024"]', timeout=120_000)
        page.wait_for_timeout(500)
        pictures = page.evaluate(COLLECT, list(LAYERS))
        logo = (ROOT / "assets" / "logo.svg").read_text(encoding="utf-8").replace("<svg ", '<svg width="92" ', 1)
        figures = "".join(f'<div><img src="{picture}">{title}</div>'
                          for picture, title in zip(pictures, LAYERS.values(), strict=True))
        page.set_viewport_size({"width": width, "height": height})
        page.set_content(f"{CARD.replace('LOGO', logo).replace('TITLE', TITLE)}<main>{figures}</main>")
        drawn = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        chromium.close()
    drawn.quantize(palette=drawn.quantize(256), dither=Image.Dither.FLOYDSTEINBERG).save(PICTURE, optimize=True)
    if PICTURE.stat().st_size > MOST_BYTES:
        sys.exit(f"{PICTURE.name} is {PICTURE.stat().st_size:,} bytes; at most {MOST_BYTES:,}: choose another photo.")


if __name__ == "__main__":
    main()
