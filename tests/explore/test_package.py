"""What the stage is sent: it decodes to what Python has, it is small, and its code does what it says."""

import json
import math
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from stellar_explorer.examples import examples
from stellar_explorer.explore.downloads import heaviest
from stellar_explorer.explore.package import ALIGNMENT, pack, package
from stellar_explorer.explore.snippets import code, recipes
from stellar_explorer.views.diagnostics import explained_variance, residual, row_entropy
from stellar_explorer.views.figure import drawn
from stellar_explorer.views.masks import photo_masks
from stellar_explorer.views.palette import palette

MANIFEST = ("token", "address", "model", "resolution", "patch_size", "patch_grid", "image_size", "num_tokens", "width",
            "seconds", "bytes", "explained", "entropy", "entropy_max", "residual_scale", "similarity_kept", "palette",
            "concepts", "bases", "arrays", "recipes", "code", "downloads", "coarse")


def decode(data: bytes, layout: dict) -> dict[str, np.ndarray]:
    """As the browser does: a view of the file for each array."""
    arrays = {}
    for name, entry in layout.items():
        count = math.prod(entry["shape"])
        dtype = np.dtype(entry["dtype"]).newbyteorder("<")
        arrays[name] = np.frombuffer(data, dtype, count, entry["offset"]).reshape(entry["shape"])
    return arrays


@pytest.fixture(scope="module")
def study(explorer):
    return explorer.study(explorer.example("chelsea"), model="nano", resolution=448)


@pytest.fixture(scope="module")
def arrays(study):
    return decode(package(study).data, package(study).manifest["analysis"]["arrays"])


def test_what_is_packed_decodes_back():
    generator = np.random.default_rng(0)
    given = {
        "codes": generator.integers(0, 256, (3, 5, 7), dtype=np.uint8), "empty": np.zeros((0, 4), np.int8),
        "signed": generator.integers(-128, 128, (5,)).astype(np.int8),
        "halves": generator.normal(size=(3, 1)).astype(np.float16),
        "floats": generator.normal(size=(2, 3)).astype(np.float32),
        "turned": generator.normal(size=(4, 3)).astype(np.float32).T,
        "foreign": np.arange(5).astype(">f4"),
    }
    layout, data = pack(given)
    assert json.loads(json.dumps(layout)) == layout
    assert all(entry["offset"] % ALIGNMENT == 0 for entry in layout.values())
    for name, array in decode(data, layout).items():
        np.testing.assert_array_equal(array, given[name], err_msg=name)


def test_the_manifest_is_json_and_keeps_the_contract(study):
    manifest = package(study).manifest
    assert json.loads(json.dumps(manifest, allow_nan=False)) == manifest
    analysis = manifest["analysis"]
    assert set(MANIFEST) <= set(analysis)
    assert analysis["bytes"] == len(package(study).data)
    assert [concept["token"] for concept in analysis["concepts"]] == list(range(16))
    assert sum(concept["mass"] for concept in analysis["concepts"]) == pytest.approx(1, abs=1e-4)
    assert all(0 <= share <= 1 for concept in analysis["concepts"] for share in concept["centroid"])
    assert set(analysis["recipes"]) == set(analysis["code"])
    for address in (analysis["address"], manifest["photo"]["address"], *analysis["downloads"].values()):
        assert address.startswith("stellar/")  # relative: the page may live under a folder


def test_no_array_lies_over_another(study):
    layout = package(study).manifest["analysis"]["arrays"].values()
    spans = sorted((entry["offset"], np.dtype(entry["dtype"]).itemsize * math.prod(entry["shape"])) for entry in layout)
    ends = [0, *(start + length for start, length in spans)]
    assert all(start >= end for (start, _), end in zip(spans, ends, strict=False))
    assert ends[-1] <= len(package(study).data)


