"""TiTok: codes go there and back, every layout loads alike, and whatever is wrong is said with the file's name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from huggingface_hub.errors import EntryNotFoundError, OfflineModeIsEnabled
from safetensors import safe_open
from safetensors.torch import save_file

from model.baselines import Baseline, at_native_size, published, titok
from model.baselines.serialized import pack_codes, unpack_codes
from model.baselines.titok import NAMES, REPOSITORIES, TiTok, TiTokConfig, TransformerConfig
from model.checkpoints import checkpoint
from model.checkpoints.checkpoint import CheckpointError, published_names
from model.config import TokenizerConfig
from model.tokenizer import Tokenizer

SIZES = TransformerConfig(width=64, depth=2, num_heads=1, mlp_width=96)
TOKENIZER = TokenizerConfig(hidden_channels=32, channel_multipliers=(1, 2, 2, 2, 2), num_res_blocks=1, code_width=16,
                            num_codes=24)
TO_CODES = TiTokConfig(native_size=48, num_tokens=6, code_width=4, num_codes=50, encoder=SIZES,
                       decoder=replace(SIZES, depth=1), num_pixel_codes=24, legacy_reshape=True, mix_pixel_codes=True,
                       tokenizer=TOKENIZER)
TO_PIXELS = replace(TO_CODES, num_pixel_codes=None, legacy_reshape=False, mix_pixel_codes=False, tokenizer=None)


def seeded(config: TiTokConfig) -> TiTok:
    """Tiny and untrained, its weights larger than a start's so that photos differ in their codes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TiTok(config)
        torch.nn.init.normal_(model.codebook)
        return model.requires_grad_(False).eval()


@pytest.fixture(scope="module", params=["codes", "pixels"])
def model(request) -> TiTok:
    return seeded({"codes": TO_CODES, "pixels": TO_PIXELS}[request.param])


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(3, 3, 48, 48, generator=torch.Generator().manual_seed(1))


def published_state(model: TiTok) -> dict[str, torch.Tensor]:
    return {published_names(name, NAMES)[0]: tensor for name, tensor in model.state_dict().items()}


