"""Who rebuilds a photo and is compared: a function each, from a scene to what it made."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from model.baselines.concept_colours import colours_of_concepts
from model.baselines.feature_svd import nearest_of_rank
from model.baselines.image_files import Kind, best_within
from model.baselines.patch_pca import PatchPca
from model.baselines.round_trip import RoundTrip
from model.baselines.serialized import bits_per_code, pack_tokens
from model.factorization import Factorization
from model.operations.token_budget import keep
from stellar_explorer.edit.edits import factorization_of
from stellar_explorer.reconstruct.settings import Settings

if TYPE_CHECKING:
    from model.baselines import Baseline
    from model.stellar import Stellar
    from stellar_explorer.analysis import Analysis


@dataclass(frozen=True)
class Scene:
    """A photo as all see it, and what STELLAR found in it. The factorization is the kept one: nothing encodes it again.

    image: (1, 3, H, W) in 0..1, of the size that STELLAR's decoder gives. encoding: seconds that the encoder took.
    """

    image: Tensor
    factorization: Factorization
    encoding: float

    @classmethod
    def of(cls, photo: Image.Image, analysis: Analysis, stellar: Stellar) -> Scene:
        stride = stride_of(stellar)
        rows, cols = analysis.patch_grid
        resized = photo.convert("RGB").resize((cols * stride, rows * stride), Image.Resampling.LANCZOS)
        image = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None].contiguous().float().div(255)
        return cls(image, factorization_of(analysis), analysis.seconds)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return tuple(self.image.shape[2:])

    def as_shown(self, picture: Tensor) -> Tensor:
        """(1, 3, H', W') -> (1, 3, H, W) on the CPU: a picture of another size or shape, stretched back."""
        picture = picture.float().cpu()
        if tuple(picture.shape[2:]) != self.size:
            picture = F.interpolate(picture, self.size, mode="bicubic", antialias=True)
        return picture.clamp(0, 1)


@dataclass(frozen=True)
class Made:
    """picture: (1, 3, H', W') in 0..1, as it came. num_tokens: None of a file. detail: what tokens are, in words."""

    picture: Tensor
    num_tokens: int | None
    num_bytes: int
    detail: str
    seconds: float


@dataclass(frozen=True)
class Reconstructor:
    """A function below that rebuilds a photo. needs: the kind of trained baseline that it is given, or None."""

    label: str
    hint: str
    make: Callable[[Scene, Stellar, Settings, Baseline | None], Made]
    needs: str | None = None


def stride_of(stellar: Stellar) -> int:
    """Pixels of the rebuilt picture a patch."""
    predicts_codes = stellar.decoder is not None and stellar.decoder.predicts_codes
    return stellar.tokenizer.config.stride if predicts_codes and stellar.tokenizer is not None else stellar.patch_size


def kept_bytes(factorization: Factorization) -> int:
    [packed] = pack_tokens(factorization.semantics, factorization.localization)
    return len(packed)


def by_stellar(scene: Scene, stellar: Stellar, settings: Settings, baseline: None) -> Made:
    start = time.perf_counter()
    kept = keep(scene.factorization, settings.tokens(scene.factorization.num_tokens))
    picture = stellar.decode(kept)
    detail = f"{counted(kept.num_tokens, 'concept')} of {kept.semantics.shape[-1]} numbers, and where each is"
    return Made(picture, kept.num_tokens, kept_bytes(kept), detail, scene.encoding + time.perf_counter() - start)


def by_titok(scene: Scene, stellar: Stellar, settings: Settings, baseline: Baseline) -> Made:
    possible = baseline.possible_num_tokens(scene.size)
    return by_baseline(scene, baseline, possible[-1], f"{counted(possible[-1], 'code')}, their number trained in")


def by_mae(scene: Scene, stellar: Stellar, settings: Settings, baseline: Baseline) -> Made:
    shown = {"random": "drawn at random", "grid": "spread evenly"}[settings.pattern]
    detail = f"{counted(settings.visible, 'patch', 'patches')} of the photo's own pixels, {shown}"
    if getattr(baseline, "normalised_patches", False):
        detail += "; the hidden ones get the visible ones' brightness"
    return by_baseline(scene, baseline, settings.visible, detail, visible=settings.pattern)


def by_baseline(scene: Scene, baseline: Baseline, num_tokens: int, detail: str, **options: str) -> Made:
    start = time.perf_counter()
    picture = baseline.reconstruct(scene.image, num_tokens, **options)
    seconds = time.perf_counter() - start
    return Made(picture, num_tokens, baseline.num_bytes(scene.image, num_tokens, **options)[0], detail, seconds)


def by_tokenizer(scene: Scene, stellar: Stellar, settings: Settings, baseline: None) -> Made:
    if stellar.tokenizer is None:
        raise ValueError("This checkpoint predicts no codes, so no tokenizer is its ceiling.")
    round_trip = RoundTrip(stellar.tokenizer)
    num_tokens = round_trip.possible_num_tokens(scene.size)[-1]
    bits = bits_per_code(stellar.tokenizer.config.num_codes)
    return by_baseline(scene, round_trip, num_tokens, f"every one of the {counted(num_tokens, 'code')} of {bits} bits")


def by_colours(scene: Scene, stellar: Stellar, settings: Settings, baseline: None) -> Made:
    start = time.perf_counter()
    kept = keep(scene.factorization, settings.tokens(scene.factorization.num_tokens))
    picture = F.interpolate(colours_of_concepts(kept, scene.image), scene.size)
    [packed] = pack_tokens(torch.zeros(1, kept.num_tokens, 3), kept.localization)
    detail = f"{counted(kept.num_tokens, 'colour')}, and where each concept is"
    return Made(picture, kept.num_tokens, len(packed), detail, scene.encoding + time.perf_counter() - start)


def by_patch_pca(scene: Scene, stellar: Stellar, settings: Settings, baseline: None) -> Made:
    pca = PatchPca(stride_of(stellar))
    num_tokens = min(budget_of(scene, settings), pca.possible_num_tokens(scene.size)[-1])
    return by_baseline(scene, pca, num_tokens, f"{counted(num_tokens, 'pattern')} of a patch's pixels, and how much "
                                               "each patch has")


def by_feature_svd(scene: Scene, stellar: Stellar, settings: Settings, baseline: None) -> Made:
    """As model.baselines.feature_svd has it, from the features that were kept."""
    start = time.perf_counter()
    rank = min(budget_of(scene, settings), *scene.factorization.patch_features.shape[1:])
    nearest = nearest_of_rank(scene.factorization, rank)
    picture = stellar.decode(nearest)
    detail = f"rank {rank}: as many factors as concepts, signed and nameless"
    return Made(picture, rank, kept_bytes(nearest), detail, scene.encoding + time.perf_counter() - start)


def by_file(kind: Kind) -> Callable[[Scene, Stellar, Settings, None], Made]:
    """At most the bytes of STELLAR's kept tokens."""
    def make(scene: Scene, stellar: Stellar, settings: Settings, baseline: None) -> Made:
        start = time.perf_counter()
        kept = keep(scene.factorization, settings.tokens(scene.factorization.num_tokens))
        saved = best_within(scene.image[0], kind, kept_bytes(kept))
        height, width = saved.size
        detail = f"quality {saved.quality} at {width} × {height}, in the bytes of {counted(kept.num_tokens, 'concept')}"
        return Made(saved.picture[None], None, len(saved.content), detail, time.perf_counter() - start)
    return make


