"""A tab's place on the page: empty, until the page's frame brings its script and style when the tab is first opened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr

# Constant: whatever a visitor types or names reaches the page as JSON from routes, and is written with textContent.
TEMPLATE = '<div class="stellar-stage stellar-{name}" data-panel="{name}"></div>'
# By the document's own address of the frame: by another it would be a second frame, with a second session.
ON_LOAD = """
const events = %s;
const sent = document.querySelector("script[data-stellar-frame]");
const root = window.gradio_config?.root ?? new URL(".", document.baseURI).href;
const frame = sent?.src ?? new URL("stellar/web/frame/frame.js", root.endsWith("/") ? root : root + "/").href;
import(frame).then(({ panel }) => panel(%s, element, { ...%s, first: props.value, trigger }));
"""


def panel(name: str, *, script: str, styles: Sequence[str] = (), first: dict[str, Any] | None = None,
          events: Sequence[str] = ()) -> gr.HTML:
    """Inside a gr.Blocks. script, styles: below stellar_explorer/web/; the script has
    `mount({root, session, first, trigger})`.

    first: what the script is given at once, so that it need not ask; JSON. events: what it may trigger, by name; their
    names in quotes are how gr.HTML learns of them.
    """
    files = {"script": script, "styles": list(styles)}
    on_load = ON_LOAD % tuple(json.dumps(value) for value in (list(events), name, files))
    return gr.HTML(value=first, html_template=TEMPLATE.format(name=name), css_template="", js_on_load=on_load,
                   elem_classes="stellar-panel", apply_default_css=False)
