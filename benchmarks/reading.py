"""How fast photos are read: `python -m benchmarks.reading`, a minute or two.

What index and training do with a folder, without a model: they list it, and they read and decode its photos. The photos
are drawn here, JPEGs of 1200 x 900; the folder to list holds 10,000 small ones in twenty folders, with as many text
files beside them in a second one. Each is the best of several turns, so that others on the machine count for little.
"""

from __future__ import annotations

import argparse
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from index.build.decoding import decoded_ahead
from photos.cores import usable_cores
from photos.sources.open import find_photos, open_source
from train.config import DataConfig
from train.data.photos import open_photos

FILES, FOLDERS = 10_000, 20
SIZE = (1200, 900)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=200, metavar="N", help="to decode (default: 200)")
    parser.add_argument("--turns", type=int, default=5, metavar="N", help="the best of so many (default: 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        draw(root, options.photos)
        print(f"{usable_cores()} cores, the best of {options.turns}\n\n| | |\n|---|---:|")
        for name, measure in measures(root).items():
            value, unit = max((measure() for _ in range(options.turns)), key=lambda found: found[0])
            print(f"| {name} | {1000 / value:,.0f} ms |" if unit == "times a second" else
                  f"| {name} | {value:,.1f} {unit} |", flush=True)
    return 0


def measures(root: Path) -> dict[str, Callable[[], tuple[float, str]]]:
    many, texts, few, tar = root / "many", root / "texts", root / "few", root / "few.tar"

    def listed(folder: Path, fingerprint: bool = False) -> tuple[float, str]:
        begin = time.perf_counter()
        found = find_photos(folder)
        if fingerprint:
            _ = found.fingerprint
        return 1 / (time.perf_counter() - begin), "times a second"

    def read(source: Path) -> tuple[float, str]:
        begin = time.perf_counter()
        count = sum(len(photo.sha256) == 64 for photo in open_source(source))
        return count / (time.perf_counter() - begin), "photos a second"

    def indexed(source: Path) -> tuple[float, str]:
        begin = time.perf_counter()
        count = sum(1 for _ in decoded_ahead(open_source(source), resolution=448, patch_size=16, ahead=8, is_known=None,
                                             num_workers=None, on_bad=lambda bad: sys.exit(bad.reason)))
        return count / (time.perf_counter() - begin), "photos a second"

    def trained(source: Path) -> tuple[float, str]:
        begin = time.perf_counter()
        photos = open_photos(DataConfig(source=str(source)))
        for number in range(len(photos)):
            photos.read(number)
        return len(photos) / (time.perf_counter() - begin), "photos a second"

    return {
        f"list {FILES:,} photos": lambda: listed(many),
        f"list {FILES:,} photos and {FILES:,} texts": lambda: listed(texts),
        f"list {FILES:,} photos, with training's fingerprint": lambda: listed(many, True),
        "bytes and hashes, a folder": lambda: read(few),
        "bytes and hashes, a tar file": lambda: read(tar),
        "index's pixels and thumbnails, all cores": lambda: indexed(few),
        "training's pixels, one core, a folder": lambda: trained(few),
        "training's pixels, one core, a tar file": lambda: trained(tar),
    }


def draw(root: Path, count: int) -> None:
    generator = np.random.default_rng(0)
    few = root / "few"
    few.mkdir()
    for number in range(count):
        coarse = Image.fromarray(generator.integers(0, 255, (30, 40, 3), dtype=np.uint8))
        coarse.resize(SIZE, Image.Resampling.BICUBIC).save(few / f"{number:05}.jpg", quality=88)
    with tarfile.open(root / "few.tar", "w") as tar:
        tar.add(few, ".")
    Image.new("RGB", (8, 8)).save(root / "small.jpg")
    small = (root / "small.jpg").read_bytes()
    for name in ("many", "texts"):
        for number in range(FILES):
            path = root / name / f"{number % FOLDERS:02}" / f"IMG_{number:05}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(small)
            if name == "texts":
                path.with_suffix(".txt").write_text("a caption", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
