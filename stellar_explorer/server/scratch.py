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
from stellar_explorer.server.sweeping import hold, remove_abandoned

VARIABLE = "GRADIO_TEMP_DIR"
PREFIX = "uploads-"  # uploads-PID-RANDOM, one a server


@cache
def uploads_folder() -> Path:
    """This process's, made at the first call and told to Gradio, so call it before gradio is imported.

    It lies under GRADIO_TEMP_DIR where that is set, else under the account's private temporary folder, with mode 0700,
    and goes when the process ends; those of servers that were killed go when the next one starts. Raises OSError, whose
    text says what to set.
    """
    named = os.environ.get(VARIABLE)
    try:
        root = Path(named) if named else private_folder()
        root.mkdir(parents=True, exist_ok=True)
        folder = held_folder(root)
        # And in the folders that `private_folder` makes where another account was faster.
        for place in (root, *Path(tempfile.gettempdir()).glob("stellar-explorer-*")):
            remove_abandoned(place.glob(f"{PREFIX}*-*"))
    except OSError as error:
        where = named or "the temporary folder"
        advice = f"set {VARIABLE}" if named else "set TMPDIR"
        raise OSError(f"Uploads cannot be kept in {where} ({error.strerror or error}); {advice} to a folder that this "
                      "account can write to.") from error
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[VARIABLE] = str(folder)
    return folder


def held_folder(root: Path) -> Path:
    """A new one in the root, which nobody sweeps away while this process lives."""
    # Under a name that no sweep looks for until it is held. Real, for Gradio compares the paths of uploads with it.
    made = Path(tempfile.mkdtemp(prefix="new-", dir=root)).resolve()
    hold(made)
    folder = made.with_name(f"{PREFIX}{os.getpid()}-{made.name.removeprefix('new-')}")
    made.rename(folder)
    return folder
