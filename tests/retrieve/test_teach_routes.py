"""A visitor's own words: taught through the page's addresses, theirs alone, and refused in one sentence."""

import json

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from index.concept_index import ConceptIndex
from stellar_explorer.explore.routes import routes
from stellar_explorer.retrieve.collections import Collections
from stellar_explorer.retrieve.routes import collections_routes
from stellar_explorer.server.photo_routes import photo_routes
from tests.fakes.collections import make_index, photo_bytes, tiny_explorer

BASE = "/stellar/collections/mine"
YES, NO = [0, 5, 9], [2, 12]


@pytest.fixture(scope="module")
def collections(tmp_path_factory):
    place = tmp_path_factory.mktemp("server")
    explorer = tiny_explorer(place)
    (place / "root").mkdir()
    made = Collections(explorer, root=place / "root", cache=place / "cache")
    make_index(place / "root" / "mine", made.identity, num_photos=12)
    make_index(place / "root" / "other", made.identity, num_photos=4, first=50)
    made._is_started = True
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(collections):
    explorer = collections._explorer
    return TestClient(Starlette(routes=[*photo_routes(explorer, collections), *routes(explorer),
                                        *collections_routes(explorer, collections)]))


def concepts(ids: list[int]) -> list[dict]:
    return [{"concept": number} for number in ids]


def taught(client, yes=None, no=None, word: str = "ball", base: str = BASE) -> dict:
    answer = client.post(f"{base}/teach", json={"word": word, "yes": concepts(YES) if yes is None else yes,
                                                "no": concepts(NO) if no is None else no})
    assert answer.status_code == 200, answer.text
    return answer.json()


def own(word: dict, yes: list[int] = YES, no: list[int] = NO) -> dict:
    """As the browser sends it with a search."""
    return {"kind": "taught", **{part: word[part] for part in ("word", "weights", "bias")}, "yes": yes, "no": no}


def searched(client, query: dict, base: str = BASE) -> list[dict]:
    answer = client.post(f"{base}/search", json={"query": query})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


@pytest.fixture(scope="module")
def study(client, collections) -> str:
    photo = client.post("/stellar/photos", content=photo_bytes(7)).json()["token"]
    facts = collections.facts("mine")
    answer = client.post("/stellar/studies",
                         json={"photo": photo, "model": facts.model, "resolution": facts.resolution})
    return answer.json()["analysis"]["token"]


def test_a_visitor_s_word_finds_its_examples_first_and_nothing_is_kept(client, collections):
    before = collections.get("mine").version
    results = searched(client, own(taught(client)))
    assert {result["hits"][0]["concept"] for result in results[: len(YES)]} == set(YES)
    assert [result["score"] for result in results[: len(YES)]] == [1.0] * len(YES)
    assert collections.get("mine").version == before and collections.get("mine").taught == ()


def test_two_visitors_do_not_see_each_other_s_words(client):
    searched(client, own(taught(client)))
    other = TestClient(client.app)
    assert searched(other, {"kind": "name", "word": "ball"}) == []
    assert other.post(f"{BASE}/taught", json={"concepts": YES}).json() == {
        "concepts": {str(number): [] for number in YES}}
    assert "ball" not in other.get(f"{BASE}/words.json").text


def test_neither_order_nor_repetition_nor_the_collection_s_own_name_matters(client):
    plain = taught(client)
    again = taught(client, [{"concept": number, "in": "mine"} for number in (*YES[::-1], *YES)], concepts(NO[::-1]))
    assert again == plain


def test_concepts_are_called_by_a_visitor_s_words(client):
    word = own(taught(client))
    named = client.post(f"{BASE}/taught", json={"words": [word], "concepts": [*YES, *NO, 10**9]}).json()["concepts"]
    assert {number: named[str(number)] for number in YES} == {number: [["ball", 1.0]] for number in YES}
    assert all(named[str(number)] == [] for number in NO) and str(10**9) not in named


