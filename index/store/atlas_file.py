"""The file of an atlas as the store knows it: beside the index, named by no transaction, and ending with the sha256 of
all before. What is in it only `index.atlas` knows."""

from __future__ import annotations

from hashlib import sha256

FILE = "atlas.npz"
DIGEST = sha256().digest_size


def sealed(content: bytes) -> bytes:
    return content + sha256(content).digest()


def unsealed(content: bytes) -> bytes:
    """What was sealed. Raises ValueError where it is not what was written."""
    if sha256(content[:-DIGEST]).digest() != content[-DIGEST:]:
        raise ValueError("it is not what was written")
    return content[:-DIGEST]
