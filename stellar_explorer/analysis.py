"""A photo's Analysis: what one model finds in one photo, in numpy; and whether the model draws pictures of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stellar_explorer.photo import MAX_RESOLUTION, MIN_RESOLUTION

if TYPE_CHECKING:
    from model.stellar import Stellar


@dataclass(frozen=True)
class Analysis:
    """One photo through one model: numpy, float32, on the CPU. N patches row by row, K tokens, D wide.

    localization (N, K), semantics (K, D), patch_features (N, D), summary (D,); concepts (K, C), unit length: what they
    are compared by; image_size is the (height, width) that
    the model saw, patch_grid * patch_size. seconds: the encode alone.
    """

    model: str
    resolution: int
    patch_size: int
    patch_grid: tuple[int, int]
    image_size: tuple[int, int]
    localization: np.ndarray
    semantics: np.ndarray
    patch_features: np.ndarray
    summary: np.ndarray
    concepts: np.ndarray
    seconds: float

    @property
    def num_tokens(self) -> int:
        return self.localization.shape[1]

    @cached_property
    def mass(self) -> np.ndarray:
        """(K,): the share of the photo each token holds; sums to 1."""
        return self.localization.mean(axis=0)

    @cached_property
    def peak(self) -> np.ndarray:
        """(K,): each token's largest localization."""
        return self.localization.max(axis=0)

    @property
    def low_rank(self) -> np.ndarray:
        """(N, D): localization @ semantics."""
        return self.localization @ self.semantics

    def masks(self, threshold: float = 1.0) -> np.ndarray:
        """(K, rows, cols) bool: localization > threshold / K."""
        return (self.localization > threshold / self.num_tokens).T.reshape(-1, *self.patch_grid)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in (self.localization, self.semantics, self.patch_features, self.summary,
                                              self.concepts))


@dataclass(frozen=True)
class Drawing:
    """Whether a model draws pictures of concepts. resolution: on the long side, at which it draws best; or missing: a
    sentence, why it cannot."""

    resolution: int | None = None
    missing: str | None = None

    @classmethod
    def of(cls, model: str, stellar: Stellar) -> Drawing:
        lacks = "decoder" if stellar.decoder is None else \
            "tokenizer" if stellar.decoder.predicts_codes and stellar.tokenizer is None else None
        if lacks:
            return cls(missing=f"{display_name(model)} came without a {lacks}, so it cannot draw pictures; choose a "
                               "model that has one, as nano has.")
        return cls(min(max(stellar.config.picture_size, MIN_RESOLUTION), MAX_RESOLUTION))

    def facts(self) -> dict[str, Any]:
        return {"resolution": self.resolution} if self.missing is None else {"missing": self.missing}


def display_name(model: str) -> str:
    """A model's name without the folder it came from."""
    return Path(model).name
