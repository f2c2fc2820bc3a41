"""The paper's tables: the figures as published (assets/tables.json), and under them what was measured here.

Measured are the cells that `python -m train.evaluate --table NAME --out FOLDER/table-NAME.json` leaves beside a model
or a run. A file that cannot be read, or is none of those, becomes a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stellar_explorer.models.library import Library, Problems, printable_words, read_json
from stellar_explorer.views.axes import finite

DECLARED = "tables.json"
MISSING = f"assets/{DECLARED} is missing; write it: python -m train.tables > assets/{DECLARED}"
MOST_FILES, MOST_ROWS = 100, 200


def paper_tables(library: Library) -> dict[str, Any]:
    """tables: [{name, label, source, command, columns: [{name, label, digits}], rows, without, missing}], problems.

    A row: {label, kind ("published" or "measured"), values: {column: number as shown}, made, commit, command, place}.
    Columns and rows without any figure are left out; without: how many systems that are.
    """
    problems = Problems()
    declared = problems.reading(library.assets / DECLARED, read_json)
    if declared is None:
        return {"tables": [], "problems": [*problems, *([] if problems else [MISSING])]}
    measured = [(path, content) for path in result_files(library)
                if (content := problems.reading(path, read_cells)) is not None]
    return {"tables": [shown(table, [(path, content["cells"]) for path, content in measured
                                     if content["table"] == table["name"]]) for table in declared["tables"]],
            "problems": list(problems)}


def result_files(library: Library) -> list[Path]:
    """table-*.json beside models and runs, and where both lie; each once."""
    places, _ = library.places()
    folders = [library.assets, *([library.runs] if library.runs else []),
               *(place.folder for place in places if place.folder is not None)]
    found = {path.resolve(): path for folder in folders for path in sorted(folder.glob("table-*.json"))}
    return list(found.values())[:MOST_FILES]


def read_cells(path: Path) -> dict[str, Any]:
    """Raises ValueError for JSON that is no table's cells."""
    content = read_json(path)
    cells = content.get("cells")
    rows = list(cells.values()) if isinstance(cells, dict) else [None]
    if not isinstance(content.get("table"), str) or not all(
            isinstance(row, dict) and all(isinstance(cell, dict) for cell in row.values()) for row in rows):
        raise ValueError("it holds no cells of a table, as python -m train.evaluate --table writes them")
    return content


def shown(table: dict[str, Any], measured: list[tuple[Path, dict[str, Any]]]) -> dict[str, Any]:
    labels = {row["name"]: row["label"] for row in table["rows"]}
    rows = [{"label": row["label"], "kind": "published", "values": row["published"], "made": "", "commit": "",
             "command": "", "place": ""} for row in table["rows"] if row["published"]]
    missing: dict[str, None] = {}
    seen = {row["name"] for row in table["rows"] if row["published"]}
    for path, cells in measured:
        for name, some in list(cells.items())[:MOST_ROWS]:
            label = labels.get(name) or printable_words(name)[:80]
            row = measured_row(table, label, path, some)
            missing |= dict.fromkeys(reasons(table, label, some))
            if row["values"]:
                seen.add(name)
                rows.append(row)
    used = {column for row in rows for column in row["values"]}
    return {
        "name": table["name"], "label": table["label"], "source": table["source"],
        "command": f"python -m train.evaluate --table {table['name']} --data {table['columns'][0]['data']}=FOLDER "
                   f"--out FOLDER/table-{table['name']}.json",
        "columns": [{key: column[key] for key in ("name", "label", "digits")} for column in table["columns"]
                    if column["name"] in used],
        "rows": rows, "without": len(set(labels) - seen), "missing": list(missing),
    }


def measured_row(table: dict[str, Any], label: str, path: Path, cells: dict[str, Any]) -> dict[str, Any]:
    values, by = {}, []
    for column in table["columns"]:
        cell = cells.get(column["name"], {})
        value = finite(cell.get("value"))
        value = None if value is None else finite(column["scale"] * (1 - value if column["from_one"] else value))
        if value is not None:
            values[column["name"]] = round(value, 6)
            by.append(cell)
    made, commit, command = (" · ".join(dict.fromkeys(filter(None, (printable_words(cell.get(key)) for cell in by))))
                             for key in ("made", "commit", "command"))
    return {"label": label, "kind": "measured", "values": values, "made": made, "commit": commit, "command": command,
            "place": printable_words(f"{path.parent.name}/{path.name}")}


def reasons(table: dict[str, Any], label: str, cells: dict[str, Any]) -> Iterator[str]:
    for column in table["columns"]:
        cell = cells.get(column["name"], {})
        if why := printable_words(cell.get("failed") or cell.get("reason")):
            yield f"{label}, {column['label']}: {why}."
