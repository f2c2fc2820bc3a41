"""Exports: other programs open them as they are, and find in them what the index holds."""

import errno
import io
import os

import datasets
import numpy as np
import pandas
import pytest
from PIL import Image
from pyarrow import parquet

from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.store import export, rle
from tests.fakes.index import FAKE_MODEL, fake_encoded


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with ConceptIndex.create(tmp_path_factory.mktemp("index") / "index", model=FAKE_MODEL) as made:
        made.add([fake_encoded(seed, label="cat" if seed % 2 else None) for seed in range(6)])
        made.add([fake_encoded(6, num_concepts=0), fake_encoded(7)])
        made.remove([2])
        yield made


@pytest.fixture(scope="module")
def tables(index, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables") / "made"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "ROWS_AT_ONCE", 8)  # so that several tables become one file
        written = index.export(folder)
    assert written == [folder / "concepts.parquet", folder / "photos.parquet"] and set(folder.iterdir()) == set(written)
    return folder


def test_concepts_as_pandas_reads_them(index, tables):
    table = pandas.read_parquet(tables / "concepts.parquet")
    concepts = index.concepts(index.columns("id")["id"])
    assert table["concept"].tolist() == [concept.id for concept in concepts] and len(table) == index.num_concepts
    np.testing.assert_array_equal(np.stack(table["vector"]), index.vectors(table["concept"].to_numpy()))
    for row, concept in zip(table.itertuples(), concepts, strict=True):
        photo = index.photo(concept.photo)
        assert (row.photo, row.token, row.source) == (photo.id, concept.token, photo.source)
        assert row.label == photo.label if photo.label else pandas.isna(row.label)
        assert (row.mass, row.peak) == pytest.approx((concept.mass, concept.peak))
        assert (row.x, row.y, row.left, row.top, row.right, row.bottom) == pytest.approx(
            (*concept.centroid, *concept.box))
        mask = rle.decode(row.mask.tolist(), (row.patch_rows, row.patch_cols))
        assert np.array_equal(mask, rle.decode(concept.mask, concept.patch_grid))
        named = [(row.name_1, row.name_1_score), (row.name_2, row.name_2_score), (row.name_3, row.name_3_score)]
        assert [pair for pair in named if not pandas.isna(pair[0])] == [
            (word, pytest.approx(score)) for word, score in concept.names]


def test_photos_as_datasets_reads_them(index, tables, tmp_path):
    data = datasets.Dataset.from_parquet(str(tables / "photos.parquet"), cache_dir=str(tmp_path))
    photos = index.photos()
    assert data["sha256"] == [photo.sha256 for photo in photos] and data["label"] == [photo.label for photo in photos]
    assert data["num_concepts"] == [len(index.concepts_of(photo.id)) for photo in photos]
    assert isinstance(data.features["thumbnail"], datasets.Image)
    for row, photo in zip(data, photos, strict=True):
        thumbnail = Image.open(io.BytesIO(index.thumbnail(photo.id)))
        assert np.array_equal(np.asarray(row["thumbnail"]), np.asarray(thumbnail))
        assert (row["photo"], row["source"], row["width"], row["height"]) == (photo.id, photo.source, *photo.size)
    np.testing.assert_array_equal(data["summary"], index.summaries(data["photo"]))


def test_vectors_are_lists_of_one_length_as_embedding_atlas_wants_them(tables):
    kind = parquet.read_schema(tables / "concepts.parquet").field("vector").type
    assert str(kind) in (f"fixed_size_list<element: float>[{FAKE_MODEL.width}]",
                         f"fixed_size_list<item: float>[{FAKE_MODEL.width}]")
    assert parquet.ParquetFile(tables / "concepts.parquet").num_row_groups > 1


def test_an_empty_index_gives_empty_tables(tmp_path):
    with ConceptIndex.create(tmp_path / "index", model=FAKE_MODEL) as empty:
        concepts, photos = empty.export(tmp_path / "tables")
        assert len(pandas.read_parquet(concepts)) == len(pandas.read_parquet(photos)) == 0


def test_what_is_there_is_not_written_over(index, tables):
    before = (tables / "photos.parquet").read_bytes()
    with pytest.raises(ConceptIndexError, match="concepts.parquet is there already; choose another --out"):
        index.export(tables)
    assert (tables / "photos.parquet").read_bytes() == before


def test_a_full_disk_is_a_sentence_and_leaves_no_half_of_a_file(index, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(parquet.ParquetWriter, "write_table", full)
    with pytest.raises(ConceptIndexError, match=r"cannot be written \(No space left on device\); make room"):
        index.export(tmp_path / "tables")
    assert list((tmp_path / "tables").iterdir()) == []


def test_damage_is_not_exported(tmp_path):
    with ConceptIndex.create(tmp_path / "index", model=FAKE_MODEL) as made:
        made.add([fake_encoded(0)])
        [file] = (tmp_path / "index" / "shards").glob("*.safetensors")
        with open(file, "r+b") as opened:
            opened.seek(-3, os.SEEK_END)
            opened.write(b"xyz")
        with pytest.raises(ConceptIndexError, match=f"{file.name} is damaged"):
            made.export(tmp_path / "tables")
        assert list((tmp_path / "tables").iterdir()) == []


def test_a_kind_that_there_is_not_is_named(index, tmp_path):
    with pytest.raises(ConceptIndexError, match="no export to csv; choose parquet or lance"):
        index.export(tmp_path, file_format="csv")


def test_lance_gives_the_same_tables(index, tables, tmp_path):
    lance = pytest.importorskip("lance", reason="Lance is not installed (pip install pylance)")
    concepts, photos = index.export(tmp_path / "lance", file_format="lance")
    for found, name in ((concepts, "concepts"), (photos, "photos")):
        expected = parquet.read_table(tables / f"{name}.parquet")
        assert lance.dataset(str(found)).to_table().to_pylist() == expected.to_pylist()


def test_without_lance_that_is_said(index, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lance", None)
    with pytest.raises(ConceptIndexError, match="Lance is not installed; install it"):
        index.export(tmp_path, file_format="lance")
