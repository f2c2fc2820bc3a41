"""Photos by the batch: folders, Parquet and hub data sets, decoded and cropped while the model works."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from signal import SIGBUS

import datasets
import numpy as np
import torch
from datasets.distributed import split_dataset_by_node
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from model.checkpoints.checkpoint import first_line
from photos.decoding import open_photo
from photos.fitting import pixels_of
from photos.limits import LOCAL, Limits, local_limits
from photos.sources.cells import cells_of, content_of
from photos.sources.errors import SourceError
from photos.sources.files import Files
from photos.sources.open import find_photos
from photos.sources.report import Report
from photos.sources.rows import PhotoRows, Stream
from photos.sources.tars import Tars
from train.config import DataConfig, TrainConfig
from train.data import shared_memory
from train.data.views import Crops, crops_of

ATTEMPTS = 8  # so many bad photos in a row end a run


class DataError(ValueError):
    """The photos cannot be read; says which and what to do."""


class Photos:
    """Photos by number, decoded: of a folder, a list, tar files or a table. `stored`: where their files are, as
    `photos.sources` found them. A folder's are in the order of their paths."""

    def __init__(self, stored: Files | Tars | PhotoRows, *, limits: Limits = LOCAL) -> None:
        self.stored, self.limits = stored, limits

    def __len__(self) -> int:
        return len(self.stored)

    def name(self, index: int) -> str:
        return self.stored.name_of(index)

    def read(self, index: int) -> Tensor:
        """uint8 (3, H, W); ValueError where the file is no photo."""
        return pixels_of(open_photo(self.stored.content_of(index), limits=self.limits))

    @property
    def left_out(self) -> Report:
        return self.stored.left_out

    @property
    def fingerprint(self) -> str:
        """Changes when photos come, go or change their size in bytes, or with a table."""
        return self.stored.fingerprint


class StreamedPhotos:
    """A table that is read as it comes; shuffled in a buffer, a share a process."""

    def __init__(self, stream: Stream, *, buffer: int, seed: int, limits: Limits = LOCAL) -> None:
        self.limits = limits
        self.table, self.column = stream.table.shuffle(seed=seed, buffer_size=buffer), stream.column
        self.folders, self.left_out = stream.folders, stream.left_out

    def some(self, count: int = 256) -> Iterator[Tensor]:
        """The first readable photos, for a teacher's whitening."""
        for row in self.table.take(count):
            for cell in cells_of(row[self.column]):
                try:
                    yield self.read(cell)
                except (ValueError, OSError):
                    continue

    def read(self, cell: object) -> Tensor:
        """A cell of `start` -> uint8 (3, H, W); ValueError where it is no photo."""
        cell = cell if isinstance(cell, Image.Image) else content_of(cell, self.folders)
        return pixels_of(open_photo(cell, limits=self.limits))

    def start(self, *, skip: int, rank: int, world: int) -> Iterator[object]:
        """Cells without end, epoch after epoch; the first `skip` of this process's are passed over."""
        mine = split_dataset_by_node(self.table, rank, world) if world > 1 else self.table
        for epoch in count():
            found = False
            for row in self.rows(mine, epoch):
                if self.column not in row:  # a stream need not know its columns before
                    raise DataError(f"the data set has no column {self.column!r}; it has {', '.join(row)}; name one "
                                    "with --set data.column=")
                for cell in cells_of(row[self.column]):
                    found = True
                    if skip:
                        skip -= 1
                    else:
                        yield cell
            if not found:
                raise DataError("the streamed data set holds no photo")

    @staticmethod
    def rows(table: datasets.IterableDataset, epoch: int) -> Iterator[dict]:
        table.set_epoch(epoch)
        try:
            yield from table
        except Exception as error:  # datasets raises anything, from OSError to its own
            raise DataError(f"the streamed data set broke off: {first_line(error)}; go on with --resume") from error


def open_photos(config: DataConfig, *, seed: int = 0) -> Photos | StreamedPhotos:
    """The data set that a recipe names. Raises DataError where there is none, or none that holds photos."""
    if not config.source:
        raise DataError("no data: name a folder of photos, Parquet files or a hub data set with --data")
    try:
        limits = local_limits(config.max_pixels)
        found = find_photos(config.source, column=config.column, split=config.split, hidden=config.hidden)
        if config.streaming and not isinstance(found, Files):  # files are at hand
            return StreamedPhotos(found.stream(), buffer=config.shuffle_buffer, seed=seed, limits=limits)
        return Photos(found.by_number(), limits=limits)
    except SourceError as error:
        raise DataError(str(error)) from error


