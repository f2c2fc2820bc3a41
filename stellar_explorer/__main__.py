"""The page's work without a page: `python -m stellar_explorer localize PHOTO... --out DIR`, and `edit PHOTO`; and the
page on the hub: `space OWNER/NAME`.

Heavy packages are imported by the commands that need them, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from model.startup import start_command
from model.targets import TakenError, check_free
from photos.limits import KEPT_PIXELS, LOCAL, local_limits

if TYPE_CHECKING:
    from stellar_explorer.explorer import Explorer

BAD_INPUT = 2  # the exit status of anything a person can mend
RESULTS = {"figure": "localization.png", "arrays": "localization.npz", "masks": "masks.zip", "rle": "masks.json"}
LONGEST_NAME = 120  # bytes of a photo's name kept in its outputs' names


class Parser(argparse.ArgumentParser):
    """argparse, whose errors are one sentence here."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{message[:1].upper()}{message[1:]}; see {self.prog} --help.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    return options.command(options)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m stellar_explorer", description="What a vision model sees in a photo.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    localize = commands.add_parser(
        "localize",
        help="where the concepts of photos are: a figure, masks and arrays for each",
        description="For each PHOTO writes into DIR: NAME.localization.png (the figure), NAME.localization.npz "
        "(localization, semantics), NAME.masks.zip (a PNG a concept) and NAME.masks.json (COCO run-length masks). A "
        "second photo of a name gets NAME-2. Nothing is written where one of these is there already. Exit status 2 if "
        "any photo could not be read.")
    localize.add_argument("photos", metavar="PHOTO", nargs="+", help="JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP")
    localize.add_argument("--out", metavar="DIR", type=Path, required=True, help="made if it does not exist")
    localize.add_argument("--model", default="nano", help="a published name, a file or a folder (default: nano)")
    localize.add_argument("--resolution", type=int, default=448, metavar="PIXELS",
                          help="the long side the model sees, 224 to 1024 (default: 448)")
    localize.add_argument("--threshold", type=float, default=1.0, metavar="T",
                          help="a concept is where its localization > T / K, 0 < T <= K tokens (default: 1)")
    _add_overwrite(localize)
    add_max_pixels(localize)
    localize.add_argument("--json", action="store_true", help="one JSON object a photo on standard output, no words")
    localize.set_defaults(command=_localize)
    edit = commands.add_parser(
        "edit",
        help="replay a recipe of edits on a photo: the decoded picture",
        description="Applies the edits of a recipe, as the page's Edit tab saves it, to PHOTO's concepts and writes "
        "the decoded picture as PNG. Photos that the recipe takes concepts from are examples by their id, or files: "
        "looked for beside the recipe, or given with --photo. Exit status 2 if anything cannot be read or done.")
    edit.add_argument("photo", metavar="PHOTO", help="JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP")
    edit.add_argument("--recipe", metavar="FILE", type=Path, required=True, help="JSON, saved on the page")
    edit.add_argument("--out", metavar="FILE", type=Path, required=True, help="the picture, a PNG")
    _add_overwrite(edit)
    add_max_pixels(edit)
    edit.add_argument("--model", help="a published name, a file or a folder (default: the recipe's)")
    edit.add_argument("--resolution", type=int, metavar="PIXELS",
                      help="the long side the model sees, 224 to 1024 (default: the recipe's, or 448)")
    edit.add_argument("--photo", dest="others", metavar="NAME=PATH", action="append", default=[],
                      help="where a photo is that the recipe calls NAME; as often as there are such")
    edit.set_defaults(command=_edit)
    space = commands.add_parser(
        "space",
        help="make this page a Space on the Hugging Face hub, or bring that Space up to date",
        description="Sends what git tracks of what the page needs to run, in one commit, with requirements of its own "
        "for the hardware. The token is HF_TOKEN's, or that of `hf auth login`. Exit status 2, with a sentence, if "
        "it cannot be done.")
    space.add_argument("name", metavar="OWNER/NAME", help="of the Space; made if it is not there")
    space.add_argument("--private", action="store_true", help="only you see it")
    space.add_argument("--hardware", metavar="NAME",
                       help="as the hub calls it: cpu-basic (free; the default), zero-a10g, t4-small, ...")
    space.add_argument("--dry-run", action="store_true", help="list what would be sent; asks nobody, needs no token")
    space.set_defaults(command=_space)
    return parser


