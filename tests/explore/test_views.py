"""Laws of the views: arrays in, arrays and pictures out, nothing changed on the way."""

import io
import itertools
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO

from stellar_explorer.views.arrays import factorization_npz
from stellar_explorer.views.basis import ColourBasis, fit_basis
from stellar_explorer.views.concepts import (
    concept_map,
    keep_concepts,
    photo_concept_map,
    photo_mask,
    token_map,
    token_mask,
)
from stellar_explorer.views.diagnostics import explained_variance, residual, row_entropy
from stellar_explorer.views.figure import LAYERS, drawn, figure
from stellar_explorer.views.masks import coco_json, coco_results, masks_zip, photo_masks
from stellar_explorer.views.palette import COLOURS, palette
from stellar_explorer.views.render import edges, enlarge, heat, lit
from stellar_explorer.views.similarity import compress
from tests.fakes.factorizer import fake_analysis


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """Smooth colours with a disc: neighbouring patches differ, and some belong together."""
    down, across = np.mgrid[0:200, 0:301] / 300
    pixels = np.stack([across, down * 1.4, 0.6 - 0.5 * across], axis=2)
    pixels[(down - 0.3) ** 2 + (across - 0.5) ** 2 < 0.04] = 0.9, 0.3, 0.1
    return Image.fromarray((pixels * 255).astype(np.uint8))


@pytest.fixture(scope="module")
def analysis(photo):
    return fake_analysis(photo)


def random_localization(generator, num_patches: int, num_tokens: int) -> np.ndarray:
    return generator.dirichlet(np.full(num_tokens, 0.3), num_patches).astype(np.float32)


# The colour basis


def test_a_basis_does_not_depend_on_the_order_of_the_patches(generator):
    features = generator.normal(size=(300, 24)) * np.linspace(3, 0.2, 24)
    basis, shuffled = fit_basis([features]), fit_basis([generator.permutation(features)])
    for name in ("mean", "components", "low", "high"):
        np.testing.assert_allclose(getattr(basis, name), getattr(shuffled, name), atol=1e-6)
    assert (basis.colours(features) == fit_basis([features]).colours(features)).all()


def test_a_basis_is_orthonormal_ordered_and_signed_as_stated(generator):
    features = generator.normal(size=(500, 16)) * np.linspace(4, 0.5, 16)
    basis = fit_basis([features])
    np.testing.assert_allclose(basis.components @ basis.components.T, np.eye(3), atol=1e-5)
    variances = ((features - basis.mean) @ basis.components.T).var(axis=0)
    assert (np.diff(variances) < 0).all()
    best = np.linalg.svd(features - features.mean(axis=0), compute_uv=False)[:3] ** 2 / len(features)
    np.testing.assert_allclose(variances, best, rtol=1e-4)
    for component in basis.components:
        assert component[np.abs(component).argmax()] > 0


def test_a_turned_or_moved_feature_space_gives_the_same_picture_but_for_signs(generator):
    features = generator.normal(size=(200, 8)) * np.arange(8, 0, -1)
    turn = np.linalg.qr(generator.normal(size=(8, 8)))[0]
    moved = 5 * features @ turn + 7
    found, turned = fit_basis([features]).coordinates(features), fit_basis([moved]).coordinates(moved)
    for channel in range(3):
        same = np.abs(found[:, channel] - turned[:, channel]).max()
        mirrored = np.abs(found[:, channel] - (1 - turned[:, channel])).max()
        assert min(same, mirrored) < 1e-3


def test_one_percent_lies_outside_the_range_at_either_end(generator):
    features = generator.normal(size=(2000, 6))
    coordinates = fit_basis([features]).coordinates(features)
    for share in ((coordinates < 0).mean(axis=0), (coordinates > 1).mean(axis=0)):
        np.testing.assert_allclose(share, 0.01, atol=0.002)


def test_low_rank_colours_follow_from_the_colours_of_the_semantics(generator):
    localization, semantics = random_localization(generator, 150, 16), generator.normal(size=(16, 32)).astype("f4")
    basis = fit_basis([generator.normal(size=(90, 32))])
    expected = basis.coordinates(localization @ semantics)
    np.testing.assert_allclose(localization @ basis.coordinates(semantics), expected, atol=2e-5)


