"""Where a run's weights start: from scratch, from a timm ViT, from a STELLAR; and the frozen parts it stands on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from model.checkpoints.checkpoint import SHIPPED, CheckpointError
from model.config import ConceptHeadConfig, DecoderConfig, StellarConfig, TokenizerConfig
from model.encoder import IMAGENET_MEAN, IMAGENET_STD, normalise
from model.stellar import Stellar
from model.tokenizer import Tokenizer
from tests.weights import write_reference
from train.config import RecipeError, TrainConfig
from train.starts import (
    STEM_GAIN,
    SUMMARY_NORM,
    fitted,
    initialize_summary_projection,
    initialize_tokens,
    load_start,
    open_stem,
    open_tokenizer,
    resized_positions,
    start,
)

HERE = Path(__file__).resolve().parent.parent
PIXELS = DecoderConfig(width=32, depth=1, num_heads=2, mlp_width=64, num_codes=None)
TEST_VIT = StellarConfig(width=64, depth=6, num_heads=2, mlp_width=192, native_size=160, num_tokens=4, norm_eps=1e-6)
LITE0 = "tf_efficientnet_lite0"


def config(model: StellarConfig = TEST_VIT, **changes) -> TrainConfig:
    losses = {"reconstruction": 1.0} if model.decoder is not None else {"koleo": 1.0}
    return replace(TrainConfig(recipe="test", model=model, weights=losses, steps=1), **changes)


def small(**changes) -> StellarConfig:
    sizes = {"width": 32, "depth": 2, "num_heads": 2, "mlp_width": 64, "native_size": 64, "num_tokens": 4}
    return StellarConfig(**{**sizes, **changes})


def vit_file(path: Path, name: str = "test_vit", seed: int = 0, **changes: torch.Tensor | None) -> str:
    """A seeded timm ViT as people save it: whole, with its classifier."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        vit = timm.create_model(name)
        for key, tensor in vit.state_dict().items():
            if key.endswith(("gamma", "bias", "cls_token")):  # else they are the same in each block, or zero
                tensor.normal_(std=0.3)
    tensors = {key.replace("/", "."): tensor for key, tensor in {**vit.state_dict(), **changes}.items()
               if tensor is not None}
    save_file(tensors, path)
    return str(path)


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return set(first) == set(second) and all(torch.equal(first[name], second[name]) for name in first)


# From scratch


def test_the_seed_alone_decides_a_start_from_scratch():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = start(config(replace(TEST_VIT, decoder=PIXELS)))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same_weights(one, start(config(replace(TEST_VIT, decoder=PIXELS))))
    assert not same_weights(one, start(config(replace(TEST_VIT, decoder=PIXELS), seed=1)))


def test_a_start_has_the_parts_that_its_losses_need():
    whole = start(config(replace(TEST_VIT, decoder=PIXELS)))
    assert whole.decoder is not None and whole.tokenizer is None and whole.training
    assert start(config(replace(TEST_VIT, decoder=PIXELS), weights={"koleo": 1.0})).decoder is None


# From a timm ViT


def plain_vit(stellar: Stellar, image: torch.Tensor) -> torch.Tensor:
    """What the encoder says without its tokens: (B, 1 + N, D)."""
    hidden = stellar.encoder.embed(image)
    for block in stellar.encoder.blocks:
        hidden = block(hidden)
    return stellar.encoder.norm(hidden)


@torch.no_grad()
@pytest.mark.parametrize("size", [(160, 160), (96, 128)])
def test_a_start_from_a_vit_says_of_patches_what_the_vit_says(tmp_path, size):
    path = vit_file(tmp_path / "vit.safetensors")
    stellar = start(config(init=path)).eval()
    vit = timm.create_model("test_vit", num_classes=0, dynamic_img_size=True).eval()
    vit.load_state_dict({name: tensor for name, tensor in load_file(path).items() if not name.startswith("head")})
    image = torch.rand(2, 3, *size)
    wanted = vit.forward_features(normalise(image, IMAGENET_MEAN, IMAGENET_STD))
    if size == (160, 160):
        torch.testing.assert_close(plain_vit(stellar, image), wanted, atol=1e-4, rtol=1e-4)
    else:  # timm resizes positions with antialiasing, we as the reference does
        assert F.cosine_similarity(plain_vit(stellar, image), wanted, dim=-1).mean() > 0.95


