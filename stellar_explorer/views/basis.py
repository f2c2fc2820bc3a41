"""The feature map's colours: three principal components as red, green and blue, the same every time.

DESIGN section 1; the paper's figures of patch features. A basis may be fitted to one photo, or once to several and
then frozen, so that a colour means the same across them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.checkpoints.files import write_whole

RANGE = (0.01, 0.99)  # the share of patches below black and below full colour, channel by channel


@dataclass(frozen=True)
class ColourBasis:
    """An affine map from features to colours.

    mean:       (D,)
    components: (3, D)  orthonormal rows, by falling variance
    low, high:  (3,)    the scores drawn as 0 and as 1; equal where a photo has no such component
    """

    mean: np.ndarray
    components: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def coordinates(self, features: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, 3), 0..1 within the range and beyond it outside.

        Affine and not clipped, and rows of localization sum to 1, so localization @ coordinates(semantics) equals
        coordinates(localization @ semantics): whoever has K coordinates can colour every patch.
        """
        scores = (np.asarray(features, np.float32) - self.mean) @ self.components.T
        flat = self.high <= self.low
        span = np.where(flat, 1, self.high - self.low)
        return np.where(flat, np.float32(0.5), (scores - self.low) / span).astype(np.float32)

    def colours(self, features: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, 3) uint8: the coordinates, clipped."""
        return np.rint(self.coordinates(features).clip(0, 1) * 255).astype(np.uint8)

    def save(self, path: str | os.PathLike[str]) -> None:
        content = io.BytesIO()
        np.savez(content, mean=self.mean, components=self.components, low=self.low, high=self.high)
        write_whole(Path(path), content.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ColourBasis:
        """ValueError that names the file if it is not one of ours; nothing in it is executed."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                basis = cls(**{name: arrays[name].astype(np.float32) for name in ("mean", "components", "low", "high")})
        except FileNotFoundError:
            raise
        except Exception as error:  # numpy raises half a dozen kinds on a broken archive
            raise ValueError(f"{Path(path).name} is not a saved colour basis; fit one again and save it.") from error
        width = basis.mean.shape[-1] if basis.mean.ndim == 1 else -1
        if basis.components.shape != (3, width) or basis.low.shape != (3,) or basis.high.shape != (3,):
            raise ValueError(f"{Path(path).name} holds a colour basis of the wrong shape; fit one again and save it.")
        return basis


def fit_basis(features: Sequence[np.ndarray]) -> ColourBasis:
    """Patch features (N_i, D) of each photo -> the basis of them all, each photo weighing the same.

    Reproducible: in float64 and of order-free sums; components by falling variance, the entry of the largest
    magnitude in each made positive.
    """
    features = [np.asarray(rows, np.float64) for rows in features]
    widths = {rows.shape[-1] for rows in features if rows.ndim == 2 and len(rows)}
    if not features or len(widths) != 1 or any(rows.ndim != 2 or not len(rows) for rows in features):
        shapes = [rows.shape for rows in features]
        raise ValueError(f"A colour basis is fitted to features (N, D) of one width, at least one photo; got {shapes}.")
    if min(widths) < 3:
        raise ValueError(f"Three colours need features of at least 3 dimensions; got {min(widths)}.")
    mean = np.mean([rows.mean(axis=0) for rows in features], axis=0)
    covariance = np.mean([(rows - mean).T @ (rows - mean) / len(rows) for rows in features], axis=0)
    components = np.linalg.eigh(covariance)[1][:, :-4:-1].T
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(3), largest])[:, None]

    scores = np.concatenate([(rows - mean) @ components.T for rows in features])
    weights = np.concatenate([np.full(len(rows), 1 / len(rows)) for rows in features])
    low, high = (np.array([_quantile(column, weights, share) for column in scores.T]) for share in RANGE)
    # What rounding alone could have made is no variance: without this a blank photo would be coloured noise.
    flat = high - low <= 1e-6 * (np.linalg.norm(mean) + np.abs(scores).max())
    high = np.where(flat, low, high)
    return ColourBasis(*(array.astype(np.float32) for array in (mean, components, low, high)))


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """Of values that each stand for `weights`: linear between the middles of what they stand for."""
    order = np.argsort(values, kind="stable")
    above = np.cumsum(weights[order])
    return float(np.interp(share * above[-1], above - weights[order] / 2, values[order]))
