"""Explore, the first tab: one photo, its layers and its concepts, on the stage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.concurrency import run_in_threadpool

from stellar_explorer.analysis import COARSE_RESOLUTION, Explorer, GoneError, KeptPhoto
from stellar_explorer.examples import examples
from stellar_explorer.package import package
from stellar_explorer.photo import MAX_BYTES, printable
from stellar_explorer.routes import DEFAULT_RESOLUTION, RESOLUTIONS
from stellar_explorer.server.admission import admission, visitor_of
from stellar_explorer.server.line import BusyError, Visitor
from stellar_explorer.server.upload_removal import upload_removal

# Constant: whatever a visitor types or names reaches the page as JSON, and is written with textContent.
TEMPLATE = '<div class="stellar-stage" data-stage></div>'
# The name in quotes is how gr.HTML learns which events the stage sends.
ON_LOAD = """
const events = ["analyse"];
const root = window.gradio_config?.root ?? new URL(".", document.baseURI).href;
const address = new URL("stellar/web/stage.js", root.endsWith("/") ? root : root + "/");
import(address.href).then(({ mountStage }) => mountStage({ element, trigger, props, watch, upload }));
"""


def build(explorer: Explorer, *, first: dict[str, Any] | None) -> None:
    """Inside a gr.Blocks. `first` is the manifest that the page opens with."""
    stage = gr.HTML(value=first, html_template=TEMPLATE, css_template="", js_on_load=ON_LOAD, elem_id="stage",
                    apply_default_css=False)

    async def analyse(event: gr.EventData, request: gr.Request) -> AsyncIterator[dict[str, Any]]:
        async for said in admitted(explorer, event._data, visitor_of(request, request.session_hash)):
            yield said

    # As many as come: they wait in our own line, where each is told its place.
    stage.analyse(analyse, None, stage, api_visibility="private", show_progress="hidden", trigger_mode="multiple",
                  concurrency_limit=None)


async def admitted(explorer: Explorer, ask: Any, visitor: Visitor) -> AsyncIterator[dict[str, Any]]:
    """As `answer`; while it waits in the line, {"status": "waiting", "before": how many are to begin before it}."""
    ask = ask if isinstance(ask, dict) else {}
    request = ask.get("request") if isinstance(ask.get("request"), int) else 0
    try:
        upload = None
        if isinstance(ask.get("upload"), str):  # read before it waits: the file is not ours alone
            upload = await run_in_threadpool(take_upload, ask["upload"])
        async for said in admission().stream(
                lambda: answer(explorer, ask, upload), visitor=visitor, held=len(upload or b""),
                waiting=lambda before: {"request": request, "status": "waiting", "before": before}):
            yield said
    except (ValueError, BusyError) as error:
        yield refusal(request, error)


def refusal(request: int, error: Exception) -> dict[str, Any]:
    gone = {"gone": True} if isinstance(error, GoneError) else {}
    return {"request": request, "status": "error", "message": str(error), **gone}


def answer(explorer: Explorer, ask: Any, upload: bytes | None = None) -> Iterator[dict[str, Any]]:
    """The stage's request -> its manifests: the 224 px one first, then the sharp one; or one sentence. upload: the
    photo that came with it, where it has been read already."""
    ask = ask if isinstance(ask, dict) else {}
    request = ask.get("request") if isinstance(ask.get("request"), int) else 0
    try:
        model, resolution = ask.get("model"), ask.get("resolution")
        if resolution not in RESOLUTIONS:
            raise ValueError(f"The resolution must be one of {', '.join(map(str, RESOLUTIONS))}.")
        photo = explorer.keep(upload) if upload is not None else photo_of(explorer, ask)
        if resolution != COARSE_RESOLUTION:
            coarse = explorer.study(photo, model=model, resolution=COARSE_RESOLUTION)
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
    """An upload, an example, or a photo that is still kept."""
    if isinstance(ask.get("upload"), str):
        return explorer.keep(take_upload(ask["upload"]))
    if isinstance(ask.get("example"), str):
        return explorer.example(ask["example"])
    if isinstance(ask.get("photo"), str):
        return explorer.photo(ask["photo"])
    raise ValueError("No photo was given; choose one, drop one, or pick an example.")


def take_upload(path: str) -> bytes:
    """The bytes of a file that this server has just been sent, and only of such; the copy on disk is removed soon.

    Gradio keeps each upload under a folder named by its content's hash, so a path names no one else's photo.
    """
    folder = Path(get_upload_folder()).resolve()
    gone = GoneError("The upload is no longer on the server; choose the photo again.")
    try:
        file = Path(path).resolve()
        if folder not in file.parents or not file.is_file():
            raise gone
        is_too_large = file.stat().st_size > MAX_BYTES
        if is_too_large:
            file.unlink(missing_ok=True)
        else:
            data = file.read_bytes()
            upload_removal().later(file)
    except (OSError, ValueError):  # taken by another request meanwhile, or no path at all (a null byte)
        raise gone from None
    if is_too_large:
        raise ValueError(f"The photo is larger than {MAX_BYTES // 2**20} MB; save a smaller copy.")
    return data


def first_manifest(explorer: Explorer) -> dict[str, Any]:
    """The first example, analysed before any visitor comes."""
    photo = explorer.example(next(iter(examples())))
    study = explorer.study(photo, model=explorer.models[0], resolution=DEFAULT_RESOLUTION)
    return {"request": 0, "status": "ready", **package(study).manifest}
