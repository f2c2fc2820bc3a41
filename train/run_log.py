"""What a run says of its steps: lines for log.jsonl, and the same for TensorBoard."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import Tensor


def log_line(step: int, steps: int, since_log: list[tuple[dict, dict]], rate: float, norm: Tensor,
             photos_per_second: float, waiting: float) -> dict:
    """Losses and metrics are means over the steps since the last line."""
    losses, metrics = ({name: torch.stack([part[name].float() for part in parts]).mean().item() for name in parts[-1]}
                       for parts in zip(*since_log, strict=True))
    return {"step": step, "steps": steps, "time": time.time(), "losses": losses, "learning_rate": rate,
            "gradient_norm": norm.item(), "photos_per_second": round(photos_per_second, 3),
            "waiting": round(waiting, 4), "metrics": metrics}


def tensorboard(out: Path):
    from torch.utils.tensorboard import SummaryWriter  # a second to import, and only the main process writes

    return SummaryWriter(str(out / "tensorboard"))


def write_scalars(writer, line: dict) -> None:
    """A line of the log; what could not be measured (None) is left out."""
    for group in ("losses", "metrics", "evaluation"):
        for name, value in line.get(group, {}).items():
            if value is not None:
                writer.add_scalar(f"{group}/{name}", value, line["step"])
    for name in ("learning_rate", "gradient_norm", "photos_per_second", "waiting"):
        if name in line:
            writer.add_scalar(f"run/{name}", line[name], line["step"])
