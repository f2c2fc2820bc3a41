"""Export: an index as tables for other programs; `concepts`, a row a concept, and `photos`, a row a photo.

concepts: concept and photo (ids), source, folder and label of the photo (source is its path inside the folder; the
folder is named in an index of several), token, mass, peak, x and y (the centroid), left, top, right and bottom (the
box), patch_rows, patch_cols and mask (run lengths over that grid, `index.store.rle`), name_1 to name_3 with
name_1_score to name_3_score, and vector, float32 of unit length. photos: photo, source, folder, label, width, height,
nbytes, sha256, num_concepts, summary (float32) and thumbnail, a JPEG as `datasets` keeps pictures.

    pandas.read_parquet("tables/concepts.parquet")
    datasets.load_dataset("parquet", data_files="tables/photos.parquet")
    embedding-atlas tables/concepts.parquet --vector vector
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from index.errors import ConceptIndexError
from index.store import thumbnails
from index.store.catalogue import Catalogue, PhotoEntry
from index.store.changes import check_sound
from index.store.concept_table import NUM_NAMES, ConceptTable, merge, split
from index.store.shards import paths_of
from index.store.snapshot import Snapshot
from model.checkpoints.files import put
from model.targets import TakenError, check_free

# Concepts that are in memory at once, and rows that are read back together.
ROWS_AT_ONCE = 8192

Tables = Iterator[pa.Table]


def export(catalogue: Catalogue, snapshot: Snapshot, path: Path, *, file_format: str, overwrite: bool = False
           ) -> list[Path]:
    """Writes both tables into a folder, which is made -> what was written. file_format: "parquet" or "lance".

    Raises ConceptIndexError where they are there already, unless `overwrite`, where a file of the index is damaged,
    where the disk refuses, and for Lance where it is not installed.
    """
    write = writer_of(file_format)
    model = snapshot.contents.model
    tables = {"concepts": (concept_schema(model.width), concept_tables),
              "photos": (photo_schema(model.summary_width), photo_tables)}
    targets = [path / f"{name}.{file_format}" for name in tables]
    if snapshot.folder.resolve() in (path.resolve(), *path.resolve().parents):
        raise ConceptIndexError(f"{path} is in the index's own folder, where only an index is kept; choose another "
                                "folder.")
    try:
        check_free(targets, overwrite=overwrite)
    except TakenError as error:
        raise ConceptIndexError(str(error)) from error
    try:
        path.mkdir(parents=True, exist_ok=True)
        for target, (schema, tables_of) in zip(targets, tables.values(), strict=True):
            write(target, schema, tables_of(catalogue, snapshot, schema), overwrite)
    except (ConceptIndexError, KeyError) as error:
        if catalogue.version() == snapshot.contents.state.version:
            raise
        raise ConceptIndexError(f"{snapshot.folder} was changed while it was exported; export it again.") from error
    except OSError as error:
        raise ConceptIndexError(f"{path} cannot be written ({error.strerror or error}); make room or choose another "
                                "folder.") from error
    return targets


def writer_of(file_format: str) -> Callable[[Path, pa.Schema, Tables, bool], None]:
    if file_format == "parquet":
        return write_parquet
    if file_format == "lance":
        try:
            import lance  # noqa: F401
        except ImportError:
            raise ConceptIndexError("Lance is not installed; install it (pip install pylance), or export Parquet, "
                                    "which Lance reads too.") from None
        return write_lance
    raise ConceptIndexError(f"There is no export to {file_format}; choose parquet or lance.")


def write_parquet(target: Path, schema: pa.Schema, tables: Tables, overwrite: bool) -> None:
    """Under another name until it is whole."""
    partial = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with parquet.ParquetWriter(partial, schema, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        put(partial, target, replace=overwrite)
    finally:
        partial.unlink(missing_ok=True)


def write_lance(target: Path, schema: pa.Schema, tables: Tables, overwrite: bool) -> None:
    import lance

    batches = (batch for table in tables for batch in table.to_batches())
    lance.write_dataset(pa.RecordBatchReader.from_batches(schema, batches), str(target),
                        mode="overwrite" if overwrite else "create")


def concept_schema(width: int) -> pa.Schema:
    numbers = {name: pa.float32() for name in ("mass", "peak", "x", "y", "left", "top", "right", "bottom")}
    names = {f"name_{place}{end}": kind for place in range(1, NUM_NAMES + 1)
             for end, kind in (("", pa.string()), ("_score", pa.float32()))}
    return pa.schema({
        "concept": pa.int64(), "photo": pa.int64(), "source": pa.string(), "folder": pa.string(),
        "label": pa.string(), "token": pa.uint16(),
        **numbers, "patch_rows": pa.uint16(), "patch_cols": pa.uint16(), "mask": pa.list_(pa.uint16()), **names,
        "vector": pa.list_(pa.float32(), width)}.items())


def photo_schema(width: int) -> pa.Schema:
    picture = {"info": {"features": {"thumbnail": {"_type": "Image"}}}}
    return pa.schema({
        "photo": pa.int64(), "source": pa.string(), "folder": pa.string(), "label": pa.string(), "width": pa.int32(),
        "height": pa.int32(), "nbytes": pa.int64(), "sha256": pa.string(), "num_concepts": pa.int32(),
        "summary": pa.list_(pa.float32(), width),
        "thumbnail": pa.struct({"bytes": pa.binary(), "path": pa.string()}.items()),
    }.items(), metadata={"huggingface": json.dumps(picture)})


def concept_tables(catalogue: Catalogue, snapshot: Snapshot, schema: pa.Schema) -> Tables:
    for table, photos in sound_pieces(catalogue, snapshot):
        columns = table.columns
        of_photo = [photos[photo].photo for photo in columns["photo"].tolist()]
        boxes = dict(zip(("left", "top", "right", "bottom"), columns["box"].T, strict=True))
        rows_and_cols = columns["patch_grid"].T
        named = [table.names_of(row) for row in range(len(table))]
        names = {}
        for place in range(NUM_NAMES):
            there = [found[place] if place < len(found) else (None, None) for found in named]
            names |= {f"name_{place + 1}": [word for word, _ in there],
                      f"name_{place + 1}_score": [score for _, score in there]}
        yield pa.table({
            "concept": columns["id"], "photo": columns["photo"], "source": [photo.source for photo in of_photo],
            "folder": [photo.folder for photo in of_photo],
            "label": [photo.label for photo in of_photo], "token": columns["token"], "mass": columns["mass"],
            "peak": columns["peak"], "x": columns["centroid"][:, 0], "y": columns["centroid"][:, 1], **boxes,
            "patch_rows": rows_and_cols[0], "patch_cols": rows_and_cols[1],
            "mask": pa.ListArray.from_arrays(np.append(0, columns["mask_end"]).astype(np.int32), pa.array(table.mask)),
            **names, "vector": vectors_of(table.vectors)}, schema=schema)


def photo_tables(catalogue: Catalogue, snapshot: Snapshot, schema: pa.Schema) -> Tables:
    for table, photos in sound_pieces(catalogue, snapshot):
        entries = [photos[photo] for photo in table.photo_ids.tolist()]
        said = [entry.photo for entry in entries]
        pictures = [{"bytes": thumbnails.read(catalogue.folder, entry.thumbnail), "path": None} for entry in entries]
        yield pa.table({
            "photo": table.photo_ids, "source": [photo.source for photo in said],
            "folder": [photo.folder for photo in said],
            "label": [photo.label for photo in said], "width": [photo.size[0] for photo in said],
            "height": [photo.size[1] for photo in said], "nbytes": [photo.nbytes for photo in said],
            "sha256": [photo.sha256 for photo in said], "num_concepts": [entry.num_concepts for entry in entries],
            "summary": vectors_of(table.summaries), "thumbnail": pictures}, schema=schema)


def sound_pieces(catalogue: Catalogue, snapshot: Snapshot) -> Iterator[tuple[ConceptTable, dict[int, PhotoEntry]]]:
    """What is there and not removed, a few thousand concepts at a time, and their photos by their ids."""
    for place, shard in enumerate(snapshot.shards):
        check_sound(snapshot.folder, snapshot.contents, *paths_of(shard.number))
        table = merge([shard.table], [snapshot.live_of(place)], [snapshot.live_photos_of(place)])
        for piece in split(table, full=ROWS_AT_ONCE):
            entries = catalogue.photos("id BETWEEN ? AND ?", (int(piece.photo_ids[0]), int(piece.photo_ids[-1])),
                                       at=snapshot.contents.state.version)
            yield piece, {entry.photo.id: entry for entry in entries}


def vectors_of(vectors: np.ndarray) -> pa.Array:
    """float16 -> float32: not every program reads halves."""
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float32).ravel()), vectors.shape[1])