def test_blocks_are_the_vits_and_tokens_and_localizer_the_seeds(tmp_path):
    path = vit_file(tmp_path / "vit.safetensors")
    stellar, scratch, tensors = start(config(init=path)), start(config()), load_file(path)
    state = stellar.state_dict()
    for name, tensor in tensors.items():
        if name.startswith("blocks."):
            assert torch.equal(state[f"encoder.{name}"], tensor)
    assert torch.equal(state["encoder.summary_token"], tensors["cls_token"])
    assert torch.equal(state["encoder.positions"], tensors["pos_embed"])
    for name in ("encoder.tokens", "localizer.patch_proj.weight"):
        assert torch.equal(state[name], scratch.state_dict()[name])


def test_positions_are_resized_to_another_grid(tmp_path):
    path = vit_file(tmp_path / "vit.safetensors")
    stellar = start(config(replace(TEST_VIT, native_size=224), init=path))
    native = load_file(path)["pos_embed"]
    assert stellar.encoder.positions.shape == (1, 1 + 14 * 14, 64)
    assert torch.equal(stellar.encoder.positions[:, 0], native[:, 0])
    wanted = F.interpolate(native[:, 1:].mT.view(1, 64, 10, 10), size=(14, 14), mode="bicubic", align_corners=False)
    torch.testing.assert_close(stellar.encoder.positions[:, 1:].mT.view(1, 64, 14, 14), wanted)


def test_positions_without_a_summary_and_with_registers():
    patches = torch.randn(1, 16, 8)
    assert torch.equal(resized_positions(patches, 4), torch.cat([torch.zeros(1, 1, 8), patches], dim=1))
    prefix = torch.randn(1, 5, 8)
    found = resized_positions(torch.cat([prefix, patches], dim=1), 4)
    assert torch.equal(found, torch.cat([prefix[:, :1], patches], dim=1))


@torch.no_grad()
def test_layer_scales_go_into_what_they_scale(tmp_path):
    """As DINOv2 has them. test_vit3 has registers and no class token besides: these are left out."""
    path = vit_file(tmp_path / "vit.safetensors", "test_vit3")
    model = replace(TEST_VIT, width=96, depth=9, num_heads=3, mlp_width=192)
    vit = timm.create_model("test_vit3").eval()
    vit.load_state_dict(load_file(path))
    model = replace(model, mlp_width=vit.blocks[0].mlp.fc1.out_features)
    stellar = start(config(model, init=path)).eval()
    hidden = torch.randn(2, 20, 96)
    for ours, theirs in zip(stellar.encoder.blocks, vit.blocks, strict=True):
        torch.testing.assert_close(ours(hidden), theirs(hidden), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("changes", "model", "sentence"), [
    ({}, {"depth": 8}, "it has 6 transformer blocks, the model 8"),
    ({}, {"width": 32}, r"has the shape .*64.*the model's has .*32"),
    ({}, {"mlp_width": 256}, r"mlp\.fc1\.bias has the shape \(192,\), the model's has \(256,\)"),
    ({"norm_pre/weight": torch.ones(64)}, {}, "is no plain ViT: this model has no place for its norm_pre.weight"),
    ({"blocks/0/attn/q_norm/weight": torch.ones(32)}, {}, r"the model has no encoder\.blocks\.0\.attn\.q_norm\.weight"),
    ({"blocks/3/mlp/fc2/weight": None}, {}, r"it has no encoder\.blocks\.3\.mlp\.fc2\.weight"),
])
def test_a_vit_that_does_not_fit_is_said(tmp_path, changes, model, sentence):
    changes = {name.replace("/", "."): tensor for name, tensor in changes.items()}
    path = vit_file(tmp_path / "vit.safetensors", **changes)
    with pytest.raises(RecipeError, match=sentence) as caught:
        start(config(replace(TEST_VIT, **model), init=path))
    assert path in str(caught.value) and "\n" not in str(caught.value)


def test_a_vit_without_biases_starts_with_none(tmp_path):
    path = vit_file(tmp_path / "vit.safetensors", **{"blocks.2.attn.qkv.bias": None})
    assert (start(config(init=path)).encoder.blocks[2].attn.qkv.bias == 0).all()


