"""Draws the map of an index's concepts: `python -m index.atlas INDEX`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from index.atlas.atlas import atlas_of, load
from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.store.atlas_file import FILE
from model.startup import start_command
from model.targets import TakenError, check_free


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("index", type=Path, metavar="INDEX", help="the index's folder")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"where it is kept; default: {FILE} in the index")
    parser.add_argument("--overwrite", action="store_true", help="replace a FILE that is there already and is no map")
    parser.add_argument("--anew", action="store_true", help="draw it again even if it is there")


def run(options: argparse.Namespace) -> int:
    """Raises ConceptIndexError and TakenError."""
    if options.out is not None and load(options.out) is None:  # a map of before is brought up to date
        check_free([options.out], overwrite=options.overwrite)
    told = ""

    def progress(stage: str, share: float) -> None:
        nonlocal told
        line = f"{100 * share:3.0f} % {stage}"
        if line != told:
            print(line, file=sys.stderr, flush=True)
        told = line

    index = ConceptIndex.open(options.index)
    try:
        atlas = atlas_of(index, file=options.out, anew=options.anew, progress=progress)
    finally:
        index.close()
    print(f"{len(atlas.ids):,} concepts in {len(atlas.clusters)} clusters; UMAP placed {atlas.mapped.sum():,} of them")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m index.atlas", description="Draws the map of an index's concepts.")
    add_arguments(parser)
    try:
        return run(parser.parse_args(arguments))
    except (ConceptIndexError, TakenError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    start_command()
    sys.exit(main())