def tell_left_out(left_out: Report, *, verbose: bool) -> None:
    """On standard error: what of the source is no photo, or each by its name."""
    if left_out:
        print(left_out.sentence + ("" if verbose else " (--verbose names each)"), file=sys.stderr)
        if verbose:
            print("\n".join(map(str, left_out.left_out)), file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Batch:
    """What a step sees. Crops are uint8 until `Batch.to`; names and bad photos are for messages.

    clean (B, 3, S, S), masked (B, V, 3, S, S), local (B, C, 3, s, s); targets: a (B, N, d) a teacher, summaries: a
    (B, d) a teacher, or both empty.
    """

    clean: Tensor
    masked: Tensor
    local: Tensor
    targets: tuple[Tensor, ...]
    summaries: tuple[Tensor, ...]
    names: tuple[str, ...]
    bad: tuple[str, ...]

    def to(self, device: torch.device) -> Batch:
        """On the device, pictures as floats in 0..1."""
        def picture(crops: Tensor) -> Tensor:
            return crops.to(device, non_blocking=True).float() / 255

        def numbers(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return tuple(tensor.to(device, non_blocking=True).float() for tensor in tensors)

        return replace(self, clean=picture(self.clean), masked=picture(self.masked), local=picture(self.local),
                       targets=numbers(self.targets), summaries=numbers(self.summaries))

    def pin_memory(self) -> Batch:
        return replace(self, clean=self.clean.pin_memory(), masked=self.masked.pin_memory(),
                       local=self.local.pin_memory(), targets=tuple(target.pin_memory() for target in self.targets),
                       summaries=tuple(summary.pin_memory() for summary in self.summaries))


@dataclass(frozen=True)
class Sample:
    crops: Crops
    targets: tuple[Tensor, ...]
    summaries: tuple[Tensor, ...]
    name: str
    bad: tuple[str, ...]


def collate(samples: list[Sample | DataError]) -> Batch | DataError:
    """The error instead, where one of the samples is one: raised in a worker, torch would wrap it in a traceback."""
    for sample in samples:
        if isinstance(sample, DataError):
            return sample
    return Batch(
        clean=torch.stack([sample.crops.clean for sample in samples]),
        masked=torch.stack([sample.crops.masked for sample in samples]),
        local=torch.stack([sample.crops.local for sample in samples]),
        targets=tuple(torch.stack(parts) for parts in zip(*(sample.targets for sample in samples), strict=True)),
        summaries=tuple(torch.stack(parts) for parts in zip(*(sample.summaries for sample in samples), strict=True)),
        names=tuple(sample.name for sample in samples),
        bad=tuple(name for sample in samples for name in sample.bad),
    )


def seed_of(*numbers: int) -> int:
    """A seed that differs wherever one of the numbers does, the same on every machine."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


@dataclass(frozen=True)
class Plan:
    """Which photo is where in a run: a function of the seed alone, so a run resumes at any step, on any machine.

    A step's global batch is the next `batch_size * world` positions; rank r takes every world-th of them.
    """

    seed: int
    batch_size: int
    rank: int
    world: int
    resolutions: tuple[int, ...]

    def positions(self, step: int) -> list[int]:
        first = step * self.batch_size * self.world
        return [first + i * self.world + self.rank for i in range(self.batch_size)]

    def resolution(self, step: int) -> int:
        """The same on every process."""
        generator = torch.Generator().manual_seed(seed_of(self.seed, 1, step))
        return self.resolutions[int(torch.randint(len(self.resolutions), (), generator=generator))]

    def index(self, position: int, length: int, attempt: int = 0) -> int:
        """Which of `length` photos; a further attempt gives the next of the epoch's order, since bad ones often lie
        together in a folder."""
        return int(permutation(self.seed, position // length, length)[(position + attempt) % length])

    def crop_seed(self, position: int) -> int:
        return seed_of(self.seed, 2, position)


@lru_cache(maxsize=2)
def permutation(seed: int, epoch: int, length: int) -> Tensor:
    return torch.randperm(length, generator=torch.Generator().manual_seed(seed_of(seed, 3, epoch)))


class Cropped(Dataset):
    """(position, step) -> Sample, or the DataError that ends the run. `targets`: teachers' stored features, a list of
    train.teachers.TargetStore."""

    def __init__(self, photos: Photos, plan: Plan, config: TrainConfig, targets: list) -> None:
        self.photos, self.plan, self.config, self.targets = photos, plan, config, targets
        self.summaries = [store.whitened_summaries(teacher.summary_size)
                          for store, teacher in zip(targets, config.timm_teachers, strict=False)]

    def __getitem__(self, key: tuple[int, int]) -> Sample | DataError:
        position, step = key
        resolution = self.plan.resolution(step)
        try:
            index, photo, bad = self.read(position)
        except DataError as error:
            return error
        crops = crop_views(photo, self.config, resolution, self.plan.crop_seed(position))
        grid = resolution // self.config.model.patch_size
        targets = tuple(store.crop(index, crops.box, (grid, grid)) for store in self.targets)
        summaries = tuple(found[index] for found in self.summaries)
        return Sample(crops, targets, summaries, self.photos.name(index), tuple(bad))

    def read(self, position: int) -> tuple[int, Tensor, list[str]]:
        """Which photo, the photo, and the names of bad ones that it takes the place of."""
        bad = []
        for attempt in range(ATTEMPTS):
            index = self.plan.index(position, len(self.photos), attempt)
            try:
                # What a teacher could not read has no targets, even if it can be read by now.
                if all(store.holds(index) for store in self.targets):
                    return index, self.photos.read(index), bad
            except (ValueError, OSError):
                pass
            bad.append(self.photos.name(index))
        raise unreadable(bad)


class Streamed(IterableDataset):
    """Samples in the order in which a stream gives them, read by one worker: `datasets` shuffles otherwise in several,
    and otherwise again in none.

    A row of this process's share is a position of its plan, also where the row is bad: the next good photo then serves
    for both. So a run resumes at any step without knowing what was bad before.
    """

    def __init__(self, photos: StreamedPhotos, plan: Plan, config: TrainConfig, *, first_step: int) -> None:
        self.photos, self.plan, self.config, self.first_step = photos, plan, config, first_step

    def __iter__(self) -> Iterator[Sample | DataError]:
        worker = get_worker_info()
        assert worker is not None and worker.num_workers == 1
        try:
            yield from self.samples()
        except DataError as error:
            yield error

    def samples(self) -> Iterator[Sample]:
        first, waiting = self.first_step * self.plan.batch_size, []
        for row, cell in enumerate(self.photos.start(skip=first, rank=self.plan.rank, world=self.plan.world), first):
            step, place = divmod(row, self.plan.batch_size)
            waiting.append((step, self.plan.positions(step)[place]))
            *bad, (_, position) = waiting
            try:
                photo = self.photos.read(cell)
            except (ValueError, OSError):
                if len(waiting) >= ATTEMPTS:
                    raise unreadable([streamed_name(position) for _, position in waiting]) from None
                continue
            name, bad = streamed_name(position), tuple(streamed_name(position) for _, position in bad)
            for step, position in waiting:
                crops = crop_views(photo, self.config, self.plan.resolution(step), self.plan.crop_seed(position))
                yield Sample(crops, (), (), name, bad)
                bad = ()
            waiting = []


def streamed_name(position: int) -> str:
    return f"streamed photo {position}"


def unreadable(bad: list[str]) -> DataError:
    return DataError(f"{len(bad)} photos in a row could not be read: {', '.join(bad)}")


def check_bad(bad: Collection[str], asked: int, config: DataConfig) -> None:
    """DataError where more of the photos asked for are bad than a run is to bear."""
    if len(bad) > max(4, config.max_bad_share * asked):
        raise DataError(f"{len(bad)} of about {asked} photos could not be read, more than data.max_bad_share allows "
                        f"({config.max_bad_share:.0%}): {', '.join(sorted(bad)[:5])}")


def num_views(config: TrainConfig) -> tuple[int, int]:
    """Masked views and local crops of a photo: as many as the recipe's losses look at."""
    alignment = {"set_alignment", "summary_alignment"} & set(config.weights)
    return (config.views.num_masked if alignment else 0,
            config.views.num_local if "summary_alignment" in config.weights else 0)


def crop_views(photo: Tensor, config: TrainConfig, resolution: int, seed: int) -> Crops:
    masked, local = num_views(config)
    return crops_of(photo, config.views, resolution=resolution, masked=masked, local=local, seed=seed)


class Steps:
    """The batch sampler: for each step from `first` on, this process's (position, step) keys."""

    def __init__(self, plan: Plan, first: int, last: int) -> None:
        self.plan, self.first, self.last = plan, first, last

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in range(self.first, self.last):
            yield [(position, step) for position in self.plan.positions(step)]

    def __len__(self) -> int:
        return self.last - self.first


def batches(photos: Photos | StreamedPhotos, plan: Plan, config: TrainConfig, *, first_step: int,
            last_step: int, targets: list, pin: bool = False) -> Iterator[Batch]:
    """A `Batch` a step; `data.num_workers` processes work ahead, one for a stream. DataError where photos cannot be had
    any more, where the workers have no room to hand them over, and where none has answered for
    `data.worker_timeout`."""
    workers = config.data.num_workers
    if isinstance(photos, StreamedPhotos):
        dataset = Streamed(photos, plan, config, first_step=first_step)
        order, workers = {"batch_size": plan.batch_size}, 1
    else:
        dataset = Cropped(photos, plan, config, targets)
        order = {"batch_sampler": Steps(plan, first_step, last_step)}
    ahead, no_room = None, ""
    if workers:
        size, room = shared_memory.num_bytes(config, *num_views(config)), shared_memory.free()
        ahead = shared_memory.batches_ahead(size, workers, room)
        no_room = shared_memory.too_small(config, size, workers, room)
        if not ahead:
            raise DataError(no_room)
    # A generator of its own: the loader would draw its workers' seeds from torch's, which is the model's.
    return raised(DataLoader(dataset, **order, num_workers=workers, collate_fn=HandedOver(no_room), pin_memory=pin,
                             prefetch_factor=ahead, worker_init_fn=one_thread,
                             timeout=config.data.worker_timeout if workers else 0,
                             generator=torch.Generator().manual_seed(plan.seed)), no_room)


class HandedOver:
    """`collate`, and in a worker the batch in shared memory already: moved there by the thread that sends it, one that
    has no room would be lost without a word, and waited for."""

    def __init__(self, no_room: str) -> None:
        self.no_room = no_room

    def __call__(self, samples: list[Sample | DataError]) -> Batch | DataError:
        batch = collate(samples)
        if isinstance(batch, Batch) and get_worker_info() is not None:
            try:
                for tensor in (batch.clean, batch.masked, batch.local, *batch.targets, *batch.summaries):
                    tensor.share_memory_()
            except (RuntimeError, OSError) as error:
                return DataError(f"{self.no_room} ({first_line(error)})")
        return batch


def raised(loader: DataLoader, no_room: str) -> Iterator[Batch]:
    """A loader's batches; what its workers return as an error is raised here, and what becomes of them told."""
    others, workers = set(active_children()), set()
    try:
        iterator = iter(loader)
        workers = set(active_children()) - others
        for batch in iterator:
            if isinstance(batch, DataError):
                raise batch
            yield batch
    except RuntimeError as error:
        if "DataLoader timed out" in str(error):
            end(workers)
            raise DataError(f"the processes that read photos have not answered for {loader.timeout:g} seconds; look "
                            "whether the photos' disk or network still does and go on with --resume, or give them "
                            "longer with --set data.worker_timeout=SECONDS (0: for ever)") from error
        if any(worker.exitcode == -SIGBUS for worker in workers):  # memory that was promised and is not there
            raise DataError(no_room) from error
        raise (lost_worker(error) or error) from error


def lost_worker(error: RuntimeError) -> DataError | None:
    """What torch says of a worker that died, as a sentence. It says so wherever the run is at that moment."""
    if "DataLoader worker" not in str(error):
        return None
    if "Bus error" in str(error):
        return DataError(f"a process that reads photos found no room in {shared_memory.PLACE}; --set data.num_workers=0"
                         " does without, a smaller batch_size needs less, docker run --shm-size gives more")
    return DataError(f"a process that reads photos died ({first_line(error)}); fewer data.num_workers need less memory")


def end(workers: set[BaseProcess]) -> None:
    """Killed: a worker that is stopped, or waits for a disk, would be asked to end and waited for again."""
    for _ in range(2):
        with suppress(RuntimeError):  # torch speaks up, once, where a worker dies
            for worker in workers:
                worker.kill()
            for worker in workers:
                worker.join()


def one_thread(worker: int) -> None:
    """The model has the cores; a worker that spreads over them all takes them away."""
    torch.set_num_threads(1)