def test_fewer_blocks_are_the_vits_first(tmp_path):
    path = vit_file(tmp_path / "vit.safetensors")
    whole, part = (start(config(replace(TEST_VIT, depth=depth), init=path)) for depth in (6, 4))
    for ours, theirs in zip(part.encoder.blocks, whole.encoder.blocks, strict=False):
        assert torch.equal(ours.attn.qkv.weight, theirs.attn.qkv.weight)


@torch.no_grad()
def test_other_patches_start_from_the_vits_resampled(tmp_path):
    """A photo of one colour is embedded alike by larger patches."""
    path = vit_file(tmp_path / "vit.safetensors")
    whole, other = (start(config(replace(TEST_VIT, patch_size=size), init=path)) for size in (16, 32))
    image = torch.rand(2, 3, 1, 1).expand(-1, -1, 96, 96)
    wanted = whole.encoder.embedding(image)[:, :, :1, :1]
    found = other.encoder.embedding(image)
    torch.testing.assert_close(found, wanted.expand_as(found), atol=2e-3, rtol=1e-3)


@torch.no_grad()
def test_in_a_hybrid_the_vit_is_heard_alone_at_first(tmp_path):
    path, image = vit_file(tmp_path / "vit.safetensors"), torch.rand(1, 3, 96, 64)
    plain, hybrid = (start(config(replace(TEST_VIT, stem=stem), init=path)) for stem in (None, LITE0))
    torch.testing.assert_close(hybrid.encoder.embed(image), plain.encoder.embed(image))


@torch.no_grad()
def test_a_stem_that_joins_late_tells_its_coarsest_stride_as_it_is(tmp_path, shipped_stem):
    """The summary hears nothing of it before photos have said what tells them apart."""
    path = vit_file(tmp_path / "vit.safetensors")
    wide = replace(TEST_VIT, stem=LITE0, join_block=1)
    one, again = (start(config(wide, init=path)).encoder.embedding for _ in range(2))
    assert torch.equal(one.proj["32"].weight, again.proj["32"].weight)
    assert all(not one.proj[stride].weight.any() for stride in ("8", "16"))
    features = one.normed(one.stem_features(torch.rand(3, 3, 64, 96)))
    told, known = one.project(features), features["32"]
    assert told.shape == (3, 1 + 24, TEST_VIT.width)
    lengths = told[:, 1:].norm(dim=-1) / known.norm(dim=-1)
    assert lengths.max() <= STEM_GAIN * 1.001 and lengths.min() > 0 and not told[:, 0].any()


@pytest.mark.parametrize("name", ["test_vit", "timm:test_vit", "test_vit.r160_in1k"])
def test_a_name_is_asked_of_timm(monkeypatch, name):
    asked, real = [], timm.create_model

    def create(name, pretrained=False, **kwargs):
        asked.append((name, pretrained))
        torch.manual_seed(3)
        return real(name, **kwargs)

    monkeypatch.setattr("train.starts.timm.create_model", create)
    stellar = start(config(init=name))
    assert asked == [(name.removeprefix("timm:"), True)]
    torch.manual_seed(3)
    wanted = real("test_vit", num_classes=0).blocks[1].attn.qkv.weight
    assert torch.equal(stellar.encoder.blocks[1].attn.qkv.weight, wanted)
    with pytest.raises(RecipeError, match="it has 2 heads, the model 4"):
        start(config(replace(TEST_VIT, num_heads=4), init=name))


def test_names_that_cannot_be_had_are_said(monkeypatch, tmp_path):
    with pytest.raises(RecipeError, match="vit_of_mine cannot be had through timm .*give a file of it"):
        start(config(init="timm:vit_of_mine"))
    monkeypatch.setattr("train.starts.timm.create_model", lambda name, **kwargs: torch.nn.Linear(2, 2))
    with pytest.raises(RecipeError, match="test_resnet is no ViT to start from"):
        start(config(init="test_resnet"))
    for init in (str(tmp_path / "gone.safetensors"), "nono", str(tmp_path)):
        with pytest.raises(CheckpointError) as caught:
            start(config(init=init))
        assert "\n" not in str(caught.value)


# From a STELLAR


