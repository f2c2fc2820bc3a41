"""The page as a whole: its head, its tabs, and how it is launched."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from stellar_explorer.analysis import Explorer
from stellar_explorer.atlas import page as atlas
from stellar_explorer.atlas.atlases import Atlases
from stellar_explorer.atlas.routes import atlas_routes
from stellar_explorer.edit import page as edit
from stellar_explorer.edit.routes import edit_routes
from stellar_explorer.equivariance.measuring import Equivariance
from stellar_explorer.equivariance.routes import equivariance_routes
from stellar_explorer.explore import page as explore
from stellar_explorer.explore.routes import routes
from stellar_explorer.models import page as models
from stellar_explorer.models.library import Library
from stellar_explorer.models.routes import library_routes
from stellar_explorer.page import endpoints
from stellar_explorer.page.blocks import ExplorerBlocks
from stellar_explorer.page.blocks import endpoints as named_endpoints
from stellar_explorer.page.theme import CSS, theme
from stellar_explorer.photo import MAX_BYTES
from stellar_explorer.reconstruct import page as reconstruct
from stellar_explorer.reconstruct.reconstructions import Reconstructions
from stellar_explorer.reconstruct.routes import reconstruct_routes
from stellar_explorer.retrieve import page as retrieve
from stellar_explorer.retrieve.collections import Collections
from stellar_explorer.retrieve.routes import collections_routes
from stellar_explorer.server.admission import MOST_WAITING
from stellar_explorer.server.doors import Doors
from stellar_explorer.server.guard import Names
from stellar_explorer.server.lifespan import lifespan
from stellar_explorer.server.line_routes import line_routes
from stellar_explorer.server.photo_routes import photo_routes
from stellar_explorer.server.proxy import VARIABLE, SubPath
from stellar_explorer.server.uploads import upload_routes

ASSETS = Path(__file__).resolve().parent.parent.parent / "assets"
# Gradio's own, of which ours wait in a line without holding a thread: enough for all that the line has room for.
MOST_EVENTS = 2 * MOST_WAITING
HEAD = """
<meta name="description" content="Drop in a photo and see the concepts a STELLAR vision model finds, and where.">
<link rel="stylesheet" href="stellar/web/shared/tokens.css">
<link rel="stylesheet" href="stellar/web/shared/frame.css">
<link rel="stylesheet" href="stellar/web/shared/controls.css">
<link rel="stylesheet" href="stellar/web/drawing/drawing.css">
<script type="module" src="stellar/web/shared/frame.js"></script>
"""


def build(explorer: Explorer, library: Library | None = None) -> ExplorerBlocks:
    """All tabs and endpoints over one Explorer. The first example is analysed here, so this loads the model.

    library: what the Models tab shows; by default the checkpoints at hand, without runs.
    """
    library = library or Library(explorer.models)
    with ExplorerBlocks(title="STELLAR Explorer", fill_width=True, analytics_enabled=False) as demo:
        with gr.Column(elem_id="stellar-panels"):
            with place("explore"):
                explore.build(first=explore.first_manifest(explorer))
            with place("retrieve"):
                retrieve.build()
            with place("atlas"):
                atlas.build()
            with place("reconstruct"):
                reconstruct.build()
            with place("edit"):
                edit.build()
            with place("models"):
                models.build(library)
        endpoints.build(explorer, demo.uploads)
    return demo


def place(tab: str) -> gr.Column:
    """Of a tab, under the frame's own list of tabs: web/shared/frame.css shows the one that is open."""
    return gr.Column(elem_id=f"tab-panel-{tab}", elem_classes="stellar-tab")


def launch(
    demo: ExplorerBlocks, explorer: Explorer, library: Library | None = None, collections: Collections | None = None,
    reconstructions: Reconstructions | None = None, *, peers: Mapping[str, str | None] | None = None,
    allowed_hosts: Sequence[str] = (), **options: Any,
) -> Any:
    """`gr.Blocks.launch` with our routes and limits; `library` as for `build`, `options` are launch()'s own.

    collections: what Retrieve and Atlas look into; by default the example photos alone. reconstructions: what
    Reconstruct compares; by default with the baselines of `stellar_explorer.reconstruct.baselines`. peers: names of
    model/peers and a file of each, for "What moves, what stays". allowed_hosts: names by which the server may be asked
    besides its own (`stellar_explorer.server.guard`).

    Not a mounted app: Spaces' ZeroGPU hooks launch().
    """
    collections = collections or Collections(explorer)
    addresses = [*upload_routes(demo.uploads), *photo_routes(explorer, collections), *routes(explorer),
                 *line_routes(explorer),
                 *library_routes(library or Library(explorer.models)),
                 *collections_routes(explorer, collections), *atlas_routes(Atlases(collections)),
                 *reconstruct_routes(explorer, reconstructions),
                 *edit_routes(explorer, collections), *equivariance_routes(Equivariance(explorer, peers))]
    names = Names(allowed_hosts, root_path=options.get("root_path") or os.environ.get(VARIABLE, ""),
                  shares=bool(options.get("share")), bound=lambda: demo.server_name)
    inside = [Middleware(SubPath), Middleware(Doors, named=lambda: named_endpoints(demo), numbers=lambda: demo.fns)]
    return demo.queue(default_concurrency_limit=4).launch(
        app_kwargs={"routes": addresses, "middleware": inside, "lifespan": lifespan(names)}, theme=theme(), css=CSS,
        head=HEAD, favicon_path=str(ASSETS / "favicon.png"), max_file_size=MAX_BYTES, footer_links=["api"],
        ssr_mode=False, state_session_capacity=500, show_error=False, max_threads=MOST_EVENTS, **options)
