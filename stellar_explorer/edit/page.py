"""Edit, a tab: concepts of a photo moved, copied and removed; below, what moves with a photo and what stays."""

from __future__ import annotations

from stellar_explorer.page.panel import panel


def build() -> None:
    """Inside a gr.Blocks. All it shows comes from the addresses of `stellar_explorer.edit.routes`."""
    panel("edit", script="edit/edit.js", styles=["edit/edit.css", "equivariance/equivariance.css"])
