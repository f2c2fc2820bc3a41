"""Ceiling and floors: the round trip gives the tokenizer's own picture, more rank never a worse one, full rank all."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model.baselines import Baseline
from model.baselines.feature_svd import FeatureSvd, nearest_of_rank
from model.baselines.patch_pca import PatchPca
from model.baselines.round_trip import RoundTrip
from model.baselines.serialized import pack_codes, pack_tokens, unpack_codes
from model.config import DecoderConfig, StellarConfig, TokenizerConfig
from model.stellar import Stellar
from model.tokenizer import Tokenizer

TOKENIZER = TokenizerConfig(hidden_channels=32, channel_multipliers=(1, 1, 1), num_res_blocks=1, code_width=8,
                            num_codes=24)
STELLAR = StellarConfig(width=32, depth=2, num_heads=2, mlp_width=48, native_size=64, num_tokens=4,
                        decoder=DecoderConfig(width=24, depth=1, num_heads=2, mlp_width=32, num_codes=None))


@pytest.fixture(scope="module")
def stellar() -> Stellar:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Stellar(STELLAR).requires_grad_(False).eval()
    # Untrained, its pixels leave 0..1, where `decode` cuts.
    model.decoder.head.weight.mul_(0.2)
    model.decoder.head.bias.fill_(0.5)
    return model


@pytest.fixture(scope="module")
def round_trip() -> RoundTrip:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer = Tokenizer(TOKENIZER).requires_grad_(False).eval()
        torch.nn.init.normal_(tokenizer.codebook)
    return RoundTrip(tokenizer)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Smooth, as photos are, and oblong."""
    coarse = torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(coarse, (48, 64), mode="bilinear")


def test_they_keep_the_protocol(stellar, round_trip):
    for baseline in (round_trip, PatchPca(), FeatureSvd(stellar)):
        assert isinstance(baseline, Baseline)


@pytest.mark.parametrize("which", ["round trip", "pca", "svd"])
def test_an_image_alone_gives_what_it_gives_in_a_batch(which, stellar, round_trip, images):
    baseline = {"round trip": round_trip, "pca": PatchPca(), "svd": FeatureSvd(stellar)}[which]
    num_tokens = baseline.possible_num_tokens((48, 64))[-1] if which == "round trip" else 3
    together = baseline.reconstruct(images, num_tokens)
    torch.testing.assert_close(together[1:], baseline.reconstruct(images[1:], num_tokens), atol=1e-4, rtol=0)
    assert together.dtype == torch.float32 and together.min() >= 0 and together.max() <= 1
    assert len(baseline.num_bytes(images, num_tokens)) == 2


# --- the round trip -------------------------------------------------------------------------------------------------


def test_the_round_trip_is_the_tokenizers_picture_through_bytes_too(round_trip, images):
    codes = round_trip.codes(images)
    assert codes.shape == (2, 12, 16) and round_trip.possible_num_tokens((48, 64)) == range(192, 193)
    packed = pack_codes(codes, 24)
    assert [len(picture) for picture in packed] == round_trip.num_bytes(images, 192) == [120] * 2  # 192 of 5 bits
    back = unpack_codes(packed, 24, (12, 16))
    assert torch.equal(back, codes)
    assert torch.equal(round_trip.tokenizer.decode(back), round_trip.reconstruct(images, 192))


def test_the_round_trip_has_one_number_of_tokens(round_trip, images):
    with pytest.raises(ValueError, match="VQ-GAN has 192 tokens for a picture of 48 x 64, not 16"):
        round_trip.reconstruct(images, 16)
    with pytest.raises(ValueError, match="multiples of the patch size 4"):
        round_trip.codes(images[..., :50])


# --- PCA of patches -------------------------------------------------------------------------------------------------


def test_more_components_never_rebuild_worse_and_all_of_them_rebuild_the_photo(images):
    pca = PatchPca(8)
    errors = [float((pca.reconstruct(images, count) - images).square().mean()) for count in range(1, 49)]
    assert all(after <= before + 1e-9 for before, after in zip(errors, errors[1:], strict=False))
    assert errors[0] > 100 * errors[-1] and errors[-1] < 1e-10


