"""Sources: folders, files, Parquet and hub data sets give the same photos each time, as their files' own bytes."""

import hashlib
import io
import os
import tarfile

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from photos.limits import Limits
from photos.sources import files as files_module
from photos.sources.errors import SourceError
from photos.sources.files import files
from photos.sources.open import find_photos, open_source
from photos.sources.parquet import ParquetCells, ParquetTables
from photos.sources.report import Reason
from photos.sources.source import BadPhoto, SourcePhoto, joined

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
    monkeypatch.setattr(files_module, "PHOTOS_A_PIECE", 2)
    tables = tmp_path / "tables"
    tables.mkdir()
    for number in range(3):
        pictures = [file_of(10 * number + row) for row in range(number)]
        table({"image": datasets.Value("binary")}, image=pictures).to_parquet(tables / f"{number}.parquet")
    folder, rows = open_source(str(photos), label_from_folder=True), open_source(str(tables))
    loose = files([photos / "loose.png"]).source()
    for source, num_pieces in ((folder, 3), (rows, 2), (joined([folder, rows, loose]), 6)):
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


def test_a_file_too_large_is_not_read(photos):
    source = open_source(photos, limits=Limits(10, 100))
    assert all(isinstance(photo, BadPhoto) and "larger" in photo.reason for photo in source)


def test_a_single_photo_and_several_sources_after_each_other(photos):
    one = open_source(str(photos / "loose.png"))
    assert [photo.source for photo in one] == ["loose.png"] and one.num_photos == 1
    both = joined([one, open_source(str(photos / "cat"))])
    assert [photo.source for photo in both] == ["loose.png", "1.png", "3.png"] and both.num_photos == 3
    assert joined([one]) is one
    assert len(list(files([photos / "loose.png", photos / "gone.png"]).source())) == 2


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
    with pytest.raises(SourceError, match=says) as refused:
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


def test_cells_of_parquet_by_their_rows_through_all_files(tmp_path):
    for number, rows in enumerate(([0, 1, 2, 3, 4], [5], [6, 7])):
        pq.write_table(pa.table({"mask": [bytes([row]) for row in rows], "row": rows}), tmp_path / f"{number}.parquet",
                       row_group_size=2)
    paths = sorted(tmp_path.iterdir())
    cells = ParquetTables("masks", tuple(paths)).cells()
    assert len(cells) == 8 and cells.column("row") == list(range(8))
    for row in (7, 0, 4, 5, 3, 6, 2, 1):
        assert cells.cell(row, "mask") == bytes([row]) and cells.cell(row, "row") == row
        assert cells.path_of(row) == paths[0 if row < 5 else 1 if row < 6 else 2]
    paths[1].write_bytes(b"PAR1 and then nothing")
    with pytest.raises(SourceError, match=r"1\.parquet cannot be read as Parquet"):
        ParquetCells(paths)


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
    with pytest.raises(SourceError, match=says):
        open_source(str(tmp_path / "a.parquet"), **options)


def test_a_table_without_the_wanted_labels_says_which_columns_it_has(tmp_path):
    table(image=[file_of(0)]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="it has image"):
        open_source(str(tmp_path / "a.parquet"), label_column="label")


def test_an_empty_table_and_columns_of_a_folder_are_refused(tmp_path, photos):
    table({"image": datasets.Image()}, image=[]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="holds no rows"):
        open_source(str(tmp_path / "a.parquet"))
    for options in ({"column": "image"}, {"label_column": "label"}):
        with pytest.raises(SourceError, match="no table"):
            open_source(str(photos), **options)


def clone(root, **splits: int):
    """A hub data set as it is cloned: data/train-00000-of-00002.parquet and the like."""
    first = 0
    for split, count in splits.items():
        for shard in range(2):
            path = root / "data" / f"{split}-{shard:05}-of-00002.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            table(image=[file_of(first + number) for number in range(shard, count, 2)]).to_parquet(path)
        first += count
    (root / "README.md").write_text("---\n---\n")
    return root


def test_a_cloned_data_set_keeps_its_splits(tmp_path):
    root = clone(tmp_path / "pets", train=4, test=2, extra=2)
    train, test, extra = (open_source(root, split=split) for split in (None, "test", "extra"))
    assert {photo.data for photo in train} == {file_of(number) for number in range(4)} and train.num_photos == 4
    assert [photo.source for photo in test] == ["pets test row 0", "pets test row 1"] and extra.num_photos == 2
    assert train.left_out.counts == {Reason.SPLIT: 4, Reason.ENDING: 1}
    assert open_source(root, split="all").num_photos == 8
    with pytest.raises(SourceError, match="has no split 'nosuch'; it has extra, test, train; name another"):
        open_source(root, split="nosuch")


