"""Batches on their way from worker processes lie in shared memory, of which a container has 64 MB by default."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from train.config import TrainConfig

PLACE = Path("/dev/shm")
AHEAD = 4  # batches that a worker makes ahead, where they have room
IN_USE = 2  # batches that are neither waiting nor being made: one is looked at, one is let go of
MARGIN = 0.9  # of what is free, since others use it too


def free() -> int | None:
    """Bytes for this process, or None on a system that has no such place."""
    try:
        return int(MARGIN * shutil.disk_usage(PLACE).free) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    except OSError:
        return None


def num_bytes(config: TrainConfig, num_masked: int, num_local: int) -> int:
    """Of the largest batch that a recipe makes: its crops, a byte a channel, and what its teachers say of them."""
    side, local_side = max(config.views.resolutions), config.views.local_resolution
    crops = 3 * ((1 + num_masked) * side**2 + num_local * local_side**2)
    patches = (side // config.model.patch_size) ** 2
    taught = sum(4 * (patches * teacher.width + teacher.summary_size) for teacher in config.timm_teachers) \
        if "distillation" in config.weights else 0
    return config.batch_size * (crops + taught)


def batches_ahead(size: int, workers: int, room: int | None) -> int:
    """How many batches of `size` bytes each worker may make ahead; 0 where not even one has room."""
    if room is None:
        return AHEAD
    return max(0, min(AHEAD, (room // size - IN_USE) // workers))


def too_small(config: TrainConfig, size: int, workers: int, room: int | None) -> str:
    """What a person can do about it."""
    least = size * (workers + IN_USE)
    has = "" if room is None else f", which has {room / 1e6:,.1f} MB to give"
    fits = 0 if room is None else config.batch_size * room // least
    smaller = f" to {fits} or less" if fits else ""
    without = "" if config.data.streaming else "--set data.num_workers=0, which does without, or "  # a stream has one
    who = "a worker process hands it" if workers == 1 else f"{workers} worker processes hand such batches"
    return (f"a batch of {config.batch_size} photos' views takes {size / 1e6:,.1f} MB and {who} over in {PLACE}{has}: "
            f"{without}lower batch_size{smaller}, or give {PLACE} {least / 1e6:,.1f} MB (docker run --shm-size)")
