"""Atlas, a tab: the concepts of a collection as a map, and its clusters as a table."""

from __future__ import annotations

import gradio as gr

# Constant, as on the stage: names, sources and labels reach the page as JSON from routes, and are written as text.
TEMPLATE = '<div class="stellar-stage stellar-atlas" data-atlas></div>'
ON_LOAD = """
const root = window.gradio_config?.root ?? new URL(".", document.baseURI).href;
const address = new URL("stellar/web/atlas/atlas.js", root.endsWith("/") ? root : root + "/");
import(address.href).then(({ mountAtlas }) => mountAtlas({ element }));
"""


def build() -> None:
    """Inside a gr.Tab. All it shows comes from the addresses of `stellar_explorer.atlas.routes`."""
    gr.HTML(html_template=TEMPLATE, css_template="", js_on_load=ON_LOAD, elem_id="atlas", apply_default_css=False)
