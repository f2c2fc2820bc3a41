"""Codes: what FAISS makes of vectors, one bit a number (RaBitQ), all in a row or in the lists of an inverted file.

A random rotation goes first: RaBitQ's bits assume that no direction is special.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from index.search.vector_rows import VectorRows

if TYPE_CHECKING:
    import faiss
    import torch

# Rows that are converted, rotated and added at once: 50 MB as float32 at 768 wide.
ADDED_AT_ONCE = 16384
# Rows whose products with all centres are held at once: 65 MB at 4,000 centres.
ASSIGNED_AT_ONCE = 4096
# k-means sees so many vectors a centre, and goes over them so often.
TRAINED_PER_LIST = 40
ITERATIONS = 10

# Is told how many rows of how many are in.
Progress = Callable[[int, int], None]


def num_lists_for(num_rows: int) -> int:
    return max(1, min(round(4 * math.sqrt(num_rows)), num_rows // 4))


def flat(rows: VectorRows, *, progress: Progress | None = None) -> faiss.Index:
    """Every row's code, one after the other, in blocks that the processor scans a few at once; under the rows' ids."""
    import faiss

    index = faiss.index_factory(rows.width, f"RR{rows.width},RaBitQfs", faiss.METRIC_INNER_PRODUCT)
    index.train(rows.vectors(_sample(len(rows), ADDED_AT_ONCE, seed=0)).float().cpu().numpy())
    numbered = faiss.IndexIDMap(index)
    for start, stop in _steps(0, len(rows), progress):
        numbered.add_with_ids(rows.run(start, stop).float().cpu().numpy(), rows.ids_of(np.arange(start, stop)))
    return numbered


def inverted(rows: VectorRows, *, seed: int = 0, progress: Progress | None = None) -> faiss.Index:
    """Codes in lists, each round a centre, under the rows' ids."""
    import faiss

    num_lists = num_lists_for(len(rows))
    index = faiss.index_factory(rows.width, f"RR{rows.width},IVF{num_lists},RaBitQ", faiss.METRIC_INNER_PRODUCT)
    rotation, lists = parts_of(index)
    sample = rows.vectors(_sample(len(rows), 1024, seed)).float().cpu().numpy()
    rotation.train(sample)
    lists.quantizer.add(rotation.apply(centres_of(rows, num_lists, seed=seed).cpu().numpy()))
    lists.train(rotation.apply(sample))
    index.is_trained = True
    append(index, rows, start=0, progress=progress)
    return index


def append(index: faiss.Index, rows: VectorRows, *, start: int, progress: Progress | None = None) -> None:
    """The rows from `start` on, into the lists that there are. index: an inverted one, in memory: FAISS aborts where it
    is mapped."""
    import faiss
    import torch

    rotation, lists = parts_of(index)
    centres = torch.from_numpy(lists.quantizer.reconstruct_n(0, lists.nlist)).to(rows.device)
    for at, stop in _steps(start, len(rows), progress):
        rotated = np.ascontiguousarray(rotation.apply(rows.run(at, stop).float().cpu().numpy()))
        lists_of = nearest_centres(torch.from_numpy(rotated).to(rows.device), centres).cpu().numpy()
        ids = rows.ids_of(np.arange(at, stop))
        lists.add_core(stop - at, faiss.swig_ptr(rotated), faiss.swig_ptr(ids), faiss.swig_ptr(lists_of))
    index.ntotal = lists.ntotal


def retain(index: faiss.Index, id_mask: np.ndarray) -> None:
    """Take out of an inverted one, in memory, all whose ids are not in this (n,) bool."""
    import faiss

    kept = faiss.IDSelectorBitmap(np.packbits(id_mask, bitorder="little"))
    index.remove_ids(faiss.IDSelectorNot(kept))


def parts_of(index: faiss.Index) -> tuple[faiss.LinearTransform, faiss.IndexIVFRaBitQ]:
    """The rotation of an inverted one, and its lists."""
    import faiss

    return faiss.downcast_VectorTransform(index.chain.at(0)), faiss.downcast_index(index.index)


def centres_of(rows: VectorRows, count: int, *, seed: int) -> torch.Tensor:
    """Spherical k-means on a sample -> (count, D) float32 of unit length, on the rows' device."""
    import torch

    drawn = np.random.default_rng(seed)
    sample = rows.vectors(_sample(len(rows), TRAINED_PER_LIST * count, seed))
    centres = sample[torch.from_numpy(drawn.choice(len(sample), count, replace=False)).to(sample.device)].float()
    for _ in range(ITERATIONS):
        sums, sizes = torch.zeros_like(centres), torch.zeros(count, device=centres.device)
        for block in sample.split(ASSIGNED_AT_ONCE):
            block = block.float()
            nearest = nearest_centres(block, centres)
            sums.index_add_(0, nearest, block)
            sizes += torch.bincount(nearest, minlength=count)
        # A centre that nothing is nearest to begins again at some vector.
        empty = sizes == 0
        again = torch.from_numpy(drawn.integers(len(sample), size=int(empty.sum()))).to(sample.device)
        sums[empty] = sample[again].float()
        centres = torch.nn.functional.normalize(sums, dim=1)
    return centres


def nearest_centres(vectors: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """(n, D), (C, D) -> (n,) int64: of the largest product."""
    import torch

    return torch.cat([(block @ centres.T).argmax(dim=1) for block in vectors.split(ASSIGNED_AT_ONCE)])


def _sample(num_rows: int, most: int, seed: int) -> np.ndarray:
    """Rising row numbers."""
    return np.sort(np.random.default_rng(seed).choice(num_rows, min(num_rows, most), replace=False))


def _steps(start: int, stop: int, progress: Progress | None) -> Iterator[tuple[int, int]]:
    for at in range(start, stop, ADDED_AT_ONCE):
        end = min(at + ADDED_AT_ONCE, stop)
        yield at, end
        if progress:
            progress(end, stop)