def test_a_published_checkpoint_is_a_start(tmp_path):
    shapes = json.loads((HERE / "parity" / "encoder_p16.json").read_text())
    path = write_reference(tmp_path / "p16.safetensors", shapes)
    theirs = Stellar.load(path, device="cpu", dtype="float32", num_heads=4, decoder_num_heads=4)
    stellar = start(config(theirs.config, init=str(path)))
    assert same_weights(stellar, theirs)
    larger = start(config(replace(theirs.config, native_size=2 * theirs.config.native_size), init=str(path)))
    assert larger.encoder.positions.shape[1] == 1 + (2 * theirs.config.native_grid) ** 2
    assert torch.equal(larger.encoder.blocks[0].attn.qkv.weight, theirs.encoder.blocks[0].attn.qkv.weight)


@pytest.mark.parametrize("theirs", [None, PIXELS])
@pytest.mark.parametrize("ours", [None, PIXELS])
def test_a_stellar_of_ours_is_a_start_with_and_without_its_decoder(tmp_path, theirs, ours):
    source = start(config(small(decoder=theirs), seed=5))
    source.save(tmp_path / "ours.safetensors")
    stellar, scratch = start(config(small(decoder=ours), init=str(tmp_path / "ours.safetensors"))), start(
        config(small(decoder=ours)))
    state, before = source.state_dict(), scratch.state_dict()
    for name, tensor in stellar.state_dict().items():
        assert torch.equal(tensor, state.get(name, before[name])), name
    assert (stellar.decoder is None) == (ours is None)


def test_a_start_brings_its_concept_head_where_the_model_has_the_same(tmp_path):
    head = ConceptHeadConfig(hidden_width=8, width=4, standardized=True)
    source = start(config(small(concept_head=head), seed=5))
    source.concept_head.mean.normal_()
    source.save(tmp_path / "ours.safetensors")
    init = str(tmp_path / "ours.safetensors")
    assert same_weights(start(config(small(concept_head=head), init=init)).concept_head, source.concept_head)
    assert start(config(small(), init=init)).concept_head is None
    wider = start(config(small(concept_head=replace(head, width=5)), init=init)).concept_head
    assert not wider.mean.any() and wider.fc2.out_features == 5


def test_another_decoder_begins_anew(tmp_path):
    start(config(small(decoder=replace(PIXELS, depth=2)), seed=5)).save(tmp_path / "ours.safetensors")
    stellar, scratch = (start(config(small(decoder=PIXELS), init=init))
                        for init in (str(tmp_path / "ours.safetensors"), None))
    for name, tensor in stellar.decoder.state_dict().items():
        assert torch.equal(tensor, scratch.decoder.state_dict()[name])
    assert not torch.equal(stellar.encoder.tokens, scratch.encoder.tokens)


@pytest.mark.parametrize(("model", "sentence"), [
    ({"num_tokens": 8}, r"encoder\.tokens has the shape \(4, 32\), the model's has \(8, 32\)"),
    ({"num_heads": 4}, "it has 2 heads, the model 4"),
    ({"depth": 3}, "it has 2 transformer blocks, the model 3"),
    ({"width": 64}, "has the shape"),
])
def test_a_stellar_that_does_not_fit_is_said(tmp_path, model, sentence):
    start(config(small())).save(tmp_path / "ours.safetensors")
    with pytest.raises(RecipeError, match=sentence) as caught:
        start(config(small(**model), init=str(tmp_path / "ours.safetensors")))
    assert "\n" not in str(caught.value)


def test_nano_is_a_start_for_nano_alone():
    model = Stellar.load("nano", device="cpu", dtype="float32").config
    stellar = start(config(replace(model, decoder=None, tokenizer=None), init="nano"))
    with safe_open(SHIPPED["nano"], "pt") as file:
        assert torch.equal(stellar.encoder.tokens, file.get_tensor("encoder.tokens").float())
    with pytest.raises(RecipeError, match=f"it stands on the stem {LITE0}, the model on none"):
        start(config(replace(model, stem=None, concept_head=None, decoder=None, tokenizer=None), init="nano"))


# Frozen parts


HYBRID = small(stem=LITE0)


@pytest.fixture(scope="module")
def shipped_stem() -> dict[str, torch.Tensor]:
    prefix = "encoder.embedding.stem."
    with safe_open(SHIPPED["nano"], "pt") as file:
        return {name.removeprefix(prefix): file.get_tensor(name).float() for name in file.keys()  # noqa: SIM118
                if name.startswith(prefix)}


