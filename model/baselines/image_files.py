"""JPEG and WebP at the same bytes, for scale: what a picture file makes of a budget.

A budget is spent in two ways, pixels and quality: the picture is shrunk by several factors, saved at the best quality
that fits, read back and enlarged; the one nearest to the photo in squared error wins.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.baselines import check_num_tokens
from model.stellar import check_images

QUALITIES = range(1, 96)  # above 95 a JPEG grows and hardly changes: Pillow's own advice
FACTORS = tuple(2 ** (-step / 2) for step in range(13))  # 1 to 1/64


class Kind(StrEnum):
    """Pillow's names in small letters."""

    JPEG = "jpeg"
    WEBP = "webp"

    @property
    def label(self) -> str:
        return {"jpeg": "JPEG", "webp": "WebP"}[self.value]


@dataclass(frozen=True)
class SavedPicture:
    """A file and what it shows: `content` as it lies on disk, `size` (height, width) of the pixels in it, and `picture`
    (3, H, W) in 0..1, enlarged to the photo's size."""

    content: bytes
    size: tuple[int, int]
    quality: int
    picture: Tensor


def best_within(image: Tensor, kind: Kind | str, budget: int) -> SavedPicture:
    """(3, H, W) in 0..1 -> the file of at most `budget` bytes that shows it best.

    Raises ValueError, naming the smallest there is, where no file is that small: a file's head alone takes hundreds of
    bytes in a JPEG and dozens in a WebP.
    """
    check_images(image[None], 1)
    kind, photo = Kind(kind), to_photo(image)
    best, least, worse = None, np.inf, 0
    sizes = dict.fromkeys((max(round(photo.height * factor), 1), max(round(photo.width * factor), 1))
                          for factor in FACTORS)
    for size in sizes:
        small = photo.resize(size[::-1], Image.Resampling.LANCZOS)
        found = best_quality(small, kind, budget)
        if found is None:
            continue
        quality, content = found
        with Image.open(io.BytesIO(content)) as file:
            shown = to_tensor(file.convert("RGB").resize(photo.size, Image.Resampling.BICUBIC))
        error = float((shown - image.cpu()).square().mean())
        if error < least:
            best, least, worse = SavedPicture(content, size, quality, shown), error, 0
        else:
            worse += 1
            if worse == 2:  # past the best size: smaller ones only blur more
                break
    if best is None:
        smallest = min(len(save(photo.resize(size[::-1]), kind, QUALITIES[0])) for size in sizes)
        raise ValueError(f"no {kind.label} of this picture fits in {budget} bytes: the smallest tried has {smallest}")
    return best


def best_quality(photo: Image.Image, kind: Kind, budget: int) -> tuple[int, bytes] | None:
    """The highest quality whose file fits, and the file; by halving, which takes size to grow with quality. Where it
    does not, a quality a little below the highest may be found: never a file above the budget."""
    low, high = QUALITIES[0], QUALITIES[-1]
    content = save(photo, kind, low)
    if len(content) > budget:
        return None
    low, best = low + 1, (low, content)
    while low <= high:
        quality = (low + high) // 2
        content = save(photo, kind, quality)
        if len(content) <= budget:
            best, low = (quality, content), quality + 1
        else:
            high = quality - 1
    return best


def save(photo: Image.Image, kind: Kind, quality: int) -> bytes:
    """Pixels alone: no profile, no thumbnail, no remarks."""
    file = io.BytesIO()
    options = {"optimize": True} if kind is Kind.JPEG else {"method": 4}
    photo.save(file, kind.label, quality=quality, **options)
    return file.getvalue()


def to_photo(image: Tensor) -> Image.Image:
    return Image.fromarray(image.mul(255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy())


def to_tensor(photo: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(photo)).permute(2, 0, 1).contiguous().float().div(255)


class ImageFiles:
    """One kind of file in the place of a model: it may take as many bytes as that many tokens of the model beside it.

    budget: num_tokens -> bytes.
    """

    def __init__(self, kind: Kind | str, budget: Callable[[int], int]) -> None:
        self.kind, self.budget = Kind(kind), budget
        self.name, self.label = self.kind.value, self.kind.label

    def possible_num_tokens(self, size: tuple[int, int]) -> range:
        """Any; only trying shows whether a file is that small."""
        return range(1, 2**31)

    def saved(self, image: Tensor, num_tokens: int) -> list[SavedPicture]:
        """(B, 3, H, W) in 0..1 -> for each picture the best file within the budget. Raises ValueError."""
        check_num_tokens(self, image, num_tokens)
        return [best_within(picture, self.kind, self.budget(num_tokens)) for picture in image]

    def reconstruct(self, image: Tensor, num_tokens: int) -> Tensor:
        """(B, 3, H, W) in 0..1 -> the same shape."""
        return torch.stack([saved.picture for saved in self.saved(image, num_tokens)])

    def num_bytes(self, image: Tensor, num_tokens: int) -> list[int]:
        return [len(saved.content) for saved in self.saved(image, num_tokens)]
