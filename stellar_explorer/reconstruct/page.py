"""Reconstruct, a tab: a photo rebuilt from its concepts, beside what other models and plain files make of it."""

from __future__ import annotations

import gradio as gr

# Constant, as on the stage: names, labels and reasons reach the page as JSON from routes, and are written as text.
TEMPLATE = '<div class="stellar-stage stellar-reconstruct" data-reconstruct></div>'
ON_LOAD = """
const root = window.gradio_config?.root ?? new URL(".", document.baseURI).href;
const address = new URL("stellar/web/reconstruct/reconstruct.js", root.endsWith("/") ? root : root + "/");
import(address.href).then(({ mountReconstruct }) => mountReconstruct({ element }));
"""


def build() -> None:
    """Inside a gr.Tab. All it shows comes from the addresses of `stellar_explorer.reconstruct.routes`."""
    gr.HTML(html_template=TEMPLATE, css_template="", js_on_load=ON_LOAD, elem_id="reconstruct", apply_default_css=False)
