"""What --data names: hub data sets, saved ones and Parquet, with their columns and splits, one sentence where not."""

import io
import json
import shutil

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from photos.sources.errors import SourceError
from photos.sources.hub import is_kept
from train.evaluators.opening import Reading, open_set
from train.evaluators.protocols import photos_of
from train.tables.declaration import PETS
from train.tables.downstream import TABLE
from train.tables.run import opened

BREEDS = datasets.ClassLabel(names=["abyssinian", "beagle"])


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What `datasets` keeps is kept here alone, and its threads are not waited for."""
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def png(pixels: np.ndarray) -> dict:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def table(*, count: int = 4, mask: str = "annotation") -> datasets.Dataset:
    """Photos of two classes in turn, with masks of a 1 on the left and a 2 on the right."""
    photos = [png(np.full((16, 24, 3), 40 * number % 256, np.uint8)) for number in range(count)]
    values = np.repeat(np.array([[1] * 12 + [2] * 12], np.uint8), 16, axis=0)
    features = {"image": datasets.Image(), "label": BREEDS, mask: datasets.Image(), "text": datasets.Value("string")}
    return datasets.Dataset.from_dict(
        {"image": photos, "label": [number % 2 for number in range(count)], mask: [png(values)] * count,
         "text": ["words"] * count}, features=datasets.Features(features))


def hub_of(monkeypatch, made) -> list:
    """A hub that gives one table for any name; what it was asked for is kept."""
    asked = []

    def load_dataset(path, **options):
        asked.append((path, options))
        if isinstance(made, Exception):
            raise made
        return made.to_iterable_dataset() if options["streaming"] else made

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


def keep(tmp_path, name: str, split: str, config: str = "default") -> None:
    """As `datasets` leaves it in its cache when a data set was fetched."""
    file = tmp_path / f"{split}.parquet"
    table().to_parquet(file)
    datasets.load_dataset("parquet", data_files={split: str(file)})
    cache, owner, short = tmp_path / "cache", *name.split("/")
    kept = cache / f"{owner}___{short}" / config
    kept.parent.mkdir()
    shutil.move(next((cache / "parquet").iterdir()), kept)
    for arrow in kept.rglob("parquet-*.arrow"):
        arrow.rename(arrow.with_name(arrow.name.replace("parquet-", f"{short}-")))


@pytest.mark.parametrize("streaming", [False, True])
def test_a_hub_data_set_by_its_name(monkeypatch, streaming):
    asked = hub_of(monkeypatch, table())
    photos = open_set("pets/all", reading=Reading(split="test", config="small", streaming=streaming))
    assert asked == [("pets/all", {"streaming": streaming, "name": "small", "split": "test"})]
    assert photos.title == "pets/all small test"
    assert photos.described == "pets/all small test (4 photos; columns image, label, annotation)"
    assert photos.class_names == ["abyssinian", "beagle"] and photos.labels == [0, 1, 0, 1]
    for _ in range(2):  # a stream begins anew
        assert [int(photos.read(index)[0, 0, 0]) for index in range(4)] == [0, 40, 80, 120]
    assert int(photos.read(1)[0, 0, 0]) == 40
    first, second = photos.outlines(2)
    assert (first.label, second.label) == ("1", "2") and not first.mask(8)[:, 4:].any() and second.mask(8)[:, 4:].all()


def test_of_a_stream_the_first_rows_are_a_try_and_of_a_table_rows_of_each_class(monkeypatch):
    hub_of(monkeypatch, table(count=12))
    assert open_set("pets/all", reading=Reading(streaming=True), limit=3).labels == [0, 1, 0]
    assert open_set("pets/all", limit=4).labels == [0, 1, 0, 1]


def test_a_stream_that_breaks_off_or_shrinks_is_no_bad_photo(monkeypatch):
    class Line:
        left = 4  # rows that the line lasts for

        def rows(self):
            for row in table():
                if not self.left:
                    raise ConnectionError("the line is dead")
                self.left -= 1
                yield row

    line = Line()
    rows = datasets.IterableDataset.from_generator(line.rows, features=table().features)
    monkeypatch.setattr(datasets, "load_dataset", lambda path, **options: rows)
    photos = open_set("pets/all", reading=Reading(streaming=True))
    line.left = 1
    assert photos.read(0) is not None
    with pytest.raises(SourceError, match="pets/all broke off"):
        photos.read(1)
    assert not photos.skipped


def test_every_protocol_takes_it(monkeypatch):
    hub_of(monkeypatch, table())
    sets = photos_of(["pets/all"], None, limit=None)
    assert {"knn", "linear_probe", "segmentation", "objects", "mass", "reconstruction"} <= set(sets)
    assert len({id(photos) for photos in sets.values()}) == 1
    assert list(photos_of(["segmentation=pets/all"], "segmentation", limit=None)) == ["segmentation"]


def test_a_saved_data_set_and_its_splits(tmp_path):
    datasets.DatasetDict({"train": table(), "test": table(count=6)}).save_to_disk(tmp_path / "both")
    table().save_to_disk(tmp_path / "one")
    assert len(open_set(tmp_path / "both", reading=Reading(split="test"))) == 6
    assert open_set(tmp_path / "one").class_names == ["abyssinian", "beagle"]
    with pytest.raises(ValueError, match=r"has the splits test, train; .* give --split test"):
        open_set(tmp_path / "both")


def test_a_folder_of_a_split_has_the_classes_in_it(tmp_path):
    for split in ("train", "val"):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(tmp_path / split / name / "0.png")
    photos = open_set(tmp_path, reading=Reading(split="validation"))
    assert len(photos) == 2 and photos.class_names == ["cat", "dog"]


def test_columns_by_name(tmp_path):
    table(mask="outline").to_parquet(tmp_path / "a.parquet")
    assert open_set(tmp_path).mask is None
    photos = open_set(tmp_path, reading=Reading(column="image", label_column="label", mask_column="outline"))
    assert photos.has_outlines and (photos.image, photos.label) == ("image", "label")


@pytest.mark.parametrize(("colours", "labels"), [
    (((0, 0, 0), (128, 64, 128), (224, 224, 192)), ["#804080"]),  # black and VOC's border are nobody's
    (((0, 0, 0), (7, 7, 7), (255, 255, 255)), ["7"]),
])
def test_masks_of_colours(tmp_path, colours, labels):
    pixels = np.repeat(np.array([colours], np.uint8), 3, axis=0)
    datasets.Dataset.from_dict(
        {"image": [png(pixels)], "mask": [png(pixels)]},
        features=datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})).save_to_disk(tmp_path / "a")
    assert [area.label for area in open_set(tmp_path / "a").outlines(0)] == labels


# A table's declared data sets


def test_a_table_takes_what_it_declares(monkeypatch):
    asked = hub_of(monkeypatch, table())
    data = opened(TABLE, ["pets", "ade20k", "food-101=other/food"], Reading(), limit=None)
    assert [(name, options["name"], options["split"]) for name, options in asked] == [
        ("timm/oxford-iiit-pet", None, "test"), ("zhoubolei/scene_parse_150", "scene_parsing", "validation"),
        ("other/food", None, "validation")]
    assert data["ade20k"].mask == "annotation" and data["pets"].label == "label"
    with pytest.raises(ValueError, match="of GlaS no data set of the hub is known; give --data glas=FOLDER"):
        opened(TABLE, ["glas"], Reading(), limit=None)


def test_without_data_the_declared_are_had_from_the_cache_and_nothing_is_fetched(tmp_path, capsys):
    with pytest.raises(ValueError, match=r"It would fetch imagenet-1k from .*; pets from timm/oxford-iiit-pet \(test"):
        opened(TABLE, [], Reading(), limit=None)
    keep(tmp_path, PETS.hub, "test")
    assert is_kept(PETS.hub, None, "test") and not is_kept(PETS.hub, None, "train")
    before = datasets.config.HF_HUB_OFFLINE
    data = opened(TABLE, [], Reading(), limit=None)
    assert list(data) == ["pets"] and data["pets"].labels == [0, 1, 0, 1]
    assert torch.equal(data["pets"].read(3), torch.full((3, 16, 24), 120, dtype=torch.uint8))
    told = capsys.readouterr().err
    assert "pets: had from the cache" in told and "food-101 from ethz/food101" in told
    assert before == datasets.config.HF_HUB_OFFLINE, "other commands go on as they were"


def test_what_datasets_has_begun_to_fetch_is_not_there_yet(tmp_path):
    keep(tmp_path, PETS.hub, "test")
    for told in (tmp_path / "cache").rglob("dataset_info.json"):
        told.unlink()
    with pytest.raises(ValueError, match="It would fetch"):
        opened(TABLE, [], Reading(), limit=None)


# What a person can mend


def test_a_gated_data_set_and_one_that_is_not_there(monkeypatch):
    hub_of(monkeypatch, ConnectionError("Dataset 'a/b' is a gated dataset on the Hub. You must be authenticated"))
    with pytest.raises(SourceError, match=r"^a/b is gated: accept its terms .* hf auth login, and run the same"):
        open_set("a/b")
    hub_of(monkeypatch, FileNotFoundError("Couldn't find it"))
    with pytest.raises(SourceError, match="as a hub data set it cannot be had: Couldn't find it$"):
        open_set("a/b")


def test_half_a_download(tmp_path):
    for number in (0, 2):
        table().to_parquet(tmp_path / f"test-0000{number}-of-00003.parquet")
    with pytest.raises(SourceError, match=r"is half downloaded \(test-00001-of-00003 is not there\); run hf download"):
        open_set(tmp_path)
    table().to_parquet(tmp_path / "test-00001-of-00003.parquet")
    assert len(open_set(tmp_path)) == 12
    rest = tmp_path / ".cache" / "huggingface" / "download" / "data"
    rest.mkdir(parents=True)
    (rest / "0.incomplete").touch()
    with pytest.raises(SourceError, match="is half downloaded; run hf download"):
        open_set(tmp_path)


def test_half_a_saved_data_set(tmp_path):
    table().save_to_disk(tmp_path / "saved")
    state = json.loads((tmp_path / "saved" / "state.json").read_text())
    (tmp_path / "saved" / state["_data_files"][0]["filename"]).unlink()
    with pytest.raises(SourceError, match="cannot be read as a saved data set"):
        open_set(tmp_path / "saved")


@pytest.mark.parametrize(("reading", "sentence"), [
    (Reading(column="picture"), "has no column 'picture'; it has image, label, annotation, text"),
    (Reading(label_column="breed"), "has no column 'breed'"),
    (Reading(mask_column="outline"), "has no column 'outline'"),
    (Reading(mask_column="text"), "the column 'text' holds no pictures, so no masks"),
    (Reading(streaming=True), "is at hand and is read where it lies; leave --streaming out"),
])
def test_columns_that_are_not_there(tmp_path, reading, sentence):
    table().to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=sentence):
        open_set(tmp_path / "a.parquet", reading=reading)


def test_a_data_set_of_another_task(tmp_path):
    table().remove_columns(["label", "annotation"]).to_parquet(tmp_path / "a.parquet")
    datasets.Dataset.from_dict({"text": ["words"]}).to_parquet(tmp_path / "words.parquet")
    with pytest.raises(ValueError, match=r"has no classes \(it has the columns image, text; --label-column names ano"):
        photos_of([f"knn={tmp_path / 'a.parquet'}"], "knn", limit=None)
    with pytest.raises(ValueError, match=r"has no column of photos \(it has text\)"):
        open_set(tmp_path / "words.parquet")


def test_columns_of_a_folder(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    with pytest.raises(ValueError, match="is no table, so it has no columns"):
        open_set(tmp_path, reading=Reading(mask_column="mask"))
