"""Ours against the public reference's outputs, 1e-4 in float32; codes equal.

encoder_p16 is in tests/parity with what rebuilds its weights. The rest is larger: a folder given by STELLAR_PARITY, or
shared/parity beside the checkout; without it those cases are skipped.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from model.config import StellarConfig
from model.stellar import Stellar
from tests.weights import write_reference

TOLERANCE = 1e-4
HERE = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("STELLAR_PARITY") or HERE.parent.parent / "shared" / "parity")


@cache
def outside(case: str) -> dict[str, np.ndarray]:
    path = FOLDER / f"{case}.npz"
    if not path.is_file():
        pytest.skip(f"{case}.npz is not here; set STELLAR_PARITY to a folder of the reference's outputs")
    with np.load(path) as arrays:
        return dict(arrays)


def shapes_of(case: str) -> dict[str, list[int]]:
    return json.loads((FOLDER / "shapes.json").read_text())[case]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """case -> Stellar with the weights that the reference had."""
    folder, models = tmp_path_factory.mktemp("parity"), {}

    def load(case: str, shapes: dict[str, list[int]], **options) -> Stellar:
        if case not in models:
            path = write_reference(folder / f"{case}.safetensors", shapes)
            models[case] = Stellar.load(path, device="cpu", dtype="float32", **options)
            path.unlink()
        return models[case]

    return load


def close(ours: torch.Tensor, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=TOLERANCE)


def check_factorization(stellar: Stellar, expected: dict[str, np.ndarray], tag: str) -> None:
    factorization = stellar.factorize(torch.from_numpy(expected[f"{tag}.image"]))
    close(factorization.summary, expected[f"{tag}.cls"].reshape(factorization.summary.shape))
    close(factorization.semantics, expected[f"{tag}.sparse"])
    close(factorization.patch_features, expected[f"{tag}.dense"])
    close(factorization.localization, expected[f"{tag}.spatial"])
    if f"{tag}.lowrank" in expected:
        close(factorization.low_rank, expected[f"{tag}.lowrank"])
    if f"{tag}.peak_dist" in expected:
        close(factorization.peak, expected[f"{tag}.peak_dist"])


@pytest.fixture(scope="module")
def encoder_p16(loaded):
    shapes = json.loads((HERE / "parity" / "encoder_p16.json").read_text())
    with np.load(HERE / "parity" / "encoder_p16.npz") as arrays:
        return loaded("encoder_p16", shapes, num_heads=4, decoder_num_heads=4), dict(arrays)


@pytest.mark.parametrize("tag", ["native", "larger", "smaller", "oblong"])
def test_patches_of_16(encoder_p16, tag):
    check_factorization(*encoder_p16, tag)


def test_the_decoder_and_its_pixel_head(encoder_p16):
    stellar, expected = encoder_p16
    factorization = stellar.factorize(torch.from_numpy(expected["obj.image"]))
    close(stellar.decoder.hidden(factorization.low_rank, factorization.patch_grid), expected["dec.hidden"])
    close(stellar.decoder(factorization.low_rank, factorization.patch_grid), expected["dec.pixels"])
    close(stellar.decode(factorization), expected["dec.pixels"].clip(0, 1))


@pytest.mark.parametrize("tag", ["native", "larger"])
def test_patches_of_14(loaded, tag):
    expected = outside("encoder_p14")
    stellar = loaded("encoder_p14", shapes_of("encoder_p14"), num_heads=4, decoder_num_heads=4)
    check_factorization(stellar, expected, tag)


# A hybrid that was trained before this code was written, in names of its own.
FIRST_HYBRID = FOLDER.parent / "weights" / "nano_first.safetensors"
FIRST_NAMES = {"stem.": "encoder.embedding.stem.", "embed.": "encoder.embedding.", "vit.blocks.": "encoder.blocks.",
               "vit.norm.": "encoder.norm.", "vit.pos_embed": "encoder.positions", "queries": "encoder.tokens",
               "vit.cls_token": "encoder.summary_token", "dense_proj.": "localizer.patch_proj.",
               "sparse_proj.": "localizer.token_proj."}


@pytest.mark.parametrize("tag", ["native", "oblong"])
def test_a_hybrid(tag):
    expected = outside("nano_first")
    if not FIRST_HYBRID.is_file():
        pytest.skip("the hybrid's weights are not here")
    stellar = Stellar(StellarConfig(width=256, depth=8, num_heads=4, mlp_width=1024, norm_eps=1e-6,
                                    stem="tf_efficientnet_lite0")).eval()
    state = {}
    for name, tensor in load_file(FIRST_HYBRID).items():
        old = next((old for old in FIRST_NAMES if name.startswith(old)), None)
        if old is not None:
            state[FIRST_NAMES[old] + name.removeprefix(old)] = tensor.float()
    missing, unexpected = stellar.load_state_dict(state, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    check_factorization(stellar, expected, tag)


def test_the_published_b16_whole(loaded):
    expected = outside("stellar_b16")
    stellar = loaded("stellar_b16", shapes_of("stellar_b16"))
    image = torch.from_numpy(expected["image"])
    factorization = stellar.factorize(image)
    close(factorization.summary, expected["cls"][:, 0])
    close(factorization.semantics, expected["sparse"])
    close(factorization.localization, expected["spatial"])
    close(factorization.patch_features[:, :8], expected["dense.first8"])
    close(factorization.low_rank[:, :8], expected["lowrank.first8"])

    logits = stellar.decoder(factorization.low_rank, factorization.patch_grid)
    close(logits[:, :4], expected["vq_logits.first4"])
    assert np.array_equal(logits.argmax(-1).numpy(), expected["vq_argmax"])
    close(stellar.tokenizer.encoder(image)[:, :16], expected["vq.encoder_out.first"])
    codes = stellar.tokenizer.encode(image)
    assert np.array_equal(codes.flatten(1).numpy(), expected["vq.codes"])
    cross_entropy = torch.nn.functional.cross_entropy(logits.mT, codes.flatten(1))
    close(cross_entropy, expected["vq_ce"])
    close(stellar.decode(factorization)[..., ::4, ::4], expected["vq.decoded"])


@pytest.mark.parametrize("tag", ["square", "larger"])
def test_a_tokenizer_in_a_file_of_its_own(encoder_p16, tmp_path, tag):
    expected = outside("vqgan_narrow")
    encoder_p16[0].save(tmp_path / "stellar.safetensors")
    narrow = write_reference(tmp_path / "vqgan.safetensors", shapes_of("vqgan_narrow"))
    stellar = Stellar.load(tmp_path / "stellar.safetensors", device="cpu", dtype="float32", tokenizer=narrow)
    tokenizer = stellar.tokenizer
    image = torch.from_numpy(expected[f"{tag}.image"])
    close(tokenizer.encoder(image), expected[f"{tag}.hidden"])
    codes = tokenizer.encode(image)
    assert np.array_equal(codes.flatten(1).numpy(), expected[f"{tag}.codes"])
    close(tokenizer.decode(codes), expected[f"{tag}.decoded"].clip(0, 1))
