"""Explore, the first tab: one photo, its layers and its concepts."""

from __future__ import annotations

from typing import Any

from stellar_explorer.explorer import Explorer
from stellar_explorer.examples import examples
from stellar_explorer.explore.package import package
from stellar_explorer.explore.routes import DEFAULT_RESOLUTION
from stellar_explorer.page.panel import panel


def build(*, first: dict[str, Any] | None) -> None:
    """Inside a gr.Blocks. `first` is the manifest that the page opens with."""
    panel("explore", script="explore/explore.js", styles=["explore/explore.css"], first=first)


def first_manifest(explorer: Explorer) -> dict[str, Any]:
    """The first example, analysed before any visitor comes."""
    photo = explorer.example(next(iter(examples())))
    study = explorer.study(photo, model=explorer.models[0], resolution=DEFAULT_RESOLUTION)
    return package(study).manifest
