"""Which commit of this program measured something."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def made_by() -> dict[str, str]:
    """{"commit": short, with "+" where files differ from it}; nothing outside of a checkout of its own."""
    if not (ROOT / ".git").exists():
        return {}
    try:
        commit, changed = (subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True, text=True,
                                          encoding="utf-8", timeout=20).stdout.strip()
                           for words in (["rev-parse", "--short", "HEAD"],
                                         ["status", "--porcelain", "--untracked-files=no"]))
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": commit + ("+" if changed else "")}
