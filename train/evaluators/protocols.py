"""Protocols: the evaluators by name, what each needs of the photos, and which of --data it is measured on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from train.evaluators import Value, equivariance, knn, linear_probe, mass, objects, reconstruction, segmentation
from train.evaluators.opening import Reading, open_set
from train.evaluators.outlines import Boxes
from train.evaluators.photo_set import PhotoSet
from train.evaluators.pooled import RESOLUTION

POOLED_PROTOCOLS = ("knn", "linear_probe")


@dataclass(frozen=True)
class Protocol:
    """measures: names of what it yields; needs: "classes", "outlines" or None; resolution: its own long side, None for
    --resolution."""

    evaluate: Callable[..., Iterator[tuple[str, Value]]]
    description: str
    measures: tuple[str, ...]
    needs: str | None = None
    resolution: int | None = None


PROTOCOLS = {
    "knn": Protocol(knn.evaluate, knn.DESCRIPTION, knn.MEASURES, "classes", RESOLUTION),
    "linear_probe": Protocol(linear_probe.evaluate, linear_probe.DESCRIPTION, linear_probe.MEASURES, "classes",
                             RESOLUTION),
    "objects": Protocol(objects.evaluate, objects.DESCRIPTION, objects.MEASURES, "outlines"),
    "segmentation": Protocol(segmentation.evaluate, segmentation.DESCRIPTION, segmentation.MEASURES, "outlines"),
    "mass": Protocol(mass.evaluate, mass.DESCRIPTION, mass.MEASURES),
    "equivariance": Protocol(equivariance.evaluate, equivariance.DESCRIPTION, equivariance.MEASURES),
    "reconstruction": Protocol(reconstruction.evaluate, reconstruction.DESCRIPTION, reconstruction.MEASURES),
}


NEEDED = {"classes": "a folder a class, or a table's column of labels",
          "outlines": "files of outlines, NAME.txt beside NAME.jpg, or a table's column of masks"}


def suits(photos: PhotoSet, protocol: Protocol) -> bool:
    return {"classes": bool(photos.class_names), "outlines": photos.has_outlines, None: True}[protocol.needs]


def photos_of(data: Sequence[str], protocol: str | None, *, limit: int | None, boxes: str | None = None,
              reading: Reading | None = None) -> dict[str, PhotoSet]:
    """--data and --protocol -> the photos of each protocol that runs, in the order of PROTOCOLS.

    Protocols that look at one folder or data set share one PhotoSet. reading: what of a data set is looked at.
    """
    asked = None if protocol is None else [name.strip() for name in protocol.split(",") if name.strip()]
    for name in asked or ():
        if name not in PROTOCOLS:
            raise ValueError(f"there is no protocol {name!r}; choose from {', '.join(PROTOCOLS)}.")
    if asked == []:
        raise ValueError(f"--protocol names none; choose from {', '.join(PROTOCOLS)}.")
    own, common = {}, []
    for entry in data:
        name, sign, folder = entry.partition("=")
        if sign and name in PROTOCOLS:
            own[name] = folder
        else:
            common.append(entry)
    opened: dict[str, PhotoSet] = {}

    def open_folder(folder: str) -> PhotoSet:
        if folder not in opened:
            opened[folder] = open_set(folder, reading=reading, limit=limit, boxes=Boxes(boxes) if boxes else None)
        return opened[folder]

    sets = {}
    for name, candidate in PROTOCOLS.items():
        if asked is not None and name not in asked:
            continue
        if name in own:
            photos = open_folder(own[name])
            if not suits(photos, candidate):
                raise ValueError(f"{own[name]} {photos.lack(candidate.needs)}; {name} needs "
                                 f"{NEEDED[candidate.needs]}.")
            sets[name] = photos
            continue
        fitting = [photos for photos in map(open_folder, common) if suits(photos, candidate)]
        if fitting:
            # What every photo will do for is measured where the outlines are: fewer photos, and of everyday scenes.
            sets[name] = next((photos for photos in fitting if photos.has_outlines), fitting[0])
        elif asked is not None:
            folders = ", ".join(common) or "none"
            needed = f": it needs {NEEDED[candidate.needs]}" if candidate.needs else ""
            raise ValueError(f"no --data for {name}{needed}; found {folders}. Give --data {name}=FOLDER.")
    return sets


def summary_line(protocol: Protocol) -> str:
    """The first line of the evaluator's file, without its name."""
    return sys.modules[protocol.evaluate.__module__].__doc__.splitlines()[0].partition(": ")[2]


def counted(sets: dict[str, PhotoSet]) -> Iterator[PhotoSet]:
    """The photos that one subject passes, for the progress bar: k-NN and linear probe pass a folder once."""
    pooled = set()
    for name, photos in sets.items():
        if name in POOLED_PROTOCOLS:
            if id(photos) in pooled:
                continue
            pooled.add(id(photos))
        yield photos.with_outlines() if PROTOCOLS[name].needs == "outlines" else photos
