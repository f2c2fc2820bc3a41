"""How long a query of each kind takes in an index of synthetic concepts: one Markdown table.

    python -m benchmarks.queries

Photos of 16 concepts, unit vectors drawn around 10,000 overlapping centres, with names, places and summaries. Each kind
is asked with other concepts every time, 60 photos wanted. Process CPU, and the wall beside it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from index.concept_index import ConceptIndex
from index.query import queries
from index.query.filters import Filter
from index.query.queries import run
from index.query.query import Query
from index.query.query_language import (
    And,
    BoxQuery,
    ConceptQuery,
    Layout,
    NameQuery,
    Not,
    Or,
    PhotoQuery,
    RefinedQuery,
    SumQuery,
    TaughtQuery,
)
from index.records import Concept, EncodedPhoto, ModelIdentity, Photo
from index.store import rle

TOKENS, CENTRES, NOISE = 16, 10_000, 0.6
WORDS = [f"word {number}" for number in range(1000)]
GRID = (28, 28)


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def jpeg(pixels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).resize((256, 192), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def photos(count: int, width: int) -> Iterator[EncodedPhoto]:
    generator = np.random.default_rng(0)
    centres = unit(generator.normal(size=(CENTRES, width)))
    thumbnails = [jpeg(generator.integers(0, 256, (12, 16, 3), np.uint8)) for _ in range(64)]
    masks = [rle.encode(mask) for mask in generator.random((64, *GRID)) < 0.2]
    for number in range(count):
        kinds = generator.integers(CENTRES, size=TOKENS)
        vectors = unit(centres[kinds] + NOISE / width**0.5 * generator.normal(size=(TOKENS, width)))
        masses = generator.dirichlet(np.ones(TOKENS) * 4)
        corners = np.sort(generator.random((TOKENS, 2, 2)), axis=1)
        concepts = tuple(Concept(
            token=token, mass=float(masses[token]), peak=0.5, centroid=tuple(corners[token].mean(axis=0).tolist()),
            box=tuple(corners[token].ravel().tolist()), patch_grid=GRID, mask=masks[(number + token) % len(masks)],
            names=((WORDS[kinds[token] % len(WORDS)], 0.4), (WORDS[kinds[token] % 7], 0.1))) for token in range(TOKENS))
        photo = Photo(sha256(str(number).encode()).hexdigest(), f"{number}.jpg", (448, 448), 1, label=str(number % 100))
        yield EncodedPhoto(photo, concepts, vectors, unit(vectors.mean(axis=0)), thumbnails[number % 64])


def kinds(generator: np.random.Generator, num_concepts: int, width: int) -> dict[str, Callable[[], Query]]:
    def one() -> Query:
        return ConceptQuery(concept=int(generator.integers(num_concepts)))

    def marked() -> Query:
        marks = generator.permutation(num_concepts)[:20].tolist()
        return RefinedQuery(one(), good=marks[:10], bad=marks[10:])

    def photo() -> int:
        return int(generator.integers(num_concepts)) // TOKENS

    def word() -> Query:
        return NameQuery(WORDS[int(generator.integers(len(WORDS)))])

    def taught() -> Query:
        """Another classifier every time, so that nothing is kept from the query before."""
        return TaughtQuery("word 1", tuple(20 * unit(generator.normal(size=width))), -8.0)

    return {
        "a concept": one,
        "a word": word,
        "a word that was taught": taught,
        "A - B + C": lambda: SumQuery(((1, one()), (-1, one()), (1, one()))),
        "refined by 20 marks": marked,
        "A and B": lambda: And((one(), one())),
        "A and B, not C": lambda: And((one(), one(), Not(one()))),
        "A or B": lambda: Or((one(), one())),
        "not A": lambda: Not(one()),
        "A left of B": lambda: Layout(one(), "left_of", one()),
        "A left of a word": lambda: Layout(one(), "left_of", word()),
        "A covers 10 %": lambda: Layout(one(), "covers", share=0.1),
        "a photo": lambda: PhotoQuery(photo=photo()),
        "a box": lambda: BoxQuery(box=(0.1, 0.1, 0.6, 0.6), photo=photo()),
        "a photo, not B, A above a word": lambda: And(
            (PhotoQuery(photo=photo()), Not(one()), Layout(one(), "above", word()))),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--concepts", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", metavar="TEXT", default="", help="kinds whose name holds it")
    parser.add_argument("--near", action="store_true", help="look as at a large index: by its search")
    options = parser.parse_args()

    if options.near:
        queries.MOST_COMPARED = 0
    count = options.concepts // TOKENS
    identity = ModelIdentity("synthetic", "0" * 64, options.width, options.width, TOKENS, 448)
    ways = {"plain": {}, "label filter": {"where": Filter(labels=("7", "8", "9"))}, "folded": {"fold": True}}
    with tempfile.TemporaryDirectory() as place, ConceptIndex.create(Path(place) / "index", model=identity) as index:
        batch: list[EncodedPhoto] = []
        for photo in tqdm(photos(count, options.width), total=count, unit="photo", disable=None):
            batch.append(photo)
            if len(batch) == 2048:
                index.add(batch)
                batch = []
        index.add(batch)
        index.compact()
        print(f"{index.num_concepts:,} concepts of {index.num_photos:,} photos, {options.width} wide; milliseconds of "
              f"CPU, median of {options.rounds} (slowest wall)\n")
        print(f"| query | {' | '.join(ways)} |\n|---|{'---|' * len(ways)}")
        for name, make in kinds(np.random.default_rng(1), TOKENS * count, options.width).items():
            if options.only not in name:
                continue
            run(index, make())  # opens, imports and maps
            cells = []
            for more in ways.values():
                cpu, wall = [], []
                for _ in range(options.rounds):
                    query, began, start = make(), time.process_time(), time.perf_counter()
                    run(index, query, **more)
                    cpu.append(time.process_time() - began)
                    wall.append(time.perf_counter() - start)
                cells.append(f"{statistics.median(cpu) * 1e3:.0f} ({max(wall) * 1e3:.0f})")
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
