"""Bytes are the length of what is serialised, and come back; a picture file never exceeds its budget."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

from model.baselines import Baseline
from model.baselines.image_files import ImageFiles, best_within
from model.baselines.serialized import (
    bits_per_code,
    pack_codes,
    pack_patches,
    pack_tokens,
    unpack_codes,
    unpack_patches,
    unpack_tokens,
)
from photos.decoding import open_photo

EXAMPLE = "assets/examples/chelsea.jpg"


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def photo(request) -> torch.Tensor:
    """(3, 96, 128) of an example, in 0..1."""
    picture = open_photo(request.config.rootpath / EXAMPLE).resize((128, 96))
    return torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(96, 128, 3).permute(2, 0, 1) / 255


# --- serialised -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_codes", "bits"), [(1, 1), (2, 1), (3, 2), (24, 5), (1024, 10), (1025, 11), (4096, 12)])
def test_codes_take_whole_bits_and_come_back(num_codes, bits):
    codes = torch.randint(num_codes, (3, 4, 7), generator=generator())
    codes[0, 0, 0], codes[-1, -1, -1] = num_codes - 1, num_codes - 1
    packed = pack_codes(codes, num_codes)
    assert bits_per_code(num_codes) == bits and {len(picture) for picture in packed} == {-(-28 * bits // 8)}
    assert torch.equal(unpack_codes(packed, num_codes, (4, 7)), codes)


def test_the_published_sizes():
    """TiTok's 32 codes of 4,096: 48 bytes. MaskGIT's 196 of 1,024: 245."""
    assert len(pack_codes(torch.zeros(1, 32, dtype=torch.long), 4096)[0]) == 48
    assert len(pack_codes(torch.zeros(1, 14, 14, dtype=torch.long), 1024)[0]) == 245


def test_tokens_and_localization_come_back_to_float16s_rounding():
    semantics = 5 * torch.randn(2, 16, 24, generator=generator())
    localization = torch.randn(2, 35, 16, generator=generator(1)).softmax(-1)
    packed = pack_tokens(semantics, localization)
    assert [len(picture) for picture in packed] == [2 * 16 * (24 + 35)] * 2
    back = unpack_tokens(packed, num_tokens=16, width=24, num_patches=35)
    for found, expected in zip(back, (semantics, localization), strict=True):
        assert torch.equal(found, expected.half().float())


def test_a_budget_of_k_tokens_takes_ks_share():
    semantics, localization = torch.zeros(1, 16, 24), torch.zeros(1, 35, 16)
    whole = len(pack_tokens(semantics, localization)[0])
    for k in range(1, 17):
        assert len(pack_tokens(semantics[:, :k], localization[..., :k])[0]) * 16 == whole * k


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="codes go from 0 to 9, found 0 to 10"):
        pack_codes(torch.tensor([[0, 10]]), 10)
    with pytest.raises(ValueError, match="codes go from 0 to 9, found -1 to 3"):
        pack_codes(torch.tensor([[-1, 3]]), 10)
    with pytest.raises(ValueError, match="float16 holds numbers up to 65504, found 1e\\+06"):
        pack_tokens(torch.full((1, 1, 1), 1e6), torch.ones(1, 1, 1))
    with pytest.raises(ValueError, match="must have 5 bytes here, found 4"):
        unpack_codes([b"four"], 1024, (4,))
    with pytest.raises(ValueError, match="must have 4 bytes here, found 3"):
        unpack_tokens([b"abc"], num_tokens=1, width=1, num_patches=1)
    with pytest.raises(ValueError, match="must have 769 bytes here, found 700"):
        unpack_patches([b"\x80" + bytes(699)], 8, 16)


def test_patches_come_back_in_place_and_to_half_a_step():
    image = torch.rand(2, 3, 32, 48, generator=generator())
    visible = torch.tensor([0, 2, 5])
    packed = pack_patches(image, visible, 16)
    assert [len(picture) for picture in packed] == [1 + 3 * 768] * 2
    numbers, pixels = unpack_patches(packed, 6, 16)
    assert torch.equal(numbers, visible)
    for place, number in enumerate(visible.tolist()):
        top, left = 16 * (number // 3), 16 * (number % 3)
        assert (pixels[:, place] - image[..., top:top + 16, left:left + 16]).abs().max() <= 0.5 / 255 + 1e-6


# --- picture files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "budgets"), [("jpeg", (700, 1500, 4000, 10**6)), ("webp", (100, 500, 1500, 10**6))])
def test_a_file_never_exceeds_its_budget_and_more_bytes_never_show_less(kind, budgets, photo):
    errors = []
    for budget in budgets:
        saved = best_within(photo, kind, budget)
        assert len(saved.content) <= budget
        with Image.open(io.BytesIO(saved.content)) as file:
            assert file.format.lower() == kind and file.size == saved.size[::-1]
            assert not file.getexif() and "icc_profile" not in file.info
        assert saved.picture.shape == photo.shape and saved.picture.min() >= 0 and saved.picture.max() <= 1
        errors.append(float((saved.picture - photo).square().mean()))
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-3
    assert best_within(photo, kind, 10**6).size == (96, 128)


@pytest.mark.parametrize(("kind", "label"), [("jpeg", "JPEG"), ("webp", "WebP")])
def test_a_budget_below_any_file_is_said_with_the_smallest(kind, label, photo):
    with pytest.raises(ValueError, match=rf"no {label} of this picture fits in 20 bytes: the smallest tried has \d+"):
        best_within(photo, kind, 20)
    smallest = int(pytest.raises(ValueError, best_within, photo, kind, 20).value.args[0].split()[-1])
    assert len(best_within(photo, kind, smallest).content) <= smallest


def test_in_a_models_place_it_takes_what_its_tokens_take(photo):
    files = ImageFiles("jpeg", budget=lambda num_tokens: 100 * num_tokens)
    assert isinstance(files, Baseline) and (files.name, files.label) == ("jpeg", "JPEG")
    batch = torch.stack([photo, photo.flip(2)])
    assert files.reconstruct(batch, 16).shape == batch.shape
    assert all(len(saved.content) <= 1600 for saved in files.saved(batch, 16))
    assert files.num_bytes(batch, 16) == [len(saved.content) for saved in files.saved(batch, 16)]
    with pytest.raises(ValueError, match="'gif' is not a valid Kind"):
        ImageFiles("gif", budget=lambda num_tokens: 0)
