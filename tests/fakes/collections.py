"""A model in miniature, photos, and indexes as a server's folder holds them: what tests of Retrieve look into."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from index.concept_index import ConceptIndex
from index.records import ModelIdentity
from model.config import StellarConfig
from model.stellar import Stellar
from stellar_explorer.explorer import Explorer
from tests.fakes.index import fake_encoded

HOSTILE = '${alert(1)}{{x}}<img src=x onerror="alert(1)">'


def tiny_explorer(folder: Path) -> Explorer:
    """Four tokens, sixteen wide: an encode is milliseconds."""
    path = folder / "tiny.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = StellarConfig(width=16, depth=1, num_heads=2, mlp_width=16, native_size=32, num_tokens=4)
        Stellar(config).save(path)
    return Explorer((str(path),))


def photo_bytes(seed: int = 0, size: tuple[int, int] = (96, 64), kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(buffer, kind)
    return buffer.getvalue()


def make_index(folder: Path, model: ModelIdentity, *, num_photos: int = 6, first: int = 0, hostile: bool = False
               ) -> Path:
    """Seeded concepts of photos that never were; those of even seeds are labelled cat, the others dog."""
    with ConceptIndex.create(folder, model=model) as index:
        index.add([fake_encoded(
            first + seed, width=model.width, label=HOSTILE if hostile else ("cat", "dog")[seed % 2],
            source=HOSTILE if hostile else None) for seed in range(num_photos)])
    return folder


def with_examples(collections):
    """The collection of the examples, made now and in this thread; -> the same collections."""
    collections._is_started = True
    collections._make_examples()
    return collections
