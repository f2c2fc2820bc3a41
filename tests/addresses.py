"""Every address that a launched page answers at, ours and Gradio's."""

import re
from collections.abc import Iterator
from typing import Any


def addresses(app: Any) -> list[tuple[str, str]]:
    """(method, path), with {parts} that are left open."""
    return sorted({(method, route.path) for route in walked(app.routes)
                   for method in (getattr(route, "methods", None) or {"GET"}) - {"HEAD", "OPTIONS"}})


def walked(routes: list[Any]) -> Iterator[Any]:
    for route in routes:
        if (router := getattr(route, "original_router", None)) is not None:  # included, as FastAPI keeps it
            yield from walked(router.routes)
        elif hasattr(route, "path"):
            yield route


def address_of(path: str, part: str) -> str:
    """With every part that it leaves open the same."""
    return re.sub(r"{[^}]*}", part, path)
