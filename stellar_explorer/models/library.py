"""Library: the checkpoints and runs at hand, as what the Models tab shows. Plain data; nothing is loaded or run.

A checkpoint is assets/NAME/NAME.safetensors, a published one that is already here, or one that the page was started
with. A run is a folder that `python -m train` writes. Beside either may lie README.md (the card), recipe.json,
log.jsonl, status.json, evaluation.json and pictures/; each may be missing, and one that cannot be read becomes a
sentence of its entry and nothing worse. Answers are kept until a file's size or time changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from stellar_explorer.analysis import display_name
from stellar_explorer.models.card import plain_markdown
from stellar_explorer.models.checkpoint_facts import checkpoint_facts
from stellar_explorer.models.training_log import TrainingLog
from stellar_explorer.photo import printable
from stellar_explorer.views.axes import finite
from stellar_explorer.views.curves import smoothing_window, training_curves
from stellar_explorer.views.scores import read_evaluation, score_board

ASSETS = Path(__file__).resolve().parent.parent.parent / "assets"
RUN_FILES = ("status.json", "log.jsonl", "recipe.json", "model.safetensors")
PICTURE = re.compile(r"step-(\d{1,12})\.png")
SILENCE = 600  # seconds without a word after which a run that says it is running is taken to be gone
REFRESH = 4  # seconds between two looks of the page at a running training
MOST_RUNS, MOST_JSON, MOST_CARD = 200, 8 * 2**20, 200_000


class State(Enum):
    """Of a run; a checkpoint without a status has none."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    SILENT = "silent"
    UNKNOWN = "unknown"


STATE_WORDS = {
    State.RUNNING: "Training now", State.FINISHED: "Finished", State.STOPPED: "Stopped",
    State.SILENT: "No longer heard of", State.UNKNOWN: "State unknown",
}

PICTURED = {
    "stellar": "A row a photo: the photo, its feature map, its concept map (one for each group of tokens, where there "
               "are groups) and, where there is a decoder, its reconstruction.",
    "tokenizer": "The photos, and what comes back through the codes.",
    "titok": "The photos, what comes back through the tokenizer's codes, and what this model makes of its few codes.",
    "mae": "The photos, what this model makes of the patches that it sees with those pasted in, and without.",
}


