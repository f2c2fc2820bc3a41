"""A map of vectors, like ones close together: UMAP for as many as it can take, the rest placed among them."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

SEED = 0
NUM_NEIGHBOURS = 15
# Fewer make no graph that UMAP could draw; they are laid out by their two main directions.
LEAST = 8
PLACED_BY = 10
# Placing compares with every mapped vector up to this many; above, with those of the nearest cells.
EXACT = 20_000
BLOCK = 8192


def lay_out(vectors: np.ndarray, *, seed: int = SEED, progress: Callable[[float], None] = lambda share: None
            ) -> np.ndarray:
    """(n, D) float32, unit length -> (n, 2) float32 in -1..1, centred. The same vectors and seed, the same map.

    progress: told the share, 0..1, that is done.
    """
    if len(vectors) < LEAST:
        return _framed(_main_directions(vectors))
    num_neighbours = min(NUM_NEIGHBOURS, len(vectors) - 1)
    scores, rows = nearest(vectors, vectors, num_neighbours)
    # UMAP expects each one to be its own first neighbour; of equal vectors, faiss may name another.
    if not (rows[:, 0] == np.arange(len(rows))).all():
        scores, rows = _self_first(scores, rows)
    with warnings.catch_warnings():  # that nothing can be transformed later, which is what `place` is for
        warnings.simplefilter("ignore")
        from umap import UMAP

        start = _framed(_main_directions(vectors)) * 10
        umap = UMAP(n_neighbors=num_neighbours, min_dist=0.1, metric="cosine", init=start,
                    random_state=seed, n_jobs=1, precomputed_knn=(rows, np.clip(1 - scores, 0, 2)),
                    tqdm_kwds={"disable": False, "file": _Percentages(progress), "bar_format": "{percentage:.0f}"})
        return _framed(umap.fit_transform(vectors))


def place(vectors: np.ndarray, mapped: np.ndarray, positions: np.ndarray, *, seed: int = SEED) -> np.ndarray:
    """New vectors (n, D) among mapped ones (m, D) and their positions (m, 2) -> (n, 2).

    Each goes where its nearest are; where those lie in two places, to the place of most of them and not between.
    """
    if not len(vectors):
        return np.empty((0, 2), np.float32)
    k = min(PLACED_BY, len(mapped))
    scores, rows = nearest(mapped, vectors, k, seed=seed)
    around = positions[rows].astype(np.float32)
    weights = np.clip(scores, 1e-3, None) ** 8
    apart = np.linalg.norm(around[:, :, None] - around[:, None], axis=3)
    middle = np.argmin((apart * weights[:, None]).sum(axis=2), axis=1)
    from_middle = apart[np.arange(len(apart)), middle]
    near = np.argsort(from_middle, axis=1, kind="stable")[:, : (k + 1) // 2]
    weights = np.take_along_axis(weights, near, 1)[:, :, None]
    around = np.take_along_axis(around, near[:, :, None], 1)
    return ((around * weights).sum(axis=1) / weights.sum(axis=1)).astype(np.float32)


def nearest(vectors: np.ndarray, queries: np.ndarray, k: int, *, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """(m, D), (n, D) -> (n, k) cosines float32, falling, and (n, k) rows of `vectors` int32; k <= m.

    Exact where the queries are the vectors themselves or `vectors` are few.
    """
    import faiss

    if len(vectors) <= EXACT or queries is vectors:
        index = faiss.IndexFlatIP(vectors.shape[1])
    else:
        cells = faiss.IndexFlatIP(vectors.shape[1])
        index = faiss.IndexIVFFlat(cells, vectors.shape[1], int(4 * len(vectors) ** 0.5), faiss.METRIC_INNER_PRODUCT)
        index.cp.seed, index.cp.niter, index.nprobe = seed, 6, 24
        index.train(vectors)
    index.add(np.ascontiguousarray(vectors, np.float32))
    found = [index.search(np.ascontiguousarray(queries[start : start + BLOCK], np.float32), k)
             for start in range(0, len(queries), BLOCK)]
    scores, rows = (np.concatenate(part) for part in zip(*found, strict=True))
    missing = rows < 0  # the nearest cells held fewer than k
    rows[missing] = np.broadcast_to(rows[:, :1], rows.shape)[missing]
    scores[missing] = np.broadcast_to(scores[:, :1], scores.shape)[missing]
    return scores, rows.astype(np.int32)


class _Percentages:
    """What UMAP's progress bar is written to: the only thing by which it tells how far it is."""

    def __init__(self, progress: Callable[[float], None]) -> None:
        self._progress = progress

    def write(self, text: str) -> None:
        if text.strip().isdigit():
            self._progress(int(text) / 100)

    def flush(self) -> None:
        pass


def _self_first(scores: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    own = np.arange(len(rows))[:, None]
    order = np.argsort(rows != own, axis=1, kind="stable")
    rows, scores = np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)
    absent = rows[:, 0] != own[:, 0]  # more equals than neighbours: the last one makes room
    rows[absent, 1:], scores[absent, 1:] = rows[absent, :-1], scores[absent, :-1]
    rows[:, 0], scores[:, 0] = own[:, 0], 1
    return scores, rows


def _main_directions(vectors: np.ndarray) -> np.ndarray:
    """(n, D) -> (n, 2): the two main components, each so that its largest entry is positive."""
    centred = np.asarray(vectors, np.float32) - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    directions = directions[:, -1:-3:-1]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], 0)
    return centred @ (directions * np.where(largest < 0, -1, 1))


def _framed(positions: np.ndarray) -> np.ndarray:
    low, high = positions.min(axis=0), positions.max(axis=0)
    half = float((high - low).max()) / 2 or 1.0
    return ((positions - (low + high) / 2) / half).astype(np.float32)
