"""Frozen teachers: any timm model's features of whole photos, whitened, kept in a file and resampled to each crop."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.backbones import Backbone, sha256_of
from model.checkpoints.files import write_array, write_whole
from model.stellar import choose_dtype
from photos.fitting import fit
from train.config import TeacherConfig, TrainConfig
from train.data.photos import StreamedPhotos

WHITENING_PHOTOS = 256
HEAD_PHOTOS = 400  # that teaching heads are fitted to: more than a summary has channels
WHITENING_PATCHES = 64  # of each
# A convolutional network's feature of a whole photo is best near the size it was trained at.
SUMMARY_RESOLUTION = 224
SUMMARY_PHOTOS = 20_000  # that the summaries' whitening is fitted to
PATCH_SETTINGS = ("name", "block", "stages", "resolution", "width")
JOINED_STRIDE = 16
SAVED_EVERY = 64  # photos
UNREADABLE = (ValueError, OSError)  # what reading a photo raises; the run meets it again, names it and counts it


class TeacherError(ValueError):
    """A teacher that there is nothing to learn from; says which and why."""


class Teacher(Backbone):
    """A frozen timm model as a run's settings want it read; stages are joined at JOINED_STRIDE. BackboneError for one
    that cannot be had."""

    def __init__(self, config: TeacherConfig) -> None:
        super().__init__(config.name, weights=config.weights, block=config.block, stages=config.stages,
                         joined_stride=JOINED_STRIDE)
        self.resolution, self.width = config.resolution, config.width

    def maps(self, image: Tensor) -> list[Tensor]:
        # Convolutions are faster so. An evaluation leaves it be: its last digits would depend on it.
        return super().maps(image if self.is_column else image.contiguous(memory_format=torch.channels_last))

    def pooled(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, C): the last stage's mean over the photo."""
        return self.maps(image)[-1].mean(dim=(2, 3))


class Whitening:
    """Centre, rotate to principal components, divide by their deviations: every kept direction counts alike."""

    def __init__(self, mean: Tensor, projection: Tensor) -> None:
        self.mean, self.projection = mean, projection

    @classmethod
    def of(cls, samples: Tensor, width: int) -> Whitening:
        """(M, C) features -> the whitening to `width` dimensions; those that the samples do not span are zero."""
        mean = samples.double().mean(dim=0)
        _, values, directions = torch.linalg.svd(samples.double() - mean, full_matrices=False)
        deviations = values / max(len(samples) - 1, 1) ** 0.5
        kept = int((deviations[:width] > 1e-6 * deviations[0]).sum())
        if not kept:
            raise TeacherError("a teacher's features are the same everywhere; there is nothing to learn from it")
        projection = torch.zeros(samples.shape[1], width, dtype=torch.float64)
        projection[:, :kept] = directions[:kept].mT / deviations[:kept]
        return cls(mean.float(), projection.float())

    def of_rows(self, features: Tensor) -> Tensor:
        """(M, C) -> (M, width)."""
        return (features - self.mean.to(features.device)) @ self.projection.to(features.device)

    def __call__(self, features: Tensor) -> Tensor:
        """(B, C, rows, cols) -> (B, width, rows, cols)."""
        projection = self.projection.to(features.device)
        return torch.einsum("bchw,cd->bdhw", features - self.mean.to(features.device)[:, None, None], projection)


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where the device multiplies it faster than float32: on a CPU without such instructions it is a hundred
    times slower."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=choose_dtype("auto", device) == torch.bfloat16)


def teacher_features(teacher: Teacher, photo: Tensor, device: torch.device) -> Tensor:
    """uint8 (3, H, W) -> (num_features, rows, cols): the whole photo at the teacher's resolution."""
    image = fit(photo, resolution=teacher.resolution, patch_size=teacher.multiple).to(device)
    with autocast(device):
        return teacher.features(image)[0]


