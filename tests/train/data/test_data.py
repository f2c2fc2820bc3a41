"""Photos by the batch: every one once an epoch, the same whoever draws them, bad ones passed over and named."""

import io
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from model.config import StellarConfig
from photos.decoding import open_photo
from photos.fitting import pixels_of
from train.config import DataConfig, PrototypesConfig, TrainConfig, ViewsConfig
from train.data.photos import Batch, DataError, Photos, Plan, batches, open_photos
from train.data.views import Colours, crops_of

ROOT = Path(__file__).resolve().parents[3]
COUNT = 11


def drawn(index: int, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """A photo whose red tells which it is."""
    pixels = np.random.default_rng(index).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    pixels[..., 0] = 10 * index % 256
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("photos")
    for i in range(COUNT):
        (place / f"class{i % 2}").mkdir(exist_ok=True)
        drawn(i).save(place / f"class{i % 2}" / f"{i:02d}.png")
    return place


@pytest.fixture(scope="module")
def parquet(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("parquet")
    write_parquet(place / "photos.parquet", [drawn(i) for i in range(COUNT)])
    return place


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory):
    """What `datasets` converts stays out of the home folder, and its threads are not waited for."""
    datasets.disable_progress_bars()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.getbasetemp() / "datasets")
        yield
    datasets.enable_progress_bars()


def write_parquet(path: Path, images: list, column: str = "image") -> None:
    features = datasets.Features({"label": datasets.Value("int64"), column: datasets.Image()})
    rows = {"label": list(range(len(images))), column: images}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(path)


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def tiny(source: Path | str, **changes) -> TrainConfig:
    config = TrainConfig(
        recipe="test", model=StellarConfig(width=32, depth=1, num_heads=2, mlp_width=32, native_size=32, num_tokens=4),
        weights={"clustering": 1.0, "summary_clustering": 1.0, "set_alignment": 1.0, "summary_alignment": 1.0},
        data=DataConfig(source=str(source), num_workers=0),
        views=ViewsConfig(resolutions=(32, 48), num_masked=2, num_local=1, local_resolution=16),
        prototypes=PrototypesConfig(num_prototypes=8), batch_size=4, steps=6)
    return replace(config, **changes)


def plan(batch_size: int = 4, rank: int = 0, world: int = 1, seed: int = 0) -> Plan:
    return Plan(seed, batch_size, rank, world, (32, 48))


def some_batches(config: TrainConfig, *, first: int = 0, last: int = 6, workers: int = 0, at: Plan | None = None,
                 photos=None) -> list[Batch]:
    config = replace(config, data=replace(config.data, num_workers=workers))
    photos = photos or open_photos(config.data, seed=config.seed)
    loader = batches(photos, at or plan(), config, first_step=first, last_step=last, targets=[])
    return [next(loader) for _ in range(first, last)]


def same(one: Batch, other: Batch) -> bool:
    return (one.names == other.names and one.bad == other.bad and torch.equal(one.clean, other.clean)
            and torch.equal(one.masked, other.masked) and torch.equal(one.local, other.local))


# Sources


def test_a_folder_is_read_in_the_order_of_its_paths(folder):
    photos = open_photos(DataConfig(source=str(folder)))
    assert isinstance(photos, Photos) and len(photos) == COUNT
    assert [photos.name(i) for i in range(2)] == ["class0/00.png", "class0/02.png"]
    assert torch.equal(photos.read(1), pixels_of(open_photo(drawn(2))))


def test_a_folders_fingerprint_changes_with_its_photos(tmp_path):
    prints = []
    for i in range(2):
        drawn(i).save(tmp_path / f"{i}.png")
        prints.append(open_photos(DataConfig(source=str(tmp_path))).fingerprint)
    assert open_photos(DataConfig(source=str(tmp_path))).fingerprint == prints[1] != prints[0]


@pytest.mark.parametrize("place", ["photos.parquet", "."])
def test_parquet_is_a_file_or_a_folder_of_them(parquet, place):
    photos = open_photos(DataConfig(source=str(parquet / place)))
    assert isinstance(photos, Photos) and len(photos) == COUNT
    assert torch.equal(photos.read(3), pixels_of(open_photo(drawn(3)))) and photos.name(3) == "row 3"


