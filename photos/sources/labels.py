"""What a table calls its photos: which column, and a class by its name."""

from __future__ import annotations

from photos.sources.errors import SourceError

NAMES = ("label", "labels", "class")


def label_column(name: str, features: dict, wanted: str | None) -> str | None:
    """The wanted one, else one of these names, else the first of classes. Raises SourceError."""
    import datasets

    if wanted is not None and features and wanted not in features:
        raise SourceError(f"{name} has no column {wanted!r}; it has {', '.join(map(str, features))}; name one with "
                          "--label-column, or leave it out.")
    plain = [column for column in NAMES if isinstance(features.get(column), datasets.Value)]
    classes = [column for column, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    return wanted or next(iter([*[column for column in NAMES if column in classes], *classes[:1], *plain]), None)


def label_text(classes: object, value: object) -> str | None:
    """A class by its name, anything else as it is written; None stays None, and so does the -1 of unlabelled rows."""
    if value is None:
        return None
    if hasattr(classes, "int2str") and isinstance(value, int):
        return classes.int2str(value) if 0 <= value < classes.num_classes else None
    return str(value)
