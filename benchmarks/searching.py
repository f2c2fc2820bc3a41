"""From a click to pictures: what the server spends on a search of the Retrieve tab; one Markdown table.

    python -m benchmarks.searching

A collection of synthetic concepts (`benchmarks.queries`) behind the page's own routes. A search is its POST, as the tab
sends it, and the thumbnails of the first screen; masks are drawn by the browser. Process CPU, median, and the wall.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from starlette.applications import Starlette
from starlette.testclient import TestClient
from tqdm import tqdm

from benchmarks.queries import TOKENS, photos
from index.concept_index import ConceptIndex
from stellar_explorer.explorer import Explorer
from stellar_explorer.retrieve.collections import Collections
from stellar_explorer.retrieve.routes import collections_routes

HITS, ON_SCREEN = 60, 12  # as the tab asks, and tiles that are seen before one scrolls
NAME = "many"


class WithoutExamples(Collections):
    """Does not index photos that nobody asks for here."""

    def start(self) -> None:
        pass


def kinds(generator: np.random.Generator, num_concepts: int) -> dict[str, Callable[[], dict]]:
    """What a click asks for, in the JSON of the tab."""
    def one() -> dict:
        return {"kind": "concept", "concept": int(generator.integers(num_concepts))}

    def photo() -> int:
        return int(generator.integers(num_concepts)) // TOKENS

    return {
        "a concept": one,
        "a concept, also with another, but not a third": lambda: {
            "kind": "and", "of": [one(), one(), {"kind": "not", "of": one()}]},
        "a concept left of another": lambda: {"kind": "layout", "a": one(), "relation": "left_of", "b": one()},
        "a word": lambda: {"kind": "name", "word": f"word {generator.integers(1000)}"},
        "a whole photo": lambda: {"kind": "photo", "photo": photo()},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--concepts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()

    explorer = Explorer(("nano",))
    with tempfile.TemporaryDirectory() as place:
        collections = WithoutExamples(explorer, root=Path(place), cache=Path(place) / "cache")
        identity = collections.identity
        with ConceptIndex.create(Path(place) / NAME, model=identity) as index:
            batch = []
            for encoded in tqdm(photos(options.concepts // TOKENS, identity.width), unit="photo", disable=None):
                batch.append(encoded)
                if len(batch) == 2048:
                    index.add(batch)
                    batch = []
            index.add(batch)
            index.compact()
            count = index.num_concepts
            print(f"{count:,} concepts of {index.num_photos:,} photos, {identity.width} wide; {HITS} hits and "
                  f"{ON_SCREEN} thumbnails; milliseconds of CPU, median of {options.rounds} (slowest wall)\n")
        client = TestClient(Starlette(routes=collections_routes(explorer, collections)))

        def searched(query: dict, fold: bool) -> None:
            answer = client.post(f"/stellar/collections/{NAME}/search", json={
                "query": query, "k": HITS, "where": {"not_this": True}, "fold": fold})
            answer.raise_for_status()
            for result in answer.json()["results"][:ON_SCREEN]:
                client.get(f"/{result['thumbnail']}").raise_for_status()

        print("| click | as it is | nearly the same photos folded |\n|---|---|---|")
        for name, ask in kinds(np.random.default_rng(1), count).items():
            searched(ask(), True)  # opens, imports and maps
            cells = []
            for fold in (False, True):
                cpu, wall = [], []
                for _ in range(options.rounds):
                    query, began, start = ask(), time.process_time(), time.perf_counter()
                    searched(query, fold)
                    cpu.append(time.process_time() - began)
                    wall.append(time.perf_counter() - start)
                cells.append(f"{statistics.median(cpu) * 1e3:.0f} ({max(wall) * 1e3:.0f})")
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
        collections.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
