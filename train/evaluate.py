"""How good a checkpoint is: `python -m train.evaluate CHECKPOINT... --data FOLDER`; one JSON and one Markdown table."""

from __future__ import annotations

if __name__ == "__main__":  # before packages that look for a place of theirs when they are imported
    from model.startup import start_command

    start_command()

import argparse
import datetime
import json
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NoReturn

import torch
from torch import nn
from tqdm import tqdm

from model.checkpoints.checkpoint import CheckpointError
from model.checkpoints.files import write_whole
from model.checkpoints.identity import concepts_sha256
from model.probe import beside
from model.stellar import Stellar
from model.targets import check_free
from photos.sources.filenames import readable
from train.concept_probe import learn_probe
from train.evaluators import Unavailable, Value
from train.evaluators.opening import Reading
from train.evaluators.outlines import Boxes
from train.evaluators.photo_set import PhotoSet
from train.evaluators.pooled import RESOLUTION, pool_photos
from train.evaluators.protocols import (
    NEEDED,
    POOLED_PROTOCOLS,
    PROTOCOLS,
    counted,
    photos_of,
    suits,
    summary_line,
)
from train.figures.figure import check_figure, check_protocols, draw_figure
from train.figures.measured import Measured, of_report, of_table
from train.subjects import BaselineSubject, StellarSubject, Subject, baseline_module, open_peer
from train.tables import run as table_run
from train.tables.run import TABLES, cells_file, declared

BAD_INPUT = 2  # the exit status of anything a person can mend
MOST_NAMED = 5  # bad photos named on standard error; the files name them all


@dataclass
class Scores:
    """One model's: a value a name, None where it cannot be had, and `notes` say why."""

    name: str
    sha256: str
    scores: dict[str, float | None] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: Value) -> None:
        if isinstance(value, Unavailable):
            value, self.notes[name] = None, value.reason
        elif value != value or value in (float("inf"), float("-inf")):  # JSON has no word for these
            value, self.notes[name] = None, "no photo in the data has it"
        self.scores[name] = None if value is None else round(value, 6)


