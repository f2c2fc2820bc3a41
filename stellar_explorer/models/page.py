"""Models, a tab: the checkpoints and runs at hand, their curves, scores and cards; a running training shows live."""

from __future__ import annotations

from typing import Any

import gradio as gr

from stellar_explorer.models.library import Library

# Constant, as on the stage: names, recipes and scores reach the page as JSON from routes, and are written as text.
LIST = '<div class="stellar-stage stellar-models" data-models-list></div>'
RECORD = '<div class="stellar-stage stellar-models" data-models-record></div>'
# The name in quotes is how gr.HTML learns which events the list sends.
ON_LOAD = """
const events = ["choose"];
const root = window.gradio_config?.root ?? new URL(".", document.baseURI).href;
const address = new URL("stellar/web/models/models.js", root.endsWith("/") ? root : root + "/");
import(address.href).then(({ mountModels }) => mountModels({ element, trigger }));
"""


def build(library: Library) -> None:
    """Inside a gr.Tab."""
    with gr.Row(elem_id="models", equal_height=False):
        with gr.Column(scale=0, min_width=236, elem_id="models-side"):
            chooser = gr.HTML(html_template=LIST, css_template="", js_on_load=ON_LOAD, apply_default_css=False)
        with gr.Column(scale=1, min_width=300, elem_id="models-main"):
            gr.HTML(html_template=RECORD, css_template="", js_on_load=ON_LOAD, apply_default_css=False)
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
