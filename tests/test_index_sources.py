"""Sources: folders, files, Parquet and hub data sets give the same photos each time, as their files' own bytes."""

import hashlib
import io
import os

import datasets
import numpy as np
import pytest
from PIL import Image

from index import sources
from index.errors import ConceptIndexError
from index.sources import BadPhoto, SourcePhoto, files, joined, open_source
from photos.limits import Limits

COUNT = 5


def file_of(seed: int, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def photos(tmp_path):
    for number in range(COUNT):
        path = tmp_path / "photos" / ("cat" if number % 2 else "dog") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file_of(number))
    (tmp_path / "photos" / "loose.png").write_bytes(file_of(99))
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    return tmp_path / "photos"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What `datasets` converts stays out of the home folder, and its threads are not waited for."""
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def table(features: dict | None = None, **columns) -> datasets.Dataset:
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features) if features else None)


def test_a_folder_gives_the_bytes_of_its_photos_by_their_paths_each_time_it_is_asked(photos):
    source = open_source(str(photos))
    first, again = list(source), list(source)
    assert first == again and source.num_photos == len(first) == COUNT + 1
    assert [photo.source for photo in first] == sorted(photo.source for photo in first)
    assert all(photo.data == (photos / photo.source).read_bytes() for photo in first)
    assert all(photo.sha256 == hashlib.sha256(photo.data).hexdigest() for photo in first)
    assert {photo.label for photo in first} == {None}


def test_the_pieces_of_a_source_are_the_source(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PHOTOS_A_PIECE", 2)
    tables = tmp_path / "tables"
    tables.mkdir()
    for number in range(3):
        pictures = [file_of(10 * number + row) for row in range(number)]
        table({"image": datasets.Value("binary")}, image=pictures).to_parquet(tables / f"{number}.parquet")
    folder, rows = open_source(str(photos), label_from_folder=True), open_source(str(tables))
    for source, num_pieces in ((folder, 3), (rows, 2), (joined([folder, rows, files([photos / "loose.png"])]), 6)):
        given = [list(piece) for piece in source.pieces]
        assert len(given) == num_pieces and [photo for piece in given for photo in piece] == list(source)
        assert sum(piece.num_photos for piece in source.pieces) == source.num_photos


def test_a_folder_labels_its_photos_when_asked_to(photos):
    labels = {photo.source: photo.label for photo in open_source(str(photos), label_from_folder=True)}
    assert labels["cat/1.png"] == "cat" and labels["dog/0.png"] == "dog" and labels["loose.png"] is None


def test_a_file_that_goes_away_or_cannot_be_read_is_a_bad_photo_and_no_end(photos):
    source = open_source(str(photos))
    (photos / "loose.png").unlink()
    (photos / "cat" / "1.png").unlink()
    (photos / "cat" / "1.png").mkdir()
    bad = [photo for photo in source if isinstance(photo, BadPhoto)]
    assert {photo.source for photo in bad} == {"loose.png", "cat/1.png"}
    assert all(photo.reason.endswith(".") for photo in bad)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_rights_is_a_bad_photo(photos):
    (photos / "loose.png").chmod(0)
    assert [photo.source for photo in open_source(str(photos)) if isinstance(photo, BadPhoto)] == ["loose.png"]


def test_a_file_too_large_is_not_read(photos, monkeypatch):
    monkeypatch.setattr("index.sources.LOCAL", Limits(max_bytes=10, max_pixels=10))
    assert all(isinstance(photo, BadPhoto) and "larger" in photo.reason for photo in open_source(str(photos)))


def test_a_single_photo_and_several_sources_after_each_other(photos):
    one = open_source(str(photos / "loose.png"))
    assert [photo.source for photo in one] == ["loose.png"] and one.num_photos == 1
    both = joined([one, open_source(str(photos / "cat"))])
    assert [photo.source for photo in both] == ["loose.png", "1.png", "3.png"] and both.num_photos == 3
    assert joined([one]) is one
    assert len(list(files([photos / "loose.png", photos / "gone.png"]))) == 2


@pytest.mark.parametrize(("make", "says"), [
    (lambda root: root / "nowhere", "does not exist"),
    (lambda root: "nowhere", "does not exist"),
    (lambda root: "nowhere/deeper/still", "does not exist"),
    (lambda root: "../nowhere", "does not exist"),
    (lambda root: "photos/nowhere.parquet", "does not exist"),
    (lambda root: root / "empty", "holds no photos"),
    (lambda root: root / "texts", "holds no photos"),
    (lambda root: root / "nowhere.parquet", "does not exist"),
    (lambda root: root / "texts" / "torn.parquet", "cannot be read as Parquet"),
])
def test_what_gives_no_photos_is_refused_in_a_sentence(tmp_path, make, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no photo")
    if "torn" in str(make(tmp_path)):
        (tmp_path / "texts" / "torn.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(ConceptIndexError, match=says) as refused:
        open_source(str(make(tmp_path)))
    assert "\n" not in str(refused.value)


def test_parquet_gives_the_files_as_they_were_stored_with_the_names_of_their_classes(tmp_path):
    stored = [file_of(number, kind) for number, kind in enumerate(("PNG", "JPEG", "WEBP"))]
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["dog", "cat"])}
    rows = [{"bytes": data, "path": None} for data in stored]
    table(features, image=rows, label=[0, 1, -1]).to_parquet(tmp_path / "pets.parquet")
    source = open_source(str(tmp_path / "pets.parquet"))
    assert list(source) == list(source) and source.num_photos == 3
    assert [photo.data for photo in source] == stored
    assert [photo.label for photo in source] == ["dog", "cat", None]
    assert [photo.source for photo in source] == [f"pets.parquet row {number}" for number in range(3)]


def test_a_folder_of_parquet_is_one_source_and_its_columns_can_be_named(tmp_path):
    for part in range(2):
        table(front=[file_of(part)], back=[file_of(10 + part)], kind=[f"kind {part}"]).to_parquet(
            tmp_path / f"{part}.parquet")
    found = list(open_source(str(tmp_path)))
    assert [photo.data for photo in found] == [file_of(0), file_of(1)] and found[0].label is None
    named = list(open_source(str(tmp_path), column="back", label_column="kind"))
    assert [photo.data for photo in named] == [file_of(10), file_of(11)]
    assert [photo.label for photo in named] == ["kind 0", "kind 1"]


def test_rows_without_a_picture_are_bad_photos(tmp_path):
    table(image=[file_of(0), None], label=["a", None]).to_parquet(tmp_path / "a.parquet")
    good, bad = open_source(str(tmp_path / "a.parquet"))
    assert isinstance(good, SourcePhoto) and good.label == "a"
    assert isinstance(bad, BadPhoto) and bad.source == "a.parquet row 1"


@pytest.mark.parametrize(("options", "says"), [
    ({"column": "gone"}, "has no column 'gone'; it has number, label"),
    ({}, "has no column of pictures; it has number, label"),
    ({"label_from_folder": True}, "no folder of photos"),
])
def test_a_table_without_the_columns_says_which_it_has(tmp_path, options, says):
    table(number=[1, 2], label=["a", "b"]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ConceptIndexError, match=says):
        open_source(str(tmp_path / "a.parquet"), **options)


def test_a_table_without_the_wanted_labels_says_which_columns_it_has(tmp_path):
    table(image=[file_of(0)]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ConceptIndexError, match="it has image"):
        open_source(str(tmp_path / "a.parquet"), label_column="label")


def test_an_empty_table_and_columns_of_a_folder_are_refused(tmp_path, photos):
    table({"image": datasets.Image()}, image=[]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ConceptIndexError, match="holds no rows"):
        open_source(str(tmp_path / "a.parquet"))
    for options in ({"column": "image"}, {"label_column": "label"}):
        with pytest.raises(ConceptIndexError, match="no table"):
            open_source(str(photos), **options)


def test_a_folder_of_photos_that_holds_tables_too_is_a_folder_of_photos(photos):
    table(image=[file_of(0)]).to_parquet(photos / "concepts.parquet")
    assert open_source(str(photos)).num_photos == COUNT + 1


def hub_of(monkeypatch, made):
    """A hub that holds one data set, "pets/all"."""
    asked = []

    def load_dataset(path, **options):
        asked.append((path, options))
        return made

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


def test_a_hub_data_set_is_streamed_undecoded(monkeypatch):
    breeds = datasets.ClassLabel(names=["tabby"])
    features = {"image": datasets.Image(), "breed": breeds, "other": datasets.Value("int8")}
    rows = [{"bytes": b"no picture at all", "path": None}, {"bytes": file_of(1), "path": None}]
    asked = hub_of(monkeypatch, table(features, image=rows, breed=[0, 0], other=[1, 2]).to_iterable_dataset())
    found = list(open_source("pets/all", split="test", config="small"))
    assert asked == [("pets/all", {"streaming": True, "name": "small", "split": "test"})]
    assert [photo.data for photo in found] == [b"no picture at all", file_of(1)]
    assert [(photo.source, photo.label) for photo in found] == [
        ("pets/all test row 0", "tabby"), ("pets/all test row 1", "tabby")]


def test_rows_that_only_name_their_files_are_read(monkeypatch, tmp_path):
    (tmp_path / "here.png").write_bytes(file_of(3))
    rows = [{"bytes": None, "path": str(tmp_path / name)} for name in ("here.png", "gone.png")]
    hub_of(monkeypatch, table({"image": datasets.Image()}, image=rows).to_iterable_dataset())
    here, gone = open_source("pets/all")
    assert here.data == file_of(3) and isinstance(gone, BadPhoto)


def test_a_stream_that_breaks_off_says_so_after_what_came_before(monkeypatch):
    def rows():
        yield {"image": {"bytes": file_of(0), "path": None}}
        raise ConnectionError("the line is dead\nand more")

    features = datasets.Features({"image": datasets.Image()})
    hub_of(monkeypatch, datasets.IterableDataset.from_generator(rows, features=features))
    found = iter(open_source("pets/all"))
    assert next(found).data == file_of(0)
    with pytest.raises(ConceptIndexError, match=r"broke off \(.*the line is dead\).*goes on where it stopped"):
        next(found)


def test_a_hub_data_set_that_cannot_be_had_is_one_sentence(monkeypatch):
    def load_dataset(path, **options):
        raise FileNotFoundError("Couldn't find it\non the hub")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(ConceptIndexError, match="as a hub data set it cannot be had: Couldn't find it$"):
        open_source("pets/none")
