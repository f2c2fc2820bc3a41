"""An atlas as the page draws it: a manifest, its arrays in one binary, and what is told and exported of concepts."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stellar_explorer.explore.package import pack
from stellar_explorer.retrieve.package import names_facts, thumbnail_address
from stellar_explorer.views.palette import COLOURS

if TYPE_CHECKING:
    from index.atlas.atlas import Atlas
    from index.atlas.clusters import Cluster
    from index.concept_index import ConceptIndex
    from index.records import Concept, Photo

# What a browser still moves smoothly; of a larger collection every so manieth concept is shown.
MOST_POINTS = 200_000
NONE = 65_535
MOST_VALUES = 2_000
LEAST_CHANGE = 6
# Bounds of the shares of the photo that mass is coloured by.
MASSES = (0.01, 0.02, 0.05, 0.1, 0.2)
# A cluster is called by a name that so large a share of its concepts have, and without a sign of doubt from MOSTLY on.
LEAST_NAMED, MOSTLY = 0.08, 0.5
ROW = re.compile(r"(.+) row \d+")


@dataclass(frozen=True)
class AtlasPackage:
    """key: an address of this very map; manifest: JSON; data: the arrays it describes."""

    key: str
    manifest: dict[str, Any]
    data: bytes
    atlas: Atlas


def atlas_package(index: ConceptIndex, atlas: Atlas, name: str) -> AtlasPackage:
    """Codes count in the manifest's lists, the most frequent value first; NONE where there is no value.

    name: the collection's, in addresses. The atlas may be of a version before: what was removed since is left out, what
    came is not there yet.
    """
    there = index.columns("id")["id"]
    rows = np.searchsorted(there, atlas.ids).clip(0, max(len(there) - 1, 0))
    shown = np.flatnonzero(there[rows] == atlas.ids) if len(there) else np.empty(0, np.int64)
    if len(shown) > MOST_POINTS:
        shown = shown[np.linspace(0, len(shown) - 1, MOST_POINTS).astype(np.int64)]
    columns = {name: values[rows[shown]] for name, values in index.columns(
        "photo", "token", "mass", "left", "top", "right", "bottom", "label", "source", "names", "name_scores").items()}
    labels, label = _ranked(columns["label"], index.labels)
    names, name_of = _ranked(*_first_names(columns, index.words))
    groups, group_of = source_groups(index.sources)
    sources, source = _ranked(np.where(columns["source"] >= 0, group_of[columns["source"]], -1)
                              if len(group_of) else columns["source"], groups)
    box = np.stack([columns[side] for side in ("left", "top", "right", "bottom")], axis=1)
    layout, data = pack({
        "id": atlas.ids[shown].astype(np.float64),  # JavaScript's numbers hold whole ones up to 2 ** 53
        "position": atlas.positions[shown].astype(np.float32),
        "photo": columns["photo"].astype(np.float64),
        "mass": columns["mass"].astype(np.float32),
        "cluster": atlas.cluster[shown].astype(np.uint16),
        "label": label, "source": source, "name": name_of,
        "box": np.rint(box * 255).clip(0, 255).astype(np.uint8),
        "token": columns["token"].astype(np.uint16),
    })
    key = secrets.token_hex(8)
    manifest = {
        "version": atlas.version, "model": index.model.name, "num_points": len(shown), "num_concepts": len(atlas.ids),
        "num_photos": index.num_photos, "num_mapped": int(atlas.mapped.sum()), "arrays": layout, "bytes": len(data),
        "palette": list(COLOURS), "masses": list(MASSES), "labels": labels, "sources": sources, "names": names,
        "clusters": _clusters(index, atlas.clusters, name),
    }
    return AtlasPackage(key, manifest, data, atlas)


def _first_names(columns: Mapping[str, np.ndarray], words: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """-> codes (-1: none) of the names as they are shown, a word with a sign of doubt being another one; and these."""
    from index.names.hedging import is_certain, shown

    codes, scores = columns["names"][:, 0], columns["name_scores"][:, 0]
    both = [shown(word, score) for word in words for score in (1.0, 0.0)]
    return np.where(codes < 0, -1, 2 * codes + ~is_certain(scores)), both


def source_groups(sources: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Where photos come from, coarsely: their folder, or their data set; the photos themselves where that is one.

    -> the groups, and (sources,) int64 which of them each belongs to.
    """
    coarse = [found[1] if (found := ROW.fullmatch(source)) else source.rpartition("/")[0] for source in sources]
    named = coarse if len(set(coarse)) > 1 else list(sources)
    groups = {value: code for code, value in enumerate(dict.fromkeys(named))}
    return list(groups), np.array([groups[value] for value in named], np.int64)


