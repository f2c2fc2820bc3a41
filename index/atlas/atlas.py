"""Atlas: an index's concepts as a map, in clusters; made once, kept in a file beside the index, made anew when
missing."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from index.atlas.clusters import Cluster, assign, by_falling_count, centres_of, describe, num_clusters
from index.atlas.distinct import common_of, distinct
from index.atlas.map import lay_out, place
from index.errors import ConceptIndexError
from index.store.atlas_file import FILE, sealed, unsealed
from model.checkpoints.files import write_whole

if TYPE_CHECKING:
    from index.concept_index import ConceptIndex

FORMAT = 1
MOST_MAPPED = 50_000
# A map keeps its places while an index grows, up to this many times what it was drawn from; then it is drawn anew.
MOST_GROWTH = 1.5
BLOCK = 16_384

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Atlas:
    """All n concepts of one version of an index, in the order of their ids.

    ids: (n,) int64; positions: (n, 2) float32, -1..1; cluster: (n,) int32, places in `clusters`; mapped: (n,) bool,
    whether UMAP itself placed it, and not its neighbours. centres: (clusters, D) float32, of what is distinct in a
    concept; common: (tokens, D) float32, what is not (`index.atlas.distinct`). drawn_from: how many concepts the index
    had when the map was drawn. version, model: of the index; model is the sha256 of its weights.
    """

    version: int
    model: str
    drawn_from: int
    ids: np.ndarray
    positions: np.ndarray
    cluster: np.ndarray
    mapped: np.ndarray
    centres: np.ndarray
    common: np.ndarray
    clusters: tuple[Cluster, ...]

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Where these ids are; ConceptIndexError for one that is not."""
        ids = np.asarray(ids, np.int64)
        rows = np.searchsorted(self.ids, ids).clip(0, len(self.ids) - 1)
        if (self.ids[rows] != ids).any():
            raise ConceptIndexError("The map does not hold all of these concepts; load it again.")
        return rows


def atlas_of(index: ConceptIndex, *, file: Path | None = None, anew: bool = False, progress: Progress = lambda *_: None
             ) -> Atlas:
    """The kept one if it is of this version of the index; else it takes up what came and went, or is made.

    file: where it is kept, by default beside the index; where that cannot be written, it is made each time.
    ConceptIndexError for an index without concepts.
    """
    file = index.path / FILE if file is None else file
    ids = index.columns("id")["id"]
    if not len(ids):
        raise ConceptIndexError(f"The index in {index.path} holds no concepts yet; add photos: "
                                f"python -m index add {index.path} PHOTOS")
    kept = None if anew else load(file)
    if kept is not None and kept.model != index.model.sha256:
        kept = None
    if kept is not None and kept.version == index.version and np.array_equal(kept.ids, ids):
        return kept
    atlas = (None if kept is None else _taken_up(kept, index, ids, progress)) or _drawn(index, ids, progress)
    try:
        write_whole(file, _bytes_of(atlas))
    except OSError:
        progress(f"The map is not kept: {file} cannot be written", 1)
    return atlas


def load(file: Path) -> Atlas | None:
    """None where there is none, or none that is what was written: it costs a minute, not data."""
    try:
        with np.load(io.BytesIO(unsealed(file.read_bytes())), allow_pickle=False) as kept:
            told = json.loads(kept["told"].tobytes())
            if told["format"] != FORMAT:
                return None
            clusters = tuple(_cluster_of(values) for values in told["clusters"])
            arrays = {name: kept[name] for name in ("ids", "positions", "cluster", "mapped")}
            return Atlas(told["version"], told["model"], told["drawn_from"], **arrays,
                         centres=kept["centres"].astype(np.float32), common=kept["common"], clusters=clusters)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


@dataclass(frozen=True)
class _Vectors:
    """What is distinct in the concepts of an index. tokens: (n,), of all its concepts, in the order of `ids`."""

    index: ConceptIndex
    ids: np.ndarray
    tokens: np.ndarray
    common: np.ndarray

    def read(self, ids: np.ndarray) -> np.ndarray:
        """-> (len(ids), D) float32, unit length."""
        tokens = self.tokens[np.searchsorted(self.ids, ids)]
        blocks = [slice(start, start + BLOCK) for start in range(0, len(ids), BLOCK)]
        return np.concatenate([distinct(self.index.vectors(ids[block]), tokens[block], self.common)
                               for block in blocks])


