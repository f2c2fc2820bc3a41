"""What STELLAR is compared with: one way of rebuilding a picture a file, one protocol.

Small peers and published ones (`titok`, `mae`), a ceiling (`round_trip`), floors (`patch_pca`, `feature_svd`), image
files at the same bytes (`image_files`); `serialized` says what each would store.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch.nn.functional as F
from torch import Tensor


@runtime_checkable
class Baseline(Protocol):
    """A way to rebuild a picture from few numbers.

    name:  in commands and addresses, "titok"
    label: for people, "TiTok"
    """

    name: str
    label: str

    def possible_num_tokens(self, size: tuple[int, int]) -> range:
        """For a picture of (height, width); a range of one where the number is trained in."""

    def reconstruct(self, image: Tensor, num_tokens: int) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, 3, H', W') in 0..1, float32, at the model's native size or the image's own.

        Raises ValueError, with a sentence, for a number of tokens that it cannot have.
        """

    def num_bytes(self, image: Tensor, num_tokens: int) -> list[int]:
        """What each of the B pictures takes as `serialized` (or, an image file, as it lies on disk); the bits are eight
        times that."""


def check_num_tokens(baseline: Baseline, image: Tensor, num_tokens: int) -> None:
    """Raises ValueError where a baseline cannot have so many tokens for such an image (B, 3, H, W)."""
    possible = baseline.possible_num_tokens(tuple(image.shape[-2:]))
    if num_tokens not in possible:
        numbers = f"{possible[0]}" if len(possible) == 1 else f"{possible[0]} to {possible[-1]}"
        raise ValueError(f"{baseline.label} has {numbers} tokens for a picture of {image.shape[-2]} x "
                         f"{image.shape[-1]}, not {num_tokens}")


def at_native_size(image: Tensor, native_size: int) -> Tensor:
    """(B, 3, H, W) -> (B, 3, native_size, native_size): the whole picture, its sides stretched to a square if unequal.

    Models with one size and one shape see it so: nothing is cropped, and a picture rebuilt is stretched back by whoever
    shows it.
    """
    if image.shape[-2:] == (native_size, native_size):
        return image
    resized = F.interpolate(image.float(), (native_size, native_size), mode="bicubic", antialias=True)
    return resized.clamp(0, 1)
