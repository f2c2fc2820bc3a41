"""How long a probe takes to learn, beside scikit-learn's logistic regression on the same vectors: a Markdown table.

    python -m benchmarks.training.probe [--vectors 2000] [--classes 100] [--width 768]

The vectors are random, a class round each of so many centres; half of each class is learnt from and the other half
asks, as in `train.evaluators.linear_probe`, and both minimise the same: cross-entropy of standardised features with a
unit L2 penalty. Both are timed in turn, and the medians are given.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from photos.cores import usable_cores
from train.evaluators import knn, linear_probe
from train.evaluators.feature_files import FeatureFiles

SPREAD = 4.0  # of a class's vectors round its centre, whose own deviation is 1
BOUND = 20.0  # seconds of 100 classes on 2,000 vectors on two cores


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training.probe", description=__doc__.splitlines()[0])
    parser.add_argument("--vectors", type=int, default=2000, metavar="N", help="default: 2000")
    parser.add_argument("--classes", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--width", type=int, default=768, metavar="N", help="of a vector (default: 768, ViT-B's)")
    parser.add_argument("--pairs", type=int, default=3, metavar="N", help="timings of each (default: 3)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        known, labels, asking, asked = vectors(options.vectors, options.classes, options.width, Path(place))
        told = {name: [] for name in CLASSIFY}
        for _ in range(options.pairs):
            for name, classify in CLASSIFY.items():
                begun = time.perf_counter()
                answers = classify(known, labels, asking)
                told[name].append((time.perf_counter() - begun, (answers == asked).float().mean().item()))
    seconds = {name: median(took for took, _ in found) for name, found in told.items()}
    print(f"{options.classes} classes, {options.vectors:,} vectors of {options.width} numbers, {usable_cores()} cores, "
          f"load {os.getloadavg()[0]:.1f}; bound: {BOUND:.0f} s\n")
    print("| | seconds | of scikit-learn's | top-1 |\n|---|---|---|---|")
    for name, found in told.items():
        print(f"| {name} | {seconds[name]:.2f} | {seconds[name] / seconds[PLAIN]:.2f} | {found[0][1]:.3f} |")
    return 0


def vectors(count: int, num_classes: int, width: int, place: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """-> known (P, D) with labels, asking (Q, D) with labels; mapped from the disk, as the evaluators have them."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % num_classes
    labels = np.concatenate([labels[: count // 2], labels[: count - count // 2]])
    centres = generator.normal(size=(num_classes, width))
    files = FeatureFiles(place)
    rows = files.rows("vectors", np.float32)
    rows.add(centres[labels] + SPREAD * generator.normal(size=(count, width)))
    mapped, labels = torch.from_numpy(rows.mapped()), torch.from_numpy(labels)
    return mapped[: count // 2], labels[: count // 2], mapped[count // 2 :], labels[count // 2 :]


def plain(known: Tensor, labels: Tensor, asking: Tensor) -> Tensor:
    mean, std = known.mean(dim=0), known.std(dim=0, correction=0)
    # scikit-learn sums over examples where the probe takes the mean, and halves the penalty: C = 1 is the same.
    model = LogisticRegression(C=1.0, max_iter=linear_probe.NUM_ITERATIONS)
    model.fit(((known - mean) / std).numpy(), labels.numpy())
    return torch.from_numpy(model.predict(((asking - mean) / std).numpy()))


PLAIN = "scikit-learn's LogisticRegression"
CLASSIFY: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "linear probe": linear_probe.classify, "k-NN": knn.vote, PLAIN: plain}

if __name__ == "__main__":
    sys.exit(main())
