"""Scores: an evaluation file's content -> bars, each model beside its peers, and the same numbers as a table."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from stellar_explorer.views.axes import finite, number_in_words, rounded, tick_labels, ticks

HIGHER, LOWER, NEITHER = "higher is better", "lower is better", ""
# (what a score's name must contain, title or None for its own, direction, unit, what it means); the first that fits.
MEASURES = (
    (r"objects/.*(union|inside)", "Overlap of concepts inside", HIGHER, "mean IoU",
     "All concepts that lie mostly inside an object, taken together, against the object."),
    (r"objects/.*(best_iou|mean_iou|iou$)", "Best concept's overlap", HIGHER, "mean IoU",
     "Each outlined object against the one concept that covers it best: shared area over joint area, averaged."),
    (r"objects/.*(0[._]?5|hit|share)", "Objects found", HIGHER, "share of objects",
     "The share of objects that one concept overlaps by at least half."),
    (r"(^|/)knn", None, HIGHER, "share right",
     "The five nearest photos by this vector vote on the class; how often they are right."),
    (r"segmentation|miou", None, HIGHER, "mIoU",
     "A linear layer names the class of every patch; overlap with the truth, a mean over classes."),
    (r"probe|linear", None, HIGHER, "share right",
     "A linear layer on this vector names the class; how often it is right."),
    (r"gain", "From floor to ceiling", HIGHER, "share of the way",
     "How far the stem's distance has come from the floor (0) to the ceiling (1)."),
    (r"psnr", "PSNR", HIGHER, "dB", "How near the rebuilt photo's pixels are to the photo's. Blur scores well here."),
    (r"ssim", "SSIM", HIGHER, "", "How alike local structure is in the rebuilt photo; 1 is the same picture."),
    (r"lpips", "LPIPS", LOWER, "", "How different a network trained on people's judgements finds the rebuilt photo."),
    (r"fid", "rFID", LOWER, "", "How far rebuilt photos as a crowd are from photos as a crowd."),
    (r"stem|feature_distance|perceptual", "Distance in the stem's features", LOWER, "",
     "How far the rebuilt photo is from the photo for the frozen stem. Floor: each concept's mean colour; ceiling: the "
     "tokenizer's own round trip."),
    (r"explained", "Explained variance", HIGHER, "share of variance",
     "What localization × semantics keeps of the patch features' variance around their mean."),
    (r"heaviest|mass.*(max|top)", "Heaviest concept", HIGHER, "share of the photo",
     "What the largest concept holds of a photo, on average. All alike would be 1 / tokens."),
    (r"lightest|mass.*min", "Lightest concept", LOWER, "share of the photo",
     "What the smallest concept holds: near 0 means that a simple photo uses few."),
    (r"dead", "Dead tokens", LOWER, "share of tokens",
     "Tokens that hold no patch of a photo by more than an even share."),
    (r"num_heavy", "Concepts in use", NEITHER, "concepts", "Concepts that hold more than an even share of the photo."),
    (r"from_localization", None, HIGHER, "share of the change",
     "When the photo moves: how much of the change in L S comes from where the concepts are."),
    (r"from_semantics", None, LOWER, "share of the change",
     "When the photo moves: how much of the change in L S comes from what the concepts say."),
    (r"remainder", None, NEITHER, "share of the change", "What comes from both together."),
    (r"unpredicted|unforeseen", None, LOWER, "share",
     "What moving L alone, as the photo moved, does not foretell of the changed L S."),
    (r"semantic", None, HIGHER, "cosine", "How alike a concept says what it says when the photo is changed."),
    (r"invarian.*low_rank", None, HIGHER, "cosine",
     "How alike L S stays at the same places of the photo when the photo is changed."),
    (r"objects/count", "Objects looked for", NEITHER, "objects", "How many outlined objects were measured."),
    (r"reconstruction/tokens", "Tokens", NEITHER, "a photo", "How many numbers, codes or patches stand for a photo."),
    (r"reconstruction/bits", "Bits", LOWER, "a photo", "What those tokens take as they are stored."),
    (r"reconstruction/bytes", "Bytes", LOWER, "a photo",
     "What those tokens take as they are stored: equal tokens are not equal bytes."),
    (r"reconstruction/seconds", "Time", LOWER, "s a photo", "Measured on one machine at one moment, and noisy."),
    (r"codes?_(use|in_use|share)", "Codes in use", HIGHER, "share of codes",
     "How many of the tokenizer's codes ever occur."),
)
WORDS = {"knn": "k-NN", "iou": "IoU", "miou": "mIoU", "psnr": "PSNR", "ssim": "SSIM", "lpips": "LPIPS", "rfid": "rFID",
         "probe": "probe", "s": "S", "l": "L", "ls": "L S"}
BOUNDS = ("floor", "ceiling")
# Worth a look at most: crops stand for the other changes, and counts are no scores.
MINOR = re.compile(r"^(equivariance|invariance)/(?!crops/).+/|/remainder$|/semantics_by_mass$|/count$|/num_heavy$"
                   r"|/bits$")


def in_words(name: str) -> str:
    """mean_best_iou -> "Mean best IoU"."""
    first, *rest = [word for word in re.split(r"[_\s]+", name) if word] or [name]
    return " ".join([WORDS.get(first, first[:1].upper() + first[1:]), *(WORDS.get(word, word) for word in rest)])


def measure_of(name: str) -> dict[str, str]:
    """A score's full name -> {title, better, unit, words}; one that is not known is called by its own name."""
    protocol, _, rest = name.partition("/")
    own = in_words((rest or protocol).replace("/", ": "))
    for pattern, title, better, unit, words in MEASURES:
        if re.search(pattern, name.lower()):
            return {"title": title or own, "better": better, "unit": unit, "words": words}
    return {"title": own, "better": NEITHER, "unit": "", "words": ""}


