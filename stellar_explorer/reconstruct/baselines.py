"""Which trained baselines a visitor may choose, by name, and those that are loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from stellar_explorer.photo import printable

if TYPE_CHECKING:
    from model.baselines import Baseline

ROOT = Path(__file__).resolve().parent.parent.parent
TITOK, MAE = "titok", "mae"


@dataclass(frozen=True)
class Offer:
    """load: device -> the baseline, in eval mode; raises ValueError with the reason where it cannot be had."""

    kind: str
    label: str
    note: str
    load: Callable[[str], Baseline]


def offers() -> dict[str, Offer]:
    """By name. Modules are imported when one is chosen: transformers alone takes seconds."""
    def titok(name: str) -> Callable[[str], Baseline]:
        def load(device: str) -> Baseline:
            from model.baselines.titok import TiTok

            return TiTok.load(name, device=device)
        return load

    def mae(name: str) -> Callable[[str], Baseline]:
        def load(device: str) -> Baseline:
            from model.baselines.mae import Mae

            return Mae.load(name, device=device)
        return load

    published = "Published; fetched from the hub at first use."
    small = "Trained for this page; its card says on what."
    return {
        "titok": Offer(TITOK, "TiTok, small", small, titok("titok")),
        "titok-l32": Offer(TITOK, "TiTok L-32", published, titok("titok-l32")),
        "titok-b64": Offer(TITOK, "TiTok B-64", published, titok("titok-b64")),
        "titok-s128": Offer(TITOK, "TiTok S-128", published, titok("titok-s128")),
        "mae": Offer(MAE, "MAE, small", small, mae("mae")),
        "mae-b16": Offer(MAE, "MAE B/16", published, mae("mae-b16")),
        "mae-l16": Offer(MAE, "MAE L/16", published, mae("mae-l16")),
        "mae-h14": Offer(MAE, "MAE H/14", published, mae("mae-h14")),
    }


class Baselines:
    """Nothing but what is offered is ever loaded, and one of a kind is kept: the largest take gigabytes."""

    def __init__(self, offered: Mapping[str, Offer] | None = None) -> None:
        self.offered = dict(offers() if offered is None else offered)
        self._loaded: dict[str, tuple[str, Baseline]] = {}
        self._loading = RLock()

    def get(self, kind: str, name: str, *, device: str) -> Baseline:
        """ValueError, one sentence, for what is not offered or cannot be loaded."""
        self.check(kind, name)
        with self._loading:
            kept = self._loaded.get(kind)
            if kept is None or kept[0] != name:
                try:
                    kept = (name, self.offered[name].load(device))
                except ValueError as error:
                    raise ValueError(without_folders(str(error))) from error
                self._loaded[kind] = kept
            return kept[1]

    def check(self, kind: str, name: str) -> None:
        names = [known for known, offer in self.offered.items() if offer.kind == kind]
        if name not in names:
            raise ValueError(f"There is no {kind} {printable(name)}; choose {', '.join(names)}.")


def without_folders(sentence: str) -> str:
    """A visitor is told which file, not where this copy lies on the server."""
    return sentence.replace(f"{ROOT}/", "").replace(str(ROOT), "this copy")
