"""Frozen teachers: whitened features of whole photos, stored once, and the same wherever a crop looks."""

import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from model.backbones import BackboneError
from model.config import StellarConfig
from photos.fitting import fit
from tests.weights import write_timm
from train.config import DataConfig, TeacherConfig, TrainConfig
from train.data.photos import Photos, StreamedPhotos, open_photos
from train.learners.teachers import (
    OnlineTeacher,
    TargetStore,
    Teacher,
    TeacherError,
    Whitening,
    append_each,
    build_store,
    resample,
    taught_photos,
)

CPU = torch.device("cpu")
COUNT = 7


def photos_in(folder) -> Photos:
    return open_photos(DataConfig(source=str(folder)))


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Photos:
    folder = tmp_path_factory.mktemp("photos")
    for i in range(COUNT):
        coarse = np.random.default_rng(i).integers(0, 255, (5, 7, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((90 + 10 * i, 80)).save(folder / f"{i}.png")
    return photos_in(folder)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> dict[str, str]:
    return write_timm(tmp_path_factory.mktemp("weights"), "test_vit", "test_efficientnet", "test_convnext")


def config(weights: dict[str, str], name: str = "test_vit", **changes) -> TeacherConfig:
    small = {"block": 2, "stages": (2, 3) if name == "test_convnext" else (3, 4), "resolution": 64, "width": 8,
             "summary_width": 4}
    return TeacherConfig(name=name, weights=weights[name], **{**small, **changes})


def silent(name: str, done: int, count: int) -> None:
    pass


def store_of(config: TeacherConfig, photos, cache: Path) -> TargetStore:
    return build_store(config, photos, cache, device=CPU, progress=silent)


# What is read


def test_a_teacher_reads_what_its_settings_say(weights):
    teacher, image = Teacher(config(weights)), torch.rand(1, 3, 64, 96)
    assert (teacher.stride, teacher.multiple, teacher.num_features, teacher.chosen) == (16, 16, 64, [2])
    torch.testing.assert_close(teacher.pooled(image), teacher.features(image).mean(dim=(2, 3)))
    assert torch.equal(Teacher(config(weights, block=-4)).features(image), teacher.features(image))


def test_stages_are_joined_at_stride_16_and_the_last_is_pooled(weights):
    """Whatever stages are chosen: what was once stored is read again."""
    image = torch.rand(1, 3, 64, 96)
    for stages in ((1, 3, 4), (4,)):
        teacher = Teacher(config(weights, "test_efficientnet", stages=stages))
        assert (teacher.stride, teacher.multiple) == (16, 32)
        assert teacher.features(image).shape == (1, teacher.num_features, 4, 6)
        torch.testing.assert_close(teacher.pooled(image), teacher.maps(image)[-1].mean(dim=(2, 3)))


# Whitening


def test_whitened_features_have_mean_zero_and_unit_variance_and_no_correlation():
    torch.manual_seed(0)
    samples = torch.randn(400, 12) @ torch.randn(12, 12) + 5
    whitened = Whitening.of(samples, 8)(samples.T.view(1, 12, 20, 20))[0].flatten(1)
    assert whitened.shape[0] == 8
    torch.testing.assert_close(whitened.mean(dim=1), torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(whitened.cov(), torch.eye(8), atol=1e-3, rtol=0)


def test_directions_that_the_samples_do_not_span_are_zero():
    torch.manual_seed(0)
    samples = torch.randn(100, 3) @ torch.randn(3, 12)
    whitened = Whitening.of(samples, 8)(samples.T.view(1, 12, 10, 10))[0].flatten(1)
    assert whitened.isfinite().all() and (whitened[3:] == 0).all()
    torch.testing.assert_close(whitened[:3].var(dim=1), torch.ones(3), atol=1e-3, rtol=0)
    few = Whitening.of(torch.randn(2, 12), 8)(torch.randn(1, 12, 2, 2))
    assert few.isfinite().all() and (few[:, 1:] == 0).all()


def test_features_that_are_the_same_everywhere_teach_nothing():
    with pytest.raises(TeacherError, match="same everywhere"):
        Whitening.of(torch.ones(20, 4), 3)


# Resampling


def ramp(rows: int, cols: int) -> torch.Tensor:
    """(1, 2, rows, cols): across and down, in shares of the photo, as each cell's middle has them."""
    across, down = (torch.arange(cols) + 0.5) / cols, (torch.arange(rows) + 0.5) / rows
    return torch.stack([across.expand(rows, -1), down[:, None].expand(-1, cols)])[None]


@pytest.mark.parametrize("box", [[0.2, 0.3, 0.7, 0.9], [0.7, 0.3, 0.2, 0.9], [0.4, 0.4, 0.45, 0.5]])
def test_a_linear_ramp_is_resampled_exactly(box):
    rows, cols = 5, 4
    found = resample(ramp(12, 10), torch.tensor([box]), (rows, cols))[0].T.view(2, rows, cols)
    left, top, right, bottom = box
    across = left + (right - left) * (torch.arange(cols) + 0.5) / cols
    down = top + (bottom - top) * (torch.arange(rows) + 0.5) / rows
    torch.testing.assert_close(found[0], across.expand(rows, -1))
    torch.testing.assert_close(found[1], down[:, None].expand(-1, cols))


def test_the_whole_photo_at_its_own_grid_is_itself_and_flipped_its_mirror():
    features = torch.rand(2, 3, 6, 8)
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 1.0]])
    found = resample(features, boxes, (6, 8)).mT.view(2, 3, 6, 8)
    torch.testing.assert_close(found[0], features[0])
    torch.testing.assert_close(found[1], features[1].flip(-1))


