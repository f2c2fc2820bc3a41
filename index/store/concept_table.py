"""ConceptTable: concepts with all that is stored of them, as columns; made of photos, cut, and merged."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.errors import ConceptIndexError
from index.records import Concept, EncodedPhoto

FULL = 65_536
NUM_NAMES = 3

# Of each concept. mask_end: where its run lengths end in "mask"; names: places in the shard's words, -1 for none;
# vector_sum: of the vector's halves of bits (`sums_of`); crc: of all that a concept is (`ConceptTable.crc_of`).
CONCEPT_COLUMNS = {
    "id": ("<i8", ()), "photo": ("<i8", ()), "token": ("<u2", ()), "mass": ("<f4", ()), "peak": ("<f4", ()),
    "centroid": ("<f4", (2,)), "box": ("<f4", (4,)), "patch_grid": ("<u2", (2,)), "names": ("<i4", (NUM_NAMES,)),
    "name_scores": ("<f4", (NUM_NAMES,)), "mask_end": ("<u4", ()), "vector_sum": ("<u4", ()), "crc": ("<u4", ()),
}
# What does not depend on the shard: a concept keeps its CRC when shards are merged.
PORTABLE = ("id", "photo", "token", "mass", "peak", "centroid", "box", "patch_grid", "name_scores")


@dataclass(frozen=True)
class ConceptTable:
    """Concepts with all that is stored of them, in the order of their ids.

    vectors: (n, C) float16. columns: CONCEPT_COLUMNS. mask: the run lengths of all, one behind the other, uint16.
    words: what "names" counts in. photo_ids: (p,) int64, rising; summaries: (p, D) float16; summary_crcs: (p,) uint32.
    """

    vectors: np.ndarray
    columns: dict[str, np.ndarray]
    mask: np.ndarray
    words: tuple[str, ...]
    photo_ids: np.ndarray
    summaries: np.ndarray
    summary_crcs: np.ndarray

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def ids(self) -> np.ndarray:
        return self.columns["id"]

    def mask_of(self, row: int) -> np.ndarray:
        start = int(self.columns["mask_end"][row - 1]) if row else 0
        return self.mask[start : int(self.columns["mask_end"][row])]

    def names_of(self, row: int) -> tuple[tuple[str, float], ...]:
        columns = self.columns
        found = zip(columns["names"][row].tolist(), columns["name_scores"][row].tolist(), strict=True)
        return tuple((self.words[code], float(score)) for code, score in found if code >= 0)

    def crc_of(self, row: int) -> int:
        """Of the row's content, to be compared with its "crc"."""
        crc = 0
        for name in PORTABLE:
            crc = zlib.crc32(self.columns[name][row].tobytes(), crc)
        words = "\0".join(word for word, _ in self.names_of(row))
        crc = zlib.crc32(words.encode(), zlib.crc32(self.mask_of(row).tobytes(), crc))
        return zlib.crc32(self.vectors[row].tobytes(), crc)

    def summary_crc_of(self, row: int) -> int:
        """Of a photo's id and summary, to be compared with its place in `summary_crcs`."""
        return zlib.crc32(self.summaries[row].tobytes(), zlib.crc32(self.photo_ids[row].tobytes()))

    def concept(self, row: int) -> Concept:
        columns = self.columns
        return Concept(
            token=int(columns["token"][row]), mass=float(columns["mass"][row]), peak=float(columns["peak"][row]),
            centroid=tuple(columns["centroid"][row].tolist()), box=tuple(columns["box"][row].tolist()),
            patch_grid=tuple(columns["patch_grid"][row].tolist()), mask=tuple(self.mask_of(row).tolist()),
            names=self.names_of(row), id=int(columns["id"][row]), photo=int(columns["photo"][row]))


def sums_of(vectors: np.ndarray) -> np.ndarray:
    """(n, C) float16 -> (n,) uint32, which differs where any one byte of a vector does. A CRC says more, one row at a
    time; queries read a hundred thousand."""
    return np.ascontiguousarray(vectors).view("<u2").sum(axis=1, dtype=np.uint32)


def table_of(photos: Sequence[EncodedPhoto], *, first_concept: int, first_photo: int, width: int, summary_width: int
             ) -> ConceptTable:
    """New photos -> a table, with ids given in their order."""
    counts = [len(photo.concepts) for photo in photos]
    concepts = [concept for photo in photos for concept in photo.concepts]
    photo_ids = np.arange(first_photo, first_photo + len(photos), dtype=np.int64)
    words = {word: code for code, word in
             enumerate(dict.fromkeys(word for concept in concepts for word, _ in concept.names))}
    padding = ((None, 0.0),) * NUM_NAMES
    named = [(concept.names + padding)[:NUM_NAMES] for concept in concepts]
    columns = {
        "id": np.arange(first_concept, first_concept + len(concepts)),
        "photo": np.repeat(photo_ids, counts),
        "names": [[words.get(word, -1) for word, _ in names] for names in named],
        "name_scores": [[score for _, score in names] for names in named],
        "mask_end": np.cumsum([len(concept.mask) for concept in concepts]),
        "vector_sum": np.zeros(len(concepts)), "crc": np.zeros(len(concepts)),
    }
    for name in ("token", "mass", "peak", "centroid", "box", "patch_grid"):
        columns[name] = [getattr(concept, name) for concept in concepts]
    table = ConceptTable(
        vectors=_stacked([photo.vectors for photo in photos], width),
        columns={name: np.asarray(columns[name], dtype).reshape(-1, *shape)
                 for name, (dtype, shape) in CONCEPT_COLUMNS.items()},
        mask=np.fromiter((length for concept in concepts for length in concept.mask), "<u2"),
        words=tuple(words), photo_ids=photo_ids,
        summaries=_stacked([photo.summary[None] for photo in photos], summary_width),
        summary_crcs=np.zeros(len(photos), "<u4"))
    table.columns["vector_sum"][:] = sums_of(table.vectors)
    table.columns["crc"][:] = [table.crc_of(row) for row in range(len(table))]
    table.summary_crcs[:] = [table.summary_crc_of(row) for row in range(len(photos))]
    return table


