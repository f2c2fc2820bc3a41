"""Filter: which concepts may be found; all that it says must hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from index.errors import ConceptIndexError
from index.query.searchable import Searchable


@dataclass(frozen=True)
class Filter:
    """What is None is not asked for.

    labels: the photo has one of them. sources: the photo is one of them, or lies in one: in a folder, or in a data set
    by its name. mass: (least, most) share of the photo. region: (left, top, right, bottom) of the photo in 0..1, where
    the concept's centroid lies. photos: it is in one of these. not_photos: it is in none of these.
    """

    labels: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    mass: tuple[float, float] | None = None
    region: tuple[float, float, float, float] | None = None
    photos: tuple[int, ...] | None = None
    not_photos: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.mass is not None and not 0 <= self.mass[0] <= self.mass[1]:
            raise ConceptIndexError(f"The share of the photo is from {self.mass[0]:g} to {self.mass[1]:g}; give the "
                                    "least and then the most, from 0 to 1.")
        if self.region is not None:
            left, top, right, bottom = self.region
            if not (left <= right and top <= bottom):
                raise ConceptIndexError(f"The region is from ({left:g}, {top:g}) to ({right:g}, {bottom:g}); give its "
                                        "left and top first.")

    def allowed(self, index: Searchable) -> np.ndarray:
        """(n,) int64: the ids of the concepts that pass, rising."""
        columns = index.columns("id", "photo")
        passing = np.ones(len(columns["id"]), bool)
        if self.labels is not None:
            codes = [code for code, label in enumerate(index.labels) if label in self.labels]
            passing &= np.isin(index.columns("label")["label"], codes)
        if self.sources is not None:
            codes = [code for code, source in enumerate(index.sources) if self._comes_from(source)]
            passing &= np.isin(index.columns("source")["source"], codes)
        if self.mass is not None:
            mass = index.columns("mass")["mass"]
            passing &= (mass >= self.mass[0]) & (mass <= self.mass[1])
        if self.region is not None:
            left, top, right, bottom = self.region
            x, y = index.columns("x", "y").values()
            passing &= (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        if self.photos is not None:
            passing &= np.isin(columns["photo"], self.photos)
        for photo in self.not_photos:
            passing &= columns["photo"] != photo
        return columns["id"][passing]

    def _comes_from(self, source: str) -> bool:
        return any(source == wanted or source.startswith((f"{wanted.removesuffix('/')}/", f"{wanted} row "))
                   for wanted in self.sources)
