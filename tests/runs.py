"""Folders such as `python -m train` and `python -m train.evaluate` leave, in a moment and without training."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

from PIL import Image

HOSTILE = "${alert(1)} {{x}} <script>alert(2)</script><img src=x onerror=alert(3)>"
WEIGHTS = {"reconstruction": 0.05, "set_alignment": 1.0}


def log_line(step: int, *, steps: int = 3000, **more: Any) -> dict[str, Any]:
    losses = {"total": 3 + 5 * math.exp(-step / 500), "reconstruction": 6.0, "set_alignment": 3 * math.exp(-step / 500)}
    return {"step": step, "steps": steps, "time": time.time(), "losses": losses, "learning_rate": 5e-4,
            "gradient_norm": 1.2, "photos_per_second": 9.1, "waiting": 0.03,
            "metrics": {"prototype_perplexity": 812.0, "mass_entropy": 2.4}, **more}


def append(folder: Path, *steps: int, **more: Any) -> None:
    with open(folder / "log.jsonl", "a", encoding="utf-8") as file:
        file.writelines(json.dumps(log_line(step, **more)) + "\n" for step in steps)


def write_status(folder: Path, state: str = "running", *, pid: int | None = None, age: float = 0,
                 reason: str = "") -> None:
    pid = os.getpid() if pid is None else pid
    content = {"state": state, "reason": reason, "pid": pid, "updated": time.time() - age}
    (folder / "status.json").write_text(json.dumps(content), encoding="utf-8")


def make_run(folder: Path, *, lines: int = 60, state: str = "running", **status: Any) -> Path:
    """A run of this very process, unless `status` says otherwise."""
    (folder / "pictures").mkdir(parents=True)
    for step in (500, 1000):
        Image.new("RGB", (64, 32), (step % 255, 90, 40)).save(folder / "pictures" / f"step-{step:06d}.png")
    recipe = {"recipe": "nano", "steps": 3000, "weights": WEIGHTS, "optimizer": {"betas": [0.9, 0.999]},
              "note": HOSTILE}
    (folder / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
    append(folder, *range(10, 10 * lines + 1, 10))
    write_status(folder, state, **status)
    return folder


def evaluation(*, name: str = "nano", sha256: str = "", command: str = "") -> dict[str, Any]:
    return {"made": "2026-11-23", "command": command, "protocols": {"knn": {"description": HOSTILE, "photos": 1212}},
            "models": [{"name": name, "sha256": sha256, "scores": {"knn/summary": 0.7, "objects/mean_best_iou": 0.4,
                                                                   "reconstruction/lpips": None}},
                       {"name": HOSTILE, "sha256": "b", "scores": {"knn/summary": 0.6, "objects/mean_best_iou": 0.3}}],
            "notes": {"reconstruction/lpips": "not available: " + HOSTILE}}