def refusal(source, **options) -> str:
    with pytest.raises(CheckpointError) as caught:
        TiTok.load(source, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


# --- laws -----------------------------------------------------------------------------------------------------------


def test_it_keeps_the_protocol(model):
    assert isinstance(model, Baseline)


def test_reconstructing_is_encoding_and_decoding(model, images):
    codes = model.encode(images)
    assert codes.shape == (3, 6) and codes.dtype == torch.long
    picture = model.reconstruct(images, 6)
    assert picture.shape == images.shape and picture.dtype == torch.float32
    assert picture.min() >= 0 and picture.max() <= 1
    assert torch.equal(picture, model.decode(codes))


def test_an_image_alone_gives_what_it_gives_in_a_batch(model, images):
    assert torch.equal(model.encode(images)[1:2], model.encode(images[1:2]))
    alone = model.reconstruct(images[1:2], 6)
    torch.testing.assert_close(model.reconstruct(images, 6)[1:2], alone, atol=1e-4, rtol=0)


def test_codes_go_through_bytes_and_back_to_the_same_picture(model, images):
    codes = model.encode(images)
    packed = pack_codes(codes, model.config.num_codes)
    assert [len(picture) for picture in packed] == model.num_bytes(images, 6) == [5] * 3  # 6 codes of 6 bits
    back = unpack_codes(packed, model.config.num_codes, (6,))
    assert torch.equal(back, codes) and torch.equal(model.decode(back), model.decode(codes))


def test_an_entry_is_its_own_nearest(model):
    quantised, codes = model.quantize(model.entries[None, :6])
    assert codes.tolist() == [[0, 1, 2, 3, 4, 5]] and torch.equal(quantised, model.entries[None, :6])


def test_gradients_reach_the_codebook_through_the_entries_and_the_encoder_through_the_latents(images):
    model = seeded(TO_PIXELS).requires_grad_(True)
    latents = model.latents(images)
    quantised, _ = model.quantize(latents)
    quantised.square().sum().backward()
    assert model.codebook.grad is not None and model.encoder.patch.weight.grad is None
    (latents + (quantised - latents).detach()).sum().backward()
    assert model.encoder.patch.weight.grad is not None


def test_the_legacy_reshape_is_another_reading_of_the_same_numbers(images):
    legacy = seeded(TO_CODES)
    mended = TiTok(replace(TO_CODES, legacy_reshape=False)).eval()
    mended.load_state_dict(legacy.state_dict())
    assert not torch.equal(legacy.encode(images), mended.encode(images))


def test_other_shapes_are_seen_whole(model):
    image = torch.rand(1, 3, 30, 80, generator=torch.Generator().manual_seed(2))
    square = at_native_size(image, 48)
    assert square.shape[-2:] == (48, 48)
    assert torch.equal(model.reconstruct(image, 6), model.reconstruct(square, 6))


# --- files ----------------------------------------------------------------------------------------------------------


def test_saved_and_loaded_it_answers_alike(model, images, tmp_path):
    model.save(tmp_path / "titok.safetensors")
    again = TiTok.load(tmp_path / "titok.safetensors")
    assert again.config == model.config and not again.training
    assert torch.equal(again.reconstruct(images, 6), model.reconstruct(images, 6))
    model.save(tmp_path / "half.safetensors", dtype=torch.float16)
    assert TiTok.load(tmp_path / "half.safetensors").codebook.dtype == torch.float32


def test_the_published_layout_answers_alike(model, images, tmp_path):
    save_file(published_state(model), tmp_path / "model.safetensors")
    again = TiTok.load(tmp_path)
    assert again.config == model.config
    assert torch.equal(again.reconstruct(images, 6), model.reconstruct(images, 6))


def test_a_pickle_of_the_published_layout_answers_alike(model, images, tmp_path):
    torch.save(published_state(model), tmp_path / "pytorch_model.bin")
    assert torch.equal(TiTok.load(tmp_path).encode(images), model.encode(images))


def test_config_json_beside_it_tells_whether_codes_have_unit_length(model, tmp_path):
    save_file(published_state(model), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model": {"vq_model": {"use_l2_norm": False}}}))
    assert not TiTok.load(tmp_path).config.unit_codes
    (tmp_path / "config.json").write_text("{}")
    assert "config.json is no TiTok's" in refusal(tmp_path)


def test_a_borrowed_tokenizer_draws_and_is_not_saved(images, tmp_path):
    model = seeded(replace(TO_CODES, tokenizer=None, mix_pixel_codes=False))
    with pytest.raises(ValueError, match="no tokenizer came with it"):
        model.reconstruct(images, 6)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        tokenizer = Tokenizer(TOKENIZER).eval()
    tokenizer.save(tmp_path / "tokenizer.safetensors")
    model.use_decoder_of(tokenizer)
    model.save(tmp_path / "titok.safetensors")
    with safe_open(tmp_path / "titok.safetensors", framework="pt") as file:
        assert not any(name.startswith("tokenizer.") for name in file.keys())  # noqa: SIM118
    again = TiTok.load(tmp_path / "titok.safetensors", tokenizer=tmp_path / "tokenizer.safetensors")
    assert torch.equal(again.reconstruct(images, 6), model.reconstruct(images, 6))
    with pytest.raises(CheckpointError, match="predicts one of 24 codes a patch of 16 pixels"):
        model.use_decoder_of(Tokenizer(replace(TOKENIZER, num_codes=8)))


# --- bad input ------------------------------------------------------------------------------------------------------


def test_another_number_of_tokens(model, images):
    for asked in (model.reconstruct, model.num_bytes):
        with pytest.raises(ValueError, match="TiTok has 6 tokens for a picture of 48 x 48, not 16"):
            asked(images, 16)


@pytest.mark.parametrize(("image", "sentence"), [
    (torch.full((1, 3, 48, 48), 255.0), "must lie in 0..1, found 255..255"),
    (torch.zeros(1, 3, 48, 48, dtype=torch.uint8), "must be floats"), (torch.zeros(3, 48, 48), "must have shape"),
    (torch.full((1, 3, 48, 48), torch.nan), "must lie in 0..1")])
def test_what_is_no_image(model, image, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.encode(image)


def test_codes_that_it_does_not_have(model):
    with pytest.raises(ValueError, match="codes go from 0 to 49, found 0 to 50"):
        model.decode(torch.tensor([[0, 1, 2, 3, 4, 50]]))
    with pytest.raises(ValueError, match="has 6 codes a picture"):
        model.decode(torch.zeros(1, 7, dtype=torch.long))


def test_a_missing_file(tmp_path):
    sentence = refusal(tmp_path / "gone.safetensors")
    assert "there is no checkpoint at" in sentence and "gone.safetensors" in sentence and "titok-l32" in sentence


def test_the_shipped_one_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(titok.SHIPPED, "titok", tmp_path / "titok.safetensors")
    sentence = refusal("titok")
    assert str(tmp_path) in sentence and "python -m train --recipe titok" in sentence
    assert not published.is_at_hand("titok", shipped=titok.SHIPPED, repositories=REPOSITORIES)


def test_another_models_file(tmp_path):
    save_file({"sparse_tokens": torch.zeros(2, 3)}, tmp_path / "stellar.safetensors")
    sentence = refusal(tmp_path / "stellar.safetensors")
    assert "stellar.safetensors is not a TiTok checkpoint: it has no quantize.embedding.weight" in sentence


def test_a_tensor_of_the_wrong_width(model, tmp_path):
    state = published_state(model)
    state["encoder.ln_post.weight"] = torch.ones(65)
    save_file(state, tmp_path / "wide.safetensors")
    sentence = refusal(tmp_path / "wide.safetensors")
    assert "wide.safetensors: encoder.ln_post.weight has shape (65,), this architecture asks for (64,)" in sentence


def test_a_tensor_too_few_and_one_too_many(model, tmp_path):
    state = published_state(model)
    del state["decoder.mask_token"]
    save_file(state, tmp_path / "few.safetensors")
    assert "few.safetensors lacks: decoder.mask_token" in refusal(tmp_path / "few.safetensors")
    save_file({**published_state(model), "guest": torch.ones(1)}, tmp_path / "many.safetensors")
    assert "many.safetensors has what this architecture does not: guest" in refusal(tmp_path / "many.safetensors")


@pytest.mark.parametrize("metadata", ["[]", "{}", "not json", '{"encoder": {"width": 5}}'])
def test_metadata_that_is_no_titok(metadata, tmp_path):
    save_file({"tokens": torch.zeros(1)}, tmp_path / "odd.safetensors", metadata={titok.CONFIG_KEY: metadata})
    assert "odd.safetensors describes a TiTok that this version does not know" in refusal(tmp_path / "odd.safetensors")


def test_a_pickle_with_code_in_it_is_not_run(tmp_path):
    torch.save({"weights": print}, tmp_path / "bad.bin")
    assert "nothing in it was executed" in refusal(tmp_path / "bad.bin")


# --- the hub, without one -------------------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Its answers are set by the test; what it was asked for is kept."""
    asked = []
    monkeypatch.setattr(checkpoint, "CHECKPOINT_FOLDER", tmp_path / "checkpoints")
    monkeypatch.setattr(published, "try_to_load_from_cache", lambda *request, **options: None)

    def fetch(repository, filename, *, revision):
        asked.append((repository, filename, revision))
        if filename == "model.safetensors" and repository.endswith("pickled"):
            raise EntryNotFoundError("404")
        return tmp_path / "snapshot" / filename

    monkeypatch.setattr(published.hub, "fetch", fetch)
    return asked


@pytest.mark.parametrize("source", ["titok-s128", "yucornetto/tokenizer_titok_s128_imagenet"])
def test_a_published_name_asks_for_its_two_files(source, hub, tmp_path):
    folder = published.locate(source, shipped=titok.SHIPPED, repositories=REPOSITORIES)
    assert folder == tmp_path / "snapshot"
    assert hub == [(REPOSITORIES["titok-s128"], name, "main") for name in ("config.json", "model.safetensors")]


def test_a_repository_of_pickles_is_asked_for_those(hub):
    published.locate("someone/pickled@v2", shipped={}, repositories={})
    assert hub[-1] == ("someone/pickled", "pytorch_model.bin", "v2")


def test_without_a_network_it_says_what_to_fetch_and_where_to_put_it(hub, monkeypatch):
    def offline(*request, **options):
        raise OfflineModeIsEnabled("offline mode is enabled")

    monkeypatch.setattr(published.hub, "fetch", offline)
    sentence = refusal("titok-l32")
    assert "yucornetto/tokenizer_titok_l32_imagenet is not on this machine" in sentence
    assert "assets/checkpoints/tokenizer_titok_l32_imagenet" in sentence and not hub


def test_what_was_put_into_the_folder_is_found(model, images, hub, tmp_path):
    folder = tmp_path / "checkpoints" / "tokenizer_titok_l32_imagenet"
    folder.mkdir(parents=True)
    save_file(published_state(model), folder / "model.safetensors")
    assert published.is_at_hand("titok-l32", shipped=titok.SHIPPED, repositories=REPOSITORIES)
    assert torch.equal(TiTok.load("titok-l32").encode(images), model.encode(images)) and not hub
