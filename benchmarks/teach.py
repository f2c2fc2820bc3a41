"""How well a taught word finds others of its kind, on photos with outlines beside them: one Markdown table.

    python -m benchmarks.teach FOLDER --word 1    # the class as the outlines name it

NAME.txt beside NAME.jpg has a line an object: its class, and x y of its corners in 0..1. The photos are indexed first.
An example is the concept that covers an outline best, with an IoU of 0.4 at least; on the first half of the photos some
of the class' teach the word, against some of other classes (`--no`), again and again with others (`--rounds`). Then the
concepts of the other half are ranked: those of which more than half lies in outlines of the class are right.
`corrected`: the first five mistakes among the photos that it was taught on are marked too, as a person would.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from index.build.building import build
from index.concept_index import ConceptIndex
from index.query.taught import background
from index.query.teaching import LEAST_FOUND, LEAST_NAMED, learn
from index.store import rle
from model.checkpoints.files import sha256_of
from photos.sources.open import open_source
from train.evaluators.objects import SIDE
from train.evaluators.photo_set import PhotoSet

LEAST_IOU, LEAST_INSIDE, LARGEST_OUTSIDE = 0.4, 0.5, 0.2
CORRECTIONS = 5
HEADS = ("taught from", "average precision", "precision@10", f"precision, recall at {LEAST_FOUND}",
         f"precision, recall at {LEAST_NAMED}")


@dataclass(frozen=True)
class Concepts:
    """All concepts of an index, n of them. photo: (n,) its place in file order; inside: (n,) the share of its mask that
    lies in outlines of the class; examples, others: places of the concepts that cover an outline of the class, and of
    another class, best."""

    ids: np.ndarray
    photo: np.ndarray
    inside: np.ndarray
    examples: np.ndarray
    others: np.ndarray


def measured(index: ConceptIndex, photos: PhotoSet, word: str) -> Concepts:
    ids, places, inside, best = [], [], [], {True: set(), False: set()}
    for place, path in enumerate(tqdm(photos.paths, desc="outlines", disable=None)):
        known = index.find_photo(sha256_of(path))
        if known is None:
            continue
        held = index.concepts_of(known)
        masks = np.stack([resized(rle.decode(concept.mask, concept.patch_grid)).ravel() for concept in held])
        union = np.zeros(SIDE * SIDE, bool)
        for outline in photos.outlines(place) or []:
            own = outline.mask(SIDE).ravel()
            shared = (masks & own).sum(axis=1)
            overlap = shared / np.maximum((masks | own).sum(axis=1), 1)
            if overlap.max() >= LEAST_IOU:
                best[outline.label == word].add(len(ids) + int(overlap.argmax()))
            if outline.label == word:
                union |= own
        inside += ((masks & union).sum(axis=1) / np.maximum(masks.sum(axis=1), 1)).tolist()
        ids += [concept.id for concept in held]
        places += [place] * len(held)
    share = np.array(inside)
    others = np.array(sorted(best[False] - best[True]), np.int64)
    return Concepts(np.array(ids), np.array(places), share, np.array(sorted(best[True]), np.int64),
                    others[share[others] < LARGEST_OUTSIDE])


def resized(mask: np.ndarray) -> np.ndarray:
    """(rows, cols) bool -> (SIDE, SIDE) bool, as train.evaluators.objects does it."""
    grid = torch.from_numpy(mask).float()[None, None]
    return (F.interpolate(grid, size=(SIDE, SIDE), mode="bilinear", align_corners=False)[0, 0] > 0.5).numpy()


def taught(index: ConceptIndex, found: Concepts, yes: np.ndarray, no: np.ndarray) -> np.ndarray:
    """Places of examples -> (n,) scores of all concepts."""
    yes, no = found.ids[yes], found.ids[no]
    classifier = learn(index.vectors(yes), index.vectors(no), background(index, (*yes, *no)))
    return classifier.scores(index.vectors(found.ids) @ classifier.direction)


def quality(scores: np.ndarray, right: np.ndarray) -> list[float]:
    """(n,), (n,) bool -> average precision, precision@10, and precision and recall at each of the two thresholds."""
    ranked = right[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    values = [float((precision * ranked).sum() / right.sum()), float(ranked[:10].mean())]
    for least in (LEAST_FOUND, LEAST_NAMED):
        hit = scores >= least
        values += [float((hit & right).sum() / max(hit.sum(), 1)), float((hit & right).sum() / right.sum())]
    return values


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="a folder of photos with outlines beside them")
    parser.add_argument("--word", default="1", metavar="CLASS", help="as the outlines name it (default: 1, a person)")
    parser.add_argument("--yes", type=int, nargs="+", default=[3, 5, 10], metavar="N", help="how many teach it")
    parser.add_argument("--no", type=int, default=3, metavar="N", help="how many examples of other classes")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--resolution", type=int, default=448)
    parser.add_argument("--index", type=Path, metavar="DIR", help="keep the index there, or go on with the one there")
    options = parser.parse_args()

    photos = PhotoSet.open(options.data).with_outlines()
    with tempfile.TemporaryDirectory() as place, tqdm(unit="photo", disable=None) as bar:
        out = options.index or Path(place) / "index"
        build(open_source(options.data), out, model=options.model, resolution=options.resolution, on_photo=bar.update)
        with ConceptIndex.open(out) as index:
            report(index, measured(index, photos, options.word), options, len(photos))
    return 0


def report(index: ConceptIndex, found: Concepts, options: argparse.Namespace, num_photos: int) -> None:
    half = num_photos // 2
    seen, unseen = np.flatnonzero(found.photo < half), found.photo >= half
    right = found.inside >= LEAST_INSIDE
    examples, others = (kind[found.photo[kind] < half] for kind in (found.examples, found.others))
    print(f"{num_photos} photos of {options.data.name}, {len(found.ids):,} concepts of {options.model} "
          f"({index.model.sha256[:8]}) at {options.resolution} px; class {options.word}: {len(examples)} examples "
          f"to draw from, {right[unseen].sum()} of {unseen.sum()} concepts of the other half are it (chance "
          f"{right[unseen].mean():.3f}); means of {options.rounds} rounds\n")
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}")
    generator = np.random.default_rng(0)
    for count in options.yes:
        if count > len(examples) or options.no > len(others):
            print(f"| {count}: too few outlines | | | | |")
            continue
        rows: dict[str, list[list[float]]] = {"": [], ", corrected": []}
        for _ in range(options.rounds):
            yes = generator.choice(examples, count, replace=False)
            no = generator.choice(others, options.no, replace=False)
            for more in rows:
                scores = taught(index, found, yes, no)
                rows[more].append(quality(scores[unseen], right[unseen]))
                best = seen[np.argsort(-scores[seen], kind="stable")]
                wrong = best[(found.inside[best] < LARGEST_OUTSIDE) & ~np.isin(best, no)]
                no = np.concatenate([no, wrong[:CORRECTIONS]])
        for more, values in rows.items():
            mean, first, *rest = np.mean(values, axis=0)
            pairs = [f"{rest[place]:.2f}, {rest[place + 1]:.2f}" for place in (0, 2)]
            print(f"| {count} and {options.no} that are not{more} | {mean:.3f} | {first:.2f} | {' | '.join(pairs)} |",
                  flush=True)


if __name__ == "__main__":
    sys.exit(main())
