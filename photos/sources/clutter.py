"""What is skipped by its name alone: hidden things, and what systems and cameras keep for themselves."""

from __future__ import annotations

from photos.sources.report import Reason

# Of Synology, QNAP, Windows, macOS and Linux. Their thumbnails would be found before the photos that they are of.
CLUTTER = frozenset(name.casefold() for name in (
    "@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "@tmp", "$RECYCLE.BIN", "RECYCLER",
    "System Volume Information", "Thumbs.db", "ehthumbs.db", "desktop.ini", "__MACOSX", "Icon\r", "lost+found",
    ".Trashes", ".Trash", ".thumbnails", ".DS_Store", ".Spotlight-V100", ".fseventsd", ".AppleDouble"))


def skipped_by_name(name: str) -> Reason | None:
    """Of a file or a folder, by its own name, whatever lies in it."""
    if name.casefold() in CLUTTER or name.startswith((".Trash-", "._")):
        return Reason.CLUTTER
    return Reason.HIDDEN if name.startswith(".") else None
