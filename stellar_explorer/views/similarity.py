"""Cosine similarity between any two patches, in few enough bytes to send: each patch as a handful of int8 codes."""

from __future__ import annotations

import numpy as np

LARGEST_CODE = 127


def compress(patch_features: np.ndarray, dimensions: int = 48) -> tuple[np.ndarray, np.ndarray, float]:
    """(N, D) -> codes (N, d) int8, scales (d,) float32, kept: cosine(i, j) ~ sum(codes_i * codes_j * scales^2).

    Rows at unit length, in the basis of their uncentred SVD (the one that loses least of their inner products),
    each dimension quantised in steps of its own. d = min(dimensions, N, D). `kept` is the share of the squared
    length that the d dimensions hold, on average over patches.
    """
    if dimensions < 1:
        raise ValueError(f"Similarity needs at least 1 dimension; got {dimensions}.")
    rows = np.asarray(patch_features, np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(lengths > 0, lengths, 1)
    # The singular vectors by way of the (D, D) Gram matrix: exact enough in float64, and nothing of N x N is made.
    energies, axes = np.linalg.eigh(rows.T @ rows)
    count = min(dimensions, *rows.shape)
    coordinates = rows @ axes[:, ::-1][:, :count]
    scales = np.abs(coordinates).max(axis=0) / LARGEST_CODE
    codes = np.rint(coordinates / np.where(scales > 0, scales, 1)).astype(np.int8)
    total = energies.sum()
    kept = float(np.square(coordinates).sum() / total) if total > 0 else 1.0
    return codes, scales.astype(np.float32), kept
