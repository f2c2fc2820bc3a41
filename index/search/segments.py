"""Segments: the codes of all rows up to some id in one file, made again from the shards where it is missing or damaged.

A segment only proposes rows; their scores are the stored vectors' own (`index.search.vector_rows`). It speaks of ids,
which are never given twice, so it stays of use when shards are written anew, and what was removed since is passed over.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from index.errors import ConceptIndexError
from index.search.codes import parts_of
from index.search.vector_rows import VectorRows
from index.store.searcher import SEGMENT_NAME, SegmentFile
from model.checkpoints.files import sha256_of

if TYPE_CHECKING:
    import faiss

# Bits of a query's numbers. FAISS's default, all of them, takes 100 times as long and finds no more.
QUERY_BITS = 4


class IndexType(Enum):
    """How vectors are searched: EXACT reads them all; FLAT every vector's one-bit code; IVF the codes in the
    lists whose centres lie nearest."""

    EXACT = "exact"
    FLAT = "flat"
    IVF = "ivf"


def index_type_for(num_rows: int) -> IndexType:
    """By what was measured: benchmarks/index.py."""
    return IndexType.EXACT if num_rows <= 50_000 else IndexType.FLAT if num_rows <= 250_000 else IndexType.IVF


class Segment:
    """A segment that is open. It covers the rows 0..num_rows, and holds num_removed besides, which are no more."""

    def __init__(self, index: faiss.Index, index_type: IndexType, file: SegmentFile, num_rows: int):
        self._index, self.index_type, self.file, self.num_rows = index, index_type, file, num_rows
        self.num_removed = file.num_rows - num_rows
        self.num_lists = parts_of(index)[1].nlist if index_type is IndexType.IVF else 0

    def propose(self, queries: np.ndarray, count: int, *, num_lists: int = 0, id_mask: np.ndarray | None = None
                ) -> np.ndarray:
        """(Q, D) -> (Q, count) ids that probably score best, in no order; -1 where there are fewer.

        num_lists: how many of an IVF's lists are read. id_mask: (n,) bool, the ids that count; for an IVF alone,
        because FAISS takes none for flat codes.
        """
        import faiss

        parameters = None
        if self.index_type is IndexType.IVF:
            lists = faiss.IVFRaBitQSearchParameters()
            lists.nprobe, lists.qb = min(num_lists, self.num_lists), QUERY_BITS
            if id_mask is not None:
                # Kept by name until the search is over: FAISS keeps the address alone.
                bits = np.packbits(id_mask, bitorder="little")
                lists.sel = chosen = faiss.IDSelectorBitmap(bits)  # noqa: F841
            parameters = faiss.SearchParametersPreTransform(index_params=lists)
        count = min(count, self.file.num_rows)
        _, ids = self._index.search(np.ascontiguousarray(queries), count, params=parameters)
        return ids

    def read_whole(self, folder: Path) -> faiss.Index:
        """A copy in memory, that can be changed."""
        import faiss

        return faiss.read_index(str(folder / self.file.name))


def open_segment(folder: Path, rows: VectorRows, index_types: tuple[IndexType, ...]
                 ) -> tuple[Segment | None, str | None]:
    """The segment that covers the most of these rows, of equal ones that of the first type; and why not, where a file
    is damaged."""
    fits = []
    try:
        for file in folder.iterdir() if folder.is_dir() else ():
            named = SEGMENT_NAME.fullmatch(file.name)
            if named and (index_type := IndexType(named["index_type"])) in index_types and len(named["last_id"]) < 19:
                num_rows = rows.rows_up_to(int(named["last_id"]))
                fits.append((-num_rows, index_types.index(index_type), file.name, named["sha256"]))
    except OSError as error:
        return None, f"{folder} cannot be read ({error.strerror}); every vector is compared instead."
    fault = None
    for negative, place, name, sha256 in sorted(fits):
        try:
            return _read(folder / name, index_types[place], sha256, rows, -negative), fault
        except (OSError, RuntimeError, MemoryError, ValueError) as error:
            reason = (str(error).splitlines() or ["no reason given"])[0]
            fault = fault or (f"{folder / name} cannot be used ({reason}); vectors are compared without it until "
                              "`python -m index compact` has made it again.")
    return None, fault


def write_segment(folder: Path, index: faiss.Index, index_type: IndexType, last_id: int) -> SegmentFile:
    """Aside, fsync, rename, as `model.checkpoints.files.write_whole`, without the bytes in memory.

    FAISS writes through Python's file, because its own ignores a full disk when it closes. Raises ConceptIndexError.
    """
    import faiss

    digest = hashlib.sha256()
    partial = folder / f".{secrets.token_hex(8)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(partial, "xb") as file:
            def write(content: bytes) -> None:
                digest.update(content)
                file.write(content)

            writer = faiss.BufferedIOWriter(faiss.PyCallbackIOWriter(write), 1 << 20)
            faiss.write_index(index, writer)
            del writer
            file.flush()
            os.fsync(file.fileno())
            nbytes = file.tell()
        name = f"{index_type.value}-{last_id}-{digest.hexdigest()}.faiss"
        os.replace(partial, folder / name)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise ConceptIndexError(f"A file of the search could not be written to {folder} ({reason}); make room or see "
                                "to the rights there, then run `python -m index compact`.") from error
    finally:
        with suppress(OSError):
            partial.unlink()
    return SegmentFile(name, digest.hexdigest(), nbytes, index.ntotal)


def _read(path: Path, index_type: IndexType, sha256: str, rows: VectorRows, num_rows: int) -> Segment:
    """Mapped where FAISS can. Raises RuntimeError, OSError, MemoryError or ValueError for a file that is not it."""
    import faiss

    stat = path.stat()
    if _sha256(path, stat.st_ino, stat.st_mtime_ns, stat.st_size) != sha256:
        raise ValueError("it is damaged")
    index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    if index.d != rows.width or index.ntotal < num_rows:
        raise ValueError(f"it holds {index.ntotal} vectors of {index.d} numbers, the shards {num_rows} of {rows.width}")
    return Segment(index, index_type, SegmentFile(path.name, sha256, stat.st_size, index.ntotal), num_rows)


@lru_cache(maxsize=64)
def _sha256(path: Path, inode: int, changed: int, size: int) -> str:
    """Read once in a process, while the file stays what it is: at a gigabyte a second."""
    return sha256_of(path)