@pytest.mark.parametrize("suffix", ["", ".coarse"])
@pytest.mark.parametrize("threshold", [0.25, 0.5, 1, 1.7, 4, 12])
def test_the_mask_of_the_codes_is_pythons(study, arrays, threshold, suffix):
    analysis = study.coarse if suffix else study.analysis
    codes, peak = arrays[f"localization{suffix}"], arrays[f"peak{suffix}"]
    limit = threshold / analysis.num_tokens
    drawn = codes * (peak / 255)[:, None, None] > limit
    truth = analysis.masks(threshold)
    shares = analysis.localization.T.reshape(truth.shape)
    near = np.abs(shares - limit) <= peak[:, None, None] / 255
    np.testing.assert_array_equal(drawn[~near], truth[~near])
    assert near.mean() < 0.1, "nearly every cell is excused"


@pytest.mark.parametrize("basis", ["photo", "examples"])
def test_low_rank_colours_come_from_three_numbers_a_concept(study, arrays, basis):
    """colours(L S) is affine in S and rows of L sum to 1: what the browser mixes is what Python draws."""
    analysis = study.analysis
    shares = (arrays["localization"].reshape(16, -1) * (arrays["peak"] / 255)[:, None]).T
    shares = shares / shares.sum(axis=1, keepdims=True)
    mixed = np.rint(255 * (shares @ arrays[f"semantics.{basis}"]).clip(0, 1))
    truth = study.bases[basis].colours(analysis.low_rank).astype(float)
    assert np.abs(mixed - truth).max() <= 2


@pytest.mark.parametrize("basis", ["photo", "examples"])
def test_feature_colours_are_the_views(study, arrays, basis):
    for suffix, analysis in (("", study.analysis), (".coarse", study.coarse)):
        truth = study.bases[basis].colours(analysis.patch_features).reshape(*analysis.patch_grid, 3)
        np.testing.assert_array_equal(arrays[f"features.{basis}{suffix}"], truth)


def test_the_measures_are_the_views(study, arrays):
    analysis, told = study.analysis, package(study).manifest["analysis"]
    grid = analysis.patch_grid
    residuals = residual(analysis.patch_features, analysis.low_rank).reshape(grid)
    entropies = row_entropy(analysis.localization).reshape(grid)
    assert np.abs(arrays["residual"] / 255 * told["residual_scale"] - residuals).max() <= told["residual_scale"] / 255
    assert np.abs(arrays["entropy"] / 255 * told["entropy_max"] - entropies).max() <= told["entropy_max"] / 255
    assert told["explained"] == pytest.approx(explained_variance(analysis.patch_features, analysis.low_rank), abs=1e-3)
    np.testing.assert_allclose(arrays["mass"], analysis.mass, atol=1e-6)
    np.testing.assert_allclose(arrays["semantics"], analysis.semantics, rtol=2e-3, atol=2e-3)
    assert told["palette"] == ["#" + bytes(colour).hex() for colour in palette(16)]


def test_similarity_is_cosine(study, arrays):
    features = study.analysis.patch_features
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    codes = arrays["similarity"].reshape(len(unit), -1) * arrays["similarity_scale"]
    np.testing.assert_allclose(codes @ codes[7], unit @ unit[7], atol=0.1)


@pytest.mark.parametrize("resolution", [224, 448])
def test_coarse_is_there_when_the_picture_is_not_the_coarse_one(explorer, resolution):
    study = explorer.study(explorer.example("chelsea"), model="nano", resolution=resolution)
    told = package(study).manifest["analysis"]
    assert (told["coarse"] is None) == (resolution == 224)
    assert any(name.endswith(".coarse") for name in told["arrays"]) == (resolution != 224)


