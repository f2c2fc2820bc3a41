"""What a file is, by how it starts: a picture that can be opened here, or what else, and what to do about it."""

from __future__ import annotations

# Raster formats alone. EPS would start Ghostscript, PDF and WMF are programs too, and a container such as ICO
# may hold a second picture of a size its header does not tell. HEIF comes with pillow-heif, JXL with a plug-in.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF", "HEIF", "JXL", "QOI")
HEAD = 1024  # bytes that tell

_STARTS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF", b"II*\0": "TIFF",
           b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF", b"BM": "BMP", b"qoif": "QOI",
           b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000",
           b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL"}
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_OTHERS = {b"%PDF": "a PDF document", b"%!PS": "a PostScript file", b"\xc5\xd0\xd3\xc6": "a PostScript file",
           b"8BPS": "a Photoshop document", b"\0\0\1\0": "an icon", b"icns": "an icon", b"gimp": "a GIMP picture",
           b"\xd7\xcd\xc6\x9a": "a Windows metafile", b"<!doctype html": "a web page", b"<html": "a web page"}

ADVICE = "save it as JPEG or PNG and try again"


def picture_kind(head: bytes) -> str | None:
    """The raster format that the first bytes of a file are of; None where no format starts so."""
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if brand in _HEIC:
        return "HEIC"
    if brand in (b"avif", b"avis"):
        return "AVIF"
    if head[:4] == b"RIFF":
        return "WebP" if head[8:12] == b"WEBP" else None
    if head[:1] == b"P" and head[1:2] in b"123456fF" and head[2:3].isspace():
        return "PPM"
    return next((kind for start, kind in _STARTS.items() if head.startswith(start)), None)


def what_it_is(data: bytes) -> str:
    """The rest of the sentence about a file that could not be opened: what it looks like, what to do."""
    head, kind = data[:HEAD], picture_kind(data[:HEAD])
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if kind in ("HEIC", "AVIF"):
        return f"is {'a HEIC' if kind == 'HEIC' else 'an AVIF'} picture that is damaged or of a kind that this " \
               f"installation cannot read; {ADVICE}."
    if kind == "JPEG XL":
        return "is a JPEG XL picture, which needs pillow-jxl-plugin (pip install pillow-jxl-plugin) or is damaged; " \
               f"{ADVICE}."
    if kind:
        return f"starts like a {kind} picture but cannot be read: it is damaged, cut short or of a rare kind; " \
               "export it as 8-bit JPEG or PNG and try again."
    if head[4:8] == b"ftyp":
        return "is a video; save one frame of it as JPEG or PNG and try again."
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in data[:65536].lower():
        return "is an SVG drawing, not a photo; export it as PNG and try again."
    if data[:2] == b"\x1f\x8b" or head.startswith((b"PK\x03\x04", b"7z\xbc\xaf", b"Rar!")):
        return "is a compressed archive; unpack it and choose a photo."
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the photo itself; run `git lfs pull` where it came from."
    for start, what in _OTHERS.items():
        if head.startswith(start) or text.startswith(start):
            return f"is {what}, not a photo that can be read here; {ADVICE}."
    for start, kind in ((b"\xff\xd8", "JPEG"), (b"\x89PNG", "PNG"), (b"GIF8", "GIF"), (b"RIFF", "WebP")):
        if head.startswith(start):
            return f"starts like a {kind} picture but cannot be read: it is damaged or cut short; copy or download " \
                   "it again."
    return "is not a picture; choose a JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP file."
