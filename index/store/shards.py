"""Shards: the files that concepts lie in, written once and mapped ever after.

A shard has two. `shards/N.npy`: the vectors, float16, a row a concept. `shards/N.safetensors`: everything else about
these concepts, a column a tensor, and the summaries of their photos. Both are mapped, so that a hit's row is read in
microseconds; Parquet, which decodes a thousand rows to show one, is what `index.store.export` writes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np

from index.errors import ConceptIndexError
from index.records import Concept
from index.store.concept_table import CONCEPT_COLUMNS, ConceptTable, sums_of


@dataclass(frozen=True)
class Shard:
    """A shard on disk. table: mapped. path: of the file beside the vectors."""

    number: int
    path: Path
    table: ConceptTable

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def gaps(self) -> bool:
        """Whether ids are missing between the first and the last: a compaction dropped some."""
        ids = self.table.ids
        return len(ids) > 0 and int(ids[-1]) - int(ids[0]) + 1 != len(ids)

    @cached_property
    def ids(self) -> np.ndarray:
        """(n,) int64, in memory: only where there are gaps does anything need them."""
        return np.array(self.table.ids)

    def find(self, ids: np.ndarray) -> np.ndarray:
        """Ids -> rows, -1 where it is not here."""
        if not len(self):
            return np.full(len(ids), -1)
        if not self.gaps:
            rows = ids - int(self.table.ids[0])
            return np.where((rows >= 0) & (rows < len(self)), rows, -1)
        rows = np.minimum(np.searchsorted(self.ids, ids), len(self) - 1)
        return np.where(self.ids[rows] == ids, rows, -1)

    def concept(self, row: int) -> Concept:
        """Raises ConceptIndexError where the row, or its vector, is not what was written; so do the next two."""
        try:
            if self.table.crc_of(row) == int(self.table.columns["crc"][row]):
                return self.table.concept(row)
        except IndexError:  # a name beyond the shard's words
            pass
        raise damaged(self.path, f"row {row}, or its vector in {self.path.with_suffix('.npy').name}, has changed")

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """(n,) -> (n, C) float16."""
        found = self.table.vectors[rows]
        changed = sums_of(found) != self.table.columns["vector_sum"][rows]
        if changed.any():
            raise damaged(self.path.with_suffix(".npy"), f"the vector of row {rows[changed.argmax()]} has changed")
        return found

    def summary(self, row: int) -> np.ndarray:
        """(D,) float16, of a photo. row: its place in the shard's photo_ids."""
        if self.table.summary_crc_of(row) != int(self.table.summary_crcs[row]):
            raise damaged(self.path, f"the summary of photo {self.table.photo_ids[row]} has changed")
        return self.table.summaries[row]


def open_shard(folder: Path, number: int, *, width: int, summary_width: int) -> Shard:
    """Mapped; nothing but the headers is read. Raises ConceptIndexError where they are not what they should be, and
    FileNotFoundError where a compaction has just removed them."""
    vectors_path, rest_path = (folder / path for path in paths_of(number))
    vectors = _mapped_npy(vectors_path)
    tensors, words = _mapped_safetensors(rest_path)
    if vectors.dtype != np.dtype("<f2") or vectors.ndim != 2 or vectors.shape[1] != width:
        raise damaged(vectors_path, f"it holds {vectors.dtype} {vectors.shape}")
    count, num_photos = len(vectors), len(tensors.get("photo_id", ()))
    expected = {name: (dtype, (count, *shape)) for name, (dtype, shape) in CONCEPT_COLUMNS.items()}
    expected |= {"photo_id": ("<i8", (num_photos,)), "summary": ("<f2", (num_photos, summary_width)),
                 "summary_crc": ("<u4", (num_photos,)),
                 "mask": ("<u2", tensors["mask"].shape if "mask" in tensors else ())}
    for name, (dtype, shape) in expected.items():
        if name not in tensors or tensors[name].dtype != np.dtype(dtype) or tensors[name].shape != shape:
            raise damaged(rest_path, f"its tensor {name} is not {dtype} {shape}")
    columns = {name: tensors[name] for name in CONCEPT_COLUMNS}
    return Shard(number, rest_path, ConceptTable(vectors, columns, tensors["mask"], words, tensors["photo_id"],
                                                 tensors["summary"], tensors["summary_crc"]))


def content_of(table: ConceptTable) -> tuple[bytes, bytes]:
    """-> what the shard's .npy and its .safetensors hold."""
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(column) for name, column in table.columns.items()}
    tensors |= {"mask": table.mask, "photo_id": table.photo_ids, "summary": table.summaries,
                "summary_crc": table.summary_crcs}
    return _npy(table.vectors), save(tensors, metadata={"words": json.dumps(table.words, ensure_ascii=False)})


def paths_of(number: int) -> tuple[str, str]:
    """The paths, below the index, of the shard's vectors and of the rest."""
    return f"shards/{number:06d}.npy", f"shards/{number:06d}.safetensors"


def damaged(path: Path, what: str) -> ConceptIndexError:
    return ConceptIndexError(f"{path} is damaged: {what}; copy it back from a backup, or build the index again.")


def _npy(array: np.ndarray) -> bytes:
    buffer = BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _mapped_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r").view(np.ndarray)
    except FileNotFoundError:
        raise
    except Exception as error:  # what numpy meets in a torn header has no common base
        raise damaged(path, f"its header cannot be read ({error})") from error


def _mapped_safetensors(path: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """-> its tensors, mapped, and its words. The header is 8 bytes of its length and then JSON."""
    dtypes = {"I64": "<i8", "F32": "<f4", "U32": "<u4", "I32": "<i4", "U16": "<u2", "F16": "<f2"}
    try:
        content = np.memmap(path, np.uint8, "r").view(np.ndarray)
        length = int.from_bytes(content[:8].tobytes(), "little")
        header = json.loads(content[8 : 8 + length].tobytes())
        words = tuple(json.loads(header.pop("__metadata__")["words"]))
        tensors = {}
        for name, entry in header.items():
            start, stop = entry["data_offsets"]
            tensors[name] = content[8 + length + start : 8 + length + stop].view(dtypes[entry["dtype"]]).reshape(
                entry["shape"])
        return tensors, words
    except FileNotFoundError:
        raise
    except Exception as error:  # nor has this
        raise damaged(path, f"its header cannot be read ({error})") from error
