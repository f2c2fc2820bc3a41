"""The Atlas tab's own addresses: a collection's map, a few concepts of it, and a selection as a file."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stellar_explorer.atlas.atlases import Atlases
from stellar_explorer.kept.tokens import GoneError
from stellar_explorer.server.admission import Kind
from stellar_explorer.server.answers import FOREVER, answered
from stellar_explorer.server.attachment import attachment
from stellar_explorer.server.request import json_object

KINDS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
NUMBER = re.compile("[0-9]{1,16}")
# 200,000 ids of sixteen digits.
MOST_BYTES = 4 * 2**20


def atlas_routes(atlases: Atlases) -> list[Route]:
    """Beside the collections' own routes. A collection's name is looked up among those offered, never in a folder."""

    def manifest(request: Request, body: bytes) -> Any:
        return atlases.manifest(request.path_params["name"])

    def binary(request: Request, body: bytes) -> Response:
        data = atlases.binary(request.path_params["name"], request.query_params.get("map", ""))
        return Response(data, media_type="application/octet-stream", headers=FOREVER)

    def concepts(request: Request, body: bytes) -> Any:
        ids = ids_of(request.query_params.get("ids", "").split(","))
        return atlases.concepts(request.path_params["name"], ids)

    def titles(request: Request, body: bytes) -> Any:
        return atlases.titles(request.path_params["name"])

    def export(request: Request, body: bytes) -> Response:
        kind = request.path_params["kind"]
        if kind not in KINDS:
            raise GoneError("A selection is exported as csv or parquet.")
        try:
            ids = ids_of(json_object(body)["ids"])
        except (ValueError, KeyError):
            raise ValueError('Send {"ids": [...]} with the numbers of concepts.') from None
        headers = attachment("atlas", kind=f"selection.{kind}")
        table = atlases.export(request.path_params["name"], ids, kind)
        return Response(table, media_type=KINDS[kind], headers=headers)

    return [
        Route("/stellar/collections/{name}/atlas.json", answered(manifest)),
        Route("/stellar/collections/{name}/atlas.bin", answered(binary)),
        Route("/stellar/collections/{name}/atlas/concepts.json", answered(concepts)),
        Route("/stellar/collections/{name}/atlas/titles.json", answered(titles)),
        Route("/stellar/collections/{name}/atlas/export.{kind}",
              answered(export, limit=MOST_BYTES, kind=Kind.WORK), methods=["POST"]),
    ]


def ids_of(values: object) -> list[int]:
    """Whole numbers, as text or not; ValueError otherwise."""
    if not isinstance(values, list) or not values or not all(NUMBER.fullmatch(str(value)) for value in values):
        raise ValueError("Name concepts by their numbers, with commas between.")
    return [int(value) for value in values]
