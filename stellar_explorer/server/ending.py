"""How the server ends when it is asked to: as by Ctrl-C, so that what it keeps on the disk is removed."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

ASKED = ("SIGTERM", "SIGHUP")  # a service manager, a terminal that is closed; Windows lacks the second


def end_when_asked() -> None:
    """In the main thread. Without it SIGTERM ends Python on the spot, and nothing that was registered for the end runs.
    Who started the server with nohup has a reason to have SIGHUP ignored."""
    for name in ASKED:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
