"""What lies on disk: shards, packed thumbnails, and the lock of the one who writes."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from index.errors import ConceptIndexError
from index.store import thumbnails
from index.store.concept_table import check, merge, split, table_of
from index.store.lock import WriterLock
from index.store.shards import content_of, open_shard, paths_of
from tests.fakes.index import FAKE_MODEL, fake_encoded

WIDTH, NUM_TOKENS = FAKE_MODEL.width, FAKE_MODEL.num_tokens
WIDTHS = {"width": WIDTH, "summary_width": FAKE_MODEL.summary_width}


def some_rows(count: int = 5, *, first_concept: int = 100, first_photo: int = 7):
    photos = [fake_encoded(seed) for seed in range(count)]
    return photos, table_of(photos, first_concept=first_concept, first_photo=first_photo, **WIDTHS)


def written(folder, rows, number: int = 3):
    (folder / "shards").mkdir(exist_ok=True)
    for path, content in zip(paths_of(number), content_of(rows), strict=True):
        (folder / path).write_bytes(content)
    return open_shard(folder, number, **WIDTHS)


def test_a_shard_gives_back_what_was_encoded(tmp_path):
    photos, rows = some_rows()
    shard = written(tmp_path, rows)
    row = 0
    for at, encoded in enumerate(photos):
        for concept, vector in zip(encoded.concepts, encoded.vectors, strict=True):
            found = shard.concept(row)
            assert (found.id, found.photo) == (100 + row, 7 + at)
            assert (found.token, found.mask, found.patch_grid) == (concept.token, concept.mask, concept.patch_grid)
            assert found.mass == pytest.approx(concept.mass, rel=1e-3)
            assert found.box == pytest.approx(concept.box, abs=1e-3)
            assert [word for word, _ in found.names] == [word for word, _ in concept.names]
            np.testing.assert_allclose(shard.table.vectors[row], vector, atol=1e-3)
            row += 1
    assert row == len(shard)
    np.testing.assert_allclose(shard.table.summaries, [encoded.summary for encoded in photos], atol=1e-3)


def test_ids_are_found_by_their_rows_with_and_without_gaps(tmp_path):
    _, rows = some_rows()
    whole = written(tmp_path, rows)
    assert not whole.gaps
    assert whole.find(np.array([99, 100, 119, 120])).tolist() == [-1, 0, 19, -1]
    keep = np.ones(20, bool)
    keep[[0, 5, 19]] = False
    fewer = written(tmp_path, merge([rows], [keep], [np.ones(5, bool)]), number=4)
    assert fewer.gaps and len(fewer) == 17
    assert fewer.find(np.array([100, 101, 105, 106, 118, 119])).tolist() == [-1, 0, -1, 4, 16, -1]
    assert fewer.concept(4) == whole.concept(6)


def test_splitting_and_merging_give_the_same_rows_again():
    _, rows = some_rows()
    parts = list(split(rows, full=8))
    assert len(parts) > 1 and sum(len(part) for part in parts) == len(rows)
    again = merge(parts, [np.ones(len(part), bool) for part in parts],
                  [np.ones(len(part.photo_ids), bool) for part in parts])
    assert np.array_equal(again.ids, rows.ids) and np.array_equal(again.vectors, rows.vectors)
    assert [again.concept(row) for row in range(len(again))] == [rows.concept(row) for row in range(len(rows))]


def test_a_flipped_byte_of_a_concept_is_noticed_when_it_is_read(tmp_path):
    _, rows = some_rows()
    shard = written(tmp_path, rows)
    path = tmp_path / paths_of(3)[0]
    content = bytearray(path.read_bytes())
    content[-3] ^= 0x10  # in the last row's vector
    path.write_bytes(content)
    torn = open_shard(tmp_path, 3, **WIDTHS)
    assert torn.concept(0) == shard.concept(0)
    with pytest.raises(ConceptIndexError, match=r"000003\.safetensors is damaged: row 19"):
        torn.concept(19)


def test_a_header_with_a_flipped_bit_is_named_or_read_the_same(tmp_path):
    shard = written(tmp_path, some_rows()[1])
    for path in (tmp_path / name for name in paths_of(3)):
        content = path.read_bytes()
        for place in range(128):
            path.write_bytes(bytes([*content[:place], content[place] ^ 1 << place % 8, *content[place + 1 :]]))
            try:
                found = open_shard(tmp_path, 3, **WIDTHS)
                assert found.concept(7) == shard.concept(7)
            except ConceptIndexError as error:
                assert "is damaged" in str(error)
        path.write_bytes(content)


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("spoil", [lambda content: content[:40], lambda content: b"", lambda content: b"x" * 200])
def test_a_shard_cut_short_or_overwritten_is_named(tmp_path, part, spoil):
    written(tmp_path, some_rows()[1])
    path = tmp_path / paths_of(3)[part]
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ConceptIndexError, match=rf"{path.name} is damaged"):
        open_shard(tmp_path, 3, **WIDTHS)


def test_a_shard_of_another_width_is_refused(tmp_path):
    written(tmp_path, some_rows()[1])
    with pytest.raises(ConceptIndexError, match=r"000003\.npy is damaged: it holds float16 \(20, 16\)"):
        open_shard(tmp_path, 3, **{**WIDTHS, "width": WIDTH + 1})
    with pytest.raises(ConceptIndexError, match=r"000003\.safetensors is damaged: its tensor summary is not"):
        open_shard(tmp_path, 3, **{**WIDTHS, "summary_width": WIDTH + 1})


@pytest.mark.parametrize("change", [
    lambda photo: replace(photo, vectors=photo.vectors * 2),
    lambda photo: replace(photo, vectors=photo.vectors[:-1]),
    lambda photo: replace(photo, summary=photo.summary[:-1]),
    lambda photo: replace(photo, concepts=(replace(photo.concepts[0], token=NUM_TOKENS), *photo.concepts[1:])),
])
def test_what_cannot_be_a_concept_is_refused_before_anything_is_written(change):
    check([fake_encoded(1)], **WIDTHS, num_tokens=NUM_TOKENS)
    with pytest.raises(ConceptIndexError):
        check([fake_encoded(1), change(fake_encoded(2))], **WIDTHS, num_tokens=NUM_TOKENS)


def test_packed_thumbnails_come_back_whole_or_not_at_all(tmp_path):
    pictures = [fake_encoded(seed).thumbnail for seed in range(3)]
    content, places = thumbnails.pack("pack.jpegs", pictures)
    (tmp_path / "pack.jpegs").write_bytes(content)
    assert [thumbnails.read(tmp_path, place) for place in places] == pictures
    flipped = bytearray(content)
    flipped[places[1].start + 5] ^= 1
    (tmp_path / "pack.jpegs").write_bytes(flipped)
    assert thumbnails.read(tmp_path, places[2]) == pictures[2]
    with pytest.raises(ConceptIndexError, match="pack.jpegs is damaged"):
        thumbnails.read(tmp_path, places[1])


def test_a_second_writer_is_told_who_the_first_is(tmp_path):
    first = WriterLock(tmp_path)
    with pytest.raises(ConceptIndexError, match=rf"is being written by another .* \(of process {os.getpid()}\)"):
        WriterLock(tmp_path)
    first.release()
    WriterLock(tmp_path).release()


def test_the_lock_dies_with_its_process(tmp_path):
    script = f"""
import pathlib, time
from index.store.lock import WriterLock
lock = WriterLock(pathlib.Path({str(tmp_path)!r}))
print("held", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "held\n"
        with pytest.raises(ConceptIndexError, match=rf"process {writer.pid}"):
            WriterLock(tmp_path)
        writer.send_signal(signal.SIGKILL)
    WriterLock(tmp_path).release()