def _drawn(index: ConceptIndex, ids: np.ndarray, progress: Progress) -> Atlas:
    rows = np.linspace(0, len(ids) - 1, min(len(ids), MOST_MAPPED)).astype(np.int64)
    mapped = np.zeros(len(ids), bool)
    mapped[rows] = True
    progress("Reading the concepts", 0.02)
    tokens = index.columns("token")["token"].astype(np.int64)
    plain = np.concatenate([index.vectors(ids[rows[start : start + BLOCK]]) for start in range(0, len(rows), BLOCK)])
    common = common_of(plain, tokens[rows], max(index.model.num_tokens, int(tokens.max()) + 1))
    vectors, known = _Vectors(index, ids, tokens, common), distinct(plain, tokens[rows], common)
    del plain
    progress("Finding clusters", 0.08)
    centres = centres_of(known, num_clusters(len(ids)))
    drawing = f"Drawing the map of {len(known):,} concepts"
    progress(drawing, 0.2)
    positions = np.empty((len(ids), 2), np.float32)
    positions[mapped] = lay_out(known, progress=lambda share: progress(drawing, 0.2 + 0.5 * share))
    _place_rest(vectors, positions, mapped, known, np.flatnonzero(~mapped), progress)
    return _described(vectors, positions, mapped, centres, len(ids), progress)


def _taken_up(kept: Atlas, index: ConceptIndex, ids: np.ndarray, progress: Progress) -> Atlas | None:
    """The kept map with what came placed on it and what went left out; None where too little of it would remain."""
    rows = np.searchsorted(kept.ids, ids).clip(0, len(kept.ids) - 1)
    is_known = kept.ids[rows] == ids
    positions = np.where(is_known[:, None], kept.positions[rows], 0)
    mapped = is_known & kept.mapped[rows]
    remaining = mapped.sum() / max(kept.mapped.sum(), 1)
    tokens = index.columns("token")["token"].astype(np.int64)
    if remaining < 1 / MOST_GROWTH or len(ids) > MOST_GROWTH * kept.drawn_from or tokens.max() >= len(kept.common):
        return None
    vectors = _Vectors(index, ids, tokens, kept.common)
    if not is_known.all():
        progress("Placing what is new", 0.1)
        _place_rest(vectors, positions, mapped, vectors.read(ids[mapped]), np.flatnonzero(~is_known), progress)
    return _described(vectors, positions, mapped, kept.centres, kept.drawn_from, progress)


def _place_rest(vectors: _Vectors, positions: np.ndarray, mapped: np.ndarray, known: np.ndarray, rows: np.ndarray,
                progress: Progress) -> None:
    """Writes into `positions`. known: the vectors of the mapped ones."""
    for start in range(0, len(rows), BLOCK):
        progress("Placing the rest", 0.7 + 0.15 * start / len(rows))
        some = rows[start : start + BLOCK]
        positions[some] = place(vectors.read(vectors.ids[some]), known, positions[mapped])


def _described(vectors: _Vectors, positions: np.ndarray, mapped: np.ndarray, centres: np.ndarray, drawn_from: int,
               progress: Progress) -> Atlas:
    progress("Describing the clusters", 0.88)
    index, ids = vectors.index, vectors.ids
    cluster, score = assign(vectors.read, ids, centres)
    cluster, centres = by_falling_count(cluster, centres)
    columns = index.columns("id", "photo", "mass", "x", "y", "names", "name_scores")
    clusters = tuple(describe(columns, index.words, cluster, score, positions, index.concepts))
    progress("Done", 1)
    return Atlas(index.version, index.model.sha256, drawn_from, ids, positions.astype(np.float32), cluster, mapped,
                 centres, vectors.common, clusters)


def _bytes_of(atlas: Atlas) -> bytes:
    told = {"format": FORMAT, "version": atlas.version, "model": atlas.model, "drawn_from": atlas.drawn_from,
            "clusters": [asdict(cluster) for cluster in atlas.clusters]}
    content = io.BytesIO()
    np.savez(content, told=np.frombuffer(json.dumps(told).encode(), np.uint8), ids=atlas.ids,
             positions=atlas.positions, cluster=atlas.cluster, mapped=atlas.mapped,
             centres=atlas.centres.astype(np.float16), common=atlas.common)
    return sealed(content.getvalue())


def _cluster_of(values: dict) -> Cluster:
    pairs = {name: tuple(map(tuple, values[name])) for name in ("names", "together")}
    flat = {name: tuple(values[name]) for name in ("place", "place_map", "position", "typical")}
    return Cluster(**{**values, **pairs, **flat})