def test_the_largest_analysis_is_small_enough_to_send(explorer):
    """1024 x 1024, the most patches there are, and the busiest example as the photo."""
    busiest = max(examples().values(), key=lambda example: example.path.stat().st_size)
    side = Image.open(busiest.path).resize((1024, 1024), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    side.save(buffer, "JPEG", quality=95)
    study = explorer.study(explorer.keep(buffer.getvalue()), model="nano", resolution=1024)
    assert study.analysis.patch_grid == (64, 64)
    sent = len(package(study).data) + len(study.photo.display) + len(json.dumps(package(study).manifest))
    assert sent <= 600_000, f"{len(package(study).data)} + {len(study.photo.display)}"


# --- recipes ---

FILES = {"features": "features.png", "low_rank": "low_rank.png", "concepts": "concepts.png", "concept": "concept_3.png"}
SAVED = {**FILES, "photo": "fitted.png", "similarity": "similarity.png", "residual": "residual.png",
         "entropy": "entropy.png"}
NAMES = {"similarity": "similarity", "residual": "picture", "entropy": "picture", "photo": "factorization"}


def filled(text: str, **said: str) -> str:
    """As the browser fills it."""
    values = {"threshold": "1.5", "kept": "5", "token": "3", "basis": "photo", "style": "blocky"} | said
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


@pytest.mark.parametrize("layer", code(model="nano", resolution=224, num_tokens=16))
def test_the_code_runs_and_gives_what_it_promises(layer, tmp_path, monkeypatch, explorer):
    monkeypatch.chdir(tmp_path)
    with Image.open(examples()["chelsea"].path) as photo:
        size = photo.size
        photo.save("photo.jpg", quality=95)
    names: dict = {}
    exec(compile(filled(code(model="nano", resolution=224, num_tokens=16)[layer]), f"{layer}.py", "exec"), names)
    rows, cols = names["factorization"].patch_grid
    if layer in FILES:
        with Image.open(FILES[layer]) as picture:
            assert picture.size == size and picture.format == "PNG"
            assert len(picture.convert("RGB").getcolors(size[0] * size[1])) > 1, "one flat colour"
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["photo.jpg", FILES[layer]])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["photo.jpg", SAVED[layer]])
    with Image.open(SAVED[layer]) as picture:
        assert len(picture.convert("RGB").getcolors(2**24)) > 1
    if layer not in (*FILES, "photo"):
        assert tuple(names[NAMES[layer]].shape) == (rows, cols)
    if layer == "similarity":
        assert names["similarity"][3, 5].item() == pytest.approx(1, abs=1e-5)
    if layer == "concept":
        analysis = explorer.analyse(names["photo"], "nano", 224)
        np.testing.assert_array_equal(names["mask"], analysis.masks(1.5)[3])


@pytest.mark.parametrize("layer", ["features", "low_rank", "concepts", "concept"])
def test_the_code_makes_the_picture_that_is_shown(layer, tmp_path, monkeypatch, explorer):
    """Smooth, in the examples' basis, five concepts kept, at another threshold: as the figure has it."""
    monkeypatch.chdir(tmp_path)
    with Image.open(examples()["chelsea"].path) as photo:
        photo.resize((300, 200)).save("photo.jpg", quality=95)
    text = filled(code(model="nano", resolution=224, num_tokens=16)[layer], basis="examples", style="smooth")
    names: dict = {}
    exec(compile(text, f"{layer}.py", "exec"), names)
    analysis = explorer.analyse(names["photo"], "nano", 224)
    kept = heaviest(analysis, 5)
    with Image.open(FILES[layer]) as saved:
        picture = np.asarray(saved)
    if layer == "concept":
        [expected] = photo_masks(analysis, (300, 200), threshold=1.5, smooth=True, tokens=[3])
        np.testing.assert_array_equal(picture, expected)
    else:
        basis = explorer.examples_basis("nano")
        _, expected = drawn(layer, names["photo"], analysis, basis, (300, 200), kept, True)
        np.testing.assert_allclose(picture.astype(int), expected, atol=1)


def test_recipes_are_one_line_and_fill_up():
    for text in recipes(resolution=448, patch_grid=(19, 28), num_tokens=16).values():
        assert "\n" not in text and "{" not in filled(text)
    for text in code(model="nano", resolution=448, num_tokens=16).values():
        assert "{" not in filled(text)
        assert max(map(len, filled(text).splitlines())) <= 120
