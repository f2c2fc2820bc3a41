"""Masks to take away, at the photo's own size: COCO run-length JSON, and a zip of PNGs. At t / K, as everywhere."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from stellar_explorer.views.concepts import photo_mask

if TYPE_CHECKING:
    from stellar_explorer.analysis import Analysis


def photo_masks(
    analysis: Analysis, size: tuple[int, int], *, threshold: float = 1.0, smooth: bool = False,
    tokens: Collection[int] | None = None,
) -> Iterator[np.ndarray]:
    """size (width, height) of the photo -> (height, width) bool for each of the tokens (all), in token order, one at a
    time."""
    for token in in_order(analysis, tokens):
        yield photo_mask(analysis.localization, analysis.patch_grid, token, size, threshold=threshold, smooth=smooth)


def in_order(analysis: Analysis, tokens: Collection[int] | None) -> list[int]:
    return sorted(range(analysis.num_tokens) if tokens is None else set(tokens))


def coco_results(
    analysis: Analysis, size: tuple[int, int], *, threshold: float = 1.0, smooth: bool = False,
    tokens: Collection[int] | None = None, image_id: int = 1,
) -> list[dict[str, object]]:
    """COCO's list of results, one entry a token (empty masks too): `pycocotools` and its `loadRes` read it.

    Beyond COCO's keys (category_id is the token, score its peak): token, mass, peak, threshold, and the photo's
    width and height. bbox is x, y, width, height in pixels of the photo.
    """
    width, height = size
    results = []
    masks = photo_masks(analysis, size, threshold=threshold, smooth=smooth, tokens=tokens)
    for token, mask in zip(in_order(analysis, tokens), masks, strict=True):
        runs = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
        mass, peak = float(analysis.mass[token]), float(analysis.peak[token])
        results.append({
            "image_id": image_id,
            "category_id": token,
            "segmentation": {"size": [height, width], "counts": runs["counts"].decode("ascii")},
            "bbox": [float(edge) for edge in coco.toBbox(runs)],
            "area": int(coco.area(runs)),
            "score": peak,
            "token": token,
            "mass": mass,
            "peak": peak,
            "threshold": float(threshold),
            "width": width,
            "height": height,
        })
    return results


def coco_json(analysis: Analysis, size: tuple[int, int], **options: Any) -> bytes:
    """The results as a JSON file; options as `coco_results` takes them."""
    results = coco_results(analysis, size, **options)
    return json.dumps(results, separators=(",", ":")).encode("ascii")


def masks_zip(
    analysis: Analysis, size: tuple[int, int], *, threshold: float = 1.0, smooth: bool = False,
    tokens: Collection[int] | None = None,
) -> bytes:
    """A zip of one black and white PNG a token, token_00.png and on; the same bytes for the same masks."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # stored: PNG is compressed already
        masks = photo_masks(analysis, size, threshold=threshold, smooth=smooth, tokens=tokens)
        for token, mask in zip(in_order(analysis, tokens), masks, strict=True):
            picture = io.BytesIO()
            Image.fromarray(mask).save(picture, "PNG", optimize=False)
            archive.writestr(zipfile.ZipInfo(f"token_{token:02d}.png"), picture.getvalue())
    return buffer.getvalue()
