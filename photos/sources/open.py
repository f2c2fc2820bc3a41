"""What a person names -> where its photos are: the one decision for index, training and evaluation."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from photos.limits import LOCAL, Limits
from photos.sources.errors import SourceError
from photos.sources.filenames import readable, tails
from photos.sources.files import Files, files
from photos.sources.folder import Listing, beside, is_index, is_saved, list_folder
from photos.sources.hub import HUB_NAME, HubTable
from photos.sources.parquet import ParquetTables
from photos.sources.path_list import path_list
from photos.sources.pictures import ARCHIVES, LISTS, TABLES, openable_endings
from photos.sources.report import LeftOut, Reason, Report
from photos.sources.saved import SavedTable
from photos.sources.source import Source, joined, within
from photos.sources.splits import ALL, chosen, split_of, split_of_picture
from photos.sources.tars import Tars
from photos.text import printable

Photos = Files | Tars | ParquetTables | SavedTable | HubTable


def find_photos(
    name: str | os.PathLike[str],
    *,
    label_from_folder: bool = False,
    column: str | None = None,
    label_column: str | None = None,
    split: str | None = None,
    config: str | None = None,
    hidden: bool = False,
) -> Photos:
    """A folder of photos, Parquet or tar files, a saved data set, one photo, a list of paths, or a hub data set.

    A folder's photos are its pictures, unless tables in it hold pictures themselves; tar files count where there is
    neither. label_from_folder: a photo's label is the name of the folder it lies in. column, label_column: of a table,
    else found by their kinds and names. split: None for train, where a data set has splits; "all" for all of them.
    config: of a hub data set. hidden: also what is skipped by its name. Raises SourceError, in one sentence, where no
    photo can come from it.
    """
    name = os.fspath(name)
    path, shown = Path(name).expanduser(), printable(readable(name))
    columns = {"column": column, "labels": label_column}
    if path.is_dir():
        found = in_folder(path, shown, split=split, config=config, hidden=hidden, columns=columns)
    elif path.exists():
        found = in_file(path, split=split, hidden=hidden, columns=columns)
    elif not HUB_NAME.fullmatch(name) or name.endswith((*TABLES, *ARCHIVES, *LISTS, *openable_endings())):
        what = "is a link to nothing" if path.is_symlink() else "does not exist"
        raise SourceError(f"{shown} {what}; name a folder of photos, a list of them, Parquet or tar files, or a hub "
                          "data set (owner/name).")
    else:
        found = HubTable(name, split or "train", config, **columns)
    if isinstance(found, (Files, Tars)):
        return replace(found, labelled=True) if label_from_folder else found
    if label_from_folder:
        raise SourceError(f"{shown} is no folder of photos, so no folder labels them; leave out --label-from-folder, "
                          "or name a column with --label-column.")
    return found


def in_file(path: Path, *, split: str | None, hidden: bool, columns: dict) -> Photos:
    ending = path.name.lower()
    if split not in (None, "train", ALL) and path.is_file():
        raise SourceError(f"{printable(readable(path.name))} is one file, which has no split {split!r}; leave --split "
                          "(in training data.split) out.")
    if ending.endswith(TABLES):
        return ParquetTables(readable(path.name), (path,), path.parent, **columns)
    if ending.endswith(ARCHIVES):
        return Tars(readable(path.name), (path,), (readable(path.name),), hidden=hidden)
    return path_list(path) if ending.endswith(LISTS) else files([path])


def in_folder(
    root: Path, shown: str, *, split: str | None, config: str | None, hidden: bool, columns: dict
) -> Photos:
    name = readable(root.resolve().name)
    if is_index(root):
        raise SourceError(f"{shown} is a concept index, not a folder of photos; name the folder that it was built "
                          "from.")
    if is_saved(root):
        return SavedTable(root, split, **columns)
    listing = list_folder(root, hidden=hidden)
    if listing.tables:
        tables = of_config(listing.tables, config, shown)
        found = ParquetTables(name, tuple(root / table for table in tables), root, **columns)
        others = [*listing.pictures, *listing.archives]
        if columns["column"] or not others or holds_images(found):
            tables, of_others, its = of_split(tables, split_of, split, shown)
            return replace(found, name=name if its in (None, "train") else f"{name} {its}",
                           paths=tuple(root / table for table in tables),
                           left_out=listing.left_out + of_others + beside(others, Reason.BESIDE))
    if listing.pictures:
        pictures, others, its = of_split(listing.pictures, split_of_picture, split, shown)
        left_out = listing.left_out + others + beside(listing.tables, Reason.TABLE) + beside(listing.archives,
                                                                                            Reason.ARCHIVE)
        return Files(name, root, pictures, left_out, is_folder=True)
    if listing.archives:
        archives, others, its = of_split(listing.archives, split_of, split, shown)
        return Tars(name, tuple(root / path for path in archives), tuple(map(readable, archives)),
                    listing.left_out + others + beside(listing.tables, Reason.TABLE), hidden=hidden)
    raise no_photos(shown, listing)


def no_photos(shown: str, listing: Listing) -> SourceError:
    found = f" ({listing.left_out.sentence})" if listing.left_out else ""
    return SourceError(f"{shown} holds no photos{found}; they are looked for in it and in its folders, and are "
                       "whatever Pillow opens.")


def holds_images(tables: ParquetTables) -> bool:
    """What cannot be read holds none: beside pictures it is a table about them."""
    try:
        return tables.holds_images
    except SourceError:
        return False


def of_split(
    paths: list[str], split_of: Callable[[str], str | None], wanted: str | None, shown: str
) -> tuple[list[str], Report, str | None]:
    """-> the files of the split, those that are of another, and which split it is, None where there are none."""
    splits = [split_of(path) for path in paths]
    if split_of is split_of_picture and (None in splits or "train" not in splits):
        splits = [None] * len(splits)  # a person's folders, one of which happens to be named so
    found = chosen(shown, splits, wanted)
    if found is None:
        return paths, Report(), None
    others = [LeftOut(readable(path), Reason.SPLIT, detail=split) for path, split in zip(paths, splits, strict=True)
              if split != found]
    return [path for path, split in zip(paths, splits, strict=True) if split == found], Report(tuple(others)), found


def of_config(tables: list[str], config: str | None, shown: str) -> list[str]:
    """The tables that lie in a folder of that name, as a cloned hub data set has its configurations."""
    if config is None:
        return tables
    found = [table for table in tables if config in table.split("/")[:-1]]
    if not found:
        there = sorted({table.split("/")[0] for table in tables if "/" in table})
        raise SourceError(f"{shown} has no configuration {config!r}; it has {', '.join(there) or 'none'}.")
    return found


def open_source(name: str | os.PathLike[str], *, limits: Limits = LOCAL, **options: object) -> Source:
    """`find_photos`, to be gone through as bytes. Raises SourceError, also for columns of what has none."""
    return source_of(with_its_columns(name, options), limits)


def source_of(photos: Photos, limits: Limits) -> Source:
    """Files have their limits from when they are read; what lies in tables and archives is given them afterwards."""
    source = photos.source(limits=limits)
    return replace(source, limits=limits) if isinstance(photos, Files) else within(source, limits)


def with_its_columns(name: str | os.PathLike[str], options: dict) -> Photos:
    found = find_photos(name, **options)
    if isinstance(found, (Files, Tars)) and (options.get("column") or options.get("label_column")):
        raise SourceError(f"{printable(readable(os.fspath(name)))} is no table, so it has no columns; leave out "
                          "--column and --label-column.")
    return found


def open_sources(names: Sequence[str], *, limits: Limits = LOCAL, **options: object) -> Source:
    """Several as one. Files, lists, tar files and tables are told apart by as much of their paths as that takes;
    photos of folders by the folders themselves (`SourceFile.root`)."""
    names = list(dict.fromkeys(names))
    if len(names) == 1:
        return open_source(names[0], limits=limits, **options)
    found = {name: with_its_columns(name, options) for name in names}
    single = [name for name in names if is_one_photo(name)]
    roots = [name for name in names if name not in single and not isinstance(found[name], HubTable)]
    ends = dict(zip(roots, tails([absolute(name) for name in roots]), strict=True))
    sources = []
    for name in names:
        if name not in single:
            photos = found[name] if name not in ends else named(found[name], readable(ends[name].as_posix()))
            sources.append(source_of(photos, limits))
        elif name == single[0]:  # the others follow it
            sources.append(source_of(files([absolute(name) for name in single]), limits))
    return joined(sources)


def absolute(name: str) -> Path:
    return Path(name).expanduser().absolute()


def is_one_photo(name: str) -> bool:
    return absolute(name).is_file() and not name.lower().endswith((*TABLES, *ARCHIVES, *LISTS))


def named(photos: Photos, end: str) -> Photos:
    """Its photos told apart from those of another source by the end of its own path."""
    if isinstance(photos, Tars) or isinstance(photos, Files) and not photos.is_folder:
        return replace(photos, prefix=f"{end}/")
    if isinstance(photos, ParquetTables):
        return replace(photos, name=end + photos.name.removeprefix(photos.root.absolute().name))
    return photos
