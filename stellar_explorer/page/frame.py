"""The page's frame as it is sent: header, tabs and the strip of photos, there before any script has come."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WEB = HERE.parent / "web"
TEMPLATE = HERE / "frame.html"
SPACE = "SPACE_ID"  # set on a Hugging Face Space
# Before the tabs' own, which are brought with them.
STYLES = ("shared/tokens.css", "frame/frame.css", "frame/photo_bar.css", "shared/controls.css", "drawing/drawing.css")
TABS = {
    "explore": ("Explore", "A photo's concepts, and where each is"),
    "retrieve": ("Retrieve", "Find a concept in other photos"),
    "atlas": ("Atlas", "All concepts of a collection, as a map"),
    "reconstruct": ("Reconstruct", "A photo drawn again from a few tokens, beside the baselines"),
    "edit": ("Edit", "Move, copy and remove what is in a photo"),
    "models": ("Models", "Checkpoints, their scores and how they were trained"),
}
IMPORT = re.compile(r"""^(?:import|export)\b[^;"'()]*["'](\.{1,2}/[^"']+)["']""", re.MULTILINE)


def frame(settings: dict[str, Any]) -> str:
    """What is put before Gradio's app. settings: as `stellar_explorer.explore.routes.settings` makes them; they go
    along, so that nothing is asked for."""
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        early=(WEB / "frame" / "early.js").read_text(encoding="utf-8"),
        settings=inside_script(settings), accept=escape(settings["accept"]), code=code_link(code_address()),
        tabs="\n".join(tab(name) for name in TABS),
        examples="\n".join(example(one) for one in settings["examples"]))


def style_links() -> str:
    """For the document's head."""
    return "\n".join(f'<link rel="stylesheet" href="stellar/web/{path}">' for path in STYLES)


def tab(name: str) -> str:
    label, hint = TABS[name]
    return (f'<button type="button" role="tab" class="tab" id="tab-{name}" aria-controls="panel-{name}" '
            f'data-tab="{name}" title="{escape(hint)}" aria-selected="false" tabindex="-1">{escape(label)}</button>')


def example(one: dict[str, str]) -> str:
    """A tile of the strip; its title and credit are what the caption and the tooltip say."""
    return (f'<button type="button" class="example" data-example="{escape(one["id"])}" aria-pressed="false" '
            f'tabindex="-1" aria-label="{escape(one["title"])}" title="{escape(one["title"])}">'
            f'<img src="{escape(one["thumbnail"])}" alt="" width="48" height="48" draggable="false"></button>')


def inside_script(value: Any) -> str:
    """JSON that ends no script element."""
    return json.dumps(value).replace("<", "\\u003c")


def code_address() -> str | None:
    """Where this program's code can be read: the Space that it runs as, or what CITATION.cff says."""
    if space := os.environ.get(SPACE):
        return f"https://huggingface.co/spaces/{space}/tree/main"
    citation = ROOT / "CITATION.cff"
    text = citation.read_text(encoding="utf-8") if citation.is_file() else ""
    found = re.search(r"^repository-code:\s*[\"']?(https://[^\s\"']+)", text, re.MULTILINE)
    return found[1] if found else None


def code_link(address: str | None) -> str:
    return f'<a href="{escape(address)}" target="_blank" rel="noopener">Code</a>' if address else ""


@cache
def scripts_of(tab: str) -> tuple[str, ...]:
    """Addresses of the frame's scripts and of one tab's, so that the browser asks for all at once and not import by
    import. Those that a script imports later, when something is opened, are left out."""
    found: dict[Path, None] = {}
    waiting = [WEB / "frame" / "frame.js", WEB / tab / f"{tab}.js"]
    while waiting:
        script = waiting.pop(0)
        if script in found or not script.is_file():
            continue
        found[script] = None
        waiting += [(script.parent / name).resolve() for name in IMPORT.findall(script.read_text(encoding="utf-8"))]
    return tuple(f"stellar/web/{script.relative_to(WEB).as_posix()}" for script in found)
