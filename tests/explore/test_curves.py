"""Curves, axes and scores: numbers in, and what a person reads of them out."""

import json

import numpy as np
import pytest

from stellar_explorer.views.axes import finite, number_in_words, tick_labels, ticks
from stellar_explorer.views.curves import MOST_POINTS, chart, smooth, smoothing_window, thin, training_curves
from stellar_explorer.views.scores import HIGHER, LOWER, measure_of, read_evaluation, score_board


@pytest.mark.parametrize(("value", "words"), [
    (0, "0"), (3.14159, "3.14"), (-3.14159, "−3.14"), (12345.6, "12,346"), (0.000512, "5.12 × 10⁻⁴"), (0.999, "0.999"),
    (3.2e9, "3.2 × 10⁹"), (-2e-8, "−2 × 10⁻⁸"), (0.005, "0.005"), (9.9999e-5, "1 × 10⁻⁴"), (100, "100")])
def test_numbers_in_words(value, words):
    assert number_in_words(value) == words


@pytest.mark.parametrize("most", [3, 4, 6])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.23, 0.24), (-5, 1e6), (1e-6, 6e-4), (120, 3000), (7, 7.0001)])
def test_ticks_are_few_round_and_inside(low, high, most):
    places = ticks(low, high, most)
    room = (high - low) * 1e-6
    assert 1 <= len(places) <= most + 1 and all(low - room <= place <= high + room for place in places)
    assert places == sorted(set(places)) and len(set(tick_labels(places))) == len(places)


def test_a_flat_axis_has_one_tick():
    assert ticks(3, 3) == [3] and tick_labels([3.0]) == ["3"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "3", None, [1], 10**400])
def test_what_is_no_finite_number_is_none(value):
    assert finite(value) is None


def test_smoothing_keeps_lines_and_forgets_single_peaks():
    values = np.linspace(5, 1, 200)
    places = np.arange(200)
    np.testing.assert_allclose(smooth(values, places, 9), values)
    peaked = values.copy()
    peaked[100] = 1e6
    assert np.abs(smooth(peaked, places, 9) - values).max() < 0.1
    for count in (1, 2, 39, 40, 41, 9999):
        assert smoothing_window(count) % 2 == 1 and smoothing_window(count) <= count


