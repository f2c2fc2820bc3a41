"""Where libraries keep what they download and compile, for an account that has no home it can write to."""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

# What reads none of the XDG variables, or fails where it cannot write; each has a variable of its own.
FOLDERS = {"HF_HOME": "huggingface", "HF_DATASETS_CACHE": "datasets", "TORCH_HOME": "torch",
           "NUMBA_CACHE_DIR": "numba", "MPLCONFIGDIR": "matplotlib", "TRITON_CACHE_DIR": "triton",
           "TORCHINDUCTOR_CACHE_DIR": "inductor"}
READ_ONLY = ("HF_HOME", "TORCH_HOME")  # what was downloaded there is of use where nothing more can be


def settle_caches() -> None:
    """Before the libraries are imported. Nothing changes for an account whose ~/.cache (XDG_CACHE_HOME) is writable;
    for any other caches lie in a private folder under the temporary one, but for what its environment names."""
    usual = usual_folder()
    if usual is not None and can_write(usual):
        return
    folder = private_folder() / "cache"
    folder.mkdir(exist_ok=True)
    for variable, name in FOLDERS.items():
        downloaded = usual is not None and variable in READ_ONLY and os.access(usual / name, os.R_OK | os.X_OK)
        os.environ.setdefault(variable, str((usual if downloaded else folder) / name))
    os.environ["XDG_CACHE_HOME"] = str(folder)


def usual_folder() -> Path | None:
    """By the XDG convention; None for an account without a home, for whom none is made."""
    named = os.environ.get("XDG_CACHE_HOME")
    if named:
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError:  # neither a variable nor the list of accounts knows one
        return None
    return home / ".cache" if home.is_dir() else None


def can_write(folder: Path) -> bool:
    """Tried, for rights, quotas and read-only disks show alike only so; the folder is made if it does not exist."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@cache
def private_folder() -> Path:
    """This account's own under the system's temporary folder, readable by nobody else; it stays.

    Where somebody else has put something in its place, one that goes with this process. Raises OSError where there is
    no temporary folder to write to.
    """
    account = os.getuid() if hasattr(os, "getuid") else "account"
    folder = Path(tempfile.gettempdir()) / f"stellar-explorer-{account}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if is_private(folder) and can_write(folder):
        return folder
    folder = Path(tempfile.mkdtemp(prefix="stellar-explorer-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def is_private(folder: Path) -> bool:
    """A folder and no link, of this account, open to nobody else."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return False
    return not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
