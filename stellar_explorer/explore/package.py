"""What the page is sent of a study: a small JSON manifest, and every array of an analysis in one binary file."""

from __future__ import annotations

import io
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image

from stellar_explorer.explore.snippets import code, formulas
from stellar_explorer.photo import printable
from stellar_explorer.views.diagnostics import explained_variance, residual, row_entropy
from stellar_explorer.views.palette import palette
from stellar_explorer.views.roles import roles
from stellar_explorer.views.similarity import compress

if TYPE_CHECKING:
    from stellar_explorer.analysis import Analysis
    from stellar_explorer.kept.photos import KeptPhoto
    from stellar_explorer.kept.studies import Study
    from stellar_explorer.views.basis import ColourBasis

ALIGNMENT = 4  # a Float32Array must start on a multiple of its element
BASES = {
    "photo": ("This photo", "Colours fitted to this photo alone: its own contrasts at their strongest."),
    "examples": ("All examples", "One basis frozen over the examples: a colour means the same in every photo."),
}


@dataclass(frozen=True)
class Package:
    """manifest: the answer to `POST stellar/studies`; data: the file that its arrays lie in."""

    manifest: dict[str, Any]
    data: bytes


def package(study: Study) -> Package:
    """Shapes and names as the page's scripts read them. Made once a study, kept as long as the study is."""
    made = _made.get(study)
    if made is None:
        made = _made[study] = _package(study)
    return made


_made: WeakKeyDictionary[Study, Package] = WeakKeyDictionary()


def _package(study: Study) -> Package:
    analysis = study.analysis
    residuals = residual(analysis.patch_features, analysis.low_rank)
    similarity_codes, similarity_scale, similarity_kept = compress(analysis.patch_features)
    entropies = row_entropy(analysis.localization)
    residual_scale, entropy_max = float(max(residuals.max(), 1e-6)), math.log(analysis.num_tokens)
    grid = analysis.patch_grid
    arrays = {
        **localization_codes(analysis),
        "mass": analysis.mass.astype(np.float32),
        "residual": _bytes(residuals, residual_scale).reshape(grid),
        "entropy": _bytes(entropies, entropy_max).reshape(grid),
        "similarity": similarity_codes.reshape(*grid, -1),
        "similarity_scale": similarity_scale,
        "semantics": analysis.semantics.astype(np.float16),
    }
    for suffix, drawn in (("", analysis), (".coarse", study.coarse)):
        if drawn is not None:
            arrays |= localization_codes(drawn, suffix)
            for name, basis in study.bases.items():
                arrays |= _colours(drawn, name, basis, suffix)
    layout, data = pack(arrays)
    measures = {
        "explained": round(explained_variance(analysis.patch_features, analysis.low_rank), 4),
        "entropy": round(float(entropies.mean()), 4), "entropy_max": entropy_max,
        "residual_scale": residual_scale, "similarity_kept": round(similarity_kept, 4),
    }
    return Package({"photo": photo_facts(study.photo), "analysis": _analysis(study, layout, len(data)) | measures},
                   data)


def localization_codes(analysis: Analysis, suffix: str = "") -> dict[str, np.ndarray]:
    """localization (K, rows, cols) as bytes, and peak (K,): L = codes * peak / 255."""
    # 255 at each concept's own peak: the browser's mask is Python's but within 1/255 of the peak of the threshold.
    codes = _bytes(analysis.localization, np.maximum(analysis.peak, 1e-12)).T
    return {f"localization{suffix}": codes.reshape(-1, *analysis.patch_grid),
            f"peak{suffix}": analysis.peak.astype(np.float32)}


def _colours(analysis: Analysis, name: str, basis: ColourBasis, suffix: str = "") -> dict[str, np.ndarray]:
    return {f"features.{name}{suffix}": basis.colours(analysis.patch_features).reshape(*analysis.patch_grid, 3),
            f"semantics.{name}{suffix}": basis.coordinates(analysis.semantics)}


def _bytes(values: np.ndarray, full: float | np.ndarray) -> np.ndarray:
    return np.rint(255 * values / full).clip(0, 255).astype(np.uint8)


