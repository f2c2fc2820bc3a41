"""Clusters of an index's concepts: which belong together, and what can be told of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from index.names.hedging import shown
from index.records import Concept
from index.store.rle import decode

SEED = 0
MOST_CLUSTERS = 200
ITERATIONS = 20
TRAINED_ON = 256  # vectors a cluster; more change nothing that one sees
BLOCK = 16_384
PLACE_SIDE = 12
PLACE_SAMPLE = 256
NUM_TYPICAL = 8
NUM_NAMES = 3
NUM_TOGETHER = 4
# What is together less often may be chance.
LEAST_TOGETHER = 3


@dataclass(frozen=True)
class Cluster:
    """What can be told of a cluster. Places are in 0..1 of the photo, from its left and top.

    count: concepts; num_photos: photos that have one; mass: the mean share of the photo; place: the mean centroid;
    place_map: PLACE_SIDE rows of PLACE_SIDE, how often it is there, 0..255 of its own most; position: its middle on the
    map; typical: ids of concepts nearest to its centre, each of another photo; names: as people are shown them, with
    the share of the concepts that they come first for; together: (cluster, lift, photos with both): how many times as
    often in one photo as by chance, the surest first.
    """

    count: int
    num_photos: int
    mass: float
    place: tuple[float, float]
    place_map: tuple[int, ...]
    position: tuple[float, float]
    typical: tuple[int, ...]
    names: tuple[tuple[str, float], ...]
    together: tuple[tuple[int, float, int], ...]


def num_clusters(num_concepts: int) -> int:
    """13 for the 320 concepts of twenty photos, 89 for a thousand photos, 200 from 80,000 concepts on."""
    return int(np.clip(round((num_concepts / 2) ** 0.5), 1, MOST_CLUSTERS))


def centres_of(vectors: np.ndarray, k: int, *, seed: int = SEED) -> np.ndarray:
    """(n, D) float32, unit length -> (k, D), unit length: spherical k-means."""
    import faiss

    kmeans = faiss.Kmeans(vectors.shape[1], k, niter=ITERATIONS, spherical=True, seed=seed, min_points_per_centroid=1,
                          max_points_per_centroid=TRAINED_ON)
    kmeans.train(np.ascontiguousarray(vectors, np.float32))
    return kmeans.centroids / np.linalg.norm(kmeans.centroids, axis=1, keepdims=True).clip(1e-12)


def assign(read: Callable[[np.ndarray], np.ndarray], ids: np.ndarray, centres: np.ndarray
           ) -> tuple[np.ndarray, np.ndarray]:
    """Of each concept the nearest centre, (n,) int32, and its cosine, (n,) float32. read: ids -> their vectors."""
    cluster, score = np.empty(len(ids), np.int32), np.empty(len(ids), np.float32)
    for start in range(0, len(ids), BLOCK):
        scores = read(ids[start : start + BLOCK]) @ centres.T
        cluster[start : start + BLOCK] = scores.argmax(axis=1)
        score[start : start + BLOCK] = scores.max(axis=1)
    return cluster, score


def by_falling_count(cluster: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clusters renumbered: the largest is 0, empty ones are gone."""
    count = np.bincount(cluster, minlength=len(centres))
    order = np.argsort(-count, kind="stable")
    order = order[count[order] > 0]
    number = np.full(len(centres), -1, np.int32)
    number[order] = np.arange(len(order))
    return number[cluster], centres[order]


def describe(columns: dict[str, np.ndarray], words: Sequence[str], cluster: np.ndarray, score: np.ndarray,
             positions: np.ndarray, concepts: Callable[[np.ndarray], list[Concept]]) -> list[Cluster]:
    """columns: id, photo, mass, x, y, names (n, 3), in codes of `words` (-1: none), and name_scores of the same n
    concepts; concepts: ids -> what is stored of them."""
    together = together_of(columns["photo"], cluster)
    found = []
    for number in range(int(cluster.max()) + 1):
        rows = np.flatnonzero(cluster == number)
        photos = columns["photo"][rows]
        ids = columns["id"][rows]
        sample = ids[:: -(-len(ids) // PLACE_SAMPLE)]
        found.append(Cluster(
            count=len(rows), num_photos=len(np.unique(photos)), mass=float(columns["mass"][rows].mean()),
            place=(float(columns["x"][rows].mean()), float(columns["y"][rows].mean())),
            place_map=place_map(concepts(sample)),
            position=tuple(float(value) for value in np.median(positions[rows], axis=0)),
            typical=tuple(_first_of_each_photo(ids, photos, score[rows])),
            names=_commonest(columns["names"][rows, 0], columns["name_scores"][rows, 0], words),
            together=together[number]))
    return found


def together_of(photo: np.ndarray, cluster: np.ndarray) -> list[tuple[tuple[int, float, int], ...]]:
    """Which clusters share photos more often than by chance: of each a few (cluster, lift, photos with both).

    Ordered by how far the count lies above what chance expects, in its standard deviations: lift alone would put what
    was seen thrice first.
    """
    from scipy.sparse import csr_array

    photos, row = np.unique(photo, return_inverse=True)
    size = int(cluster.max()) + 1
    there = csr_array((np.ones(len(row), np.float32), (row, cluster)), shape=(len(photos), size))
    there.data[:] = 1  # several concepts of one photo in one cluster were added up
    both = (there.T @ there).toarray()
    expected = np.outer(both.diagonal(), both.diagonal()) / len(photos)
    surprise = (both - expected) / np.sqrt(expected)
    surprise[(both < LEAST_TOGETHER) | (both <= expected)] = 0
    np.fill_diagonal(surprise, 0)
    found = []
    for number in range(size):
        best = np.argsort(-surprise[number], kind="stable")[:NUM_TOGETHER]
        found.append(tuple((int(other), round(float(both[number, other] / expected[number, other]), 2),
                            int(both[number, other])) for other in best if surprise[number, other] > 0))
    return found


def place_map(concepts: Sequence[Concept]) -> tuple[int, ...]:
    """Masks laid over each other -> PLACE_SIDE * PLACE_SIDE numbers, 255 where most lie; all 0 without a mask."""
    total = np.zeros((PLACE_SIDE, PLACE_SIDE))
    middles = (np.arange(PLACE_SIDE) + 0.5) / PLACE_SIDE
    for concept in concepts:
        rows, cols = concept.patch_grid
        mask = decode(concept.mask, concept.patch_grid)
        total += mask[(middles * rows).astype(int)[:, None], (middles * cols).astype(int)]
    return tuple(np.rint(total * (255 / max(total.max(), 1))).astype(int).ravel().tolist())


def _first_of_each_photo(ids: np.ndarray, photos: np.ndarray, score: np.ndarray) -> list[int]:
    chosen: dict[int, int] = {}
    for row in np.argsort(-score, kind="stable"):
        chosen.setdefault(int(photos[row]), int(ids[row]))
        if len(chosen) == NUM_TYPICAL:
            break
    return list(chosen.values())


def _commonest(codes: np.ndarray, scores: np.ndarray, words: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Certain where most of the concepts are that it comes first for."""
    count = Counter(codes[codes >= 0].tolist())
    return tuple((shown(words[code], float(np.median(scores[codes == code]))), round(number / len(codes), 4))
                 for code, number in count.most_common(NUM_NAMES))