def test_a_tables_fingerprint_is_the_same_in_another_process(parquet):
    """Or teachers' features would be computed anew each time."""
    here = open_photos(DataConfig(source=str(parquet))).fingerprint
    script = ("import sys, datasets; datasets.config.HF_DATASETS_CACHE = sys.argv[2]; "
              "datasets.disable_progress_bars(); from train.config import DataConfig; "
              "from train.data.photos import open_photos; "
              "print(open_photos(DataConfig(source=sys.argv[1])).fingerprint)")
    there = subprocess.run([sys.executable, "-c", script, str(parquet), str(datasets.config.HF_DATASETS_CACHE)],
                           cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    assert there == here


def test_another_column_and_plain_bytes(tmp_path):
    write_parquet(tmp_path / "a.parquet", [drawn(1)], column="picture")
    assert open_photos(DataConfig(source=str(tmp_path / "a.parquet"), column="picture")).read(0).shape == (3, 40, 48)
    datasets.Dataset.from_dict({"image": [encoded(drawn(1))]}).to_parquet(tmp_path / "b.parquet")
    read = open_photos(DataConfig(source=str(tmp_path / "b.parquet"))).read(0)
    assert torch.equal(read, pixels_of(open_photo(drawn(1))))


def test_what_is_no_source_is_said(folder, tmp_path, monkeypatch):
    write_parquet(tmp_path / "a.parquet", [drawn(1)])
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "empty").mkdir()
    write_parquet(tmp_path / "none.parquet", [])

    def unreachable(*args, **kwargs):
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'x/y' doesn't exist on the Hub\nor cannot be accessed.")

    for source, settings, sentence in (
        (None, {}, "no data: name a folder"),
        (tmp_path / "empty", {}, "empty holds no photos"),
        (tmp_path / "notes.txt", {}, "notes.txt names no file that is there .*'no photo'"),  # a list of paths is .txt
        (tmp_path / "gone", {}, "gone does not exist"),
        (tmp_path / "gone.parquet", {}, "gone.parquet does not exist"),
        ("gone.parquet", {}, "gone.parquet does not exist"),
        ("./gone", {}, "gone does not exist"),
        (tmp_path / "broken.parquet", {}, "broken.parquet cannot be read as Parquet: "),
        (tmp_path / "none.parquet", {}, "none.parquet holds no rows"),
        (tmp_path / "a.parquet", {"column": "photo"}, r"no column 'photo'; it has label, image; .*data\.column"),
        (tmp_path / "a.parquet", {"column": "photo", "streaming": True}, "no column 'photo'"),
        (tmp_path / "a.parquet", {"column": "label"}, "column 'label' holds int64, no pictures"),
        ("x/y", {}, "x/y is no folder, list or Parquet here, and as a hub data set it cannot be had: Dataset 'x/y' "),
    ):
        if source == "x/y":
            monkeypatch.setattr(datasets, "load_dataset", unreachable)
        with pytest.raises(DataError, match=sentence) as caught:
            open_photos(DataConfig(source=None if source is None else str(source), **settings))
        assert "\n" not in str(caught.value)


# The plan


