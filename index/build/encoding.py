"""Photos -> what an index stores of them: encoded in batches of one size, given in the order they came."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from index.build.decoding import Prepared, decoded_ahead
from index.names.naming import Names, namer_of
from index.records import Concept, EncodedPhoto, Photo
from index.store import rle
from model.factorization import Factorization
from photos.sources.source import BadPhoto, SourcePhoto

if TYPE_CHECKING:
    from model.stellar import Stellar

RESOLUTION = 448

# Photos a batch at 448 px. Two cores encode a photo there as fast alone as among others (nano: 4.2 a second alone, 4.1
# by four, 3.5 by eight; at 224 px, by four, 19 instead of 14); a GPU wants many.
BATCH_SIZE, GPU_BATCH_SIZE = 1, 32
# In batches: how many photos wait for others of their size before the oldest goes in a batch that is not full.
PATIENCE = 8


@dataclass(eq=False)
class Waiting:
    """A decoded photo until it and all that came before it are encoded."""

    photo: SourcePhoto
    prepared: Prepared
    encoded: EncodedPhoto | None = None
    done: bool = False


def encode(
    stellar: Stellar,
    photos: Iterable[SourcePhoto | BadPhoto],
    *,
    resolution: int = RESOLUTION,
    batch_size: int | None = None,
    num_workers: int | None = None,
    is_known: Callable[[SourcePhoto], bool] | None = None,
    is_same: Callable[[SourcePhoto, Prepared], bool] | None = None,
    on_bad: Callable[[BadPhoto], None] | None = None,
) -> Iterator[EncodedPhoto]:
    """Each photo's EncodedPhoto, in the order that they came in.

    Photos are read in a thread of their own and decoded in `num_workers` more (as many as there are cores), while this
    one encodes. is_known: asked before a photo is decoded, in this thread, and is_same afterwards; a photo that either
    knows is passed over.
    on_bad: told of what could not be opened. An error of `photos` itself is raised here, after what came before it.
    """
    batch_size = batch_size or default_batch_size(stellar.device, resolution)
    namer = namer_of(stellar)
    on_bad = on_bad or (lambda bad: None)

    def encode_batch(batch: list[Waiting]) -> None:
        images = torch.from_numpy(np.stack([waiting.prepared.pixels for waiting in batch]))
        images = images.to(stellar.device).permute(0, 3, 1, 2).contiguous().float().div(255)
        factorization, names = namer.factorize(stellar, images) if namer else (stellar.factorize(images), None)
        found = concepts_of(factorization, stellar.concepts(factorization), names)
        for waiting, concepts in zip(batch, found, strict=True):
            waiting.encoded, waiting.done = encoded_photo(waiting, concepts), True
            if waiting.encoded is None:
                on_bad(BadPhoto(waiting.photo.source, "The model gives no finite numbers for it; use another model.",
                                waiting.photo.sha256))

    in_order: deque[Waiting] = deque()
    by_size: dict[tuple[int, ...], list[Waiting]] = defaultdict(list)

    def released() -> Iterator[EncodedPhoto]:
        while in_order and in_order[0].done:
            encoded = in_order.popleft().encoded
            if encoded is not None:
                yield encoded

    for photo, prepared in decoded_ahead(photos, resolution=resolution, patch_size=stellar.patch_size,
                                         ahead=2 * batch_size, num_workers=num_workers, is_known=is_known,
                                         on_bad=on_bad):
        if is_same is not None and is_same(photo, prepared):
            continue
        waiting = Waiting(photo, prepared)
        in_order.append(waiting)
        same = by_size[prepared.pixels.shape]
        same.append(waiting)
        if len(same) == batch_size:
            encode_batch(by_size.pop(prepared.pixels.shape))
        elif len(in_order) >= PATIENCE * batch_size:
            encode_batch(by_size.pop(in_order[0].prepared.pixels.shape))
        yield from released()
    while in_order:
        encode_batch(by_size.pop(in_order[0].prepared.pixels.shape))
        yield from released()


def default_batch_size(device: torch.device, resolution: int) -> int:
    """Photos a batch: fewer of larger ones, so that a batch needs the same memory."""
    at_448 = BATCH_SIZE if device.type == "cpu" else GPU_BATCH_SIZE
    return max(1, round(at_448 * (448 / resolution) ** 2))


@dataclass(frozen=True)
class PhotoConcepts:
    """What one photo of a factorization holds: concepts and their vectors, (n, C) of unit length; summary (D,) too."""

    concepts: tuple[Concept, ...]
    vectors: np.ndarray
    summary: np.ndarray


def concepts_of(
    factorization: Factorization, vectors: torch.Tensor, names: list[list[Names]] | None = None
) -> list[PhotoConcepts | None]:
    """A photo's concepts, in the order of its tokens; None for a photo whose numbers are not finite.

    vectors: (B, K, C), what `Stellar.concepts` gives. names: a photo a list of K, as `Namer.names` gives them. Tokens
    with next to no mass are left out: below 1/(4K), and nowhere above 1/K. So is one whose vector has no length.
    """
    vectors, summary, localization = (
        tensor.detach().float().cpu().numpy()
        for tensor in (vectors, factorization.summary, factorization.localization))
    masks, present = factorization.masks().cpu().numpy(), factorization.present.cpu().numpy()
    finite = np.isfinite(vectors).all((1, 2)) & np.isfinite(summary).all(1) & np.isfinite(localization).all((1, 2))
    return [photo_concepts(vectors[photo], summary[photo], localization[photo], masks[photo], present[photo],
                           names[photo] if names else None) if finite[photo] else None
            for photo in range(len(vectors))]


def photo_concepts(
    vectors: np.ndarray, summary: np.ndarray, localization: np.ndarray, masks: np.ndarray, present: np.ndarray,
    names: list[Names] | None,
) -> PhotoConcepts:
    """(K, C), (D,), (N, K), (K, rows, cols) bool, (K,) bool of one photo, and K tuples of names."""
    rows, cols = masks.shape[1:]
    mass, peak = localization.mean(axis=0), localization.max(axis=0)
    share = localization / np.maximum(localization.sum(axis=0), 1e-12)  # where a token's mass lies; columns sum to 1
    x = share.T @ np.tile((np.arange(cols) + 0.5) / cols, rows)
    y = share.T @ np.repeat((np.arange(rows) + 0.5) / rows, cols)
    length = np.linalg.norm(vectors, axis=1)
    kept = np.flatnonzero(present & (length > 0)).tolist()
    concepts = tuple(
        Concept(token=token, mass=float(mass[token]), peak=float(peak[token]),
                centroid=(float(x[token]), float(y[token])), box=box_of(masks[token]), patch_grid=(rows, cols),
                mask=rle.encode(masks[token]), names=names[token] if names else ())
        for token in kept)
    return PhotoConcepts(concepts, vectors[kept] / length[kept, None], summary / max(np.linalg.norm(summary), 1e-12))


def box_of(mask: np.ndarray) -> tuple[float, float, float, float]:
    """(rows, cols) bool -> left, top, right, bottom in 0..1; all zero where the mask is empty."""
    down, across = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(down):
        return (0.0, 0.0, 0.0, 0.0)
    rows, cols = mask.shape
    return tuple(float(edge) for edge in (
        across[0] / cols, down[0] / rows, (across[-1] + 1) / cols, (down[-1] + 1) / rows))


def encoded_photo(waiting: Waiting, found: PhotoConcepts | None) -> EncodedPhoto | None:
    if found is None:
        return None
    photo = waiting.photo
    return EncodedPhoto(
        Photo(photo.sha256, photo.source, waiting.prepared.size, len(photo.data), photo.label),
        found.concepts, found.vectors, found.summary, waiting.prepared.thumbnail, photo.file, waiting.prepared.digest)


def encode_one(stellar: Stellar, photo: SourcePhoto, *, resolution: int = RESOLUTION) -> EncodedPhoto:
    """One photo that is looked for. Raises ValueError, with one sentence, where its bytes are none."""
    bad: list[BadPhoto] = []
    for encoded in encode(stellar, [photo], resolution=resolution, num_workers=1, on_bad=bad.append):
        return encoded
    raise ValueError(bad[0].reason)
