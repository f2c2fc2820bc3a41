"""Headers of what is saved: a file's name that carries the photo's, in any script, as RFC 6266 spells it."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

from stellar_explorer.server.answers import FRESH

MOST_LETTERS = 60
NAMELESS = "photo"


def slug(name: str) -> str:
    """A file's or a photo's name -> its letters and digits with dashes between, without the folder and the suffix."""
    last = name.replace("\\", "/").rpartition("/")[2]
    stem, dot, suffix = last.rpartition(".")
    if dot and stem.strip(".") and suffix.isalnum() and len(suffix) <= 5:
        last = stem
    words = "".join(letter if letter.isalnum() else " " for letter in unicodedata.normalize("NFC", last)).split()
    return "-".join(words)[:MOST_LETTERS].strip("-") or NAMELESS


def attachment(*parts: str, kind: str) -> dict[str, str]:
    """The headers of a download called stellar-PARTS-KIND. Where the name has letters beyond ASCII, browsers read it
    from filename*, and what does not know that from filename."""
    said = "-".join(("stellar", *parts, kind))
    plain = unicodedata.normalize("NFKD", said).encode("ascii", "ignore").decode()
    plain = "-".join(filter(None, plain.split("-")))  # a name of which nothing is left
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(said, safe='')}"
    return {"Content-Disposition": disposition, **FRESH}