def test_a_photo_of_one_s_own_and_another_collection_teach_too(client, study):
    yes = [{"study": study, "token": 0}, {"study": study, "token": 1}, {"in": "other", "concept": 3}]
    word = taught(client, yes, [{"study": study, "token": 2}])
    named = client.post(f"{BASE}/taught", json={"words": [own(word, [], [])], "study": study}).json()
    assert len(named["study"]) == 4 and all(0.5 <= score <= 1 for names in named["study"] for _, score in names)
    assert np.isfinite(word["bias"]) and word["model"]


def test_the_collection_s_words_are_told_of_hits_photos_and_concepts(client, collections):
    path = collections.get("mine").path
    with ConceptIndex.open(path, writer=True) as index:
        index.teach("wheel of fortune", YES, NO)
    try:
        results = searched(client, {"kind": "name", "word": "fortune"})
        assert results[0]["hits"][0]["taught"] == [["wheel of fortune", 1.0]]
        facts = client.get(f"{BASE}/photos/{results[0]['photo']}.json").json()["concepts"]
        assert ["wheel of fortune", 1.0] in [name for concept in facts for name in concept["taught"]]
        assert client.get(f"{BASE}/concepts/{YES[0]}.json").json()["taught"] == [["wheel of fortune", 1.0]]
        assert client.get(f"{BASE}/words.json").json()["taught"] == ["wheel of fortune"]
    finally:
        with ConceptIndex.open(path, writer=True) as index:
            index.forget("wheel of fortune")


def test_what_cannot_be_taught_is_refused_in_a_sentence(client, study):
    def refused(status: int = 400, **said: object) -> str:
        answer = client.post(f"{BASE}/teach", json={"word": "ball", "yes": concepts(YES), "no": concepts(NO), **said})
        assert answer.status_code == status and 0 < len(answer.text) < 400 and "\n" not in answer.text
        return answer.text

    assert "at least one concept that is not it" in refused(no=[])
    assert "at least 3 concepts that are it, and here are 2" in refused(yes=concepts([0, 5, 5]))
    assert "marked both" in refused(no=[{"concept": YES[1], "in": "mine"}])
    both = {"study": study, "token": 1}
    assert "marked both" in refused(yes=[*concepts(YES), both], no=[both])
    assert "at most 60 letters, and this one has 10,000" in refused(word="x" * 10_000)
    assert "found '<'" in refused(word="<script>") and "found '$'" in refused(word="${alert(1)}{{x}}")
    assert "at least one letter" in refused(word="") and "at least one letter" in refused(word=None)
    assert "not in the index" in refused(yes=concepts([0, 1, 10**6]))
    for number, words in (("x", "whole number"), (True, "whole number"), (10**400, "401 digits")):
        assert words in refused(yes=concepts([0, 1, number]))
    assert "list of at most 256" in refused(yes="abc") and "list of at most 256" in refused(yes=concepts(range(257)))
    assert "An example is" in refused(yes=[0, 5, 9])
    assert "The collection is a text" in refused(yes=[{"concept": 1, "in": 7}])
    assert "a number from 0 to 3" in refused(yes=[*concepts(YES), {"study": study, "token": 9}])
    assert "unknown field colour" in refused(colour="red")
    refused(404, yes=[*concepts(YES), {"study": "gone", "token": 0}])
    refused(404, yes=[*concepts(YES), {"in": "nowhere", "concept": 0}])


def test_what_is_brought_along_is_looked_at(client):
    word = own(taught(client))

    def refused(path: str = "search", **said: object) -> str:
        answer = client.post(f"{BASE}/{path}", json=said)
        assert answer.status_code == 400 and 0 < len(answer.text) < 400, answer.text
        return answer.text

    assert "taught with another model" in refused(query={**word, "weights": [1.0, 2.0]})
    assert "found '<'" in refused(query={**word, "word": "<b>"})
    assert "bias must be a number" in refused(query={**word, "bias": "x"})
    assert "at most 32" in refused("taught", words=[word] * 33)
    assert "at most 512" in refused("taught", concepts=list(range(513)))
    assert "is an object" in refused("taught", words=["ball"])
    assert json.dumps(word) and "The study is a text" in refused("taught", study=3)
