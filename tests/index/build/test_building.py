"""Building: each photo once, in transactions, from where the last run stopped, and nothing of another model's."""

import io
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from index.build import building
from index.build.building import add_photos, build
from index.build.models import model_of
from index.errors import ConceptIndexError
from index.records import AddReport
from model.config import StellarConfig
from model.stellar import Stellar
from photos.sources.open import open_source
from photos.sources.source import BadPhoto, Source, SourcePhoto


def save_tiny(path: Path, seed: int = 0) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = StellarConfig(width=16, depth=1, num_heads=2, mlp_width=16, native_size=32, num_tokens=4)
        Stellar(config).save(path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def stellar(weights) -> Stellar:
    return Stellar.load(weights, device="cpu", dtype="float32")


@pytest.fixture
def photos(tmp_path) -> Path:
    place = tmp_path / "photos"
    place.mkdir()
    for seed in range(6):
        (place / f"{seed}.png").write_bytes(photo(seed).data)
    return place


def photo(seed: int, source: str | None = None) -> SourcePhoto:
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((64, 48)).save(buffer, "PNG")
    return SourcePhoto(buffer.getvalue(), source or f"{seed}.png")


class FakeIndex:
    """What `add_photos` asks of a ConceptIndex. transactions: the sources of each; fails: which of them, from 0."""

    def __init__(self, *, fails: int | None = None) -> None:
        self.model = SimpleNamespace(resolution=224)
        self.transactions: list[list[str]] = []
        self.fails = fails
        self.held: dict[str, int] = {}

    def find_photo(self, sha256: str) -> int | None:
        return self.held.get(sha256)

    def add(self, photos) -> AddReport:
        if self.fails == len(self.transactions):
            raise ConceptIndexError("The disk is full; make room.")
        self.transactions.append([encoded.photo.source for encoded in photos])
        new = [encoded for encoded in photos if encoded.photo.sha256 not in self.held]
        for encoded in new:
            self.held[encoded.photo.sha256] = len(self.held)
        return AddReport(len(new), len(photos) - len(new), sum(len(encoded.concepts) for encoded in new))


def test_photos_come_in_by_transactions_and_in_order(stellar, monkeypatch):
    monkeypatch.setattr(building, "PHOTOS_A_TRANSACTION", 3)
    index, steps = FakeIndex(), []
    report = add_photos(index, stellar, [photo(seed) for seed in range(7)], on_photo=lambda: steps.append(1))
    assert index.transactions == [["0.png", "1.png", "2.png"], ["3.png", "4.png", "5.png"], ["6.png"]]
    assert (report.added, report.known, report.bad, report.seen) == (7, 0, [], 7) and len(steps) == 7
    assert 0 < report.num_concepts <= 7 * 4 and report.seconds > 0


def test_a_slow_source_is_written_by_the_clock(stellar, monkeypatch):
    monkeypatch.setattr(building, "SECONDS_A_TRANSACTION", 0)
    index = FakeIndex()
    add_photos(index, stellar, [photo(seed) for seed in range(3)])
    assert index.transactions == [["0.png"], ["1.png"], ["2.png"]]


def test_a_rerun_encodes_nothing_twice(stellar, monkeypatch):
    index, given = FakeIndex(), [photo(seed) for seed in range(5)]
    add_photos(index, stellar, given[:3])
    encoded = []
    monkeypatch.setattr(stellar, "factorize", lambda images: encoded.append(len(images)) or Stellar.factorize(
        stellar, images))
    report = add_photos(index, stellar, given)
    assert sum(encoded) == 2 and (report.added, report.known) == (2, 3)
    assert index.transactions == [["0.png", "1.png", "2.png"], ["3.png", "4.png"]]


@pytest.mark.parametrize("photos_a_transaction", [1, 2, 256])
def test_the_same_bytes_are_one_photo_however_near_their_copies_lie(stellar, monkeypatch, photos_a_transaction):
    monkeypatch.setattr(building, "PHOTOS_A_TRANSACTION", photos_a_transaction)
    index, steps = FakeIndex(), []
    given = [photo(0), photo(0, "copy"), photo(1), photo(2), photo(3), photo(0, "late copy")]
    report = add_photos(index, stellar, given, on_photo=lambda: steps.append(1))
    assert [source for sources in index.transactions for source in sources] == ["0.png", "1.png", "2.png", "3.png"]
    assert (report.added, report.known) == (4, 2) and len(steps) == 6


def test_bad_photos_are_named_each_copy_of_them(stellar):
    torn = photo(1).data[:-60]
    given = [photo(0), SourcePhoto(torn, "torn"), SourcePhoto(torn, "torn again"), BadPhoto("gone", "It is gone."),
             SourcePhoto(b"text", "text"), photo(2)]
    steps: list[int] = []
    report = add_photos(FakeIndex(), stellar, given, on_photo=lambda: steps.append(1))
    assert sorted(bad.source for bad in report.bad) == ["gone", "text", "torn", "torn again"]
    assert (report.added, report.known, report.seen) == (2, 0, 6) and len(steps) == 6


@pytest.mark.parametrize("error", [ConceptIndexError("the line is dead"), KeyboardInterrupt()])
def test_whatever_ends_it_what_was_encoded_is_written(stellar, error):
    def broken():
        yield from (photo(seed) for seed in range(3))
        raise error

    index = FakeIndex()
    with pytest.raises(type(error)):
        add_photos(index, stellar, broken())
    written = [source for sources in index.transactions for source in sources]
    assert written == [f"{seed}.png" for seed in range(len(written))]
    assert add_photos(index, stellar, [photo(seed) for seed in range(3)]).added == 3 - len(written)


def test_a_transaction_that_fails_is_not_tried_again_on_the_way_out(stellar, monkeypatch):
    monkeypatch.setattr(building, "PHOTOS_A_TRANSACTION", 2)
    index = FakeIndex(fails=1)
    with pytest.raises(ConceptIndexError, match="disk is full"):
        add_photos(index, stellar, [photo(seed) for seed in range(9)])
    assert index.transactions == [["0.png", "1.png"]]


# With an index on the disk


def test_a_build_makes_an_index_and_a_second_one_finds_everything_there(weights, photos, tmp_path):
    from index.concept_index import ConceptIndex

    out = tmp_path / "index"
    report = build(open_source(photos), out, model=str(weights), resolution=224)
    assert (report.added, report.known) == (6, 0)
    with ConceptIndex.open(out) as index:
        assert index.num_photos == 6 and index.num_concepts == report.num_concepts and index.verify() == []
        assert (index.model.name, index.model.resolution) == ("tiny.safetensors", 224)
        assert str(tmp_path) not in repr(index.model)
    (photos / "new.png").write_bytes(photo(77).data)
    again = build(open_source(photos), out, model=str(weights))
    assert (again.added, again.known) == (1, 6)


def test_a_photo_finds_itself(weights, photos, tmp_path, stellar):
    from index.build.encoding import encode_one

    build(open_source(photos), tmp_path / "index", model=str(weights), resolution=224)
    from index.concept_index import ConceptIndex

    with ConceptIndex.open(tmp_path / "index") as index:
        encoded = encode_one(stellar, photo(3), resolution=224)
        for concept, hits in zip(encoded.concepts, index.search(encoded.vectors, k=1), strict=True):
            assert hits[0].score == pytest.approx(1, abs=2e-3)
            assert index.photo(hits[0].concept.photo).source == "3.png" and hits[0].concept.token == concept.token


def test_another_model_or_resolution_is_refused_and_changes_nothing(weights, photos, tmp_path):
    out, other = tmp_path / "index", save_tiny(tmp_path / "other.safetensors", seed=1)
    build(open_source(photos), out, model=str(weights), resolution=224)
    with pytest.raises(ConceptIndexError, match="was made at 224 px, and photos at 448 px do not mix"):
        build(open_source(photos), out, model=str(weights), resolution=448)
    with pytest.raises(ConceptIndexError, match=r"made with tiny.safetensors .*of other.safetensors .* by others"):
        build(open_source(photos), out, model=str(other))
    with pytest.raises(ConceptIndexError, match=r"tiny.safetensors.* is not at hand .*--model"):
        build(open_source(photos), out)
    moved = shutil.copy(weights, tmp_path / "renamed.safetensors")
    # The same weights under another name are the same.
    assert build(open_source(photos), out, model=str(moved)).known == 6


def test_what_cannot_be_made_leaves_no_index(weights, photos, tmp_path):
    out = tmp_path / "index"
    with pytest.raises(ConceptIndexError, match="resolution is 9999"):
        build(open_source(photos), out, model=str(weights), resolution=9999)
    with pytest.raises(ValueError, match="no checkpoint"):
        build(open_source(photos), out, model="nowhere.safetensors")
    assert not out.exists()


def test_a_source_without_one_readable_photo_is_a_sentence(weights, tmp_path):
    torn = Source("torn", 2, lambda: iter([SourcePhoto(b"text", "a.jpg"), SourcePhoto(b"more", "b.jpg")]))
    with pytest.raises(ConceptIndexError, match=r"Not one of the 2 photos of torn .*a\.jpg: "):
        build(torn, tmp_path / "index", model=str(weights), resolution=224)
    with pytest.raises(ConceptIndexError, match="nothing holds no photos"):
        build(Source("nothing", None, lambda: iter([])), tmp_path / "index", model=str(weights))


def test_the_model_of_an_index_is_found_by_its_name(tmp_path):
    found, sha256 = building.load("nano")
    index = SimpleNamespace(path=tmp_path, model=SimpleNamespace(name="nano", sha256=sha256))
    assert model_of(index).config == found.config