def pack(arrays: dict[str, np.ndarray]) -> tuple[dict[str, dict[str, Any]], bytes]:
    """-> what the manifest says of each array (dtype, shape, offset), and the file they lie in, little endian."""
    layout, pieces, offset = {}, [], 0
    for name, array in arrays.items():
        data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        layout[name] = {"dtype": str(array.dtype), "shape": list(array.shape), "offset": offset}
        padding = -len(data) % ALIGNMENT
        pieces.append(data + b"\0" * padding)
        offset += len(data) + padding
    return layout, b"".join(pieces)


def photo_facts(photo: KeptPhoto, name: str | None = None) -> dict[str, Any]:
    """name: an upload's, as its own visitor called it; nobody else is told it."""
    is_named = photo.example is None and name is not None and name.strip()
    return {"token": photo.token, "address": f"stellar/photos/{photo.token}.jpg",
            "thumbnail": f"stellar/photos/{photo.token}/thumbnail.jpg", "width": photo.size[0],
            "height": photo.size[1], "name": printable(name) if is_named else photo.name, "alt": photo.alt,
            "notes": list(photo.notes), "example": photo.example}


def _analysis(study: Study, layout: dict[str, dict[str, Any]], nbytes: int) -> dict[str, Any]:
    analysis, coarse = study.analysis, study.coarse
    address = f"stellar/analyses/{study.token}"
    sizes = {"resolution": analysis.resolution, "num_tokens": analysis.num_tokens}
    return {
        "token": study.token, "address": f"{address}.bin", "model": study.model, **sizes,
        "patch_size": analysis.patch_size, "patch_grid": list(analysis.patch_grid),
        "image_size": list(analysis.image_size), "width": analysis.semantics.shape[1],
        "seconds": round(analysis.seconds, 4), "bytes": nbytes,
        "palette": ["#" + bytes(colour).hex() for colour in palette(analysis.num_tokens)],
        "concepts": concepts(analysis, patch_colours(study.photo, analysis.patch_grid)),
        "bases": [{"name": name, "label": BASES[name][0], "hint": BASES[name][1]} for name in study.bases],
        "arrays": layout,
        "formulas": formulas(patch_grid=analysis.patch_grid, **sizes),
        "code": code(model=study.model, **sizes),
        "downloads": {"figure": f"{address}/figure.png", "masks": f"{address}/masks.zip",
                      "rle": f"{address}/masks.json", "arrays": f"{address}/factorization.npz"},
        "coarse": coarse and {"resolution": coarse.resolution, "patch_grid": list(coarse.patch_grid)},
        "picture": study.drawing.facts(),
    }


def concepts(analysis: Analysis, colours: np.ndarray | None = None) -> list[dict[str, Any]]:
    """Each token's mass, peak, share (of the photo's patches, what its mask at 1 / K lights) and centroid, (x, y) as
    shares of the photo's sides, and its role, place, label and salience (views/roles.py); in token order. colours: the
    photo's own, (rows, cols, 3) uint8.
    """
    rows, cols = analysis.patch_grid
    y, x = np.divmod(np.arange(rows * cols), cols)
    weights = analysis.localization / np.maximum(analysis.localization.sum(axis=0), 1e-12)
    centres = np.stack([(x + 0.5) / cols, (y + 0.5) / rows], axis=1).T @ weights
    told = roles(analysis.localization, analysis.patch_grid, colours)
    shares = (analysis.localization > 1 / analysis.num_tokens).mean(axis=0)
    rows = zip(analysis.mass.tolist(), analysis.peak.tolist(), shares.tolist(), centres.T.tolist(), told, strict=True)
    return [{"token": token, "mass": round(mass, 6), "peak": round(peak, 6), "share": round(share, 6),
             "centroid": [round(x, 4), round(y, 4)], **asdict(role)}
            for token, (mass, peak, share, (x, y), role) in enumerate(rows)]


def patch_colours(photo: KeptPhoto, patch_grid: tuple[int, int]) -> np.ndarray:
    """(rows, cols, 3) uint8: each patch's mean colour."""
    with Image.open(io.BytesIO(photo.display)) as opened:
        opened.draft("RGB", (4 * patch_grid[1], 4 * patch_grid[0]))  # a JPEG is decoded no larger than is needed
        return np.asarray(opened.convert("RGB").resize(patch_grid[::-1], Image.Resampling.BOX))
