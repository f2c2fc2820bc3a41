"""Searcher: what finds the nearest vectors of a snapshot, as the store knows it: it is made of the shards' vectors, and
may keep files in a folder of its own, which the catalogue names. `index.search` has two."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

SEGMENT_NAME = re.compile(r"(?P<index_type>flat|ivf)-(?P<last_id>\d+)-(?P<sha256>[0-9a-f]{64})\.faiss")


@dataclass(frozen=True)
class SegmentFile:
    """A segment as the catalogue names it: the file's name in its folder, sha256 and bytes, and the rows it holds."""

    name: str
    sha256: str
    nbytes: int
    num_rows: int


class Searcher(Protocol):
    def search(self, vectors: np.ndarray, *, k: int, allowed: np.ndarray | None = None, exact: bool = False
               ) -> tuple[np.ndarray, np.ndarray]:
        """(Q, C), of any length but zero -> (Q, k) cosines and ids, the best first; -inf and -1 where there are fewer.
        allowed: rising ids, of which alone something is found."""

    def build(self) -> list[SegmentFile]:
        """Writes what makes it fast -> the files that the catalogue should name."""


# (folder, shards, live=...) -> a searcher: VectorIndex, `partial(VectorIndex, index_type="flat")`, or another that is
# made and asked as it is.
MakeSearcher = Callable[..., Searcher]
