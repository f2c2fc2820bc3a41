"""How well and how decidedly a photo was factorized. Diagnostics of X ~ L S, not results of the paper."""

from __future__ import annotations

import numpy as np

from model.variance import sums_of_squares


def residual(patch_features: np.ndarray, low_rank: np.ndarray) -> np.ndarray:
    """(N, D), (N, D) -> (N,): |x_i - (L S)_i| over the root mean square, over the photo, of |x_j - mean x|.

    A patch at 1 is missed by as much as the mean feature misses patches on average, and the mean of the squares
    is 1 - explained_variance. (Over its own |x_i - mean x| a patch near the mean would divide by nothing.)
    """
    error = np.square(patch_features - low_rank, dtype=np.float64).sum(axis=1)
    return np.sqrt(error / _variance(patch_features)).astype(np.float32)


def row_entropy(localization: np.ndarray) -> np.ndarray:
    """(N, K) -> (N,) in nats: 0 where one token has the patch, log K where all share it alike."""
    shares = np.asarray(localization, np.float64)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.abs((shares * logs).sum(axis=1)).astype(np.float32)


def explained_variance(patch_features: np.ndarray, low_rank: np.ndarray) -> float:
    """(N, D), (N, D) -> 1 - |X - L S|^2 / |X - mean X|^2: 1 is perfect, 0 no better than the mean, below 0 worse."""
    rows = np.asarray(patch_features, np.float64)
    left, _ = sums_of_squares(rows, np.asarray(low_rank, np.float64))
    return float(1 - left / len(rows) / _variance(patch_features))


def _variance(patch_features: np.ndarray) -> float:
    """Mean over patches of |x - mean x|^2; never below what float32 can resolve, so a blank photo divides well."""
    rows = np.asarray(patch_features, np.float64)
    smallest = 1e-12 * np.square(rows).sum(axis=1).mean() + np.finfo(np.float64).tiny
    return float(max(sums_of_squares(rows, rows)[1] / len(rows), smallest))
