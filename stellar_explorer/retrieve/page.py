"""Retrieve, a tab: a concept of one photo, and the photos of a collection that hold it, each with the place."""

from __future__ import annotations

import gradio as gr

# Constant, as on the stage: names, sources and labels reach the page as JSON from routes, and are written as text.
TEMPLATE = '<div class="stellar-stage stellar-retrieve" data-retrieve></div>'
ON_LOAD = """
const root = window.gradio_config?.root ?? new URL(".", document.baseURI).href;
const address = new URL("stellar/web/retrieve/retrieve.js", root.endsWith("/") ? root : root + "/");
import(address.href).then(({ mountRetrieve }) => mountRetrieve({ element }));
"""


def build() -> None:
    """Inside a gr.Tab. All it shows comes from the addresses of `stellar_explorer.retrieve.routes`."""
    gr.HTML(html_template=TEMPLATE, css_template="", js_on_load=ON_LOAD, elem_id="retrieve", apply_default_css=False)
