"""VectorRows: the vectors of many shards as one run of rows, scored exactly, on the processor or resident on a GPU."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from index.errors import ConceptIndexError
from index.store.shard_vectors import ShardVectors, sound

if TYPE_CHECKING:
    import torch

# Rows whose float32 copy (3 MB at 768 wide) stays in the processor's cache: 4 times as fast as converting more at once.
CACHED_BLOCK = 1024
# Rows and queries whose scores are ranked at once: 64 MB.
SPAN = 65536
QUERIES = 256


class VectorRows:
    """All shards, one after the other: row numbers count through them. Nothing is read until it is searched.

    The shards' ids rise from one to the next, so the order of rows is the order of ids. On a GPU the vectors are copied
    there once, by the first search. Raises ConceptIndexError for shards of several widths or in another order.
    """

    def __init__(self, shards: Sequence[ShardVectors], *, device: str = "cpu"):
        self.shards = [shard for shard in shards if len(shard.vectors)]
        widths = sorted({shard.vectors.shape[1] for shard in self.shards})
        if len(widths) > 1:
            raise ConceptIndexError(f"The shards hold vectors of {widths} numbers; an index holds those of one model.")
        for before, after in zip(self.shards, self.shards[1:], strict=False):
            if before.last_id >= after.first_id:
                raise ConceptIndexError(f"Shards that begin at {before.first_id} and {after.first_id} share ids or are "
                                        "out of order; give them in rising order.")
        self.width = widths[0] if widths else 0
        self.starts = np.cumsum([0] + [len(shard.vectors) for shard in self.shards])
        self.device = device
        self._first_ids = np.array([shard.first_id for shard in self.shards], np.int64)
        self._lengths = np.diff(self.starts)
        self._with_gaps = [number for number, shard in enumerate(self.shards) if shard.ids is not None]

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def num_ids(self) -> int:
        """One more than the last id."""
        return self.shards[-1].last_id + 1 if self.shards else 0

    @cached_property
    def _tensors(self) -> list[torch.Tensor]:
        return [on_device(shard.vectors, self.device) for shard in self.shards]

    # Rows and ids

    def ids_of(self, rows: np.ndarray) -> np.ndarray:
        """Row numbers, any shape -> their ids; -1 stays -1."""
        ids = np.full(rows.shape, -1, np.int64)
        known = rows >= 0
        numbers = rows[known]
        if not len(numbers):
            return ids
        shard = np.searchsorted(self.starts, numbers, "right") - 1
        local = numbers - self.starts[shard]
        found = self._first_ids[shard] + local
        for number in self._with_gaps:
            within = shard == number
            found[within] = self.shards[number].ids[local[within]]
        ids[known] = found
        return ids

    def rows_of(self, ids: np.ndarray) -> np.ndarray:
        """Ids, any shape -> their rows; -1 for those that are not here."""
        if not self.shards:
            return np.full(ids.shape, -1, np.int64)
        shard = np.searchsorted(self._first_ids, ids, "right") - 1
        local = ids - self._first_ids[shard]
        for number in self._with_gaps:
            held, within = self.shards[number].ids, shard == number
            place = np.minimum(np.searchsorted(held, ids[within]), len(held) - 1)
            local[within] = np.where(held[place] == ids[within], place, -1)
        here = (shard >= 0) & (local >= 0) & (local < self._lengths[shard])
        return np.where(here, self.starts[shard] + local, -1)

    def mask_of(self, ids: np.ndarray) -> np.ndarray:
        """(n,) rising ids -> (rows,) bool: which rows have them."""
        mask = np.zeros(len(self), bool)
        for shard, start in zip(self.shards, self.starts, strict=False):
            some = ids[np.searchsorted(ids, shard.first_id) : np.searchsorted(ids, shard.last_id, "right")]
            if shard.ids is None:
                mask[start + some - shard.first_id] = True
            elif len(some):
                mask[start : start + len(shard.ids)] = np.isin(shard.ids, some, assume_unique=True)
        return mask

    def id_mask(self, mask: np.ndarray | None = None) -> np.ndarray:
        """(rows,) bool, or None for all -> (num_ids,) bool: the ids of these rows."""
        found = np.zeros(self.num_ids, bool)
        for shard, start, stop in zip(self.shards, self.starts, self.starts[1:], strict=False):
            ids = slice(shard.first_id, shard.last_id + 1) if shard.ids is None else shard.ids
            found[ids] = True if mask is None else mask[start:stop]
        return found

    def rows_up_to(self, last_id: int) -> int:
        """How many rows have this id or a smaller one."""
        number = int(np.searchsorted(self._first_ids, last_id, "right")) - 1
        if number < 0:
            return 0
        shard = self.shards[number]
        within = (last_id - shard.first_id + 1 if shard.ids is None
                  else int(np.searchsorted(shard.ids, last_id, "right")))
        return int(self.starts[number]) + min(within, len(shard.vectors))

    # Vectors and products

    def vectors(self, rows: np.ndarray) -> torch.Tensor:
        """(n,) row numbers -> (n, D) float16."""
        import torch

        order = np.argsort(rows, kind="stable")
        numbers = rows[order]
        shards = np.searchsorted(self.starts, numbers, "right") - 1
        cuts = np.flatnonzero(np.diff(shards)) + 1
        local = torch.from_numpy(numbers - self.starts[shards]).to(self.device)
        gathered = torch.empty(len(rows), self.width, dtype=torch.float16, device=self.device)
        for begin, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
            if end > begin:
                torch.index_select(self._tensors[shards[begin]], 0, local[begin:end], out=gathered[begin:end])
        if (order[1:] > order[:-1]).all():
            return gathered
        back = torch.empty(len(rows), dtype=torch.int64)
        back[torch.from_numpy(order)] = torch.arange(len(rows))
        return gathered[back.to(self.device)]

    def run(self, start: int, stop: int) -> torch.Tensor:
        """The vectors of neighbouring rows, (stop - start, D) float16; a view where they lie in one shard."""
        import torch

        parts = []
        for number in range(int(np.searchsorted(self.starts, start, "right")) - 1, len(self.shards)):
            begin = int(self.starts[number])
            if begin >= stop:
                break
            parts.append(self._tensors[number][max(start - begin, 0) : stop - begin])
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def nearest(self, queries: np.ndarray, k: int, *, mask: np.ndarray | None = None, start: int = 0
                ) -> tuple[np.ndarray, np.ndarray]:
        """(Q, D) of unit length -> the k rows of largest product from `start` on, best first: (Q, k) scores and rows;
        -inf, -1: none.

        mask: (rows,) bool, those that count.
        """
        import torch

        block = CACHED_BLOCK if self.device == "cpu" else SPAN
        parts = []
        for first in range(0, len(queries), QUERIES):
            asked = torch.from_numpy(queries[first : first + QUERIES]).to(self.device)
            found = empty(len(asked), k)
            for begin in range(start, len(self), SPAN):
                end = min(begin + SPAN, len(self))
                scores = torch.full((len(asked), end - begin), -np.inf, device=self.device)
                for at in range(begin, end, block):
                    stop = min(at + block, end)
                    if mask is None or mask[at:stop].any():
                        scores[:, at - begin : stop - begin] = asked @ self.run(at, stop).float().T
                if mask is not None:
                    scores.masked_fill_(~torch.from_numpy(mask[begin:end]).to(self.device), -np.inf)
                best = torch.topk(scores, min(k, scores.shape[1]))
                found = best_of([found, (sound(best.values.cpu().numpy()), best.indices.cpu().numpy() + begin)], k)
            parts.append(found)
        return tuple(np.concatenate(column) for column in zip(empty(0, k), *parts, strict=True))

    def nearest_among(self, queries: np.ndarray, k: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `nearest`, over (n,) rows that are fetched one by one: for few of many."""
        import torch

        asked = torch.from_numpy(queries).to(self.device)
        found = empty(len(queries), k)
        for at in range(0, len(rows), CACHED_BLOCK):
            some = rows[at : at + CACHED_BLOCK]
            best = torch.topk(asked @ self.vectors(some).float().T, min(k, len(some)))
            found = best_of([found, (sound(best.values.cpu().numpy()), some[best.indices.cpu().numpy()])], k)
        return found

    def nearest_of(self, queries: np.ndarray, k: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `nearest`, over (Q, R) rows that are each query's own, once each; -1: none."""
        import torch

        rows = np.sort(rows, axis=1)
        scores = np.full(rows.shape, -np.inf, np.float32)
        # 32 queries of 100 rows each are 10 MB.
        for first in range(0, len(queries), 32):
            part = rows[first : first + 32]
            vectors = self.vectors(np.maximum(part, 0).ravel()).float().view(*part.shape, self.width)
            asked = torch.from_numpy(queries[first : first + 32]).to(self.device)
            products = torch.bmm(vectors, asked[:, :, None])[:, :, 0].cpu().numpy()
            scores[first : first + 32] = np.where(part >= 0, products, -np.inf)
        return best_of([(sound(scores), rows)], k)


def empty(num_queries: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows of nothing found."""
    return np.full((num_queries, k), -np.inf, np.float32), np.full((num_queries, k), -1, np.int64)


def best_of(found: Sequence[tuple[np.ndarray, np.ndarray]], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Several (Q, n) scores and rows -> the k best of all, best first; of equal scores the lower row first."""
    scores, rows = (np.concatenate(column, axis=1) for column in zip(*found, strict=True))
    rows = np.where(scores > -np.inf, rows, -1)
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    best = empty(len(scores), k)
    for column, given in zip(best, (scores, rows), strict=True):
        column[:, : order.shape[1]] = np.take_along_axis(given, order, 1)
    return best


_copies: dict[tuple[int, str], torch.Tensor] = {}


def on_device(array: np.ndarray, device: str) -> torch.Tensor:
    """A GPU's copy lives as long as the array does, so that the next snapshot, which maps most of the same shards,
    finds it there."""
    import torch

    with warnings.catch_warnings():
        # torch has no tensors that cannot be written. These are mapped for reading and nothing here writes.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        tensor = torch.from_numpy(array.view(np.ndarray))
    if device == "cpu":
        return tensor
    key = (id(array), device)
    if key not in _copies:
        _copies[key] = tensor.to(device)
        weakref.finalize(array, _copies.pop, key, None)
    return _copies[key]


def is_on_device(array: np.ndarray, device: str) -> bool:
    return (id(array), device) in _copies