def merge(parts: Sequence[ConceptTable], keep: Sequence[np.ndarray], keep_photos: Sequence[np.ndarray]) -> ConceptTable:
    """One after the other, of each the rows and photos that are kept (bool masks)."""
    words = {word: code for code, word in enumerate(dict.fromkeys(word for part in parts for word in part.words))}
    columns = {name: np.concatenate([part.columns[name][kept] for part, kept in zip(parts, keep, strict=True)])
               for name in CONCEPT_COLUMNS}
    masks, lengths, names = [], [], []
    for part, kept in zip(parts, keep, strict=True):
        length = np.diff(part.columns["mask_end"].astype(np.int64), prepend=0)
        masks.append(part.mask[np.repeat(kept, length)])
        lengths.append(length[kept])
        recoded = np.array([words[word] for word in part.words] + [-1], np.int32)  # -1 stays the last one: none
        names.append(recoded[part.columns["names"][kept]])
    columns["mask_end"] = np.cumsum(np.concatenate(lengths)).astype("<u4")
    columns["names"] = np.concatenate(names).astype("<i4")
    return ConceptTable(np.concatenate([part.vectors[kept] for part, kept in zip(parts, keep, strict=True)]), columns,
                np.concatenate(masks), tuple(words),
                np.concatenate([part.photo_ids[kept] for part, kept in zip(parts, keep_photos, strict=True)]),
                np.concatenate([part.summaries[kept] for part, kept in zip(parts, keep_photos, strict=True)]),
                np.concatenate([part.summary_crcs[kept] for part, kept in zip(parts, keep_photos, strict=True)]))


def split(table: ConceptTable, *, full: int = FULL) -> Iterator[ConceptTable]:
    """Pieces of at most `full` concepts and photos, none of which cuts a photo in two."""
    firsts = np.searchsorted(table.columns["photo"], table.photo_ids)
    firsts = np.append(firsts, len(table))
    start = 0
    while start < len(table.photo_ids):
        stop = int(np.searchsorted(firsts, firsts[start] + full, side="right")) - 1
        stop = min(max(stop, start + 1), start + full, len(table.photo_ids))
        yield _slice(table, slice(firsts[start], firsts[stop]), slice(start, stop))
        start = stop


def check(photos: Iterable[EncodedPhoto], *, width: int, summary_width: int, num_tokens: int) -> None:
    """Raises ConceptIndexError that names the first photo which cannot be stored, and why."""
    for encoded in photos:
        fault = _fault(encoded, width, summary_width, num_tokens)
        if fault:
            raise ConceptIndexError(f"{encoded.photo.source!r} cannot be added: {fault}.")


def _fault(encoded: EncodedPhoto, width: int, summary_width: int, num_tokens: int) -> str | None:
    photo, concepts = encoded.photo, encoded.concepts
    vectors, summary = np.asarray(encoded.vectors), np.asarray(encoded.summary)
    if vectors.shape != (len(concepts), width):
        return f"its vectors are {vectors.shape} for {len(concepts)} concepts of an index {width} wide"
    if summary.shape != (summary_width,):
        return f"its summary is {summary.shape} in an index whose summaries are {summary_width} wide"
    lengths = np.append(np.linalg.norm(vectors.astype(np.float32), axis=1), np.linalg.norm(summary.astype(np.float32)))
    if not (np.abs(lengths - 1) < 1e-2).all():
        return "its vectors and its summary are not all finite and of unit length"
    if len(photo.sha256) != 64 or set(photo.sha256) - set("0123456789abcdef"):
        return f"{photo.sha256!r} is no sha256 in lower case"
    try:
        f"{photo.source}{photo.label}".encode()
    except UnicodeEncodeError:
        return "its source or its label is not valid text"
    for concept in concepts:
        rows, cols = concept.patch_grid
        if not 0 <= concept.token < num_tokens:
            return f"it has a token {concept.token}, and the model {num_tokens} tokens"
        if len(concept.names) > NUM_NAMES:
            return f"token {concept.token} has {len(concept.names)} names, at most {NUM_NAMES} are kept"
        if min(rows, cols) < 1 or rows * cols > 65_535 or min(concept.mask, default=0) < 0 \
                or sum(concept.mask) != rows * cols:
            return f"the mask of token {concept.token} does not fill its patch grid of {rows} x {cols}"
    return None


def _slice(table: ConceptTable, concepts: slice, photos: slice) -> ConceptTable:
    columns = {name: column[concepts] for name, column in table.columns.items()}
    start = int(table.columns["mask_end"][concepts.start - 1]) if concepts.start else 0
    columns["mask_end"] = columns["mask_end"] - np.uint32(start)
    stop = start + (int(columns["mask_end"][-1]) if len(columns["mask_end"]) else 0)
    return replace(table, vectors=table.vectors[concepts], columns=columns, mask=table.mask[start:stop],
                   photo_ids=table.photo_ids[photos], summaries=table.summaries[photos],
                   summary_crcs=table.summary_crcs[photos])


def _stacked(vectors: Sequence[np.ndarray], width: int) -> np.ndarray:
    """-> (n, width) float16, made unit length before it is rounded."""
    stacked = np.concatenate([np.empty((0, width), np.float32), *vectors]).astype(np.float32)
    return (stacked / np.linalg.norm(stacked, axis=1, keepdims=True)).astype("<f2")
