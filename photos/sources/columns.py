"""Which column of a table holds the pictures, and how."""

from __future__ import annotations

from collections.abc import Callable

from photos.sources.cells import ADVICE
from photos.sources.errors import SourceError

BYTES_NAMES = ("image", "img", "photo", "picture", "jpg", "png")  # tried where no column says that it holds pictures
PATH_NAMES = ("file_name", "filename", "file", "file_path", "filepath", "path", "image_path", "img_path", "image",
              "images", "img", "photo", "picture")


def picture_column(
    name: str, features: dict, wanted: str | None, *, is_photo: Callable[[str], bool] = lambda column: False
) -> str:
    """The wanted column, else the first of pictures, else of bytes, else of paths. Raises SourceError.

    is_photo: whether the first cell of a column is one; asked of columns of paths, which any text might be, and of
    bytes where there are several.
    """
    kinds = {column: element(kind) for column, kind in features.items()}
    if wanted is not None:
        return checked(name, kinds, wanted)
    found = [column for column, kind in kinds.items() if is_image(kind)]
    if not found:
        bytes_in = [column for column in (*BYTES_NAMES, *kinds) if holds_bytes(kinds.get(column))]
        found = [column for column in bytes_in if is_photo(column)] or bytes_in
    found = found or [column for column in PATH_NAMES if holds_text(kinds.get(column)) and is_photo(column)]
    if found:
        return found[0]
    raise SourceError(f"{name} has no column of pictures; it has {', '.join(map(str, kinds)) or 'none'}; {ADVICE}.")


def checked(name: str, kinds: dict, wanted: str) -> str:
    if kinds and wanted not in kinds:  # a stream need not know its columns before
        raise SourceError(f"{name} has no column {wanted!r}; it has {', '.join(map(str, kinds))}; {ADVICE}.")
    dtype = getattr(kinds.get(wanted), "dtype", None)
    if type(kinds.get(wanted)).__name__ in ("Value", "ClassLabel") and not any(
            part in str(dtype) for part in ("binary", "string", "null")):
        raise SourceError(f"{name}: the column {wanted!r} holds {dtype}, no pictures; {ADVICE}.")
    return wanted


def holds_images(features: dict, is_photo: Callable[[str], bool]) -> bool:
    """Whether a table holds the pictures themselves: its columns say so, or their first cells do."""
    kinds = {column: element(kind) for column, kind in features.items()}
    return any(is_image(kind) or holds_bytes(kind) and is_photo(column) for column, kind in kinds.items())


def element(kind: object) -> object:
    """What a column of lists is a list of; any other kind itself."""
    import datasets

    if isinstance(kind, (datasets.List, datasets.LargeList)):
        return kind.feature
    return kind[0] if isinstance(kind, list) and len(kind) == 1 else kind


def is_list(kind: object) -> bool:
    return element(kind) is not kind


def is_image(kind: object) -> bool:
    import datasets

    return isinstance(kind, datasets.Image)


def holds_bytes(kind: object) -> bool:
    """Files as they are, or with their names, as `datasets` writes them without saying so."""
    if isinstance(kind, dict):
        return "bytes" in kind
    return getattr(kind, "dtype", None) in ("binary", "large_binary")


def holds_text(kind: object) -> bool:
    return getattr(kind, "dtype", None) in ("string", "large_string")


def undecoded(table, column: str):
    """A `datasets` table with its pictures as bytes, so that a bad photo is met where it is read."""
    import datasets

    kind = (table.features or {}).get(column)
    if not is_image(element(kind)):
        return table
    plain = datasets.Image(decode=False)
    return table.cast_column(column, datasets.List(plain) if is_list(kind) else plain)
