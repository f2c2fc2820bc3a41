"""How often names are right, on folders of labelled photos: a Markdown table a folder, by temperature.

    python -m benchmarks.names FOLDER [FOLDER ...] --wordnet /usr/share/wordnet

A folder is a folder a class, or photos with outlines beside them (`train.evaluators.photo_set`), whose classes are
words or COCO's numbers. What is named is the heaviest concept that is in the photo and not round it, or the concept
that covers an outline best, at an IoU of a half or more. A name is right where it is the label, something that the
label is a kind of by WordNet, or a kind of the label, which the label cannot refute. For some
temperatures a calibration (`index.names.hedging`) is fitted to every other photo, and to the photos of every other
label, and what names come of it is said of the rest. For other weights, or masks, set `index.names.hedging.SHIPPED` to
what stands at the end: fitted to everything.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from index.names.hedging import (
    CERTAIN,
    LEAST_INFORMATION,
    LIKELY,
    SHIPPED,
    Calibration,
    features,
    most_specific,
    node_sums,
)
from index.names.naming import Namer
from index.names.taxonomy import Taxonomy, plain, taxonomy
from index.names.wordnet import WordNet
from model.factorization import Factorization
from model.stellar import Stellar
from train.evaluators.outlines import Outline
from train.evaluators.photo_set import PhotoSet

TEMPERATURES = (0.4, 0.5, 0.6, 0.8, 1.0)
LEAST_LOOKED_AT = 0.1  # of a sum; below lie hundreds of kinds that nobody would name
HEAD = "| | certain | right | with a doubt | right | bits a certain name |\n|---|---|---|---|---|---|"
SIDE = 448  # of the squares on which masks and outlines are compared
LEAST_IOU, LEAST_AREA = 0.5, 0.02

COCO_CLASSES = (  # in the order of their numbers; what is empty is not used
    ",person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,,stop sign,parking meter,"
    "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,,backpack,umbrella,,,handbag,tie,suitcase,frisbee,"
    "ski,snowboard,ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,,wine glass,cup,"
    "fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,doughnut,cake,chair,couch,"
    "potted plant,bed,,dining table,,,toilet,,television,laptop,computer mouse,remote control,keyboard,"
    "cellular telephone,microwave,oven,toaster,sink,refrigerator,,book,clock,vase,scissors,teddy bear,hair dryer,"
    "toothbrush")
# Labels of well-known sets that WordNet writes otherwise.
OTHERWISE = {
    "faces": "person", "faces easy": "person", "car side": "car", "cougar body": "cougar", "cougar face": "cougar",
    "crocodile head": "crocodile", "flamingo head": "flamingo", "water lilly": "water lily", "wild cat": "wildcat",
    "sea horse": "seahorse", "binocular": "binoculars", "inline skate": "roller skate", "stop sign": "street sign",
    "bass": "sea bass", "hawksbill": "hawksbill turtle", "nautilus": "chambered nautilus", "garfield": "comic strip",
    "snoopy": "comic strip", "airplanes": "airplane", "leopards": "leopard", "motorbikes": "motorcycle",
    "ceiling fan": "fan", "windsor chair": "Windsor chair", "cellphone": "cellular telephone", "rhino": "rhinoceros",
}


@dataclass(frozen=True)
class Truth:
    """own: the nodes that a label is; above: them and all that they are kinds of."""

    own: frozenset[int]
    above: frozenset[int]

    @classmethod
    def of(cls, label: str, tree: Taxonomy, wordnet: WordNet | None) -> Truth | None:
        """None for a label that nobody knows."""
        word = OTHERWISE.get(plain(label), plain(label))
        if own := tree.find(word):
            return cls(frozenset(own), frozenset(one for place in own for one in tree.above(place)))
        senses = wordnet.senses.get(plain(word), []) if wordnet else []
        if not senses:
            return None
        place = {synset: number for number, synset in enumerate(tree.synsets)}
        above = {place[one] for sense in senses for one in wordnet.above(sense) if one in place}
        return cls(frozenset(), frozenset(above))

    def permits(self, name: int, tree: Taxonomy) -> bool:
        return name in self.above or not self.own.isdisjoint(tree.above(name))


@dataclass(frozen=True)
class Sample:
    """A concept that shows what a label says. logits: (W,)."""

    label: str
    logits: np.ndarray


def inside(factorization: Factorization) -> int:
    """The heaviest token whose share of the patches at the edges is under half of its share of all; else the
    heaviest."""
    maps = factorization.localization[0].mT.unflatten(1, factorization.patch_grid)
    edge = torch.ones(factorization.patch_grid, dtype=torch.bool)
    edge[1:-1, 1:-1] = False
    mass = factorization.mass[0]
    is_inside = maps[:, edge].mean(dim=1) < mass / 2
    return int((mass * is_inside if is_inside.any() else mass).argmax())


def covering(factorization: Factorization, outline: Outline) -> int | None:
    """The token whose mask covers an outline best; None where none does by a half."""
    drawn = torch.from_numpy(outline.mask(SIDE).copy())
    if drawn.float().mean() < LEAST_AREA:
        return None
    masks = F.interpolate(factorization.masks()[0, None].float(), size=(SIDE, SIDE), mode="bilinear")[0] > 0.5
    iou = (masks & drawn).sum(dim=(1, 2)) / (masks | drawn).sum(dim=(1, 2)).clamp_min(1)
    return int(iou.argmax()) if iou.max() >= LEAST_IOU else None


def samples_of(stellar: Stellar, photos: PhotoSet, resolution: int) -> Iterator[Sample]:
    namer = Namer.of(stellar)
    if namer is None:
        raise ValueError("The model's concepts are not named by the shipped classifier; give another one.")
    for number, image in photos.images(resolution=resolution, patch_size=stellar.patch_size):
        factorization, scores = namer.scored(stellar, image[None].to(stellar.device))
        logits = scores[0].clamp_min(1e-30).log().cpu().numpy()
        factorization = factorization.to("cpu")
        if photos.class_names:
            yield Sample(photos.class_names[photos.labels[number]], logits[inside(factorization)])
            continue
        for outline in photos.outlines(number) or ():
            token = covering(factorization, outline)
            if token is not None:
                label = word_of(outline.label)
                yield Sample(label, logits[token])


def word_of(label: str) -> str:
    """COCO's numbers as words; all else as it is."""
    words = dict(enumerate(COCO_CLASSES.split(",")))
    return words.get(int(label), "") if label.isdecimal() else label


