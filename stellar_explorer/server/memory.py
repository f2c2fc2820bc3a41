"""Memory that the C library keeps for itself, given back. Of glibc; elsewhere nothing happens."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

M_ARENA_MAX, ARENAS = -8, 2


@cache
def _libc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None


def few_arenas() -> None:
    """As the server starts: each thread would have an arena of its own, and each arena keeps the most that it ever
    held."""
    if libc := _libc():
        libc.mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """After large work: what is free goes back to the system."""
    if libc := _libc():
        libc.malloc_trim(0)
