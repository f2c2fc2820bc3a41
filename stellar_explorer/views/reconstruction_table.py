"""The comparison's numbers as a table: a row a picture, in the units that the columns name."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stellar_explorer.reconstruct.reconstructions import Rebuilt

COLUMNS = ("name", "model", "tokens", "bits", "bytes", "native_width", "native_height", "measured_width",
           "measured_height", "seconds", "psnr_db", "ssim", "stem_distance", "lpips", "what")
NOT_AVAILABLE = "not available"


def row(rebuilt: Rebuilt) -> dict[str, Any]:
    """By COLUMNS; None where there is no number. Of a picture that is missing `what` is the reason."""
    if rebuilt.missing is not None:
        return dict.fromkeys(COLUMNS) | {"name": rebuilt.name, "model": rebuilt.label, "what": rebuilt.missing}
    native_height, native_width = rebuilt.native_size
    height, width = rebuilt.picture.shape[:2]
    measures = {{"psnr": "psnr_db"}.get(name, name): rounded(value) for name, value in rebuilt.measures.items()}
    return {
        "name": rebuilt.name, "model": rebuilt.label, "tokens": rebuilt.num_tokens, "bits": 8 * rebuilt.num_bytes,
        "bytes": rebuilt.num_bytes, "native_width": native_width, "native_height": native_height,
        "measured_width": width, "measured_height": height, "seconds": rounded(rebuilt.seconds), **measures,
        "what": rebuilt.detail,
    }


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def as_csv(pictures: Sequence[Rebuilt]) -> str:
    """With a header. What cannot be had is "not available", what has no meaning (a file's tokens) is empty."""
    written = io.StringIO()
    table = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    table.writeheader()
    for rebuilt in pictures:
        cells = row(rebuilt)
        absent = {name: NOT_AVAILABLE for name, value in cells.items()
                  if value is None and (rebuilt.missing is not None or name != "tokens")}
        table.writerow({name: "" if value is None else value for name, value in (cells | absent).items()})
    return written.getvalue()
