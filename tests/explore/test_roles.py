"""What a concept is in its photo: fixed words, the same however tokens are numbered and photos are mirrored."""

import numpy as np
import pytest

from stellar_explorer.examples import examples
from stellar_explorer.explore.package import package, patch_colours
from stellar_explorer.views.roles import BACKGROUND, EDGE, GROUND, MAIN, OTHER, PART, ROLES, SKY, TRACES, roles

GRID = (18, 28)
MIRRORED = {"left": "right", "right": "left"}


def scene() -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """(N, K), the photo (rows, cols, 3), and which token is which: a body with a head between sky and ground."""
    rows, cols = GRID
    maps = {name: np.full(GRID, 0.01) for name in ("body", "head", "sky", "ground", "line", "dot", "ball")}
    maps["sky"][:9] = maps["ground"][9:] = 1
    maps["body"][4:15, 10:17] = maps["head"][4:8, 11:16] = 1.5
    maps["sky"][4:9, 10:17] = maps["ground"][9:15, 10:17] = 0.02
    maps["line"][9, :] = 1
    maps["dot"][0, 0] = 2
    maps["ball"][11:15, 22:25], maps["ground"][11:15, 22:25] = 1.5, 0.02
    raw = np.stack([*maps.values()], axis=-1).reshape(rows * cols, -1)
    colours = np.zeros((rows, cols, 3), np.uint8)
    colours[:9], colours[9:] = (90, 140, 220), (70, 120, 40)
    return raw / raw.sum(axis=1, keepdims=True), colours, {name: token for token, name in enumerate(maps)}


def drawn(seed: int, num_tokens: int = 16, grid: tuple[int, int] = GRID) -> np.ndarray:
    """A localization of smooth blobs, as a model's are."""
    generator = np.random.default_rng(seed)
    y, x = np.meshgrid(np.linspace(0, 1, grid[0]), np.linspace(0, 1, grid[1]), indexing="ij")
    at = generator.random((num_tokens, 4))
    logits = [-(((x - a) / (0.1 + c)) ** 2 + ((y - b) / (0.1 + d)) ** 2) for a, b, c, d in at]
    shares = np.exp(4 * np.stack(logits, axis=-1)).reshape(-1, num_tokens) + 1e-6 * generator.random(num_tokens)
    return shares / shares.sum(axis=1, keepdims=True)


def test_a_scene_is_told_as_one_would():
    localization, colours, tokens = scene()
    told = roles(localization, GRID, colours)
    assert {name: told[token].role for name, token in tokens.items()} == {
        "body": MAIN, "head": PART, "sky": SKY, "ground": GROUND, "line": EDGE, "dot": TRACES, "ball": OTHER}
    assert told[tokens["head"]].place == "top" and told[tokens["ball"]].place == "bottom right"
    assert told[tokens["body"]].salience == 0
    assert [roles(localization, GRID)[tokens["sky"]].role] == [BACKGROUND], "no colours, no sky"


@pytest.mark.parametrize("seed", range(6))
def test_roles_are_of_the_vocabulary_labels_differ_and_salience_ranks(seed):
    told = roles(drawn(seed), GRID)
    assert {role.role for role in told} <= set(ROLES)
    assert sum(role.role == MAIN for role in told) <= 1
    assert len({role.label for role in told}) == len(told)
    assert all(role.label.startswith(role.role) for role in told)
    assert sorted(role.salience for role in told) == list(range(len(told)))
    ranks = [ROLES.index(role.role) for role in sorted(told, key=lambda role: role.salience)]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("seed", range(4))
def test_permuting_the_tokens_permutes_the_roles(seed):
    localization = drawn(seed)
    order = np.random.default_rng(seed).permutation(localization.shape[1])
    told = roles(localization, GRID)
    assert roles(localization[:, order], GRID) == [told[token] for token in order]


@pytest.mark.parametrize("localization", [scene()[0], drawn(1), drawn(2)], ids=["scene", "1", "2"])
def test_mirroring_the_photo_mirrors_the_places(localization):
    mirrored = localization.reshape(*GRID, -1)[:, ::-1].reshape(localization.shape)
    for role, other in zip(roles(localization, GRID), roles(mirrored, GRID), strict=True):
        assert other.role == role.role and other.salience == role.salience
        assert other.place == " ".join(MIRRORED.get(word, word) for word in role.place.split())


@pytest.mark.parametrize("num_tokens", [1, 2, 16])
@pytest.mark.parametrize("grid", [(1, 1), (1, 5), (14, 14)])
def test_constant_maps_are_background(num_tokens, grid):
    told = roles(np.full((grid[0] * grid[1], num_tokens), 1 / num_tokens, np.float32), grid)
    assert {role.role for role in told} == {BACKGROUND}
    assert len({role.label for role in told}) == num_tokens


@pytest.mark.parametrize("grid", [(1, 1), (1, 9), (9, 1), (2, 2), (64, 64)])
def test_no_grid_is_too_small_or_large(grid):
    for num_tokens in (1, 3):
        colours = np.full((*grid, 3), 200, np.uint8)
        assert len(roles(drawn(0, num_tokens, grid), grid, colours)) == num_tokens
    empty = np.zeros((grid[0] * grid[1], 2))
    empty[:, 0] = 1
    assert [role.role for role in roles(empty, grid)] == [BACKGROUND, TRACES]


def test_the_arguments_are_left_alone():
    localization, colours, _ = scene()
    kept = localization.copy(), colours.copy()
    roles(localization, GRID, colours)
    assert np.array_equal(localization, kept[0]) and np.array_equal(colours, kept[1])


def test_the_manifest_tells_them(explorer):
    study = explorer.study(explorer.example("horses"), model="nano", resolution=224)
    told = package(study).manifest["analysis"]["concepts"]
    assert {"role", "place", "label", "salience"} <= set(told[0])
    assert [concept["role"] for concept in told if concept["salience"] == 0] == [MAIN]
    assert {GROUND, SKY, PART} <= {concept["role"] for concept in told}


def test_a_patch_has_its_own_mean_colour(explorer):
    colours = patch_colours(explorer.example(next(iter(examples()))), (7, 10))
    assert colours.shape == (7, 10, 3) and colours.dtype == np.uint8
