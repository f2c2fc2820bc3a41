"""The thresholds of a model (model/operations/thresholds.py), measured on a labelled folder (a folder a class).

    python -m benchmarks.thresholds FOLDER --model CHECKPOINT --out

NOT leaves out the photos whose best concept reaches a cosine to what is asked for: of the heaviest concept of each
query, the share of the photos of its label, and of all others, that would be left out. `has` is the least cosine from
which at most OTHERS of the others would be, `chance` the one that half of them reach, `match` the least that at most
UNRELATED of them reach, and `match_photo` the same of the scores by whole photos (index/query/sets.py). Folding joins
photos by their summaries and pictures (index/query/folding.py): the share of copies of a photo that would be joined to
it, and of photos that would be joined to another. `alike` is the cosine that the summaries of KEPT of
the copies, mirrored ones aside, reach. `nearly` is of pictures alone and stays as it is. --out writes them beside the
checkpoint, where an index that is made from then on finds them; --overwrite replaces older ones.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from tqdm import tqdm

from benchmarks.retrieval import some_a_class
from index.build.encoding import encode
from index.build.models import load
from index.query.folding import picture
from index.query.sets import set_score
from model.checkpoints.checkpoint import resolve
from model.operations.thresholds import ConceptThresholds, beside, save
from model.targets import check_free
from photos.decoding import open_photo
from photos.sources.open import open_source
from photos.sources.source import SourcePhoto

# What the thresholds of the first nano, chosen by eye, came to: NOT left out 9 % of the others and kept most of what
# was not meant; 2 % of true copies have summaries further apart.
OTHERS, KEPT = 0.09, 0.98
UNRELATED = 0.01
MIRRORED, ANOTHER = "mirrored", "another photo"
NOT = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
FOLD = (0.8, 0.85, 0.9, 0.95, 0.98)


def jpeg(photo: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def copies(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    width, height = photo.size
    inner = (round(width * 0.04), round(height * 0.04), round(width * 0.96), round(height * 0.96))
    yield "saved again at quality 40", jpeg(photo, 40)
    yield "at half the size", jpeg(photo.resize((max(1, width // 2), max(1, height // 2)), Image.Resampling.LANCZOS))
    yield "cut by 4 % on each side", jpeg(photo.crop(inner))
    yield "brighter by 20 %", jpeg(ImageEnhance.Brightness(photo).enhance(1.2))
    yield "in grey", jpeg(photo.convert("L").convert("RGB"))
    yield MIRRORED, jpeg(ImageOps.mirror(photo))


def rounded_up(cosine: float) -> float:
    """To two places: a threshold is something that a person reads."""
    return math.ceil(round(100 * float(cosine), 6)) / 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="a folder a class")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--resolution", type=int, default=448)
    parser.add_argument("--a-class", type=int, metavar="N", help="at most N photos of each (default: all)")
    parser.add_argument("--queries", type=int, default=120, help="how many photos ask, and are copied (default: 120)")
    parser.add_argument("--out", action="store_true", help="write the thresholds beside the checkpoint")
    parser.add_argument("--overwrite", action="store_true", help="replace those that are there already")
    options = parser.parse_args()
    if options.a_class is not None and options.a_class < 2:
        parser.error("--a-class must be 2 or more: a photo that asks needs another one of its label")
    if options.out:
        try:
            check_free([beside(resolve(options.model))], overwrite=options.overwrite, option=None)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2

    stellar, sha256 = load(options.model)
    photos = list(some_a_class(open_source(options.data, label_from_folder=True), options.a_class))
    encoded = [photo for photo in tqdm(encode(stellar, photos, resolution=options.resolution, on_bad=print),
                                       total=len(photos), unit="photo", disable=None) if photo.concepts]
    labels = np.array([photo.photo.label for photo in encoded])
    chosen = np.random.default_rng(0).permutation(len(encoded))[: options.queries]
    print(f"{len(encoded)} photos of {len(set(labels))} labels in {options.data.name}, {len(chosen)} of which ask; "
          f"{options.model} ({sha256[:8]}) at {options.resolution} px\n")

    same, other, same_set, other_set = [], [], [], []
    for query in chosen:
        photo = encoded[query]
        asked = photo.vectors[int(np.argmax([concept.mass for concept in photo.concepts]))]
        best = np.array([(one.vectors @ asked).max() for one in encoded])
        is_other = np.arange(len(encoded)) != query
        same.append(best[is_other & (labels == labels[query])])
        other.append(best[labels != labels[query]])
        masses = np.array([concept.mass for concept in photo.concepts])
        sets = np.array([set_score(photo.vectors @ one.vectors.T, masses) for one in encoded])
        same_set.append(sets[is_other & (labels == labels[query])])
        other_set.append(sets[labels != labels[query]])
    same, other, same_set, other_set = (np.concatenate(scores) for scores in (same, other, same_set, other_set))
    has = rounded_up(np.quantile(other, 1 - OTHERS))
    print("| NOT from | of the same label | of the others |\n|---|---|---|")
    for cosine in sorted({*NOT, has}):
        print(f"| {cosine:g} | {(same >= cosine).mean():.1%} | {(other >= cosine).mean():.1%} |")
    match, match_photo = (rounded_up(np.quantile(scores, 1 - UNRELATED)) for scores in (other, other_set))
    print("\n| a match by | from | of the same label | of the others |\n|---|---|---|---|")
    for name, cosine, own, rest in (("a concept", match, same, other), ("a photo", match_photo, same_set, other_set)):
        print(f"| {name} | {cosine:g} | {(own >= cosine).mean():.1%} | {(rest >= cosine).mean():.1%} |")

    originals = {photo.photo.source: photo for photo in encoded}
    sources = {photo.source: photo for photo in photos}
    made = [(name, SourcePhoto(data, f"{encoded[query].photo.source} {name}")) for query in chosen
            for name, data in copies(open_photo(sources[encoded[query].photo.source].data))]
    found = {photo.photo.source: photo
             for photo in encode(stellar, [photo for _, photo in made], resolution=options.resolution)}
    alike: dict[str, list[tuple[float, float]]] = {}
    for name, photo in made:
        original, copy = originals[photo.source.removesuffix(f" {name}")], found[photo.source]
        alike.setdefault(name, []).append((float(original.summary @ copy.summary),
                                           float(picture(original.thumbnail) @ picture(copy.thumbnail))))
    same_photo = [summary for name, pairs in alike.items() if name != MIRRORED for summary, _ in pairs]
    measured = ConceptThresholds(has=has, alike=-rounded_up(-np.quantile(same_photo, 1 - KEPT)),
                                 chance=rounded_up(np.median(other)), match=match, match_photo=match_photo)
    # The one most likely to be joined: of the photos whose summaries are alike, that with the nearest picture.
    summaries = np.stack([photo.summary for photo in encoded])
    pictures = np.stack([picture(photo.thumbnail) for photo in encoded])
    for query in chosen:
        by_summary, by_picture = summaries @ summaries[query], pictures @ pictures[query]
        by_summary[query] = -1
        nearest = int(np.argmax(np.where(by_summary >= measured.alike, by_picture, -1)))
        alike.setdefault(ANOTHER, []).append((float(by_summary[nearest]), float(by_picture[nearest])))
    steps = sorted({*FOLD, measured.nearly})
    heads = [f"{step:g}" for step in steps]
    print(f"\n| joined, from a picture's | {' | '.join(heads)} | summary of {measured.alike:g} |")
    print(f"|---|{'---|' * (len(steps) + 1)}")
    for name, pairs in alike.items():
        summary, pictures = np.array(pairs).T
        cells = [f"{((summary >= measured.alike) & (pictures >= step)).mean():.0%}" for step in steps]
        print(f"| {name} | {' | '.join(cells)} | {(summary >= measured.alike).mean():.0%} |")
    print(f"\n{measured}")
    if options.out:
        print(save(measured, options.model))
    return 0


if __name__ == "__main__":
    sys.exit(main())
