"""The paper's tables in Models: figures as published, and under them what result files beside models and runs hold."""

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from stellar_explorer.models.library import ASSETS, Library
from stellar_explorer.models.paper_tables import MISSING
from stellar_explorer.models.routes import library_routes
from tests.runs import HOSTILE
from train.tables.declaration import Table
from train.tables.published import as_data
from train.tables.run import TABLES, declared

MADE = {"made": "2026-11-26", "commit": "abc1234", "command": "python -m train.evaluate --table downstream"}


def cell(value, **more):
    return {"value": value, **MADE, **more}


def write(path: Path, table: str, cells: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"table": table, "settings": {}, "cells": cells}), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path):
    """assets/ with the figures alone, and a run."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "tables.json").write_bytes((ASSETS / "tables.json").read_bytes())
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "recipe.json").write_text("{}", encoding="utf-8")
    return tmp_path


def told(folder) -> dict:
    library = Library(assets=folder / "assets", runs=folder / "runs")
    client = TestClient(Starlette(routes=library_routes(library)))
    answer = client.get("/stellar/models/tables.json")
    assert answer.status_code == 200
    return answer.json()


def table_of(answer: dict, name: str) -> dict:
    return next(table for table in answer["tables"] if table["name"] == name)


def test_the_published_figures_are_up_to_date():
    """python -m train.tables > assets/tables.json"""
    assert json.loads((ASSETS / "tables.json").read_text(encoding="utf-8")) == as_data()


@pytest.mark.parametrize("name", TABLES)
def test_the_published_figures_are_shown_as_they_are(folder, name):
    table: Table = declared(name)
    found = table_of(told(folder), name)
    published = {row.label: row.published for row in table.rows if row.published}
    assert {row["label"]: row["values"] for row in found["rows"]} == published
    assert {row["kind"] for row in found["rows"]} <= {"published"}
    assert found["without"] == len(table.rows) - len(published)
    assert [column["name"] for column in found["columns"]] == [
        column.name for column in table.columns if any(column.name in values for values in published.values())]


def test_what_was_measured_stands_under_it_with_date_command_and_commit(folder):
    write(folder / "runs" / "mine" / "table-downstream.json", "downstream", {
        "stellar-b16": {"imagenet-1k": cell(0.7291), "pets": cell(0.5)}, "mine": {"ade20k": cell(0.25)},
        "mocov3-b16": {"imagenet-1k": {"failed": "its weights are on no hub"}}})
    write(folder / "runs" / "table-invariance.json", "invariance", {"dino-b16": {"crops": cell(0.9)}})
    answer = told(folder)
    found = table_of(answer, "downstream")
    kinds = [row["kind"] for row in found["rows"]]
    assert kinds == sorted(kinds, reverse=True), "published first, measured under it"
    ours = {row["label"]: row for row in found["rows"] if row["kind"] == "measured"}
    assert ours["STELLAR b16"]["values"] == {"imagenet-1k": 72.91, "pets": 50.0}
    assert ours["mine"]["values"] == {"ade20k": 25.0} and ours["mine"]["place"] == "mine/table-downstream.json"
    assert MADE.items() <= ours["mine"].items()
    assert "pets" in [column["name"] for column in found["columns"]]
    assert found["missing"] == ["MoCo v3, ImageNet-1k top-1 (%): its weights are on no hub."]
    assert table_of(answer, "invariance")["rows"][0]["values"] == {"crops": pytest.approx(0.1)}
    assert not answer["problems"]


@pytest.mark.parametrize("text", ["{", "[]", '{"table": "tokens"}', '{"table": "tokens", "cells": {"a": 3}}',
                                  '{"table": "tokens", "cells": {"a": {"rfid": null}}}'])
def test_a_file_that_is_no_tables_is_named_and_breaks_nothing(folder, text):
    (folder / "runs" / "mine" / "table-odd.json").write_text(text, encoding="utf-8")
    answer = told(folder)
    assert len(answer["tables"]) == len(TABLES)
    assert len(answer["problems"]) == 1 and answer["problems"][0].startswith("table-odd.json cannot be read: it ")


def test_odd_values_and_hostile_words_are_text(folder):
    write(folder / "runs" / "mine" / "table-tokens.json", "tokens", {
        HOSTILE: {"rfid": {"value": 1e999}, "lpips": {"value": "0.2"}, "imagenet-1k": {"value": 1e308},
                  "ade20k": {"value": 0.2, "made": 3, "commit": ["x"], "command": HOSTILE + "\n"}}})
    rows = [row for row in table_of(told(folder), "tokens")["rows"] if row["kind"] == "measured"]
    assert len(rows) == 1 and rows[0]["values"] == {"ade20k": 20.0}
    assert rows[0]["label"] == HOSTILE[:80] and rows[0]["made"] == rows[0]["commit"] == ""
    assert rows[0]["command"] == HOSTILE + " "


def test_without_the_figures_it_says_how_they_are_written(folder):
    (folder / "assets" / "tables.json").unlink()
    assert told(folder) == {"tables": [], "problems": [MISSING]}
