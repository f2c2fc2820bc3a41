"""Where uploads lie until they are read: a folder of this server's own, that nobody else on the machine can look into.

Gradio's own is the same for all who share the machine, and fails where another account made it first.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from model.caches import private_folder

VARIABLE = "GRADIO_TEMP_DIR"
PREFIX = "uploads-"  # uploads-PID-RANDOM, one a server


@cache
def uploads_folder() -> Path:
    """This process's, made at the first call and told to Gradio, so call it before gradio is imported.

    It lies under GRADIO_TEMP_DIR where that is set, else under the account's private temporary folder, with mode 0700,
    and goes when the process ends. Raises OSError, whose text says what to set.
    """
    named = os.environ.get(VARIABLE)
    try:
        root = Path(named) if named else private_folder()
        root.mkdir(parents=True, exist_ok=True)
        # Real, for Gradio compares the paths of uploads with it.
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=root)).resolve()
    except OSError as error:
        where = named or "the temporary folder"
        advice = f"set {VARIABLE}" if named else "set TMPDIR"
        raise OSError(f"Uploads cannot be kept in {where} ({error.strerror or error}); {advice} to a folder that this "
                      "account can write to.") from error
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[VARIABLE] = str(folder)
    return folder


def kept_folders() -> list[Path]:
    """Every server's folder of uploads beside this one's, this one's too: what a sweep looks through."""
    return sorted(path for path in uploads_folder().parent.glob(f"{PREFIX}*-*") if path.is_dir())
