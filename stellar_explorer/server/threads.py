"""One budget of threads for the server, whatever its libraries would take: all cores to the model, else one a request.

OpenBLAS, OpenMP and torch each start a thread a core in every thread that calls them. In a server every request has
a thread: numpy's `eigh` of 384 x 384 took 0.42 s in each of eight requests at once on two cores, and 0.008 s so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from photos.cores import usable_cores

# Of libraries that are not loaded yet: they look here when they are.
VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@cache
def budget() -> int:
    """Threads that compute at once: the cores that this process may use, or OMP_NUM_THREADS where somebody set it."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(said) if said.isdecimal() and int(said) else usable_cores()


def share_threads() -> int:
    """For the whole process, once, as the server starts -> the budget."""
    from threadpoolctl import threadpool_limits

    threads = budget()  # before the variables say otherwise
    for name in VARIABLES:
        os.environ[name] = "1"
    threadpool_limits(limits=1)  # OpenBLAS: every thread's. OpenMP: this thread's, and so `one_thread` for each
    return threads


def one_thread() -> None:
    """For the thread that calls it: a request's."""
    import torch
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1)
    torch.set_num_threads(1)


@contextmanager
def all_threads() -> Iterator[None]:
    """For the thread that runs the model, alone."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(budget())
    try:
        yield
    finally:
        torch.set_num_threads(before)
