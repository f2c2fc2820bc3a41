"""What can be taken away from Explore, as it is shown there: the figure, the masks and the arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stellar_explorer.server.request import choice, number_text, whole_text
from stellar_explorer.views.arrays import factorization_npz
from stellar_explorer.views.masks import coco_json, masks_zip

if TYPE_CHECKING:
    from stellar_explorer.analysis import Analysis, Explorer, Study

DOWNLOADS = ("figure.png", "masks.zip", "masks.json", "factorization.npz")
STYLES = ("blocky", "smooth")
WHOLE = ("side", "compare")  # the views that show the paper's four layers
LAYERS = ("photo", "features", "low_rank", "concepts", "residual", "entropy")


@dataclass(frozen=True)
class Shown:
    """What somebody looks at, as an address says it.

    threshold: over K, of masks. basis: of the colours. smooth: between the patches' centres. tokens: the kept concepts.
    view: `side`, or the one layer that is drawn large.
    """

    threshold: float
    basis: str
    smooth: bool
    tokens: tuple[int, ...]
    view: str

    @classmethod
    def of(cls, query: Mapping[str, str], study: Study) -> Shown:
        """threshold=1.5&basis=photo&style=smooth&kept=5&view=side, each as it is on opening where it is not said; but
        style, which is blocky then. ValueError, one sentence, for what cannot be shown."""
        analysis = study.analysis
        num_tokens = analysis.num_tokens
        kept = whole_text(query.get("kept") or str(num_tokens), "The number of kept concepts", 1, num_tokens)
        return cls(
            threshold=threshold_of(query.get("threshold"), num_tokens),
            basis=choice(query.get("basis") or "photo", "The basis", tuple(study.bases)),
            smooth=choice(query.get("style") or "blocky", "The style", STYLES) == "smooth",
            tokens=heaviest(analysis, kept), view=choice(query.get("view") or "side", "The view", WHOLE + LAYERS))


def threshold_of(value: str | None, num_tokens: int) -> float:
    """Of an address, 1 where it says nothing; ValueError with the range."""
    return number_text(value or "1", "The threshold", 0, num_tokens, above=True)


def heaviest(analysis: Analysis, count: int) -> tuple[int, ...]:
    """So many tokens by falling mass; of equal masses the lower first, as on the page."""
    return tuple((-analysis.mass).argsort(kind="stable")[:count].tolist())


def download(explorer: Explorer, study: Study, kind: str, shown: Shown) -> tuple[bytes, str]:
    """-> the file and its media type. The arrays are whole, whatever is shown."""
    analysis, size = study.analysis, study.photo.size
    if kind == "figure.png":
        from stellar_explorer.views.figure import PAPER, figure  # matplotlib: a second that the page need not wait for

        layers = PAPER if shown.view in WHOLE else (shown.view,)
        with explorer.opened(study.photo) as photo:
            return figure(photo, analysis, study.bases[shown.basis], threshold=shown.threshold, tokens=shown.tokens,
                          smooth=shown.smooth, layers=layers), "image/png"
    options = {"threshold": shown.threshold, "smooth": shown.smooth, "tokens": shown.tokens}
    if kind == "masks.zip":
        return masks_zip(analysis, size, **options), "application/zip"
    if kind == "masks.json":
        return coco_json(analysis, size, **options), "application/json"
    return factorization_npz(analysis, size), "application/octet-stream"
