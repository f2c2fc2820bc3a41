"""Verification: every file of an index against what the catalogue says of it."""

from __future__ import annotations

from index.errors import ConceptIndexError
from index.store.atlas_file import FILE, unsealed
from index.store.catalogue import Catalogue
from index.store.changes import is_sound
from index.store.snapshot import SEGMENTS, open_snapshot


def faults(catalogue: Catalogue) -> list[str]:
    """A sentence for each file that is missing or is not what was written. Reads all of them."""
    found = catalogue.faults()
    try:
        contents = catalogue.contents()
    except ConceptIndexError as error:
        return found or [str(error)]
    damaged = [file for file in contents.files if not is_sound(catalogue.folder, file)]
    # A compaction may have removed some since.
    still_named = set(catalogue.contents().files)
    for file in damaged:
        if file in still_named:
            path = catalogue.folder / file.path
            cure = (f"make it again: python -m index compact {catalogue.folder}" if file.path.startswith(f"{SEGMENTS}/")
                    else "copy it back from a backup, or build the index again")
            found.append(f"{path} is {'damaged' if path.exists() else 'missing'}; {cure}.")
    atlas = catalogue.folder / FILE
    try:
        if atlas.exists():
            unsealed(atlas.read_bytes())
    except (OSError, ValueError):
        found.append(f"{atlas} is damaged; draw the map again: python -m index.atlas {catalogue.folder}")
    if not found:
        try:
            open_snapshot(catalogue)
        except ConceptIndexError as error:
            found.append(str(error))
    return found
