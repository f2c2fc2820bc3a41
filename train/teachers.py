"""Frozen teachers: any timm model's features of whole photos, whitened, kept in a file and resampled to each crop."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import numpy as np
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from train.config import TeacherConfig
from train.files import write_whole
from train.photos import fit

WHITENING_PHOTOS = 256
WHITENING_PATCHES = 64  # of each
# What a network of stages says of a whole photo is at its best near the size it was trained at.
SUMMARY_RESOLUTION = 224
SETTINGS_OF_PATCHES = ("name", "block", "stages", "resolution", "width")


class TeacherError(ValueError):
    """A teacher that cannot be had; says which and why."""


class Teacher(nn.Module):
    """A frozen timm model. `stride` is the photo's pixels a feature, each way; `num_features` their width, before
    whitening."""

    def __init__(self, config: TeacherConfig) -> None:
        super().__init__()
        self.config = config
        if not timm.is_model(config.name):
            raise TeacherError(f"timm has no model {config.name!r} for a teacher")
        is_vit = "vit" in config.name or "deit" in config.name
        try:
            if is_vit:
                self.network = timm.create_model(config.name, pretrained=config.weights is None, num_classes=0,
                                                 dynamic_img_size=True)
            else:
                self.network = timm.create_model(config.name, pretrained=config.weights is None, features_only=True,
                                                 out_indices=config.stages)
        except Exception as error:  # timm, the hub's client and torch each raise their own
            raise TeacherError(f"the teacher {config.name} cannot be had from its hub ({error}); "
                               "name a safetensors file of it with weights") from error
        if config.weights is not None:
            load_timm(self.network, config.weights)
        self.is_vit = is_vit
        self.stride = self.network.patch_embed.patch_size[0] if is_vit else 16
        self.multiple = self.stride if is_vit else 32
        self.num_features = self.network.embed_dim if is_vit else sum(self.network.feature_info.channels())
        data = timm.data.resolve_model_data_config(self.network)
        self.register_buffer("mean", torch.tensor(data["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(data["std"]).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1, sides multiples of `multiple` -> (B, num_features, rows, cols), float32."""
        grid = (image.shape[2] // self.stride, image.shape[3] // self.stride)
        return torch.cat([stage if tuple(stage.shape[-2:]) == grid else
                          F.interpolate(stage, size=grid, mode="bilinear", align_corners=False)
                          for stage in self.stages(image)], dim=1)

    def stages(self, image: Tensor) -> list[Tensor]:
        """A ViT has one."""
        image = (image - self.mean) / self.deviation
        if self.is_vit:
            block = self.config.block % len(self.network.blocks)
            return [self.network.get_intermediate_layers(image, n=[block], reshape=True, norm=True)[0].float()]
        return [stage.float() for stage in self.network(image.contiguous(memory_format=torch.channels_last))]

    @torch.no_grad()
    def pooled(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, C): the last stage's mean over the photo."""
        return self.stages(image)[-1].mean(dim=(2, 3))


def load_timm(network: nn.Module, path: str) -> None:
    """A safetensors file in timm's names into a network; what the network has not (a classifier) is left out."""
    try:
        tensors = load_file(path)
    except Exception as error:  # safetensors' own errors have no common base
        raise TeacherError(f"{path} cannot be read as safetensors: {error}") from error
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in tensors and not name.endswith("num_batches_tracked")]
    if missing:
        raise TeacherError(f"{path} lacks {len(missing)} of this model's parameters, {missing[0]} the first")
    wrong = [name for name, tensor in wanted.items() if name in tensors and tensors[name].shape != tensor.shape]
    if wrong:
        raise TeacherError(f"{path}: {wrong[0]} has the shape {tuple(tensors[wrong[0]].shape)}, "
                           f"the model's has {tuple(wanted[wrong[0]].shape)}")
    network.load_state_dict({name: tensors[name].float() for name in wanted if name in tensors}, strict=False)


