"""Which files are pictures: by their endings where those are plain, else by how they start."""

from __future__ import annotations

import os
from functools import cache

from photos.decoding import can_open
from photos.kinds import HEAD, picture_kind
from photos.sources.report import Reason

# The endings of each format. A file of another name is judged by how it starts.
PICTURES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), "PNG": (".png", ".apng"), "WEBP": (".webp",),
    "GIF": (".gif",), "TIFF": (".tif", ".tiff"), "BMP": (".bmp",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"), "JPEG2000": (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
    "AVIF": (".avif", ".avifs"), "HEIF": (".heic", ".heif", ".heics", ".hif"), "JXL": (".jxl",), "QOI": (".qoi",)}
FORMAT_OF = {ending: format for format, endings in PICTURES.items() for ending in endings}
PLUGINS = {"HEIF": "pip install pillow-heif", "JXL": "pip install pillow-jxl-plugin"}
KIND_FORMATS = {"HEIC": "HEIF", "JPEG XL": "JXL", "WebP": "WEBP", "JPEG 2000": "JPEG2000"}  # words of photos.kinds
TABLES, ARCHIVES, LISTS = (".parquet",), (".tar", ".tar.gz", ".tgz"), (".txt", ".lst", ".list")

# Plainly no photos, so they are not opened to see. A camera's raw file starts as a TIFF and would be taken for one, of
# which only a small preview can be read.
_OTHERS = """
    .txt .md .rst .rtf .log .csv .tsv .json .jsonl .ndjson .yaml .yml .toml .ini .cfg .conf .xml .html .htm .css .js
    .lst .list .idx .index .py .ipynb .sh .bat .c .h .cpp .java .rs .go .m .tex .bib .doc .docx .xls .xlsx .ppt .pptx
    .odt .ods .odp .pdf .ps .eps .epub .svg .ai .psd .psb .xcf .ico .icns .cur .wmf .emf .xmp .aae .thm .pp3 .dop .lrcat
    .npy .npz .pt .pth .ckpt .safetensors .bin .pkl .pickle .h5 .hdf5 .mat .arrow .feather .avro .orc .lance .tfrecord
    .tfrecords .rec .lmdb .mdb .db .sqlite .sqlite3 .db-wal .db-shm .sqlite-wal .sqlite-shm .faiss .onnx .gguf
    .zip .gz .bz2 .xz .zst .7z .rar .iso .dmg .exe .dll .so .dylib .whl .jar .apk .deb .rpm .torrent .part .crdownload
    .mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .3gp .mts .m2ts .wmv .flv .ogv .insv .lrv
    .mp3 .m4a .wav .flac .ogg .opus .aac .wma .aiff .mid .srt .vtt .gpx .kml .kmz .fit .ttf .otf .woff .woff2
    .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .dng .orf .rw2 .raf .pef .srw .x3f .raw .rwl .iiq .3fr .fff .mrw .kdc .dcr
    .erf .mef .mos .gpr"""
OTHERS = frozenset(_OTHERS.split())


@cache
def openable_endings() -> frozenset[str]:
    """Of the formats that can be opened on this machine."""
    return frozenset(ending for ending, format in FORMAT_OF.items() if can_open(format))


def ending_of(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def judged_by_ending(name: str) -> tuple[bool | None, Reason | None, str | None]:
    """(a picture or not, why not, what would help); (None, None, None) where how it starts has to tell."""
    ending = ending_of(name)
    if ending in openable_endings():
        return True, None, None
    if ending in FORMAT_OF:
        return False, Reason.PLUGIN, PLUGINS.get(FORMAT_OF[ending])
    return (False, Reason.ENDING, None) if ending in OTHERS else (None, None, None)


def judged_by_head(head: bytes) -> tuple[bool, Reason | None, str | None]:
    """As `judged_by_ending`, by a file's first bytes."""
    kind = picture_kind(head[:HEAD])
    format = KIND_FORMATS.get(kind, kind)
    if kind is None:
        return False, Reason.HEAD, None
    return (True, None, None) if can_open(format) else (False, Reason.PLUGIN, PLUGINS.get(format))


def head_of(path: str | os.PathLike[str]) -> bytes:
    """OSError where it cannot be read."""
    with open(path, "rb", buffering=0) as file:
        return file.read(HEAD)
