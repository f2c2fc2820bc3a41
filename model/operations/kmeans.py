"""K-means over a photo's patch features: what stands in for concepts where a model has no tokens."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from model.factorization import Factorization

NUM_CENTROIDS = 16


def factorize_by_kmeans(patch_features: Tensor, patch_grid: tuple[int, int], *, num_centroids: int = NUM_CENTROIDS,
                          seed: int = 0) -> Factorization:
    """(B, N, D) -> semantics are the centroids, localization one-hot: the cluster of each patch, the summary is
    the mean patch feature.

    A photo with fewer distinct patches than centroids has fewer clusters: the tokens left over have no patch and say
    the mean patch feature.
    """
    found = [kmeans(features, num_centroids=num_centroids, seed=seed) for features in patch_features.cpu().numpy()]
    return Factorization(
        semantics=torch.from_numpy(np.stack([centroids for centroids, _ in found])).to(patch_features.device),
        localization=torch.from_numpy(np.stack([one_hot for _, one_hot in found])).to(patch_features.device),
        patch_features=patch_features, summary=patch_features.mean(dim=1), patch_grid=patch_grid)


def kmeans(features: np.ndarray, *, num_centroids: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) -> centroids (K, D) and one-hot rows (N, K), both float32."""
    from sklearn.cluster import KMeans  # a second of imports that a page without clusters need not wait for
    from sklearn.exceptions import ConvergenceWarning

    num_clusters = min(num_centroids, len(features))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct patches than clusters: handled below
        means = KMeans(num_clusters, n_init=1, random_state=seed).fit(features)
    one_hot = np.zeros((len(features), num_centroids), np.float32)
    one_hot[np.arange(len(features)), means.labels_] = 1
    centroids = np.repeat(features.mean(axis=0, keepdims=True), num_centroids, axis=0).astype(np.float32)
    used = np.unique(means.labels_)
    centroids[used] = means.cluster_centers_[used]
    return centroids, one_hot
