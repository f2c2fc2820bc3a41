"""Fakes that keep the contracts: no weights, no model, answers in milliseconds and the same every time."""

from __future__ import annotations

import numpy as np
from PIL import Image

from stellar_explorer.analysis import Analysis
from stellar_explorer.photo import fitted_size


def fake_analysis(
    photo: Image.Image, model: str = "nano", resolution: int = 448, *, num_tokens: int = 16, width: int = 32,
    patch_size: int = 16,
) -> Analysis:
    """An Analysis made of the photo's colours: a patch's features are its colour and place, tokens its neighbours."""
    size = fitted_size(photo.size, resolution=resolution, patch_size=patch_size)
    cols, rows = size[0] // patch_size, size[1] // patch_size
    colours = np.asarray(photo.convert("RGB").resize((cols, rows), Image.Resampling.BOX), np.float32) / 255
    down, across = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, cols), indexing="ij")
    raw = np.concatenate([colours, 0.3 * np.stack([down, across], axis=2)], axis=2).reshape(rows * cols, 5)
    generator = np.random.default_rng(7)
    mixing = generator.normal(size=(5, width))
    features = np.tanh((raw - 0.5) @ mixing)
    centres = features[np.linspace(0, len(features) - 1, num_tokens).astype(int)]
    centres = centres + 1e-3 * generator.normal(size=centres.shape)
    logits = -8 * np.square(features[:, None] - centres).sum(axis=2) / np.square(mixing).sum(axis=0).mean()
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    localization = shares / shares.sum(axis=1, keepdims=True)
    return Analysis(
        model=model, resolution=resolution, patch_size=patch_size, patch_grid=(rows, cols), image_size=size[::-1],
        localization=localization.astype(np.float32), semantics=centres.astype(np.float32),
        patch_features=features.astype(np.float32), summary=features.mean(axis=0).astype(np.float32),
        concepts=(centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32), seconds=0.01)


class FakeExplorer:
    """Keeps the contract of stellar_explorer.explorer.Explorer for one model, "nano"."""

    def __init__(self, models: tuple[str, ...] = ("nano",)) -> None:
        self.models = models

    def analyse(self, photo: Image.Image, model: str = "nano", resolution: int = 448) -> Analysis:
        if model != "nano":
            raise ValueError(f"There is no model {model}; choose nano.")
        return fake_analysis(photo, model, resolution)
