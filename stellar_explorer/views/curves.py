"""Training curves: a log's columns -> charts, as plain data that a browser only has to draw.

A chart says everything in words and numbers: its title, what it means, its unit, axes with labelled ticks, each logged
value (thinned so that peaks stay), a smoothed line, and the last smoothed value, which is written at the line's end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stellar_explorer.views.axes import number_in_words, rounded, tick_labels, ticks

MOST_POINTS = 240  # a chart is about 300 pixels wide
SMOOTHING = 20  # the smoothed line is the median over 1/20 of the logged steps
CENTRAL = (1.0, 99.0)  # percent of the logged values that must be inside the picture; single peaks need not be


@dataclass(frozen=True)
class Meaning:
    """What a column is called on the page, its unit, and one sentence on how to read it."""

    title: str
    unit: str
    words: str
    from_zero: bool = False


LOSS = "nats"
MEANINGS = {
    "losses/total": Meaning("Total loss", "", "All losses, each times its weight, added up. Lower is better."),
    "losses/reconstruction": Meaning("Reconstruction", "", "How far the rebuilt pixels or codes are from the photo's."),
    "losses/clustering": Meaning("Clustering of concepts", LOSS,
                                 "How far the concepts' prototypes are from the balanced assignment."),
    "losses/summary_clustering": Meaning("Clustering of the summary", LOSS,
                                         "The same for the summary of the whole photo."),
    "losses/set_alignment": Meaning("Set alignment", LOSS,
                                    "Whether a view with hidden patches finds the same concepts."),
    "losses/alignment": Meaning("Set alignment", LOSS, "Whether a view with hidden patches finds the same concepts."),
    "losses/summary_alignment": Meaning("Summary alignment", LOSS,
                                        "Whether hidden and cropped views get the same summary."),
    "losses/koleo": Meaning("KoLeo", LOSS, "Falls as a photo's concepts spread apart."),
    "losses/distillation": Meaning("Distillation", "", "How far patches and summary are from the frozen teachers'."),
    "losses/low_rank": Meaning("Low rank", "share of variance",
                               "What localization × semantics leaves unexplained of the patch features."),
    "losses/granularity": Meaning("Granularity", "", "Whether few tokens tell the photo coarsely and many finely."),
    "losses/sharpness": Meaning("Sharpness", "share of the most",
                                "How undecided patches are among a group's tokens, and how unevenly these are in use."),
    "losses/simplicity": Meaning("Simplicity", "share of variance",
                                 "How much more of the patch features the low-rank features should explain."),
    "losses/codebook": Meaning("Codebook", "", "How far the features are from the codes that stand for them."),
    "losses/perceptual": Meaning("Perceptual", "", "The difference of photo and rebuilt photo, in frozen features."),
    "losses/adversarial": Meaning("Adversarial", "", "How well the critic tells the rebuilt photo from the photo."),
    "losses/critic": Meaning("Critic", "", "The critic's own loss; 2 means that it is only guessing."),
    "learning_rate": Meaning("Learning rate", "", "How far one step moves the weights: warm-up, then a cosine.", True),
    "gradient_norm": Meaning("Gradient norm", "", "Before clipping. Peaks are single hard batches.", True),
    "photos_per_second": Meaning("Photos a second", "photos/s", "How fast the run goes.", True),
    "waiting": Meaning("Waiting for data", "share of time", "Time that the model stood idle. Near 0 is good.", True),
    "metrics/prototype_perplexity": Meaning("Prototype use", "prototypes",
                                            "Perplexity: how many prototypes the concepts spread over.", True),
    "metrics/mass_entropy": Meaning("Mass entropy", "nats",
                                    "How evenly the concepts share a photo; ln(tokens) means all alike.", True),
    "metrics/heaviest_mass": Meaning("Heaviest concept", "share of the photo",
                                     "What the largest concept of a photo holds, on average.", True),
    "metrics/rarest_mass": Meaning("Rarest token", "share of the batch",
                                   "What the least used token of a batch holds. At 0 a token is dead.", True),
    "metrics/explained_variance": Meaning("Explained variance", "share of variance",
                                          "What localization × semantics keeps of the patch features."),
    "metrics/live_codes": Meaning("Live codes", "share of codes", "Codes that occurred lately; dead ones are revived.",
                                  True),
    "metrics/psnr": Meaning("PSNR", "dB", "How near the rebuilt photos' pixels are. Higher is better."),
    "metrics/right_codes": Meaning("Right codes", "share of patches",
                                   "How often the likeliest code is the tokenizer's."),
    "metrics/code_perplexity": Meaning("Code use", "codes", "How many codes of the tokenizer are in use.", True),
}
SECTIONS = (
    ("losses", "What is learnt", "Each loss before its weight. Lower is better unless its sentence says otherwise."),
    ("evaluation", "What it is worth", "Measured on photos given to the run for it, at the start and as it goes."),
    ("metrics", "What is used", "Whether prototypes, concepts and codes are alive; 1 of them or 0 nats is a collapse."),
    ("pace", "How it runs", "Pace and health of the run."),
)
PACE = ("learning_rate", "gradient_norm", "photos_per_second", "waiting")


def meaning(name: str) -> Meaning:
    """Of a column; one that is not known is called by its own name."""
    if name in MEANINGS:
        return MEANINGS[name]
    begun = [known for known in MEANINGS if name.startswith(known) and known != "losses/total"]
    plain = name.partition("/")[2] or name
    title = plain.replace("_", " ").replace("/", ": ")
    title = title[:1].upper() + title[1:]
    if begun:
        known = MEANINGS[max(begun, key=len)]
        return Meaning(title, known.unit, known.words, known.from_zero)
    return Meaning(title, "", "")


def smoothing_window(count: int) -> int:
    """How many of `count` logged steps a point of the smoothed line stands for; odd: as many before as after."""
    window = max(9 if count >= 40 else 1, count // SMOOTHING)
    return window + 1 - window % 2


def smooth(values: np.ndarray, places: np.ndarray, window: int) -> np.ndarray:
    """(M,) and (P,) places in it -> (P,): the median of the `window` values around each; fewer, evenly, towards the
    ends. A median, so that one hard batch does not lift a stretch of the line."""
    halves = np.minimum(window // 2, np.minimum(places, len(values) - 1 - places))
    return np.array([np.median(values[place - half:place + half + 1])
                     for place, half in zip(places, halves, strict=True)])


def thin(steps: np.ndarray, values: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """(M,), (M,) -> at most `most` of them: the lowest and the highest of each stretch, so that no peak is lost."""
    if len(steps) <= most:
        return steps, values
    kept = {0, len(steps) - 1}
    for stretch in np.array_split(np.arange(len(steps)), most // 2 - 1):
        kept |= {int(stretch[values[stretch].argmin()]), int(stretch[values[stretch].argmax()])}
    places = np.array(sorted(kept))
    return steps[places], values[places]


def value_range(values: np.ndarray, line: np.ndarray, *, from_zero: bool) -> tuple[float, float]:
    """What the vertical axis spans: the smoothed line and nearly all values; from 0 where that costs little room."""
    low = min(float(np.percentile(values, CENTRAL[0])), float(line.min()))
    high = max(float(np.percentile(values, CENTRAL[1])), float(line.max()))
    if from_zero or 0 < low < 0.35 * high:
        low = min(0.0, low)
    if values.max() - high < 0.2 * (high - low):  # an edge of the noise, not a peak
        high = max(high, float(values.max()))
    if low != 0 and low - values.min() < 0.2 * (high - low):
        low = min(low, float(values.min()))
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return (low if low == 0 else low - room), high + room


def chart(name: str, steps: np.ndarray, values: np.ndarray, *, weight: float | None = None) -> dict[str, Any]:
    """A column, (M,) steps and (M,) values with M >= 1, -> everything its picture shows.

    points, line: [[step, value], ...], what was logged and its smoothed course; x, y: {low, high, ticks: [[value,
    label], ...]}; last: {step, value, label}; window: how many logged steps the smoothing spans (1: none); numbers:
    {first, lowest, highest, now} in words; beyond: a sentence on values outside the picture, or "".
    """
    told = meaning(name)
    steps, values = np.asarray(steps), np.asarray(values, np.float64)
    window = smoothing_window(len(values))
    # The line is smooth: evenly spaced points show it all, however long the run.
    places = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), MOST_POINTS * 2 // 3)).round().astype(int))
    line = smooth(values, places, window)
    low, high = value_range(values, line, from_zero=told.from_zero)
    outside = values[(values < low) | (values > high)]
    far = outside[np.abs(outside - line.mean()).argmax()] if len(outside) else 0.0
    beyond = "" if not len(outside) else (
        f"{len(outside)} logged value{'s lie' if len(outside) > 1 else ' lies'} outside the picture, "
        f"the farthest at {number_in_words(float(far))}.")
    first = 0 if steps[0] < 0.1 * steps[-1] else int(steps[0])
    across, up = ticks(float(first), float(steps[-1]), 4), ticks(low, high, 4)
    drawn, course = thin(steps, values), (steps[places], line)
    numbers = {"first": line[0], "lowest": values.min(), "highest": values.max(), "now": line[-1]}
    in_words = {key: number_in_words(float(value)) for key, value in numbers.items()}
    unit = f" {told.unit}" if told.unit else ""
    return {
        "name": name, "title": told.title, "unit": told.unit, "words": told.words, "window": window,
        "weight": None if weight is None else f"{weight:g}", "beyond": beyond,
        "points": [[int(step), rounded(float(value))] for step, value in zip(*drawn, strict=True)],
        "line": [[int(step), rounded(float(value))] for step, value in zip(*course, strict=True)],
        "x": {"low": first, "high": int(steps[-1]), "ticks": labelled(across)},
        "y": {"low": rounded(low), "high": rounded(high), "ticks": labelled(up)},
        "last": {"step": int(steps[-1]), "value": rounded(float(line[-1])), "label": in_words["now"]},
        "numbers": in_words,
        "summary": f"{told.title}: {in_words['first']}{unit} at step {steps[0]:,}, {in_words['now']}{unit} at step "
                   f"{steps[-1]:,}; lowest {in_words['lowest']}, highest {in_words['highest']}.",
    }


def labelled(places: list[float]) -> list[list[Any]]:
    return [list(pair) for pair in zip(places, tick_labels(places), strict=True)]


def training_curves(
    columns: Mapping[str, tuple[np.ndarray, np.ndarray]], *, weights: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """`TrainingLog.columns()` and the recipe's weights -> sections [{name, title, words, charts}], empty ones left
    out. The total comes first, then the losses in the recipe's order."""
    weights = weights or {}
    charts: dict[str, list[dict[str, Any]]] = {section: [] for section, _, _ in SECTIONS}
    order = ["losses/total", *(f"losses/{name}" for name in weights), *PACE]
    for name in sorted(columns, key=lambda name: order.index(name) if name in order else len(order)):
        section = "pace" if name in PACE else name.partition("/")[0]
        if section in charts and len(columns[name][0]):
            charts[section].append(chart(name, *columns[name], weight=weights.get(name.partition("/")[2])))
    return [{"name": name, "title": title, "words": words, "charts": charts[name]}
            for name, title, words in SECTIONS if charts[name]]