class Parser(argparse.ArgumentParser):
    """argparse, whose errors are one sentence here."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"error: {message}; see {self.prog} --help.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    try:
        if options.table is not None:
            return run_table(options, command=command_line(arguments))
        report = run(options, command=command_line(arguments))
        if options.out is not None:
            write(options.out, json.dumps(report, indent=1) + "\n", replace=options.overwrite)
            write(options.out.with_suffix(".md"), markdown(report), replace=options.overwrite)
    except torch.cuda.OutOfMemoryError:
        return _complain("the device has too little memory; give a smaller --batch-size or --resolution.")
    except (ValueError, OSError) as error:
        return _complain(str(error))
    print(markdown(report), end="")
    return figure_of(of_report(report), options)


def figure_of(measured: Measured, options: argparse.Namespace) -> int:
    """Draws it where it is asked for -> the exit status; what was measured is told and kept by now."""
    try:
        if options.figure is not None:
            draw_figure(options.figure, measured, overwrite=options.overwrite)
    except ValueError as error:
        return _complain(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m train.evaluate", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="How good checkpoints are, and beside them timm models and the slides' systems, with K-means in "
                    "the place of concepts.",
        epilog="protocols:\n" + "".join(f"  {name:<16}{summary_line(protocol)}\n"
                                        for name, protocol in PROTOCOLS.items()))
    parser.add_argument("checkpoints", metavar="CHECKPOINT", nargs="*",
                        help="a name, a file or a folder, of a STELLAR or of what it is compared with (titok, mae); "
                             "label=FILE names it in the table")
    parser.add_argument("--data", metavar="SOURCE", action="append", default=[],
                        help="photos: in a folder a class, or with outlines NAME.txt beside NAME.jpg, or neither; "
                             "Parquet, a folder that datasets has saved, or a hub data set (owner/name) with a column "
                             "of labels or of masks; PROTOCOL=SOURCE for one protocol, of a table DATASET=SOURCE, or "
                             "DATASET alone to fetch what the table declares; may be repeated")
    parser.add_argument("--split", help="of a data set that has splits, or all (default: of the hub's train, of a "
                                        "table's what it declares)")
    parser.add_argument("--config", help="of a hub data set that has several, such as imagenette's 320px")
    parser.add_argument("--column", help="of a table: the pictures (default: found by their kind)")
    parser.add_argument("--label-column", help="of a table: the labels (default: label, or the only classes)")
    parser.add_argument("--mask-column", help="of a table: the masks, pictures with a class a pixel (default: "
                                              "annotation, mask, segmentation or semantic_segmentation)")
    parser.add_argument("--streaming", action="store_true",
                        help="read a hub data set as it comes and keep none of it; --limit then takes its first rows")
    parser.add_argument("--table", metavar="NAME",
                        help=f"one of the slides' tables ({', '.join(TABLES)}) beside its published figures; finished "
                             "cells are kept in --out (default: table-NAME.json) and a second run goes on")
    parser.add_argument("--rows", metavar="NAMES", help="of a table: some of its rows, with commas; CHECKPOINTs and "
                                                        "--peers named as ROW=FILE are a row's weights, others rows "
                                                        "of their own")
    parser.add_argument("--protocol", metavar="NAMES", help="some of those below, with commas (default: all that the "
                                                            "data allow)")
    parser.add_argument("--peer", metavar="NAME[=FILE][:BLOCK]", action="append", default=[],
                        help="a timm model or one of the slides' systems (python -m model.peers lists them), a file of "
                             "it, the block of a ViT to read from 0; may be repeated")
    parser.add_argument("--resolution", type=int, default=448, metavar="PIXELS",
                        help=f"the photos' long side (default: 448); k-NN and linear probe keep {RESOLUTION}")
    parser.add_argument("--limit", type=int, metavar="N",
                        help="at most about N photos a protocol, spread over the data")
    parser.add_argument("--boxes", choices=[kind.value for kind in Boxes],
                        help="what the four numbers of a box in a file of outlines are: two corners, or centre, width "
                             "and height (default: seen from the whole set, where they show it)")
    parser.add_argument("--cache", type=Path, metavar="FOLDER",
                        help="where features lie while they are needed (default: the system's temporary folder)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps (default: the best there is)")
    parser.add_argument("--batch-size", type=int, default=8, metavar="N", help="photos at a time (default: 8)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: 0)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="and FILE.md beside it")
    parser.add_argument("--figure", type=Path, metavar="FILE.png|FILE.svg",
                        help="draw what was measured: invariance under crops, the equivariance partition, quality "
                             "against the number of tokens")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    parser.add_argument("--save-probe", action="store_true",
                        help="learn the classes' names for single concepts too, and leave them beside the checkpoint, "
                             "where `python -m index build` finds them")
    return parser


def run(options: argparse.Namespace, *, command: str) -> dict:
    """The whole evaluation -> what the JSON holds. Raises ValueError, one sentence, for what a person can mend."""
    check(options)
    sets = photos_of(options.data, options.protocol, limit=options.limit, boxes=options.boxes,
                     reading=reading_of(options))
    if options.figure is not None:
        check_protocols(sets)
    for photos in sets.values():
        photos.cache = options.cache
    if options.save_probe and "linear_probe" not in sets:
        raise ValueError(f"--save-probe learns with the linear_probe protocol, which needs {NEEDED['classes']}; give "
                         "--data one.")
    subjects = open_subjects(options)
    check_baselines(subjects, sets)
    if options.save_probe:
        check_free([beside(subject.stellar.path) for subject in subjects if subject.stellar is not None],
                   overwrite=options.overwrite, option=None)
    report_left_out(sets)
    models = [Scores(subject.name, subject.sha256) for subject in subjects]
    stem = shipped_stem(options.device) if "reconstruction" in sets else None
    with tqdm(total=len(subjects) * sum(len(photos) for photos in counted(sets)), unit="photo", file=sys.stderr,
              disable=None) as bar:
        for subject, model in zip(subjects, models, strict=True):
            for name, value in evaluate_subject(subject, sets, options, bar, stem=stem):
                model.add(name, value)
            if options.save_probe and subject.stellar is not None:
                save_probe(subject, sets["linear_probe"], options)
    skipped = {path: reason for photos in sets.values() for path, reason in photos.skipped.items()}
    if skipped:
        print(f"{len(skipped)} photos could not be read and were left out: "
              + " ".join(list(skipped.values())[:MOST_NAMED])
              + (" ..." if len(skipped) > MOST_NAMED else ""), file=sys.stderr)
    return {
        "made": datetime.date.today().isoformat(),
        "command": command,
        "protocols": {name: protocol_report(name, photos, options) for name, photos in sets.items()},
        "models": [{"name": model.name, "sha256": model.sha256, "scores": model.scores, "notes": model.notes}
                   for model in models],
    }


def run_table(options: argparse.Namespace, *, command: str) -> int:
    """Prints it. Raises ValueError, one sentence, for what a person can mend."""
    for name in ("protocol", "save_probe"):
        if getattr(options, name):
            raise ValueError(f"--{name.replace('_', '-')} and --table do not go together; a table has its protocols.")
    check_settings(options)

    def suits_protocol(photos: PhotoSet, name: str) -> str | None:
        needs = PROTOCOLS[name].needs
        return None if suits(photos, PROTOCOLS[name]) else f"{photos.root} {photos.lack(needs)}; {name} needs " \
            f"{NEEDED[needs]}."

    def measure(subject: Subject, name: str, photos: PhotoSet, shared: dict) -> Iterator[tuple[str, Value]]:
        protocol, given = PROTOCOLS[name], {}
        if name in POOLED_PROTOCOLS:
            if "pooled" not in shared:
                shared["pooled"] = pool_photos(subject, photos, resolution=protocol.resolution,
                                               batch_size=options.batch_size)
            given["pooled"] = shared["pooled"]
        elif isinstance(subject, BaselineSubject) and name != "reconstruction":
            raise ValueError(f"{subject.name} has no concepts, it only reconstructs")
        elif name == "reconstruction":
            given["stem"] = shared["stem"]
        yield from protocol.evaluate(subject, photos, resolution=protocol.resolution or options.resolution,
                                     batch_size=options.batch_size, seed=options.seed, **given)

    text, has_values = table_run.run(options, reading_of(options), command=command, measure=measure,
                                     suits=suits_protocol, stem=lambda: shipped_stem(options.device))
    print(text, end="")
    if not has_values:
        return BAD_INPUT
    table = declared(options.table)
    cells = json.loads(cells_file(options).read_text(encoding="utf-8"))["cells"]
    return figure_of(of_table(table, cells), options)


def reading_of(options: argparse.Namespace) -> Reading:
    return Reading(options.split, options.config, options.column, options.label_column, options.mask_column,
                   options.streaming)


def check(options: argparse.Namespace) -> None:
    if not options.data:
        raise ValueError("there are no photos; give --data FOLDER.")
    if options.rows is not None:
        raise ValueError("--rows are a table's; give --table NAME.")
    if not options.checkpoints and not options.peer:
        raise ValueError("nothing to evaluate; name a CHECKPOINT, or a --peer.")
    check_settings(options)
    if options.out is not None:
        check_free([options.out, options.out.with_suffix(".md")], overwrite=options.overwrite)


def check_settings(options: argparse.Namespace) -> None:
    for name in ("resolution", "batch_size", "limit"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')} is {value}; it must be at least 1.")
    if options.seed < 0 or options.seed >= 2**31:
        raise ValueError(f"--seed is {options.seed}; it must be from 0 to {2**31 - 1}.")
    try:
        torch.empty(0, device=None if options.device == "auto" else options.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"--device {options.device} is not there ({reason}); choose cpu.") from error
    if options.cache is not None and not options.cache.is_dir():
        raise ValueError(f"the folder of --cache, {options.cache}, does not exist; make it first.")
    if options.out is not None:
        if options.out.suffix != ".json":
            raise ValueError(f"--out is {options.out}; it must end in .json, a .md is written beside it.")
        if not options.out.parent.is_dir():
            raise ValueError(f"the folder of --out, {options.out.parent}, does not exist; make it first.")
    if options.figure is not None:
        check_figure(options.figure, overwrite=options.overwrite, table=options.table)


def report_left_out(sets: dict[str, PhotoSet]) -> None:
    """On standard error: what of the data is not looked at, and how boxes were read."""
    for photos in {id(photos): photos for photos in sets.values()}.values():
        said = [photos.others.sentence] if photos.others else []
        if photos.num_captions:
            said.append(f"{photos.num_captions:,} text files beside photos are no outlines and are not looked at")
        if any(PROTOCOLS[protocol].needs == "outlines" for protocol, used in sets.items() if used is photos) \
                and photos.layout is Boxes.CENTRES:
            said.append("boxes are read as centre, width and height")
        for sentence in said:
            print(f"{photos.title}: {sentence}", file=sys.stderr)


def open_subjects(options: argparse.Namespace) -> list[Subject]:
    subjects: list[Subject] = [(BaselineSubject if baseline_module(source) else StellarSubject).open(
        source, device=options.device) for source in options.checkpoints]
    subjects += [open_peer(spec, device=options.device, seed=options.seed) for spec in options.peer]
    names: set[str] = set()
    for subject in subjects:  # columns of one name could not be told apart
        base, copy = subject.name, 2
        while subject.name in names:
            subject.name, copy = f"{base}-{copy}", copy + 1
        names.add(subject.name)
    for subject in subjects:
        if options.resolution < subject.patch_size:
            raise ValueError(f"--resolution is {options.resolution}; {subject.name} has patches of "
                             f"{subject.patch_size} pixels.")
    return subjects


def check_baselines(subjects: Sequence[Subject], sets: dict[str, PhotoSet]) -> None:
    others = [name for name in sets if name != "reconstruction"]
    for subject in subjects:
        if others and isinstance(subject, BaselineSubject):
            raise ValueError(f"{subject.name} has no concepts, it only reconstructs; give --protocol reconstruction.")


def shipped_stem(device: str) -> nn.Module | None:
    """nano's, which judges every model's pictures alike; None, and each is judged by its own, where nano is missing."""
    try:
        return getattr(Stellar.load("nano", device=device, dtype="float32").encoder.embedding, "stem", None)
    except CheckpointError:
        return None


def evaluate_subject(subject: Subject, sets: dict[str, PhotoSet], options: argparse.Namespace, bar: tqdm, *,
                     stem: nn.Module | None = None) -> Iterator[tuple[str, Value]]:
    """`stem` judges reconstructions."""
    pooled = {}  # what the k-NN and the linear probe ask is the same, so it is had once a folder
    for name, photos in sets.items():
        protocol = PROTOCOLS[name]
        bar.set_description(f"{subject.name}: {name}")
        photos.progress = bar.update
        shared = {}
        if name in POOLED_PROTOCOLS:
            key = id(photos)
            if key not in pooled:
                pooled[key] = pool_photos(subject, photos, resolution=protocol.resolution,
                                          batch_size=options.batch_size)
            shared["pooled"] = pooled[key]
        if name == "reconstruction":
            shared["stem"] = stem
        yield from protocol.evaluate(subject, photos, resolution=protocol.resolution or options.resolution,
                                     batch_size=options.batch_size, seed=options.seed, **shared)


def save_probe(subject: Subject, photos: PhotoSet, options: argparse.Namespace) -> None:
    """Beside the checkpoint. Raises ValueError where it cannot be written."""
    path = beside(subject.stellar.path)
    photos.progress = lambda count: None  # the bar counts what the table is made of
    try:
        learn_probe(subject, photos, sha256=concepts_sha256(subject.stellar.path), resolution=options.resolution,
                    batch_size=options.batch_size).save(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}); evaluate a copy of the checkpoint in a folder "
                         "of yours.") from error
    print(f"{path}: {len(photos.class_names)} words for the concepts of {subject.name}", file=sys.stderr)


def protocol_report(name: str, photos: PhotoSet, options: argparse.Namespace) -> dict:
    protocol = PROTOCOLS[name]
    used = photos.with_outlines() if protocol.needs == "outlines" else photos
    bad = [path for path in used.paths if path in photos.skipped]
    report = {"description": protocol.description, "data": photos.title,
              "photos": len(used) - len(bad), "resolution": protocol.resolution or options.resolution}
    if bad:
        report["skipped"] = [readable(path.relative_to(photos.root).as_posix()) for path in bad]
    return report


def command_line(arguments: Sequence[str]) -> str:
    """As it was typed, but absolute paths keep their last name alone: where things lie here is nobody's business."""
    shown_arguments = [re.sub(r"(^|=)(/[^=]*)", lambda found: found[1] + PurePosixPath(found[2]).name, argument)
            for argument in arguments]
    return shlex.join(["python", "-m", "train.evaluate", *map(readable, shown_arguments)])