def _add_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there already")


def _localize(options: argparse.Namespace) -> int:
    from stellar_explorer.photo import MAX_RESOLUTION, MIN_RESOLUTION

    if not MIN_RESOLUTION <= options.resolution <= MAX_RESOLUTION:
        return _complain(f"--resolution is {options.resolution}; it must be from {MIN_RESOLUTION} to {MAX_RESOLUTION}.")
    if not 0 < options.threshold < math.inf:
        return _complain(f"--threshold is {options.threshold:g}; it must be above 0 and at most the number of tokens.")
    taken: set[str] = set()
    targets = [_targets(options.out, _free_name(photo, taken)) for photo in options.photos]
    try:
        check_free((path for paths in targets for path in paths.values()), overwrite=options.overwrite)
    except TakenError as error:
        return _complain(str(error))

    from stellar_explorer.explorer import Explorer

    explorer = Explorer((options.model,))
    complaints: list[str] = []
    for number, (photo, paths) in enumerate(zip(options.photos, targets, strict=True), start=1):
        try:
            report = _localize_one(explorer, photo, number, paths, options)
        except (ValueError, OSError) as error:
            complaint = str(error)
        else:
            print(json.dumps(report) if options.json else _in_words(report), flush=True)
            continue
        if complaint not in complaints:  # a wrong model is one mistake, however many photos there are
            _complain(complaint)
        complaints.append(complaint)
    return BAD_INPUT if complaints else 0


def _localize_one(
    explorer: Explorer, path: str, number: int, paths: dict[str, Path], options: argparse.Namespace
) -> dict[str, object]:
    """Writes one photo's four files and -> what --json prints."""
    from stellar_explorer.photo import open_photo, printable
    from stellar_explorer.views.arrays import factorization_npz
    from stellar_explorer.views.basis import fit_basis
    from stellar_explorer.views.diagnostics import explained_variance
    from stellar_explorer.views.figure import figure
    from stellar_explorer.views.masks import coco_json, masks_zip

    photo = open_photo(path, limits=local_limits(options.max_pixels))
    size = photo.info["size"]
    analysis = explorer.analyse(photo, model=options.model, resolution=options.resolution)
    num_tokens = analysis.localization.shape[1]
    if options.threshold > num_tokens:
        raise ValueError(f"--threshold is {options.threshold:g}; it must be above 0 and at most {num_tokens}, "
                         f"the tokens of {printable(options.model)}.")
    threshold = options.threshold
    basis = fit_basis([analysis.patch_features])
    contents = {
        "figure": figure(photo, analysis, basis, threshold=threshold),
        "arrays": factorization_npz(analysis, size),
        "masks": masks_zip(analysis, size, threshold=threshold),
        "rle": coco_json(analysis, size, threshold=threshold, image_id=number),
    }
    for kind, content in contents.items():
        _write(paths[kind], content, replace=options.overwrite)
    return {
        "photo": path,
        "photo_size": [size[1], size[0]],
        "notes": photo.info.get("notes", []),
        **{kind: str(path) for kind, path in paths.items()},
        "model": analysis.model,
        "resolution": analysis.resolution,
        "threshold": threshold,
        "patch_size": analysis.patch_size,
        "patch_grid": list(analysis.patch_grid),
        "image_size": list(analysis.image_size),
        "num_tokens": num_tokens,
        "mass": [round(float(mass), 6) for mass in analysis.mass],
        "peak": [round(float(peak), 6) for peak in analysis.peak],
        "explained_variance": round(explained_variance(analysis.patch_features, analysis.low_rank), 6),
        "seconds": round(analysis.seconds, 4),
    }