# The store


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet"])
def test_a_crops_targets_are_those_of_the_same_place_in_the_whole_photo(photos, weights, tmp_path, name):
    store = store_of(config(weights, name, resolution=96), photos, tmp_path)
    for index in (0, 5):
        whole = store.of(index)
        rows, cols = whole.shape[1:]
        assert whole.shape[0] == 8 and cols == 6 and 3 <= rows <= 6
        cut = whole[:, 1:3, 1:4]
        box = torch.tensor([1 / cols, 1 / rows, 4 / cols, 3 / rows])
        torch.testing.assert_close(store.crop(index, box, (2, 3)).T.view(8, 2, 3), cut, atol=2e-3, rtol=2e-3)
        flipped = store.crop(index, box[[2, 1, 0, 3]], (2, 3)).T.view(8, 2, 3)
        torch.testing.assert_close(flipped, cut.flip(-1), atol=2e-3, rtol=2e-3)


def test_a_store_holds_what_the_teacher_says_of_each_photo(photos, weights, tmp_path):
    settings = config(weights)
    store, teacher = store_of(settings, photos, tmp_path), Teacher(settings)
    with np.load(store.folder / "whitening.npz") as stored:
        whitening = Whitening(*(torch.from_numpy(stored[key]) for key in ("mean", "projection")))
    image = fit(photos.read(3), resolution=64, patch_size=16)
    wanted = whitening(teacher.features(image))[0]
    torch.testing.assert_close(store.of(3).float(), wanted, atol=0.15, rtol=0.1)  # bfloat16 products
    assert torch.nn.functional.cosine_similarity(store.of(3).float(), wanted, dim=0).min() > 0.99


