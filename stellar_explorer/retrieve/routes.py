"""The Retrieve tab's own addresses: what can be searched, searches, photos, and a visitor's own photos."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stellar_explorer.explorer import Explorer
from stellar_explorer.photo import MAX_BYTES
from stellar_explorer.retrieve.collections import OWN, Collections
from stellar_explorer.retrieve.concept_names import ConceptNames
from stellar_explorer.retrieve.package import (
    concept_facts,
    names_facts,
    photo_address,
    photo_facts,
    results_facts,
    vocabulary,
)
from stellar_explorer.server import answers
from stellar_explorer.server.admission import Kind
from stellar_explorer.server.answers import FOREVER
from stellar_explorer.server.request import check_fields, json_object, whole_text

MOST_BROWSED = 200


def collections_routes(explorer: Explorer, collections: Collections) -> list[Route]:
    """Beside `stellar_explorer.explore.routes.routes`. A collection's name is looked up among those offered."""
    names = ConceptNames(explorer, collections)
    answered = partial(answers.answered, told=collections.without_folders)

    def overview(request: Request, body: bytes) -> Any:
        offered = collections.offered(request.query_params.get("own"))
        return {"collections": [asdict(facts) for facts in offered], "shares_photos": collections.shares_photos}

    def search(request: Request, body: bytes) -> Any:
        name, asked = request.path_params["name"], json_object(body)
        check_fields(asked, (), ("query", "k", "least_score", "where", "fold"), "A search")
        query = asked.pop("query", None)
        found = collections.search(name, query, **asked)
        return results_facts(collections, name, query, found)

    def photos(request: Request, body: bytes) -> Any:
        name = request.path_params["name"]
        offset, limit = (count_of(request, key, most) for key, most in (("offset", 2**40), ("limit", MOST_BROWSED)))
        found = collections.get(name).photos(offset=offset, limit=limit)
        return {"photos": [photo_address(collections, name, photo) for photo in found]}

    def photo(request: Request, body: bytes) -> Any:
        name, photo_id = request.path_params["name"], id_of(request, "photo")
        index = collections.get(name)
        return photo_facts(collections, name, index.photo(photo_id), index.concepts_of(photo_id))

    def concept(request: Request, body: bytes) -> Any:
        index = collections.get(request.path_params["name"])
        [found] = index.concepts([id_of(request, "concept")])
        return {"photo": found.photo, **concept_facts(found, *index.taught_names([found]))}

    def thumbnail(request: Request, body: bytes) -> Any:
        index = collections.get(request.path_params["name"])
        return Response(index.thumbnail(id_of(request, "photo")), media_type="image/jpeg", headers=FOREVER)

    def picture(request: Request, body: bytes) -> Any:
        data = collections.picture(request.path_params["name"], id_of(request, "photo"))
        return Response(data, media_type="image/jpeg", headers=FOREVER)

    def words(request: Request, body: bytes) -> Any:
        return vocabulary(collections.get(request.path_params["name"]))

    def teach(request: Request, body: bytes) -> Any:
        from stellar_explorer.retrieve import taught_words

        name = request.path_params["name"]
        return taught_words.teach(collections.asked(name), collections.get(name), name, json_object(body))

    def taught(request: Request, body: bytes) -> Any:
        from stellar_explorer.retrieve import taught_words

        name = request.path_params["name"]
        return taught_words.names(collections.asked(name), collections.get(name), json_object(body))

    def study_names(request: Request, body: bytes) -> Any:
        return {"names": [names_facts(concept) for concept in names.of(request.path_params["token"])]}

    def make_own(request: Request, body: bytes) -> Any:
        return {"name": collections.own(secrets.token_urlsafe(18))}

    def remove_own(request: Request, body: bytes) -> Any:
        name = request.path_params["name"]
        if not name.startswith(OWN):
            raise ValueError("Only your own photos can be removed.")
        collections.remove_own(name)
        return {"removed": True}

    def leave_own(request: Request, body: bytes) -> Any:
        collections.leave_own(request.path_params["name"])
        return {"left": True}

    def drop(request: Request, body: bytes) -> Any:
        name = request.path_params["name"]
        photo_id, is_new = collections.add_own(name, body, request.query_params.get("name", ""))
        return {"photo": photo_id, "new": is_new, **asdict(collections.facts(name))}

    base = "/stellar/collections/{name}"
    return [
        Route("/stellar/collections.json", answered(overview)),
        Route("/stellar/collections/own", answered(make_own, kind=Kind.WORK), methods=["POST"]),
        Route("/stellar/studies/{token}/names.json", answered(study_names, kind=Kind.WORK)),
        Route(base, answered(remove_own), methods=["DELETE"]),
        Route(f"{base}/left", answered(leave_own), methods=["POST"]),
        Route(f"{base}/search", answered(search), methods=["POST"]),
        Route(f"{base}/photos", answered(drop, limit=MAX_BYTES, kind=Kind.WORK), methods=["POST"]),
        Route(f"{base}/photos.json", answered(photos)),
        Route(f"{base}/photos/{{photo}}.json", answered(photo)),
        Route(f"{base}/concepts/{{concept}}.json", answered(concept)),
        Route(f"{base}/thumbnails/{{photo}}.jpg", answered(thumbnail)),
        Route(f"{base}/pictures/{{photo}}.jpg", answered(picture)),
        Route(f"{base}/words.json", answered(words)),
        Route(f"{base}/teach", answered(teach, kind=Kind.WORK), methods=["POST"]),
        Route(f"{base}/taught", answered(taught), methods=["POST"]),
    ]


def count_of(request: Request, name: str, most: int) -> int:
    """Of the address; 0, or the most for a limit, where it says nothing. ValueError for what is no count."""
    return whole_text(request.query_params.get(name, str(most) if name == "limit" else "0"), f"The {name}", 0, most)


def id_of(request: Request, what: str) -> int:
    """Of the address."""
    return whole_text(request.path_params[what], f"The number of a {what}")
