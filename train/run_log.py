"""What a run says of its steps: lines for log.jsonl, and the same for TensorBoard."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, suppress

import torch
from torch import Tensor

from train.run_folder import RunFolder


def log_line(step: int, steps: int, since_log: list[tuple[dict, dict]], rate: float, norm: Tensor,
             photos_per_second: float, waiting: float) -> dict:
    """Losses and metrics are means over the steps since the last line."""
    losses, metrics = ({name: torch.stack([part[name].float() for part in parts]).mean().item() for name in parts[-1]}
                       for parts in zip(*since_log, strict=True))
    return {"step": step, "steps": steps, "time": time.time(), "losses": losses, "learning_rate": rate,
            "gradient_norm": norm.item(), "photos_per_second": round(photos_per_second, 3),
            "waiting": round(waiting, 4), "metrics": metrics}


class Curves:
    """The log's lines and the pictures for TensorBoard, of the steps after `first`: what an earlier part of the run
    wrote of these is taken back. RunError where the disk refuses them."""

    def __init__(self, folder: RunFolder, *, first: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # a second to import, and only the main process writes

        self.folder = folder
        with self.writing():
            self.writer = SummaryWriter(str(folder.path / "tensorboard"), purge_step=first + 1 if first else 0)

    def writing(self) -> AbstractContextManager[None]:
        return self.folder.writing("tensorboard")

    def line(self, line: dict) -> None:
        """A line of the log; what could not be measured (None) is left out."""
        with self.writing():
            for group in ("losses", "metrics", "evaluation"):
                for name, value in line.get(group, {}).items():
                    if value is not None:
                        self.writer.add_scalar(f"{group}/{name}", value, line["step"])
            for name in ("learning_rate", "gradient_norm", "photos_per_second", "waiting"):
                if name in line:
                    self.writer.add_scalar(f"run/{name}", line[name], line["step"])

    def picture(self, sheet: Tensor, step: int) -> None:
        """uint8 (3, height, width)."""
        with self.writing():
            self.writer.add_image("photos", sheet, step)

    def flush(self) -> None:
        with self.writing():
            self.writer.flush()

    def close(self) -> None:
        with suppress(OSError):  # what ended the run has been said
            self.writer.close()
