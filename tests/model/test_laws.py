"""What must hold of the model for any weights and any photo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from timm.layers import Attention
from torch.utils._python_dispatch import TorchDispatchMode

from model import attention
from model.attention import SelfAttention, blocked_attention
from model.config import DecoderConfig, StellarConfig, TokenizerConfig
from model.encoder import IMAGENET_MEAN, IMAGENET_STD, normalise
from model.factorization import Factorization
from model.localizer import localize
from model.stellar import Stellar, check_images, choose_dtype
from stellar_explorer.photo import fit, open_photo

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "assets" / "examples"
STEM = "tf_efficientnet_lite0"
SIZES = [(64, 64), (32, 32), (16, 16), (96, 48), (16, 112), (80, 144)]


def small(**changes) -> Stellar:
    """Seeded, float32, in eval mode; with norms and biases that are not at their neutral start."""
    torch.manual_seed(0)
    config = {"width": 48, "depth": 3, "num_heads": 3, "mlp_width": 96, "native_size": 64, "num_tokens": 6,
              "norm_eps": 1e-6}
    stellar = Stellar(StellarConfig(**(config | changes))).requires_grad_(False).eval()
    for name, parameter in stellar.named_parameters():
        if not name.startswith("encoder.embedding.stem."):
            parameter.add_(0.05 * torch.randn_like(parameter))
    stellar.encoder.tokens.copy_(torch.randn_like(stellar.encoder.tokens))
    return stellar


def photos(batch: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Blotches rather than noise, so that patches differ."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 3, max(height // 12, 2), max(width // 12, 2), generator=generator)
    return F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False).clamp(0, 1)


@pytest.fixture(scope="module", params=[None, STEM], ids=["plain", "hybrid"])
def stellar(request) -> Stellar:
    return small(stem=request.param)


@pytest.fixture(scope="module")
def nano() -> Stellar:
    return Stellar.load("nano", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def half_nano() -> Stellar:
    return Stellar.load("nano", device="cpu", dtype="bfloat16")


def example(name: str, resolution: int = 224) -> torch.Tensor:
    return fit(open_photo(EXAMPLES / f"{name}.jpg"), resolution=resolution, patch_size=16)


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)


def alike(ours: Factorization, theirs: Factorization, tolerance: float = 2e-5) -> None:
    assert ours.patch_grid == theirs.patch_grid
    for name in ("semantics", "localization", "patch_features", "summary"):
        close(getattr(ours, name), getattr(theirs, name), tolerance)


# --- the factorization ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_rows_and_masses_sum_to_one_at_any_size(stellar, height, width):
    factorization = stellar.factorize(photos(2, height, width))
    assert factorization.patch_grid == (height // 16, width // 16)
    assert factorization.localization.min() >= 0
    close(factorization.localization.sum(-1), torch.ones(2, height * width // 256))
    close(factorization.mass.sum(-1), torch.ones(2))
    assert (factorization.peak >= factorization.mass).all() and (factorization.peak <= 1).all()
    close(factorization.low_rank, torch.einsum("bnk,bkd->bnd", factorization.localization, factorization.semantics))


def test_they_do_for_the_weights_that_ship(nano, half_nano):
    for loaded in (nano, half_nano):
        factorization = loaded.factorize(example("chelsea"))
        assert factorization.localization.dtype == factorization.semantics.dtype == torch.float32
        close(factorization.localization.sum(-1), torch.ones(1, factorization.localization.shape[1]))
        close(factorization.mass.sum(-1), torch.ones(1))


@pytest.mark.parametrize("threshold", [1.0, 0.5, 2.0, 0.0])
def test_masks_are_what_a_hand_computes(stellar, threshold):
    factorization = stellar.factorize(photos(2, 48, 80))
    masks, (rows, cols) = factorization.masks(threshold), factorization.patch_grid
    assert masks.shape == (2, 6, rows, cols) and masks.dtype == torch.bool
    for photo in range(2):
        for token in range(6):
            for row in range(rows):
                for col in range(cols):
                    share = factorization.localization[photo, row * cols + col, token].item()
                    assert masks[photo, token, row, col].item() == (share > threshold / 6)
    assert masks[:, :, 0, 0].any(1).all() or threshold > 1  # at 1/K a patch lies in at least one mask


def test_a_patch_is_in_a_mask_unless_all_tokens_share_it_equally():
    even = torch.full((1, 4, 4), 0.25)
    factorization = Factorization(torch.zeros(1, 4, 8), even, torch.zeros(1, 4, 8), torch.zeros(1, 8), (2, 2))
    assert not factorization.masks().any() and factorization.masks(0.999).all()


INCONSISTENT = {
    "semantics": torch.zeros(2, 4, 8),
    "localization": torch.zeros(2, 6, 4),
    "patch_features": torch.zeros(2, 6, 9),
    "summary": torch.zeros(1, 8),
    "patch_grid": (2, 4),
}


@pytest.mark.parametrize("name", INCONSISTENT)
def test_a_factorization_refuses_shapes_that_do_not_fit(name):
    fitting = {"semantics": torch.zeros(2, 3, 8), "localization": torch.zeros(2, 6, 3),
               "patch_features": torch.zeros(2, 6, 8), "summary": torch.zeros(2, 8), "patch_grid": (2, 3)}
    Factorization(**fitting)
    with pytest.raises(ValueError, match=r"has shape|does not hold"):
        Factorization(**(fitting | {name: INCONSISTENT[name]}))


def test_a_factorization_moves_whole():
    stellar = small()
    factorization = stellar.factorize(photos(1, 32, 32))
    moved = factorization.to(torch.float64)
    assert {moved.semantics.dtype, moved.localization.dtype, moved.summary.dtype} == {torch.float64}
    alike(moved.to(torch.float32), factorization, 0)


# --- the model ------------------------------------------------------------------------------------------------------


def test_a_batch_equals_its_singles(stellar):
    images = photos(3, 64, 96)
    batch = stellar.factorize(images)
    for number in range(3):
        single = stellar.factorize(images[number : number + 1])
        taken = {name: getattr(batch, name)[number : number + 1]
                 for name in ("semantics", "localization", "patch_features", "summary")}
        alike(single, replace(batch, **taken))


def test_a_batch_equals_its_singles_in_bfloat16(half_nano):
    images = torch.cat([example("chelsea")[..., :128, :128], example("castle")[..., :128, :128]])
    batch = half_nano.factorize(images)
    for number in range(2):
        single = half_nano.factorize(images[number : number + 1])
        assert F.cosine_similarity(single.semantics, batch.semantics[number : number + 1], dim=-1).min() > 0.999


def test_permuting_the_tokens_leaves_the_low_rank_features(stellar):
    images, order = photos(2, 64, 48), torch.tensor([3, 0, 5, 1, 4, 2])
    before = stellar.factorize(images)
    tokens = stellar.encoder.tokens.clone()
    try:
        stellar.encoder.tokens.copy_(tokens[order])
        after = stellar.factorize(images)
    finally:
        stellar.encoder.tokens.copy_(tokens)
    close(after.low_rank, before.low_rank, 2e-5)
    close(after.semantics, before.semantics[:, order], 2e-5)
    close(after.localization, before.localization[..., order], 2e-5)
    close(after.mass, before.mass[:, order], 2e-5)
    assert not torch.allclose(after.semantics, before.semantics, atol=1e-2)  # the tokens do differ


@pytest.mark.parametrize(("down", "across"), [(1, 0), (0, 2), (3, 1), (-1, -2)])
def test_a_photo_rolled_by_whole_patches_is_the_same_photo_to_a_model_without_positions(down, across):
    """Positions apart, patches are a set: they roll along, and neither semantics, summary nor masses change."""
    stellar = small()
    stellar.encoder.positions.zero_()
    images = photos(2, 64, 96)
    still, moved = stellar.factorize(images), stellar.factorize(images.roll((16 * down, 16 * across), dims=(2, 3)))

    def rolled(maps: torch.Tensor) -> torch.Tensor:
        return maps.unflatten(1, (4, 6)).roll((down, across), dims=(1, 2)).flatten(1, 2)

    close(moved.semantics, still.semantics, 2e-5)
    close(moved.summary, still.summary, 2e-5)
    close(moved.mass, still.mass, 2e-5)
    close(moved.patch_features, rolled(still.patch_features), 2e-5)
    close(moved.localization, rolled(still.localization), 2e-5)
    assert not torch.allclose(moved.patch_features, still.patch_features, atol=1e-2)


def test_a_photo_and_its_positions_rolled_together_change_nothing_but_the_order():
    stellar = small()
    images = photos(1, 64, 64)
    still = stellar.factorize(images)
    square = stellar.encoder.positions[:, 1:].unflatten(1, (4, 4)).roll((1, 2), dims=(1, 2)).flatten(1, 2)
    stellar.encoder.positions[:, 1:] = square.clone()
    moved = stellar.factorize(images.roll((16, 32), dims=(2, 3)))
    close(moved.semantics, still.semantics, 2e-5)
    close(moved.localization.unflatten(1, (4, 4)),
          still.localization.unflatten(1, (4, 4)).roll((1, 2), dims=(1, 2)), 2e-5)


def test_positions_at_the_native_grid_are_the_learnt_ones_and_resized_ones_keep_their_mean():
    encoder = small().encoder
    assert torch.equal(encoder.patch_positions((4, 4)), encoder.positions[:, 1:])
    encoder.positions[:, 1:] = 3.0
    close(encoder.patch_positions((7, 5)), torch.full((1, 35, 48), 3.0))


def test_only_its_own_patch_moves_a_patch_embedding():
    embedding, image = small().encoder.embedding, photos(1, 48, 48)
    changed = image.clone()
    changed[..., 16:32, 32:48] = 1 - changed[..., 16:32, 32:48]
    moved = (embedding(changed) - embedding(image)).abs().amax(dim=(0, 1)) > 0
    assert moved.nonzero().tolist() == [[1, 2]]


def test_a_photo_of_the_mean_colour_leaves_only_the_bias():
    embedding = small().encoder.embedding
    grey = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    close(embedding(grey), embedding.patch.bias.view(1, -1, 1, 1).expand(1, 48, 2, 2))
    brighter = grey + torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    close(embedding(brighter)[0, :, 0, 0], embedding.patch.bias + embedding.patch.weight.sum(dim=(1, 2, 3)))


def test_whole_photos_and_encoding_by_hand_agree(stellar):
    """A masked view is `encode` of a part of `embed`; all of it is the photo."""
    images = photos(1, 48, 64)
    with torch.no_grad():
        embedded = stellar.encoder.embed(images)
        whole, part = stellar.encoder.encode(embedded), stellar.encoder.encode(embedded[:, :6])
    close(whole.semantics, stellar.factorize(images).semantics)
    assert part.patch_features.shape == (1, 5, 48) and part.semantics.shape == whole.semantics.shape


def test_localize_looks_at_directions_alone():
    patches, tokens = torch.randn(2, 7, 8), torch.randn(2, 3, 8)
    close(localize(5 * patches, 0.1 * tokens, temperature=0.06), localize(patches, tokens, temperature=0.06), 1e-4)
    by_hand = (F.cosine_similarity(patches[:, :, None], tokens[:, None], dim=-1) / 0.5).exp()
    close(localize(patches, tokens, temperature=0.5), by_hand / by_hand.sum(-1, keepdim=True))


def test_a_photo_of_zeros_has_numbers(stellar):
    factorization = stellar.factorize(torch.zeros(1, 3, 32, 32))
    assert all(getattr(factorization, name).isfinite().all() for name in ("semantics", "localization", "summary"))


@pytest.mark.parametrize("join_block", [0, 1])
@pytest.mark.parametrize("stem", [None, STEM])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 96)])
def test_some_patches_are_embedded_as_all_of_them_are(stem, height, width, join_block):
    """In another order, too; where tokens join late, patches have seen each other, so it takes all of them."""
    encoder = small(stem=stem, join_block=join_block).encoder
    torch.manual_seed(0)
    images, num_patches = torch.rand(3, 3, height, width), (height // 16) * (width // 16)
    kept = torch.stack([torch.randperm(num_patches)[: num_patches if join_block else 5] for _ in images])
    whole = encoder.embed(images)
    wanted = torch.stack([torch.cat([row[:1], row[1:][numbers]]) for row, numbers in zip(whole, kept, strict=True)])
    torch.testing.assert_close(encoder.embed_some(images, kept), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("stem", [None, STEM])
def test_bfloat16_is_close_to_float32(stem):
    full, half = small(stem=stem), small(stem=stem).bfloat16()
    half.localizer.float()
    images = photos(2, 64, 96)
    theirs, ours = full.factorize(images), half.factorize(images)
    assert F.cosine_similarity(ours.semantics, theirs.semantics, dim=-1).min() >= 0.999
    close(ours.localization.sum(-1), torch.ones(2, 24))


@pytest.mark.parametrize("resolution", [224, 448])
@pytest.mark.parametrize("name", ["chelsea", "castle"])
def test_bfloat16_nano_is_close_to_float32_nano(nano, half_nano, name, resolution):
    image = example(name, resolution)
    theirs, ours = nano.factorize(image), half_nano.factorize(image)
    assert F.cosine_similarity(ours.semantics, theirs.semantics, dim=-1).min() >= 0.999
    assert (ours.masks() == theirs.masks()).float().mean() > 0.99


def test_training_has_gradients_and_keeps_the_stem_frozen():
    stellar = small(stem=STEM).requires_grad_(True)
    stellar.encoder.embedding.stem.requires_grad_(False)
    stem = stellar.encoder.embedding.stem
    before = {name: tensor.clone() for name, tensor in stem.state_dict().items()}
    assert stellar.train() is stellar and stellar.training and stellar.encoder.training
    assert not any(module.training for module in stem.modules())
    factorization = stellar(photos(2, 32, 48))
    factorization.low_rank.square().sum().backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in stem.state_dict().items())
    assert all(parameter.grad is None for parameter in stem.parameters())
    for part in ("tokens", "positions", "summary_token"):
        assert getattr(stellar.encoder, part).grad.abs().sum() > 0
    assert not stellar.eval().training


def test_a_fresh_hybrid_has_a_frozen_stem():
    fresh = Stellar(StellarConfig(width=32, depth=1, num_heads=1, mlp_width=32, native_size=32, stem=STEM))
    assert not any(parameter.requires_grad for parameter in fresh.encoder.embedding.stem.parameters())
    assert fresh.encoder.embedding.patch.weight.requires_grad


def test_a_hybrid_refuses_other_patches_and_unknown_stems():
    with pytest.raises(ValueError, match="patches of 16 pixels, not 14"):
        small(stem=STEM, patch_size=14, native_size=56)
    for stem in ("no_such_model", "hf-hub:someone/model"):
        with pytest.raises(ValueError, match="timm has no model"):
            small(stem=stem)


# --- bad images -----------------------------------------------------------------------------------------------------

BAD_IMAGES = {
    "no batch": (torch.zeros(3, 32, 32), r"must have shape \(B, 3, H, W\), found \(3, 32, 32\)"),
    "grey": (torch.zeros(1, 1, 32, 32), r"must have shape \(B, 3, H, W\)"),
    "channels last": (torch.zeros(1, 32, 32, 3), r"must have shape \(B, 3, H, W\)"),
    "bytes": (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), r"floats in 0\.\.1, found torch\.uint8; divide bytes by"),
    "no photo": (torch.zeros(0, 3, 32, 32), "empty batch"),
    "no rows": (torch.zeros(1, 3, 0, 32), "multiples of the patch size 16, found 0 x 32"),
    "a crooked height": (torch.zeros(1, 3, 33, 32), "multiples of the patch size 16, found 33 x 32"),
    "a crooked width": (torch.zeros(1, 3, 32, 8), "multiples of the patch size 16, found 32 x 8"),
    "0..255": (torch.full((1, 3, 32, 32), 255.0), r"must lie in 0\.\.1, found 255\.\.255"),
    "normalised": (torch.full((1, 3, 32, 32), -2.1), r"must lie in 0\.\.1, found -2\.1\.\.-2\.1; normalisation"),
    "not a number": (torch.full((1, 3, 32, 32), float("nan")), r"must lie in 0\.\.1, found nan"),
    "infinite": (torch.full((1, 3, 32, 32), float("inf")), r"must lie in 0\.\.1, found inf"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_a_bad_image_is_refused_in_words(name):
    images, words = BAD_IMAGES[name]
    with pytest.raises(ValueError, match=words):
        check_images(images, 16)


def test_factorize_checks_its_images_and_takes_the_whole_range(stellar):
    with pytest.raises(ValueError, match="must lie in"):
        stellar.factorize(torch.full((1, 3, 32, 32), 1.001))
    check_images(torch.tensor([0.0, 1.0]).repeat(1, 3, 16, 8), 16)
    check_images(torch.zeros(1, 3, 32, 32, dtype=torch.float16), 16)


def test_an_unknown_dtype_is_refused_with_the_choice():
    assert choose_dtype("bfloat16", torch.device("cpu")) == choose_dtype(torch.bfloat16, torch.device("cpu"))
    with pytest.raises(ValueError, match="auto, float32, bfloat16, found 'float12'"):
        choose_dtype("float12", torch.device("cpu"))


# --- decoding -------------------------------------------------------------------------------------------------------

TOKENIZER = TokenizerConfig(hidden_channels=32, channel_multipliers=(1, 1, 1, 1, 1), num_res_blocks=1, code_width=8,
                            num_codes=20)
CODES = DecoderConfig(width=32, depth=1, num_heads=2, mlp_width=48, num_codes=20)
PIXELS = replace(CODES, num_codes=None)


@pytest.mark.parametrize(("patch_size", "decoder", "tokenizer", "expected"), [
    (16, PIXELS, None, (32, 48)),
    (14, PIXELS, None, (28, 42)),
    (16, CODES, TOKENIZER, (32, 48)),
    (14, CODES, TOKENIZER, (32, 48)),  # as H/14: codes of the photo resized by 16/14
], ids=["pixels of 16", "pixels of 14", "codes of 16", "codes of 14"])
def test_a_picture_is_decoded_at_its_size(patch_size, decoder, tokenizer, expected):
    stellar = small(patch_size=patch_size, native_size=4 * patch_size, decoder=decoder, tokenizer=tokenizer)
    factorization = stellar.factorize(photos(2, 2 * patch_size, 3 * patch_size))
    picture = stellar.decode(factorization)
    assert picture.shape == (2, 3, *expected) and picture.dtype == torch.float32
    assert picture.min() >= 0 and picture.max() <= 1
    single = stellar.decode(stellar.factorize(photos(2, 2 * patch_size, 3 * patch_size)[1:]))
    close(single, picture[1:], 1e-4)


def test_decoding_sees_the_low_rank_features_alone():
    stellar = small(decoder=PIXELS)
    factorization = stellar.factorize(photos(1, 32, 48))
    order = torch.tensor([5, 4, 3, 2, 1, 0])
    other = replace(factorization, semantics=factorization.semantics[:, order], summary=0 * factorization.summary,
                    localization=factorization.localization[..., order],
                    patch_features=0 * factorization.patch_features)
    close(stellar.decode(other), stellar.decode(factorization))


def test_a_code_is_found_again():
    """The tokenizer's nearest code to a code's own vector is that code."""
    tokenizer = small(decoder=CODES, tokenizer=TOKENIZER).tokenizer
    codes = torch.arange(20).view(1, 4, 5)
    tokenizer.encoder.forward = lambda image: F.embedding(codes, tokenizer.codebook).movedim(-1, 1)
    assert torch.equal(tokenizer.encode(torch.zeros(1, 3, 64, 80)), codes)


def test_a_missing_part_is_said():
    stellar = small()
    with pytest.raises(ValueError, match="has no decoder"):
        stellar.decode(stellar.factorize(photos(1, 32, 32)))
    stellar = small(decoder=CODES)
    with pytest.raises(ValueError, match="predicts codes but no tokenizer"):
        stellar.decode(stellar.factorize(photos(1, 32, 32)))


def test_fourier_positions_of_a_half_are_those_of_the_whole():
    """Coordinates are shares of the photo: the middle of a 1 x 3 grid is the middle of a 3 x 1 and of a 5 x 5."""
    positions = small(decoder=PIXELS).decoder.positions
    middle = positions((5, 5))[12]
    close(positions((1, 3))[1], middle)
    close(positions((3, 1))[1], middle)
    close(middle[0::2], torch.zeros(16))  # the centre is the origin: sines 0, cosines 1
    close(middle[1::2], torch.ones(16))


# --- attention ------------------------------------------------------------------------------------------------------


def heads(batch: int, num_tokens: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(num_tokens)
    return torch.randn(3, batch, 2, num_tokens, 16, generator=generator).to(dtype).unbind(0)


@pytest.mark.parametrize("blocks", [False, True], ids=["at once", "in blocks"])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("num_tokens", [1, 7, 64, 65, 213, 500])
def test_blocked_attention_is_attention(monkeypatch, blocks, batch, num_tokens):
    if blocks:
        monkeypatch.setattr(attention, "BLOCK_SCORES", 0)
        monkeypatch.setattr(attention, "FEWEST_ROWS", 64)
    queries, keys, values = heads(batch, num_tokens)
    close(blocked_attention(queries, keys, values), F.scaled_dot_product_attention(queries, keys, values), 2e-6)


@pytest.mark.parametrize("num_tokens", [213, 1045])
def test_attention_in_bfloat16_is_timms(num_tokens):
    torch.manual_seed(0)
    ours = SelfAttention(32, num_heads=2, qkv_bias=True).requires_grad_(False).eval()
    theirs = Attention(32, num_heads=2, qkv_bias=True).requires_grad_(False).eval()
    theirs.load_state_dict(ours.state_dict())
    hidden = torch.randn(2, num_tokens, 32)
    exact = theirs(hidden)
    close(ours(hidden), exact, 0)  # float32 is left to timm
    with torch.no_grad():
        half, fused = ours.bfloat16()(hidden.bfloat16()).float(), theirs.bfloat16()(hidden.bfloat16()).float()
    assert (half - exact).norm() <= 1.5 * (fused - exact).norm()


def test_a_mask_goes_through_timms_attention():
    torch.manual_seed(0)
    layer = SelfAttention(32, num_heads=2).bfloat16().requires_grad_(False).eval()
    hidden, mask = torch.randn(1, 6, 32).bfloat16(), torch.ones(6, 6, dtype=torch.bool).tril()
    with torch.no_grad():
        masked, causal, free = layer(hidden, attn_mask=mask), layer(hidden, is_causal=True), layer(hidden)
    close(masked, causal, 1e-2)
    assert not torch.allclose(masked, free, atol=1e-2)


class Largest(TorchDispatchMode):
    """The most elements in any tensor that an operator returned."""

    def __init__(self) -> None:
        super().__init__()
        self.num_elements = 0

    def __torch_dispatch__(self, operator, types, arguments=(), named=None):
        out = operator(*arguments, **(named or {}))
        for tensor in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.num_elements = max(self.num_elements, tensor.numel())
        return out


def test_blocked_attention_never_holds_all_pairs():
    num_tokens = 4113  # a photo of 1024 x 1024
    queries, keys, values = heads(1, num_tokens, torch.bfloat16)
    with Largest() as largest:
        blocked_attention(queries, keys, values)
    assert largest.num_elements <= attention.BLOCK_SCORES < num_tokens**2 / 2
    with Largest() as largest:
        (queries @ keys.mT).softmax(-1) @ values
    assert largest.num_elements == 2 * num_tokens**2  # the counter counts


# Tokens and a stem that join late


@torch.no_grad()
@pytest.mark.parametrize("stem", [None, STEM])
def test_blocks_before_the_join_are_a_plain_vit(stem):
    """Neither the tokens nor the stem reach them: `embed` is the same whatever the tokens are."""
    encoder = small(stem=stem, join_block=1).encoder
    images = photos(2, 48, 64)
    patches = encoder.embedding.patch(normalise(images, IMAGENET_MEAN, IMAGENET_STD)).flatten(2).mT
    hidden = torch.cat([(encoder.summary_token + encoder.positions[:, :1]).expand(2, -1, -1),
                        patches + encoder.patch_positions((3, 4))], dim=1)
    wanted = encoder.blocks[0](hidden)
    if stem is not None:
        features = encoder.embedding.normed(encoder.embedding.stem_features(images))
        wanted[:, 1:] += sum(encoder.embedding.proj[stride](feature) for stride, feature in features.items())
        wanted[:, 0] += encoder.embedding.summary_proj(features["32"].mean(dim=1))
    close(encoder.embed(images), wanted, 1e-4)
    encoder.tokens.normal_()
    close(encoder.embed(images), wanted, 1e-4)


def test_what_is_frozen_before_the_join_needs_no_backward_pass():
    stellar = small(stem=STEM, join_block=1).requires_grad_(True)
    encoder = stellar.encoder
    for frozen in (encoder.embedding.patch, encoder.embedding.stem, encoder.blocks[0]):
        frozen.requires_grad_(False)
    encoder.positions.requires_grad_(False)
    encoder.summary_token.requires_grad_(False)
    assert not encoder.before_join(photos(1, 32, 48)).requires_grad
    stellar(photos(1, 32, 48)).low_rank.square().sum().backward()
    assert encoder.embedding.summary_proj.weight.grad is not None and encoder.tokens.grad.abs().sum() > 0


def test_a_join_beyond_the_last_block_is_refused():
    with pytest.raises(ValueError, match="join_block is 2, and there are the blocks 0 to 1"):
        StellarConfig(width=32, depth=2, num_heads=1, mlp_width=32, native_size=32, join_block=2)