def markdown(report: dict) -> str:
    """One table, a row a measure, a column a model; then what was measured on and why a value is missing."""
    models = report["models"]
    names = list(dict.fromkeys(name for model in models for name in model["scores"]))
    lines = ["| measure | " + " | ".join(escaped(model["name"]) for model in models) + " |",
             "|---|" + "---:|" * len(models)]
    for name in names:
        lines.append(f"| {name} | " + " | ".join(shown(name, model["scores"].get(name)) for model in models) + " |")
    lines.append("")
    for name, protocol in report["protocols"].items():
        left_out = f", {len(protocol['skipped'])} left out as unreadable" if "skipped" in protocol else ""
        lines.append(f"- {name}: {protocol['description']} ({protocol['photos']} photos of "
                     f"{escaped(protocol['data'])} at {protocol['resolution']} px{left_out}).")
    reasons: dict[str, list[str]] = {}
    for model in models:
        for name, reason in model["notes"].items():
            reasons.setdefault(f"{escaped(model['name'])}: {escaped(reason)}", []).append(name)
    lines += [f"- – {', '.join(names)}; {reason}." for reason, names in reasons.items()]
    lines += ["", f"Made {report['made']} by `{report['command']}`."]
    return "\n".join(lines) + "\n"


def shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name.endswith(("/count", "/tokens", "/bits", "/bytes")):
        return f"{value:.0f}"
    return f"{value:.2f}" if "psnr" in name or "rfid" in name else f"{value:.3f}"


def escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def write(path: Path, text: str, *, replace: bool) -> None:
    try:
        write_whole(path, text.encode(errors="backslashreplace"), replace=replace)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}); choose another --out.") from error


def _complain(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr, flush=True)
    return BAD_INPUT


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