def budget_of(scene: Scene, settings: Settings) -> int:
    """As many tokens as STELLAR's kept ones."""
    return len(settings.tokens(scene.factorization.num_tokens))


def counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


RECONSTRUCTORS: dict[str, Reconstructor] = {
    "stellar": Reconstructor("STELLAR", "its concepts, decoded", by_stellar),
    "titok": Reconstructor("TiTok", "codes in a row", by_titok, needs="titok"),
    "mae": Reconstructor("MAE", "some patches, the rest guessed", by_mae, needs="mae"),
    "vqgan": Reconstructor("VQ-GAN", "ceiling: every code of the tokenizer that STELLAR's decoder predicts",
                           by_tokenizer),
    "svd": Reconstructor("SVD of features", "the patch features at the same rank, through the same decoder",
                         by_feature_svd),
    "pca": Reconstructor("PCA of patches", "floor: as many patterns of plain pixels", by_patch_pca),
    "colours": Reconstructor("Mean colours", "floor: each concept's mean colour, where it is", by_colours),
    "jpeg": Reconstructor("JPEG", "an ordinary file in STELLAR's bytes", by_file(Kind.JPEG)),
    "webp": Reconstructor("WebP", "an ordinary file in STELLAR's bytes", by_file(Kind.WEBP)),
}