def bound_of(name: str, names: Mapping[str, Any]) -> tuple[str, str] | None:
    """("floor" or "ceiling", the score it bounds), if a score is one: reconstruction/stem_distance_floor."""
    parts = re.split(r"[/_]", name)
    for bound in BOUNDS:
        if bound in parts:
            without = [part for part in parts if part != bound]
            for other in names:
                if other != name and re.split(r"[/_]", other) == without:
                    return bound, other
    return None


def read_evaluation(content: Any) -> dict[str, Any]:
    """An evaluation file's JSON -> {made, command, protocols, models: [{name, sha256, scores}], notes}, with nothing in
    it but text, finite numbers and None. ValueError in one sentence if it is no evaluation."""
    models = content.get("models") if isinstance(content, dict) else None
    if not isinstance(models, list) or not models:
        raise ValueError("it lists no models; write it anew with python -m train.evaluate")
    read = []
    for model in models:
        if not isinstance(model, dict) or not isinstance(model.get("scores"), dict):
            raise ValueError("one of its models has no scores; write it anew with python -m train.evaluate")
        scores = {str(name): finite(value) for name, value in model["scores"].items()}
        notes = model.get("notes") if isinstance(model.get("notes"), dict) else {}
        read.append({"name": str(model.get("name", "no name")), "sha256": str(model.get("sha256") or ""),
                     "scores": scores, "notes": {str(name): str(note) for name, note in notes.items()}})
    protocols = content.get("protocols") if isinstance(content.get("protocols"), dict) else {}
    notes = content.get("notes") if isinstance(content.get("notes"), dict) else {}
    return {"made": str(content.get("made") or ""), "command": str(content.get("command") or ""), "models": read,
            "protocols": {str(name): protocol for name, protocol in protocols.items() if isinstance(protocol, dict)},
            "notes": {str(name): str(note) for name, note in notes.items()}}


