"""A declared table, measured: cell by cell, failures named and skipped, beside the published figures."""

from __future__ import annotations

import datetime
import importlib
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn
from tqdm import tqdm

from model.checkpoints import files
from model.checkpoints.checkpoint import first_line
from model.peers.table import PEERS
from photos.sources.errors import SourceError
from photos.sources.hub import is_kept
from train.evaluators import Unavailable, Value
from train.evaluators.opening import Reading, is_of_hub, open_set
from train.evaluators.photo_set import PhotoSet
from train.subjects import BaselineSubject, StellarSubject, Subject, baseline_module, labelled, open_peer
from train.tables.cells import Cells
from train.tables.commit import made_by
from train.tables.declaration import Column, DataSet, Row, Table

TABLES = ("downstream", "reconstruction", "tokens", "invariance", "ablation")
# What a row or a cell may fail with and the next one go on; a device without memory is a RuntimeError.
FAILURES = (ValueError, OSError, RuntimeError)
Measure = Callable[[Subject, str, PhotoSet, dict], Iterator[tuple[str, Value]]]


@dataclass(frozen=True)
class Planned:
    """A row, the file of its weights where one is named, and by what those are known from one run to the next."""

    row: Row
    source: str | None
    weights: str


def declared(name: str) -> Table:
    if name not in TABLES:
        raise ValueError(f"there is no table {name!r}; choose from {', '.join(TABLES)}.")
    return importlib.import_module(f"train.tables.{name}").TABLE


def run(options: Namespace, reading: Reading, *, command: str, measure: Measure,
        suits: Callable[[PhotoSet, str], str | None], stem: Callable[[], nn.Module | None]) -> tuple[str, bool]:
    """-> the table as Markdown, and whether it has any value. Raises ValueError for what a person can mend at once.

    measure: runs a protocol; suits: why photos will not do for a protocol, or None; stem: what judges pictures.
    """
    table = declared(options.table)
    data = opened(table, options.data, reading, limit=options.limit)
    plan = planned(table, options)
    columns = [column for column in table.columns if column.data.name in data]
    for column in columns:
        if wrong := suits(data[column.data.name], column.protocol):
            raise ValueError(f"--data {column.data.name}: {wrong}")
    settings = {"--limit": options.limit, "--seed": options.seed, "--resolution": options.resolution,
                **{f"--data {name}": photos.described for name, photos in data.items()}}
    out = cells_file(options)
    cells = Cells(out, table.name, settings) if options.overwrite else Cells.open(out, table.name, settings)
    waiting = {item.row.name: [column for column in columns
                               if not cells.is_finished(item.row.name, column.name, item.weights)] for item in plan}
    judge = stem() if any(column.protocol == "reconstruction" for some in waiting.values() for column in some) else None
    total = sum(len(data[name]) for some in waiting.values() for name, _ in passes(some))
    with tqdm(total=total, unit="photo", file=sys.stderr, disable=None) as bar:
        for item in plan:
            if waiting[item.row.name]:
                measured(item, waiting[item.row.name], table, data, cells, bar, options, measure, judge,
                         by={"command": command, **made_by()})
    text = markdown(table, plan, cells, command)
    return text, any(cell.get("value") is not None for some in cells.found.values() for cell in some.values())


def cells_file(options: Namespace) -> Path:
    return options.out or Path(f"table-{options.table}.json")


