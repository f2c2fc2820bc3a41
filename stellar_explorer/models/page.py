"""Models, a tab: the checkpoints and runs at hand, their curves, scores and cards; a running training shows live."""

from __future__ import annotations

from typing import Any

import gradio as gr

from stellar_explorer.models.library import Library
from stellar_explorer.page.panel import panel


def build(library: Library) -> None:
    """Inside a gr.Blocks."""
    chooser = panel("models", script="models/models.js", styles=["models/models.css"], events=["choose"])
    card = gr.Markdown(elem_id="models-card", elem_classes="prose", latex_delimiters=[])

    def show_card(event: gr.EventData) -> str:
        return card_of(library, event._data)

    chooser.choose(show_card, None, card, api_visibility="private", show_progress="hidden", queue=False)


def card_of(library: Library, ask: Any) -> str:
    """The list's request -> a card's Markdown, or why there is none."""
    key = ask.get("key") if isinstance(ask, dict) else None
    try:
        return library.card(key) or "No card lies beside this model (README.md in its folder)."
    except KeyError:
        return "This model is no longer there; choose another one."
