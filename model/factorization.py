"""Factorization: the contract that every other package reads."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from torch import Tensor

# Of an even share of the photo, 1/K: a token with less than this part of it, and no patch in its mask, is not there.
LEAST_SHARE = 1 / 4


@dataclass(frozen=True)
class Factorization:
    """What a batch of images holds, and where: patch features ~ localization @ semantics (paper, section 3).

    semantics:      (B, K, D)     what each token says
    localization:   (B, N, K)     where each token is: a patch's mass over the tokens; rows sum to 1
    patch_features: (B, N, D)     the encoder's output for each patch
    summary:        (B, D)        the encoder's output for the image as a whole (CLS)
    patch_grid:     (rows, cols)  rows * cols == N, row by row
    stem_features:  (B, N, F)     of a hybrid whose concept head sees them: the stem's coarsest stride, a row a patch
    """

    semantics: Tensor
    localization: Tensor
    patch_features: Tensor
    summary: Tensor
    patch_grid: tuple[int, int]
    stem_features: Tensor | None = None

    def __post_init__(self) -> None:
        batch, num_patches, num_tokens = self.localization.shape
        rows, cols = self.patch_grid
        width = self.semantics.shape[-1]
        expected = {
            "semantics": (batch, num_tokens, width),
            "patch_features": (batch, num_patches, width),
            "summary": (batch, width),
        }
        for name, shape in expected.items():
            found = tuple(getattr(self, name).shape)
            if found != shape:
                raise ValueError(f"{name} has shape {found}; the localization {tuple(self.localization.shape)} "
                                 f"and the width {width} ask for {shape}")
        if rows * cols != num_patches:
            raise ValueError(f"a patch grid of {rows} x {cols} does not hold {num_patches} patches")

    @property
    def num_tokens(self) -> int:
        return self.localization.shape[-1]

    @property
    def low_rank(self) -> Tensor:
        """(B, N, D): localization @ semantics, the patch features as the tokens rebuild them."""
        return self.localization @ self.semantics

    @property
    def mass(self) -> Tensor:
        """(B, K): the share of the image that each token holds; sums to 1."""
        return self.localization.mean(dim=1)

    @property
    def peak(self) -> Tensor:
        """(B, K): each token's largest value in the localization."""
        return self.localization.amax(dim=1)

    @property
    def present(self) -> Tensor:
        """(B, K) bool: which tokens say something of some place of the photo; the others have next to no mass."""
        return (self.mass >= LEAST_SHARE / self.num_tokens) | self.masks().flatten(2).any(dim=2)

    def masks(self, threshold: float = 1.0) -> Tensor:
        """(B, K, rows, cols) bool: where localization > threshold / K. A patch can lie in several masks, or in none."""
        above = self.localization > threshold / self.num_tokens
        return above.transpose(1, 2).unflatten(2, self.patch_grid)

    def to(self, *args, **kwargs) -> Factorization:
        """The same factorization on another device or in another dtype (`torch.Tensor.to`'s arguments)."""
        moved = {field.name: getattr(self, field.name).to(*args, **kwargs)
                 for field in fields(self) if isinstance(getattr(self, field.name), Tensor)}
        return replace(self, **moved)
