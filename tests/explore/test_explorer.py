"""The Explorer: what it keeps, for how long, for whom, and what it refuses."""

import io

import numpy as np
import pytest
from PIL import Image

from stellar_explorer.analysis import display_name
from stellar_explorer.examples import examples
from stellar_explorer.explore.package import package
from stellar_explorer.explorer import Explorer
from stellar_explorer.kept.cache import ByteBoundedCache
from stellar_explorer.kept.tokens import GoneError
from stellar_explorer.photo import fit, open_photo
from stellar_explorer.views.concepts import token_mask


def noise(seed: int, size: tuple[int, int] = (96, 64)) -> bytes:
    """A photo that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class CountedExplorer(Explorer):
    """Counts the encodes, and has a basis without analysing twenty examples."""

    def __init__(self, **options):
        super().__init__(**options)
        self.encodes, encode = 0, self.runner._encode

        def counted(model, image):
            self.encodes += 1
            return encode(model, image)

        self.runner._encode = counted

    def examples_basis(self, model):
        if model not in self._bases:
            from stellar_explorer.views.basis import fit_basis

            width = self.stellar(model).config.width
            self._bases[model] = fit_basis([np.random.default_rng(0).normal(size=(64, width))])
        return self._bases[model]


@pytest.fixture(scope="module")
def analysis(explorer):
    return explorer.analyse(Image.open(examples()["chelsea"].path), "nano", 224)


# --- one analysis ---

def test_rows_and_masses_sum_to_one(analysis):
    np.testing.assert_allclose(analysis.localization.sum(axis=1), 1, atol=1e-5)
    assert analysis.mass.sum() == pytest.approx(1, abs=1e-5)
    assert (analysis.peak >= analysis.mass).all()


@pytest.mark.parametrize("threshold", [0.25, 1, 3.7])
def test_masks_are_those_of_the_views(analysis, threshold):
    masks = analysis.masks(threshold)
    assert masks.shape == (analysis.num_tokens, *analysis.patch_grid)
    for token in range(analysis.num_tokens):
        expected = token_mask(analysis.localization, analysis.patch_grid, token, threshold)
        np.testing.assert_array_equal(masks[token], expected)


def test_the_grid_covers_what_the_model_saw(explorer):
    analysis = explorer.analyse(Image.open(io.BytesIO(noise(0, (300, 90)))), "nano", 448)
    rows, cols = analysis.patch_grid
    assert analysis.image_size == (rows * analysis.patch_size, cols * analysis.patch_size)
    assert max(analysis.image_size) == 448
    assert len(analysis.patch_features) == len(analysis.localization) == rows * cols
    np.testing.assert_allclose(analysis.low_rank, analysis.localization @ analysis.semantics)


@pytest.mark.parametrize("resolution", [0, 223, 1025, 10**9, -448, 448.5, "448", None, True])
def test_refuses_a_resolution_with_the_range(explorer, resolution):
    with pytest.raises(ValueError, match=r"224 to 1024") as refused:
        explorer.analyse(Image.new("RGB", (64, 64)), "nano", resolution)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("model", [
    "NANO", "", "../nano", "/etc/passwd", "./assets/nano/nano.safetensors", "somebody/some-checkpoint", "stellar-b16",
    "n\x00", "nano\nnano", None, 7, ["nano"], {"a": 1}])
def test_never_loads_what_was_not_offered(explorer, monkeypatch, model):
    from model.stellar import Stellar

    monkeypatch.setattr(Stellar, "load", lambda *a, **k: pytest.fail("a model that was not offered is loaded"))
    with pytest.raises(ValueError, match="There is no model .*choose nano") as refused:
        explorer.stellar(model)
    assert "\n" not in str(refused.value)


# --- what is kept ---

def test_a_second_study_does_not_encode_again():
    explorer = CountedExplorer()
    photo = explorer.keep(noise(1))
    first = explorer.study(photo, model="nano", resolution=448)
    assert explorer.encodes == 2  # 224 and 448
    assert explorer.study(photo, model="nano", resolution=448) is first
    assert explorer.study(photo, model="nano", resolution=224).analysis is first.coarse
    assert explorer.study(explorer.keep(noise(1)), model="nano", resolution=448) is first
    assert explorer.encodes == 2
    explorer.study(explorer.keep(noise(2)), model="nano", resolution=224)
    assert explorer.encodes == 3


def test_a_photo_alone_gives_what_it_gives_from_the_cache(explorer):
    photo = explorer.example("chelsea")
    kept = explorer.study(photo, model="nano", resolution=224).analysis
    fresh = explorer.analyse(photo.open(), "nano", 224)
    np.testing.assert_allclose(kept.localization, fresh.localization, atol=1e-6)


def test_a_hundred_uploads_stay_under_the_bound():
    explorer = CountedExplorer(analyses_bytes=4 * 2**20, photos_bytes=2**20)
    image = fit(open_photo(noise(0)), resolution=224, patch_size=16)
    arrays, patch_grid, seconds = explorer.runner._encode("nano", image)
    # The bytes are real, the numbers are not: a hundred encodes would show no more.
    explorer.runner._encode = lambda *_: ({name: array.copy() for name, array in arrays.items()}, patch_grid, seconds)
    tokens = []
    for seed in range(100):
        photo = explorer.keep(noise(seed))
        tokens.append(explorer.study(photo, model="nano", resolution=224).token)
        assert explorer.photos.nbytes <= 2**20 and explorer.studies.nbytes <= 4 * 2**20
    assert 0 < len(explorer.photos) < 100 and 0 < len(explorer.studies) < 100
    assert explorer.kept_study(tokens[-1]).token == tokens[-1]
    with pytest.raises(GoneError, match="no longer on the server"):
        explorer.kept_study(tokens[0])


def test_what_is_counted_is_what_is_held(explorer):
    study = explorer.study(explorer.example("chelsea"), model="nano", resolution=448)
    package_bytes = len(package(study).data)
    held = study.analysis.nbytes + study.coarse.nbytes + package_bytes
    assert held <= study.nbytes + package_bytes // 2
    photo = study.photo
    assert len(photo.data) + len(photo.display) <= photo.nbytes


def test_the_cache_lets_the_least_recently_used_go():
    cache = ByteBoundedCache(10)
    for key in "abc":
        cache.put(key, key.upper(), 3)
    assert cache.get("a") == "A"  # so that b is the oldest
    cache.put("d", "D", 3)
    assert [cache.get(key) for key in "abcd"] == ["A", None, "C", "D"] and cache.nbytes == 9
    cache.put("e", "E", 11)
    assert cache.get("e") is None and len(cache) == 3
    cache.put("a", "A", 1)
    assert cache.nbytes == 7


# --- for whom ---

def test_tokens_cannot_be_guessed():
    one, other = CountedExplorer(), CountedExplorer()
    first, again = one.keep(noise(5)), other.keep(noise(5))
    assert first.sha256 == again.sha256 and first.token != again.token
    assert len(first.token) == 32 and first.sha256[:32] != first.token
    study = one.study(first, model="nano", resolution=224)
    for stranger in (other.photo, other.kept_study):
        with pytest.raises(GoneError):
            stranger(first.token)
    for token in ("", "0" * 32, first.sha256, first.token[:-1], study.token.upper() + "x", first.token):
        with pytest.raises(GoneError):
            one.kept_study(token)


def test_a_name_without_its_folder():
    assert display_name("/somewhere/private/run.safetensors") == "run.safetensors" and display_name("nano") == "nano"


def test_the_shipped_basis_is_that_of_the_examples():
    """Made by: python -c "from stellar_explorer.explorer import *; e = Explorer(); \\
    e.fit_examples_basis('nano').save(SHIPPED_BASES['nano'])" """
    explorer = Explorer()
    features = explorer.analyse(explorer.example("coffee").open(), "nano", 224).patch_features
    shipped, fitted = explorer.examples_basis("nano"), explorer.fit_examples_basis("nano")
    # bfloat16 or float32, this processor or another: a colour may differ by rounding, not to the eye
    assert np.abs(shipped.coordinates(features) - fitted.coordinates(features)).max() < 0.03
