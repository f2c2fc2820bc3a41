"""What an index holds and gives back: photos, their concepts, hits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from model.operations.thresholds import ConceptThresholds

if TYPE_CHECKING:
    from photos.sources.source import SourceFile


@dataclass(frozen=True)
class ModelIdentity:
    """Which model an index was made with. Indexes of other weights, or at another resolution, do not mix.

    name: for people; sha256: of the weights that make concepts (`model.checkpoints.identity`); width: C, of a concept's
    vector; summary_width: D; num_tokens: K; resolution: of the long side, in pixels; thresholds: those of the model
    when the index was made, so that it can be searched without the model.
    """

    name: str
    sha256: str
    width: int
    summary_width: int
    num_tokens: int
    resolution: int
    thresholds: ConceptThresholds = field(default=ConceptThresholds(), compare=False)


@dataclass(frozen=True)
class Concept:
    """One token of one photo, without its vector. Places are in 0..1 of the photo, from its left and top.

    id, photo: -1 until an index gave them. token: 0..K-1. mass: the share of the photo, 0..1. peak: the largest
    localization, 0..1. centroid: (x, y), weighted by localization. box: (left, top, right, bottom) of the mask; all
    zero where the mask is empty. mask: run lengths over the patch grid, row by row, of outside and inside in turn
    (`index.store.rle`), where localization > 1/K. names: suggested words with their scores in 0..1, the best first.
    """

    token: int
    mass: float
    peak: float
    centroid: tuple[float, float]
    box: tuple[float, float, float, float]
    patch_grid: tuple[int, int]
    mask: tuple[int, ...]
    names: tuple[tuple[str, float], ...] = ()
    id: int = -1
    photo: int = -1


@dataclass(frozen=True)
class Photo:
    """A photo of an index. source: its path below the indexed folder, or the data set's name and row. size: (width,
    height). sha256: of its bytes. id: -1 until an index gave it. folder: the name of the indexed folder, in an index
    of several; None in one of a single folder."""

    sha256: str
    source: str
    size: tuple[int, int]
    nbytes: int
    label: str | None = None
    id: int = -1
    folder: str | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """Its source, told apart from those of other folders."""
        return self.source if self.folder is None else f"{self.folder}/{self.source}"


@dataclass(frozen=True)
class EncodedPhoto:
    """A photo on its way into an index.

    concepts and vectors go together: (n, C) float32, unit length. summary: (D,), unit length. thumbnail: a JPEG whose
    long side is at most 256 px. file: what it was read from, if that was a file of a folder; pixels: the sha256 of what
    the model was shown (`index.build.decoding`), None where that is not known.
    """

    photo: Photo
    concepts: tuple[Concept, ...]
    vectors: np.ndarray
    summary: np.ndarray
    thumbnail: bytes
    file: SourceFile | None = None
    pixels: str | None = None


@dataclass(frozen=True)
class Hit:
    """A concept that was found. score: the cosine, -1..1."""

    concept: Concept
    score: float


@dataclass(frozen=True)
class PhotoHit:
    """A photo that was found by its summary. score: the cosine, -1..1."""

    photo: Photo
    score: float


@dataclass(frozen=True)
class AddReport:
    """added and known: photos that came in, and that were there by their bytes already; num_concepts that came in."""

    added: int
    known: int
    num_concepts: int