def cluster_colours(clusters: Sequence[Cluster]) -> list[int]:
    """A place in the palette for each, so that those near each other on the map differ."""
    positions = np.array([cluster.position for cluster in clusters]).reshape(-1, 2)
    chosen: list[int] = []
    used = np.zeros(len(COLOURS), int)
    for number in range(len(clusters)):
        apart = np.linalg.norm(positions[:number] - positions[number], axis=1)
        near = {chosen[other] for other in np.argsort(apart, kind="stable")[: 2 * LEAST_CHANGE]}
        free = [colour for colour in range(len(COLOURS)) if colour not in near]
        colour = min(free, key=lambda colour: (used[colour], colour))
        used[colour] += 1
        chosen.append(colour)
    return chosen


def concept_facts(index: ConceptIndex, ids: Sequence[int]) -> list[dict[str, Any]]:
    """In the order of the ids. ConceptIndexError for one that is not there."""
    concepts = index.concepts(ids)
    photos = {photo: index.photo(photo) for photo in {concept.photo for concept in concepts}}
    return [_facts(concept, photos[concept.photo], taught)
            for concept, taught in zip(concepts, index.taught_names(concepts), strict=True)]


def concept_table(index: ConceptIndex, atlas: Atlas, ids: Sequence[int], kind: str) -> bytes:
    """kind: "csv" or "parquet". A row a concept, in the order of the ids."""
    import pyarrow
    from pyarrow import csv, parquet

    rows = atlas.rows(np.asarray(ids))
    concepts = index.concepts(ids)
    photos = {photo: index.photo(photo) for photo in {concept.photo for concept in concepts}}
    box = np.array([concept.box for concept in concepts], np.float32).reshape(-1, 4)
    centroid = np.array([concept.centroid for concept in concepts], np.float32).reshape(-1, 2)

    def name(place: int) -> list[str | None]:
        return [concept.names[place][0] if len(concept.names) > place else None for concept in concepts]

    table = pyarrow.table({
        "concept": [concept.id for concept in concepts], "photo": [concept.photo for concept in concepts],
        "source": [photos[concept.photo].source for concept in concepts],
        "folder": pyarrow.array([photos[concept.photo].folder for concept in concepts], pyarrow.string()),
        "label": pyarrow.array([photos[concept.photo].label for concept in concepts], pyarrow.string()),
        "token": [concept.token for concept in concepts],
        "mass": np.array([concept.mass for concept in concepts], np.float32),
        "peak": np.array([concept.peak for concept in concepts], np.float32),
        "x": centroid[:, 0], "y": centroid[:, 1],
        "left": box[:, 0], "top": box[:, 1], "right": box[:, 2], "bottom": box[:, 3],
        "map_x": atlas.positions[rows, 0], "map_y": atlas.positions[rows, 1], "cluster": atlas.cluster[rows] + 1,
        **{f"name_{place + 1}": pyarrow.array(name(place), pyarrow.string()) for place in range(3)},
        "name_1_score": pyarrow.array([_score(concept) for concept in concepts], pyarrow.float32()),
        "name_1_certain": pyarrow.array([_certain(concept) for concept in concepts], pyarrow.bool_()),
    })
    content = io.BytesIO()
    if kind == "parquet":
        parquet.write_table(table, content, compression="zstd")
    else:
        csv.write_csv(table, content)
    return content.getvalue()


