"""Explore, the first tab: one photo, its layers and its concepts, on the stage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import gradio as gr

from stellar_explorer.examples import examples
from stellar_explorer.explore.package import package
from stellar_explorer.explore.routes import DEFAULT_RESOLUTION, RESOLUTIONS
from stellar_explorer.explorer import COARSE_RESOLUTION, Explorer
from stellar_explorer.kept.photos import KeptPhoto
from stellar_explorer.kept.tokens import GoneError
from stellar_explorer.photo import printable
from stellar_explorer.server.admission import admission, visitor_of
from stellar_explorer.server.line import BusyError, Visitor
from stellar_explorer.server.request import choice, text
from stellar_explorer.server.uploads import Uploads

# Constant: whatever a visitor types or names reaches the page as JSON, and is written with textContent.
TEMPLATE = '<div class="stellar-stage" data-stage></div>'
# The name in quotes is how gr.HTML learns which events the stage sends.
ON_LOAD = """
const events = ["analyse"];
const root = window.gradio_config?.root ?? new URL(".", document.baseURI).href;
const address = new URL("stellar/web/explore/stage.js", root.endsWith("/") ? root : root + "/");
import(address.href).then(({ mountStage }) => mountStage({ element, trigger, props, watch, upload }));
"""


def build(explorer: Explorer, uploads: Uploads, *, first: dict[str, Any] | None) -> None:
    """Inside a gr.Blocks. `first` is the manifest that the page opens with."""
    stage = gr.HTML(value=first, html_template=TEMPLATE, css_template="", js_on_load=ON_LOAD, elem_id="stage",
                    apply_default_css=False)

    async def analyse(event: gr.EventData, request: gr.Request) -> AsyncIterator[dict[str, Any]]:
        async for said in admitted(explorer, uploads, event._data, visitor_of(request, request.session_hash)):
            yield said

    # As many as come: they wait in our own line, where each is told its place.
    stage.analyse(analyse, None, stage, api_visibility="private", show_progress="hidden", trigger_mode="multiple",
                  concurrency_limit=None)


# TODO remove when the page no longer asks: `admitted` to `photo_of`, and the event.
async def admitted(explorer: Explorer, uploads: Uploads, ask: Any, visitor: Visitor) -> AsyncIterator[dict[str, Any]]:
    """As `answer`; while it waits in the line, {"status": "waiting", "before": how many are to begin before it}."""
    ask = ask if isinstance(ask, dict) else {}
    request = request_of(ask)
    try:
        upload = uploads.take(text(ask["upload"], "The upload")) if ask.get("upload") is not None else None
        async for said in admission().stream(
                lambda: answer(explorer, ask, upload), visitor=visitor, held=len(upload or b""),
                label=f"analyse {ask.get('resolution')}" if ask.get("resolution") in RESOLUTIONS else "",
                waiting=lambda before: {"request": request, "status": "waiting", "before": before}):
            yield said
    except (ValueError, BusyError) as error:
        yield refusal(request, error)


def request_of(ask: dict[str, Any]) -> int:
    """The number that the stage gave its request; its answers bear it."""
    return ask["request"] if type(ask.get("request")) is int else 0


def refusal(request: int, error: Exception) -> dict[str, Any]:
    gone = {"gone": True} if isinstance(error, GoneError) else {}
    return {"request": request, "status": "error", "message": str(error), **gone}


def answer(explorer: Explorer, ask: Any, upload: bytes | None = None) -> Iterator[dict[str, Any]]:
    """The stage's request -> its manifests: the 224 px one first, then the sharp one; or one sentence. upload: the
    photo that came with it, where it has been read already."""
    ask = ask if isinstance(ask, dict) else {}
    request = request_of(ask)
    try:
        model, resolution = ask.get("model"), choice(ask.get("resolution"), "The resolution", RESOLUTIONS)
        photo = explorer.keep(upload) if upload is not None else photo_of(explorer, ask)
        if resolution != COARSE_RESOLUTION:
            coarse = explorer.study(photo, model=model, resolution=COARSE_RESOLUTION, later=resolution)
            yield {"request": request, "status": "sharpening", **named(package(coarse).manifest, ask)}
        study = explorer.study(photo, model=model, resolution=resolution)
        yield {"request": request, "status": "ready", **named(package(study).manifest, ask)}
    except (ValueError, BusyError) as error:
        yield refusal(request, error)


def named(manifest: dict[str, Any], ask: dict[str, Any]) -> dict[str, Any]:
    """The manifest with an upload under the name that its own visitor gave it."""
    photo, name = manifest["photo"], ask.get("name")
    if photo["example"] is None and isinstance(name, str) and name.strip():
        photo = {**photo, "name": printable(name)}
    return {**manifest, "photo": photo}


def photo_of(explorer: Explorer, ask: dict[str, Any]) -> KeptPhoto:
    """An example, or a photo that is still kept."""
    for kind in ("example", "photo"):
        if ask.get(kind) is not None:
            return explorer.named({kind: ask[kind]})
    raise ValueError("No photo was given; choose one, drop one, or pick an example.")


def first_manifest(explorer: Explorer) -> dict[str, Any]:
    """The first example, analysed before any visitor comes."""
    photo = explorer.example(next(iter(examples())))
    study = explorer.study(photo, model=explorer.models[0], resolution=DEFAULT_RESOLUTION)
    return {"request": 0, "status": "ready", **package(study).manifest}
