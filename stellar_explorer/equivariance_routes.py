"""The addresses of "What moves, what stays": which changes there are, and what a change does to a photo."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from stellar_explorer.answers import answered, json_object
from stellar_explorer.changes import CHANGES
from stellar_explorer.equivariance import Equivariance
from stellar_explorer.server.admission import Kind

MOST_ASKED = 4 * 1024
ASKED = ("photo", "example", "model", "change", "amount", "peer")


def equivariance_routes(equivariance: Equivariance) -> list[Route]:
    """Beside `stellar_explorer.routes.routes`."""
    explorer = equivariance.explorer

    def changes(request: Request, body: bytes) -> Any:
        told = ("name", "label", "hint", "amounts", "curve")
        return {"changes": [{key: getattr(change, key) for key in told} for change in CHANGES.values()]}

    def ask(request: Request, body: bytes) -> Any:
        asked = json_object(body)
        if unknown := sorted(set(asked) - set(ASKED)):
            raise ValueError(f"A change is asked for with {', '.join(ASKED)}, found {unknown[0][:40]!r}.")
        return equivariance.answer(photo_of(asked), **asked)

    def photo_of(asked: dict[str, Any]) -> Any:
        example, token = asked.pop("example", None), asked.pop("photo", None)
        if (example is None) == (token is None):
            raise ValueError("Name one photo: an example, or the token of one that is kept.")
        return explorer.example(str(example)) if token is None else explorer.photo(str(token))

    return [
        Route("/stellar/equivariance/changes.json", answered(changes)),
        Route("/stellar/equivariance", answered(ask, limit=MOST_ASKED, kind=Kind.WORK), methods=["POST"]),
    ]
