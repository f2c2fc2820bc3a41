"""ShardVectors: the vectors of one shard, as what searches them is given them; and a check of their products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from index.errors import ConceptIndexError

# Products of unit vectors in float16 stay below; what lies above, or is no number, was changed on the disk.
LARGEST = 1.01


@dataclass(frozen=True)
class ShardVectors:
    """The vectors of one shard. vectors: (n, D) float16, unit length, mapped. ids: (n,) int64, rising, where a
    compaction left gaps; None: row r has the id first_id + r."""

    first_id: int
    vectors: np.ndarray
    ids: np.ndarray | None = None

    @property
    def last_id(self) -> int:
        return int(self.ids[-1]) if self.ids is not None else self.first_id + len(self.vectors) - 1


def sound(scores: np.ndarray) -> np.ndarray:
    """Raises ConceptIndexError for scores that vectors of unit length cannot have."""
    if (scores <= LARGEST).all():
        return np.minimum(scores, 1)
    raise ConceptIndexError("A stored vector is not of unit length: a shard is damaged; `python -m index verify` names "
                            "it.")
