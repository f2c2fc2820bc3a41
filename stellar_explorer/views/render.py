"""From the patch grid to the photo's own size, edges aligned to the pixel; heat and lit masks over the photo."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

# Dark violet to pale yellow, rising in lightness at an even pace, so that heat reads in grey and to any eye.
HEAT = np.array([[22, 11, 57], [87, 16, 110], [152, 38, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39],
                 [252, 255, 164]], np.uint8)


def edges(cells: int, pixels: int) -> np.ndarray:
    """(cells + 1,): cell c covers pixels round(c * pixels / cells) up to the next edge; halves round upwards."""
    return (2 * np.arange(cells + 1) * pixels + cells) // (2 * cells)


def enlarge(picture: np.ndarray, size: tuple[int, int], *, smooth: bool) -> np.ndarray:
    """(rows, cols[, 3]), size (width, height) -> (height, width[, 3]) of the same dtype.

    The picture is uint8, or without channels also bool or float32.

    Blocky: every pixel has the value of the cell it lies in. Smooth: bilinear between the cells' centres, which
    lie half a cell in (align_corners False); of a mask, the half-way line of that.
    """
    width, height = size
    if not smooth:
        rows, cols = picture.shape[:2]
        tall = np.repeat(picture, np.diff(edges(rows, height)), axis=0)
        return np.repeat(tall, np.diff(edges(cols, width)), axis=1)
    if picture.dtype == bool:
        return enlarge(picture.astype(np.float32), size, smooth=True) > 0.5
    return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize(size, Image.Resampling.BILINEAR))


def heat(
    token_map: np.ndarray,
    photo: Image.Image,
    opacity: float = 0.8,
    *,
    smooth: bool = True,
    dim: float = 0.45,
    peak: float | None = None,
    colour: tuple[int, int, int] | None = None,
) -> Image.Image:
    """(rows, cols) over the photo, at the photo's size: clear at 0, at `opacity` where the map is at `peak`.

    `peak` defaults to the map's largest value; colours follow HEAT, or grow into one `colour`. `dim` is how much of
    the photo is taken away first, so that heat is brighter than what it lies on; at 0 cold parts are untouched.
    """
    peak = float(token_map.max()) if peak is None else peak
    levels = np.rint((token_map / (peak or 1)).clip(0, 1) * 255).astype(np.uint8)
    level = Image.fromarray(enlarge(levels, photo.size, smooth=smooth))
    if colour is None:
        over = level.copy()
        over.putpalette(ramp(HEAT).tobytes())
        over = over.convert("RGB")
    else:
        over = Image.new("RGB", photo.size, tuple(int(part) for part in colour))
    strength = level.point([round(value * _share(opacity)) for value in range(256)])
    return Image.composite(over, _dimmed(photo.convert("RGB"), dim), strength)


def lit(
    photo: Image.Image,
    mask: np.ndarray,
    colour: tuple[int, int, int],
    *,
    opacity: float = 0.35,
    dim: float = 0.7,
    outline: int = 0,
    smooth: bool = False,
) -> Image.Image:
    """(rows, cols) bool over the photo, at the photo's size: the mask tinted in `colour`, the rest grey and dark.

    opacity: how much of the colour covers the mask; dim: how much of the rest is taken away; outline: the mask's
    inner border in the full colour, so many pixels wide.
    """
    photo = photo.convert("RGB")
    solid = Image.new("RGB", photo.size, tuple(int(part) for part in colour))
    inside = Image.fromarray(enlarge(mask, photo.size, smooth=smooth).astype(np.uint8) * 255)
    picture = Image.composite(Image.blend(photo, solid, _share(opacity)), _dimmed(photo, dim), inside)
    if outline > 0:
        core = inside.filter(ImageFilter.MinFilter(2 * outline + 1))
        picture = Image.composite(solid, picture, ImageChops.subtract(inside, core))
    return picture


def _dimmed(photo: Image.Image, dim: float) -> Image.Image:
    grey = Image.blend(photo, photo.convert("L").convert("RGB"), 0.6 * _share(dim))
    return Image.blend(grey, Image.new("RGB", photo.size, (16, 18, 24)), _share(dim))


def _share(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)


def ramp(stops: np.ndarray) -> np.ndarray:
    """(S, 3) -> (256, 3) uint8, linear between the stops."""
    places = np.linspace(0, len(stops) - 1, 256)
    return np.stack([np.interp(places, range(len(stops)), channel) for channel in stops.T], axis=1).astype(np.uint8)