def test_thinning_keeps_the_ends_and_every_extreme():
    generator = np.random.default_rng(0)
    steps, values = np.arange(10_000) * 10, generator.normal(size=10_000)
    values[7_777] = 40
    kept_steps, kept = thin(steps, values)
    assert len(kept) <= MOST_POINTS and kept.max() == 40 and kept.min() == values.min()
    assert kept_steps[0] == 0 and kept_steps[-1] == steps[-1] and (np.diff(kept_steps) > 0).all()
    np.testing.assert_array_equal(values[kept_steps // 10], kept)


@pytest.mark.parametrize("count", [1, 2, 7, 60, 5_000])
def test_a_chart_says_everything(count):
    steps = np.arange(1, count + 1) * 10
    values = 3 + 4 * np.exp(-np.arange(count) / 30)
    found = chart("losses/set_alignment", steps, values, weight=0.05)
    assert (found["title"], found["unit"], found["weight"]) == ("Set alignment", "nats", "0.05") and found["words"]
    assert found["last"]["step"] == steps[-1] and found["points"][-1][0] == steps[-1] == found["line"][-1][0]
    assert found["y"]["low"] <= values.min() and values.max() <= found["y"]["high"]
    assert found["x"]["low"] <= steps[0] and all(label for _, label in found["x"]["ticks"] + found["y"]["ticks"])
    assert found["last"]["label"] in found["summary"] and found["beyond"] == ""
    assert len(json.dumps(found, allow_nan=False)) < 12_000


def test_a_peak_does_not_flatten_the_curve_and_is_told():
    values = np.linspace(2, 1, 400)
    values[200] = 900
    found = chart("losses/total", np.arange(400), values)
    assert found["y"]["high"] < 3 and found["beyond"] == "1 logged value lies outside the picture, the farthest at 900."


def test_sections_in_their_order_and_unknown_names_by_their_own():
    column = np.arange(3), np.ones(3)
    names = ["metrics/odd_thing", "learning_rate", "losses/koleo", "losses/reconstruction", "losses/total", "time",
             "metrics/prototype_perplexity/summary", "elsewhere/x"]
    sections = training_curves({name: column for name in names}, weights={"reconstruction": 0.05, "koleo": 0.1})
    assert [section["name"] for section in sections] == ["losses", "metrics", "pace"]
    losses = [found["name"] for found in sections[0]["charts"]]
    assert losses == ["losses/total", "losses/reconstruction", "losses/koleo"]
    titles = {found["name"]: (found["title"], found["unit"]) for found in sections[1]["charts"]}
    assert titles == {"metrics/odd_thing": ("Odd thing", ""),
                      "metrics/prototype_perplexity/summary": ("Prototype perplexity: summary", "prototypes")}
    assert training_curves({}) == []


# Scores


def evaluation(**scores):
    return read_evaluation({"models": [
        {"name": "nano", "sha256": "a", "scores": {name: pair[0] for name, pair in scores.items()}},
        {"name": "peer", "sha256": "b", "scores": {name: pair[1] for name, pair in scores.items()}}],
        "protocols": {"knn": {"description": "Nearest five.", "data": "labelled", "photos": 1212}},
        "notes": {"reconstruction/lpips": "not available: no weights"}, "made": "2026-11-23", "command": "x"})


def measures(board):
    return {found["name"]: found for group in board["groups"] for found in group["measures"]}


def test_bars_beside_peers_from_zero():
    board = score_board(evaluation(**{"knn/summary": (0.6, 0.8), "reconstruction/psnr": (18.0, 24.0)}), own=0)
    assert board["groups"][0]["title"] == "k-NN"
    assert board["groups"][0]["words"] == "Nearest five. (1,212 photos, labelled)"
    found = measures(board)["knn/summary"]
    assert found["better"] == HIGHER and found["span"][0] == "0" and found["words"]
    nano, peer = found["bars"]
    assert (nano["own"], peer["own"], nano["best"], peer["best"]) == (True, False, False, True)
    assert nano["share"] / peer["share"] == pytest.approx(0.75, abs=1e-3) and nano["zero"] == 0
    assert (nano["value"], peer["value"]) == ("0.600", "0.800")
    assert board["table"]["columns"] == [{"name": "nano", "own": True}, {"name": "peer", "own": False}]
    assert board["table"]["rows"][0]["cells"] == ["0.600", "0.800"]


def test_what_is_missing_says_why_and_lower_can_be_better():
    board = measures(score_board(evaluation(**{
        "reconstruction/lpips": (None, None), "reconstruction/rfid": (9, 7), "knn/summary": (0.5, None)})))
    assert not board["reconstruction/lpips"]["bars"]
    missing = board["reconstruction/lpips"]["missing"]
    assert missing == [{"note": "not available: no weights", "names": ["nano", "peer"]}]
    assert board["knn/summary"]["missing"] == [{"note": "not measured", "names": ["peer"]}]
    assert board["reconstruction/rfid"]["better"] == LOWER and board["reconstruction/rfid"]["bars"][1]["best"]


@pytest.mark.parametrize("pattern", ["reconstruction/stem_distance_{}", "reconstruction/{}_stem_distance"])
def test_floor_and_ceiling_stand_on_the_bar_they_bound(pattern):
    board = score_board(evaluation(**{"reconstruction/stem_distance": (0.4, None), pattern.format("floor"): (0.8, None),
                                      pattern.format("ceiling"): (0.2, None)}))
    found = measures(board)
    assert list(found) == ["reconstruction/stem_distance"] and len(board["table"]["rows"]) == 3
    marks = {mark["bound"]: mark for mark in found["reconstruction/stem_distance"]["bars"][0]["marks"]}
    assert marks["ceiling"]["share"] < marks["floor"]["share"] and "0.800" in marks["floor"]["label"]


def test_negative_scores_have_their_zero():
    nano, peer = measures(score_board(evaluation(**{"odd/thing": (-0.5, 1.0)})))["odd/thing"]["bars"]
    assert nano["share"] == 0 and 0 < nano["zero"] < 1 and peer["share"] == 1


@pytest.mark.parametrize(("name", "title", "better"), [
    ("objects/mean_best_iou", "Best concept's overlap", HIGHER), ("objects/share_at_0.5", "Objects found", HIGHER),
    ("objects/union_mean_iou", "Overlap of concepts inside", HIGHER),
    ("segmentation/low_rank_miou", "Low rank mIoU", HIGHER),
    ("linear_probe/summary", "Summary", HIGHER), ("equivariance/crops/from_semantics", "Crops: from semantics", LOWER),
    ("invariance/crops/semantics", "Crops: semantics", HIGHER), ("mass/heaviest", "Heaviest concept", HIGHER),
    ("mass/dead", "Dead tokens", LOWER), ("reconstruction/stem_gain", "From floor to ceiling", HIGHER),
    ("no_such/measure_of_ours", "Measure of ours", "")])
def test_measures_by_name(name, title, better):
    assert (measure_of(name)["title"], measure_of(name)["better"]) == (title, better)


def test_what_is_less_asked_for_comes_last():
    board = score_board(evaluation(**{"invariance/flips/semantics": (1, 1), "invariance/crops/semantics": (1, 1)}))
    group, = board["groups"]
    assert [found["name"] for found in group["measures"]][0] == "invariance/crops/semantics" and group["more"] == 1


@pytest.mark.parametrize("content", [None, [], {}, {"models": []}, {"models": [3]}, {"models": [{"name": "x"}]},
                                     {"models": [{"scores": [1]}]}, {"models": "nano"}])
def test_what_is_no_evaluation_is_said(content):
    with pytest.raises(ValueError, match="python -m train.evaluate"):
        read_evaluation(content)


def test_odd_values_become_none():
    read = read_evaluation({"models": [{"name": 3, "scores": {"a": "x", "b": float("nan"), "c": True, "d": 1}}],
                            "protocols": {"knn": 3}, "notes": []})
    assert read["models"][0]["scores"] == {"a": None, "b": None, "c": None, "d": 1}
    json.dumps(score_board(read), allow_nan=False)