def _in_words(report: dict) -> str:
    from stellar_explorer.photo import printable

    rows, cols = report["patch_grid"]
    notes = "".join(f" {note}" for note in report["notes"])
    return (f"{printable(Path(report['photo']).name)}: {rows} x {cols} patches, "
            f"{report['explained_variance']:.0%} explained, {report['seconds']:.2f} s -> {report['figure']}{notes}")


def _edit(options: argparse.Namespace) -> int:
    from stellar_explorer.edit.replay import replay

    try:
        check_free([options.out], overwrite=options.overwrite)
        picture, words = replay(options.photo, options.recipe, model=options.model, resolution=options.resolution,
                                photos=options.others, limits=local_limits(options.max_pixels))
        _write(options.out, picture, replace=options.overwrite)
    except (ValueError, OSError) as error:
        return _complain(str(error))
    print(f"{words} -> {options.out}", flush=True)
    return 0


def _space(options: argparse.Namespace) -> int:
    from huggingface_hub import SpaceHardware

    from stellar_explorer.space.files import SpaceError, space_files
    from stellar_explorer.space.publish import check_name, publish

    known = [hardware.value for hardware in SpaceHardware]
    if options.hardware is not None and options.hardware not in known:
        return _complain(f"--hardware is {options.hardware}; it must be one of {', '.join(known)}.")
    try:
        check_name(options.name)
        if options.dry_run:
            files = space_files(hardware=options.hardware or "cpu-basic")
            for file in sorted(files, key=lambda file: -file.num_bytes):
                made = "  (made for the Space)" if isinstance(file.source, bytes) else ""
                print(f"{file.num_bytes:>12,}  {file.path}{made}")
            num_bytes = sum(file.num_bytes for file in files)
            print(f"{num_bytes:>12,}  bytes in {len(files)} files would go to {options.name}")
            return 0
        published = publish(options.name, private=options.private, hardware=options.hardware)
    except SpaceError as error:
        return _complain(str(error))
    print(f"{published.address} is at {published.commit[:7]}; the hub builds it now.")
    return 0


def _targets(folder: Path, name: str) -> dict[str, Path]:
    """A photo's results, by kind. No photo is called so, but one that is a result itself."""
    return {kind: folder / f"{name}.{ending}" for kind, ending in RESULTS.items()}


def add_max_pixels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--max-pixels", type=int, metavar="N", help="open photos of so many pixels (default: "
                        f"{LOCAL.max_pixels:,}); what is above {KEPT_PIXELS:,} is reduced while it is opened")


def _free_name(photo: str, taken: set[str]) -> str:
    """The photo's name without its suffix, fit for any file system, -2, -3... if another photo has it already."""
    stem = Path(photo).stem
    stem = "".join(letter if letter.isprintable() and letter not in '<>:"/\\|?*' else "_" for letter in stem)
    while len(stem.encode()) > LONGEST_NAME:
        stem = stem[:-1]
    stem = stem.strip(". ") or "photo"
    name, copy = stem, 2
    while name.casefold() in taken:  # folded, for file systems that take Cat and cat for one
        name, copy = f"{stem}-{copy}", copy + 1
    taken.add(name.casefold())
    return name


def _write(path: Path, content: bytes, *, replace: bool) -> None:
    """Whole or not at all, power cut or not: written beside, flushed to the disk, renamed. Its folder is made."""
    from model.checkpoints.files import write_whole

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content, replace=replace)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}); choose another --out.") from error


def _complain(sentence: str) -> int:
    print(sentence, file=sys.stderr, flush=True)
    return BAD_INPUT


if __name__ == "__main__":
    start_command()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
