"""Studies: analyses of kept photos with all that drawing them needs, and how each is made again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from stellar_explorer.kept.cache import ByteBoundedCache
from stellar_explorer.kept.photos import LEASE_SECONDS

if TYPE_CHECKING:
    from stellar_explorer.analysis import Analysis, Drawing
    from stellar_explorer.kept.photos import KeptPhoto
    from stellar_explorer.views.basis import ColourBasis

MOST_ADDRESSES = 2**14  # of analyses, each with how to make it again
PACKAGE_BYTES_A_PATCH = 128


@dataclass(frozen=True, eq=False)
class Study:
    """An analysis with all that drawing it needs. `coarse` is the same photo at 224, None if that is this one."""

    token: str
    model: str
    photo: KeptPhoto
    analysis: Analysis
    bases: dict[str, ColourBasis]
    coarse: Analysis | None
    drawing: Drawing

    @property
    def nbytes(self) -> int:
        """Counted before the package is made; its arrays are about a hundred bytes a patch."""
        kept = self.analysis.nbytes + (self.coarse.nbytes if self.coarse else 0)
        return kept + PACKAGE_BYTES_A_PATCH * len(self.analysis.localization)


@dataclass(frozen=True)
class Origin:
    """What a study was made of: a photo's token, a model, a resolution."""

    photo: str
    model: str
    resolution: int


class KeptStudies:
    """By token, up to a number of bytes; where one came from is remembered longer than the study is kept."""

    def __init__(self, max_bytes: int) -> None:
        self._studies: ByteBoundedCache[Study] = ByteBoundedCache(max_bytes)
        self._origins: OrderedDict[str, Origin] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._studies)

    @property
    def nbytes(self) -> int:
        return self._studies.nbytes

    def get(self, token: str) -> Study | None:
        return self._studies.get(token)

    def put(self, study: Study) -> None:
        self._studies.put(study.token, study, study.nbytes)
        with self._lock:
            self._origins[study.token] = Origin(study.photo.token, study.model, study.analysis.resolution)
            self._origins.move_to_end(study.token)
            while len(self._origins) > MOST_ADDRESSES:
                self._origins.popitem(last=False)

    def origin(self, token: str) -> Origin | None:
        return self._origins.get(token)

    def lease(self, token: str) -> None:
        """A page shows it."""
        self._studies.lease(token, LEASE_SECONDS)
