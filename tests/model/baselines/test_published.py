"""TiTok against the public reference's outputs, 1e-4 in float32; codes equal.

The reference's outputs are in a folder given by STELLAR_PARITY, or in shared/parity beside the checkout; without it
these cases are skipped. tests/model/baselines/test_titok.py needs none of it.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.baselines.titok import NAMES, TiTok, published_config
from model.checkpoints.checkpoint import TensorFile, published_names
from tests.model.test_parity import close, outside, shapes_of
from tests.weights import write_reference

CASES = {"legacy": "titok_s8", "fixed": "titok_s8_rgb"}


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    tag = request.param
    expected = {name.removeprefix(f"{tag}."): array for name, array in outside("titok_s8").items()
                if name.startswith(f"{tag}.")}
    path = write_reference(tmp_path_factory.mktemp("titok") / "model.safetensors", shapes_of(CASES[tag]))
    titok = TiTok.load(path)
    path.unlink()
    return titok, expected


def test_encoder_codes_and_pictures(case):
    titok, expected = case
    image = torch.from_numpy(expected["image"])
    with torch.no_grad():
        quantised, codes = titok.quantize(titok.latents(image))
        predicted = titok.predict(quantised)
    close(quantised.mT[:, :, None], expected["z"])
    assert np.array_equal(codes[:, None].numpy(), expected["codes"])
    assert torch.equal(codes, titok.encode(image))
    if titok.config.num_pixel_codes is not None:
        predicted = predicted.mT.unflatten(2, (4, 4))
    first = expected["decoder_logits.first"]
    close(predicted[:, :first.shape[1]], first)
    close(titok.decode(codes), expected["decoded"].clip(0, 1))
    close(titok.reconstruct(image, 8), expected["decoded"].clip(0, 1))


@pytest.mark.parametrize(("case", "sizes"), [("titok_l32", (32, 1024, 24, 16)), ("titok_b64", (64, 768, 12, 12)),
                                             ("titok_s128", (128, 512, 8, 8))])
def test_the_published_sizes_are_read_off_the_tensors(case, sizes, tmp_path):
    outside("titok_s8")  # skips where the folder is not
    file = FakeFile(tmp_path / "model.safetensors", shapes_of(case))
    config = published_config(file)
    assert (config.num_tokens, config.encoder.width, config.encoder.depth, config.encoder.num_heads) == sizes
    assert config.decoder == config.encoder and config.native_size == 256 and config.num_codes == 4096
    assert config.legacy_reshape and config.unit_codes and config.num_pixel_codes == 1024
    assert config.tokenizer.channel_multipliers == (1, 1, 2, 2, 4) and config.tokenizer.hidden_channels == 128
    with torch.device("meta"):
        expected = TiTok(config).state_dict()
    named = {published_names(name, NAMES)[0]: list(tensor.shape) for name, tensor in expected.items()}
    assert named == {name: list(shape) for name, shape in file.shapes.items()}


class FakeFile(TensorFile):
    """Names and shapes without the gigabyte of weights."""

    def __init__(self, path, shapes) -> None:
        self.path, self.metadata, self.shapes = path, {}, {name: tuple(shape) for name, shape in shapes.items()}