@pytest.mark.parametrize("world", [1, 2, 4])
def test_an_epoch_sees_each_photo_once(world):
    plans = [plan(8 // world, rank, world) for rank in range(world)]
    positions = [position for step in range(3 * COUNT) for found in plans for position in found.positions(step)]
    assert sorted(positions) == list(range(3 * COUNT * 8))
    orders = [[plans[0].index(epoch * COUNT + i, COUNT) for i in range(COUNT)] for epoch in range(24)]
    assert all(sorted(order) == list(range(COUNT)) for order in orders) and orders[0] != orders[1]


def test_a_global_batch_is_the_same_however_many_share_it(folder):
    config = tiny(folder, batch_size=4)
    whole = some_batches(config, last=3)
    parts = [some_batches(config, last=3, at=plan(2, rank, 2)) for rank in range(2)]
    for step, batch in enumerate(whole):
        assert {len(part[step].names) for part in parts} == {2}
        for i in range(4):
            part = parts[i % 2][step]
            assert batch.names[i] == part.names[i // 2]
            assert torch.equal(batch.masked[i], part.masked[i // 2]) and torch.equal(batch.local[i], part.local[i // 2])


def test_another_seed_is_another_order_and_other_crops(folder):
    one, other = (some_batches(tiny(folder, seed=seed), at=plan(seed=seed), last=3) for seed in (0, 1))
    assert [batch.names for batch in one] != [batch.names for batch in other]


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("first", [0, 2, 5])
def test_a_run_resumes_at_any_step_with_any_number_of_workers(folder, unbroken, workers, first):
    assert all(same(*pair) for pair in zip(some_batches(tiny(folder), first=first, workers=workers), unbroken[first:],
                                           strict=True))


@pytest.fixture(scope="module")
def unbroken(folder) -> list[Batch]:
    return some_batches(tiny(folder))


def test_each_step_has_one_of_the_resolutions(unbroken):
    assert {batch.clean.shape[-1] for batch in unbroken} == {32, 48}
    assert all(batch.masked.shape == (4, 2, 3, *batch.clean.shape[-2:]) for batch in unbroken)
    assert all(batch.local.shape == (4, 1, 3, 16, 16) for batch in unbroken)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_models_own_randomness_is_left_alone(folder, workers):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    some_batches(tiny(folder), last=2, workers=workers)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all() and random.getstate() == before[2]


# Bad photos


def spoiled(place: Path, bad: set[int], count: int = 12) -> Path:
    place.mkdir(exist_ok=True)
    for i in range(count):
        (place / f"{i:02d}.png").write_bytes(b"no photo" if i in bad else encoded(drawn(i)))
    return place


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_photo_is_replaced_and_named(tmp_path, workers):
    config = tiny(spoiled(tmp_path / "photos", {3, 7}))
    found = some_batches(config, last=3, workers=workers)  # one epoch
    assert sorted(name for batch in found for name in batch.bad) == ["03.png", "07.png"]
    names = [name for batch in found for name in batch.names]
    assert len(names) == 12 and not {"03.png", "07.png"} & set(names)
    assert set(names) == {f"{i:02d}.png" for i in range(12)} - {"03.png", "07.png"}, "the good ones are all there"


def test_bad_photos_that_lie_together_stop_nothing(tmp_path):
    config = tiny(spoiled(tmp_path / "photos", set(range(10)), count=60))
    assert sum(len(batch.bad) for batch in some_batches(config, last=15)) >= 10


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_but_bad_photos_is_an_error_of_one_line(tmp_path, workers):
    config = tiny(spoiled(tmp_path / "photos", set(range(12))))
    with pytest.raises(DataError, match=r"8 photos in a row could not be read: .*\.png") as caught:
        some_batches(config, workers=workers)
    assert "\n" not in str(caught.value)


def test_rows_without_a_picture_are_bad_photos(tmp_path):
    features = datasets.Features({"image": datasets.Image()})
    rows = {"image": [{"bytes": b"no photo", "path": None}, None, *({"bytes": encoded(drawn(i)), "path": None}
                                                                   for i in range(2, 8))]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "a.parquet")
    found = some_batches(tiny(tmp_path / "a.parquet"), last=2)
    assert {name for batch in found for name in batch.bad} == {"row 0", "row 1"}
    streamed = tiny(tmp_path / "a.parquet")
    streamed = replace(streamed, data=replace(streamed.data, streaming=True, shuffle_buffer=1))
    found = some_batches(streamed, last=4)
    assert len({name for batch in found for name in batch.bad}) == 4, "two of each epoch, each by a name of its own"


def test_a_worker_that_dies_is_told_in_a_sentence(folder, monkeypatch):
    photos = open_photos(DataConfig(source=str(folder)))
    monkeypatch.setattr(photos, "read", lambda index: os._exit(1))
    with pytest.raises(DataError, match="process that reads photos died"):
        some_batches(tiny(folder), workers=1, photos=photos)


# Streams


def streamed(source: Path, **changes) -> TrainConfig:
    config = tiny(source)
    return replace(config, data=replace(config.data, streaming=True, shuffle_buffer=4), **changes)


@pytest.fixture(scope="module")
def unbroken_stream(parquet) -> list[Batch]:
    return some_batches(streamed(parquet))


def reds(found: list[Batch]) -> list[int]:
    """Which photo each is."""
    return [round(red / 10) for batch in found for red in batch.clean[:, 0].float().mean(dim=(1, 2)).tolist()]


def test_a_stream_gives_each_photo_once_an_epoch_in_another_order(unbroken_stream):
    order = reds(unbroken_stream)
    assert sorted(order[:COUNT]) == sorted(order[COUNT : 2 * COUNT]) == list(range(COUNT))
    assert order[:COUNT] != list(range(COUNT)) and order[:COUNT] != order[COUNT : 2 * COUNT]


@pytest.mark.parametrize(("first", "workers"), [(0, 2), (2, 0), (5, 1)])
def test_a_stream_resumes_at_any_step(parquet, unbroken_stream, first, workers):
    found = some_batches(streamed(parquet), first=first, workers=workers)
    assert all(same(*pair) for pair in zip(found, unbroken_stream[first:], strict=True))


def test_a_stream_with_bad_photos_resumes_too(tmp_path):
    """The next good one serves for a bad one as well, so what is skipped need not be decoded to be counted."""
    bad = {1, 2, 5, 9}
    rows = [b"no photo" if i in bad else encoded(drawn(i)) for i in range(COUNT)]
    datasets.Dataset.from_dict({"image": rows}).to_parquet(tmp_path / "a.parquet")
    unbroken = some_batches(streamed(tmp_path / "a.parquet"))
    assert not bad & set(reds(unbroken))
    assert len({name for batch in unbroken[:2] for name in batch.bad}) >= 2
    for first in range(1, 6):
        resumed = some_batches(streamed(tmp_path / "a.parquet"), first=first)
        for one, other in zip(resumed, unbroken[first:], strict=True):
            assert one.names == other.names and torch.equal(one.masked, other.masked)


def test_a_stream_is_shared_by_processes(tmp_path):
    for shard in range(2):
        write_parquet(tmp_path / f"{shard}.parquet", [drawn(i) for i in range(shard, COUNT + 1, 2)])
    parts = [reds(some_batches(streamed(tmp_path), at=plan(2, rank, 2), last=3)) for rank in range(2)]
    assert sorted(parts[0] + parts[1]) == list(range(12))


def test_a_stream_of_nothing_and_one_that_breaks_off_are_said(tmp_path, parquet, monkeypatch):
    datasets.Dataset.from_dict({"image": [b"no photo"] * 9}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="8 photos in a row could not be read: streamed photo 0, streamed photo 1"):
        some_batches(streamed(tmp_path / "a.parquet"), workers=1)
    photos = open_photos(streamed(parquet).data)
    monkeypatch.setattr(type(photos.table), "__iter__", lambda self: (_ for _ in ()).throw(ConnectionError("gone")))
    with pytest.raises(DataError, match="broke off: gone; go on with --resume"):
        some_batches(streamed(parquet), photos=photos)


# Views


def gradient(width: int, height: int) -> torch.Tensor:
    """A photo whose red tells how far to the right a pixel is, and whose green how far down."""
    across = (torch.arange(width) + 0.5) / width
    down = (torch.arange(height) + 0.5) / height
    return (255 * torch.stack([across.expand(height, -1), down[:, None].expand(-1, width),
                               torch.zeros(height, width)])).round().byte()


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_the_box_says_where_the_crop_lies(flip):
    side, config = 32, ViewsConfig(flip=flip, scale=(0.2, 0.9))
    photo = gradient(300, 200)
    for seed in range(12):
        crops = crops_of(photo, config, resolution=side, masked=0, local=0, seed=seed)
        left, top, right, bottom = crops.box.tolist()
        assert (left > right) == bool(flip) and min(left, right) >= 0 and max(left, right) <= 1
        assert 0 <= top < bottom <= 1
        middle = (torch.arange(side) + 0.5) / side
        across, down = left + (right - left) * middle, top + (bottom - top) * middle
        red, green, _ = crops.clean.float() / 255
        inner = slice(2, -2)  # there is nothing beyond the border to average with, so the outermost lean inwards
        torch.testing.assert_close(red.mean(0)[inner], across[inner], atol=6e-3, rtol=0)
        torch.testing.assert_close(green.mean(1)[inner], down[inner], atol=6e-3, rtol=0)


def test_crops_have_the_published_shares_of_the_area_and_flips():
    photo, config = gradient(400, 300), ViewsConfig()
    crops = [crops_of(photo, config, resolution=8, masked=0, local=0, seed=seed) for seed in range(300)]
    boxes = torch.stack([crop.box for crop in crops])
    areas = ((boxes[:, 2] - boxes[:, 0]).abs() * (boxes[:, 3] - boxes[:, 1]))
    assert 0.34 <= areas.min() < 0.42 and 0.9 < areas.max() <= 1
    assert 0.4 < (boxes[:, 0] > boxes[:, 2]).float().mean() < 0.6


def test_the_same_seed_gives_the_same_crops_and_leaves_the_generators_alone():
    photo = pixels_of(open_photo(drawn(1)))
    before = torch.get_rng_state()
    one, again, other = (crops_of(photo, ViewsConfig(), resolution=32, masked=3, local=2, seed=seed)
                         for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(vars(one).values(), vars(again).values(), strict=True))
    assert not torch.equal(one.clean, other.clean)
    assert torch.equal(one.masked[0], one.clean) and not torch.equal(one.masked[1], one.clean)
    assert one.masked.dtype == torch.uint8 and one.local.shape == (2, 3, 96, 96)


@pytest.mark.parametrize("size", [(1, 1), (900, 1), (3, 700)])
def test_photos_of_any_shape_are_cropped(size):
    photo = pixels_of(Image.new("RGB", size, (9, 9, 9)))
    crops = crops_of(photo, ViewsConfig(), resolution=32, masked=1, local=1, seed=0)
    assert crops.clean.unique().tolist() == [9] and crops.local.unique().tolist() == [9]


@pytest.mark.parametrize(("losses", "masked", "local"), [
    ({"clustering": 1.0}, 0, 0), ({"clustering": 1.0, "set_alignment": 1.0}, 2, 0),
    ({"summary_clustering": 1.0, "summary_alignment": 1.0}, 2, 1), ({"koleo": 1.0}, 0, 0)])
def test_views_are_made_only_for_a_loss_that_looks_at_them(folder, losses, masked, local):
    (batch,) = some_batches(tiny(folder, weights=losses), last=1)
    assert batch.masked.shape[1] == masked and batch.local.shape[1] == local
    moved = batch.to(torch.device("cpu"))
    assert moved.clean.dtype == torch.float32 and moved.clean.max() <= 1 and moved.masked.shape == batch.masked.shape


def test_colours_change_each_view_by_itself_and_stay_in_range():
    images = torch.rand(1, 1, 3, 32, 32).expand(3, 4, -1, -1, -1).contiguous()
    before, colours = images.clone(), Colours(ViewsConfig())
    torch.manual_seed(3)
    changed = colours(images)
    assert torch.equal(images, before) and changed.shape == images.shape
    assert changed.min() >= 0 and changed.max() <= 1 and changed.isfinite().all()
    flat = changed.flatten(0, 1)
    alike = sum(torch.equal(flat[i], flat[j]) for i in range(12) for j in range(i))
    assert alike <= 3, "views differ from each other (some stay as they were)"
    torch.manual_seed(3)
    assert torch.equal(colours(images), changed)


def test_colours_that_are_switched_off_change_nothing():
    images = torch.rand(2, 2, 3, 32, 32)
    still = Colours(ViewsConfig(jitter_probability=0, grey_probability=0, blur_probability=0))
    torch.testing.assert_close(still(images), images)


def test_a_grey_view_is_grey():
    colours = Colours(ViewsConfig(jitter_probability=0, grey_probability=1, blur_probability=0))
    grey = colours(torch.rand(2, 1, 3, 16, 16))
    torch.testing.assert_close(grey[:, :, 0], grey[:, :, 1])
