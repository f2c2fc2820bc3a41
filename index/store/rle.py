"""Masks as run lengths: over the patch grid row by row, the lengths of outside and inside in turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def encode(mask: np.ndarray) -> tuple[int, ...]:
    """(rows, cols) bool -> run lengths that sum to rows * cols. The first is of outside, and 0 where the first patch
    is inside; no other is 0."""
    flat = np.asarray(mask, bool).ravel()
    if not flat.size:
        return ()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return (0, *runs) if flat[0] else tuple(runs)


def decode(runs: Sequence[int], patch_grid: tuple[int, int]) -> np.ndarray:
    """Run lengths -> (rows, cols) bool. Raises ValueError where they do not fill the grid exactly."""
    lengths = np.asarray(runs, np.int64)
    rows, cols = patch_grid
    if (lengths < 0).any() or lengths.sum() != rows * cols:
        raise ValueError(f"run lengths that sum to {lengths.sum()} do not fill a patch grid of {rows} x {cols}")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(rows, cols)
