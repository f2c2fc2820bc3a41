"""A photo's concepts edited and decoded: from an analysis that is kept, so that the encoder does not run again."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from model.factorization import Factorization
from model.operations.editing import Edit, edited
from stellar_explorer.analysis import Analysis
from stellar_explorer.edit.recipe import Recipe
from stellar_explorer.explorer import Explorer
from stellar_explorer.photo import printable

if TYPE_CHECKING:
    from stellar_explorer.kept.studies import Study

JPEG_QUALITY = 92


@dataclass(frozen=True)
class Edited:
    """analysis: the photo's, with localization and semantics after the edits; its concepts are those of the photo, for
    only a photo has any. picture: (H, W, 3) bytes, decoded.

    seconds: the edits and the decoder.
    """

    analysis: Analysis
    picture: np.ndarray
    seconds: float

    def png(self) -> bytes:
        return self._saved("PNG")

    def jpeg(self) -> bytes:
        """A third of the bytes, for a page that asks many times while somebody drags."""
        return self._saved("JPEG", quality=JPEG_QUALITY, subsampling=0)

    def _saved(self, kind: str, **options: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(self.picture).save(buffer, kind, **options)
        return buffer.getvalue()


class Editor:
    """Edits of the analyses of an Explorer's models."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self._decode = explorer.one_at_a_time(self._reconstruct)

    def edit(self, study: Study, edits: Sequence[Edit], others: Mapping[str, Study]) -> Edited:
        """A study of the page. ValueError, one sentence, for edits that cannot be done."""
        for name, other in others.items():
            if other.model != study.model:
                raise ValueError(f"The photo {name} was analysed with another model; both have to come from one.")
        return self.decode(study.model, study.analysis, edits,
                           {name: other.analysis for name, other in others.items()})

    def decode(
        self, model: str, analysis: Analysis, edits: Sequence[Edit], others: Mapping[str, Analysis]
    ) -> Edited:
        start = time.perf_counter()
        with torch.no_grad():
            result = edited(factorization_of(analysis), edits,
                            {name: factorization_of(other) for name, other in others.items()})
        picture = self._decode(model, result)
        arrays = {"localization": result.localization[0].numpy(), "semantics": result.semantics[0].numpy()}
        return Edited(replace(analysis, **arrays), picture, time.perf_counter() - start)

    def _reconstruct(self, model: str, factorization: Factorization) -> np.ndarray:
        stellar = self._explorer.stellar(model)
        picture = stellar.decode(factorization.to(stellar.device))[0]
        return (255 * picture).round().byte().permute(1, 2, 0).cpu().numpy()


def factorization_of(analysis: Analysis) -> Factorization:
    """A batch of one, on the CPU."""
    arrays = {name: torch.from_numpy(np.ascontiguousarray(getattr(analysis, name)))[None]
              for name in ("semantics", "localization", "patch_features", "summary")}
    return Factorization(**arrays, patch_grid=analysis.patch_grid)


def check_recipe(recipe: Recipe, model: str, width: int) -> None:
    """ValueError, one sentence, where a recipe was made with another model than this one."""
    if recipe.model != model:
        raise ValueError(f"The recipe was made with {printable(recipe.model)} and this is {printable(model)}; "
                         "a concept's number means nothing to another model.")
    if recipe.width is not None and recipe.width != width:
        raise ValueError(f"The recipe's concepts are {recipe.width} numbers wide and those of this {printable(model)} "
                         f"{width}; it was made with another model of that name.")
