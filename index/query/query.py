"""Query: what can be asked of an index, as a value that is small enough, to JSON and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np

from index.query import query_checks as check

MOST_DEPTH = 8
MOST_PARTS = 32  # leaves of a whole query, and terms of one sum


class Query:
    """Every query; `Query.from_json` makes the one that the JSON names by its kind."""

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type[Query]]] = {}

    def __init_subclass__(cls) -> None:
        Query.kinds[cls.kind] = cls
        # Before @dataclass gives the class its own, which cannot compare arrays.
        cls.__eq__, cls.__hash__ = Query.__eq__, Query.__hash__  # type: ignore[method-assign]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((self.kind, self._values()))

    def _values(self) -> tuple:
        return tuple(comparable(getattr(self, one.name)) for one in fields(self))  # type: ignore[arg-type]

    def parts(self) -> tuple[Query, ...]:
        """The queries that this one is made of, in reading order."""
        return ()

    def leaves(self) -> Iterator[Query]:
        """What the query is made of in the end, in reading order: a hit names the leaf that it is of by its number.

        A sum or a refinement is one leaf, for its hits are found by one vector.
        """
        if not self.parts():
            yield self
        for part in self.parts():
            yield from part.leaves()

    def depth(self) -> int:
        return 1 + max((part.depth() for part in self.parts()), default=0)

    def to_json(self) -> dict[str, Any]:
        """What json.dumps takes. Vectors are base64 of little-endian float32; what a default says is left out."""
        said: dict[str, Any] = {"kind": self.kind}
        for one in fields(self):  # type: ignore[arg-type]
            value = getattr(self, one.name)
            if comparable(value) != one.default:
                said[one.name] = check.packed(value) if one.metadata.get("packed") else plain(value)
        return said

    @staticmethod
    def from_json(data: Any) -> Query:
        """What `to_json` gave -> the same query. Raises ConceptIndexError."""
        return read(data, MOST_DEPTH)

    def keep(self, **values: Any) -> None:
        """The fields as the checks gave them; then the size of the whole is checked. For __post_init__ alone."""
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if (depth := self.depth()) > MOST_DEPTH:
            check.refuse(f"The query is {depth} levels deep; at most {MOST_DEPTH} are allowed")
        if (found := sum(1 for _ in self.leaves())) > MOST_PARTS:
            check.refuse(f"The query has {found} parts; at most {MOST_PARTS} are allowed")


def comparable(value: Any) -> Any:
    """A field's value with its vectors as bytes."""
    if isinstance(value, tuple):
        return tuple(map(comparable, value))
    return value.tobytes() if isinstance(value, np.ndarray) else value


def plain(value: Any) -> Any:
    if isinstance(value, Query):
        return value.to_json()
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def read(data: Any, levels: int) -> Query:
    if not isinstance(data, dict) or not isinstance(kind := data.get("kind"), str) or kind not in Query.kinds:
        check.refuse(f"A query is an object whose kind is one of {', '.join(Query.kinds)}, found {check.shown(data)}")
    if levels == 0:
        check.refuse(f"The query is more than {MOST_DEPTH} levels deep")
    chosen = Query.kinds[kind]
    known = {one.name for one in fields(chosen)}  # type: ignore[arg-type]
    for name in data:
        if name != "kind" and name not in known:
            check.refuse(f"A query of kind {kind} has {', '.join(sorted(known))}, found {check.shown(name)}")
    return chosen(**{name: inner(data[name], levels - 1, 2) for name in sorted(known & set(data))})


def inner(value: Any, levels: int, lists: int) -> Any:
    """A field's JSON with its queries read. They lie at most two lists deep: a sum's terms are pairs."""
    if isinstance(value, dict):
        return read(value, levels)
    if isinstance(value, list) and lists:
        return tuple(inner(item, levels, lists - 1) for item in value)
    return value
