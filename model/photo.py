"""Any file a person has -> an upright RGB photo -> a tensor whose patch grid covers it exactly; a folder's photos."""

from __future__ import annotations

import io
import operator
import os
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageCms, ImageOps

if TYPE_CHECKING:
    import torch

# Of files that may be photos. A hidden file is none.
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".jp2", ".avif"}

MAX_BYTES = 12 * 2**20
MAX_PIXELS = 64_000_000  # a 50-megapixel phone fits; decoded that is 200 MB
MIN_SIDE = 8
MIN_RESOLUTION, MAX_RESOLUTION = 224, 1024
MAX_PATCH_SIZE = 64

# Raster formats alone. EPS would start Ghostscript, PDF and WMF are programs too, and a container such as ICO
# may hold a second picture of a size its header does not tell. HEIF is there once a plugin registers it.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF", "HEIF")

_ADVICE = "save it as JPEG or PNG and try again"
# What decoders raise on broken files; Pillow lets a good deal of it through.
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError,
           AttributeError, RuntimeError, ZeroDivisionError, struct.error, zlib.error)


def open_photo(source: str | os.PathLike[str] | bytes) -> Image.Image:
    """A path, or a file's bytes -> upright 8-bit RGB, in sRGB where the file says what its colours mean.

    `info["notes"]` lists in plain sentences what was decided on the way (transparency, animation); nothing
    else of the file's metadata is kept. ValueError with one sentence, which names the file but not its folder.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        name, data = "The photo", bytes(source)
        _check_length(name, len(data))
    else:
        name, data = _read(source)
    picture = _decode(name, data)
    try:
        return _as_rgb(picture)
    except MemoryError:
        raise ValueError(f"{name} needs more memory than there is; save a smaller copy.") from None
    except _BROKEN as error:
        raise ValueError(f"{name} has pixels that cannot be turned into colours; {_ADVICE}.") from error


def list_photos(folder: str | os.PathLike[str]) -> list[Path]:
    """Every photo of a folder and of the folders in it, by suffix, in the order of their paths; no hidden ones.

    Links are followed, each folder is listed once. Raises ValueError, which names the folder, where there are none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"{folder} {what}; name a folder with photos in it.")
    found, listed = [], set()
    # os.walk, because Path.rglob does not enter linked folders, and data sets are often made of links.
    for place, subfolders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in listed:  # a link back up would be walked for ever
            subfolders.clear()
            continue
        listed.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found += [Path(place, name) for name in names
                  if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES]
    if not found:
        raise ValueError(f"{folder} holds no photos; they are looked for in it and in its folders, by these "
                         f"endings: {', '.join(sorted(SUFFIXES))}.")
    return sorted(found)


def fitted_size(size: tuple[int, int], *, resolution: int, patch_size: int) -> tuple[int, int]:
    """(width, height) of a photo -> that of its tensor: multiples of the patch, the longer one near `resolution`."""
    resolution = _whole("resolution", resolution, MIN_RESOLUTION, MAX_RESOLUTION)
    patch_size = _whole("patch_size", patch_size, 1, MAX_PATCH_SIZE)
    width, height = size
    long_side = _nearest_multiple(resolution, 1, patch_size)
    short_side = _nearest_multiple(min(size) * resolution, max(size), patch_size)
    return (long_side, short_side) if width >= height else (short_side, long_side)


def fit(photo: Image.Image, *, resolution: int, patch_size: int) -> torch.Tensor:
    """-> (1, 3, H, W), float32 in 0..1. Nothing is cropped: the patch grid covers the photo, edge to edge."""
    import torch  # here, because opening and drawing photos needs no torch

    size = fitted_size(photo.size, resolution=resolution, patch_size=patch_size)
    resized = photo.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(resized))
    return pixels.permute(2, 0, 1)[None].contiguous().float().div(255)


