"""How fast an index is built, against the bare encoder on photos that are decoded already.

    python -m benchmarks.building FOLDER

Runs both in turn on the same photos, a few dozen at a time, and compares the medians: machines are noisy, ratios are
not. What a build does besides encoding: read, hash, decode, resize, thumbnail, names, records, and one transaction.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from index.build.building import add_photos
from index.build.decoding import prepare
from index.build.models import identity_of, load
from index.concept_index import ConceptIndex
from model.stellar import Stellar
from photos.sources.open import open_source
from photos.sources.source import SourcePhoto


def bare(stellar: Stellar, images: list[torch.Tensor]) -> float:
    """Seconds; each photo alone, as a build on a processor encodes it."""
    start = time.perf_counter()
    for image in images:
        stellar.factorize(image)
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="a folder of photos")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--resolution", type=int, default=448)
    parser.add_argument("--photos", type=int, default=32, metavar="N", help="a round (default: 32)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    stellar, sha256 = load(options.model)
    photos = [photo for photo in open_source(options.data) if isinstance(photo, SourcePhoto)]
    rounds = [photos[start : start + options.photos] for start in range(0, len(photos), options.photos)]
    rounds = rounds[: options.rounds + 1]
    if len(rounds) < 2:
        parser.error(f"{options.data} holds {len(photos)} photos; at least {2 * options.photos} are needed")
    ratios, rates = [], []
    with tempfile.TemporaryDirectory() as place:
        identity = identity_of(options.model, stellar, sha256, resolution=options.resolution)
        with ConceptIndex.create(Path(place) / "index", model=identity) as index:
            for number, given in enumerate(rounds):
                images = [torch.from_numpy(prepare(photo.data, resolution=options.resolution,
                                                   patch_size=stellar.patch_size).pixels)
                          .permute(2, 0, 1)[None].contiguous().float().div(255) for photo in given]
                before = bare(stellar, images)
                built = add_photos(index, stellar, given).seconds
                after = bare(stellar, images)
                if number:  # the first warms up
                    ratios.append((before + after) / 2 / built)
                    rates.append(len(given) / built)
    print(f"{options.model} at {options.resolution} px, {torch.get_num_threads()} threads: "
          f"{statistics.median(rates):.1f} photos a second, {statistics.median(ratios):.2f} of the bare encoder "
          f"({min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} rounds of {len(rounds[0])})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
