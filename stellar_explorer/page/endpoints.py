"""The page's work for programs and agents: /localize and /features, as API endpoints and, with --mcp, as MCP tools."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileData

from stellar_explorer.analysis import Analysis
from stellar_explorer.explore.package import concepts
from stellar_explorer.explore.routes import DEFAULT_RESOLUTION
from stellar_explorer.explorer import Explorer
from stellar_explorer.photo import MAX_RESOLUTION, MIN_RESOLUTION
from stellar_explorer.server.admission import admission, visitor_of
from stellar_explorer.server.fetching import fetch
from stellar_explorer.server.line import BusyError
from stellar_explorer.server.request import number, text, whole
from stellar_explorer.server.uploads import Uploads
from stellar_explorer.views.diagnostics import explained_variance
from stellar_explorer.views.masks import coco_results


def build(explorer: Explorer, uploads: Uploads) -> None:
    """Inside a gr.Blocks. Functions here are public: their types and docstrings are what clients and agents read."""
    default = explorer.models[0]

    async def localize(photo: FileData, request: gr.Request, model: str = default,
                       resolution: int = DEFAULT_RESOLUTION, threshold: float = 1.0) -> dict:
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
        return await admitted(photo, request, lambda data: located(*analysed(data, model, resolution), threshold))

    async def features(photo: FileData, request: gr.Request, model: str = default,
                       resolution: int = DEFAULT_RESOLUTION) -> dict:
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
        return await admitted(photo, request, lambda data: numbers(*analysed(data, model, resolution)))

    def analysed(data: bytes, model: str, resolution: int) -> tuple[tuple[int, int], Analysis]:
        whole(resolution, "The resolution", MIN_RESOLUTION, MAX_RESOLUTION)
        return explorer.analyse_bytes(data, model, resolution)

    async def admitted(photo: Any, request: gr.Request, work: Callable[[bytes], dict]) -> dict:
        """work(the photo's bytes), when its turn has come. What is wrong, and that there is no room, is a gr.Error,
        whose sentence clients are shown; anything else is our bug and stays one."""
        try:
            data = await bytes_of(uploads, photo)
            visitor = visitor_of(request, getattr(request, "session_hash", None))
            return await admission().answer(lambda: work(data), visitor=visitor, held=len(data))
        except (ValueError, BusyError) as error:
            raise gr.Error(str(error), print_exception=False) from error

    for function in (localize, features):
        gr.api(function, api_name=function.__name__, concurrency_limit=None)  # they wait in our own line


async def bytes_of(uploads: Uploads, photo: Any) -> bytes:
    """Of the photo that a client names: what it uploaded, or an address on the web. ValueError for all else."""
    said = photo if isinstance(photo, dict) else {name: getattr(photo, name, None) for name in ("path", "url")}
    named = said.get("path") if said.get("path") is not None else said.get("url")
    if not isinstance(named, str):
        raise ValueError("No photo was given; pass one with gradio_client.handle_file(path).")
    if named[:5].lower() == "data:":
        raise ValueError("A photo cannot be sent inside an address (data:); upload it, as "
                         "gradio_client.handle_file(path) does, and name it by the path that the upload gives.")
    path = text(named, "The photo's path")
    return await fetch(path) if path.lower().startswith(("http://", "https://")) else uploads.take(path)


def located(size: tuple[int, int], analysis: Analysis, threshold: float) -> dict[str, Any]:
    threshold = number(threshold, "The threshold", 0, analysis.num_tokens, above=True)
    places = concepts(analysis)
    found = [{"token": result["token"], "mass": result["mass"], "peak": result["peak"],
              "centroid": places[result["token"]]["centroid"], "bbox": result["bbox"], "area": result["area"],
              "segmentation": result["segmentation"]}
             for result in coco_results(analysis, size, threshold=threshold)]
    return {**facts(analysis, size), "threshold": threshold,
            "concepts": sorted(found, key=lambda concept: -concept["mass"])}


def numbers(size: tuple[int, int], analysis: Analysis) -> dict[str, Any]:
    names = ("localization", "semantics", "concepts", "summary")
    return {**facts(analysis, size), **{name: encoded(getattr(analysis, name)) for name in names}}


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