def test_photos_weigh_the_same_in_a_frozen_basis_whatever_their_size(generator):
    small, large = generator.normal(size=(60, 12)) + 2, generator.normal(size=(240, 12)) * 1.5
    once, repeated = fit_basis([small, large]), fit_basis([np.tile(small, (7, 1)), large])
    for name in ("mean", "components"):
        np.testing.assert_allclose(getattr(once, name), getattr(repeated, name), atol=1e-5)
    np.testing.assert_allclose(once.low, repeated.low, atol=0.2)
    np.testing.assert_allclose(fit_basis([large, small]).mean, once.mean, atol=1e-6)


def test_a_frozen_basis_gives_equal_features_equal_colours(generator):
    one, two = generator.normal(size=(50, 9)), generator.normal(size=(80, 9)) + 1
    two[7] = one[3]
    basis = fit_basis([one, two])
    assert (basis.colours(one)[3] == basis.colours(two)[7]).all()


def test_a_blank_photo_is_grey_and_not_amplified_noise():
    blank = np.full((100, 20), 3.7, np.float32) + np.float32(1e-7)
    assert (fit_basis([blank]).coordinates(blank) == 0.5).all()
    assert (fit_basis([blank[:1]]).colours(blank) == 128).all()


def test_features_of_low_rank_leave_the_other_channels_flat(generator):
    line = generator.normal(size=(80, 1)) @ generator.normal(size=(1, 10))
    coordinates = fit_basis([line]).coordinates(line)
    assert np.ptp(coordinates[:, 0]) > 0.9 and (coordinates[:, 1:] == 0.5).all()


def test_a_saved_basis_comes_back_the_same(tmp_path, generator):
    features = generator.normal(size=(40, 5))
    basis = fit_basis([features])
    basis.save(tmp_path / "examples.npz")
    assert (ColourBasis.load(tmp_path / "examples.npz").coordinates(features) == basis.coordinates(features)).all()


def test_what_is_no_basis_is_named(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "other.npz", mean=np.zeros(4))
    np.savez(tmp_path / "odd.npz", mean=np.zeros(4), components=np.zeros((3, 5)), low=np.zeros(3), high=np.ones(3))
    for name in ("text.npz", "other.npz", "odd.npz"):
        with pytest.raises(ValueError, match=name):
            ColourBasis.load(tmp_path / name)


@pytest.mark.parametrize("features", [[], [np.zeros((0, 8))], [np.zeros((4, 2))], [np.zeros((4, 8)), np.zeros((4, 9))],
                                      [np.zeros(8)]])
def test_a_basis_of_nothing_or_of_two_widths_is_refused(features):
    with pytest.raises(ValueError):
        fit_basis(features)


# The palette


def oklab(colours: np.ndarray, sight: np.ndarray) -> np.ndarray:
    """(K, 3) uint8 -> (K, 3), as an eye sees them whose linear light goes through `sight`."""
    light = colours / 255
    light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    cones = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                      [0.0883024619, 0.2817188376, 0.6299787005]])
    opponents = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                          [0.0259040371, 0.7827717662, -0.8086757660]])
    return np.cbrt((light @ sight.T).clip(0, 1) @ cones.T) @ opponents.T


# Machado, Oliveira and Fernandes 2009, severity 1.0.
SIGHTS = {
    "normal": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                        [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                        [-0.011820, 0.042940, 0.968881]]),
    "tritan": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                        [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize(("num_tokens", "normal", "others"), [(8, 0.12, 0.095), (16, 0.115, 0.088), (24, 0.07, 0.053)])
def test_colours_stay_apart_for_every_eye(sight, num_tokens, normal, others):
    seen = oklab(palette(num_tokens).astype(float), SIGHTS[sight])
    smallest = min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2))
    assert smallest >= (normal if sight == "normal" else others)


def test_colours_show_on_white_and_on_black():
    lightness, *chroma = oklab(palette(24).astype(float), np.eye(3)).T
    assert lightness.min() >= 0.47 and lightness.max() <= 0.88 and np.hypot(*chroma).min() >= 0.08


