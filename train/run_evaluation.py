"""RunEvaluation: a run measures itself as it goes, and keeps the weights that were best by a stated measure."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from model.checkpoints.files import sha256_of, write_whole
from model.stellar import Stellar
from train.config import LOWEST, EvaluationConfig, RecipeError, TrainConfig
from train.evaluate import PROTOCOLS, Scores, evaluate_subject, photos_of, shipped_stem
from train.evaluators.photo_set import PhotoSet
from train.run_folder import RunError, RunFolder
from train.settings import suggestion
from train.subjects import StellarSubject

BATCH_SIZE = 8


class RunEvaluation:
    """The protocols of `train.evaluate` that a recipe names, on the weights that a run would leave if it ended now.

    What it says of a step is what `python -m train.evaluate` says of that step's weights. Nothing of the run changes:
    not the weights, nor what is drawn later. best.safetensors are the weights of the best step so far, the earlier one
    of equals, and best.json says which (`step`, `measure`, `value`, and the `sha256` of the weights that it speaks of).
    """

    def __init__(self, config: TrainConfig, folder: Path, device: torch.device) -> None:
        """Raises RecipeError for a measure that no protocol gives, ValueError for photos that a protocol cannot use."""
        self.config, self.folder, self.device = config, folder, device
        self.sets: list[tuple[EvaluationConfig, dict[str, PhotoSet]]] = [
            (part, photos_of([f"{part.protocol}={part.data}"], part.protocol, limit=part.limit, boxes=part.boxes))
            for part in config.evaluations]
        given = [measure for part in config.evaluations for measure in PROTOCOLS[part.protocol].measures]
        self.measure = (config.keep_best or "").removeprefix(LOWEST)
        if self.measure and self.measure not in given:
            raise RecipeError(f"keep_best names the measure {self.measure!r}{suggestion(self.measure, given)}; the "
                              f"run's evaluations give {', '.join(given)}")

    def due(self, step: int, steps: int) -> bool:
        """At the beginning, at the end, and every so many steps."""
        every = self.config.evaluate_every
        return every is not None and (step % every == 0 or step == steps)

    def __call__(self, stellar: Stellar, step: int, steps: int) -> dict:
        """Measures and keeps; returns the line for the log."""
        scores = self.scores(stellar)
        if self.measure:
            self.keep_best(stellar, step, scores)
        return {"step": step, "steps": steps, "time": time.time(), "evaluation": scores.scores}

    def scores(self, stellar: Stellar) -> Scores:
        scores = Scores("run", "")
        options = argparse.Namespace(batch_size=BATCH_SIZE, seed=0)
        with untouched(stellar, self.device), tqdm(disable=True) as bar:
            for part, sets in self.sets:
                options.resolution = part.resolution
                stem = self.stem if part.protocol == "reconstruction" else None
                for name, value in evaluate_subject(StellarSubject("run", stellar), sets, options, bar, stem=stem):
                    scores.add(name, value)
        return scores

    @cached_property
    def stem(self) -> nn.Module | None:
        return shipped_stem(str(self.device))

    def keep_best(self, stellar: Stellar, step: int, scores: Scores) -> None:
        """Weights first, then what is said of them: were a run killed in between, it would measure this step again."""
        value = scores.scores[self.measure]
        if value is None:
            raise RunError(f"keep_best asks for {self.measure}, and there is none ({scores.notes[self.measure]}); name "
                           "another measure")
        best, lowest = self.best(), self.config.keep_best.startswith(LOWEST)
        if best is not None and (value >= best if lowest else value <= best):
            return
        weights = self.folder / "best.safetensors"
        with RunFolder(self.folder).writing(weights.name):
            stellar.save(weights)
            write_whole(self.folder / "best.json", json.dumps(
                {"step": step, "measure": self.measure, "value": value, "is": "lowest" if lowest else "highest",
                 "sha256": sha256_of(weights), "evaluations": self.evaluations}).encode())

    def best(self) -> float | None:
        """The best value so far by this measure on these photos, also of the run before it was resumed."""
        try:
            known = json.loads((self.folder / "best.json").read_text(encoding="utf-8"))
            comparable = (known["measure"], known["evaluations"]) == (self.measure, self.evaluations)
            return float(known["value"]) if comparable else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def evaluations(self) -> list[dict]:
        return [asdict(part) for part in self.config.evaluations]


@contextmanager
def untouched(module: nn.Module, device: torch.device) -> Iterator[None]:
    """In eval mode, without gradients; modes and torch's random states are afterwards as they were."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
            module.eval()
            yield
    finally:
        for part, training in modes:
            part.training = training
