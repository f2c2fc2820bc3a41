"""Masks to take away, at the photo's own size: COCO run-length JSON, and a zip of PNGs. At t / K, as everywhere."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from stellar_explorer.views.concepts import token_mask
from stellar_explorer.views.render import enlarge

if TYPE_CHECKING:
    from stellar_explorer.analysis import Analysis


def photo_masks(analysis: Analysis, size: tuple[int, int], *, threshold: float = 1.0) -> Iterator[np.ndarray]:
    """size (width, height) of the photo -> (height, width) bool for each token, in token order, one at a time."""
    for token in range(analysis.localization.shape[1]):
        mask = token_mask(analysis.localization, analysis.patch_grid, token, threshold)
        yield enlarge(mask, size, smooth=False)


def coco_results(
    analysis: Analysis, size: tuple[int, int], *, threshold: float = 1.0, image_id: int = 1
) -> list[dict[str, object]]:
    """COCO's list of results, one entry a token (empty masks too): `pycocotools` and its `loadRes` read it.

    Beyond COCO's keys (category_id is the token, score its peak): token, mass, peak, threshold, and the photo's
    width and height. bbox is x, y, width, height in pixels of the photo.
    """
    width, height = size
    results = []
    for token, mask in enumerate(photo_masks(analysis, size, threshold=threshold)):
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


def coco_json(analysis: Analysis, size: tuple[int, int], *, threshold: float = 1.0, image_id: int = 1) -> bytes:
    """The results as a JSON file."""
    results = coco_results(analysis, size, threshold=threshold, image_id=image_id)
    return json.dumps(results, separators=(",", ":")).encode("ascii")


def masks_zip(analysis: Analysis, size: tuple[int, int], *, threshold: float = 1.0) -> bytes:
    """A zip of one black and white PNG a token, token_00.png and on; the same bytes for the same masks."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # stored: PNG is compressed already
        for token, mask in enumerate(photo_masks(analysis, size, threshold=threshold)):
            picture = io.BytesIO()
            Image.fromarray(mask).save(picture, "PNG", optimize=False)
            archive.writestr(zipfile.ZipInfo(f"token_{token:02d}.png"), picture.getvalue())
    return buffer.getvalue()
