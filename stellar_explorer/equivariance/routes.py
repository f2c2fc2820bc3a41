"""The addresses of "What moves, what stays": which changes there are, and what a change does to a photo."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from stellar_explorer.equivariance.changes import CHANGES
from stellar_explorer.equivariance.measuring import Equivariance
from stellar_explorer.server.admission import Kind
from stellar_explorer.server.answers import answered
from stellar_explorer.server.request import check_fields, json_object

MOST_ASKED = 4 * 1024
ASKED = ("photo", "example", "model", "change", "amount", "peer")


def equivariance_routes(equivariance: Equivariance) -> list[Route]:
    """Beside `stellar_explorer.explore.routes.routes`."""
    explorer = equivariance.explorer

    def changes(request: Request, body: bytes) -> Any:
        told = ("name", "label", "hint", "amounts", "curve")
        return {"changes": [{key: getattr(change, key) for key in told} for change in CHANGES.values()]}

    def ask(request: Request, body: bytes) -> Any:
        asked = json_object(body)
        check_fields(asked, (), ASKED, "What is asked for")
        photo = {name: asked.pop(name, None) for name in ("example", "photo")}
        return equivariance.answer(explorer.named({name: said for name, said in photo.items() if said is not None}),
                                   **asked)

    return [
        Route("/stellar/equivariance/changes.json", answered(changes)),
        Route("/stellar/equivariance", answered(ask, limit=MOST_ASKED, kind=Kind.WORK), methods=["POST"]),
    ]