def test_a_tokens_colour_does_not_depend_on_how_many_there_are():
    assert (palette(8) == palette(24)[:8]).all() and (palette(60)[24:48] == palette(24)).all()
    assert palette(16).dtype == np.uint8 and len(set(COLOURS)) == len(COLOURS) == 24


# Concepts


def test_a_mask_by_hand():
    localization = np.array([[0.5, 0.25, 0.25, 0], [0.25, 0.25, 0.25, 0.25], [0.1, 0.2, 0.3, 0.4],
                             [0.26, 0.74, 0, 0], [0, 0, 0, 1], [0.51, 0.49, 0, 0]], np.float32)  # fmt: skip
    expected = [[True, False, False], [True, False, True]]  # above 1/4, not at it
    assert token_mask(localization, (2, 3), 0).tolist() == expected
    assert token_mask(localization, (2, 3), 0, threshold=2).tolist() == [[False] * 3, [False, False, True]]
    assert token_map(localization, (2, 3), 3).tolist() == [[0, 0.25, localization[2, 3]], [0, 1, 0]]


@pytest.mark.parametrize("threshold", [0.1, 1, 2.5, 16])
def test_masks_are_those_of_the_analysis(analysis, threshold):
    found = [token_mask(analysis.localization, analysis.patch_grid, token, threshold) for token in range(16)]
    assert (np.stack(found) == analysis.masks(threshold)).all()


def test_every_patch_is_in_some_mask_at_one_or_shared_alike(generator):
    localization = random_localization(generator, 400, 16)
    masks = np.stack([token_mask(localization, (20, 20), token) for token in range(16)])
    assert masks.any(axis=0).all()