def test_the_stem_is_the_shipped_ones_or_a_files(shipped_stem, tmp_path):
    file = tmp_path / "lite0.safetensors"
    tensors = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in shipped_stem.items()}
    save_file({**tensors, "classifier.weight": torch.zeros(3, 3)}, file)
    for weights in ("nano", str(SHIPPED["nano"]), str(file)):
        for stem in (start(config(HYBRID, stem_weights=weights)).encoder.embedding.stem,
                     open_stem(config(HYBRID, stem_weights=weights))):
            for name, tensor in stem.state_dict().items():
                if tensor.is_floating_point():
                    assert torch.equal(tensor, shipped_stem[name].half().float()), (weights, name)


def test_a_stem_that_does_not_fit_is_said(shipped_stem, tmp_path):
    file = tmp_path / "lite0.safetensors"
    lacking, misshapen = {"bn1.bias": shipped_stem["bn1.bias"]}, {**shipped_stem, "bn1.bias": torch.zeros(3)}
    for tensors, sentence in ((lacking, "stem_weights: .*lacks"),
                              (misshapen, r"stem_weights: .*bn1\.bias has the shape")):
        for prefix in ("", "encoder.embedding.stem."):
            save_file({prefix + name: tensor for name, tensor in tensors.items()}, file)
            with pytest.raises(RecipeError, match=sentence):
                start(config(HYBRID, stem_weights=str(file)))
    with pytest.raises(RecipeError, match="stem_weights: .*gone.safetensors cannot be read: No such file"):
        start(config(HYBRID, stem_weights=str(tmp_path / "gone.safetensors")))


def test_a_start_and_its_tokens_leave_the_frozen_stem_as_it_was(shipped_stem):
    """Batch norms in training mode would take the statistics of whatever they see first."""
    stellar = start(config(HYBRID))
    assert stellar.training and not any(module.training for module in stellar.encoder.embedding.stem.modules())
    initialize_tokens(stellar, [torch.rand(1, 3, 64, 96) for _ in range(3)], seed=0)
    for name, tensor in stellar.encoder.embedding.stem.state_dict().items():
        assert torch.equal(tensor, shipped_stem[name].to(tensor.dtype)), name


def test_tokens_from_clusters_are_told_apart_by_what_photos_show():
    stellar = start(config(HYBRID))
    photos = [torch.cat([torch.full((3, 64, 48), 40 * i + 30, dtype=torch.uint8),
                         torch.randint(255, (3, 64, 48), dtype=torch.uint8)], dim=2) for i in range(4)]
    images = fitted(photos, 16)
    assert all(image.shape == (1, 3, 144, 224) for image in images)
    before = torch.get_rng_state()
    initialize_tokens(stellar, images, seed=0)
    tokens = stellar.encoder.tokens.detach().clone()
    assert torch.equal(torch.get_rng_state(), before) and stellar.encoder.tokens.requires_grad
    with torch.no_grad():
        lengths = torch.cat([stellar.encoder.embed(image)[0, 1:].norm(dim=1) for image in images])
    assert torch.allclose(tokens.norm(dim=1), tokens[0].norm()) and lengths.min() < tokens[0].norm() < lengths.max()
    unit = tokens / tokens[0].norm()
    assert (unit @ unit.T - 2 * torch.eye(4)).max() < 0.9
    initialize_tokens(stellar, images, seed=0)
    assert torch.equal(stellar.encoder.tokens, tokens)


def test_tokens_need_photos_and_patches():
    stellar = start(config(HYBRID))
    with pytest.raises(RecipeError, match="no photo could be read"):
        initialize_tokens(stellar, [], seed=0)
    with pytest.raises(RecipeError, match="3 patches cannot be clustered into 4 tokens"):
        initialize_tokens(stellar, [torch.rand(1, 3, 64, 64)], seed=0)


