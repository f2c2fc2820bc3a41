"""Where concepts are: token maps, masks at t / K, the concept map, and localization with only some tokens kept.

DESIGN section 1. Everything is on the patch grid; render.py brings it to the photo's size.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from stellar_explorer.views.render import enlarge


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


def photo_mask(
    localization: np.ndarray, patch_grid: tuple[int, int], token: int, size: tuple[int, int], *,
    threshold: float = 1.0, smooth: bool = False,
) -> np.ndarray:
    """size (width, height) -> (height, width) bool: a token's mask at a picture's size, as the page draws it.

    Blocky: whole patches. Smooth: where the token map, bilinear between the patches' centres, is above threshold / K.
    """
    if not smooth:
        return enlarge(token_mask(localization, patch_grid, token, threshold), size, smooth=False)
    field = token_map(localization, patch_grid, token).astype(np.float32)
    return enlarge(field, size, smooth=True) > threshold / localization.shape[1]


def photo_concept_map(
    localization: np.ndarray, patch_grid: tuple[int, int], colours: np.ndarray, size: tuple[int, int], *,
    tokens: Collection[int] | None = None, smooth: bool = False,
) -> np.ndarray:
    """-> (height, width, 3) uint8: the colour of the strongest of the tokens (all), ties to the lower; smooth: of their
    maps bilinear between the patches' centres."""
    tokens = sorted(range(localization.shape[1]) if tokens is None else set(tokens))
    if not smooth:
        return enlarge(concept_map(localization[:, tokens], patch_grid, colours[tokens]), size, smooth=False)
    strongest = np.zeros(size[::-1], np.intp)
    best = np.full(size[::-1], -np.inf, np.float32)
    for token in tokens:
        share = enlarge(token_map(localization, patch_grid, token).astype(np.float32), size, smooth=True)
        is_stronger = share > best
        best[is_stronger], strongest[is_stronger] = share[is_stronger], token
    return colours[strongest]