class Whitening:
    """Centre, rotate to principal components, divide by their deviations: every kept direction counts alike."""

    def __init__(self, mean: Tensor, projection: Tensor) -> None:
        self.mean, self.projection = mean, projection

    @classmethod
    def of(cls, samples: Tensor, width: int) -> Whitening:
        """(M, C) features -> the whitening to `width` dimensions, or as many as the samples span."""
        mean = samples.double().mean(dim=0)
        _, values, directions = torch.linalg.svd(samples.double() - mean, full_matrices=False)
        deviations = values / max(len(samples) - 1, 1) ** 0.5
        kept = int((deviations[:width] > 1e-6 * deviations[0]).sum())
        if not kept:
            raise TeacherError("a teacher's features are the same everywhere; there is nothing to learn from it")
        projection = torch.zeros(samples.shape[1], width, dtype=torch.float64)
        projection[:, :kept] = directions[:kept].mT / deviations[:kept]
        return cls(mean.float(), projection.float())

    def __call__(self, features: Tensor) -> Tensor:
        """(B, C, rows, cols) -> (B, width, rows, cols)."""
        projection = self.projection.to(features.device)
        return torch.einsum("bchw,cd->bdhw", features - self.mean.to(features.device)[:, None, None], projection)


def look_at(teacher: Teacher, photo: Tensor, device: torch.device) -> Tensor:
    """uint8 (3, H, W) -> (num_features, rows, cols): the whole photo at the teacher's resolution."""
    image = fit(photo, resolution=teacher.config.resolution, patch_size=teacher.multiple)[None].to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        return teacher(image)[0].float()