@dataclass(frozen=True)
class Measured:
    """Samples as they are at a temperature: the sums of each kind (n, M), and whether it would be right (n, M)."""

    sums: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, pairs: Sequence[tuple[Sample, Truth]], tree: Taxonomy, temperature: float) -> Measured:
        logits = torch.from_numpy(np.stack([sample.logits for sample, _ in pairs]))
        permits = {truth: np.array([truth.permits(node, tree) for node in range(len(tree.names))])
                   for truth in {truth for _, truth in pairs}}
        return cls(node_sums((logits / temperature).softmax(dim=1).numpy(), tree),
                   np.stack([permits[truth] for _, truth in pairs]))


def calibrated(measured: Measured, tree: Taxonomy, temperature: float) -> Calibration:
    """By logistic regression over all kinds that a sample may be, every sample counting as much."""
    odds, information = features(measured.sums, tree)
    concept_rows = (measured.sums >= LEAST_LOOKED_AT) & tree.shown
    weight = np.broadcast_to(1 / np.maximum(concept_rows.sum(axis=1, keepdims=True), 1), concept_rows.shape)
    given = np.stack([odds, information], axis=-1)
    fitted = LogisticRegression(C=100).fit(given[concept_rows], measured.right[concept_rows], weight[concept_rows])
    return Calibration(temperature, *(round(float(value), 3) for value in (fitted.intercept_[0], *fitted.coef_[0])))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="+", help="a folder a class, or photos with outlines")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--resolution", type=int, default=448)
    parser.add_argument("--limit", type=int, metavar="N", help="N photos of each folder, spread over it")
    parser.add_argument("--wordnet", type=Path, metavar="FOLDER", help="knows labels that are no class and no kind")
    options = parser.parse_args()

    tree, wordnet = taxonomy(), WordNet(options.wordnet) if options.wordnet else None
    stellar = Stellar.load(options.model, device="cuda" if torch.cuda.is_available() else "cpu", dtype="float32")
    folders: dict[str, list[tuple[Sample, Truth]]] = {}
    for folder in options.data:
        photos = PhotoSet.open(folder, limit=options.limit)
        with tqdm(total=len(photos), unit="photo", disable=None) as bar:
            photos.progress = bar.update
            known = [(sample, Truth.of(sample.label, tree, wordnet))
                     for sample in samples_of(stellar, photos, options.resolution)]
        folders[folder.name] = [(sample, truth) for sample, truth in known if truth is not None]
        print(f"{folder.name}: {len(known)} concepts, {len(folders[folder.name])} of them with a label that is known")
    report({name: found for name, found in folders.items() if found}, tree)
    return 0


