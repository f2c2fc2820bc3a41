"""Where concepts are: token maps, masks at t / K, the concept map, and localization with only some tokens kept.

DESIGN section 1. Everything is on the patch grid; render.py brings it to the photo's size.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np


def token_map(localization: np.ndarray, patch_grid: tuple[int, int], token: int) -> np.ndarray:
    """(N, K) -> (rows, cols): where one token sits."""
    return localization[:, token].reshape(patch_grid)


def token_mask(
    localization: np.ndarray, patch_grid: tuple[int, int], token: int, threshold: float = 1.0
) -> np.ndarray:
    """(N, K) -> (rows, cols) bool: localization > threshold / K, at 1 the paper's figure. Masks may overlap."""
    return token_map(localization, patch_grid, token) > threshold / localization.shape[1]


def concept_map(localization: np.ndarray, patch_grid: tuple[int, int], colours: np.ndarray) -> np.ndarray:
    """(N, K), (K, 3) uint8 -> (rows, cols, 3) uint8: each patch in its strongest token's colour, ties to the lower."""
    return colours[localization.argmax(axis=1)].reshape(*patch_grid, 3)


def keep_concepts(localization: np.ndarray, tokens: Collection[int]) -> np.ndarray:
    """(N, K) -> (N, K): the other tokens at zero, rows summing to 1 again; uniform where nothing is left of a row."""
    tokens = sorted(set(tokens))
    num_tokens = localization.shape[1]
    if not tokens or tokens[0] < 0 or tokens[-1] >= num_tokens:
        raise ValueError(f"Keep at least one token, each from 0 to {num_tokens - 1}; got {tokens}.")
    kept = np.zeros_like(localization)
    kept[:, tokens] = localization[:, tokens]
    left = kept.sum(axis=1, keepdims=True)
    uniform = np.zeros_like(localization[:1])
    uniform[:, tokens] = 1 / len(tokens)
    return np.where(left > 0, kept / np.where(left > 0, left, 1), uniform)