def test_the_concept_map_has_each_patch_in_its_strongest_colour(generator):
    localization, colours = random_localization(generator, 12, 5), palette(5)
    picture = concept_map(localization, (3, 4), colours)
    for patch in range(12):
        assert (picture[patch // 4, patch % 4] == colours[localization[patch].argmax()]).all()
    assert (concept_map(np.full((1, 5), 0.2), (1, 1), colours) == colours[0]).all()


def test_kept_concepts_share_each_patch_wholly(generator):
    localization = random_localization(generator, 200, 16)
    localization[:3] = np.eye(16)[5]
    before = localization.copy()
    kept = keep_concepts(localization, [2, 9, 11])
    np.testing.assert_allclose(kept.sum(axis=1), 1, atol=1e-6)
    assert (np.delete(kept, [2, 9, 11], axis=1) == 0).all() and kept.dtype == np.float32
    np.testing.assert_allclose(kept[:3, [2, 9, 11]], 1 / 3)
    ratio = localization[10:, 2] * kept[10:, 9] - localization[10:, 9] * kept[10:, 2]
    np.testing.assert_allclose(ratio, 0, atol=1e-6)
    assert (localization == before).all()
    np.testing.assert_allclose(keep_concepts(localization, range(16)), localization, atol=1e-6)


@pytest.mark.parametrize("tokens", [[], [16], [-1, 3]])
def test_keeping_nothing_or_what_is_not_there_is_refused(generator, tokens):
    with pytest.raises(ValueError, match="0 to 15"):
        keep_concepts(random_localization(generator, 4, 16), tokens)


# Diagnostics


def test_explained_variance_is_one_for_itself_and_zero_for_the_mean(generator):
    features = generator.normal(size=(50, 7)).astype(np.float32)
    mean = np.broadcast_to(features.mean(axis=0), features.shape)
    assert explained_variance(features, features) == 1
    assert explained_variance(features, mean) == pytest.approx(0, abs=1e-6)
    assert explained_variance(features, -5 * features) < 0


def test_squared_residuals_average_to_what_is_not_explained(analysis):
    missed = residual(analysis.patch_features, analysis.low_rank)
    explained = explained_variance(analysis.patch_features, analysis.low_rank)
    assert missed.shape == analysis.localization.shape[:1]
    assert np.square(missed).mean() == pytest.approx(1 - explained, rel=1e-4)


def test_a_blank_photo_has_finite_diagnostics():
    blank = np.full((9, 4), 2.0, np.float32)
    assert explained_variance(blank, blank) == 1 and (residual(blank, blank) == 0).all()
    assert np.isfinite(residual(np.zeros((9, 4), np.float32), np.zeros((9, 4), np.float32))).all()


def test_row_entropy_runs_from_nothing_to_log_k(generator):
    rows = np.concatenate([np.eye(16), np.full((1, 16), 1 / 16)]).astype(np.float32)
    np.testing.assert_allclose(row_entropy(rows), [0] * 16 + [np.log(16)], rtol=1e-6)
    entropies = row_entropy(random_localization(generator, 300, 16))
    assert (entropies >= 0).all() and (entropies <= np.log(16) + 1e-6).all()


# Similarity


@pytest.mark.parametrize("shape", [(120, 64), (30, 64), (200, 20), (1, 5)])
def test_similarity_differs_from_the_cosine_by_no_more_than_what_was_left_out(generator, shape):
    features = generator.normal(size=shape) * np.geomspace(1, 0.05, shape[1]) + 0.3
    codes, scales, kept = compress(features, dimensions=24)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    rebuilt = codes * scales
    left_out = np.sqrt(np.clip(1 - np.square(rebuilt).sum(axis=1), 0, None))
    rounding = np.linalg.norm(scales) / 2
    bound = np.outer(left_out, left_out) + 2 * rounding + 1e-5
    assert (np.abs(rebuilt @ rebuilt.T - unit @ unit.T) <= bound).all()
    assert codes.dtype == np.int8 and scales.dtype == np.float32 and codes.shape == (shape[0], min(24, *shape))
    assert np.abs(codes.astype(int)).max() <= 127 and 0 < kept <= 1 + 1e-9


def test_all_dimensions_keep_everything_up_to_rounding(generator):
    features = generator.normal(size=(80, 16))
    codes, scales, kept = compress(features, dimensions=16)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert kept == pytest.approx(1) and np.abs((codes * scales) @ (codes * scales).T - unit @ unit.T).max() < 0.03


def test_more_dimensions_keep_more_and_length_does_not_matter(generator):
    features = generator.normal(size=(100, 32)).astype(np.float32)
    shares = [compress(features, dimensions=count)[2] for count in (1, 4, 16, 32)]
    assert shares == sorted(shares)
    longer = features * generator.uniform(0.1, 9, size=(100, 1)).astype(np.float32)
    one, other = (codes * scales for codes, scales, _ in (compress(features), compress(longer)))
    np.testing.assert_allclose(one @ one.T, other @ other.T, atol=0.02)


def test_patches_of_length_zero_are_like_nothing():
    codes, _, kept = compress(np.zeros((5, 8), np.float32))
    assert (codes == 0).all() and kept == 1
    with pytest.raises(ValueError):
        compress(np.zeros((5, 8)), dimensions=0)


# From the grid to the photo


@pytest.mark.parametrize("cells", [1, 3, 14, 28, 64, 73])
@pytest.mark.parametrize("pixels", [9, 100, 301, 448, 1023, 4000])
def test_edges_are_the_cells_own_rounded_to_the_nearest_pixel(cells, pixels):
    found = edges(cells, pixels)
    assert found[0] == 0 and found[-1] == pixels and (np.diff(found) >= 0).all()
    assert np.abs(found - np.arange(cells + 1) * pixels / cells).max() <= 0.5
    assert found.tolist() == [int(np.floor(cell * pixels / cells + 0.5)) for cell in range(cells + 1)]


@pytest.mark.parametrize("size", [(301, 200), (200, 301), (97, 97), (900, 30), (640, 427), (61, 1000)])
def test_an_edge_of_the_view_falls_where_the_photos_does(size):
    """A photo of two halves that meet at a cell's edge: the view of its patches has the halves where it has them."""
    analysis = fake_analysis(Image.new("RGB", size))
    rows, cols = analysis.patch_grid
    for axis, cells, pixels in ((1, cols, size[0]), (0, rows, size[1])):
        for cell in {1, cells // 3, cells // 2, cells - 1} - {0, cells}:
            edge = int(np.floor(cell * pixels / cells + 0.5))
            halves = np.zeros((size[1], size[0]), bool)
            halves[(slice(None), slice(edge, None)) if axis else (slice(edge, None), slice(None))] = True
            grid = np.zeros((rows, cols), bool)
            grid[(slice(None), slice(cell, None)) if axis else (slice(cell, None), slice(None))] = True
            assert (enlarge(grid, size, smooth=False) == halves).all()
            smooth = enlarge(grid, size, smooth=True)
            wrong = np.argwhere(smooth != halves)[:, axis]
            assert wrong.size == 0 or np.abs(wrong + 0.5 - cell * pixels / cells).max() <= 1


def test_a_blocky_picture_has_only_its_own_values_and_a_smooth_one_stays_between(generator):
    picture = generator.integers(0, 255, (7, 11, 3), np.uint8)
    blocky, smooth = (enlarge(picture, (113, 64), smooth=smooth) for smooth in (False, True))
    assert blocky.shape == smooth.shape == (64, 113, 3) and blocky.dtype == smooth.dtype == np.uint8
    colours = {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}
    assert {tuple(colour) for colour in blocky.reshape(-1, 3).tolist()} == colours
    assert smooth.min() >= picture.min() and smooth.max() <= picture.max()
    assert (enlarge(blocky, (11, 7), smooth=False) == picture).all()


def test_smooth_is_bilinear_with_half_pixel_centres(generator):
    values = generator.random((9, 13), dtype=np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None, None], size=(100, 131), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(enlarge(values, (131, 100), smooth=True), expected[0, 0].numpy(), atol=1e-5)


@pytest.mark.parametrize("smooth", [True, False])
def test_a_constant_stays_constant(smooth):
    assert (enlarge(np.full((3, 5), 0.25, np.float32), (77, 31), smooth=smooth) == 0.25).all()


def test_heat_is_the_photos_size_clear_where_cold_and_opaque_at_the_peak(photo):
    cold = heat(np.zeros((4, 6), np.float32), photo, dim=0)
    assert cold.tobytes() == photo.tobytes()
    hot = heat(np.ones((4, 6), np.float32), photo, 1.0, colour=(1, 2, 3))
    assert (np.asarray(hot) == (1, 2, 3)).all() and hot.size == photo.size
    off = heat(np.ones((4, 6), np.float32), photo, 0.0, dim=0)
    assert off.tobytes() == photo.tobytes()


def test_a_lit_mask_has_the_photo_inside_and_less_light_outside(photo):
    mask = np.zeros((4, 6), bool)
    mask[1:3, 2:5] = True
    before = photo.tobytes()
    picture = np.asarray(lit(photo, mask, (10, 200, 30), opacity=0))
    inside = enlarge(mask, photo.size, smooth=False)
    pixels = np.asarray(photo)
    assert (picture[inside] == pixels[inside]).all()
    assert picture[~inside].mean() < 0.6 * pixels[~inside].mean()
    solid = np.asarray(lit(photo, mask, (10, 200, 30), opacity=1))
    assert (solid[inside] == (10, 200, 30)).all() and photo.tobytes() == before


def test_an_outline_lies_inside_its_mask(photo):
    mask = np.zeros((4, 6), bool)
    mask[1:3, 2:5] = True
    inside = enlarge(mask, photo.size, smooth=False)
    plain, outlined = (np.asarray(lit(photo, mask, (10, 200, 30), outline=width)) for width in (0, 3))
    changed = (plain != outlined).any(axis=2)
    assert changed.any() and not (changed & ~inside).any() and not changed[100, 150]


# At the photo's size, as the page draws it


def bilinear(field: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """As web/drawing/enlarge.js has it: half-pixel centres, the border cells held to the edge."""
    def axis(length: int, cells: int) -> tuple[np.ndarray, np.ndarray]:
        position = ((np.arange(length) + 0.5) * cells / length - 0.5).clip(0, cells - 1)
        cell = np.minimum(np.floor(position).astype(int), max(cells - 2, 0))
        return cell, position - cell

    rows, cols = field.shape
    (down, v), (across, u) = axis(size[1], rows), axis(size[0], cols)
    below, right = np.minimum(down + 1, rows - 1), np.minimum(across + 1, cols - 1)
    lines = field[down] + (field[below] - field[down]) * v[:, None]
    return lines[:, across] + (lines[:, right] - lines[:, across]) * u


@pytest.mark.parametrize("threshold", [0.5, 1, 2.5])
def test_smooth_masks_are_level_lines_of_the_bilinear_token_maps(analysis, photo, threshold):
    masks = photo_masks(analysis, photo.size, threshold=threshold, smooth=True)
    for token, mask in enumerate(masks):
        field = bilinear(token_map(analysis.localization, analysis.patch_grid, token).astype(float), photo.size)
        is_far = np.abs(field - threshold / 16) > 1e-6
        assert (mask == (field > threshold / 16))[is_far].all() and is_far.mean() > 0.99


@pytest.mark.parametrize("tokens", [None, [11, 2, 7]])
def test_a_smooth_concept_map_is_the_strongest_of_the_bilinear_token_maps(analysis, photo, tokens):
    picture = photo_concept_map(analysis.localization, analysis.patch_grid, palette(16), photo.size, tokens=tokens,
                                smooth=True)
    kept = sorted(range(16) if tokens is None else tokens)
    fields = np.stack([bilinear(token_map(analysis.localization, analysis.patch_grid, token).astype(float), photo.size)
                       for token in kept])
    first, second = np.sort(fields, axis=0)[[-1, -2]]
    is_far = first - second > 1e-6
    assert (picture == palette(16)[np.array(kept)[fields.argmax(axis=0)]])[is_far].all() and is_far.mean() > 0.5


def test_blocky_pictures_are_the_patches(analysis, photo):
    grid, localization = analysis.patch_grid, analysis.localization
    mask = photo_mask(localization, grid, 3, photo.size)
    assert (mask == enlarge(analysis.masks()[3], photo.size, smooth=False)).all()
    whole = photo_concept_map(localization, grid, palette(16), photo.size)
    assert (whole == enlarge(concept_map(localization, grid, palette(16)), photo.size, smooth=False)).all()


# Masks and arrays to take away


@pytest.mark.parametrize("smooth", [False, True])
def test_masks_of_some_tokens_are_theirs(analysis, photo, smooth):
    options = {"threshold": 0.8, "smooth": smooth}
    every, some = (coco_results(analysis, photo.size, tokens=tokens, **options) for tokens in (None, [9, 4]))
    assert some == [every[4], every[9]]
    with zipfile.ZipFile(io.BytesIO(masks_zip(analysis, photo.size, tokens=[9, 4], **options))) as archive:
        assert archive.namelist() == ["token_04.png", "token_09.png"]


def test_run_lengths_decode_to_the_mask(analysis, photo):
    results = coco_results(analysis, photo.size, threshold=0.8)
    masks = list(photo_masks(analysis, photo.size, threshold=0.8))
    assert [result["token"] for result in results] == list(range(16)) and len(masks) == 16
    for token, (result, mask) in enumerate(zip(results, masks, strict=True)):
        assert (coco.decode(result["segmentation"]).astype(bool) == mask).all()
        assert mask.shape == (200, 301) and result["segmentation"]["size"] == [200, 301]
        assert result["area"] == mask.sum()
        assert result["mass"] == pytest.approx(analysis.mass[token]) and result["score"] == result["peak"]
        if mask.any():
            left, top, width, height = result["bbox"]
            down, across = np.nonzero(mask)
            box = (across.min(), down.min(), across.max() + 1 - across.min(), down.max() + 1 - down.min())
            assert (left, top, width, height) == box


def test_coco_itself_reads_the_results(analysis, photo, tmp_path, capsys):
    path = tmp_path / "photo.json"
    path.write_bytes(coco_json(analysis, photo.size, image_id=7))
    truth = COCO()
    truth.dataset = {"images": [{"id": 7, "width": 301, "height": 200}], "annotations": [],
                     "categories": [{"id": token, "name": f"token {token}"} for token in range(16)]}
    truth.createIndex()
    loaded = truth.loadRes(str(path))
    assert len(loaded.getAnnIds(imgIds=[7])) == 16
    assert loaded.annToMask(loaded.loadAnns(loaded.getAnnIds())[0]).shape == (200, 301)
    capsys.readouterr()


def test_a_threshold_at_the_number_of_tokens_leaves_empty_masks_that_are_valid(analysis, photo):
    for result in json.loads(coco_json(analysis, photo.size, threshold=16)):
        assert result["area"] == 0 and not coco.decode(result["segmentation"]).any()


def test_the_zip_holds_each_mask_at_the_photos_size(analysis, photo):
    content = masks_zip(analysis, photo.size)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert names == [f"token_{token:02d}.png" for token in range(16)] and archive.testzip() is None
        for name, mask in zip(names, photo_masks(analysis, photo.size), strict=True):
            assert (np.asarray(Image.open(io.BytesIO(archive.read(name)))) == mask).all()
    assert masks_zip(analysis, photo.size) == content


def test_the_arrays_come_back_without_pickle(analysis, photo):
    with np.load(io.BytesIO(factorization_npz(analysis, photo.size)), allow_pickle=False) as arrays:
        assert (arrays["localization"] == analysis.localization).all()
        assert (arrays["semantics"] == analysis.semantics).all() and (arrays["concepts"] == analysis.concepts).all()
        assert tuple(arrays["patch_grid"]) == analysis.patch_grid and arrays["photo_size"].tolist() == [200, 301]
        assert str(arrays["model"]) == "nano" and arrays["mass"].sum() == pytest.approx(1, abs=1e-5)


# The figure


def opened_figure(photo: Image.Image, analysis, **options) -> Image.Image:
    content = figure(photo, analysis, fit_basis([analysis.patch_features]), **options)
    assert content.startswith(b"\x89PNG")
    return Image.open(io.BytesIO(content)).convert("RGB")


@pytest.mark.parametrize(("size", "num_tokens"), [((301, 200), 16), ((200, 300), 8), ((400, 130), 24),
                                                  ((900, 30), 16), ((30, 900), 16), ((12, 12), 16)])
def test_a_figure_is_a_white_page_of_readable_shape_with_a_margin(size, num_tokens):
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    page = opened_figure(picture, fake_analysis(picture, num_tokens=num_tokens))
    assert 900 <= page.width <= 2200 and 0.4 <= page.width / page.height <= 3
    pixels = np.asarray(page)
    for border in (pixels[:40], pixels[-40:], pixels[:, :40], pixels[:, -40:]):
        assert (border == 255).all()


def test_the_figure_shows_the_photo_its_concepts_and_their_colours(photo, analysis):
    page = np.asarray(opened_figure(photo, analysis))
    colours = {tuple(colour) for colour in page.reshape(-1, 3).tolist()}
    strongest = set(analysis.localization.argmax(axis=1).tolist())
    assert {tuple(palette(16)[token].tolist()) for token in strongest} <= colours


def test_fewer_tokens_make_a_lower_figure_and_a_threshold_another_one(photo, analysis):
    whole, three = opened_figure(photo, analysis), opened_figure(photo, analysis, tokens=[4, 0, 9])
    assert three.height < whole.height and three.width == whole.width
    assert opened_figure(photo, analysis, threshold=2).tobytes() != whole.tobytes()
    assert opened_figure(photo, analysis, smooth=True).tobytes() != whole.tobytes()


@pytest.mark.parametrize("layer", LAYERS)
def test_a_figure_of_one_layer_is_that_layer_large(photo, analysis, layer):
    page = np.asarray(opened_figure(photo, analysis, layers=[layer], tokens=[4, 0]))
    _, picture = drawn(layer, photo, analysis, fit_basis([analysis.patch_features]), (301, 200), [0, 4], False)
    colours = {tuple(colour) for colour in page.reshape(-1, 3).tolist()}
    if layer != "photo":
        assert {tuple(colour) for colour in picture.reshape(-1, 3).tolist()} <= colours


def test_figures_drawn_at_once_are_those_drawn_alone(photo, analysis):
    basis = fit_basis([analysis.patch_features])
    alone = figure(photo, analysis, basis, tokens=[0, 1])
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(lambda _: figure(photo, analysis, basis, tokens=[0, 1]), range(3))) == {alone}
