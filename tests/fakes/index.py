"""Encoded photos as an index takes them, made of nothing: small, seeded, and valid in every field."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO

import numpy as np
from PIL import Image

from index.records import Concept, EncodedPhoto, ModelIdentity, Photo
from index.store.rle import encode

FAKE_MODEL = ModelIdentity(name="fake", sha256="f" * 64, width=16, summary_width=16, num_tokens=16, resolution=224)
WORDS = ("cat", "dog", "grass", "sky", "wheel", "window")


def fake_encoded(
    seed: int, *, num_concepts: int = 4, width: int = FAKE_MODEL.width, patch_grid: tuple[int, int] = (4, 6),
    label: str | None = None, source: str | None = None, vectors: np.ndarray | None = None,
    summary: np.ndarray | None = None, names: bool = True,
) -> EncodedPhoto:
    """The same seed, the same photo. vectors: (n, width), else drawn; so is summary: (width,)."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(num_concepts, width)) if vectors is None else np.asarray(vectors)
    summary = generator.normal(size=width) if summary is None else np.asarray(summary)
    rows, cols = patch_grid
    shares = generator.dirichlet(np.ones(max(len(vectors), 1)))
    concepts = []
    for token in range(len(vectors)):
        mask = generator.random(patch_grid) < 0.3
        mask[token % rows, token % cols] = True
        down, across = np.nonzero(mask)
        concepts.append(Concept(
            token=token, mass=float(shares[token]), peak=float(generator.random()),
            centroid=(float((across.mean() + 0.5) / cols), float((down.mean() + 0.5) / rows)),
            box=(across.min() / cols, down.min() / rows, (across.max() + 1) / cols, (down.max() + 1) / rows),
            patch_grid=patch_grid, mask=encode(mask),
            names=tuple((WORDS[(seed + token + place) % len(WORDS)], 0.5 / (place + 1)) for place in range(token % 4))
            if names else ()))
    thumbnail = BytesIO()
    Image.new("RGB", (24, 16), tuple(generator.integers(0, 256, 3).tolist())).save(thumbnail, "JPEG")
    photo = Photo(sha256=sha256(f"photo {seed}".encode()).hexdigest(), source=source or f"photos/{seed:06d}.jpg",
                  size=(96, 64), nbytes=1000 + seed, label=label)
    return EncodedPhoto(photo, tuple(concepts), _unit(vectors), _unit(summary), thumbnail.getvalue())


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
