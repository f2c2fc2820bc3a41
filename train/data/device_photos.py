"""DevicePhotos: a folder decoded once, kept where the model is, and its batches, cropped there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch
import torchvision.transforms.v2 as T
import torchvision.transforms.v2.functional as TF
from torch import Tensor

from photos.cores import usable_cores
from train.config import DataConfig, TrainConfig
from train.data.device_crops import cut, draw_boxes
from train.data.photos import Batch, DataError, Photos, Plan, check_bad, num_views, seed_of

CHUNK = 128  # photos that are decoded before they are moved to the device
ROOM = 0.8  # of the memory that is free; a step needs some too


class DevicePhotos:
    """pixels (P, canvas, 3, canvas) uint8 on the device, a photo in each one's upper left corner, its channels between
    rows and columns as `train.data.device_crops.cut` wants them; sizes (P, 2): rows and columns of each.

    Each process keeps its share, every world-th photo, so several GPUs hold more than one does. Photos that could not
    be read are left out, and `bad` names them.
    """

    def __init__(self, pixels: Tensor, sizes: Tensor, names: list[str], bad: list[str]) -> None:
        self.pixels, self.sizes, self.names, self.bad = pixels, sizes, names, bad

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def decoded(cls, photos: Photos, config: DataConfig, device: torch.device, *, rank: int = 0,
                world: int = 1, progress: Callable[[int, int], None] = lambda done, count: None) -> DevicePhotos:
        """Every photo of this process's share, its long side at most `data.canvas`. Raises DataError where they do not
        fit, or more than `data.max_bad_share` of them cannot be read."""
        mine, canvas = range(rank, len(photos), world), config.canvas
        check_room(len(mine), config, device)
        pixels = torch.zeros(len(mine), canvas, 3, canvas, dtype=torch.uint8, device=device)
        sizes, names, bad = [], [], []
        with ThreadPoolExecutor(usable_cores()) as pool:
            for begin in range(0, len(mine), CHUNK):
                chosen = mine[begin : begin + CHUNK]
                chunk = torch.zeros(len(chosen), *pixels.shape[1:], dtype=torch.uint8)
                first = len(names)
                for index, photo in zip(chosen, pool.map(partial(read_small, photos, canvas), chosen), strict=True):
                    if photo is None:
                        bad.append(photos.name(index))
                        continue
                    rows, columns = photo.shape[1:]
                    chunk[len(names) - first, :rows, :, :columns] = photo.movedim(0, 1)
                    sizes.append((rows, columns))
                    names.append(photos.name(index))
                pixels[first : len(names)] = chunk[: len(names) - first].to(device)
                progress(len(names) + len(bad), len(mine))
        check_bad(bad, len(mine), config)
        if not names:
            raise DataError(f"{config.source} has too few photos for {world} processes: this one has none to read")
        return cls(pixels[: len(names)], torch.tensor(sizes), names, bad)

    def crops(self, index: Tensor, boxes: Tensor, side: int) -> Tensor:
        """(B,) photos, (B, V, 5) boxes of them -> uint8 (B, V, 3, side, side)."""
        if not boxes.shape[1]:
            return self.pixels.new_empty(len(index), 0, 3, side, side)
        photos = self.pixels[index].float()
        return torch.stack([cut(photos, box, side) for box in boxes.unbind(1)], dim=1)


def read_small(photos: Photos, canvas: int, index: int) -> Tensor | None:
    """uint8 (3, h, w), its long side at most `canvas`; None for a photo that cannot be read."""
    try:
        photo = photos.read(index)
    except (ValueError, OSError):
        return None
    rows, columns = photo.shape[1:]
    if max(rows, columns) <= canvas:
        return photo
    size = [max(1, round(side * canvas / max(rows, columns))) for side in (rows, columns)]
    return TF.resize(photo, size, interpolation=T.InterpolationMode.BICUBIC, antialias=True)


def check_room(count: int, config: DataConfig, device: torch.device) -> None:
    """DataError where so many photos do not fit into the device's memory."""
    needed, free = count * 3 * config.canvas**2, free_bytes(device)
    if free is None or needed <= ROOM * free:
        return
    where = "the GPU" if device.type == "cuda" else "this machine"
    fitting = int((ROOM * free / 3 / max(count, 1)) ** 0.5) // 32 * 32
    advice = f"--set data.canvas={fitting} would fit, or leave" if fitting else "leave"
    raise DataError(f"the {count:,} photos of {config.source} take {gigabytes(needed)} at data.canvas={config.canvas}, "
                    f"and {where} has {gigabytes(free)} of memory free, of which they may have {ROOM:.0%}; {advice} "
                    "data.on_device out")


def free_bytes(device: torch.device) -> int | None:
    """Of the GPU's memory, or of the machine's; None where it does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None


def gigabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"


def device_batches(photos: DevicePhotos, plan: Plan, config: TrainConfig, *, first_step: int,
                   last_step: int) -> Iterator[Batch]:
    """A `Batch` a step, its crops on the photos' device; teachers then look at the crops (`OnlineTeacher`).

    Boxes are drawn where Python runs, of the step's seed: the same on every device.
    """
    views, (num_masked, num_local) = config.views, num_views(config)
    for step in range(first_step, last_step):
        begin = step * plan.batch_size
        chosen = torch.tensor([plan.index(begin + i, len(photos)) for i in range(plan.batch_size)])
        draw = partial(draw_boxes, photos.sizes[chosen], flip=views.flip,
                       generator=torch.Generator().manual_seed(seed_of(plan.seed, 5, step, plan.rank)))
        large = draw(max(num_masked, 1), views.scale)
        small = draw(num_local, views.local_scale)
        index, large, small = (moved(part, photos.pixels.device) for part in (chosen, large, small))
        crops = photos.crops(index, large, plan.resolution(step))
        yield Batch(clean=crops[:, 0], masked=crops[:, :num_masked],
                    local=photos.crops(index, small, views.local_resolution), targets=(), summaries=(),
                    names=tuple(photos.names[i] for i in chosen.tolist()), bad=())


def moved(numbers: Tensor, device: torch.device) -> Tensor:
    """Without waiting for the device."""
    return (numbers.pin_memory() if device.type == "cuda" else numbers).to(device, non_blocking=True)