def report(folders: dict[str, list[tuple[Sample, Truth]]], tree: Taxonomy) -> None:
    pairs = [pair for found in folders.values() for pair in found]
    place = {label: number for number, label in enumerate(sorted({sample.label for sample, _ in pairs}))}
    for by, half in (("photo", [number % 2 for number in range(len(pairs))]),
                     ("label", [place[sample.label] % 2 for sample, _ in pairs])):
        for side in (0, 1):
            tuned_on = [pair for pair, one in zip(pairs, half, strict=True) if one == side]
            held_out = [pair for pair, one in zip(pairs, half, strict=True) if one != side]
            print(f"\nevery other {by}, {len(held_out)} held out\n\n{HEAD}")
            for temperature in TEMPERATURES:
                found = calibrated(Measured.of(tuned_on, tree, temperature), tree, temperature)
                row(f"{temperature:g}", held_out, tree, found)
    print(f"\nas shipped\n\n{HEAD}")
    for name, found in {**folders, "all": pairs}.items():
        row(name, found, tree, SHIPPED)
    sums = Measured.of(pairs, tree, SHIPPED.temperature)
    print(f"\non everything: {calibrated(sums, tree, SHIPPED.temperature)}")
    scores = SHIPPED.scores(probabilities_of(pairs), tree)
    wrong = Counter((sample.label, tree.names[name]) for (sample, truth), one in zip(pairs, scores, strict=True)
                    if (name := most_specific(one, tree, CERTAIN)) is not None and not truth.permits(name, tree))
    said = [f"{label}: {name} ({count})" for (label, name), count in wrong.most_common()]
    print(f"certain and wrong, as shipped: {', '.join(said) or 'none'}")


def probabilities_of(pairs: Sequence[tuple[Sample, Truth]]) -> np.ndarray:
    return torch.from_numpy(np.stack([sample.logits for sample, _ in pairs])).softmax(dim=1).numpy()


def row(title: str, pairs: Sequence[tuple[Sample, Truth]], tree: Taxonomy, calibration: Calibration) -> None:
    scores = calibration.scores(probabilities_of(pairs), tree)
    says_enough = tree.information >= LEAST_INFORMATION
    certain = [most_specific(one, tree, CERTAIN) for one in scores]
    doubtful = [None if sure is not None else most_specific(np.where(says_enough, one, 0), tree, LIKELY)
                for sure, one in zip(certain, scores, strict=True)]
    cells = []
    for names in (certain, doubtful):
        right = [truth.permits(name, tree) for (_, truth), name in zip(pairs, names, strict=True) if name is not None]
        cells += [f"{len(right) / len(pairs):.1%}", f"{np.mean(right):.1%}" if right else "–"]
    bits = [tree.information[name] for name in certain if name is not None]
    print(f"| {title} | {' | '.join(cells)} | {np.mean(bits) if bits else 0:.1f} |")


if __name__ == "__main__":
    sys.exit(main())
