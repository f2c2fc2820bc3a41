"""Photos on the device: what a whole batch's crops show is what torchvision shows one by one; the run is the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.v2 as T
import torchvision.transforms.v2.functional as TF
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from tests.train.test_loop import log, tiny
from tests.weights import write_timm
from train import loop
from train.config import DataConfig, RecipeError, TeacherConfig
from train.data import device_photos
from train.data.device_crops import cut, draw_boxes, filters
from train.data.device_photos import DevicePhotos, device_batches
from train.data.photos import DataError, Plan, batches, open_photos
from train.run_folder import RunError

CPU = torch.device("cpu")
SIZES = ((64, 48), (40, 64), (64, 64), (60, 12), (9, 50))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("photos")
    for i in range(11):
        rows, columns = SIZES[i % len(SIZES)]
        coarse = np.random.default_rng(i).integers(0, 255, (rows // 4 + 1, columns // 4 + 1, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((columns, rows)).save(place / f"{i:02d}.png")
    return place


def held(folder: Path, *, canvas: int = 64, rank: int = 0, world: int = 1) -> DevicePhotos:
    config = DataConfig(source=str(folder), canvas=canvas)
    return DevicePhotos.decoded(open_photos(config), config, CPU, rank=rank, world=world)


def photo_of(photos: DevicePhotos, index: int) -> Tensor:
    rows, columns = photos.sizes[index].tolist()
    return photos.pixels[index, :rows, :, :columns].movedim(1, 0)


def differ(one: Tensor, other: Tensor) -> int:
    return int((one.int() - other.int()).abs().max())


# Crops


@pytest.mark.parametrize("side", [24, 100])
def test_a_crop_of_the_whole_photo_is_the_photo_resized(folder, side):
    photos = held(folder)
    rows, columns = photos.sizes.unbind(1)
    whole = torch.stack([rows * 0, rows * 0, rows, columns, rows * 0], dim=1)
    crops = photos.crops(torch.arange(len(photos)), whole[:, None], side)[:, 0]
    for i, crop in enumerate(crops):
        resized = F.interpolate(photo_of(photos, i)[None].float(), size=(side, side), mode="bicubic", antialias=True)
        assert differ(crop, resized[0].round().clamp(0, 255).byte()) <= 1


@pytest.mark.parametrize(("side", "scale"), [(32, (0.3, 1.0)), (48, (0.06, 0.36))])
def test_a_crop_is_torchvisions_of_the_same_box(folder, side, scale):
    photos, generator = held(folder), torch.Generator().manual_seed(0)
    boxes = draw_boxes(photos.sizes, 6, scale, flip=0.5, generator=generator)
    crops = photos.crops(torch.arange(len(photos)), boxes, side)
    for i in range(len(photos)):
        for crop, (top, left, rows, columns, flipped) in zip(crops[i], boxes[i].tolist(), strict=True):
            # Of floats: of bytes torchvision rounds after each direction.
            expected = TF.resized_crop(photo_of(photos, i).float(), top, left, rows, columns, [side, side],
                                       interpolation=T.InterpolationMode.BICUBIC, antialias=True)
            assert differ(crop, (expected.flip(-1) if flipped else expected).round().clamp(0, 255)) <= 1


def test_boxes_lie_in_their_photos_and_are_as_large_as_asked():
    sizes = torch.tensor([[300, 200], [96, 384]]).repeat(500, 1)
    boxes = draw_boxes(sizes, 2, (0.3, 0.6), flip=0.25, generator=torch.Generator().manual_seed(0))
    top, left, rows, columns, flipped = boxes.unbind(2)
    assert (torch.stack([top, left]) >= 0).all() and (torch.stack([rows, columns]) >= 1).all()
    assert (top + rows <= sizes[:, :1]).all() and (left + columns <= sizes[:, 1:]).all()
    share, ratio = rows * columns / sizes.prod(1, keepdim=True), columns / rows
    assert share.min() > 0.29 and share.max() < 0.61 and 0.4 < share[::2].mean() < 0.5
    assert ratio.min() > 0.73 and ratio.max() < 1.36
    assert abs(flipped.float().mean() - 0.25) < 0.04
    # As torchvision: what never fits, as a whole of a band, is the largest box of a shape that may be, in the middle.
    band = draw_boxes(torch.tensor([[10, 400]]), 1, (1.0, 1.0), flip=0.0, generator=torch.Generator().manual_seed(0))
    assert band.flatten().tolist() == [0, 193, 10, 13, 0]


def test_a_flipped_crop_is_the_crop_mirrored(folder):
    photos = held(folder).pixels[:2].float()
    box = torch.tensor([[3, 5, 20, 30, 0], [0, 0, 40, 50, 0]])
    flipped = box + torch.tensor([0, 0, 0, 0, 1])
    assert torch.equal(cut(photos, flipped, 16), cut(photos, box, 16).flip(-1))


def test_filters_sum_to_one_and_take_nothing_from_outside_the_box():
    weights = filters(torch.tensor([0, 5, 30]), torch.tensor([40, 1, 10]), 24, 40)
    torch.testing.assert_close(weights.sum(2), torch.ones(3, 24))
    assert not weights[1, :, :5].any() and not weights[1, :, 6:].any() and not weights[2, :, :30].any()


# What is held


def test_photos_are_held_small_and_bad_ones_are_named(folder, tmp_path):
    Image.new("RGB", (200, 100), (10, 20, 30)).save(tmp_path / "wide.png")
    (tmp_path / "none.png").write_bytes(b"no photo")
    told = []
    config = DataConfig(source=str(tmp_path), canvas=64)
    photos = DevicePhotos.decoded(open_photos(DataConfig(source=str(tmp_path))), config, CPU,
                                    progress=lambda *counts: told.append(counts))
    assert photos.names == ["wide.png"] and photos.bad == ["none.png"] and told == [(2, 2)]
    assert photos.sizes.tolist() == [[32, 64]] and photos.pixels.shape == (1, 64, 3, 64)
    assert photo_of(photos, 0).flatten(1).unique(dim=1).flatten().tolist() == [10, 20, 30]
    assert [tuple(photo_of(held(folder), i).shape[1:]) for i in range(5)] == list(SIZES), "none is enlarged"


def test_each_process_holds_its_share(folder):
    names = [held(folder, rank=rank, world=2).names for rank in range(2)]
    assert sorted(names[0] + names[1]) == held(folder).names and abs(len(names[0]) - len(names[1])) == 1
    with pytest.raises(DataError, match="too few photos for 12 processes"):
        held(folder, rank=11, world=12)


def test_what_does_not_fit_says_so_with_its_size(folder, monkeypatch):
    monkeypatch.setattr(device_photos, "free_bytes", lambda device: 100_000)
    with pytest.raises(DataError, match=r"the 11 photos of .* take 0.0 GB at data.canvas=64, and this machine has 0.0 "
                                        r"GB of memory free.*data.canvas=32 would fit, or leave data.on_device out"):
        held(folder)


def test_too_many_bad_photos_are_refused(tmp_path):
    for i in range(8):
        (tmp_path / f"{i}.png").write_bytes(b"no photo")
    with pytest.raises(DataError, match=r"8 of about 8 photos could not be read.*0\.png"):
        held(tmp_path)


def test_a_stream_is_refused():
    with pytest.raises(RecipeError, match="a stream has none before it is read"):
        DataConfig(source="x", streaming=True, on_device=True)


# Batches


def test_batches_hold_the_plains_photos_at_the_plains_sizes(folder):
    config = tiny(folder)
    plan = Plan(0, 4, 0, 1, (32, 48))
    found = list(device_batches(held(folder), plan, config, first_step=0, last_step=5))
    plain = batches(open_photos(config.data), plan, config, first_step=0, last_step=5, targets=[])
    for batch, other in zip(found, plain, strict=True):
        assert batch.names == other.names
        for name in ("clean", "masked", "local"):
            one, two = getattr(batch, name), getattr(other, name)
            assert one.shape == two.shape and one.dtype == two.dtype == torch.uint8
        assert torch.equal(batch.clean, batch.masked[:, 0]) and not torch.equal(batch.clean, batch.masked[:, 1])
    later = next(device_batches(held(folder), plan, config, first_step=3, last_step=5))
    assert torch.equal(later.clean, found[3].clean) and torch.equal(later.local, found[3].local)
    other = next(device_batches(held(folder), replace(plan, rank=1), config, first_step=3, last_step=5))
    assert not torch.equal(later.clean, other.clean)
    few = replace(config, weights={"reconstruction": 1.0})
    batch = next(device_batches(held(folder), plan, few, first_step=0, last_step=1))
    assert batch.masked.shape[1] == 0 and batch.local.shape[1] == 0


# Runs


def on_device(folder: Path, **changes):
    config = tiny(folder, steps=4, picture_every=100, **changes)
    return replace(config, data=replace(config.data, on_device=True, canvas=64))


def test_a_run_on_the_device_resumes_bit_for_bit(folder, tmp_path, monkeypatch):
    config = on_device(folder)
    whole = loop.run(config, tmp_path / "whole", device="cpu", quiet=True)
    real = loop.check_finite

    def stopped(total, norm, losses, step, *more):
        if step == 3:
            raise KeyboardInterrupt
        real(total, norm, losses, step, *more)

    monkeypatch.setattr(loop, "check_finite", stopped)
    with pytest.raises(RunError, match="interrupted.*step-0000002"):
        loop.run(config, tmp_path / "run", device="cpu", quiet=True)
    monkeypatch.setattr(loop, "check_finite", real)
    resumed = loop.run(config, tmp_path / "run", resume=True, device="cpu", quiet=True)
    ours, theirs = load_file(resumed), load_file(whole)
    assert set(ours) == set(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert set(log(tmp_path / "run")[-1]["losses"]) == {"total", *config.weights}
    with pytest.raises(RunError, match="data.on_device was True and is False"):
        loop.run(tiny(folder, steps=4), tmp_path / "run", resume=True, device="cpu", quiet=True)


def test_on_the_device_teachers_look_at_each_crop(folder, tmp_path):
    """And heads begin from what they say of some photos."""
    weights = write_timm(tmp_path, "test_vit")
    teacher = TeacherConfig(name="test_vit", weights=weights["test_vit"], block=2, resolution=64, width=8,
                            summary_width=4)
    config = on_device(folder, weights={"distillation": 1.0}, teachers=(teacher,))
    loop.run(replace(config, steps=1), tmp_path / "run", device="cpu", quiet=True)
    assert log(tmp_path / "run")[0]["losses"]["distillation"] > 0
    assert not (tmp_path / "cache").exists(), "nothing of it is stored"
