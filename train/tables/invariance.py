"""What stays when a photo is cropped, shifted, flipped or turned: cosine distance of what concepts say."""

from model.peers.table import PEERS
from train.tables.declaration import IMAGENET, SLIDES, Column, Row, Table


def column(change: str) -> Column:
    return Column(change, f"{change}, cosine distance", IMAGENET, "equivariance", f"invariance/{change}/semantics",
                  from_one=True, digits=3)


TABLE = Table("invariance", "Invariance of what concepts say", SLIDES,
              tuple(map(column, ("crops", "shifts", "flips", "rotations"))),
              tuple(Row(name, peer.system, name) for name, peer in PEERS.items()))
