"""Reconstruct, a tab: a photo rebuilt from its concepts alone, beside the baselines."""

from __future__ import annotations

from stellar_explorer.page.panel import panel


def build() -> None:
    """Inside a gr.Blocks. All it shows comes from the addresses of `stellar_explorer.reconstruct.routes`."""
    panel("reconstruct", script="reconstruct/reconstruct.js", styles=["reconstruct/reconstruct.css"])
