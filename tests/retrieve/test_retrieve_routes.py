"""The Retrieve tab's own addresses, asked directly: what they give, what they refuse, and whose photos they show."""

import io
from dataclasses import replace
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from index.store import rle
from stellar_explorer.examples import examples
from stellar_explorer.explore.routes import routes
from stellar_explorer.photo import MAX_BYTES
from stellar_explorer.retrieve.collections import EXAMPLES, Collections
from stellar_explorer.retrieve.routes import collections_routes
from stellar_explorer.server.answers import MOST_QUERY
from stellar_explorer.server.photo_routes import photo_routes
from tests.fakes.collections import HOSTILE, make_index, photo_bytes, tiny_explorer, with_examples

BASE = "/stellar/collections"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def explorer(place):
    return tiny_explorer(place)


@pytest.fixture(scope="module")
def collections(explorer, place):
    (place / "root").mkdir()
    made = Collections(explorer, root=place / "root", cache=place / "cache")
    make_index(place / "root" / "mine", made.identity)
    make_index(place / "root" / "hostile", made.identity, num_photos=2, hostile=True)
    with_examples(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(explorer, collections):
    return TestClient(Starlette(routes=[*photo_routes(explorer, collections), *routes(explorer),
                                        *collections_routes(explorer, collections)]))


@pytest.fixture
def refused(client, place):
    """-> a function that expects one sentence, and nothing of where things lie on the server."""
    def refused(answer, *status: int) -> str:
        assert answer.status_code in (status or (400,)), answer.text
        assert answer.headers["content-type"].startswith("text/plain") and answer.headers["cache-control"] == "no-store"
        assert 0 < len(answer.text) < 400 and "\n" not in answer.text and str(place) not in answer.text
        return answer.text
    return refused


def search(client, name, query, **more):
    answer = client.post(f"{BASE}/{name}/search", json={"query": query, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def made(client, name, **asked):
    """A photo's study as the tab asks for it: as the collection's model sees photos."""
    [facts] = [one for one in client.get(f"{BASE}.json").json()["collections"] if one["name"] == name]
    return client.post("/stellar/studies", json={**asked, "model": facts["model"], "resolution": facts["resolution"]})


# What there is


def test_what_is_offered(client):
    answer = client.get(f"{BASE}.json")
    told = {facts["name"]: facts for facts in answer.json()["collections"]}
    assert list(told) == [EXAMPLES, "hostile", "mine"] and answer.headers["cache-control"] == "no-store"
    assert told[EXAMPLES]["num_photos"] == len(examples()) and told["mine"]["num_concepts"] == 24
    assert all(facts["state"] == "ready" and not facts["is_own"] for facts in told.values())
    assert answer.json()["shares_photos"] is False


def test_photos_come_in_parts(client, refused):
    whole = client.get(f"{BASE}/{EXAMPLES}/photos.json").json()["photos"]
    assert [photo["example"] for photo in whole] == list(examples())
    assert whole[0]["title"] == next(iter(examples().values())).title
    part = client.get(f"{BASE}/{EXAMPLES}/photos.json?offset=3&limit=4").json()["photos"]
    assert part == whole[3:7] and client.get(f"{BASE}/{EXAMPLES}/photos.json?offset=999").json()["photos"] == []
    for query in ("offset=-1", "limit=x", "limit=9999", "offset=%C2%B2", "limit=1e3", "offset=" + "9" * 400):
        refused(client.get(f"{BASE}/{EXAMPLES}/photos.json?{query}"))


def test_a_photo_with_its_concepts_and_pictures(client):
    photo = client.get(f"{BASE}/{EXAMPLES}/photos/2.json").json()
    rows, cols = photo["concepts"][0]["grid"]
    assert len(photo["palette"]) == photo["num_tokens"] == 4
    for concept in photo["concepts"]:
        mask = rle.decode(tuple(concept["mask"]), (rows, cols))
        assert mask.shape == (rows, cols) and sum(concept["mask"]) == rows * cols
        one = client.get(f"{BASE}/{EXAMPLES}/concepts/{concept['concept']}.json").json()
        assert one == {"photo": 2, **concept}
    for kind, side in (("thumbnail", 256), ("picture", 1024)):
        answer = client.get("/" + photo[kind])
        picture = Image.open(io.BytesIO(answer.content))
        assert answer.headers["content-type"] == "image/jpeg" and max(picture.size) <= side
        assert picture.width / picture.height == pytest.approx(photo["width"] / photo["height"], rel=0.02)
        assert "private" in answer.headers["cache-control"]


def test_a_word_that_finds_nothing_says_which_words_would(client):
    for word, why in (("vehicle", 'Nothing here is named "vehicle"'), ("horses", "knows sorrel alone"),
                      ("sunglasses", "never given as a name"), ("<b>x</b>", "No class of the classifier"),
                      ("gras", "grass")):
        told = search(client, "mine", {"kind": "not", "of": {"kind": "not", "of": {"kind": "name", "word": word}}})
        assert told["results"] == [] if word != "gras" else told["results"]
        if not told["results"]:
            assert why in told["advice"] and "dog" in told["advice"] and told["advice"].count("\n") == 0
    assert search(client, "mine", {"kind": "name", "word": "animals"})["advice"] is None


def test_words_and_labels(client):
    told = client.get(f"{BASE}/mine/words.json").json()
    assert {word for word, _ in told["words"]} <= {"cat", "dog", "grass", "sky", "wheel", "window", "animal", "mammal"}
    assert sorted(told["labels"]) == [["cat", 3], ["dog", 3]]
    offered = {one["word"]: one for one in told["suggestions"]}
    assert offered["animal"]["kind"] == "category" and offered["dog"]["kind"] == "name"
    for word, one in offered.items():
        assert one["photos"] == len(search(client, "mine", {"kind": "name", "word": word})["results"])


# Searching


def test_results_say_which_are_matches_and_that_there_is_none(client, collections, monkeypatch):
    query = {"kind": "concept", "concept": 6}
    found = search(client, "mine", query)
    assert found["matches"] == 6 and not found["is_measured"] and found["advice"] is None
    measured = replace(collections.get("mine").model.thresholds, match=0.6, match_photo=0.4)
    monkeypatch.setattr(collections, "_thresholds", {"mine": measured})
    found = search(client, "mine", query)
    assert all(result["is_match"] == (result["score"] >= 0.6) for result in found["results"])
    assert found["matches"] == sum(result["is_match"] for result in found["results"]) < 6 and found["is_measured"]
    weaker = search(client, "mine", query, where={"not_this": True})
    assert weaker["matches"] == 0 and weaker["advice"].startswith("No match") and "5 photos below" in weaker["advice"]
    nothing = search(client, "mine", query, where={"labels": ["whale"]})
    assert nothing["results"] == [] and nothing["matches"] == 0 and nothing["advice"].startswith("Nothing")


def test_a_whole_photo_says_which_concepts_are_alike_in_both(client, collections):
    found = search(client, "mine", {"kind": "photo", "photo": 2})
    best = found["results"][0]
    own = {hit["token"] for hit in best["hits"]}
    assert best["photo"] == 2 and {pair["query_token"] for pair in best["matched"]} == own
    for result in found["results"]:
        shown = {hit["token"]: hit for hit in result["hits"]}
        for pair in result["matched"]:
            assert pair["cosine"] == shown[pair["token"]]["score"] and shown[pair["token"]]["mask"]
            assert pair["cosine"] >= collections.get("mine").model.thresholds.has
    by_one = search(client, "mine", {"kind": "concept", "concept": 6})
    assert all(result["matched"] == [] for result in by_one["results"])


def test_a_concept_finds_itself_first_and_hits_carry_what_is_drawn(client, collections):
    found = search(client, "mine", {"kind": "concept", "concept": 6})
    assert found["num_photos"] == 6 and len(found["results"]) == 6
    best = found["results"][0]
    [hit] = best["hits"]
    assert best["photo"] == 1 and hit["concept"] == 6 and best["score"] == pytest.approx(1, abs=1e-2)
    assert hit["score"] == best["score"] and hit["mutual"] is True and hit["part"] == 0
    assert sum(hit["mask"]) == hit["grid"][0] * hit["grid"][1] and len(hit["box"]) == 4
    scores = [result["score"] for result in found["results"]]
    assert scores == sorted(scores, reverse=True)
    some = search(client, "mine", {"kind": "concept", "concept": 6}, least_score=scores[2] - 1e-4)  # as rounded
    assert len(some["results"]) == 3
    assert len(search(client, "mine", {"kind": "concept", "concept": 6}, k=2)["results"]) == 2


def test_words_joins_layouts_arithmetic_and_thumbs(client, collections):
    index = collections.get("mine")
    one, two = {"kind": "concept", "concept": 6}, {"kind": "concept", "concept": 11}
    [word, *_] = next(concept.names[0] for concept in index.concepts(range(24)) if concept.names)
    named = search(client, "mine", {"kind": "name", "word": word})["results"]
    assert named and all(word in [name for name, _, _ in result["hits"][0]["names"]] for result in named)
    both = search(client, "mine", {"kind": "and", "of": [one, two]})["results"]
    assert {hit["part"] for hit in both[0]["hits"]} == {0, 1}
    without = search(client, "mine", {"kind": "and", "of": [one, {"kind": "not", "of": two}]})["results"]
    assert 2 not in [result["photo"] for result in without]
    for layout in ({"relation": "left_of", "b": two}, {"relation": "covers", "share": 0.01}):
        assert isinstance(search(client, "mine", {"kind": "layout", "a": one, **layout})["results"], list)
    summed = {"kind": "sum", "terms": [[1, one], [-1, two], [1, one]]}
    assert search(client, "mine", summed)["results"][0]["photo"] == 1
    thumbs = search(client, "mine", {"kind": "refined", "query": one, "good": [11], "bad": [6]})["results"]
    assert 6 not in [hit["concept"] for result in thumbs for hit in result["hits"]]


def test_filters(client):
    query = {"kind": "concept", "concept": 6}
    assert 1 not in [r["photo"] for r in search(client, "mine", query, where={"not_this": True})["results"]]
    dogs = search(client, "mine", query, where={"labels": ["dog"]})["results"]
    assert {result["label"] for result in dogs} == {"dog"}
    for result in search(client, "mine", query, where={"mass": [0.2, 1], "region": [0, 0, 0.5, 1]})["results"]:
        [hit] = result["hits"]
        assert hit["mass"] >= 0.2 and hit["centroid"][0] <= 0.5
    assert search(client, "mine", query, where={"mass": [0.999, 1]})["results"] == []
    assert len(search(client, "mine", query, fold=True)["results"]) <= 6


def test_a_study_asks_and_the_photo_is_not_its_own_hit(client):
    example = list(examples())[4]
    study = made(client, EXAMPLES, example=example).json()
    assert study["photo"]["example"] == example and study["analysis"]["resolution"] == 448
    token = study["analysis"]["token"]
    itself = search(client, EXAMPLES, {"kind": "concept", "study": token, "token": 1})["results"]
    assert itself[0]["example"] == example and itself[0]["score"] == pytest.approx(1, abs=1e-2)
    assert itself[0]["hits"][0]["token"] == 1
    others = search(client, EXAMPLES, {"kind": "concept", "study": token, "token": 1}, where={"not_this": True})
    assert example not in [result["example"] for result in others["results"]]
    for whole in ({"kind": "photo"}, {"kind": "box", "box": [0.1, 0.1, 0.9, 0.9]}):
        assert search(client, EXAMPLES, {**whole, "study": token})["results"][0]["example"] == example
    assert len(client.get(f"/stellar/studies/{token}/names.json").json()["names"]) == 4
    again = made(client, EXAMPLES, photo=study["photo"]["token"]).json()
    assert again["analysis"]["token"] == token


def test_an_uploaded_photo_asks(client, refused):
    photo = client.post("/stellar/photos", content=photo_bytes(9)).json()
    study = made(client, "mine", photo=photo["token"]).json()
    assert study["photo"]["example"] is None
    assert len(search(client, "mine", {"kind": "photo", "study": study["analysis"]["token"]})["results"]) == 6
    refused(client.post("/stellar/photos", content=b"hello"))
    refused(client.post("/stellar/photos", content=b""))
    refused(made(client, "mine", example="../../etc/passwd"))
    refused(made(client, "mine", photo="nobody's"), 404)
    refused(made(client, "mine"))


# Refusals


@pytest.mark.parametrize("said", [
    {}, {"query": None}, {"query": {"kind": "concept", "concept": 0}, "path": "/etc"},
    {"query": {"kind": "concept", "concept": 999}}, {"query": {"kind": "concept", "study": "x"}},
    *({"query": {"kind": "concept", "concept": 0}, **more} for more in (
        {"k": 0}, {"k": 10**9}, {"k": "7"}, {"k": True}, {"least_score": "x"}, {"least_score": 7}, {"where": []},
        {"where": {"sources": ["/"]}}))])
def test_a_search_that_makes_no_sense(client, refused, said):
    refused(client.post(f"{BASE}/mine/search", json=said), 400, 404)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff\xfe", b"[" * 100_000, b'{"query": NaN}'])
def test_a_body_that_is_no_object(client, refused, body):
    refused(client.post(f"{BASE}/mine/search", content=body))


def test_too_much_is_not_read(client, refused):
    assert "256 kB" in refused(client.post(f"{BASE}/mine/search", content=b" " * (MOST_QUERY + 1)), 413)
    assert "12 MB" in refused(client.post("/stellar/photos", content=bytes(MAX_BYTES + 1)), 413)


@pytest.mark.parametrize(
    "name", ["nobody", "..%2Fmine", "%2Fetc", "mine%00", "own-" + "x" * 24, ".", "mine%2F..%2Fmine"])
def test_no_path_comes_from_a_browser(client, name):
    for rest in ("photos/0.json", "thumbnails/0.jpg", "pictures/0.jpg", "words.json", "photos.json", "concepts/0.json"):
        assert client.get(f"{BASE}/{name}/{rest}").status_code in (404, 405)
    asked = client.post(f"{BASE}/{name}/search", json={"query": {"kind": "concept", "concept": 0}})
    assert asked.status_code in (404, 405)


def test_what_is_not_there_is_told_without_the_servers_paths(client, refused):
    for rest in ("photos/99.json", "concepts/99.json", "thumbnails/99.jpg", "pictures/99.jpg"):
        assert "mine" in refused(client.get(f"{BASE}/mine/{rest}")) or rest.startswith("concepts")
    assert client.get(f"{BASE}/mine/photos/-1.json").status_code == 400
    assert client.get(f"{BASE}/mine/photos/{'9' * 400}.json").status_code == 400


def test_what_an_index_says_is_data(client):
    told = client.get(f"{BASE}/hostile/photos.json")
    assert told.headers["content-type"] == "application/json" and told.json()["photos"][0]["label"] == HOSTILE


# A visitor's own photos


def test_own_photos_from_the_first_to_the_last(client, refused):
    name = client.post(f"{BASE}/own").json()["name"]
    other = client.post(f"{BASE}/own").json()["name"]
    assert name != other and len(name) > 24
    facts = client.post(f"{BASE}/{name}/photos?name={quote('my holiday é.png')}", content=photo_bytes(3)).json()
    assert facts["new"] and facts["num_photos"] == 1 and facts["is_own"]
    assert not client.post(f"{BASE}/{name}/photos?name=again.png", content=photo_bytes(3)).json()["new"]
    refused(client.post(f"{BASE}/{name}/photos?name=x.png", content=b"hello"))
    [photo] = client.get(f"{BASE}/{name}/photos.json").json()["photos"]
    assert photo["title"] == "my holiday é.png" and client.get("/" + photo["picture"]).content[:2] == b"\xff\xd8"
    found = search(client, name, {"kind": "photo", "photo": photo["photo"]})["results"]
    assert [result["photo"] for result in found] == [photo["photo"]]

    # nobody else is told of them, and nothing else takes photos
    assert len(client.get(f"{BASE}.json").json()["collections"]) == 3
    told = client.get(f"{BASE}.json?own={other}").json()["collections"]
    assert [facts["name"] for facts in told if facts["is_own"]] == [other]
    refused(client.post(f"{BASE}/mine/photos?name=x.png", content=photo_bytes(4)))
    refused(client.delete(f"{BASE}/mine"))

    assert client.delete(f"{BASE}/{name}").json() == {"removed": True}
    for gone in ("photos.json", f"pictures/{photo['photo']}.jpg"):
        refused(client.get(f"{BASE}/{name}/{gone}"), 404)
    refused(client.post(f"{BASE}/{name}/photos?name=x.png", content=photo_bytes(4)), 404)
    client.delete(f"{BASE}/{other}")


def test_a_question_goes_from_one_collection_to_another(client, collections):
    name = client.post(f"{BASE}/own").json()["name"]
    data = next(iter(examples().values())).path.read_bytes()
    photo = client.post(f"{BASE}/{name}/photos?name=x.jpg", content=data).json()["photo"]
    concept = client.get(f"{BASE}/{name}/photos/{photo}.json").json()["concepts"][0]
    asked = {"kind": "concept", "in": name, "concept": concept["concept"]}
    found = search(client, EXAMPLES, asked)["results"]
    assert found[0]["example"] == next(iter(examples())) and found[0]["score"] == pytest.approx(1, abs=1e-2)
    others = search(client, EXAMPLES, asked, where={"not_this": True})["results"]
    assert next(iter(examples())) not in [result["example"] for result in others]
    client.delete(f"{BASE}/{name}")


def test_the_mask_that_is_sent_is_that_of_the_analysis(client, explorer):
    example = list(examples())[0]
    study = explorer.study(explorer.example(example), model=explorer.models[0], resolution=448)
    masks = study.analysis.masks()
    photo = client.get(f"{BASE}/{EXAMPLES}/photos/0.json").json()
    assert photo["example"] == example
    for concept in photo["concepts"]:
        sent = rle.decode(tuple(concept["mask"]), tuple(concept["grid"]))
        assert np.mean(sent != masks[concept["token"]]) < 0.01
