"""Staging: parts become the shards that a local build writes, whatever part a photo lies in."""

from dataclasses import replace

import numpy as np
import pytest

from index.errors import ConceptIndexError
from index.store import staging
from index.store.concept_table import split, table_of
from index.store.shards import open_shard
from index.store.staging import gathered, planned, staged_photos, write_part, write_shard
from index.store.thumbnails import read
from tests.fakes.index import FAKE_MODEL, fake_encoded

WIDTHS = {"width": FAKE_MODEL.width, "summary_width": FAKE_MODEL.summary_width}
PHOTOS = [fake_encoded(seed, num_concepts=seed % 5) for seed in range(20)]


@pytest.fixture
def staged(tmp_path):
    """Three parts, whose photos take turns."""
    for part in range(3):
        write_part(tmp_path, PHOTOS[part::3], FAKE_MODEL)
    found = staged_photos(tmp_path)
    return [found[encoded.photo.sha256] for encoded in PHOTOS]


@pytest.mark.parametrize("full", [1, 7, 8, 1000])
def test_shards_from_parts_are_those_that_the_photos_make_at_once(tmp_path, staged, full):
    wanted = list(split(table_of(PHOTOS, first_concept=100, first_photo=50, **WIDTHS), full=full))
    plans = list(planned(staged, first_concept=100, first_photo=50, first_file=9, full=full))
    assert len(plans) == len(wanted)
    numbers = [number for plan in plans for number in (plan.number, plan.pack_number)]
    assert numbers == list(range(9, 9 + 2 * len(plans)))
    pictures = []
    for plan, rows in zip(plans, wanted, strict=True):
        shard = write_shard(tmp_path, plan, FAKE_MODEL)
        made = open_shard(tmp_path, plan.number, **WIDTHS)
        assert [made.concept(row) for row in range(len(made))] == [rows.concept(row) for row in range(len(rows))]
        assert np.array_equal(made.table.vectors, rows.vectors) and np.array_equal(made.table.summaries, rows.summaries)
        assert np.array_equal(made.table.photo_ids, rows.photo_ids)
        for name in ("vector_sum", "crc"):
            assert np.array_equal(made.table.columns[name], rows.columns[name])
        assert np.array_equal(made.table.summary_crcs, rows.summary_crcs)
        assert {file.path for file in shard.files} == {file.path for file in shard.files
                                                       if (tmp_path / file.path).stat().st_size == file.nbytes}
        pictures += [read(tmp_path, place) for place in shard.places]
    assert pictures == [encoded.thumbnail for encoded in PHOTOS]


def test_what_is_staged_is_known_until_it_is_cleared(tmp_path, staged):
    assert [(photo.sha256, photo.num_concepts, photo.size, photo.nbytes) for photo in staged] == [
        (encoded.photo.sha256, len(encoded.concepts), encoded.photo.size, encoded.photo.nbytes) for encoded in PHOTOS]
    staging.clear(tmp_path)
    assert staged_photos(tmp_path) == {} and not list(tmp_path.iterdir())
    staging.clear(tmp_path)


def test_a_part_without_a_sound_list_counts_for_nothing(tmp_path, staged):
    first, second, third = sorted((tmp_path / staging.FOLDER).rglob("*.json"))
    first.unlink()
    second.write_bytes(second.read_bytes().replace(b'"row": 0', b'"row": 1'))
    assert len(staged_photos(tmp_path)) == sum(encoded["part"] == int(third.stem) for encoded in map(vars, staged))


@pytest.mark.parametrize("kind", ["npy", "safetensors", "jpegs"])
def test_a_damaged_part_is_named_and_makes_no_shard(tmp_path, staged, kind):
    file = next((tmp_path / staging.FOLDER).rglob(f"*.{kind}"))
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(ConceptIndexError, match=file.stem):
        for plan in planned(staged, first_concept=0, first_photo=0, first_file=1):
            write_shard(tmp_path, plan, FAKE_MODEL)


def test_a_photo_of_another_width_is_refused(tmp_path):
    with pytest.raises(ConceptIndexError, match="cannot be added"):
        write_part(tmp_path, PHOTOS, replace(FAKE_MODEL, width=8))


def test_rows_are_gathered_in_the_order_asked_for(tmp_path, staged):
    backwards = gathered(tmp_path / staging.FOLDER, staged[::-1], FAKE_MODEL)
    assert np.array_equal(backwards.summaries.astype(np.float32),
                          np.stack([encoded.summary for encoded in PHOTOS[::-1]]).astype(np.float16).astype(np.float32))
