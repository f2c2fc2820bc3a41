"""Equivariance: of a photo's change, what is where the concepts are, and what is in what they say.

Z = L S, so dZ = dL S + L dS + dL dS (the paper's dZ/dtheta = dL/dtheta S + L dS/dtheta, for changes of any size).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch.nn.functional as F
from torch import Tensor

from model.factorization import Factorization
from model.operations.motion import move_patches
from model.operations.pairing import pair_tokens


@dataclass(frozen=True)
class Partition:
    """dZ and the three that add up to it, each (N, D)."""

    from_localization: Tensor
    from_semantics: Tensor
    remainder: Tensor

    @cached_property
    def total(self) -> Tensor:
        return self.from_localization + self.from_semantics + self.remainder

    def relative_norms(self) -> tuple[float, float, float]:
        """|dL S|, |L dS| and |dL dS| over |dZ|. They do not sum to 1: the three are vectors of different directions."""
        whole = self.total.norm()
        return tuple(relative(part.norm(), whole) for part in self._parts)

    def shares(self) -> tuple[float, float, float]:
        """Each part's projection on dZ, over |dZ|: they sum to 1. NaN where nothing changed."""
        whole = self.total.square().sum()
        if whole <= 1e-12:
            return (math.nan,) * 3
        return tuple(((part * self.total).sum() / whole).item() for part in self._parts)

    @property
    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.from_localization, self.from_semantics, self.remainder


@dataclass(frozen=True)
class Comparison:
    """A photo before and after it moved, token by token; the tokens' order is that before.

    semantics, changed_semantics        (K, D)
    localization, changed_localization  (N, K)
    predicted   (N, K)  the localization before, moved as the photo was
    visible    (N,)    the patches after that lie wholly in the photo before: only there is anything predicted
    weight     (K,)    a token's mass, the mean of before and after; sums to 1
    matched    (K,)    the number of each token in the photo after
    """

    semantics: Tensor
    changed_semantics: Tensor
    localization: Tensor
    changed_localization: Tensor
    predicted: Tensor
    visible: Tensor
    weight: Tensor
    matched: Tensor

    @cached_property
    def cosine(self) -> Tensor:
        """(K,): of each token's semantics with what they became."""
        return F.cosine_similarity(self.semantics, self.changed_semantics, dim=1)

    @property
    def cosine_by_mass(self) -> float:
        return ((self.cosine * self.weight).sum() / self.weight.sum()).item()

    @cached_property
    def partition(self) -> Partition:
        """As the paper has it, a place of the grid stays and the photo moves under it: of a good model dL is large and
        dS small."""
        moved, changed = self.changed_localization - self.localization, self.changed_semantics - self.semantics
        return Partition(moved @ self.semantics, self.localization @ changed, moved @ changed)

    @property
    def localization_cosine(self) -> float:
        """Of the localization predicted with the one found, over the visible patches."""
        return self._localization_cosine(self.predicted)

    @property
    def resting_cosine(self) -> float:
        """The same had the localization stayed where it was: what moving it has to beat."""
        return self._localization_cosine(self.localization)

    def _localization_cosine(self, guess: Tensor) -> float:
        """NaN where no patch is visible."""
        if not self.visible.any():
            return math.nan
        found = self.changed_localization[self.visible]
        return F.cosine_similarity(guess[self.visible].flatten(), found.flatten(), dim=0).item()


def pair(before: Factorization, after: Factorization, motion: Tensor) -> Comparison:
    """Two of one photo each, on one patch grid; the motion leads from after's places to before's."""
    tokens = pair_tokens(before.semantics, after.semantics)[1][0]
    predicted, visible = move_patches(before.localization[0], before.patch_grid, motion)
    return Comparison(
        semantics=before.semantics[0], changed_semantics=after.semantics[0, tokens],
        localization=before.localization[0], changed_localization=after.localization[0][:, tokens],
        predicted=predicted, visible=visible, weight=(before.mass[0] + after.mass[0, tokens]) / 2, matched=tokens)


def compare(before: Factorization, after: Factorization, motion: Tensor) -> dict[str, float]:
    """A pair, one photo each -> equivariance/from_localization, /from_semantics, /remainder, /unpredicted and
    invariance/semantics, /semantics_by_mass, /low_rank.

    Only where the photo moved is known (`unpredicted`, `low_rank`): patches after that lie wholly in the photo before.
    """
    found = pair(before, after, motion)
    from_localization, from_semantics, remainder = found.partition.relative_norms()
    predicted, seen = (found.predicted @ found.semantics)[found.visible], after.low_rank[0][found.visible]
    return {
        "equivariance/from_localization": from_localization,
        "equivariance/from_semantics": from_semantics,
        "equivariance/remainder": remainder,
        "equivariance/unpredicted": relative((seen - predicted).norm(), (seen - seen.mean(dim=0)).norm()),
        "invariance/semantics": found.cosine.mean().item(),
        "invariance/semantics_by_mass": found.cosine_by_mass,
        "invariance/low_rank": F.cosine_similarity(predicted, seen, dim=1).mean().item(),
    }


def predicted_share(before: Tensor, predicted: Tensor, found: Tensor, visible: Tensor) -> float:
    """(N, C) three times -> the share of a change that moving predicts: 1 if what moved is what was found, 0 if that
    is no better than to say that nothing changed. NaN where nothing did, or no patch is visible.
    """
    change = (found - before)[visible].square().sum()
    return math.nan if change <= 1e-12 else (1 - (found - predicted)[visible].square().sum() / change).item()


def relative(part: Tensor, whole: Tensor) -> float:
    """Nothing of nothing is 0; NaN, which means leave out, where the whole alone is nothing."""
    if whole <= 1e-9:
        return 0.0 if part <= 1e-6 else math.nan
    return (part / whole).item()


def one_of(factorization: Factorization, row: int) -> Factorization:
    """One photo of a batch, as a batch of one."""
    return Factorization(factorization.semantics[row, None], factorization.localization[row, None],
                         factorization.patch_features[row, None], factorization.summary[row, None],
                         factorization.patch_grid)
