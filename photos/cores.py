"""How many cores there are for this process, which a container or a scheduler may have given fewer than the machine
has."""

from __future__ import annotations

import math
import os
from pathlib import Path


def usable_cores(system: Path = Path("/sys")) -> int:
    """Those that this process may run on, each once whatever its hyperthreads, and no more than its container's share.
    """
    may_run_on = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    siblings = set()
    for cpu in may_run_on:
        try:
            threads = system / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
            siblings.add(threads.read_text(encoding="utf-8"))
        except OSError:  # no Linux: nothing is known of siblings
            siblings.add(cpu)
    return max(1, math.ceil(min(len(siblings), container_share(system / "fs" / "cgroup"))))


def container_share(cgroup: Path) -> float:
    """In cores; infinite where there is no bound. Of control groups of either version."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join((cgroup / file).read_text(encoding="utf-8") for file in files).split()
            if int(quota) > 0:  # "max" is no number, and -1 none either
                return int(quota) / int(period)
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return math.inf
