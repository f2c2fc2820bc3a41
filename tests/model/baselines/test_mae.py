"""MAE: exactly as many patches as were asked for are seen, and nothing else of the photo reaches the picture."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ViTMAEConfig

from model.baselines import Baseline, mae, published
from model.baselines.mae import Mae, PatchStatistics, spread_evenly
from model.baselines.serialized import pack_patches, unpack_patches
from model.checkpoints.checkpoint import CheckpointError
from model.encoder import IMAGENET_MEAN, IMAGENET_STD, normalise

NUM_PATCHES = 16


def seeded(**options) -> Mae:
    config = ViTMAEConfig(**{
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48, "image_size": 64,
        "decoder_hidden_size": 24, "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2,
        "decoder_intermediate_size": 32, "initializer_range": 0.2, **options})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Mae(config).requires_grad_(False).eval()


@pytest.fixture(scope="module")
def model() -> Mae:
    return seeded()


@pytest.fixture(scope="module")
def normed() -> Mae:
    return seeded(norm_pix_loss=True)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def patches(model: Mae, image: torch.Tensor) -> torch.Tensor:
    return model.network.patchify(image)


def refusal(source) -> str:
    with pytest.raises(CheckpointError) as caught:
        Mae.load(source)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


# --- laws -----------------------------------------------------------------------------------------------------------


def test_it_keeps_the_protocol(model):
    assert isinstance(model, Baseline)


@pytest.mark.parametrize("visible", ["random", "grid"])
@pytest.mark.parametrize("num_tokens", [1, 4, 5, 15, 16])
def test_visible_patches_are_as_many_as_asked_and_pasted_ones_are_the_photo(model, images, visible, num_tokens):
    shown = model.visible_patches(num_tokens, visible=visible)
    assert len(shown.unique()) == len(shown) == num_tokens and (shown.diff() > 0).all()
    picture = model.reconstruct(images, num_tokens, visible=visible)
    same = (patches(model, picture) == patches(model, images)).all(-1)
    expected = torch.zeros(NUM_PATCHES, dtype=torch.bool)
    expected[shown] = True
    assert torch.equal(same, expected.expand(2, -1))


def test_with_every_patch_visible_the_picture_is_the_photo(model, images):
    assert torch.equal(model.reconstruct(images, NUM_PATCHES), images)


def test_only_the_visible_patches_reach_the_picture(model, images):
    shown = model.visible_patches(4, seed=7)
    other = patches(model, 1 - images)
    other[:, shown] = patches(model, images)[:, shown]
    other = model.network.unpatchify(other)
    for paste in (True, False):
        assert torch.equal(model.reconstruct(images, 4, seed=7, paste=paste),
                           model.reconstruct(other, 4, seed=7, paste=paste))


def test_not_pasted_the_decoder_speaks_for_every_patch(model, images):
    pasted, spoken = (model.reconstruct(images, 4, paste=paste) for paste in (True, False))
    shown = model.visible_patches(4)
    differs = (patches(model, pasted) != patches(model, spoken)).any(-1)
    assert differs[:, shown].all() and differs.sum(1).tolist() == [4, 4]


def test_a_seed_draws_the_same_patches_and_another_seed_others(model):
    draws = [tuple(model.visible_patches(5, seed=seed).tolist()) for seed in range(20)]
    assert tuple(model.visible_patches(5, seed=0).tolist()) == draws[0] and len(set(draws)) > 10


def test_it_says_what_transformers_says_of_the_same_mask(model, images):
    noise = torch.rand(2, NUM_PATCHES, generator=torch.Generator().manual_seed(2))
    theirs = model.network(normalise(images, IMAGENET_MEAN, IMAGENET_STD), noise=noise)
    ours = model.predict(images, noise.argsort(1)[:, :4])  # a quarter, as its configuration has it
    torch.testing.assert_close(ours, theirs.logits, atol=1e-5, rtol=1e-5)
    assert model.config.mask_ratio == 0.75


def test_threads_do_not_see_each_others_number_of_patches(model, images):
    asked = [1 + number % NUM_PATCHES for number in range(32)]
    alone = {count: model.reconstruct(images, count, paste=False) for count in set(asked)}
    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(lambda count: model.reconstruct(images, count, paste=False), asked))
    for count, picture in zip(asked, pictures, strict=True):
        torch.testing.assert_close(picture, alone[count])


def test_a_copy_answers_alike(model, images):
    """A training copies its model for an average of it."""
    assert torch.equal(copy.deepcopy(model).reconstruct(images, 5), model.reconstruct(images, 5))


def test_an_image_alone_gives_what_it_gives_in_a_batch(model, images):
    torch.testing.assert_close(model.reconstruct(images, 5)[1:], model.reconstruct(images[1:], 5))


@pytest.mark.parametrize("side", [4, 14, 16])
def test_a_grid_of_any_number_is_spread_over_the_photo(side):
    for count in range(1, side**2 + 1):
        numbers = spread_evenly(count, side)
        assert len(numbers.unique()) == count and 0 <= int(numbers.min()) <= int(numbers.max()) < side**2
        if count >= 4:
            quarters = {(int(n) // side * 2 // side, int(n) % side * 2 // side) for n in numbers}
            assert len(quarters) == 4, count


def test_visible_patches_go_through_bytes_and_back(model, images):
    shown = model.visible_patches(5)
    packed = pack_patches(images, shown, 16)
    assert [len(picture) for picture in packed] == model.num_bytes(images, 5) == [2 + 5 * 768] * 2
    back, pixels = unpack_patches(packed, NUM_PATCHES, 16)
    assert torch.equal(back, shown)
    expected = patches(model, images)[:, shown].unflatten(-1, (16, 16, 3)).movedim(-1, 2)
    assert (pixels - expected).abs().max() <= 0.5 / 255 + 1e-6


# --- weights trained on normalised patches --------------------------------------------------------------------------


def test_the_true_mean_and_deviation_are_not_given_unless_asked_for(normed, images):
    """Hidden patches of the same normalised look but other light and contrast give the same picture."""
    shown = normed.visible_patches(4)
    darker = 0.1 + 0.4 * patches(normed, images)
    darker[:, shown] = patches(normed, images)[:, shown]
    darker = normed.network.unpatchify(darker)
    assert torch.equal(normed.reconstruct(images, 4), normed.reconstruct(darker, 4))
    told = [normed.reconstruct(picture, 4, patch_statistics="true") for picture in (images, darker)]
    assert not torch.equal(*told)


def test_told_the_truth_each_hidden_patch_has_the_photos_mean(normed, images):
    picture = normed.reconstruct(0.4 + 0.2 * images, 4, patch_statistics=PatchStatistics.TRUE, paste=False)
    seen, expected = (normalise(picture, IMAGENET_MEAN, IMAGENET_STD) for picture in (picture, 0.4 + 0.2 * images))
    predicted = normed.predict(0.4 + 0.2 * images, normed.visible_patches(4).expand(2, -1))
    source = patches(normed, expected)
    wanted = predicted * source.var(-1, keepdim=True).add(1e-6).sqrt() + source.mean(-1, keepdim=True)
    torch.testing.assert_close(patches(normed, seen), wanted, atol=1e-4, rtol=1e-4)


def test_the_truth_is_counted_in_the_bytes(normed, images):
    plain = normed.num_bytes(images, 4)
    told = normed.num_bytes(images, 4, patch_statistics="true")
    assert [more - less for more, less in zip(told, plain, strict=True)] == [12 * 2 * np.float16().nbytes] * 2


def test_plain_weights_need_no_statistics(model, images):
    assert torch.equal(*(model.reconstruct(images, 4, patch_statistics=statistics) for statistics in PatchStatistics))
    assert model.num_bytes(images, 4, patch_statistics="true") == model.num_bytes(images, 4)


# --- files ----------------------------------------------------------------------------------------------------------


def test_saved_and_loaded_it_answers_alike(normed, images, tmp_path):
    normed.save(tmp_path / "mae.safetensors")
    again = Mae.load(tmp_path / "mae.safetensors")
    assert again.normalised_patches and not again.training
    assert torch.equal(again.reconstruct(images, 5), normed.reconstruct(images, 5))


def test_a_folder_of_transformers_answers_alike(model, images, tmp_path):
    model.network.save_pretrained(tmp_path / "five")
    assert torch.equal(Mae.load(tmp_path / "five").reconstruct(images, 5), model.reconstruct(images, 5))
    state = {four(name): tensor for name, tensor in model.network.state_dict().items()}
    (tmp_path / "four").mkdir()
    (tmp_path / "four" / "config.json").write_text(model.config.to_json_string())
    torch.save(state, tmp_path / "four" / "pytorch_model.bin")
    assert torch.equal(Mae.load(tmp_path / "four").reconstruct(images, 5), model.reconstruct(images, 5))


def four(name: str) -> str:
    """A name of transformers 5 as version 4 had it, in which the published weights lie."""
    pairs = [("vit.layers.", "vit.encoder.layer.")]
    pairs += [(f".attention.{part[0]}_proj.", f".attention.attention.{part}.") for part in ("query", "key", "value")]
    pairs += [(".attention.o_proj.", ".attention.output.dense."), (".mlp.fc1.", ".intermediate.dense."),
              (".mlp.fc2.", ".output.dense.")]
    for new, old in pairs:
        name = name.replace(new, old)
    return name


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_tokens", [0, 17, -1])
def test_a_number_of_patches_that_there_is_not(model, images, num_tokens):
    for asked in (model.reconstruct, model.num_bytes):
        with pytest.raises(ValueError, match=f"MAE has 1 to 16 tokens for a picture of 64 x 64, not {num_tokens}"):
            asked(images, num_tokens)


def test_words_that_are_no_option(model, images):
    with pytest.raises(ValueError, match="'checkerboard' is not a valid Visible"):
        model.reconstruct(images, 4, visible="checkerboard")
    with pytest.raises(ValueError, match="'none' is not a valid PatchStatistics"):
        model.reconstruct(images, 4, patch_statistics="none")


def test_a_missing_file(tmp_path):
    sentence = refusal(tmp_path / "gone.safetensors")
    assert "there is no checkpoint at" in sentence and "mae-b16" in sentence


def test_the_shipped_one_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(mae.SHIPPED, "mae", tmp_path / "mae.safetensors")
    sentence = refusal("mae")
    assert str(tmp_path) in sentence and "python -m train --recipe mae" in sentence
    assert not published.is_at_hand("mae", shipped=mae.SHIPPED, repositories=mae.REPOSITORIES)


def test_another_models_file(tmp_path):
    save_file({"sparse_tokens": torch.zeros(2, 3)}, tmp_path / "stellar.safetensors")
    assert "stellar.safetensors is no MAE of ours" in refusal(tmp_path / "stellar.safetensors")


@pytest.mark.parametrize("values", [{"hidden_size": "wide"}, {"num_attention_heads": 0}, {"num_channels": 4},
                                    {"patch_size": 15}, {"patch_size": 0}, {"model_type": "vit"}, []])
def test_metadata_that_is_no_mae(values, tmp_path):
    metadata = json.dumps(values and {"model_type": "vit_mae", **values})
    save_file({"vit.layernorm.weight": torch.zeros(1)}, tmp_path / "odd.safetensors",
              metadata={mae.CONFIG_KEY: metadata})
    assert "odd.safetensors describes a MAE that cannot be built: " in refusal(tmp_path / "odd.safetensors")


def test_a_tensor_of_the_wrong_width(model, tmp_path):
    model.save(tmp_path / "mae.safetensors")
    state = load_file(tmp_path / "mae.safetensors")
    state["vit.layernorm.weight"] = torch.ones(33)
    save_file(state, tmp_path / "wide.safetensors", metadata={mae.CONFIG_KEY: model.config.to_json_string()})
    sentence = refusal(tmp_path / "wide.safetensors")
    assert "wide.safetensors: vit.layernorm.weight has shape (33,), this architecture asks for (32,)" in sentence


def test_a_folder_without_the_decoder_is_not_filled_at_random(model, tmp_path):
    state = {name: tensor for name, tensor in model.network.state_dict().items() if not name.startswith("decoder.")}
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_text(model.config.to_json_string())
    sentence = refusal(tmp_path)
    assert "lacks decoder." in sentence and "cannot rebuild a picture" in sentence


def test_a_folder_of_the_wrong_width(model, tmp_path):
    model.network.save_pretrained(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**values, "hidden_size": 64}))
    assert "holds no MAE that can be read" in refusal(tmp_path)


def test_a_folder_of_another_model(model, tmp_path):
    model.network.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    assert "its configuration is of a vit, not of a vit_mae" in refusal(tmp_path)
    (tmp_path / "config.json").write_text("{")
    assert "holds no MAE that can be read" in refusal(tmp_path)
