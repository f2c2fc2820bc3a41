"""What the tables declare, as data: the page, which knows nothing of training, shows the published figures by it."""

from __future__ import annotations

from typing import Any

from train.tables.declaration import Table
from train.tables.run import TABLES, declared


def as_data() -> dict[str, Any]:
    return {"tables": [table_as_data(declared(name)) for name in TABLES]}


def table_as_data(table: Table) -> dict[str, Any]:
    """data: as --data NAME=FOLDER has it; scale, from_one: how a measured value is shown, as `Column.shown` has it."""
    return {
        "name": table.name, "label": table.label, "source": table.source,
        "columns": [{"name": column.name, "label": column.label, "data": column.data.name, "digits": column.digits,
                     "scale": column.scale, "from_one": column.from_one} for column in table.columns],
        "rows": [{"name": row.name, "label": row.label, "published": row.published} for row in table.rows],
    }
