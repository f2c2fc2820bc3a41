"""What every command does first, wherever it is run: before heavy packages are imported."""

from __future__ import annotations

import sys

from model.caches import settle_caches


def start_command() -> None:
    """Names of photos may hold what a terminal's encoding lacks: escaped, they end no command. And libraries are given
    where to keep things, or the command ends with what to set."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    try:
        settle_caches()
    except OSError as error:
        print(f"There is no folder for caches and temporary files ({error.strerror or error}); set TMPDIR to one that "
              "this account can write to.", file=sys.stderr)
        sys.exit(2)
