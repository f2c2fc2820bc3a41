"""Encoding: every photo as if it were alone, in its order, whatever its neighbours are."""

import io
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from index.build.decoding import THUMBNAIL_SIDE, prepare, read_ahead
from index.build.encoding import PATIENCE, concepts_of, default_batch_size, encode, encode_one
from index.store import rle
from model.config import StellarConfig
from model.factorization import LEAST_SHARE, Factorization
from model.stellar import Stellar
from photos.decoding import open_photo
from photos.fitting import fit
from photos.sources.source import BadPhoto, SourcePhoto

K, D = 4, 32
SIZES = ((64, 48), (48, 64), (50, 50), (64, 48), (90, 30))


@pytest.fixture(scope="module")
def stellar() -> Stellar:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = StellarConfig(width=D, depth=1, num_heads=2, mlp_width=32, native_size=32, num_tokens=K)
        return Stellar(config).eval().requires_grad_(False)


def photo(seed: int, size: tuple[int, int] = (64, 48), *, kind: str = "PNG", **options) -> SourcePhoto:
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(buffer, kind, **options)
    return SourcePhoto(buffer.getvalue(), f"{seed}.{kind.lower()}", f"label {seed}")


def factorization(localization: torch.Tensor, patch_grid: tuple[int, int], semantics: torch.Tensor | None = None):
    """One photo with this localization (N, K), and the vectors of its concepts: its semantics."""
    semantics = torch.randn(localization.shape[1], D, generator=torch.Generator().manual_seed(1)) \
        if semantics is None else semantics
    features = localization @ semantics
    return Factorization(semantics[None], localization[None], features[None], features.mean(0)[None],
                         patch_grid), semantics[None]


def assert_same(one, other):
    assert one.photo == other.photo and one.thumbnail == other.thumbnail
    np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-4)
    np.testing.assert_allclose(one.summary, other.summary, atol=1e-4)
    assert [concept.token for concept in one.concepts] == [concept.token for concept in other.concepts]
    assert [concept.box for concept in one.concepts] == [concept.box for concept in other.concepts]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
def test_order_is_kept_and_neighbours_change_nothing(stellar, batch_size):
    photos = [photo(seed, SIZES[seed % len(SIZES)]) for seed in range(23)]
    found = list(encode(stellar, photos, resolution=224, batch_size=batch_size, num_workers=2))
    assert [encoded.photo.source for encoded in found] == [one.source for one in photos]
    for one, encoded in zip(photos[:6], found, strict=False):
        assert_same(encoded, encode_one(stellar, one, resolution=224))


def test_a_photo_of_a_rare_size_does_not_wait_for_ever(stellar):
    """It is given after PATIENCE batches, not at the end: an endless source gives it too."""
    def endless():
        yield photo(0, (90, 30))
        seed = 1
        while True:
            yield photo(seed)
            seed += 1

    found = encode(stellar, endless(), resolution=224, batch_size=2, num_workers=1)
    first = [next(found).photo.source for _ in range(PATIENCE * 2)]
    found.close()
    assert first == [f"{seed}.png" for seed in range(PATIENCE * 2)]


def test_what_is_stored_is_what_the_model_says(stellar):
    one = photo(5, (80, 56))
    encoded = encode_one(stellar, one, resolution=224)
    opened = open_photo(one.data)
    direct = stellar.factorize(fit(opened, resolution=224, patch_size=16))
    assert encoded.photo.sha256 == one.sha256 and encoded.photo.size == (80, 56)
    assert encoded.photo.nbytes == len(one.data) and encoded.photo.label == "label 5"
    tokens = [concept.token for concept in encoded.concepts]
    semantics = direct.semantics[0, tokens]
    np.testing.assert_allclose(encoded.vectors, semantics / semantics.norm(dim=1, keepdim=True), atol=1e-5)
    assert encoded.vectors.dtype == encoded.summary.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(encoded.summary), 1, atol=1e-5)
    for concept in encoded.concepts:
        assert concept.mass == pytest.approx(direct.mass[0, concept.token].item(), abs=1e-5)
        assert concept.peak == pytest.approx(direct.peak[0, concept.token].item(), abs=1e-5)
        mask = rle.decode(concept.mask, concept.patch_grid)
        np.testing.assert_array_equal(mask, direct.masks()[0, concept.token].numpy())
        assert concept.names == ()


def test_pixels_are_those_that_fit_makes():
    one = photo(3, (301, 200), kind="JPEG")
    prepared = prepare(one.data, resolution=224, patch_size=16)
    fitted = fit(open_photo(one.data), resolution=224, patch_size=16)
    np.testing.assert_array_equal(prepared.pixels, (fitted[0].permute(1, 2, 0) * 255).round().byte().numpy())


@pytest.mark.parametrize(("size", "expected"), [
    ((1024, 512), (256, 128)), ((100, 300), (85, 256)), ((40, 30), (40, 30)), ((4000, 8), (256, 1))])
def test_a_thumbnail_keeps_the_proportions_and_nothing_else_of_the_file(size, expected):
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, "JPEG", exif=exif, comment=b"mine")
    thumbnail = Image.open(io.BytesIO(prepare(buffer.getvalue(), resolution=224, patch_size=16).thumbnail))
    assert thumbnail.format == "JPEG" and thumbnail.size == expected and max(expected) <= THUMBNAIL_SIDE
    assert not thumbnail.getexif() and "comment" not in thumbnail.info


