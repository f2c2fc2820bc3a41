"""What a real training step is made of, photos loaded as ever and held on the device: `train_step --parts FOLDER`."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.stores import RandomStore
from model.stellar import choose_device, choose_dtype
from train.compilation import compile_blocks
from train.config import TrainConfig
from train.data.device_photos import DevicePhotos, device_batches
from train.data.photos import Batch, Plan, batches, num_views, open_photos
from train.data.views import Colours
from train.learners.registry import build, sample
from train.learners.stellar import make_views
from train.learners.teachers import OnlineTeacher, autocast
from train.loop import online_targets
from train.optimization import parameter_groups
from train.recipes import recipe

PARTS = ("crops", "views", "teachers", "forward", "backward", "optimizer")
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx", "cudaGraphLaunch")

Timed = Callable[[str], AbstractContextManager]


class Step:
    """A run's steps as train/loop.py takes them, from random weights."""

    def __init__(self, config: TrainConfig, device: torch.device, *, steps: int) -> None:
        torch.manual_seed(0)
        self.config, self.device = config, device
        photos = open_photos(config.data)
        self.learner = build(config, photos).to(device)
        self.optimizer = torch.optim.AdamW(parameter_groups(self.learner, config.optimizer),
                                           lr=config.optimizer.learning_rate, fused=device.type == "cuda")
        self.colours, plan = Colours(config.views), Plan(0, config.batch_size, 0, 1, config.views.resolutions)
        self.online: list[OnlineTeacher] = []
        self.loader: Iterator[Batch]
        if config.data.on_device:
            self.online = [OnlineTeacher(teacher, sample(photos), device) for teacher in config.timm_teachers]
            held = DevicePhotos.decoded(photos, config.data, device)
            self.loader = device_batches(held, plan, config, first_step=0, last_step=steps)
        else:
            stores = [RandomStore(teacher.width, len(photos)) for teacher in config.timm_teachers]
            self.loader = iter(batches(photos, plan, config, first_step=0, last_step=steps, targets=stores,
                                       pin=device.type == "cuda"))

    def take(self, timed: Timed = lambda part: nullcontext()) -> None:
        patch_size, parameters = self.config.model.patch_size, self.learner.parameters()
        with timed("crops"):
            batch = next(self.loader).to(self.device)
        with timed("views"):
            views = make_views(batch, self.colours, patch_size=patch_size, mask_ratio=self.config.views.mask_ratio)
        with timed("teachers"):
            if self.online:
                views = replace(views, **online_targets(self.online, views.image, patch_size))
        with timed("forward"), autocast(self.device):
            losses, _ = self.learner(views)
            total = sum(self.learner.loss_weights[name] * value for name, value in losses.items())
        with timed("backward"):
            total.backward()
        with timed("optimizer"):
            norm = nn.utils.clip_grad_norm_(parameters, self.config.optimizer.clip)
            (norm + total.detach()).item()  # the loop looks whether it is a number
            self.optimizer.step()
            self.optimizer.zero_grad()


@dataclass
class Times:
    """Seconds: of whole steps as they run, and of each part with the device waited for."""

    steps: list[float]
    parts: dict[str, list[float]]


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def take_times(step: Step, count: int, times: Times) -> None:
    wait(step.device)
    began = time.perf_counter()
    for _ in range(count):
        step.take()
    wait(step.device)
    times.steps.append((time.perf_counter() - began) / count)

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        wait(step.device)
        began = time.perf_counter()
        yield
        wait(step.device)
        times.parts[part].append(time.perf_counter() - began)

    step.take(timed)


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of one large matrix product: twice its multiplications."""
    side = 8192 if device.type == "cuda" else 1024
    one = torch.randn(side, side, device=device, dtype=dtype)
    taken = []
    for _ in range(4):
        wait(device)
        began = time.perf_counter()
        one @ one
        wait(device)
        taken.append(time.perf_counter() - began)
    return 2 * side**3 / min(taken)


def launches(step: Step) -> tuple[int, float]:
    """Of one step on a GPU: how many kernels Python starts, and the seconds that they take."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
        step.take()
        wait(step.device)
    events = found.key_averages()
    return (sum(event.count for event in events if event.key in LAUNCHES),
            sum(event.self_device_time_total for event in events) / 1e6)


def with_teachers(config: TrainConfig, folder: Path) -> TrainConfig:
    """timm's teachers with weights drawn at random: what they cost does not depend on them."""
    teachers = []
    for teacher in config.teachers:
        if teacher in config.timm_teachers:
            file = folder / f"{teacher.name}.safetensors"
            save_file(timm.create_model(teacher.name).state_dict(), file)
            teacher = replace(teacher, weights=str(file))
        teachers.append(teacher)
    return replace(config, teachers=tuple(teachers))


def parts_table(folder: str, *, name: str, batch: int | None, compiled: bool, steps: int, rounds: int = 3) -> None:
    device = choose_device("auto")
    dtype = choose_dtype("auto", device)
    config = recipe(name)
    config = replace(config, init=None, batch_size=batch or config.batch_size,
                     views=replace(config.views, resolutions=(config.model.native_size,)))
    with tempfile.TemporaryDirectory() as place:
        config = with_teachers(config, Path(place))
        ways = {way: Step(replace(config, data=replace(config.data, source=folder, on_device=way == "on the device")),
                          device, steps=3 + rounds * (steps + 1))
                for way in ("loaded", "on the device")}
    operations, reasons = {}, set()
    for way, step in ways.items():
        with FlopCounterMode(display=False) as counter:
            step.take()
        operations[way] = counter.get_total_flops()
        if compiled:
            reasons.add(compile_blocks(step.learner, device))
        step.take()  # the warm-up
    reasons.discard(None)
    times = {way: Times([], defaultdict(list)) for way in ways}
    for _ in range(rounds):  # in turn
        for way, step in ways.items():
            take_times(step, steps, times[way])

    rate, (masked, local) = matrix_rate(device, dtype), num_views(config)
    crops = config.batch_size * (max(masked, 1) + local)
    whole = {way: statistics.median(times[way].steps) for way in ways}
    mode = "compiled" if compiled and not reasons else "not compiled"
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    print(f"### A step of {name}, {config.batch_size} photos at {config.model.native_size} px, {where}, "
          f"{str(dtype).removeprefix('torch.')}, {mode}\n")
    for reason in reasons:
        print(f"{reason}\n")
    print("| | " + " | ".join(ways) + " |\n|---|" + "---|" * len(ways))

    def row(title: str, value: Callable[[str], str]) -> None:
        print(f"| {title} | " + " | ".join(map(value, ways)) + " |")

    row("crops a second", lambda way: f"{crops / whole[way]:.1f}")
    row("milliseconds a step", lambda way: f"{1e3 * whole[way]:.1f}")
    row(f"of which matrix products would take, at {rate / 1e12:.2f} T operations a second",
        lambda way: f"{1e3 * operations[way] / rate:.1f} ({operations[way] / rate / whole[way]:.0%})")
    for part in PARTS:
        row(f"{part}, ms alone", lambda way, part=part: f"{1e3 * statistics.median(times[way].parts[part]):.1f}")
    if device.type == "cuda":
        found = {way: launches(step) for way, step in ways.items()}
        row("kernels that Python starts", lambda way: f"{found[way][0]:,}")
        row("the card is busy, of a step", lambda way: f"{found[way][1] / whole[way]:.0%}")
        print(f"\nPeak memory of both together: {torch.cuda.max_memory_allocated(device) / 1e9:.1f} GB")
    print()
