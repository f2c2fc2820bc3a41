"""The Atlas tab's own addresses: a collection's map, a few concepts of it, and a selection as a file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stellar_explorer.analysis import GoneError
from stellar_explorer.atlases import Atlases

FRESH = {"Cache-Control": "no-store"}
FOREVER = {"Cache-Control": "private, max-age=86400, immutable"}
KINDS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
NUMBER = re.compile("[0-9]{1,16}")
# 200,000 ids of sixteen digits.
MOST_BYTES = 4 * 2**20


def atlas_routes(atlases: Atlases) -> list[Route]:
    """Beside the collections' own routes. A collection's name is looked up among those offered, never in a folder."""

    def answered(endpoint: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            try:
                return endpoint(request)
            except GoneError as error:
                return PlainTextResponse(str(error), status_code=404, headers=FRESH)
            except ValueError as error:
                return PlainTextResponse(str(error), status_code=400, headers=FRESH)
        return answer

    def manifest(request: Request) -> Response:
        return JSONResponse(atlases.manifest(request.path_params["name"]), headers=FRESH)

    def binary(request: Request) -> Response:
        data = atlases.binary(request.path_params["name"], request.query_params.get("map", ""))
        return Response(data, media_type="application/octet-stream", headers=FOREVER)

    def concepts(request: Request) -> Response:
        ids = ids_of(request.query_params.get("ids", "").split(","))
        return JSONResponse(atlases.concepts(request.path_params["name"], ids), headers=FRESH)

    async def export(request: Request) -> Response:
        name, kind = request.path_params["name"], request.path_params["kind"]
        if kind not in KINDS:
            return PlainTextResponse("A selection is exported as csv or parquet.", status_code=404, headers=FRESH)
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                return PlainTextResponse("The selection is too large; choose a part of it.", status_code=413,
                                         headers=FRESH)

        def table(_: Request) -> Response:
            headers = {**FRESH, "Content-Disposition": f'attachment; filename="stellar-atlas-selection.{kind}"'}
            try:
                asked = json.loads(body)
                ids = ids_of(asked["ids"])
            except (ValueError, TypeError, KeyError):
                raise ValueError('Send {"ids": [...]} with the numbers of concepts.') from None
            return Response(atlases.export(name, ids, kind), media_type=KINDS[kind], headers=headers)

        return await run_in_threadpool(answered(table), request)

    return [
        Route("/stellar/collections/{name}/atlas.json", answered(manifest)),
        Route("/stellar/collections/{name}/atlas.bin", answered(binary)),
        Route("/stellar/collections/{name}/atlas/concepts.json", answered(concepts)),
        Route("/stellar/collections/{name}/atlas/export.{kind}", export, methods=["POST"]),
    ]


def ids_of(values: object) -> list[int]:
    """Whole numbers, as text or not; ValueError otherwise."""
    if not isinstance(values, list) or not values or not all(NUMBER.fullmatch(str(value)) for value in values):
        raise ValueError("Name concepts by their numbers, with commas between.")
    return [int(value) for value in values]