def fit_whitening(teacher: Teacher, photos: Iterable[Tensor], device: torch.device) -> Whitening:
    """From up to WHITENING_PATCHES evenly spaced features of each photo."""
    samples = []
    for photo in photos:
        features = look_at(teacher, photo, device).flatten(1).mT
        samples.append(features[:: max(1, len(features) // WHITENING_PATCHES)].cpu())
    return Whitening.of(torch.cat(samples), teacher.config.width)


class TargetStore:
    """Whitened features of every photo of a data set: one flat float16 file, opened by memory map in each worker."""

    def __init__(self, folder: Path, width: int) -> None:
        self.folder, self.width = folder, width
        self.grids = np.load(folder / "grids.npy")  # (photos, 2): rows, cols; 0, 0 for a photo that could not be read
        self.starts = np.concatenate([[0], np.cumsum(self.grids.prod(axis=1))])
        self.summaries = np.load(folder / "summaries.npy")  # (photos, C): the last stage's mean, not yet whitened
        self.features: np.memmap | None = None

    def whitened_summaries(self, width: int) -> Tensor:
        """(photos, width): whitened over the photos that could be read; zero for the others."""
        found = torch.from_numpy(self.summaries)
        readable = torch.from_numpy(self.grids.prod(axis=1) > 0)
        whitening = Whitening.of(found[readable], width)
        return whitening(found[..., None, None])[..., 0, 0] * readable[:, None]

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
        """-> (N, width), float16: the features at the centres of the patches of a crop (`train.views.Crops.box`)."""
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
    """A data set's targets by one teacher, looked up in `cache` or computed and put there; goes on where it was stopped.

    The folder's name holds a digest of the teacher, its weights' size and the photos: other photos, another folder.
    """
    weights = None if config.weights is None else os.path.getsize(config.weights)
    settings = {key: value for key, value in asdict(config).items() if key in SETTINGS_OF_PATCHES}
    digest = sha256(json.dumps([settings, weights, photos.fingerprint]).encode()).hexdigest()[:12]
    folder = cache / f"{config.name}-{digest}"
    if (folder / "grids.npy").exists() and (folder / "summaries.npy").exists():
        return TargetStore(folder, config.width)
    folder.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(config).to(device)
    if not (folder / "grids.npy").exists():
        write_patches(teacher, photos, folder, device, progress)
    write_array(folder / "summaries.npy", pooled_photos(teacher, photos, device))
    return TargetStore(folder, config.width)


def pooled_photos(teacher: Teacher, photos, device: torch.device) -> np.ndarray:
    """(photos, C), float32; zero where a photo could not be read."""
    found: list[Tensor | None] = []
    for index in range(len(photos)):
        try:
            image = fit(photos.read(index), resolution=SUMMARY_RESOLUTION, patch_size=teacher.multiple)[None].to(device)
            found.append(teacher.pooled(image)[0].cpu())
        except (ValueError, OSError):
            found.append(None)
    width = next((len(pooled) for pooled in found if pooled is not None), 1)
    return torch.stack([torch.zeros(width) if pooled is None else pooled for pooled in found]).numpy()


def write_patches(teacher: Teacher, photos, folder: Path, device: torch.device,
                  progress: Callable[[str, int, int], None]) -> None:
    """Every photo's whitened features; goes on where it was stopped."""
    config = teacher.config
    whitening = stored_whitening(teacher, photos, folder, device)
    partial, count = folder / "features.part", folder / "count.json"
    grids: list[list[int]] = json.loads(count.read_text()) if count.exists() and partial.exists() else []
    with open(partial, "r+b" if grids else "wb") as file:
        # What the last count does not know of is written again.
        file.truncate(2 * config.width * sum(rows * cols for rows, cols in grids))
        file.seek(0, os.SEEK_END)
        for index in range(len(grids), len(photos)):
            try:
                features = whitening(look_at(teacher, photos.read(index), device)[None])[0]
                file.write(features.movedim(0, -1).cpu().numpy().astype(np.float16).tobytes())
                grids.append(list(features.shape[1:]))
            except (ValueError, OSError):  # the run meets it again, names it and counts it
                grids.append([0, 0])
            if index % 64 == 63 or index + 1 == len(photos):
                file.flush()
                os.fsync(file.fileno())
                write_whole(count, json.dumps(grids).encode())
                progress(config.name, index + 1, len(photos))
    os.replace(partial, folder / "features.f16")
    write_array(folder / "grids.npy", np.array(grids, dtype=np.int64))
    count.unlink()


def write_array(path: Path, array: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, array)
    write_whole(path, content.getvalue())


def stored_whitening(teacher: Teacher, photos, folder: Path, device: torch.device) -> Whitening:
    path = folder / "whitening.npz"
    if path.exists():
        with np.load(path) as stored:
            return Whitening(torch.from_numpy(stored["mean"]), torch.from_numpy(stored["projection"]))
    whitening = fit_whitening(teacher, some_photos(photos), device)
    with open(folder / "whitening.part", "wb") as file:
        np.savez(file, mean=whitening.mean.numpy(), projection=whitening.projection.numpy())
    os.replace(folder / "whitening.part", path)
    return whitening


def some_photos(photos) -> Iterable[Tensor]:
    """Up to WHITENING_PHOTOS readable ones, evenly spaced."""
    for index in range(0, len(photos), max(1, len(photos) // WHITENING_PHOTOS)):
        try:
            yield photos.read(index)
        except (ValueError, OSError):
            continue


class OnlineTeacher:
    """For streams, which cannot be looked at beforehand: the teacher sees each crop as the model does."""

    def __init__(self, config: TeacherConfig, photos: Iterable[Tensor], device: torch.device) -> None:
        self.teacher = Teacher(config).to(device)
        kept = list(photos)
        self.whitening = fit_whitening(self.teacher, kept, device)
        pooled = [self.teacher.pooled(self.small(fit(photo, resolution=SUMMARY_RESOLUTION, patch_size=1)[None].to(device)))
                  for photo in kept]
        self.summary_whitening = Whitening.of(torch.cat(pooled).cpu(), config.summary_width)

    def small(self, images: Tensor) -> Tensor:
        side = round(SUMMARY_RESOLUTION / self.teacher.multiple) * self.teacher.multiple
        return F.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)

    def summaries(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, summary_width)."""
        return self.summary_whitening(self.teacher.pooled(self.small(images))[..., None, None])[..., 0, 0]

    def targets(self, images: Tensor, patch_grid: tuple[int, int]) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, N, width)."""
        side = round(self.teacher.config.resolution / self.teacher.multiple) * self.teacher.multiple
        resized = F.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
        with torch.autocast(images.device.type, dtype=torch.bfloat16):
            features = self.teacher(resized).float()
        whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(len(images), -1)
        return resample(self.whitening(features), whole, patch_grid)
