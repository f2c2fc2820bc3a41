"""Concept indexes on the command line: `python -m index build PHOTOS --out DIR`, then `search DIR PHOTO`.

Heavy packages are imported by the commands that need them, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from model.startup import start_command
from photos.limits import LOCAL, local_limits

if TYPE_CHECKING:
    from index.build.report import BuildReport
    from index.build.updating import UpdateReport
    from index.concept_index import ConceptIndex
    from photos.sources.source import BadPhoto, Source

BAD_INPUT = 2  # the exit status of anything a person can mend
STOPPED = 130  # by Ctrl-C
MOST_HITS = 1_000_000
MOST_NAMED = 5  # bad photos named on standard error


class Parser(argparse.ArgumentParser):
    """argparse, whose errors are one sentence here."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{message[:1].upper()}{message[1:]}; see {self.prog} --help.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except ValueError as error:  # ConceptIndexError, CheckpointError, and a photo that cannot be opened
        return _complain(str(error))
    except OSError as error:
        named = error.filename or getattr(options, "out", None) or getattr(options, "index", None) or "A file"
        return _complain(f"{named} cannot be read or written ({error.strerror or error}); see to it and run the same "
                         "command again.")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m index", description="Concepts of many photos, searchable.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run, help: str, more: str = "") -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=f"{help[:1].upper()}{help[1:]}. {more}".strip())
        made.set_defaults(command=run)
        return made

    build = command("build", _build, "index the photos of a source",
                    "What is there already is passed over, so the same command goes on where it stopped. Photos that "
                    "cannot be opened are named at the end.")
    build.add_argument("sources", metavar="SOURCE", nargs="+", help=SOURCE_HELP)
    build.add_argument("--out", metavar="DIR", type=Path, required=True, help="the index; made if it does not exist")
    _add_model(build)
    build.add_argument("--resolution", type=int, metavar="PIXELS",
                       help="the long side the model sees, 224 to 1024 (default: the index's, or 448)")
    build.add_argument("--engine", default="local", choices=("local", "ray"),
                       help="what encodes: this process, or a Ray cluster (requirements-scale.txt; default: local)")
    _add_backend(build)
    _add_source_options(build)

    add = command("add", _add, "index more photos, in an index that exists")
    add.add_argument("index", metavar="DIR", type=Path, help="the index")
    add.add_argument("sources", metavar="SOURCE", nargs="+", help=SOURCE_HELP)
    _add_model(add)
    _add_backend(add)
    _add_source_options(add)

    update = command("update", _update, "make an index say of a folder what the folder says now",
                     "Moved photos are followed, changed ones replaced, deleted ones removed, new ones added. What has "
                     "the size and time that it had is not read. Photos of other folders are left alone.")
    update.add_argument("source", metavar="SOURCE", help="a folder that the index was built of")
    update.add_argument("--out", metavar="DIR", type=Path, required=True, help="the index, which exists")
    update.add_argument("--keep-missing", action="store_true", help="photos whose files are gone stay")
    update.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")
    update.add_argument("--reread", action="store_true", help="read every file, whatever its size and time say")
    update.add_argument("--adopt", action="store_true",
                        help="photos whose folder the index does not know, as of older programs, came from SOURCE")
    update.add_argument("--moved-from", metavar="FOLDER", type=Path, help="where SOURCE was before")
    update.add_argument("--verbose", action="store_true", help="name every photo that is not unchanged")
    update.add_argument("--label-from-folder", action="store_true", help="label new photos with the folder they lie in")
    _add_reading_options(update)
    update.add_argument("--quiet", action="store_true", help="no progress")
    update.add_argument("--engine", default="local", choices=("local", "ray"), help=argparse.SUPPRESS)
    _add_model(update)
    _add_backend(update)

    remove = command("remove", _remove, "take photos out of an index")
    remove.add_argument("index", metavar="DIR", type=Path, help="the index")
    remove.add_argument("photos", metavar="PHOTO", nargs="+",
                        help="a photo's number, as search prints it, its file, or the path where it was: as search "
                             "prints it or from the root of the disk")

    search = command("search", _search, "find a photo's concept in the photos of an index",
                     "The photo need not be in the index; where it is, it is not among its own hits.")
    search.add_argument("index", metavar="DIR", type=Path, help="the index")
    search.add_argument("photo", metavar="PHOTO", type=Path, help="JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF")
    search.add_argument("--concept", type=int, metavar="TOKEN", help="which of its concepts (default: the heaviest)")
    search.add_argument("--k", type=int, default=20, metavar="N", help="how many hits (default: 20)")
    search.add_argument("--label", metavar="LABEL", action="append", help="only photos that have it; may be repeated")
    search.add_argument("--exact", action="store_true", help="compare with every concept")
    search.add_argument("--json", action="store_true", help="one JSON object on standard output, no words")
    _add_model(search)
    _add_backend(search)

    teach = command("teach", _teach, "teach an index a word by examples",
                    "Search prints concepts' numbers. The word is searched like any other, and is taught anew where it "
                    "was taught before.")
    teach.add_argument("index", metavar="DIR", type=Path, help="the index")
    teach.add_argument("word", metavar="WORD", nargs="?", help="what to call these concepts")
    teach.add_argument("--yes", metavar="ID", nargs="+", type=int, help="concepts that are it, three or more")
    teach.add_argument("--no", metavar="ID", nargs="+", type=int, help="concepts that are not it, one or more")
    teach.add_argument("--list", action="store_true", help="the words that the index was taught")
    teach.add_argument("--forget", metavar="WORD", help="the index forgets this word")
    teach.add_argument("--json", action="store_true", help="one JSON object on standard output, no words")

    info = command("info", _info, "what an index holds")
    info.add_argument("index", metavar="DIR", type=Path, help="the index")
    info.add_argument("--json", action="store_true", help="one JSON object on standard output, no words")

    verify = command("verify", _verify, "read every file of an index and compare it with its hash",
                     "Exit status 2 where something is damaged; every damaged file is named.")
    verify.add_argument("index", metavar="DIR", type=Path, help="the index")

    compact = command("compact", _compact, "make small files large ones and forget what was removed")
    compact.add_argument("index", metavar="DIR", type=Path, help="the index")
    _add_backend(compact)

    export = command("export", _export, "write an index as files that pandas, datasets and Embedding Atlas open")
    export.add_argument("index", metavar="DIR", type=Path, help="the index")
    export.add_argument("--out", metavar="DIR", type=Path, required=True, help="made if it does not exist")
    export.add_argument("--kind", default="parquet", choices=("parquet", "lance"), help="default: parquet")
    export.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    return parser


