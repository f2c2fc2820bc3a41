"""The photos below a folder."""

from __future__ import annotations

import os
from pathlib import Path

# Of files that may be photos. A hidden file is none.
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".jp2", ".avif"}


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
