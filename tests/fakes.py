"""Fakes that keep the contracts: no weights, no model, answers in milliseconds and the same every time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from stellar_explorer.photo import fitted_size


@dataclass(frozen=True)
class FakeAnalysis:
    """Keeps the contract of stellar_explorer.analysis.Analysis."""

    model: str
    resolution: int
    patch_size: int
    patch_grid: tuple[int, int]
    image_size: tuple[int, int]
    localization: np.ndarray
    semantics: np.ndarray
    patch_features: np.ndarray
    summary: np.ndarray
    seconds: float

    @property
    def num_tokens(self) -> int:
        return self.localization.shape[1]

    @property
    def mass(self) -> np.ndarray:
        return self.localization.mean(axis=0)

    @property
    def peak(self) -> np.ndarray:
        return self.localization.max(axis=0)

    @property
    def low_rank(self) -> np.ndarray:
        return self.localization @ self.semantics

    def masks(self, threshold: float = 1.0) -> np.ndarray:
        return (self.localization > threshold / self.num_tokens).T.reshape(-1, *self.patch_grid)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in (self.localization, self.semantics, self.patch_features, self.summary))


def fake_analysis(
    photo: Image.Image, model: str = "nano", resolution: int = 448, *, num_tokens: int = 16, width: int = 32,
    patch_size: int = 16,
) -> FakeAnalysis:
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
    return FakeAnalysis(
        model=model, resolution=resolution, patch_size=patch_size, patch_grid=(rows, cols), image_size=size[::-1],
        localization=localization.astype(np.float32), semantics=centres.astype(np.float32),
        patch_features=features.astype(np.float32), summary=features.mean(axis=0).astype(np.float32), seconds=0.01)


class FakeExplorer:
    """Keeps the contract of stellar_explorer.analysis.Explorer for one model, "nano"."""

    def __init__(self, models: tuple[str, ...] = ("nano",)) -> None:
        self.models = models

    def analyse(self, photo: Image.Image, model: str = "nano", resolution: int = 448) -> FakeAnalysis:
        if model != "nano":
            raise ValueError(f"There is no model {model}; choose nano.")
        return fake_analysis(photo, model, resolution)
