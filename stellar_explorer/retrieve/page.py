"""Retrieve, a tab: a photo's concepts, and the photos of a collection that hold them."""

from __future__ import annotations

from stellar_explorer.page.panel import panel


def build() -> None:
    """Inside a gr.Blocks. All it shows comes from the addresses of `stellar_explorer.retrieve.routes`."""
    panel("retrieve", script="retrieve/retrieve.js", styles=["retrieve/retrieve.css", "teach/teach.css"])
