"""What moves, what stays: the end of the Edit tab, where a photo is moved and its concepts are watched."""

from __future__ import annotations

import gradio as gr

# Constant, as on the stage: names and numbers reach the page as JSON from routes, and are written as text.
TEMPLATE = '<div class="stellar-stage stellar-equivariance" data-equivariance></div>'
ON_LOAD = """
const root = window.gradio_config?.root ?? new URL(".", document.baseURI).href;
const address = new URL("stellar/web/equivariance/equivariance.js", root.endsWith("/") ? root : root + "/");
import(address.href).then(({ mountEquivariance }) => mountEquivariance({ element }));
"""


def build() -> None:
    """Inside the Edit tab. All it shows comes from the addresses of `stellar_explorer.equivariance.routes`."""
    gr.HTML(html_template=TEMPLATE, css_template="", js_on_load=ON_LOAD, elem_id="equivariance",
            apply_default_css=False)
