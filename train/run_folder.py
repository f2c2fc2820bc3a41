"""A run's folder: its recipe, log, status, pictures and checkpoints; all written aside and renamed."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from model.files import write_whole
from model.targets import check_folder
from train.config import TrainConfig

KEPT_CHECKPOINTS = 2
# What a run leaves that was killed before its recipe was written, and what one leaves of a checkpoint.
OURS_BEFORE = re.compile(r"checkpoints|pictures|origin\.json|\.[0-9a-f]{16}\.part")
LEFTOVER = re.compile(r"(step|shared)-\d+\.part")
# What may differ between a run and its resumption: nothing of it changes a weight.
FREE_TO_CHANGE = {"log_every", "save_every", "picture_every", "evaluate_every", "evaluations", "keep_best",
                  "data.num_workers", "data.max_bad_share"}


class RunError(ValueError):
    """A run that cannot start, go on or save; says why and what to do."""


class RunFolder:
    """recipe.json, origin.json, log.jsonl, status.json, pictures/step-N.png, checkpoints/step-N/, tensorboard/, at the
    end model.safetensors, and where a run chooses its best step best.safetensors and best.json."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"

    def check(self, config: TrainConfig, *, resume: bool) -> None:
        """Raises RunError where the folder holds a run and none is to be resumed, or the other way round."""
        recipe = self.path / "recipe.json"
        if not recipe.exists():
            if resume:
                raise RunError(f"there is no run in {self.path} to resume; leave --resume out")
            check_folder(self.path)
            others = [] if not self.path.exists() else sorted(
                file.name for file in self.path.iterdir() if not OURS_BEFORE.fullmatch(file.name))
            if others:
                raise RunError(f"{self.path} holds other files ({others[0]}); name a new or an empty folder with --out")
            return
        if not resume:
            raise RunError(f"{self.path} holds a run already; --resume goes on with it, another --out begins anew")
        # Through TrainConfig, so that a setting that is newer than the run has its default there.
        before = json.loads(TrainConfig.from_json(recipe.read_text(encoding="utf-8")).to_json())
        changed = differences(before, json.loads(config.to_json()))
        if changed:
            raise RunError(f"{self.path} was started with another recipe ({'; '.join(changed[:3])}); "
                           "resume with the same settings, or begin anew with another --out")

    def open(self, config: TrainConfig, origin: dict[str, object]) -> None:
        """Makes or enters the folder. `origin` is what besides the recipe decides a run's batches: the photos'
        fingerprint and the number of processes; RunError where a resumed run has another."""
        for folder in (self.path, self.checkpoints, self.path / "pictures"):
            folder.mkdir(parents=True, exist_ok=True)
        known = self.path / "origin.json"
        if known.exists():
            changed = differences(json.loads(known.read_text(encoding="utf-8")), origin)
            if changed:
                raise RunError(f"{self.path} cannot be resumed as it was: {'; '.join(changed)}; bring that back, or "
                               "begin anew with another --out")
        write_whole(known, json.dumps(origin).encode())
        write_whole(self.path / "recipe.json", config.to_json().encode())
        for leftover in self.checkpoints.glob("*.part"):
            if LEFTOVER.fullmatch(leftover.name):
                shutil.rmtree(leftover)

    def saved(self) -> list[Path]:
        """Whole checkpoints, the oldest first. One whose name has no .part was fsynced before it was named."""
        return sorted((path for path in self.checkpoints.glob("step-*") if re.fullmatch(r"step-\d+", path.name)),
                      key=step_of)

    def save(self, step: int, write: Callable[[Path], None]) -> Path:
        """`write` fills a folder aside, which is then fsynced and named; older ones beyond KEPT_CHECKPOINTS go.

        Raises RunError where the disk refuses; what was saved before is as it was.
        """
        final = self.checkpoints / f"step-{step:07d}"
        partial = final.with_name(final.name + ".part")
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            write(partial)
            for file in partial.rglob("*"):
                if file.is_file():
                    with open(file, "rb") as handle:
                        os.fsync(handle.fileno())
            shutil.rmtree(final, ignore_errors=True)
            os.replace(partial, final)
        except Exception as error:  # safetensors and torch turn the disk's errors into their own
            shutil.rmtree(partial, ignore_errors=True)
            last = self.saved()
            raise RunError(f"the checkpoint of step {step} could not be written ({error}); "
                           f"{last_good(last)} Make room, then go on with --resume") from error
        for old in self.saved()[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old, ignore_errors=True)
        return final

    def log(self, line: dict) -> None:
        with open(self.path / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def status(self, state: str, reason: str = "") -> None:
        write_whole(self.path / "status.json", json.dumps(
            {"state": state, "reason": reason, "pid": os.getpid(), "updated": time.time()}).encode())


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("step-"))


def last_good(saved: list[Path]) -> str:
    return f"the last good one is {saved[-1]}." if saved else "there is none before it."


def differences(before: object, after: object, name: str = "") -> list[str]:
    """"name: was -> is" for each setting that differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [line for key in sorted({*before, *after})
                for line in differences(before.get(key), after.get(key), f"{name}.{key}" if name else key)]
    return [] if before == after or name in FREE_TO_CHANGE else [f"{name} was {before!r} and is {after!r}"]
