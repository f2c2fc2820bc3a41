"""What is asked of a comparison of reconstructions, as an address says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stellar_explorer.photo import printable
from stellar_explorer.server.request import choice, whole_text

MOST_TOKENS = 4096
PATTERNS = ("random", "grid")
VISIBLE = "The number of patches that the MAE sees"
ASKED = ("kept", "titok", "mae", "visible", "pattern")


@dataclass(frozen=True)
class Settings:
    """kept: STELLAR's concepts, rising; None is all. titok, mae: names of offered baselines. visible: how many patches
    the MAE sees; pattern: drawn by a seed, or spread evenly."""

    kept: tuple[int, ...] | None = None
    titok: str = "titok"
    mae: str = "mae"
    visible: int = 32
    pattern: str = "random"

    def tokens(self, num_tokens: int) -> list[int]:
        """The kept ones of a photo that has so many; ValueError where it has not."""
        if self.kept is None:
            return list(range(num_tokens))
        if self.kept[-1] >= num_tokens:
            raise ValueError(f"This photo has the concepts 0 to {num_tokens - 1}, not {self.kept[-1]}.")
        return list(self.kept)


def settings_of(query: Mapping[str, str]) -> Settings:
    """ValueError, one sentence, for what cannot be asked. `kept` is numbers with dots between them: 0.3.5."""
    if unknown := sorted(set(query) - set(ASKED)):
        raise ValueError(f"A comparison is asked for with {', '.join(ASKED)}, found {printable(unknown[0])}.")
    pattern = query.get("pattern", Settings.pattern)
    choice(pattern, "The pattern of the patches that are seen", PATTERNS)
    return Settings(
        kept=kept_of(query["kept"]) if "kept" in query else None,
        titok=query.get("titok", Settings.titok), mae=query.get("mae", Settings.mae),
        visible=whole_text(query.get("visible", str(Settings.visible)), VISIBLE, 1, MOST_TOKENS), pattern=pattern)


def kept_of(text: str) -> tuple[int, ...]:
    try:
        tokens = tuple(sorted(whole_text(number, "A concept", 0, MOST_TOKENS) for number in text.split(".")))
    except ValueError:
        raise ValueError("The kept concepts are numbers with dots between them, at least one: 0.3.5.") from None
    if len(set(tokens)) < len(tokens):
        raise ValueError("Each concept can be kept once.")
    return tokens