def printable(text: str) -> str:
    """A file name fit for a sentence: no control or direction characters, at most 80 long."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-19:]}"


def _whole(name: str, value: int, low: int, high: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not low <= number <= high:
        raise ValueError(f"{name} is {printable(repr(value))}; it must be a whole number from {low} to {high}.")
    return number


def _nearest_multiple(numerator: int, denominator: int, step: int) -> int:
    """The multiple of `step` nearest to numerator / denominator, halves upwards, at least one `step`."""
    return max((2 * numerator + denominator * step) // (2 * denominator * step), 1) * step


def _read(path: str | os.PathLike[str]) -> tuple[str, bytes]:
    path = Path(path)
    name = printable(path.name or str(path))
    try:
        if path.is_dir():
            raise ValueError(f"{name} is a folder; name the photos in it.")
        if not path.exists():
            raise ValueError(f"{name} does not exist; check the name and the folder.")
        if not path.is_file():  # a pipe would be waited for, a device read for ever
            raise ValueError(f"{name} is not a regular file; name a photo.")
        _check_length(name, path.stat().st_size)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise ValueError(f"{name} cannot be read ({reason}); check the name and its permissions.") from error
    _check_length(name, len(data))
    return name, data


def _check_length(name: str, length: int) -> None:
    if length == 0:
        raise ValueError(f"{name} is empty (0 bytes); copy or download it again.")
    if length > MAX_BYTES:
        raise ValueError(f"{name} is larger than {MAX_BYTES // 2**20} MB; save a smaller copy "
                         "(2,000 pixels on the long side are plenty).")


def _decode(name: str, data: bytes) -> Image.Image:
    """The first frame, decoded. Size is judged by the header, before any pixel is."""
    too_many = (f"{name} has more than {MAX_PIXELS // 10**6} million pixels; save a smaller copy "
                "(2,000 pixels on the long side are plenty).")
    Image.init()
    try:
        picture = Image.open(io.BytesIO(data), formats=[kind for kind in FORMATS if kind in Image.OPEN])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # Pillow's own, higher, limit
        raise ValueError(too_many) from None
    except MemoryError:
        raise ValueError(too_many) from None
    except _BROKEN as error:
        raise ValueError(f"{name} {_what_it_is(data)}") from error
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise ValueError(too_many)
    if min(width, height) < MIN_SIDE:
        raise ValueError(f"{name} is {width} x {height} pixels; a photo needs at least {MIN_SIDE} on either side.")
    try:
        picture.load()
    except MemoryError:
        raise ValueError(f"{name} needs more memory than there is; save a smaller copy.") from None
    except _BROKEN as error:
        raise ValueError(f"{name} is damaged or cut short; copy or download it again.") from error
    return picture


def _what_it_is(data: bytes) -> str:
    """The rest of the sentence about a file that is no raster picture we read: what it looks like, what to do."""
    head = data[:1024]
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"):
        return f"is a HEIC picture, which this installation cannot read; {_ADVICE}."
    if brand in (b"avif", b"avis"):
        return f"is an AVIF picture that cannot be read here; {_ADVICE}."
    if brand:
        return "is a video; save one frame of it as JPEG or PNG and try again."
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in data[:65536].lower():
        return "is an SVG drawing, not a photo; export it as PNG and try again."
    if data[:2] == b"\x1f\x8b" or head.startswith((b"PK\x03\x04", b"7z\xbc\xaf", b"Rar!")):
        return "is a compressed archive; unpack it and choose a photo."
    named = {b"%PDF": "a PDF document", b"%!PS": "a PostScript file", b"\xc5\xd0\xd3\xc6": "a PostScript file",
             b"8BPS": "a Photoshop document", b"\xff\x0a": "a JPEG XL picture", b"\0\0\0\x0cJXL ": "a JPEG XL picture",
             b"\0\0\1\0": "an icon", b"icns": "an icon", b"gimp": "a GIMP picture", b"qoif": "a QOI picture",
             b"\xd7\xcd\xc6\x9a": "a Windows metafile", b"<!doctype html": "a web page", b"<html": "a web page"}
    for start, what in named.items():
        if head.startswith(start) or text.startswith(start):
            return f"is {what}, not a photo that can be read here; {_ADVICE}."
    known = {b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"RIFF": "WebP", b"II*\0": "TIFF",
             b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF", b"BM": "BMP"}
    for start, what in known.items():
        if head.startswith(start):
            return f"starts like a {what} picture but cannot be read: it is damaged, cut short or of a rare kind; " \
                   "export it as 8-bit JPEG or PNG and try again."
    return "is not a picture; choose a JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF file."


def _as_rgb(picture: Image.Image) -> Image.Image:
    notes = []
    if getattr(picture, "n_frames", 1) > 1 and picture.format in ("GIF", "WEBP", "PNG", "AVIF"):
        notes.append("Only the first frame of the animation is used.")
    profile = picture.info.get("icc_profile")
    picture = _upright(picture)
    alpha = None
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
    photo = _in_srgb(_in_eight_bits(picture), profile)
    if alpha is not None and alpha.getextrema() != (255, 255):
        notes.append("Transparent parts are laid on white.")
        photo = Image.composite(photo, Image.new("RGB", photo.size, "white"), alpha)
    photo = photo.copy() if photo is picture else photo
    photo.info = {"notes": notes}
    return photo


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except _BROKEN:  # unreadable EXIF is no reason to refuse the pixels
        return picture


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or of floats -> L; the rest is of 8 bits already.

    16 bits span black to white, unless every value fits in 12, as sensors and microscopes write them.
    For 32 bits and floats no white is agreed on: 0..1, 0..255 and 0..65535 are taken at their word, and
    anything else is stretched from its smallest value to its largest.
    """
    if not picture.mode.startswith("I;16") and picture.mode not in ("I", "F"):
        return picture
    values = _finite(np.array(picture, dtype=np.float64))
    low, high = float(values.min()), float(values.max())
    if picture.mode.startswith("I;16"):
        low, high = 0.0, 4095.0 if high <= 4095 else 65535.0
    elif low >= 0 and high <= 65535:
        low, high = 0.0, 1.0 if picture.mode == "F" and high <= 1 else 255.0 if high <= 255 else 65535.0
    span = high - low or 1.0
    return Image.fromarray(np.rint((values - low) * (255 / span)).astype(np.uint8))


def _finite(values: np.ndarray) -> np.ndarray:
    """Not-a-number becomes the smallest value there is, the infinities the smallest and the largest."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return np.nan_to_num(values, nan=low, posinf=high, neginf=low)


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """-> RGB. An embedded profile is followed; one that is broken or meant for another mode is ignored."""
    if picture.mode in ("1", "P", "PA", "LA", "La", "RGBA", "RGBa", "RGBX"):
        picture = picture.convert("L" if picture.mode in ("1", "LA", "La") else "RGB")
    if picture.mode == "LAB":
        return _convert_colours(picture, ImageCms.createProfile("LAB"))
    if profile:
        try:
            return _convert_colours(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, *_BROKEN):
            pass
    return picture.convert("RGB")


def _convert_colours(picture: Image.Image, profile: object) -> Image.Image:
    return ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
