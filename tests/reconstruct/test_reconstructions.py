"""The comparison's service: who is asked what, how often, and what stands where something is missing."""

import numpy as np
import pytest
import torch

from model.baselines.mae import Mae
from model.baselines.serialized import pack_tokens
from model.baselines.titok import TiTok, TiTokConfig, TransformerConfig
from model.operations.token_budget import keep
from stellar_explorer.edit.edits import factorization_of
from stellar_explorer.reconstruct.baselines import ROOT, Offer, offers, without_folders
from stellar_explorer.reconstruct.reconstructions import MEASURES, as_bytes
from stellar_explorer.reconstruct.settings import Settings, settings_of
from tests.fakes.collections import photo_bytes
from tests.fakes.reconstruct import (
    GONE,
    NUM_TOKENS,
    SIDE,
    decoding_explorer,
    fake_offers,
    fake_reconstructions,
    study_of,
)

ALL = ("stellar", "titok", "mae", "vqgan", "svd", "pca", "colours", "jpeg", "webp")


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    return decoding_explorer(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def reconstructions(explorer):
    return fake_reconstructions(explorer)


@pytest.fixture
def study(explorer, reconstructions):
    return study_of(explorer, explorer.keep(photo_bytes(size=(240, 160))))


def test_every_picture_is_of_one_size_and_measured(reconstructions, study):
    pictures = reconstructions.all(study, Settings())
    assert tuple(picture.name for picture in pictures) == ALL
    photo = reconstructions.photo(study)
    assert photo.shape == (144, 224, 3) and study.analysis.patch_grid == (9, 14)
    for picture in pictures:
        assert picture.missing is None and picture.picture.shape == photo.shape and picture.picture.dtype == np.uint8
        assert set(picture.measures) == set(MEASURES) and picture.seconds > 0 and picture.detail
        assert picture.measures["psnr"] > 0 and picture.measures["stem_distance"] >= 0
        assert picture.measures["lpips"] is None or picture.measures["lpips"] >= 0
    by_name = {picture.name: picture for picture in pictures}
    assert by_name["stellar"].num_tokens == NUM_TOKENS and by_name["titok"].num_tokens == 32
    assert by_name["vqgan"].num_tokens == 9 * 14 and by_name["jpeg"].num_tokens is None
    assert by_name["titok"].native_size == (SIDE, SIDE) and by_name["stellar"].native_size == (144, 224)
    assert max(by_name[name].num_bytes for name in ("jpeg", "webp")) <= by_name["stellar"].num_bytes


def test_bytes_are_the_length_of_what_is_serialised(reconstructions, study):
    for kept in (None, (0, 2)):
        left = keep(factorization_of(study.analysis), Settings(kept).tokens(NUM_TOKENS))
        [packed] = pack_tokens(left.semantics, left.localization)
        assert reconstructions.rebuilt(study, "stellar", Settings(kept)).num_bytes == len(packed)


def test_a_budget_of_all_is_the_full_reconstruction(explorer, reconstructions, study):
    whole = reconstructions.rebuilt(study, "stellar", Settings())
    plain = explorer.stellar(study.model).decode(factorization_of(study.analysis))
    assert np.array_equal(whole.picture, as_bytes(plain))
    every = reconstructions.rebuilt(study, "stellar", Settings(kept=tuple(range(NUM_TOKENS))))
    assert np.array_equal(every.picture, whole.picture) and every.measures == whole.measures
    for order in ("best", "mass"):
        budgets = reconstructions.budgets(study, order)
        assert [budget.num_tokens for budget in budgets] == [1, 2, 3, 4]
        assert [budget.token for budget in budgets] == reconstructions.orders(study)[order]
        assert budgets[-1].measures == whole.measures and budgets[-1].num_bytes == whole.num_bytes
        one = reconstructions.rebuilt(study, "stellar", Settings(kept=(budgets[0].token,)))
        assert budgets[0].measures == one.measures and budgets[0].num_bytes == one.num_bytes


def test_taking_concepts_off_never_encodes(explorer, reconstructions, study, monkeypatch):
    stellar = explorer.stellar(study.model)
    encodes, decodes = [], []
    encoding = stellar.encoder.register_forward_hook(lambda *_: encodes.append(1))
    decoding = stellar.decoder.register_forward_hook(lambda *_: decodes.append(1))
    try:
        pictures = [reconstructions.rebuilt(study, "stellar", Settings(kept)).picture for kept in ((0,), (1,), (0, 1))]
        reconstructions.all(study, Settings(kept=(0, 3)))
        reconstructions.budgets(study, "mass")
    finally:
        encoding.remove()
        decoding.remove()
    assert not encodes and len(decodes) == 3 + 2 + NUM_TOKENS  # stellar and svd of the last
    assert not np.array_equal(pictures[0], pictures[1])


def test_what_did_not_change_is_not_made_again(explorer, reconstructions, study):
    before = {picture.name: picture for picture in reconstructions.all(study, Settings())}
    after = {picture.name: picture for picture in reconstructions.all(study, Settings(kept=(1, 2), visible=8))}
    assert {name for name in ALL if after[name] is before[name]} == {"titok", "vqgan"}
    other = {picture.name: picture for picture in reconstructions.all(study, Settings(kept=(0, 3), visible=8))}
    # As many concepts: what counts them alone is the same.
    assert {name for name in ALL if other[name] is not after[name]} == {"stellar", "colours"}


def test_what_is_kept_is_bounded(explorer):
    small = fake_reconstructions(explorer, rebuilt_bytes=3 * 224 * 144 * 3)
    study = study_of(explorer, explorer.keep(photo_bytes(size=(240, 160))))
    for seen in range(1, 12):
        small.rebuilt(study, "mae", Settings(visible=seen))
    assert small._rebuilt.nbytes <= small._rebuilt.max_bytes and 0 < len(small._rebuilt) < 4


def test_who_sees_squares_is_shown_stretched_back(explorer, reconstructions, study):
    reconstructions.rebuilt(study, "titok", Settings())
    fake = reconstructions.baselines.get("titok", "titok", device="cpu")
    assert fake.seen == [(1, 3, 144, 224)]
    # Four colours, each of a quarter of the photo, whatever its shape.
    picture = reconstructions.rebuilt(study, "titok", Settings()).picture.astype(float)
    photo = reconstructions.photo(study).astype(float)
    for rows, cols in ((slice(0, 60), slice(0, 96)), (slice(84, 144), slice(128, 224))):
        assert np.abs(picture[rows, cols].mean((0, 1)) - photo[rows, cols].mean((0, 1))).max() < 40


@pytest.mark.parametrize("size", [(64, 64), (600, 60), (40, 320)])
def test_photos_of_any_shape(explorer, reconstructions, size):
    study = study_of(explorer, explorer.keep(photo_bytes(size=size)))
    for picture in reconstructions.all(study, Settings()):
        if picture.missing and picture.name in ("jpeg", "webp"):
            assert "fits in" in picture.missing  # this model's tokens are few bytes, a file has a head
        else:
            assert picture.missing is None and picture.picture.shape == reconstructions.photo(study).shape
    assert max(reconstructions.photo(study).shape) == 224


# What is missing


def test_a_missing_model_leaves_a_gap_with_the_reason(explorer):
    reconstructions = fake_reconstructions(explorer, missing=("titok",))
    study = study_of(explorer, explorer.keep(photo_bytes()))
    pictures = {picture.name: picture for picture in reconstructions.all(study, Settings())}
    assert pictures["titok"].missing == f"{GONE}." and pictures["titok"].picture is None
    assert all(picture.missing is None for name, picture in pictures.items() if name != "titok")
    reconstructions.baselines.offered["titok"] = fake_offers()["titok"]  # it has come
    assert reconstructions.rebuilt(study, "titok", Settings()).missing is None


@pytest.mark.parametrize(("predicts", "gaps"), [("pixels", {"vqgan"}), (None, {"stellar", "vqgan", "svd"})])
def test_models_that_lack_a_part(tmp_path, predicts, gaps):
    explorer = decoding_explorer(tmp_path, predicts=predicts)
    reconstructions = fake_reconstructions(explorer)
    study = study_of(explorer, explorer.keep(photo_bytes()))
    pictures = reconstructions.all(study, Settings())
    assert {picture.name for picture in pictures if picture.missing} == gaps
    assert all(picture.missing.endswith(".") for picture in pictures if picture.missing)


def test_the_shipped_ones_are_offered_and_say_where_they_are(tmp_path, monkeypatch):
    from model.baselines import mae, titok

    offered = offers()
    assert list(offered)[0] == "titok" and {offer.kind for offer in offered.values()} == {"titok", "mae"}
    for module, name in ((titok, "titok"), (mae, "mae")):
        monkeypatch.setitem(module.SHIPPED, name, ROOT / "assets" / "nowhere" / f"{name}.safetensors")
        with pytest.raises(ValueError, match="is not in this copy") as raised:
            offered[name].load("cpu")
        told = without_folders(str(raised.value))
        assert str(ROOT) not in told and f"assets/nowhere/{name}.safetensors" in told


def test_no_stem_no_distance(explorer):
    reconstructions = fake_reconstructions(explorer, stem=lambda: None)
    study = study_of(explorer, explorer.keep(photo_bytes()))
    measures = reconstructions.rebuilt(study, "stellar", Settings()).measures
    assert measures["stem_distance"] is None and measures["psnr"] > 0


# Trained baselines as they are


def test_a_titok_and_a_mae_of_their_own_files(explorer, tmp_path):
    from transformers import ViTMAEConfig

    sizes = TransformerConfig(16, 1, 2, 16)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        TiTok(TiTokConfig(native_size=32, num_tokens=8, encoder=sizes, decoder=sizes, num_pixel_codes=None)).save(
            tmp_path / "titok.safetensors")
        Mae(ViTMAEConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                         image_size=64, patch_size=16, decoder_hidden_size=16, decoder_num_hidden_layers=1,
                         decoder_num_attention_heads=2, decoder_intermediate_size=16)).save(
                             tmp_path / "mae.safetensors")
    reconstructions = fake_reconstructions(explorer)
    reconstructions.baselines.offered |= {
        "titok": Offer("titok", "TiTok", "", lambda device: TiTok.load(tmp_path / "titok.safetensors", device=device)),
        "mae": Offer("mae", "MAE", "", lambda device: Mae.load(tmp_path / "mae.safetensors", device=device))}
    study = study_of(explorer, explorer.keep(photo_bytes()))
    titok = reconstructions.rebuilt(study, "titok", Settings())
    assert (titok.num_tokens, titok.num_bytes, titok.native_size) == (8, 12, (32, 32))
    few, grid = (reconstructions.rebuilt(study, "mae", Settings(visible=4, pattern=pattern))
                 for pattern in ("random", "grid"))
    assert few.num_tokens == 4 and few.num_bytes == 4 * 16 * 16 * 3 + 2 and few.native_size == (64, 64)
    assert not np.array_equal(few.picture, grid.picture)
    too_many = reconstructions.rebuilt(study, "mae", Settings(visible=17))
    assert "1 to 16 tokens" in too_many.missing


