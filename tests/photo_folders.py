"""Folders such as people have: pictures of many kinds, and everything that lies about beside them."""

from __future__ import annotations

import io
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(seed: int = 0, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (16, 24, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    (image.convert("L") if kind == "PPM" else image).save(buffer, kind)
    return buffer.getvalue()


def fill(root: Path, *paths: str | bytes, data: bytes | None = None) -> Path:
    for seed, path in enumerate(paths):
        file = root / os.fsdecode(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(seed) if data is None else data)
    return root


def make_mess(root: Path) -> int:
    """A folder with one of everything; how many files there are."""
    fill(root, "a.jpg", "b/c.PNG", "b/noname", "@eaDir/t.jpg", ".h/u.jpg", "d/e/f.webp", b"d/\xe9t\xe9.jpg")
    fill(root, "x.txt", "b/y.json", "z", "d/e/.DS_Store", data=b"words")
    (root / "b" / "gone.jpg").symlink_to(root / "nothing.jpg")
    (root / "ring").symlink_to(root / "ring")
    (root / "d" / "up").symlink_to(root)
    os.mkfifo(root / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(root)
        made.bind("s.jpg")
        os.chdir(here)
    fill(root, "index/catalogue.sqlite", "index/shards/0.npy", "index/thumbnails/t", "index/0.jpg")
    return sum(len(names) for place, _, names in os.walk(root)) + 1  # and the link that leads back up