def test_bad_photos_are_named_and_the_rest_goes_on(stellar):
    torn = SourcePhoto(photo(1, kind="JPEG").data[:-300], "torn.jpg")
    bad: list[BadPhoto] = []
    photos = [photo(0), torn, BadPhoto("gone.jpg", "It does not exist."), SourcePhoto(b"text", "a.txt"), photo(2)]
    found = list(encode(stellar, photos, resolution=224, on_bad=bad.append))
    assert [encoded.photo.source for encoded in found] == ["0.png", "2.png"]
    assert {one.source for one in bad} == {"torn.jpg", "gone.jpg", "a.txt"}
    assert all(one.reason.endswith(".") for one in bad)
    assert list(encode(stellar, photos, resolution=224))  # nobody has to be told
    with pytest.raises(ValueError, match="damaged"):
        encode_one(stellar, torn, resolution=224)


def test_known_photos_are_not_even_decoded(stellar, monkeypatch):
    photos = [photo(seed) for seed in range(6)]
    decoded = []
    monkeypatch.setattr("index.build.decoding.open_photo",
                        lambda data, **limits: decoded.append(data) or open_photo(data))
    asked_in = set()

    def is_known(one: SourcePhoto) -> bool:
        asked_in.add(threading.current_thread())
        return one.source in {"1.png", "4.png"}

    found = list(encode(stellar, photos, resolution=224, is_known=is_known))
    assert [encoded.photo.source for encoded in found] == ["0.png", "2.png", "3.png", "5.png"]
    assert len(decoded) == 4 and asked_in == {threading.current_thread()}


def test_an_error_of_the_source_comes_after_the_photos_before_it():
    def broken():
        yield photo(0)
        raise ConnectionError("the line is dead")

    ahead = read_ahead(broken())
    assert next(ahead).source == "0.png"
    with pytest.raises(ConnectionError, match="the line is dead"):
        next(ahead)


def test_who_stops_early_leaves_no_thread_behind(stellar):
    before = set(threading.enumerate())
    for _ in range(3):
        found = encode(stellar, (photo(seed) for seed in range(10**6)), resolution=224, num_workers=2)
        next(found)
        found.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)
    assert set(threading.enumerate()) <= before


def test_a_model_without_finite_numbers_makes_a_bad_photo(stellar, monkeypatch):
    factorize = stellar.factorize

    def spoilt(images):
        made = factorize(images)
        made.semantics[0, 1, 3] = torch.nan
        return made

    monkeypatch.setattr(stellar, "factorize", spoilt)
    bad: list[BadPhoto] = []
    found = list(encode(stellar, [photo(0), photo(1)], resolution=224, batch_size=2, on_bad=bad.append))
    assert [one.source for one in bad] == ["0.png"] and "finite" in bad[0].reason
    assert [encoded.photo.source for encoded in found] == ["1.png"]


def test_a_token_is_left_out_where_it_has_next_to_no_mass_and_no_patch():
    low = LEAST_SHARE / K
    localization = torch.full((6, K), (1 - 2 * low) / 2)
    localization[:, 2], localization[:, 3] = low * 0.9, low * 1.1  # one below, one above; neither has a patch
    tokens = [concept.token for concept in concepts_of(*factorization(localization, (2, 3)))[0].concepts]
    assert tokens == [0, 1, 3]
    localization[:, 2], localization[0, 2] = 0, 1 / K + 0.01  # hardly any mass, but one patch
    assert localization[:, 2].mean() < low
    tokens = [concept.token for concept in concepts_of(*factorization(localization, (2, 3)))[0].concepts]
    assert tokens == [0, 1, 2, 3]


def test_a_token_without_a_direction_is_left_out():
    semantics = torch.eye(K, D)
    semantics[1] = 0
    found = concepts_of(*factorization(torch.full((6, K), 1 / K), (2, 3), semantics))[0]
    assert [concept.token for concept in found.concepts] == [0, 2, 3] and np.isfinite(found.vectors).all()


def test_places_follow_the_photo_when_it_is_turned():
    """A mask in the right upper corner of a wide grid; mirrored, its box and centre are mirrored."""
    rows, cols = 4, 6
    where = torch.zeros(rows, cols)
    where[0:2, 4:6] = 1
    for turned in (where, where.flip(1), where.flip(0)):
        one = turned.flatten()
        localization = torch.stack([0.9 * one, *(1 - 0.9 * one).expand(K - 1, -1) / (K - 1)], dim=1)
        concept = concepts_of(*factorization(localization, (rows, cols)))[0].concepts[0]
        down, across = np.nonzero(turned.numpy())
        left, top = across.min() / cols, down.min() / rows
        assert concept.box == pytest.approx((left, top, left + 2 / cols, top + 2 / rows))
        assert concept.centroid == pytest.approx((left + 1 / cols, top + 1 / rows))
        np.testing.assert_array_equal(rle.decode(concept.mask, (rows, cols)), turned.numpy() == 1)


def test_a_concept_with_mass_and_no_mask_has_no_box():
    concepts = concepts_of(*factorization(torch.full((6, K), 1 / K), (2, 3)))[0].concepts
    assert len(concepts) == K
    assert {concept.box for concept in concepts} == {(0.0, 0.0, 0.0, 0.0)}
    assert all(concept.centroid == pytest.approx((0.5, 0.5)) for concept in concepts)


def test_batches_shrink_as_photos_grow():
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert default_batch_size(cuda, 224) > default_batch_size(cuda, 448) > default_batch_size(cuda, 1024) >= 1
    assert default_batch_size(cpu, 224) > default_batch_size(cpu, 448) >= default_batch_size(cpu, 1024) == 1