def test_one_baseline_of_a_kind_is_kept(reconstructions, study):
    reconstructions.rebuilt(study, "titok", Settings())
    reconstructions.rebuilt(study, "mae", Settings())
    assert reconstructions.rebuilt(study, "titok", Settings(titok="titok-b64")).num_tokens == 64
    assert {kind: name for kind, (name, _) in reconstructions.baselines._loaded.items()} == {
        "titok": "titok-b64", "mae": "mae"}


# What cannot be asked


@pytest.mark.parametrize("query", [
    {"kept": ""}, {"kept": "1.1"}, {"kept": "1.-2"}, {"kept": "²"}, {"kept": "1" * 9}, {"visible": "0"},
    {"visible": "1e3"}, {"visible": "99999"}, {"pattern": "spiral"}, {"unheard": "of"},
])
def test_settings_that_are_none(query):
    with pytest.raises(ValueError) as raised:
        settings_of(query)
    assert str(raised.value).endswith(".") and "\n" not in str(raised.value)


def test_settings_as_an_address_says_them():
    assert settings_of({}) == Settings()
    assert settings_of({"kept": "3.0", "visible": "64", "pattern": "grid", "titok": "titok-b64"}) == Settings(
        kept=(0, 3), visible=64, pattern="grid", titok="titok-b64")


def test_what_is_not_offered_is_refused(reconstructions, study):
    for name, settings in (("stellar", Settings(kept=(0, NUM_TOKENS))), ("colours", Settings(kept=(9,))),
                           ("oil", Settings()), ("titok", Settings(titok="mae")), ("mae", Settings(mae="../mae"))):
        with pytest.raises(ValueError, match="There is no|This photo has"):
            reconstructions.rebuilt(study, name, settings)
    with pytest.raises(ValueError, match="best or mass"):
        reconstructions.budgets(study, "worst")
