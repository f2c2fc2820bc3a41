"""File names in sentences."""

from __future__ import annotations


def printable(text: str) -> str:
    """A file name fit for a sentence: no control or direction characters, at most 80 long."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-19:]}"
