"""A run's folder: its recipe, log, status, pictures and checkpoints; all written aside and renamed."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import ZipFile

from safetensors import SafetensorError

from model.checkpoints.files import write_whole
from model.checkpoints.tensor_files import DAMAGE, CheckpointError, TensorFile, first_line
from model.targets import check_folder
from train.config import TrainConfig

KEPT_CHECKPOINTS = 2
# What a run leaves that was killed before its recipe was written, and what one leaves of a file or a checkpoint.
OURS_BEFORE = re.compile(r"checkpoints|pictures|origin\.json|\.[0-9a-f]{16}\.part")
LEFTOVER = re.compile(r"(step|shared)-\d+\.part|\.[0-9a-f]{16}\.part|\.(model|best)\.safetensors\.\w{8}")
# What may differ between a run and its resumption: nothing of it changes a weight.
FREE_TO_CHANGE = {"log_every", "save_every", "picture_every", "evaluate_every", "evaluations", "keep_best",
                  "data.num_workers", "data.worker_timeout", "data.max_bad_share"}
ZIPPED = {".bin", ".pkl", ".pt"}  # what torch saves


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
        before = read(recipe, lambda text: json.loads(TrainConfig.from_json(text).to_json()))
        changed = differences(before, json.loads(config.to_json()))
        if changed:
            raise RunError(f"{self.path} was started with another recipe ({'; '.join(changed[:3])}); "
                           "resume with the same settings, or begin anew with another --out")

    def open(self, config: TrainConfig, origin: dict[str, object]) -> None:
        """Makes or enters the folder. `origin` is what besides the recipe decides a run's batches: the photos'
        fingerprint and the number of processes; RunError where a resumed run has another."""
        known, recipe = self.path / "origin.json", self.path / "recipe.json"
        if known.exists() and recipe.exists():
            changed = differences(read(known, json.loads), origin)
            if changed:
                raise RunError(f"{self.path} cannot be resumed as it was: {'; '.join(changed)}; bring that back, or "
                               "begin anew with another --out")
        try:
            for folder in (self.path, self.checkpoints, self.path / "pictures"):
                folder.mkdir(parents=True, exist_ok=True)
            for leftover in [*self.checkpoints.iterdir(), *self.path.iterdir()]:
                if LEFTOVER.fullmatch(leftover.name):
                    shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            write_whole(known, json.dumps(origin).encode())
            write_whole(recipe, config.to_json().encode())  # last: from here on it is a run
        except OSError as error:
            raise RunError(f"{self.path} cannot be written ({error.strerror or error}); make room, or name another "
                           "--out") from error

    def saved(self) -> list[Path]:
        """Whole checkpoints, the oldest first. One whose name has no .part was fsynced before it was named."""
        return sorted((path for path in self.checkpoints.glob("step-*") if re.fullmatch(r"step-\d+", path.name)),
                      key=step_of)

    def newest_whole(self) -> tuple[Path | None, list[str]]:
        """The checkpoint to go on from, None where none was saved yet, and what is wrong with those after it.

        RunError where there are some and none can be read.
        """
        problems = []
        for checkpoint in reversed(self.saved()):
            problem = damage(checkpoint)
            if problem is None:
                return checkpoint, problems
            problems.append(problem)
        if problems:
            raise RunError(f"no checkpoint in {self.checkpoints} is whole ({'; '.join(problems)}); bring one back from "
                           "a copy, or begin anew with another --out")
        return None, []

    def go_on_from(self, checkpoint: Path | None) -> None:
        """Before a run goes on: checkpoints after this one are no longer counted, nor are the log's lines of steps that
        are taken again, or what a kill left of a line."""
        step = 0 if checkpoint is None else step_of(checkpoint)
        for damaged in self.saved():
            if step_of(damaged) > step:
                shutil.rmtree(damaged.with_suffix(".damaged"), ignore_errors=True)
                os.replace(damaged, damaged.with_suffix(".damaged"))
        log = self.path / "log.jsonl"
        if log.exists():
            lines = log.read_bytes().split(b"\n")
            write_whole(log, b"".join(line + b"\n" for line in lines if step and step_said(line) in range(step + 1)))

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
            log = self.path / "log.jsonl"  # which has the steps up to this one, and is appended to from here
            for file in (*partial.rglob("*"), *([log] if log.exists() else [])):
                if file.is_file():
                    with open(file, "rb") as handle:
                        os.fsync(handle.fileno())
            shutil.rmtree(final, ignore_errors=True)
            os.replace(partial, final)
        except Exception as error:  # safetensors and torch turn the disk's errors into their own
            shutil.rmtree(partial, ignore_errors=True)
            last = self.saved()
            raise unwritten(f"the checkpoint of step {step}", error, last) from error
        for old in self.saved()[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old, ignore_errors=True)
        return final

    def log(self, line: dict) -> None:
        with self.writing("log.jsonl"), open(self.path / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def status(self, state: str, reason: str = "") -> None:
        with self.writing("status.json"):
            write_whole(self.path / "status.json", json.dumps(
                {"state": state, "reason": reason, "pid": os.getpid(), "updated": time.time()}).encode())

    def stopped(self, reason: str) -> None:
        """Says so where it can: what stopped the run may be the disk."""
        with suppress(RunError):
            self.status("stopped", reason)

    @contextmanager
    def writing(self, what: str) -> Iterator[None]:
        """RunError where the disk refuses what is written here."""
        try:
            yield
        except (OSError, SafetensorError) as error:
            raise unwritten(f"{self.path / what}", error, self.saved()) from error


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("step-"))


def step_said(line: bytes) -> int | None:
    """The step of a line of the log, None of what is no such line."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return step if isinstance(step, int) else None


def damage(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint's files, the first of it, or None: each is as long as it says, and what torch
    saved has the check sums that it came with."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    if not any("model" in path.name for path in files):
        return f"{checkpoint} holds no weights"
    for file in files:
        try:
            if not file.stat().st_size:
                return f"{file} is empty"
            if file.suffix == ".safetensors":
                TensorFile(file)
            elif file.suffix in ZIPPED:
                with ZipFile(file) as parts:
                    if parts.testzip():
                        return f"{file} is damaged"
        except CheckpointError as error:
            return str(error).partition(";")[0]
        except DAMAGE:
            return f"{file} is damaged or cut short"
    return None


def read(file: Path, parse: Callable[[str], dict]) -> dict:
    """RunError where what a run says of itself cannot be read any more."""
    try:
        return parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, TypeError, LookupError) as error:
        raise RunError(f"{file} cannot be read ({first_line(error)}); bring it back from a copy, or begin anew with "
                       "another --out") from error


def unwritten(what: str, error: Exception, saved: list[Path]) -> RunError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
    return RunError(f"{what} could not be written ({reason}); {last_good(saved)} Make room, then go on with --resume")


def last_good(saved: list[Path]) -> str:
    return f"the last good one is {saved[-1]}." if saved else "there is none before it."


def differences(before: object, after: object, name: str = "") -> list[str]:
    """"name: was -> is" for each setting that differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [line for key in sorted({*before, *after})
                for line in differences(before.get(key), after.get(key), f"{name}.{key}" if name else key)]
    return [] if before == after or name in FREE_TO_CHANGE else [f"{name} was {before!r} and is {after!r}"]