def _facts(concept: Concept, photo: Photo, taught: Sequence[tuple[str, float]]) -> dict[str, Any]:
    return {"id": concept.id, "photo": concept.photo, "token": concept.token, "mass": round(concept.mass, 5),
            "peak": round(concept.peak, 4), "centroid": _rounded(concept.centroid), "box": _rounded(concept.box),
            "patch_grid": list(concept.patch_grid), "mask": list(map(int, concept.mask)),
            "names": names_facts(concept.names),
            "taught": [[word, round(score, 3)] for word, score in taught], "source": photo.source,
            "folder": photo.folder, "name": photo.name, "label": photo.label, "hash": photo.sha256[:12]}


def _score(concept: Concept) -> float | None:
    return concept.names[0][1] if concept.names else None


def _certain(concept: Concept) -> bool | None:
    return names_facts(concept.names)[0][2] if concept.names else None


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(float(value), 4) for value in values]


def _ranked(codes: np.ndarray, words: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Codes (-1: none) of `words` -> the words there are, the commonest first, and (n,) uint16 places in that list.

    Past MOST_VALUES they are left out, as NONE: nobody reads on, and a photo a value would be a list of all photos.
    """
    count = np.bincount(codes[codes >= 0], minlength=len(words))
    order = np.argsort(-count, kind="stable")
    order = order[count[order] > 0][:MOST_VALUES]
    place = np.full(len(words) + 1, NONE, np.uint16)  # the last one is for -1
    place[order] = np.arange(len(order))
    return [words[code] for code in order], place[codes]


def _clusters(index: ConceptIndex, clusters: Sequence[Cluster], name: str) -> list[dict[str, Any]]:
    """label: see `cluster_label`; crop: what draws its typical concept, None where all that were typical are gone."""
    there = set(index.columns("id")["id"][np.isin(index.columns("id")["id"], [
        concept for cluster in clusters for concept in cluster.typical])].tolist())
    firsts = [next((concept for concept in cluster.typical if concept in there), None) for cluster in clusters]
    crops = dict(zip([concept for concept in firsts if concept is not None],
                     index.concepts([concept for concept in firsts if concept is not None]), strict=True))
    return [{"label": cluster_label(cluster, number),
             "crop": None if first is None else _crop(index.photo(crops[first].photo), crops[first], name),
             "count": cluster.count, "num_photos": cluster.num_photos, "mass": round(cluster.mass, 4),
             "place": _rounded(cluster.place), "place_map": list(cluster.place_map),
             "position": _rounded(cluster.position), "typical": list(cluster.typical),
             "names": [list(name) for name in cluster.names], "together": [list(other) for other in cluster.together],
             "colour": colour}
            for number, (cluster, colour, first) in enumerate(
                zip(clusters, cluster_colours(clusters), firsts, strict=True), start=1)]


def cluster_label(cluster: Cluster, number: int) -> str:
    """Never empty: of the names that many of its concepts have the one that says most of them ("turtle" of a fifth says
    more than "animal" of a quarter), with a sign of doubt where these are not most or not sure themselves; "unnamed"
    and its number where hardly any has a name."""
    from index.names.taxonomy import taxonomy

    tree = taxonomy()

    def told(named: tuple[str, float]) -> float:
        places = tree.named(named[0].removesuffix("?"))
        return named[1] * max((float(tree.information[place]) for place in places), default=1.0)

    common = [named for named in cluster.names if named[1] >= LEAST_NAMED]
    if not common:
        return f"unnamed {number}"
    word, share = max(common, key=told)
    return word if share >= MOSTLY else f"{word.removesuffix('?')}?"


def _crop(photo: Photo, concept: Concept, name: str) -> dict[str, Any]:
    """The photo's small picture, and where on it the concept is."""
    return {"concept": concept.id, "photo": photo.id, "token": concept.token, "width": photo.size[0],
            "height": photo.size[1], "box": _rounded(concept.box), "grid": list(concept.patch_grid),
            "mask": list(map(int, concept.mask)), "thumbnail": thumbnail_address(name, photo)}