def test_a_data_set_with_one_split_that_is_not_train_is_read_and_train_is_not_guessed(tmp_path):
    root = clone(tmp_path / "pets", test=2)
    assert open_source(root).num_photos == 2
    with pytest.raises(SourceError, match="has no split 'train'; it has test"):
        open_source(root, split="train")
    (tmp_path / "two").mkdir()
    with pytest.raises(SourceError, match="has no split train; it has test, validation"):
        open_source(clone(tmp_path / "two", test=1, validation=1))
    for split in (None, "train", "all"):  # tables of no split are everything
        assert open_source(root / "data" / "test-00000-of-00002.parquet", split=split).num_photos == 1


def test_splits_are_also_told_by_folders(tmp_path):
    for split, seed in (("train", 0), ("valid", 1)):
        (tmp_path / split).mkdir()
        table(image=[file_of(seed)]).to_parquet(tmp_path / split / "0000.parquet")
    assert [photo.data for photo in open_source(tmp_path)] == [file_of(0)]
    assert [photo.data for photo in open_source(tmp_path, split="validation")] == [file_of(1)]


def test_configurations_of_a_clone_are_folders(tmp_path):
    for config, seed in (("small", 0), ("large", 1)):
        clone_of = tmp_path / config
        clone_of.mkdir()
        table(image=[file_of(seed)]).to_parquet(clone_of / "train-00000-of-00001.parquet")
    assert [photo.data for photo in open_source(tmp_path, config="large")] == [file_of(1)]
    with pytest.raises(SourceError, match="no configuration 'huge'; it has large, small"):
        open_source(tmp_path, config="huge")


def test_a_pointer_of_git_lfs_is_named_as_one(tmp_path):
    (tmp_path / "a.parquet").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
    with pytest.raises(SourceError, match="is a Git LFS pointer"):
        open_source(tmp_path)


@pytest.mark.parametrize("split", [False, True])
def test_a_saved_data_set_is_read(tmp_path, split):
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["dog", "cat"])}
    rows = [{"bytes": file_of(number), "path": None} for number in range(3)]
    saved = table(features, image=rows, label=[0, 1, 1])
    if split:
        saved = datasets.DatasetDict({"train": saved, "test": saved.select([2])})
    saved.save_to_disk(tmp_path / "saved")
    source = open_source(tmp_path / "saved")
    assert [photo.data for photo in source] == [file_of(number) for number in range(3)]
    assert [photo.label for photo in source] == ["dog", "cat", "cat"]
    assert [photo.source for photo in source] == [f"saved row {number}" for number in range(3)]
    if split:
        assert [photo.source for photo in open_source(tmp_path / "saved", split="test")] == ["saved test row 0"]
        assert open_source(tmp_path / "saved", split="all").num_photos == 4
    with pytest.raises(SourceError, match="has no split 'nosuch'"):
        open_source(tmp_path / "saved", split="nosuch")


def test_a_column_of_paths_is_read_beside_its_table(tmp_path):
    for number in range(3):
        place = tmp_path / "set" / f"{number}"
        (place / "jpg").mkdir(parents=True)
        (place / "jpg" / "a.png").write_bytes(file_of(number))
        table(words=["b", "c"], file_name=["jpg/a.png", "jpg/gone.png"]).to_parquet(place / "t.parquet")
    one = open_source(tmp_path / "set" / "1" / "t.parquet")
    good, bad = one
    assert good.data == file_of(1) and isinstance(bad, BadPhoto) and "does not exist" in bad.reason
    several = open_source(tmp_path / "set", column="file_name")  # each beside its own table, though all are named alike
    assert [photo.data for photo in several if isinstance(photo, SourcePhoto)] == [file_of(n) for n in range(3)]
    assert several.num_photos == 6 and [photo for piece in several.pieces for photo in piece] == list(several)


def test_a_column_of_lists_is_a_photo_each(tmp_path):
    features = {"images": datasets.List(datasets.Image()), "label": datasets.Value("string")}
    rows = [[{"bytes": file_of(0), "path": None}, {"bytes": file_of(1), "path": None}], [],
            [{"bytes": file_of(2), "path": None}], None]
    table(features, images=rows, label=["a", "b", "c", "d"]).to_parquet(tmp_path / "a.parquet")
    *good, bad = open_source(tmp_path / "a.parquet")
    assert [(photo.data, photo.label) for photo in good] == [(file_of(0), "a"), (file_of(1), "a"), (file_of(2), "c")]
    assert [photo.source for photo in good] == ["a.parquet row 0.0", "a.parquet row 0.1", "a.parquet row 2.0"]
    assert isinstance(bad, BadPhoto)
    rows = find_photos(tmp_path / "a.parquet").by_number()
    assert [rows.content_of(number) for number in range(3)] == [file_of(0), file_of(1), file_of(2)]
    assert len(rows) == 4 and rows.name_of(2) == "row 2.0"


