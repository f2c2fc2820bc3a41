"""Any file a person has -> an upright RGB photo of eight bits, or one sentence why not."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path

from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from photos.depth import in_eight_bits, is_deep, with_value_transparent
from photos.kinds import ADVICE, FORMATS, what_it_is
from photos.limits import KEPT_PIXELS, MIN_SIDE, PAGE, Limits
from photos.png_text import without_words
from photos.text import printable

SMALLER = "(2,000 pixels on the long side are plenty)"
LARGEST_PROFILE = 16 * 2**20  # bytes, unpacked: a printer's tables of colours have a few
# What decoders raise on broken files; Pillow lets a good deal of it through.
ORIENTATION = 0x0112  # EXIF's tag
UPRIGHT = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
           5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
           8: Image.Transpose.ROTATE_90}
BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, AttributeError,
          RuntimeError, struct.error, zlib.error)


def open_photo(source: str | os.PathLike[str] | bytes | Image.Image, *, limits: Limits = PAGE) -> Image.Image:
    """A path, a file's bytes or a Pillow picture -> upright 8-bit RGB; in sRGB, if the file says what its colours mean.

    A picture of more than KEPT_PIXELS is reduced by a power of two. `info["notes"]` lists in plain sentences what was
    decided on the way (transparency, animation, reduction), `info["size"]` is (width, height) before any reduction;
    nothing else of the file's metadata is kept. ValueError with one sentence, which names the file but not its folder.
    """
    if isinstance(source, Image.Image):
        return _finished("The photo", source, limits)
    name, data = _data_of(source, limits)
    return _finished(name, _opened(name, data, limits), limits)


def photo_size(data: bytes, *, limits: Limits = PAGE) -> tuple[int, int, int]:
    """A file's bytes -> (width, height, bytes that decoding takes at most), by its header. ValueError as `open_photo`.
    """
    name, data = _data_of(data, limits)
    picture = _opened(name, data, limits)
    pixels = picture.width * picture.height
    kept = pixels // reduction_of(picture.size) ** 2
    deep = 4 if picture.mode in ("I", "F") else 2 if picture.mode.startswith("I;16") else len(picture.getbands())
    decoded = kept if _is_jpeg(picture) else pixels
    # The file, what is decoded of it, the same with its alpha beside it, and twice what is kept, in RGB.
    return picture.width, picture.height, len(data) + decoded * (deep + 4 * _may_be_converted(picture)) + 6 * kept


def _finished(name: str, picture: Image.Image, limits: Limits) -> Image.Image:
    size = picture.size
    _check_size(name, size, limits)
    try:
        _prepare(picture)
        picture.load()
    except MemoryError:
        raise ValueError(_no_memory(name)) from None
    except BROKEN as error:
        raise ValueError(f"{name} is damaged or cut short; copy or download it again.") from error
    try:
        return _as_rgb(picture, size)
    except MemoryError:
        raise ValueError(_no_memory(name)) from None
    except BROKEN as error:
        raise ValueError(f"{name} has pixels that cannot be turned into colours; {ADVICE}.") from error


def _no_memory(name: str) -> str:
    return f"{name} needs more memory than there is; save a smaller copy."


def _data_of(source: str | os.PathLike[str] | bytes, limits: Limits) -> tuple[str, bytes]:
    """The name for sentences, and what is in the file."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        _check_length("The photo", len(source), limits)
        return "The photo", bytes(source)
    path = Path(source)
    name = printable(path.name or str(path))
    try:
        if path.is_dir():
            raise ValueError(f"{name} is a folder; name the photos in it.")
        if not path.exists():
            raise ValueError(f"{name} {'is a link to nothing' if path.is_symlink() else 'does not exist'}; check the "
                             "name and the folder.")
        if not path.is_file():  # a pipe would be waited for, a device read for ever
            raise ValueError(f"{name} is not a regular file; name a photo.")
        _check_length(name, path.stat().st_size, limits)
        with path.open("rb") as file:
            data = file.read(limits.max_bytes + 1)
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise ValueError(f"{name} cannot be read ({reason}); check the name and its permissions.") from error
    _check_length(name, len(data), limits)
    return name, data


def _check_length(name: str, length: int, limits: Limits) -> None:
    if length == 0:
        raise ValueError(f"{name} is empty (0 bytes); copy or download it again.")
    if length > limits.max_bytes:
        raise ValueError(f"{name} is larger than {limits.max_bytes // 2**20} MB; save a smaller copy {SMALLER}.")


def _check_size(name: str, size: tuple[int, int], limits: Limits) -> None:
    if size[0] * size[1] > limits.max_pixels:
        raise ValueError(_too_many(name, limits))
    if min(size) < MIN_SIDE:
        raise ValueError(f"{name} is {size[0]} x {size[1]} pixels; a photo needs at least {MIN_SIDE} on either side.")


