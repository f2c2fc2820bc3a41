"""`python -m model.peers`: the systems that can be named, as a Markdown table; docs/peers.md holds it."""

if __name__ == "__main__":  # before packages that look for a place of theirs when they are imported
    from model.startup import start_command

    start_command()

from model.baselines.published import WEIGHTS
from model.checkpoints.checkpoint import HubFile
from model.peers.layouts import LAYOUTS
from model.peers.table import PEERS, Peer


def markdown() -> str:
    lines = ["| name | system | weights by name | or from a file of | layouts | what is read | licence |",
             "|---|---|---|---|---|---|---|"]
    for name, peer in PEERS.items():
        layouts = "; ".join(LAYOUTS[key].label for key in peer.layouts)
        read = f"{peer.features} ({peer.note})" if peer.note else peer.features
        lines.append(f"| `{name}` | {peer.system} | {by_name(peer)} | {peer.published} | {layouts} | {read} | "
                     f"{peer.licence} |")
    return "\n".join(lines) + "\n"


def by_name(peer: Peer) -> str:
    if isinstance(peer.hub, HubFile):
        return f"`{peer.hub.repository}`, {peer.hub.filename}"
    return f"`{peer.hub}`, {WEIGHTS[0]}" if peer.hub else "no"


if __name__ == "__main__":
    print(markdown(), end="")