def pack(path, members: dict[str, bytes], mode: str = "w"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("b.tgz", "w:gz")])
def test_a_tar_file_of_pictures_is_read_where_it_lies(tmp_path, name, mode):
    members = {"./cat/0.jpg": file_of(0), "cat/0.json": b"{}", "dog/1": file_of(1, "WEBP"), "dog/._1.jpg": b"\0\5",
               "dog/words": b"no picture", os.fsdecode(b"caf\xe9.png"): file_of(2)}
    source = open_source(pack(tmp_path / name, members, mode), label_from_folder=True)
    assert list(source) == list(source)
    assert [(photo.source, photo.label) for photo in source] == [
        ("cat/0.jpg", "cat"), ("dog/1", "dog"), ("caf\\xe9.png", None)]
    assert [photo.data for photo in source] == [file_of(0), file_of(1, "WEBP"), file_of(2)]
    if mode == "w":
        assert source.num_photos == 3
        assert source.left_out.counts == {Reason.ENDING: 1, Reason.CLUTTER: 1, Reason.HEAD: 1}


def test_shards_of_tar_files_are_one_source_with_splits(tmp_path):
    for split in ("train", "test"):
        for shard in range(2):
            members = {f"{shard}{number}.{kind}": file_of(shard * 2 + number) if kind == "jpg" else b"0"
                       for number in range(2) for kind in ("jpg", "cls")}
            pack(tmp_path / f"{split}-{shard:04}.tar", members)
    (tmp_path / "sizes.json").write_text("{}")
    source = open_source(tmp_path)
    assert [photo.source for photo in source] == [
        f"train-000{shard}.tar/{shard}{number}.jpg" for shard in range(2) for number in range(2)]
    assert [photo for piece in source.pieces for photo in piece] == list(source) and len(source.pieces) == 2
    assert source.left_out.counts[Reason.SPLIT] == 2 and open_source(tmp_path, split="all").num_photos == 8


def test_a_tar_file_that_is_cut_short_gives_what_came_before(tmp_path):
    path = pack(tmp_path / "a.tar", {f"{number}.png": file_of(number) for number in range(3)})
    path.write_bytes(path.read_bytes()[:4000])
    found = list(open_source(path))
    assert found[0].data == file_of(0) and isinstance(found[-1], BadPhoto) and "tar file ends" in found[-1].reason
    path.write_bytes(b"no tar file at all")
    with pytest.raises(SourceError, match="holds no photos .*name a tar file with pictures"):
        open_source(path)
    broken = pack(tmp_path / "b.tar.gz", {f"{number}.png": file_of(number) for number in range(3)}, "w:gz")
    broken.write_bytes(broken.read_bytes()[:-2500])
    photos = iter(open_source(broken))
    assert next(photos).data == file_of(0)
    with pytest.raises(SourceError, match="a hub data set|broke off"):
        list(photos)


def test_every_reader_of_a_tar_gives_the_same(tmp_path):
    path = pack(tmp_path / "a.tar", {f"{number}.png": file_of(number) for number in range(3)})
    found = find_photos(path)
    by_number = found.by_number()
    assert [by_number.content_of(number) for number in range(3)] == [photo.data for photo in found.source()]
    stream = found.stream()
    assert [row["image"]["bytes"] for row in stream.table] == [photo.data for photo in found.source()]
    packed = find_photos(pack(tmp_path / "a.tgz", {"0.png": file_of(0)}, "w:gz"))
    assert [row["image"]["bytes"] for row in packed.stream().table] == [file_of(0)]
    with pytest.raises(SourceError, match="is compressed"):
        packed.by_number()


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


def test_a_stream_that_does_not_know_its_columns_tells_them_by_its_first_row(monkeypatch):
    rows = datasets.IterableDataset.from_generator(lambda: iter([{"jpg": file_of(n), "number": n} for n in range(2)]))
    assert rows.features is None
    hub_of(monkeypatch, rows)
    assert [photo.data for photo in open_source("pets/all")] == [file_of(0), file_of(1)]


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
    with pytest.raises(SourceError, match=r"broke off \(.*the line is dead\).*goes on where it stopped"):
        next(found)


def test_a_hub_data_set_that_cannot_be_had_is_one_sentence(monkeypatch):
    def load_dataset(path, **options):
        raise FileNotFoundError("Couldn't find it\non the hub")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(SourceError, match="as a hub data set it cannot be had: Couldn't find it$"):
        open_source("pets/none")
