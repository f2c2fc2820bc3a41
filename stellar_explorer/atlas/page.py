"""Atlas, a tab: the concepts of a collection as a map, and its clusters as a table."""

from __future__ import annotations

from stellar_explorer.page.panel import panel


def build() -> None:
    """Inside a gr.Blocks. All it shows comes from the addresses of `stellar_explorer.atlas.routes`."""
    panel("atlas", script="atlas/atlas.js", styles=["atlas/atlas.css", "teach/teach.css"])