SOURCE_HELP = ("a folder of photos, a photo, a list of them (.txt, a path a line), Parquet or tar files or a folder of "
               "them, a folder that datasets has saved, or a hub data set (owner/name)")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="a published name, a file or a folder (default: the index's, or nano)")


def _add_backend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", default="faiss", choices=("faiss", "milvus"),
                        help="what searches the vectors (milvus: requirements-scale.txt; default: faiss)")
    parser.add_argument("--uri", help="of the Milvus server, or a file for Milvus Lite")


@contextmanager
def _searched_by(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """What `ConceptIndex.open` is told of --backend."""
    if (options.backend == "milvus") != (options.uri is not None):
        raise ValueError("--backend milvus and --uri go together; name both, or neither.")
    if options.uri is None:
        yield {}
        return
    from index.search.milvus_vectors import Milvus

    with Milvus(options.uri) as milvus:
        yield {"searcher": milvus}


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--label-from-folder", action="store_true", help="label a photo with the folder it lies in")
    parser.add_argument("--column", help="of a table: the pictures (default: found by their kind)")
    parser.add_argument("--label-column", help="of a table: the labels (default: label, or the only classes)")
    parser.add_argument("--config", help="of a hub data set that has several, such as imagenette's 320px")
    _add_reading_options(parser)
    parser.add_argument("--verbose", action="store_true", help="name every file that is left out, and why")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def _add_reading_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--split", help="of a data set that has splits, or all (default: train)")
    parser.add_argument("--hidden", action="store_true",
                        help="also what is skipped by its name: hidden files and folders, @eaDir, #recycle and such")
    parser.add_argument("--max-pixels", type=int, metavar="N",
                        help=f"open photos of up to so many pixels (default: {LOCAL.max_pixels:,})")


# --- commands that encode -------------------------------------------------------------------------------------------


def _build(options: argparse.Namespace) -> int:
    from index.build.building import Engine, build

    source = _source(options)
    with _searched_by(options) as searched, _progress(source, options.quiet) as bar:
        report = build(source, options.out, model=options.model, resolution=options.resolution,
                       engine=Engine(options.engine), on_photo=bar.update, **searched)
    _tell_left_out(source, options)
    return _tell(report, options.out)


def _add(options: argparse.Namespace) -> int:
    from index.build.building import add_photos, stale
    from index.build.models import model_of
    from index.concept_index import ConceptIndex

    source = _source(options)
    with _searched_by(options) as searched, ConceptIndex.open(options.index, writer=True, **searched) as index:
        stellar = model_of(index, options.model)
        with _progress(source, options.quiet) as bar:
            report = add_photos(index, stellar, source, on_photo=bar.update)
        if searched:
            index.compact()  # which brings it what is new
        report.stale = stale(index, source.roots)
    _tell_left_out(source, options)
    _tell(report, options.index)
    return BAD_INPUT if report.seen == len(report.bad) else 0


def _update(options: argparse.Namespace) -> int:
    from index.build.updating import opened, update

    if options.engine != "local":
        return _complain("An update encodes in this process, not on Ray; add what is new with python -m index build "
                         "--engine ray, and update without it.")
    source = opened(options.source, options.out, label_from_folder=options.label_from_folder, split=options.split,
                    hidden=options.hidden, limits=local_limits(options.max_pixels))
    with _searched_by(options) as searched, _progress(source, options.quiet) as bar:
        report = update(source, options.out, model=options.model, keep_missing=options.keep_missing,
                        dry_run=options.dry_run, reread=options.reread, adopt=options.adopt,
                        moved_from=options.moved_from, on_photo=bar.update, **searched)
    _tell_left_out(source, options)
    return _tell_update(report, options)


def _tell_update(report: UpdateReport, options: argparse.Namespace) -> int:
    from index.build.updating import OF_FILES, OF_PHOTOS
    from index.query.hit_table import plain

    files = [f"{report.count(fate):,} {fate.value}" for fate in OF_FILES if report.count(fate)]
    photos = [f"{_count(report.count(fate), 'photo')} {fate.value}" for fate in OF_PHOTOS if report.count(fate)]
    would = "nothing was changed; an update would find " if options.dry_run else ""
    print(f"{options.out}: {would}{_count(report.num_files, 'file')}: {', '.join(files)}; "
          f"{', '.join(photos) or 'no photo removed'}; {report.num_read:,} read, {report.num_encoded:,} "
          f"{'to encode' if options.dry_run else 'encoded'}", flush=True)
    if options.verbose:
        for fate, names in report.names.items():
            for name in names:
                print(f"{fate.value}: {plain(name)}")
    if report.unplaced:
        _complain(f"{_count(report.unplaced, 'photo')} of {options.out}, whose folder it does not know, were left "
                  f"alone; where they came from {plain(options.source)} too, update with --adopt.")
    _name_bad(report.bad)
    return 0


def _source(options: argparse.Namespace) -> Source:
    from photos.sources.open import open_sources

    return open_sources(options.sources, label_from_folder=options.label_from_folder, column=options.column,
                        label_column=options.label_column, split=options.split, config=options.config,
                        hidden=options.hidden, limits=local_limits(options.max_pixels))


def _progress(source: Source, quiet: bool):
    """Photos a second and the time left; on a terminal alone, unless `quiet`."""
    from tqdm import tqdm

    return tqdm(total=source.num_photos, unit="photo", smoothing=0.1, disable=True if quiet else None)


def _tell_left_out(source: Source, options: argparse.Namespace) -> None:
    """What of the source is no photo: how much for which reason, and with --verbose each by its name."""
    if source.left_out:
        named = source.left_out.left_out if options.verbose else ()
        _complain("\n".join([source.left_out.sentence + ("" if named else " (--verbose names each)"),
                             *map(str, named)]))


def _tell(report: BuildReport, path: Path) -> int:
    from index.query.hit_table import plain
    from photos.text import printable

    rate = f", {report.added / report.seconds:.1f} photos a second" if report.added and report.seconds else ""
    print(f"{path}: {_count(report.added, 'photo')} with {_count(report.num_concepts, 'concept')} added, "
          f"{report.known:,} there already, {len(report.bad):,} that could not be opened{rate}", flush=True)
    for stale in report.stale:
        kinds = [f"{_count(number, 'file')} {what}" for number, what in (
            (stale.gone, "missing now"), (stale.changed, "changed since")) if number]
        _complain(f"Of what came from {printable(stale.root.name)}: {' and '.join(kinds)}. A build only adds; python "
                  f"-m index update {plain(str(stale.root))} --out {path} takes out what is gone.")
    _name_bad(report.bad)
    return 0


def _name_bad(photos: Sequence[BadPhoto]) -> None:
    from photos.text import printable

    for bad in photos[:MOST_NAMED]:
        _complain(f"{printable(bad.source)}: {bad.reason}")
    if len(photos) > MOST_NAMED:
        _complain(f"and {len(photos) - MOST_NAMED:,} more that could not be opened")


def _search(options: argparse.Namespace) -> int:
    from index.build.encoding import encode_one
    from index.build.models import model_of
    from index.concept_index import ConceptIndex
    from index.query.hit_table import hits_json, hits_table
    from photos.sources.filenames import readable
    from photos.sources.source import BadPhoto, read_file

    if not 1 <= options.k <= MOST_HITS:
        return _complain(f"--k is {_short(str(options.k))}; ask for 1 to {MOST_HITS:,} hits.")
    photo = read_file(options.photo, readable(options.photo.name))
    if isinstance(photo, BadPhoto):
        return _complain(f"{photo.source}: {photo.reason}")
    with _searched_by(options) as searched, ConceptIndex.open(options.index, **searched) as index:
        try:
            encoded = encode_one(model_of(index, options.model), photo, resolution=index.model.resolution)
        except ValueError as error:
            return _complain(str(error))
        tokens = [concept.token for concept in encoded.concepts]
        if options.concept is not None and options.concept not in tokens:
            return _complain(f"{photo.source} has no concept {options.concept}; it has "
                             f"{', '.join(map(str, tokens)) or 'none'}.")
        if not tokens:
            return _complain(f"{photo.source} has no concepts to search by; choose another photo.")
        place = max(range(len(tokens)), key=lambda place: encoded.concepts[place].mass) \
            if options.concept is None else tokens.index(options.concept)
        hits = index.search(encoded.vectors[place][None], k=options.k, where=_where(index, options, photo.sha256),
                            exact=options.exact)[0]
        photos = {hit.concept.photo: index.photo(hit.concept.photo) for hit in hits}
        taught = index.taught_names([hit.concept for hit in hits])
    said = (hits_json if options.json else hits_table)(photo.source, encoded.concepts[place], hits, photos, taught)
    print(said)
    return 0


def _where(index: ConceptIndex, options: argparse.Namespace, sha256: str):
    from index.query.filters import Filter

    unknown = [label for label in options.label or () if label not in index.labels]
    if unknown:
        raise ValueError(f"No photo of {index.path} has the label {unknown[0]}; it has "
                         f"{', '.join(index.labels[:10]) or 'none'}{' ...' if len(index.labels) > 10 else ''}.")
    own = index.find_photo(sha256)
    if own is None and not options.label:
        return None
    return Filter(labels=tuple(options.label) if options.label else None, not_photos=(own,) if own is not None else ())


# --- commands that do not -------------------------------------------------------------------------------------------


def _remove(options: argparse.Namespace) -> int:
    from index.concept_index import ConceptIndex

    with ConceptIndex.open(options.index, writer=True) as index:
        ids = [int(photo) if photo.isdecimal() and len(photo) < 19 else _photo_of(index, photo)
               for photo in options.photos]
        removed = index.remove(ids)
    if not removed:
        return _complain(f"None of these photos is in {options.index}.")
    print(f"{options.index}: {_count(removed, 'photo')} removed")
    return 0


def _photo_of(index: ConceptIndex, name: str) -> int:
    """The photo of a file, by its bytes; or that was at a path, wherever its file is now."""
    from model.checkpoints.files import sha256_of
    from photos.text import printable

    if Path(name).is_file() and (found := index.find_photo(sha256_of(name))) is not None:
        return found
    found = index.photos_at(name)
    if not found:
        raise ValueError(f"{printable(name)} is not in {index.path}; python -m index search prints the numbers and "
                         "paths of those that are.")
    if len(found) > 1:
        several = ", ".join(f"{photo.id} ({printable(photo.name)})" for photo in found[:MOST_NAMED])
        raise ValueError(f"{printable(name)} is {len(found)} photos of {index.path}; name one by its number: "
                         f"{several}.")
    return found[0].id


def _teach(options: argparse.Namespace) -> int:
    from index.concept_index import ConceptIndex
    from index.query.taught import shown

    marks = (options.yes, options.no)
    if sum((options.word is not None or marks != (None, None), options.list, options.forget is not None)) != 1:
        return _complain("Name a word with --yes and --no, or --list, or --forget WORD, one of these; see python -m "
                         "index teach --help.")
    if options.list:
        with ConceptIndex.open(options.index) as index:
            told, said = {"taught": [word.to_json() for word in index.taught]}, [shown(word) for word in index.taught]
        print(json.dumps(told) if options.json else "\n".join(said or [f"{options.index}: no word was taught"]))
        return 0
    with ConceptIndex.open(options.index, writer=True) as index:
        if options.forget is not None:
            if not index.forget(options.forget):
                known = ", ".join(word.word for word in index.taught) or "none"
                return _complain(f"{options.index} was not taught {_short(options.forget)}; it was taught {known}.")
            told, said = {"forgotten": options.forget}, f"{options.index}: {_short(options.forget)} forgotten"
        else:
            word = index.teach(options.word, options.yes or (), options.no or ())
            concepts, photos = index.taught_counts(word)
            told = {**word.to_json(), "concepts": concepts, "photos": photos}
            said = (f"{options.index}: {shown(word)}; {_count(concepts, 'concept')} of {_count(photos, 'photo')} "
                    "probably are it")
    print(json.dumps(told) if options.json else said)
    return 0


def _info(options: argparse.Namespace) -> int:
    from index.concept_index import ConceptIndex

    with ConceptIndex.open(options.index) as index:
        model = index.model
        nbytes = sum(file.stat().st_size for file in options.index.rglob("*") if file.is_file())
        told = {"photos": index.num_photos, "concepts": index.num_concepts, "labels": len(index.labels),
                "bytes": nbytes, "version": index.version, "model": model.name, "sha256": model.sha256,
                "resolution": model.resolution, "width": model.width, "summary_width": model.summary_width,
                "tokens": model.num_tokens, "folders": [root.name for root in index.roots]}
    if options.json:
        print(json.dumps(told))
    else:
        print(f"{options.index}: {_count(told['photos'], 'photo')}, {_count(told['concepts'], 'concept')}, "
              f"{_count(told['labels'], 'label')}, {nbytes / 1e6:.1f} MB\n"
              f"model {model.name} (weights {model.sha256[:8]}), {model.num_tokens} concepts {model.width} wide, "
              f"photos at {model.resolution} px; version {told['version']}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from index.concept_index import ConceptIndex

    with ConceptIndex.open(options.index) as index:
        faults = index.verify()
        told = f"{_count(index.num_photos, 'photo')}, {_count(index.num_concepts, 'concept')}"
    for fault in faults:
        _complain(fault)
    if faults:
        return BAD_INPUT
    print(f"{options.index}: {told}, all as they were written")
    return 0


def _compact(options: argparse.Namespace) -> int:
    from index.concept_index import ConceptIndex

    with _searched_by(options) as searched, ConceptIndex.open(options.index, writer=True, **searched) as index:
        index.compact()
        print(f"{options.index}: {_count(index.num_photos, 'photo')}, {_count(index.num_concepts, 'concept')}")
    return 0


def _export(options: argparse.Namespace) -> int:
    from index.concept_index import ConceptIndex

    with ConceptIndex.open(options.index) as index:
        for path in index.export(options.out, file_format=options.kind, overwrite=options.overwrite):
            print(path)
    return 0


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _short(text: str) -> str:
    from photos.text import printable

    return printable(text if len(text) <= 60 else f"{text[:57]}...")


def _complain(sentence: str) -> int:
    print(sentence, file=sys.stderr, flush=True)
    return BAD_INPUT


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # the same of the hub's client, which tells of each attempt
    start_command()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        _complain("Stopped; what was encoded is kept, and the same command goes on.")
        sys.exit(STOPPED)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