def opened(table: Table, entries: Sequence[str], reading: Reading, *, limit: int | None) -> dict[str, PhotoSet]:
    """--data NAME=SOURCE, or NAME for what the table declares -> photos by a data set's name.

    Without --data: the declared ones that the cache of `datasets` has. Nothing is fetched that nobody asked for.
    """
    named = {}
    for entry in entries or kept(table):
        name, sign, place = entry.partition("=")
        declared_set = table.data.get(name)
        if declared_set is None or (sign and not place):
            raise ValueError(f"--data {entry} names no data set of the table {table.name}; write NAME=SOURCE, or NAME "
                             f"alone to fetch it, with one of {', '.join(table.data)}.")
        place = place or declared_set.hub
        if not place:
            raise ValueError(f"of {declared_set.label} no data set of the hub is known; give --data {name}=FOLDER.")
        named[name] = open_declared(declared_set, place, reading if entries else replace(
            reading, kept=True, streaming=False), limit=limit)
    if not named:
        hubs = "; ".join(data.described for data in table.data.values() if data.hub)
        some = next(iter(table.data))
        raise ValueError(f"the table {table.name} has no data here; give --data {some}=FOLDER, or --data {some} to "
                         f"fetch it. It would fetch {hubs}.")
    return named


def kept(table: Table) -> list[str]:
    """Names of the declared data sets that need not be fetched; the others are told on standard error."""
    found, missing = [], []
    for name, data in table.data.items():
        is_here = bool(data.hub) and is_kept(data.hub, data.config, data.split)
        (found if is_here else missing).append(name)
    if found:
        print(f"{', '.join(found)}: had from the cache of datasets. Left out, --data NAME fetches: "
              + "; ".join(table.data[name].described for name in missing if table.data[name].hub), file=sys.stderr)
    return found


def open_declared(data: DataSet, place: str, reading: Reading, *, limit: int | None) -> PhotoSet:
    """What a table declares fills in what nobody named."""
    split = replace(reading, split=reading.split or data.split)
    if is_of_hub(place):
        own = place == data.hub
        return open_set(place, limit=limit, reading=replace(
            split, config=reading.config or (data.config if own else None),
            column=reading.column or (data.image if own else None),
            label_column=reading.label_column or (data.classes if own else None),
            mask_column=reading.mask_column or (data.mask if own else None)))
    try:
        return open_set(place, reading=split, limit=limit)
    except SourceError:  # a person's own files need not have that split
        if reading.split is not None:
            raise
        return open_set(place, reading=reading, limit=limit)


def planned(table: Table, options: Namespace) -> list[Planned]:
    """Rows of the table, those of --rows alone, with the files that CHECKPOINT names; others are rows of their own."""
    rows = {row.name: row for row in table.rows}
    asked = None if options.rows is None else [name.strip() for name in options.rows.split(",") if name.strip()]
    given = {}
    for source in [*options.checkpoints, *options.peer]:
        label, place = labelled(source)
        name = label or source
        if name not in rows:
            rows[name] = Row(name, name, None, "mean_concept" if source in options.checkpoints else
                             "mean_patch_feature")
        given[name] = source if source in options.peer else place
    for name in asked or ():
        if name not in rows:
            raise ValueError(f"the table {table.name} has no row {name!r}; choose from {', '.join(rows)}.")
    chosen = [row for name, row in rows.items() if name in asked] if asked is not None else list(rows.values())
    return [Planned(row, given.get(row.name), known_by(row, given.get(row.name))) for row in chosen]


def known_by(row: Row, source: str | None) -> str:
    path = Path(source.partition("=")[2] or source) if source else None
    return files.sha256_of(path) if path is not None and path.is_file() else source or row.model or ""


def passes(columns: Sequence[Column]) -> list[tuple[str, str]]:
    """(data set, what passes its photos), each once: k-NN and linear probe share one."""
    return list(dict.fromkeys((column.data.name, "pooled" if column.protocol in ("knn", "linear_probe")
                               else column.protocol) for column in columns))


def open_row(item: Planned, table: Table, options: Namespace) -> Subject:
    """Raises ValueError."""
    row, source = item.row, item.source
    if source is None and row.model is None:
        raise ValueError(f"only who trained it has its weights; give {row.name}=FILE")
    if row.model is None or row.model not in PEERS:
        if source in options.peer:
            return open_peer(source, device=options.device, seed=options.seed)
        subject_type = BaselineSubject if baseline_module(source) else StellarSubject
        return subject_type.open(source, device=options.device)
    if table.rebuilds and baseline_module(row.model):
        return BaselineSubject.open(source or row.model, device=options.device)
    spec = source if source in options.peer else f"{row.model}={source}" if source else row.model
    return open_peer(spec, device=options.device, seed=options.seed)


