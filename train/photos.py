"""Photos on disk -> upright RGB tensors of a size a model takes."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

# Raster formats alone: EPS would start Ghostscript. AVIF is there where Pillow was built with it.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
MAX_PIXELS = 100_000_000  # decoded 300 MB

# What decoders raise on broken files; Pillow lets a good deal of it through.
BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, AttributeError,
          RuntimeError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError)


def decode(source: str | os.PathLike[str] | bytes | Image.Image) -> Tensor:
    """A file, a file's bytes or a Pillow image -> uint8 (3, H, W), RGB, upright by its EXIF.

    What is transparent is white; of an animation the first frame is taken. Raises ValueError, which names the
    file, for what is no photo or is damaged.
    """
    name = "The photo" if isinstance(source, (bytes, bytearray, memoryview, Image.Image)) else str(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's of odd metadata; what matters is raised
            return _decode(source)
    except BROKEN as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{name} cannot be read as a photo ({reason}); remove it or save it again as JPEG or "
                         "PNG.") from error


def fit(photo: Tensor, *, resolution: int, patch_size: int) -> Tensor:
    """uint8 (3, H, W) -> float32 (3, h, w) in 0..1: the long side becomes `resolution`, the aspect is kept.

    Both sides are rounded to multiples of the patch, at least one; nothing is cropped. Antialiased bicubic.
    """
    size = fitted_size(tuple(photo.shape[1:]), resolution=resolution, patch_size=patch_size)
    image = photo.float().div(255)
    if size != tuple(photo.shape[1:]):
        image = F.interpolate(image[None], size=size, mode="bicubic", align_corners=False, antialias=True)[0]
    return image.clamp(0, 1)


def fitted_size(size: tuple[int, int], *, resolution: int, patch_size: int) -> tuple[int, int]:
    """(height, width) of a photo -> that of its tensor."""
    if resolution < 1 or patch_size < 1:
        raise ValueError(f"resolution and patch_size must be at least 1, found {resolution} and {patch_size}.")
    long_side = max(size)

    def fitted(side: int) -> int:  # whole numbers: the nearest multiple, halves upwards
        return max((2 * side * resolution + long_side * patch_size) // (2 * long_side * patch_size), 1) * patch_size

    return fitted(size[0]), fitted(size[1])


def _decode(source: str | os.PathLike[str] | bytes | Image.Image) -> Tensor:
    if isinstance(source, Image.Image):
        return _to_tensor(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        source = io.BytesIO(source)
    elif not Path(source).is_file():  # a pipe would be waited for
        raise OSError("there is no such file")
    Image.init()
    with Image.open(source, formats=[kind for kind in FORMATS if kind in Image.OPEN]) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError(f"it has more than {MAX_PIXELS // 10**6} million pixels")
        return _to_tensor(picture)


def _to_tensor(picture: Image.Image) -> Tensor:
    picture.load()
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16"):  # Pillow would cut 16 bits off at 255
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(picture, dtype=np.float64))
        high = 1 if picture.mode == "F" and values.max() <= 1 else 255 if values.max() <= 255 else 65535
        picture = Image.fromarray((values.clip(0, high) * (255 / high)).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    pixels = np.array(picture.convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
