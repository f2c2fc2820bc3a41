"""python app.py [--model NAME] [--runs DIR] [--index-root DIR] [--port N] ...: builds the page and launches it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from model.startup import start_command
from stellar_explorer.server.ending import end_when_asked
from stellar_explorer.server.proxy import VARIABLE, root_path
from stellar_explorer.server.scratch import uploads_folder

# Before torch: threads that wait for each other by spinning take the cores from whoever shares them. An encode of nano
# on two cores with five others at work took 0.50 s so, and 0.15 s with threads that sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

start_command()
end_when_asked()
try:  # before gradio, which `spaces` may bring along
    uploads_folder()
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(2)

try:
    import spaces  # before torch: on a ZeroGPU Space it stands in for CUDA
except ImportError:
    spaces = None

MOST_PORT = 2**16 - 1
GPU_SECONDS = 15  # the most that one photo at 1024 may take of a lent GPU


def main() -> int:
    parser = argparse.ArgumentParser(description="STELLAR Explorer, in the browser.")
    parser.add_argument("--model", default="nano", help="the model to start with: a name, a file, a folder or a hub id")
    parser.add_argument("--runs", type=Path, metavar="DIR",
                        help="a folder of training runs for the Models tab (default: runs, where there is one)")
    parser.add_argument("--index-root", type=Path, metavar="DIR",
                        help="a folder of concept indexes for Retrieve and Atlas, each made by python -m index build")
    parser.add_argument("--peer", metavar="NAME[=FILE]", action="append", default=[],
                        help="a system to compare with in Edit (python -m model.peers lists them); may be repeated")
    parser.add_argument("--shared-photos", action="store_true",
                        help="photos dropped in Retrieve go into one collection that every visitor sees, until the end")
    parser.add_argument("--port", type=int, help="default: GRADIO_SERVER_PORT, or the first free one from 7860")
    parser.add_argument("--root-path", type=root_path, metavar="/PATH", default=os.environ.get(VARIABLE, ""),
                        help="the sub-path under which a reverse proxy shows the page, whether or not it takes it off "
                             "(default: GRADIO_ROOT_PATH, or none)")
    parser.add_argument("--allow-host", metavar="NAME", action="append", default=[],
                        help="a name that the server is asked by besides localhost, numbers and this machine's, as "
                             "behind a reverse proxy; may be repeated (also: STELLAR_ALLOWED_HOSTS)")
    parser.add_argument("--share", action="store_true", help="also open a public address (needs a network)")
    parser.add_argument("--mcp", action="store_true", help="also serve MCP tools at /gradio_api/mcp/")
    options = parser.parse_args()
    if options.port is not None and not 0 < options.port <= MOST_PORT:
        parser.error(f"--port has to be a number from 1 to {MOST_PORT}")
    if options.runs is not None and not options.runs.is_dir():
        parser.error(f"--runs {options.runs} is no folder; give one that python -m train wrote to, or leave it out")
    if options.index_root is not None and not options.index_root.is_dir():
        parser.error(f"--index-root {options.index_root} is no folder; give one that holds indexes, each made by "
                     "python -m index build PHOTOS --out DIR, or leave it out")

    peers = {}
    if options.peer:
        from model.peers.table import PEERS

        for spec in options.peer:
            name, sign, file = spec.partition("=")
            if name not in PEERS:
                parser.error(f"there is no --peer {name}; choose from {', '.join(PEERS)}")
            if sign and not Path(file).exists():
                parser.error(f"--peer {name}: there is no file {file}")
            peers[name] = file or None

    from stellar_explorer.server.memory import few_arenas
    from stellar_explorer.server.threads import share_threads

    share_threads()
    few_arenas()
    from model.checkpoints.checkpoint import PUBLISHED, SHIPPED
    from stellar_explorer.explorer import Explorer
    from stellar_explorer.models.library import Library
    from stellar_explorer.page.demo import build, launch
    from stellar_explorer.retrieve.collections import Collections

    models = dict.fromkeys([options.model, *SHIPPED, *PUBLISHED])  # each once, the chosen one first
    explorer = Explorer(tuple(models), accelerate=spaces.GPU(duration=GPU_SECONDS) if spaces else None)
    runs = options.runs or (Path("runs") if Path("runs").is_dir() else None)
    library = Library(tuple(models), runs=runs)
    try:
        demo = build(explorer, library)
        collections = Collections(explorer, root=options.index_root, shares_photos=options.shared_photos)
        collections.start()
        launch(demo, explorer, library, collections, peers=peers, server_port=options.port,
               root_path=options.root_path, share=options.share, allowed_hosts=options.allow_host,
               mcp_server=options.mcp)
    except (ValueError, OSError) as error:  # a checkpoint that cannot be used, a port that is taken
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