@torch.no_grad()
def test_a_late_stems_summary_starts_as_what_tells_photos_apart(shipped_stem):
    """Each direction counts alike, what all photos share is silent, and the seed decides how they lie in the width."""
    stellar = start(config(replace(HYBRID, join_block=1), stem_weights="nano"))
    images = [torch.rand(1, 3, 64, 96) * shade + tint for shade in (0.2, 0.6) for tint in (0.0, 0.1, 0.3)]
    gains = stellar.encoder.norm.weight.uniform_(0.5, 2, generator=torch.Generator().manual_seed(0))
    before = torch.get_rng_state()
    initialize_summary_projection(stellar, images, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    embedding = stellar.encoder.embedding
    told = torch.cat([embedding.project(embedding.normed(embedding.stem_features(image)))[:, 0]
                      for image in images]) * gains / gains.mean()
    torch.testing.assert_close(told.mean(dim=0), torch.zeros(told.shape[1]), atol=1e-3, rtol=0)
    spread = torch.linalg.svdvals(told) / (len(images) - 1) ** 0.5
    torch.testing.assert_close(spread[:5], torch.full((5,), SUMMARY_NORM), atol=0.05, rtol=0)
    assert spread[5:].max() < 0.01
    weight = stellar.encoder.embedding.summary_proj.weight.clone()
    initialize_summary_projection(stellar, images, seed=0)
    assert torch.equal(stellar.encoder.embedding.summary_proj.weight, weight)
    initialize_summary_projection(stellar, images[:1] * 3, seed=0)  # nothing tells them apart: as it was
    assert torch.equal(stellar.encoder.embedding.summary_proj.weight, weight)
    with pytest.raises(RecipeError, match="no photo could be read"):
        initialize_summary_projection(stellar, [], seed=0)


# The tokenizer


NARROW = TokenizerConfig(hidden_channels=32, channel_multipliers=(1, 1), num_res_blocks=1, code_width=8, num_codes=16,
                         unshuffle=4)
CODES = replace(PIXELS, num_codes=16)


def test_a_tokenizer_comes_from_a_file_of_its_own_or_from_a_stellar(tmp_path):
    torch.manual_seed(0)
    tokenizer = Tokenizer(NARROW)
    tokenizer.save(tmp_path / "tokenizer.safetensors")
    found = open_tokenizer(str(tmp_path / "tokenizer.safetensors"))
    assert found.config == NARROW and not found.training
    stellar = start(config(small(decoder=CODES), tokenizer_weights=str(tmp_path / "tokenizer.safetensors")))
    assert stellar.config.tokenizer == NARROW
    stellar.save(tmp_path / "stellar.safetensors")
    again = start(config(small(decoder=CODES), tokenizer_weights=str(tmp_path / "stellar.safetensors"), seed=3))
    for one in (found, stellar.tokenizer, again.tokenizer):
        for name, tensor in tokenizer.state_dict().items():
            assert torch.equal(one.state_dict()[name], tensor)
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(again.tokenizer.encode(image), tokenizer.eval().encode(image))


def test_a_tokenizer_that_does_not_serve_is_said(tmp_path):
    Tokenizer(NARROW).save(tmp_path / "tokenizer.safetensors")
    start(config(small())).save(tmp_path / "stellar.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no safetensors")
    for weights, codes, sentence in (
        (None, 16, "needs a tokenizer: set tokenizer_weights .*num_codes=null"),
        (str(tmp_path / "tokenizer.safetensors"), 17, "the decoder predicts 17 codes, the tokenizer has 16"),
        (str(tmp_path / "stellar.safetensors"), 16, "is a STELLAR without a tokenizer"),
        (str(tmp_path / "broken.safetensors"), 16, r"broken\.safetensors"),
        (str(tmp_path / "gone.safetensors"), 16, r"gone\.safetensors"),
    ):
        with pytest.raises(ValueError, match=sentence) as caught:
            start(config(small(decoder=replace(CODES, num_codes=codes)), tokenizer_weights=weights))
        assert isinstance(caught.value, RecipeError | CheckpointError) and "\n" not in str(caught.value)


def test_a_start_is_used_by_its_name_or_path_alone(tmp_path):
    """A file in timm's names and one of ours are told apart by what is in them."""
    vit, ours = vit_file(tmp_path / "a.safetensors"), tmp_path / "b.safetensors"
    start(config(seed=4)).save(ours)
    stellar = start(config())
    load_start(stellar, vit)
    first = stellar.encoder.norm.bias.clone()
    load_start(stellar, str(ours))
    assert not torch.equal(stellar.encoder.norm.bias, first)


def test_a_decoder_comes_along_whatever_the_size_it_draws_best_at(tmp_path):
    drawn = Stellar(small(decoder=PIXELS))
    drawn.save(tmp_path / "drawn.safetensors")
    wanted = small(decoder=replace(PIXELS, best_size=64))
    started = start(config(wanted, init=str(tmp_path / "drawn.safetensors")))
    assert same_weights(started.decoder, drawn.decoder)