def score_board(evaluation: Mapping[str, Any], own: int | None = None) -> dict[str, Any]:
    """`read_evaluation`'s answer, and which of its models the page is about -> what is drawn.

    groups: [{name, title, words, measures, more}]; `more` counts the last measures, which are looked at less often.
    A measure: {name, title, words, better, unit, span, bars, missing}; a bar: {name, own, best, value, share, zero,
    marks: [{bound, label, share}]}, value in words, share 0..1 of the bar's room; missing: [{note, names}], why there
    is no number for whom. table: {columns, rows: [{name, title, better, cells}]}.
    """
    models = evaluation["models"]
    names = dict.fromkeys(name for model in models for name in model["scores"])
    bounds = {name: bound for name in names if (bound := bound_of(name, names))}
    groups: dict[str, list[dict[str, Any]]] = {}
    rows = []
    for name in names:
        told = measure_of(name)
        if name in bounds:
            bound, other = bounds[name]
            told = {**measure_of(other), "title": f"{measure_of(other)['title']}: {bound}"}
        else:
            around = {bound: key for key, (bound, other) in bounds.items() if other == name}
            drawn = bars(name, told, models, around, evaluation, own)
            groups.setdefault(name.partition("/")[0], []).append({**drawn, "minor": bool(MINOR.search(name))})
        rows.append({"name": name, "title": told["title"], "better": told["better"], "cells": [
            "–" if model["scores"].get(name) is None else number_in_words(model["scores"][name]) for model in models]})
    return {
        "groups": [{"name": group, "title": in_words(group), "words": protocol_words(evaluation, group),
                    "measures": sorted(measures, key=lambda found: found["minor"]),
                    "more": sum(found["minor"] for found in measures)} for group, measures in groups.items()],
        "table": {"columns": [{"name": model["name"], "own": index == own} for index, model in enumerate(models)],
                  "rows": rows},
        "made": evaluation["made"], "command": evaluation["command"],
    }


def bars(name: str, told: Mapping[str, str], models: list[dict[str, Any]], around: Mapping[str, str],
         evaluation: Mapping[str, Any], own: int | None) -> dict[str, Any]:
    values = [model["scores"].get(name) for model in models]
    marks = [{bound: model["scores"].get(key) for bound, key in around.items()} for model in models]
    known = [value for value in values if value is not None]
    low, high = span([*known, *(value for mark in marks for value in mark.values() if value is not None)])
    best = (max if told["better"] == HIGHER else min)(known) if len(known) > 1 and told["better"] else None

    def share(value: float) -> float:
        return rounded((value - low) / (high - low))

    in_digits = same_digits(known)
    drawn, missing = [], {}
    for index, (model, value) in enumerate(zip(models, values, strict=True)):
        if value is None:
            note = model["notes"].get(name) or evaluation["notes"].get(name) or "not measured"
            missing.setdefault(note, []).append(model["name"])
            continue
        drawn.append({"name": model["name"], "own": index == own, "best": value == best, "value": in_digits(value),
                      "share": share(value), "zero": share(min(max(0.0, low), high)),
                      "marks": [{"bound": bound, "label": f"{bound} {in_digits(at)}", "share": share(at)}
                                for bound, at in marks[index].items() if at is not None]})
    ends = ["0" if end == 0 else tick_labels([end])[0] for end in (low, high)]
    return {"name": name, **told, "bars": drawn, "span": ends,
            "missing": [{"note": note, "names": names} for note, names in missing.items()]}


def same_digits(values: list[float]) -> Callable[[float], str]:
    """-> writes numbers with as many decimals as give the largest of `values` three digits."""
    largest = max(map(abs, values), default=0.0)
    if not 0.001 <= largest < 1e7:
        return number_in_words
    decimals = max(0, 2 - math.floor(math.log10(largest)))
    return lambda value: f"{value:,.{decimals}f}".replace("-", "−")


def span(values: list[float]) -> tuple[float, float]:
    """What a measure's bars run over: always from 0, so that twice as long is twice as much, to a round number."""
    low, high = min([0.0, *values]), max([0.0, *values])
    if low == high:
        return 0.0, 1.0
    step = ticks(low, high, 4)
    step = step[1] - step[0] if len(step) > 1 else high - low
    places = [step * n for n in range(-1000, 1001) if low - step < step * n < high + step]
    return (min(places) if low < 0 else 0.0), (max(places) if high > 0 else 0.0)


def protocol_words(evaluation: Mapping[str, Any], group: str) -> str:
    """What a protocol says of itself, as one or two sentences."""
    protocol = evaluation["protocols"].get(group, {})
    words = [str(protocol["description"]).strip()] if protocol.get("description") else []
    photos, data = protocol.get("photos"), protocol.get("data")
    counted = f"{photos:,} photos" if isinstance(photos, int) and not isinstance(photos, bool) else ""
    said = ", ".join(part for part in (counted, str(data) if data else "") if part)
    return " ".join([*words, *([f"({said})"] if said else [])])