def test_one_token_is_the_mean_patch(images):
    picture = PatchPca(16).reconstruct(images, 1)
    mean = images.unflatten(2, (3, 16)).unflatten(4, (4, 16)).mean(dim=(2, 4))
    torch.testing.assert_close(picture, mean.repeat(1, 1, 3, 4))


def test_no_patterns_do_better(images):
    """Eckart and Young: against as many patterns drawn at random, with the best scores for them."""
    pca = PatchPca(16)
    mean, patterns, scores = pca.components(images, 4)
    patches = mean + scores @ patterns
    best = torch.nn.functional.unfold(images, 16, stride=16).mT
    drawn = torch.linalg.qr(torch.randn(2, 768, 3, generator=torch.Generator().manual_seed(0)))[0].mT
    random = mean + (best - mean) @ drawn.mT @ drawn
    assert ((patches - best).square().sum((1, 2)) < (random - best).square().sum((1, 2))).all()


def test_pca_says_how_many_tokens_there_can_be(images):
    assert PatchPca(16).possible_num_tokens((48, 64)) == range(1, 13)
    assert PatchPca(1).possible_num_tokens((48, 64)) == range(1, 4)
    for count in (0, 13):
        with pytest.raises(ValueError, match=f"PCA of patches has 1 to 12 tokens .* not {count}"):
            PatchPca(16).reconstruct(images, count)
    with pytest.raises(ValueError, match="multiples of the patch size 16"):
        PatchPca(16).reconstruct(images[..., :50], 2)


def test_pca_counts_its_mean_its_patterns_and_its_scores(images):
    assert PatchPca(16).num_bytes(images, 1) == [2 * 768] * 2
    assert PatchPca(16).num_bytes(images, 4) == [2 * (768 + 3 * (768 + 12))] * 2


# --- SVD of patch features ------------------------------------------------------------------------------------------


def test_at_full_rank_it_is_the_plain_decode(stellar, images):
    plain = stellar.factorize(images)
    rank = FeatureSvd(stellar).possible_num_tokens((48, 64))[-1]
    assert rank == 12  # as many as the patches
    # Each patch its own token, there alone: the low-rank features are the features.
    whole = replace(plain, semantics=plain.patch_features, localization=torch.eye(12).expand(2, -1, -1))
    torch.testing.assert_close(FeatureSvd(stellar).reconstruct(images, rank), stellar.decode(whole), atol=1e-5, rtol=0)


def test_no_factorization_of_that_rank_is_nearer_than_it(stellar, images):
    plain = stellar.factorize(images)

    def errors(low_rank):
        return (low_rank - plain.patch_features).square().sum((1, 2))

    by_rank = torch.stack([errors(nearest_of_rank(plain, rank).low_rank) for rank in range(1, 13)])
    assert (by_rank.diff(dim=0) <= 1e-4).all() and (by_rank[-1] < 1e-4).all()
    assert (by_rank[3] <= errors(plain.low_rank)).all()  # its own four tokens


def test_its_bytes_are_those_of_as_many_tokens_and_their_localization(stellar, images):
    factorization = FeatureSvd(stellar).factorize(images, 4)
    packed = [len(picture) for picture in pack_tokens(factorization.semantics, factorization.localization)]
    assert packed == FeatureSvd(stellar).num_bytes(images, 4) == [2 * 4 * (32 + 12)] * 2


def test_svd_without_a_decoder_or_of_too_high_a_rank(stellar, images):
    with pytest.raises(ValueError, match="SVD of features has 1 to 12 tokens .* not 13"):
        FeatureSvd(stellar).reconstruct(images, 13)
    bare = Stellar(replace(STELLAR, decoder=None)).eval()
    with pytest.raises(ValueError, match="has no decoder"):
        FeatureSvd(bare).reconstruct(images, 2)
