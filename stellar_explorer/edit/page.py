"""Edit, a tab: a photo's concepts moved, erased, swapped and morphed by hand, and the picture decoded of them."""

from __future__ import annotations

import gradio as gr

# Constant, as on the stage: names and sentences reach the page as JSON from routes, and are written as text.
TEMPLATE = '<div class="stellar-stage stellar-edit" data-edit></div>'
ON_LOAD = """
const root = window.gradio_config?.root ?? new URL(".", document.baseURI).href;
const address = new URL("stellar/web/edit/edit.js", root.endsWith("/") ? root : root + "/");
import(address.href).then(({ mountEdit }) => mountEdit({ element }));
"""


def build() -> None:
    """Inside a gr.Tab. All it shows comes from the addresses of `stellar_explorer.edit.routes`."""
    gr.HTML(html_template=TEMPLATE, css_template="", js_on_load=ON_LOAD, elem_id="edit", apply_default_css=False)