def measured(item: Planned, columns: list[Column], table: Table, data: dict[str, PhotoSet], cells: Cells, bar: tqdm,
             options: Namespace, measure: Measure, judge: nn.Module | None, *, by: dict[str, str]) -> None:
    """Every waiting cell of a row; features of a data set are had once and shared by all that ask for them.

    by: the command, and the commit where it is known; each cell says what made it."""
    row = item.row
    stamp = {"weights": item.weights, "made": datetime.date.today().isoformat(), **by}
    expected = bar.n + sum(len(data[name]) for name, _ in passes(columns))
    bar.set_description(row.name)
    try:
        subject = open_row(item, table, options)
        subject.name = row.name
    except FAILURES as error:
        for column in columns:
            cells.put(row.name, column.name, {"failed": first_line(error), **stamp})
        bar.update(expected - bar.n)
        return
    kept: dict[str, dict] = {}
    values: dict[tuple[str, str], dict[str, Value]] = {}
    for column in columns:
        photos, begun = data[column.data.name], time.perf_counter()
        photos.progress, photos.cache = bar.update, options.cache
        shared = kept.setdefault(column.data.name, {"stem": judge})
        bar.set_description(f"{row.name}: {column.label}")
        key = (column.data.name, column.protocol)
        try:
            if key not in values:
                values[key] = dict(measure(subject, column.protocol, photos, shared))
            value = values[key][column.measure.format(read=row.read)]
        except FAILURES as error:
            cells.put(row.name, column.name, {"failed": first_line(error), **stamp})
            continue
        found = {"value": None, "reason": value.reason} if isinstance(value, Unavailable) else {"value": value}
        cells.put(row.name, column.name, {**found, **stamp, "sha256": subject.sha256, "photos": len(photos),
                                          "seconds": round(time.perf_counter() - begun, 1)})
    bar.update(max(expected - bar.n, 0))


def markdown(table: Table, plan: Sequence[Planned], cells: Cells, command: str) -> str:
    """A row a system; of each column ours, and where the table has any, what is published and the difference."""
    shown = [column for column in table.columns if any(cells.get(item.row.name, column.name) for item in plan)]
    heads, notes = ["system"], {}
    for column in shown:
        heads += [column.label, "published", "difference"] if is_published(table, column) else [column.label]
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    for item in plan:
        texts = [item.row.label]
        for column in shown:
            cell = cells.get(item.row.name, column.name) or {}
            value = cell.get("value")
            ours = None if value is None else column.shown(value)
            reason = cell.get("failed") or cell.get("reason")
            if reason:
                notes.setdefault(f"{item.row.label}: {reason}", []).append(column.label)
            texts.append(number(ours, column))
            if is_published(table, column):
                published = item.row.published.get(column.name)
                both = ours is not None and published is not None
                texts += [number(published, column), number(ours - published, column, "+") if both else ""]
        lines.append("| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |")
    lines.append("")
    lines += [f"- {reason} ({', '.join(labels)})." for reason, labels in notes.items()]
    lines += [f"- On {name.removeprefix('--data ')}: {value}." for name, value in cells.settings.items()
              if name.startswith("--data ")]
    if any(is_published(table, column) for column in shown):
        lines.append(f"- Published: {table.source}. Ours: this program's protocols, which python -m train.evaluate "
                     "--help describes; they are not the authors' code, and another split of the photos.")
    lines += ["", f"{datetime.date.today().isoformat()}, by `{command}`."]
    return "\n".join(lines) + "\n"


def is_published(table: Table, column: Column) -> bool:
    return any(column.name in row.published for row in table.rows)


def number(value: float | None, column: Column, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.{column.digits}f}"