def test_summaries_are_whitened_over_photos(photos, weights, tmp_path):
    store = store_of(config(weights), photos, tmp_path)
    summaries = store.whitened_summaries(4)
    torch.testing.assert_close(summaries.mean(dim=0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(summaries.T.cov(), torch.eye(4), atol=1e-3, rtol=0)
    assert store.whitened_summaries(0).shape == (COUNT, 0)


def test_no_summary_is_looked_at_where_none_is_learnt_but_it_can_be_later(photos, weights, tmp_path):
    store = store_of(config(weights, summary_weight=0.0), photos, tmp_path)
    assert not (store.folder / "summaries.npy").exists() and store.whitened_summaries(0).shape == (COUNT, 0)
    later = store_of(config(weights), photos, tmp_path)
    assert later.folder == store.folder and later.whitened_summaries(4).shape == (COUNT, 4)


class Counted:
    """How often the network is asked, and what happens then."""

    def __init__(self, monkeypatch, stop_after: int | None = None) -> None:
        self.looks, self.made, real, made = 0, 0, Teacher.maps, Teacher.__init__

        def maps(teacher, image):
            self.looks += 1
            if stop_after is not None and self.looks > stop_after:
                raise KeyboardInterrupt
            return real(teacher, image)

        def init(teacher, config):
            self.made += 1
            made(teacher, config)

        monkeypatch.setattr(Teacher, "maps", maps)
        monkeypatch.setattr(Teacher, "__init__", init)


def test_a_store_is_built_once_and_found_again(photos, weights, tmp_path, monkeypatch):
    first = store_of(config(weights), photos, tmp_path)
    counted = Counted(monkeypatch)
    again = store_of(config(weights, weight=3.0, summary_width=2), photos, tmp_path)
    assert counted.made == 0 and again.folder == first.folder, "what is stored does not depend on weights"
    assert {path.name for path in again.folder.iterdir()} == {"features.f16", "grids.npy", "summaries.npy",
                                                             "whitening.npz"}


@pytest.mark.parametrize("stop_after", [3, COUNT + 2, COUNT + 5, 2 * COUNT + 3])
def test_a_store_goes_on_where_it_was_stopped(photos, weights, tmp_path, monkeypatch, stop_after):
    """Seven looks for the whitening, seven for the patches, seven for the summaries; saved every second photo."""
    whole = store_of(config(weights), photos, tmp_path / "whole")
    monkeypatch.setattr("train.learners.teachers.SAVED_EVERY", 2)
    with monkeypatch.context() as stopping:
        Counted(stopping, stop_after)
        with pytest.raises(KeyboardInterrupt):
            store_of(config(weights), photos, tmp_path / "cache")
    with monkeypatch.context() as counting:
        counted = Counted(counting)
        resumed = store_of(config(weights), photos, tmp_path / "cache")
    passes, within = divmod(stop_after, COUNT)
    saved = within // 2 * 2 if passes else 0  # the whitening begins anew
    assert counted.looks == 3 * COUNT - passes * COUNT - saved
    assert resumed.folder.name == whole.folder.name
    for name in ("features.f16", "grids.npy", "summaries.npy"):
        assert (resumed.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name
    assert {path.name for path in resumed.folder.iterdir()} == {path.name for path in whole.folder.iterdir()}


def test_what_was_half_written_is_written_again(tmp_path, photos):
    (tmp_path / "a.part").write_bytes(b"\x01" * 5)
    (tmp_path / "a.json").write_text("[[[1, 1]], 4]")
    seven = np.full((1, 1, 1), 7, np.float32)
    grids = append_each(tmp_path / "a.part", photos, lambda photo: seven, lambda *done: None)
    assert grids.tolist() == [[1, 1]] * COUNT
    stored = np.fromfile(tmp_path / "a.part", np.float32)
    assert len(stored) == COUNT and (stored[1:] == 7).all() and not (tmp_path / "a.json").exists()


def test_other_photos_weights_or_settings_are_another_folder(photos, weights, tmp_path):
    def folder(settings: TeacherConfig, found=photos) -> str:
        return store_of(settings, found, tmp_path / "cache").folder.name

    first = folder(config(weights))
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for i in range(4):
        shutil.copy(photos.stored.root / f"{i}.png", fewer)
    changed = tmp_path / "changed.safetensors"  # as long as the other file
    tensors = load_file(weights["test_vit"])
    save_file({**tensors, "norm.bias": tensors["norm.bias"] + 1}, changed)
    others = [folder(config(weights), photos_in(fewer)), folder(replace(config(weights), weights=str(changed))),
              *(folder(config(weights, **change)) for change in ({"block": 1}, {"resolution": 48}, {"width": 7}))]
    assert len({first, *others}) == 6


def test_a_photo_that_cannot_be_read_has_no_targets(photos, weights, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(photos.stored.root, folder)
    (folder / "3.png").write_bytes(b"no photo")
    store = store_of(config(weights), photos_in(folder), tmp_path / "cache")
    assert [store.holds(i) for i in range(COUNT)] == [i != 3 for i in range(COUNT)]
    assert (store.whitened_summaries(3)[3] == 0).all()
    assert store.crop(4, torch.tensor([0.0, 0.0, 1.0, 1.0]), (2, 2)).shape == (4, 8)


def test_no_readable_photo_is_said(weights, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"no photo")
    with pytest.raises(TeacherError, match="test_vit has no photo to encode"):
        store_of(config(weights), photos_in(tmp_path / "photos"), tmp_path)


def test_weights_that_are_not_there_are_said(photos, tmp_path):
    with pytest.raises(BackboneError, match="gone.safetensors cannot be read: No such file"):
        store_of(TeacherConfig(name="test_vit", weights="gone.safetensors"), photos, tmp_path)


def test_a_teachers_own_fault_is_no_bad_photo(photos, weights, tmp_path, monkeypatch):
    def fail(teacher, image):
        raise BackboneError("cannot look")

    settings = config(weights)
    store_of(settings, photos, tmp_path / "other")
    monkeypatch.setattr(Teacher, "maps", fail)
    with pytest.raises(BackboneError, match="cannot look"):
        store_of(settings, photos, tmp_path / "cache")


def test_another_process_maps_the_store_for_itself(photos, weights, tmp_path):
    store = store_of(config(weights), photos, tmp_path)
    store.of(0)
    assert len(pickle.dumps(store)) < 5000 and torch.equal(pickle.loads(pickle.dumps(store)).of(2), store.of(2))


# Streams


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet"])
def test_an_online_teacher_looks_at_crops(photos, weights, name):
    teacher = OnlineTeacher(config(weights, name), (photos.read(i) for i in range(COUNT)), CPU)
    crops = torch.rand(3, 3, 48, 48)
    targets, summaries = teacher.targets(crops, (3, 3)), teacher.summaries(crops)
    assert targets.shape == (3, 9, 8) and summaries.shape == (3, 4)
    assert targets.isfinite().all() and summaries.isfinite().all() and not targets.requires_grad
    torch.testing.assert_close(teacher.summaries(crops[1:2]), summaries[1:2], atol=1e-3, rtol=1e-3)


def test_an_online_teacher_says_of_a_photo_what_the_store_says(photos, weights, tmp_path):
    """Square photos at the teacher's own size are looked at in the same way."""
    folder = tmp_path / "square"
    folder.mkdir()
    for i in range(COUNT):
        coarse = np.random.default_rng(i).integers(0, 255, (5, 5, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((64, 64)).save(folder / f"{i}.png")
    square = photos_in(folder)
    store = store_of(config(weights), square, tmp_path / "cache")
    teacher = OnlineTeacher(config(weights), (square.read(i) for i in range(COUNT)), CPU)
    found = teacher.targets(square.read(2)[None].float() / 255, (4, 4))[0]
    torch.testing.assert_close(found, store.crop(2, torch.tensor([0.0, 0.0, 1.0, 1.0]), (4, 4)).float(), atol=0.05,
                               rtol=0.05)


def test_an_online_teacher_without_a_summary_has_none_and_without_photos_is_said(photos, weights):
    teacher = OnlineTeacher(config(weights, summary_weight=0.0), [photos.read(0)], CPU)
    assert teacher.summaries(torch.rand(2, 3, 32, 32)).shape == (2, 0)
    with pytest.raises(TeacherError, match="no photo to encode"):
        OnlineTeacher(config(weights), [], CPU)


class Stream(StreamedPhotos):
    def __init__(self) -> None:
        """Of no source."""


def test_lessons_are_whole_photos_and_what_every_teacher_says_of_them(photos, weights, tmp_path):
    both = (config(weights), config(weights, "test_efficientnet", summary_weight=0.0))
    run = TrainConfig(recipe="smoke", weights={"distillation": 1.0}, teachers=both, steps=1,
                      model=replace(StellarConfig(), native_size=64))
    stores = [store_of(teacher, photos, tmp_path) for teacher in both]
    found = list(taught_photos(run, photos, stores, []))
    assert len(found) == COUNT
    for taught in found:
        num_patches = taught.image.shape[2] // 16 * (taught.image.shape[3] // 16)
        assert [tuple(target.shape) for target in taught.targets] == [(1, num_patches, 8)] * 2
        assert [tuple(whole.shape) for whole in taught.summaries] == [(1, 4), (1, 0)]
    streamed = Stream()
    streamed.some = lambda: [photos.read(i) for i in range(2)]
    online = [OnlineTeacher(teacher, streamed.some(), CPU) for teacher in both]
    for taught, stored in zip(taught_photos(run, streamed, [], online), found, strict=False):
        assert torch.equal(taught.image, stored.image)
        assert [tuple(target.shape) for target in taught.targets] == [tuple(target.shape) for target in stored.targets]
        assert [tuple(whole.shape) for whole in taught.summaries] == [(1, 4), (1, 0)]


def test_a_photo_that_cannot_be_read_is_no_lesson(photos, weights, tmp_path):
    for i in range(COUNT):
        Image.fromarray(photos.read(i).movedim(0, -1).numpy()).save(tmp_path / f"{i}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    seen, teacher = photos_in(tmp_path), config(weights)
    run = TrainConfig(recipe="smoke", weights={"distillation": 1.0}, teachers=(teacher,), steps=1)
    assert len(list(taught_photos(run, seen, [store_of(teacher, seen, tmp_path / "cache")], []))) == COUNT - 1