def fit_whitening(teacher: Teacher, photos: Iterable[Tensor], device: torch.device) -> Whitening:
    """From up to WHITENING_PATCHES evenly spaced features of each photo."""
    samples = []
    for photo in photos:
        features = teacher_features(teacher, photo, device).flatten(1).mT
        samples.append(features[:: max(1, len(features) // WHITENING_PATCHES)].cpu())
    if not samples:
        raise TeacherError(f"the teacher {teacher.name} has no photo to encode: none could be read")
    return Whitening.of(torch.cat(samples), teacher.width)


class TargetStore:
    """Whitened features of every photo of a data set: one flat float16 file, opened by memory map in each worker."""

    def __init__(self, folder: Path, width: int) -> None:
        self.folder, self.width = folder, width
        self.grids = np.load(folder / "grids.npy")  # (photos, 2): rows, cols; 0, 0 for a photo that could not be read
        self.starts = np.concatenate([[0], np.cumsum(self.grids.prod(axis=1))])
        summaries = folder / "summaries.npy"  # (photos, C): the last stage's mean, not yet whitened
        self.summaries = np.load(summaries) if summaries.exists() else np.zeros((len(self.grids), 0), np.float32)
        self.features: np.memmap | None = None

    def whitened_summaries(self, width: int) -> Tensor:
        """(photos, width): whitened over the photos that could be read; zero for the others."""
        if not width:
            return torch.zeros(len(self.grids), 0)
        found = torch.from_numpy(self.summaries)
        readable = torch.from_numpy(self.grids.prod(axis=1) > 0)
        known = found[readable]
        whitening = Whitening.of(known[:: -(-len(known) // SUMMARY_PHOTOS)], width)
        return whitening(found[..., None, None])[..., 0, 0] * readable[:, None]

    def holds(self, index: int) -> bool:
        """Whether the teacher could read this photo."""
        return bool(self.grids[index].all())

    def __getstate__(self) -> dict:
        return {**self.__dict__, "features": None}  # each process maps the file for itself

    def of(self, index: int) -> Tensor:
        """(width, rows, cols), float16."""
        if self.features is None:
            self.features = np.memmap(self.folder / "features.f16", dtype=np.float16, mode="r").reshape(-1, self.width)
        rows, cols = self.grids[index]
        stored = self.features[self.starts[index] : self.starts[index + 1]]
        return torch.from_numpy(np.array(stored)).view(rows, cols, self.width).movedim(-1, 0)

    def crop(self, index: int, box: Tensor, patch_grid: tuple[int, int]) -> Tensor:
        """-> (N, width), float16: the features at the centres of the patches of a crop
        (`train.data.views.Crops.box`)."""
        return resample(self.of(index)[None].float(), box[None], patch_grid)[0].half()


def resample(features: Tensor, boxes: Tensor, patch_grid: tuple[int, int]) -> Tensor:
    """(B, d, rows, cols) of whole photos, (B, 4) boxes -> (B, N, d) at the patch centres of the crops, bilinear."""
    rows, cols = patch_grid
    y = (torch.arange(rows, device=features.device) + 0.5) / rows
    x = (torch.arange(cols, device=features.device) + 0.5) / cols
    left, top, right, bottom = boxes.to(features.device, features.dtype).unbind(1)
    across = left[:, None] + (right - left)[:, None] * x
    down = top[:, None] + (bottom - top)[:, None] * y
    points = torch.stack([across[:, None, :].expand(-1, rows, -1), down[:, :, None].expand(-1, -1, cols)], dim=-1)
    found = F.grid_sample(features, 2 * points - 1, mode="bilinear", padding_mode="border", align_corners=False)
    return found.flatten(2).mT


def build_store(config: TeacherConfig, photos, cache: Path, *, device: torch.device,
                progress: Callable[[str, int, int], None]) -> TargetStore:
    """A data set's targets by one teacher, found in `cache` or computed and put there; goes on where it was stopped.

    The folder's name holds a digest of the teacher, its weights and the photos: other photos, another folder.
    """
    settings = {key: value for key, value in asdict(config).items() if key in PATCH_SETTINGS}
    # Of the file's content: another file in its place, or a longer training, is another teacher.
    weights = None if config.weights is None else sha256_of(config.weights)
    digest = sha256(json.dumps([settings, weights, photos.fingerprint]).encode()).hexdigest()[:12]
    folder = cache / f"{config.name}-{digest}"
    wanted = ["grids.npy", *(["summaries.npy"] if config.summary_weight else [])]
    if all((folder / name).exists() for name in wanted):
        return TargetStore(folder, config.width)
    teacher = Teacher(config).to(device)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "grids.npy").exists():
        write_patches(teacher, photos, folder, device, progress)
    if not (folder / wanted[-1]).exists():
        write_summaries(teacher, photos, folder, device, progress)
    return TargetStore(folder, config.width)


def write_patches(teacher: Teacher, photos, folder: Path, device: torch.device,
                  progress: Callable[[str, int, int], None]) -> None:
    """features.f16 and grids.npy: every photo's whitened features."""
    whitening = stored_whitening(teacher, photos, folder, device)

    def encode(photo: Tensor) -> np.ndarray:
        features = whitening(teacher_features(teacher, photo, device)[None])[0]
        return features.movedim(0, -1).cpu().numpy().astype(np.float16)

    grids = append_each(folder / "features.part", photos, encode, partial(progress, teacher.name))
    os.replace(folder / "features.part", folder / "features.f16")
    write_array(folder / "grids.npy", grids)


def write_summaries(teacher: Teacher, photos, folder: Path, device: torch.device,
                    progress: Callable[[str, int, int], None]) -> None:
    """summaries.npy, (photos, C), float32: the last stage's mean; zero where a photo could not be read."""

    def encode(photo: Tensor) -> np.ndarray:
        image = fit(photo, resolution=SUMMARY_RESOLUTION, patch_size=teacher.multiple).to(device)
        return teacher.pooled(image).cpu().numpy()[None]

    file = folder / "summaries.part"
    readable = append_each(file, photos, encode, partial(progress, f"{teacher.name}, whole photos")).all(axis=1)
    stored = np.fromfile(file, dtype=np.float32).reshape(readable.sum(), -1)
    summaries = np.zeros((len(readable), stored.shape[1]), dtype=np.float32)
    summaries[readable] = stored
    write_array(folder / "summaries.npy", summaries)
    file.unlink()


def append_each(path: Path, photos, encode: Callable[[Tensor], np.ndarray],
                progress: Callable[[int, int], None]) -> np.ndarray:
    """Writes encode(photo), (rows, cols, width), of every photo one after the other into a file, and returns their
    (photos, 2) rows and cols; 0, 0 where a photo cannot be read. Goes on where it was stopped, by a file beside it."""
    progress_file = path.with_suffix(".json")
    grids, size = [], 0
    if progress_file.exists() and path.exists():
        grids, size = json.loads(progress_file.read_text(encoding="utf-8"))
    with open(path, "r+b" if grids else "wb") as file:
        file.truncate(size)  # what was written since is not known of, and is written again
        file.seek(size)
        for index in range(len(grids), len(photos)):
            try:
                photo = photos.read(index)
            except UNREADABLE:
                photo = None
            if photo is None:
                grids.append([0, 0])
            else:
                features = encode(photo)
                file.write(features.tobytes())
                grids.append(list(features.shape[:2]))
            if len(grids) % SAVED_EVERY == 0 or len(grids) == len(photos):
                file.flush()
                os.fsync(file.fileno())
                write_whole(progress_file, json.dumps([grids, file.tell()]).encode())
                progress(len(grids), len(photos))
    progress_file.unlink()
    return np.array(grids, dtype=np.int64)


def stored_whitening(teacher: Teacher, photos, folder: Path, device: torch.device) -> Whitening:
    path = folder / "whitening.npz"
    if path.exists():
        with np.load(path) as stored:
            return Whitening(torch.from_numpy(stored["mean"]), torch.from_numpy(stored["projection"]))
    whitening = fit_whitening(teacher, some_photos(photos), device)
    content = io.BytesIO()
    np.savez(content, mean=whitening.mean.numpy(), projection=whitening.projection.numpy())
    write_whole(path, content.getvalue())
    return whitening


def some_photos(photos, count: int = WHITENING_PHOTOS) -> Iterable[Tensor]:
    """About `count` readable ones, evenly spaced."""
    for index in range(0, len(photos), max(1, len(photos) // count)):
        try:
            yield photos.read(index)
        except UNREADABLE:
            continue


class OnlineTeacher:
    """For streams, which cannot be encoded beforehand, and for photos on the device, where it costs little: the teacher
    encodes each crop as the model does. `photos`: some, for the whitening."""

    def __init__(self, config: TeacherConfig, photos: Iterable[Tensor], device: torch.device) -> None:
        self.device, self.teacher = device, Teacher(config).to(device)
        kept = list(photos)
        self.whitening = fit_whitening(self.teacher, kept, device)
        self.summary_whitening = None
        if config.summary_weight:
            # At the size they are pooled at, whatever the photo's shape: so are the crops later.
            images = (self.resized(fit(photo, resolution=SUMMARY_RESOLUTION, patch_size=1), SUMMARY_RESOLUTION)
                      for photo in kept)
            pooled = [self.teacher.pooled(image.to(device)).cpu() for image in images]
            self.summary_whitening = Whitening.of(torch.cat(pooled), config.summary_width)

    def resized(self, images: Tensor, resolution: int) -> Tensor:
        """(B, 3, H, W) -> squares of about `resolution` pixels that the teacher takes."""
        side = max(1, round(resolution / self.teacher.multiple)) * self.teacher.multiple
        return F.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)

    @torch.no_grad()
    def summaries(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, summary_width), or (B, 0) where the summary learns nothing of this teacher."""
        if self.summary_whitening is None:
            return images.new_zeros(len(images), 0)
        pooled = self.teacher.pooled(self.resized(images, SUMMARY_RESOLUTION))
        return self.summary_whitening(pooled[..., None, None])[..., 0, 0]

    @torch.no_grad()
    def targets(self, images: Tensor, patch_grid: tuple[int, int]) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, N, width)."""
        with autocast(images.device):
            features = self.teacher.features(self.resized(images, self.teacher.resolution))
        whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(len(images), -1)
        return resample(self.whitening(features), whole, patch_grid)


@dataclass(frozen=True)
class TaughtPhoto:
    """A whole photo, image (1, 3, H, W) in 0..1, and each timm teacher's features of it: a (1, N, d), and a (1, d) that
    is 0 wide where the summary learns nothing of that teacher."""

    image: Tensor
    targets: tuple[Tensor, ...]
    summaries: tuple[Tensor, ...]


def taught_photos(config: TrainConfig, photos, stores: list[TargetStore],
                  online: list[OnlineTeacher]) -> Iterable[TaughtPhoto]:
    """About HEAD_PHOTOS readable photos, evenly spaced; of a stream the first ones. Teachers that are `online` are run
    on each."""
    patch_size = config.model.patch_size

    def image_of(photo: Tensor) -> tuple[Tensor, tuple[int, int]]:
        image = fit(photo, resolution=config.model.native_size, patch_size=patch_size)
        return image, (image.shape[2] // patch_size, image.shape[3] // patch_size)

    if online or isinstance(photos, StreamedPhotos):
        for photo in photos.some() if isinstance(photos, StreamedPhotos) else some_photos(photos, HEAD_PHOTOS):
            image, grid = image_of(photo)
            yield TaughtPhoto(image, tuple(teacher.targets(image.to(teacher.device), grid).cpu() for teacher in online),
                         tuple(teacher.summaries(image.to(teacher.device)).cpu() for teacher in online))
        return
    wholes = [store.whitened_summaries(teacher.summary_size)
              for store, teacher in zip(stores, config.timm_teachers, strict=True)]
    whole_photo = torch.tensor([0.0, 0.0, 1.0, 1.0])
    for index in range(0, len(photos), max(1, len(photos) // HEAD_PHOTOS)):
        if not all(store.holds(index) for store in stores):
            continue
        try:
            image, grid = image_of(photos.read(index))
        except UNREADABLE:
            continue
        yield TaughtPhoto(image, tuple(store.crop(index, whole_photo, grid)[None].float() for store in stores),
                     tuple(whole[index][None] for whole in wholes))