def _too_many(name: str, limits: Limits) -> str:
    raised = "" if limits == PAGE else " or allow more with --max-pixels"
    return f"{name} has more than {limits.max_pixels // 10**6} million pixels; save a smaller copy {SMALLER}{raised}."


@cache
def _plugins() -> list[str]:
    """The formats that can be opened here; Pillow is told of its plug-ins and of what our limits are."""
    Image.init()
    with suppress(ImportError):  # no wheel for this machine: such a photo gets a sentence
        import pillow_heif

        pillow_heif.register_heif_opener()
    with suppress(ImportError):
        import pillow_jxl  # noqa: F401 - it registers itself
    # Words are taken out before (png_text), so this is for the profile of colours alone.
    PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, LARGEST_PROFILE)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd metadata; what matters is raised
    return [kind for kind in FORMATS if kind in Image.OPEN]


def _opened(name: str, data: bytes, limits: Limits) -> Image.Image:
    """Its header read, no pixel decoded; its size is within the limits."""
    formats = _plugins()
    if Image.MAX_IMAGE_PIXELS is not None and limits.max_pixels > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = limits.max_pixels  # at a person's own command line; the page asks for less
    try:
        picture = Image.open(io.BytesIO(without_words(data)), formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):  # Pillow's own, higher, limit
        raise ValueError(_too_many(name, limits)) from None
    except BROKEN as error:
        raise ValueError(f"{name} {what_it_is(data)}") from error
    _check_size(name, picture.size, limits)
    return picture


def reduction_of(size: tuple[int, int]) -> int:
    """By what a side is divided: the smallest power of two that leaves KEPT_PIXELS or fewer."""
    factor = 1
    while size[0] * size[1] > KEPT_PIXELS * factor**2:
        factor *= 2
    return factor


def _is_jpeg(picture: Image.Image) -> bool:
    return isinstance(picture, ImageFile.ImageFile) and picture.format in ("JPEG", "MPO")


def _may_be_converted(picture: Image.Image) -> bool:
    """To RGBA or to RGB before it is reduced: a palette, and what may be transparent."""
    return picture.mode in ("1", "P", "PA") or picture.has_transparency_data


def _prepare(picture: Image.Image) -> None:
    """What has to be said before pixels are decoded."""
    if _is_jpeg(picture):  # reduced while decoding, to an eighth at most; `_as_rgb` does the rest
        factor = min(reduction_of(picture.size), 8)
        picture.draft(None, (picture.width // factor, picture.height // factor))
    value, tiles = picture.info.get("transparency"), getattr(picture, "tile", None)
    if isinstance(value, tuple) and tiles and "16" in str(tiles[0][3]):
        # Pillow keeps the high byte of 16-bit colours, but the transparent one as it is in the file.
        picture.info["transparency"] = tuple(part >> 8 for part in value)


def _as_rgb(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    notes = []
    if getattr(picture, "n_frames", 1) > 1 and picture.format in ("GIF", "WEBP", "PNG", "AVIF", "JXL"):
        notes.append("Only the first frame of the animation is used.")
    profile, orientation = picture.info.get("icc_profile"), _orientation(picture)
    picture = _eight_bits(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
    elif picture.mode in ("1", "P", "PA"):  # cannot be averaged
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    factor = reduction_of(picture.size)
    if factor > 1:
        picture = picture.reduce(factor)
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    photo = _in_srgb(picture, profile)
    if alpha is not None and alpha.getextrema() != (255, 255):
        notes.append("Transparent parts are laid on white.")
        photo = Image.composite(photo, Image.new("RGB", photo.size, "white"), alpha)
    if orientation in UPRIGHT:
        photo = photo.transpose(UPRIGHT[orientation])
        size = size[::-1] if orientation >= 5 else size
    elif photo is picture:
        photo = photo.copy()
    if reduction_of(size) > 1:
        notes.append(f"It has {size[0]} x {size[1]} pixels, and was read at {photo.width} x {photo.height}.")
    photo.info = {"notes": notes, "size": size}
    return photo


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except BROKEN:  # unreadable EXIF is no reason to refuse the pixels
        return 1


def _eight_bits(picture: Image.Image) -> Image.Image:
    """-> L or LA from deep grey; the rest as it is."""
    if not is_deep(picture):
        return picture
    value = picture.info.get("transparency")  # Pillow would clip every pixel to white to see it
    grey = in_eight_bits(picture)
    return Image.merge("LA", (grey, with_value_transparent(picture, value))) if isinstance(value, int) else grey


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """-> RGB. An embedded profile is followed; one that is broken or meant for another mode is ignored."""
    if picture.mode in ("LA", "La", "RGBA", "RGBa", "RGBX"):
        picture = picture.convert("L" if picture.mode in ("LA", "La") else "RGB")
    if picture.mode == "LAB":
        return _convert_colours(picture, ImageCms.createProfile("LAB"))
    if profile:
        try:
            return _convert_colours(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, *BROKEN):
            pass
    return picture.convert("RGB")


def _convert_colours(picture: Image.Image, profile: object) -> Image.Image:
    return ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
