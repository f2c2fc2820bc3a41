"""The page's work for programs and agents: /localize and /features, as API endpoints and, with --mcp, as MCP tools."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileData

from stellar_explorer.analysis import Analysis, Explorer
from stellar_explorer.package import concepts
from stellar_explorer.pages.explore import take_upload
from stellar_explorer.photo import open_photo
from stellar_explorer.routes import DEFAULT_RESOLUTION, threshold_of
from stellar_explorer.views.diagnostics import explained_variance
from stellar_explorer.views.masks import coco_results


def build(explorer: Explorer) -> None:
    """Inside a gr.Blocks. Functions here are public: their types and docstrings are what clients and agents read."""
    default = explorer.models[0]

    def localize(photo: FileData, model: str = default, resolution: int = DEFAULT_RESOLUTION,
                 threshold: float = 1.0) -> dict:
        """Where the concepts of a photo are: for each of the model's tokens a mask (COCO run-length encoding at the
        photo's own size), the share of the photo it holds (mass), its peak, bounding box and centroid.

        Args:
            photo: the photo, at most 12 MB (JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP)
            model: which model; the first one that the page offers by default
            resolution: pixels on the photo's long side that the model sees, 224 to 1024; higher is sharper and slower
            threshold: a concept is where its localization exceeds threshold / number of tokens; 1 as in the paper

        Returns:
            photo_size [height, width], patch_grid [rows, cols], explained_variance, seconds
            and concepts: a list from the heaviest to the lightest of {token, mass, peak, centroid [x, y] in 0..1
            bbox [x, y, width, height] and area in pixels, segmentation {size, counts}}.
        """
        picture, analysis = analysed(explorer, photo, model, resolution)
        with in_one_sentence():
            threshold = threshold_of(str(threshold), analysis.num_tokens)
        places = concepts(analysis)
        found = [{"token": result["token"], "mass": result["mass"], "peak": result["peak"],
                  "centroid": places[result["token"]]["centroid"], "bbox": result["bbox"], "area": result["area"],
                  "segmentation": result["segmentation"]}
                 for result in coco_results(analysis, picture.size, threshold=threshold)]
        return {**facts(analysis, picture.size), "threshold": threshold,
                "concepts": sorted(found, key=lambda concept: -concept["mass"])}

    def features(photo: FileData, model: str = default, resolution: int = DEFAULT_RESOLUTION) -> dict:
        """A photo's factorization as numbers: localization L (N x K, rows sum to 1: where each concept is), semantics
        S (K x D: what each concept is) and the summary (D), so that patch features are approximately L @ S; and
        concepts (K x C, unit length), whose inner products say how alike two are.

        Args:
            photo: the photo, at most 12 MB (JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP)
            model: which model; the first one that the page offers by default
            resolution: pixels on the photo's long side that the model sees, 224 to 1024

        Returns:
            photo_size [height, width], patch_grid [rows, cols], explained_variance, seconds
            and localization, semantics, concepts, summary: each {shape, dtype "float32", data: base64 of little-endian
            bytes}.
        """
        picture, analysis = analysed(explorer, photo, model, resolution)
        names = ("localization", "semantics", "concepts", "summary")
        arrays = {name: encoded(getattr(analysis, name)) for name in names}
        return {**facts(analysis, picture.size), **arrays}

    for function in (localize, features):
        gr.api(function, api_name=function.__name__, concurrency_limit=2)


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """ValueError -> gr.Error, which clients are shown; anything else is our bug and stays one."""
    try:
        yield
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from error


def analysed(explorer: Explorer, photo: Any, model: str, resolution: int) -> tuple[Any, Analysis]:
    """-> the opened photo and its analysis; nothing is kept of it."""
    with in_one_sentence():
        path = photo.get("path") if isinstance(photo, dict) else getattr(photo, "path", None)
        if not isinstance(path, str):
            raise ValueError("No photo was given; pass one with gradio_client.handle_file(path).")
        picture = open_photo(take_upload(path))
        return picture, explorer.analyse(picture, model, resolution)


def facts(analysis: Analysis, size: tuple[int, int]) -> dict[str, Any]:
    return {
        "photo_size": [size[1], size[0]], "model": analysis.model, "resolution": analysis.resolution,
        "patch_size": analysis.patch_size, "patch_grid": list(analysis.patch_grid), "num_tokens": analysis.num_tokens,
        "explained_variance": round(explained_variance(analysis.patch_features, analysis.low_rank), 6),
        "seconds": round(analysis.seconds, 4),
    }


def encoded(array: np.ndarray) -> dict[str, Any]:
    """An array for JSON."""
    data = np.ascontiguousarray(array, "<f4").tobytes()
    return {"shape": list(array.shape), "dtype": "float32", "data": base64.b64encode(data).decode("ascii")}