@dataclass(frozen=True)
class Place:
    """Where an entry's files are. `folder` None: a lone checkpoint. `source` is what `open_checkpoint` takes."""

    name: str
    kind: str  # "checkpoint" or "run"
    folder: Path | None
    weights: Path | None
    source: str = ""

    @property
    def key(self) -> str:
        """Stands for the place in addresses, whatever letters its name has."""
        where = str(self.folder or self.weights)
        return hashlib.sha256(f"{self.kind}\0{where}".encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def file(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / name


class Problems(list):
    """Sentences on what could not be read, gathered while an entry is put together."""

    def reading(self, path: Path | None, read: Callable[[Path], Any]) -> Any:
        """-> read(path); None without a word when there is no such file, and with one when it cannot be read."""
        if path is None or not path.is_file():
            return None
        try:
            return read(path)
        except (OSError, ValueError, RecursionError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else reason(error)
            why = why.replace(str(path), path.name).rstrip(".")
            self.append(f"{why}." if why.startswith(path.name) else f"{path.name} cannot be read: {why}.")
            return None


def only_weights(folder: Path) -> Path | None:
    """The checkpoint that a folder is, if it is one."""
    from model.checkpoints.tensor_files import CheckpointError, only_checkpoint

    try:
        return only_checkpoint(folder)
    except CheckpointError:
        return None


def reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON (line {error.lineno})"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return (str(error) or type(error).__name__).splitlines()[0]


def read_json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MOST_JSON:
        raise ValueError(f"it is larger than {MOST_JSON // 2**20} MB")
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("it holds no JSON object")
    return content


def stamp(path: Path | None) -> tuple[int, int, int] | None:
    """What changes when a file does: size, time, and which file it is."""
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return None if found is None else (found.st_size, found.st_mtime_ns, found.st_ino)


def is_alive(pid: Any) -> bool:
    """Whether a process of this machine has this number."""
    if isinstance(pid, bool) or not isinstance(pid, int) or not 0 < pid < 2**31:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def state_of(status: dict[str, Any] | None, last_word: float | None, *, now: float) -> State:
    """status.json's content and the time of the last logged line -> the state a person should be told."""
    said = (status or {}).get("state")
    if said == "running":
        words = [word for word in (finite(status.get("updated")), last_word) if word is not None]
        heard = bool(words) and now - max(words) < SILENCE
        return State.RUNNING if heard and is_alive(status.get("pid")) else State.SILENT
    return {"finished": State.FINISHED, "stopped": State.STOPPED}.get(said, State.UNKNOWN)


class Library:
    """models: as given to the Explorer; those that are paths are shown too. runs: a folder of runs, or a run itself.

    Its methods may be called from many threads.
    """

    def __init__(self, models: Sequence[str] = (), *, assets: Path = ASSETS, runs: Path | None = None) -> None:
        self.models, self.assets, self.runs = tuple(models), assets, runs
        self._lock = threading.RLock()
        self._logs: dict[str, TrainingLog] = {}
        self._kept: dict[tuple[str, str], tuple[Any, Any]] = {}

    # --- what is there ---

    def places(self) -> tuple[list[Place], list[str]]:
        """Checkpoints first, then runs from the newest; and sentences on folders that could not be looked into."""
        problems: list[str] = []
        places = [*self._chosen(), *self._shipped(problems), *self._published(), *self._runs(problems)]
        found: dict[Path | None, Place] = {}
        for place in places:  # a file that is reached in two ways is one entry
            where = place.weights or place.folder
            where = where.resolve()
            if where not in found or place.kind == "run":
                found[where] = place
        return list(found.values()), problems

    def _chosen(self) -> Iterator[Place]:
        """What the page was started with, if it is a path."""
        for model in self.models:
            path = Path(model)
            if path.is_file():
                file = Path(path.name.removesuffix(".index.json"))  # of shards
                owns = path.parent.name == file.stem or file.name == "model.safetensors"
                name = path.parent.name if file.name == "model.safetensors" else file.stem
                yield Place(printable(name), "checkpoint", path.parent if owns else None, path, model)
            elif path.is_dir() and (weights := only_weights(path)):
                yield Place(printable(display_name(model)), "checkpoint", path, weights, model)

    def _shipped(self, problems: list[str]) -> Iterator[Place]:
        """Those that the page offers first; behind them what they are compared with."""
        for folder in sorted(folders(self.assets, problems), key=lambda folder: folder.name not in self.models):
            weights = folder / f"{folder.name}.safetensors"
            if weights.is_file():
                yield Place(printable(folder.name), "checkpoint", folder, weights, str(weights))

    def _published(self) -> Iterator[Place]:
        """Those of the hub's that are on this machine already."""
        from model.checkpoints.checkpoint import PUBLISHED, local_copy

        for name, file in PUBLISHED.items():
            if path := local_copy(file):
                yield Place(name, "checkpoint", None, path, name)

    def _runs(self, problems: list[str]) -> list[Place]:
        if self.runs is None:
            return []
        places = []
        for folder in (self.runs, *folders(self.runs, problems)):
            held = [stamp(folder / name) for name in RUN_FILES]
            if any(held):
                weights = folder / "model.safetensors"
                place = Place(printable(folder.resolve().name), "run", folder, weights if held[-1] else None,
                              str(weights))
                places.append((max(seen[1] for seen in held if seen), place))
        places.sort(key=lambda pair: pair[0], reverse=True)
        if len(places) > MOST_RUNS:
            problems.append(f"There are {len(places)} runs; the newest {MOST_RUNS} are shown.")
        return [place for _, place in places[:MOST_RUNS]]

    def place(self, key: str) -> Place:
        """KeyError if nothing (any more) has this key."""
        for place in self.places()[0]:
            if place.key == key:
                return place
        raise KeyError(key)

    # --- what the page is told ---

    def overview(self) -> dict[str, Any]:
        """entries: [{key, name, kind, state, words, line, version}], problems, and how often to look again while
        something runs (seconds; 0: not before the visitor comes back)."""
        places, problems = self.places()
        entries = [self._entry(place) for place in places]
        entries.sort(key=lambda entry: entry["state"] != State.RUNNING.value)  # what runs comes first
        is_live = any(entry["state"] == State.RUNNING.value for entry in entries)
        return {"entries": entries, "problems": problems, "refresh": REFRESH if is_live else 0}

    def _entry(self, place: Place) -> dict[str, Any]:
        problems = Problems()
        state, _, log = self._progress(place, problems)
        if place.kind == "run":
            line = STATE_WORDS[state] + steps_in_words(log, short=True)
        else:
            facts = self._facts(place, problems)
            line = ", ".join(facts["line"]) if facts else "cannot be opened"
        parts = [stamp(place.file(name)) for name in (*RUN_FILES, "evaluation.json", "README.md", "pictures")]
        version = hashlib.sha256(repr((parts, stamp(place.weights), state)).encode()).hexdigest()[:16]
        return {"key": place.key, "name": place.name, "kind": place.kind, "state": state.value if state else None,
                "words": STATE_WORDS.get(state, ""), "line": line, "version": version}

    def record(self, key: str) -> dict[str, Any]:
        """Everything of one entry but its card. KeyError as `place`."""
        place, problems = self.place(key), Problems()
        entry = self._entry(place)
        state, status, log = self._progress(place, problems)
        recipe = self._once(place, "recipe.json", lambda path: problems.reading(path, read_json))
        if log.bad_lines:
            problems.append(f"{log.bad_lines} line{'s' if log.bad_lines > 1 else ''} of log.jsonl could not be read "
                            "and count as not logged; a run that was killed while it wrote leaves one.")
        facts = self._facts(place, problems)
        evaluation = problems.reading(place.file("evaluation.json"), read_json)
        return {
            **entry,
            "reason": printable_words((status or {}).get("reason")),
            "progress": progress(state, log, last_word=self._last_word(status, log)),
            "facts": facts["facts"] if facts else [],
            "sections": self._curves(place, log, recipe),
            "smoothing": smoothing_words(log),
            "scores": self._scores(place, evaluation, problems),
            "pictures": [{"step": step, "address": f"stellar/models/{key}/pictures/{step}.png?v={at}"}
                         for step, at in self._pictures(place)],
            "pictured": PICTURED.get(str((recipe or {}).get("trains")), PICTURED["stellar"]),
            "recipe": list(settings(recipe or {})),
            "problems": list(problems),
        }

    def card(self, key: str) -> str:
        """README.md as Markdown in which no HTML is left, without front matter; "" without a card."""
        problems = Problems()
        place = self.place(key)
        text = problems.reading(place.file("README.md"), lambda path: path.read_text(encoding="utf-8")[:MOST_CARD])
        return " ".join(problems) if problems else plain_markdown(text or "")

    def picture(self, key: str, step: int) -> Path:
        """KeyError as `place`, and for a step without a picture."""
        place = self.place(key)
        for path in self._picture_files(place):
            if int(PICTURE.fullmatch(path.name)[1]) == step:
                return path
        raise KeyError(step)

    # --- parts ---

    def _once(self, place: Place, name: str, read: Callable[[Path], Any], *, path: Path | None = None) -> Any:
        """read(path), and not again until the file changes. What could not be read is tried again, to say so again."""
        path = path or place.file(name)
        seen = stamp(path)
        with self._lock:
            kept = self._kept.get((place.key, name))
        if kept is not None and seen is not None and kept[0] == seen:
            return kept[1]
        answer = None if seen is None else read(path)
        if answer is not None:
            with self._lock:
                self._kept[place.key, name] = (seen, answer)
        return answer

    def _progress(self, place: Place, problems: Problems) -> tuple[State | None, dict[str, Any] | None, TrainingLog]:
        log = self._log(place, problems)
        status = self._once(place, "status.json", lambda path: problems.reading(path, read_json))
        if place.kind != "run":
            return None, None, log
        return state_of(status, log.last.get("time"), now=time.time()), status, log

    def _log(self, place: Place, problems: Problems) -> TrainingLog:
        path = place.file("log.jsonl")
        with self._lock:
            log = self._logs.setdefault(place.key, TrainingLog(path or Path("nowhere")))
            if path is not None:
                seen = stamp(path)
                if seen != getattr(log, "seen", "never"):
                    try:
                        log.read()
                        log.seen = seen
                    except OSError as error:
                        problems.append(f"log.jsonl cannot be read: {error.strerror or error}.")
            return log

    @staticmethod
    def _last_word(status: dict[str, Any] | None, log: TrainingLog) -> float | None:
        words = [word for word in (finite((status or {}).get("updated")), log.last.get("time")) if word is not None]
        return max(words, default=None)

    def _facts(self, place: Place, problems: Problems) -> dict[str, Any] | None:
        if place.weights is None:
            return None

        def read(path: Path) -> dict[str, Any] | None:
            return problems.reading(path, lambda path: checkpoint_facts(path, place.source))

        return self._once(place, "weights", read, path=place.weights)

    def _curves(self, place: Place, log: TrainingLog, recipe: dict[str, Any] | None) -> list[dict[str, Any]]:
        weights = (recipe or {}).get("weights")
        weights = weights if isinstance(weights, dict) else {}
        known = {str(name): number for name, value in weights.items() if (number := finite(value)) is not None}
        seen = (stamp(place.file("log.jsonl")), repr(known))
        with self._lock:
            kept = self._kept.get((place.key, "curves"))
            if kept is None or kept[0] != seen:
                kept = self._kept[place.key, "curves"] = (seen, training_curves(log.columns(), weights=known))
        return kept[1]

    def _scores(self, place: Place, content: dict[str, Any] | None, problems: Problems) -> dict[str, Any] | None:
        if content is None:
            return None
        try:
            evaluation = read_evaluation(content)
        except ValueError as error:
            problems.append(f"evaluation.json cannot be read: {error}.")
            return None
        from model.checkpoints.tensor_files import weights_sha256

        digest = self._once(place, "sha256", weights_sha256, path=place.weights) if place.weights else None
        sums = [model["sha256"] for model in evaluation["models"]]
        names = [model["name"] for model in evaluation["models"]]
        own = sums.index(digest) if digest in sums else names.index(place.name) if place.name in names else None
        if own is not None and digest and sums[own] and sums[own] != digest:
            problems.append("evaluation.json was taken on another file than the one that is here now; "
                            "take it anew with python -m train.evaluate.")
        return score_board(evaluation, own)

    def _picture_files(self, place: Place) -> list[Path]:
        folder = place.file("pictures")
        try:
            return [] if folder is None else [path for path in folder.iterdir() if PICTURE.fullmatch(path.name)]
        except OSError:
            return []

    def _pictures(self, place: Place) -> list[tuple[int, int]]:
        """(step, time of the file), by step."""
        found = ((path, stamp(path)) for path in self._picture_files(place))
        return sorted((int(PICTURE.fullmatch(path.name)[1]), seen[1]) for path, seen in found if seen)


def folders(parent: Path, problems: list[str]) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        problems.append(f"The folder {printable(parent.name)} cannot be looked into: {error.strerror or error}.")
        return []


# --- numbers and settings in words ---


def steps_in_words(log: TrainingLog, *, short: bool = False) -> str:
    if not log.last:
        return "" if short else "No step is logged yet."
    step = int(log.last["step"])
    if short:
        return f", step {step:,}" if log.steps is None else f", {min(step / max(log.steps, 1), 1):.0%}"
    return f"Step {step:,}" + ("" if log.steps is None else f" of {log.steps:,}")


def progress(state: State | None, log: TrainingLog, *, last_word: float | None) -> dict[str, Any] | None:
    """-> {words, share (0..1 or None), left, updated (unix time or None)}; None for a checkpoint without a log."""
    if state is None and not log.last:
        return None
    step, pace = log.last.get("step"), log.seconds_a_step()
    share = None if step is None or not log.steps else min(step / log.steps, 1.0)
    left = "" if state is not State.RUNNING or share is None or pace is None else \
        duration((log.steps - step) * pace)
    return {"words": steps_in_words(log), "share": share, "left": left, "updated": last_word}


def duration(seconds: float) -> str:
    seconds = max(seconds, 0)
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min left"
    if seconds < 48 * 3600:
        return f"about {seconds / 3600:.1f} h left"
    return f"about {seconds / 86400:.1f} days left"


def smoothing_words(log: TrainingLog) -> str:
    window = smoothing_window(len(log))
    if window == 1:
        return f"{len(log):,} logged steps; nothing is smoothed."
    return (f"{len(log):,} logged steps. Faint: what was logged. Line: the median over {window} logged "
            "steps, fewer towards both ends; its last value stands at its end.")


def settings(recipe: dict[str, Any], prefix: str = "") -> Iterator[list[str]]:
    """A recipe's settings, [name, value] with dots for what is nested."""
    for name, value in recipe.items():
        if isinstance(value, dict) and value:
            yield from settings(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            # A page may be public: of a path only its last name is anybody's business.
            text = re.sub(r'(?<![\w.])(?:[A-Za-z]:)?[\\/](?:[^"\\/]*[\\/])+([^"\\/]*)', r"…/\1", text)
            yield [f"{prefix}{name}", text if len(text) <= 400 else text[:400] + "…"]


def printable_words(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:600]
