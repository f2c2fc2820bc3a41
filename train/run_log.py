"""What a run says of its steps: lines for log.jsonl, and the same for TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import torch
from torch import Tensor

from train.run_folder import RunFolder


class Pace:
    """Losses, metrics and times of the steps since the last line of the log."""

    def __init__(self) -> None:
        self.began, self.waited, self.photos = time.monotonic(), 0.0, 0
        self.losses: list[dict[str, Tensor]] = []
        self.metrics: list[dict[str, Tensor]] = []

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Round what waits for photos."""
        asked = time.monotonic()
        yield
        self.waited += time.monotonic() - asked

    def add(self, photos: int, losses: dict[str, Tensor], metrics: dict[str, Tensor]) -> None:
        self.photos += photos
        self.losses.append(losses)
        self.metrics.append(metrics)

    def line(self, step: int, steps: int, rate: float, norm: Tensor) -> dict:
        """The log's: losses and metrics are means over the steps."""
        elapsed = time.monotonic() - self.began
        losses, metrics = ({name: torch.stack([part[name].float() for part in parts]).mean().item()
                            for name in parts[-1]} for parts in (self.losses, self.metrics))
        return {"step": step, "steps": steps, "time": time.time(), "losses": losses, "learning_rate": rate,
                "gradient_norm": norm.item(), "photos_per_second": round(self.photos / elapsed, 3),
                "waiting": round(self.waited / elapsed, 4), "metrics": metrics}


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
