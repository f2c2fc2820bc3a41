"""Photos and studies, asked for as every tab does: what is told, whose name it is, and what is refused."""

import io

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from stellar_explorer.examples import examples
from stellar_explorer.explore.routes import routes
from stellar_explorer.photo import MAX_BYTES
from stellar_explorer.retrieve.collections import EXAMPLES, Collections
from stellar_explorer.server.photo_routes import photo_routes, study_label
from tests.fakes.collections import HOSTILE, photo_bytes, tiny_explorer, with_examples
from tests.fakes.edits import decoding_explorer

EXAMPLE, SECOND = list(examples())[:2]
FACTS = {"token", "address", "thumbnail", "width", "height", "name", "alt", "notes", "example"}


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    return decoding_explorer(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def collections(explorer, tmp_path_factory):
    made = Collections(explorer, cache=tmp_path_factory.mktemp("cache"))
    with_examples(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(explorer, collections):
    return TestClient(Starlette(routes=[*photo_routes(explorer, collections), *routes(explorer)]))


def give(client, data=None, **said):
    return client.post("/stellar/photos", **({"content": data, "params": said} if data else {"json": said}))


def study(client, **said):
    return client.post("/stellar/studies", json=said)


def test_an_upload_is_its_visitors_alone_and_so_is_its_name(client):
    data = photo_bytes(3, (240, 160))
    told, again = give(client, data, name="Grandma.png").json(), give(client, data).json()
    assert set(told) == FACTS and told["token"] == again["token"]
    assert (told["width"], told["height"], told["example"]) == (240, 160, None)
    assert told["name"] == "Grandma.png" and again["name"] == "Your photo"
    assert give(client, data, name=" ").json()["name"] == "Your photo"
    assert give(client, data, name=HOSTILE + "\n").json()["name"].count("\n") == 0
    for address, longest in ((told["address"], 240), (told["thumbnail"], 128)):
        answer = client.get("/" + address)
        shown = Image.open(io.BytesIO(answer.content))
        assert answer.headers["content-type"] == "image/jpeg" and "private" in answer.headers["cache-control"]
        assert shown.format == "JPEG" and max(shown.size) == longest
        assert shown.width / shown.height == pytest.approx(1.5, rel=0.02)


def test_a_photo_is_named_in_three_ways(client, collections):
    example = give(client, example=SECOND).json()
    assert example["example"] == SECOND and example["name"] == examples()[SECOND].title
    assert give(client, photo=example["token"]).json() == example
    assert give(client, collection=EXAMPLES, id=list(examples()).index(SECOND)).json() == example
    upload = give(client, photo_bytes(4)).json()
    assert give(client, photo=upload["token"], name="mine.png").json() == {**upload, "name": "mine.png"}


def test_a_hit_of_a_visitors_own_photos_is_that_photo_with_its_name(client, collections):
    own = collections.own("a" * 24)
    number, _ = collections.add_own(own, photo_bytes(9, (320, 200)), "beach.png")
    told = give(client, collection=own, id=number).json()
    assert told["name"] == "beach.png" and told["example"] is None and told["width"] / told["height"] == 1.6
    assert study(client, photo=told["token"], resolution=224).json()["photo"]["token"] == told["token"]


def test_a_study_is_of_any_resolution(client, explorer):
    for resolution in (224, 320, 1001):
        told = study(client, example=EXAMPLE, model=explorer.models[0], resolution=resolution, later=None).json()
        assert set(told) == {"photo", "analysis"} and set(told["photo"]) == FACTS
        assert told["analysis"]["resolution"] == resolution and told["photo"]["example"] == EXAMPLE
        assert client.get("/" + told["analysis"]["address"]).status_code == 200
    again = study(client, example=EXAMPLE, resolution=224, later=320).json()  # of the first model
    assert again["analysis"]["token"] == study(client, example=EXAMPLE, resolution=224).json()["analysis"]["token"]
    upload = give(client, photo_bytes(5)).json()
    assert study(client, photo=upload["token"], resolution=224, name="a.png").json()["photo"]["name"] == "a.png"
    assert study(client, photo=upload["token"], resolution=224).json()["photo"]["name"] == "Your photo"


def test_the_share_of_a_concept_is_its_masks(client, explorer):
    told = study(client, example=EXAMPLE, resolution=224).json()["analysis"]
    masks = explorer.kept_study(told["token"]).analysis.masks()
    assert [concept["share"] for concept in told["concepts"]] == pytest.approx(masks.mean(axis=(1, 2)), abs=1e-6)


def test_a_study_says_where_its_model_draws_pictures_or_why_it_cannot(client, tmp_path):
    assert study(client, example=EXAMPLE, resolution=224).json()["analysis"]["picture"] == {"resolution": 448}
    blind = tiny_explorer(tmp_path)
    client = TestClient(Starlette(routes=photo_routes(blind, Collections(blind, cache=tmp_path))))
    picture = study(client, example=EXAMPLE, resolution=224).json()["analysis"]["picture"]
    assert set(picture) == {"missing"} and "without a decoder" in picture["missing"]


def refused(answer, status, words):
    assert answer.status_code == status and words in answer.text and len(answer.text.splitlines()) == 1, answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("said", "status", "words"), [
    ({}, 400, "Name one photo"),
    ({"example": EXAMPLE, "photo": "x"}, 400, "Name one photo"),
    ({"example": "nonsuch"}, 400, "no example nonsuch"),
    ({"example": ["x"]}, 400, "The example is a text"),
    ({"url": "http://x"}, 400, "unknown field url"),
    ({"photo": "0" * 32}, 404, "no longer on the server; choose it again"),
    ({"collection": EXAMPLES, "id": "0"}, 400, "found the text 0"),
    ({"collection": EXAMPLES}, 400, "The number of a photo"),
    ({"collection": EXAMPLES, "id": 0, "photo": "x"}, 400, "No photo was named"),
    ({"collection": "own-" + "b" * 24, "id": 0}, 404, "drop them again"),
    ({"collection": "nonsuch", "id": 0}, 404, "nonsuch"),
])
def test_photos_that_cannot_be_had_are_one_sentence(client, said, status, words):
    refused(give(client, **said), status, words)


def test_what_is_no_photo_or_too_large_is_one_sentence(client):
    refused(give(client, b"hello"), 400, "")
    refused(give(client, b" " * (MAX_BYTES + 1)), 413, "larger than 12 MB")
    refused(client.post("/stellar/photos", files={"files": b"x"}), 400, "a form is not read here")
    refused(client.post("/stellar/studies", content=b" " * 20_000), 413, "longer than 16 kB")


@pytest.mark.parametrize(("said", "status", "words"), [
    ({"resolution": 224}, 400, "Name one photo"),
    ({"example": EXAMPLE, "resolution": 223}, 400, "from 224 to 1024"),
    ({"example": EXAMPLE, "resolution": 448.0}, 400, "whole number"),
    ({"example": EXAMPLE, "resolution": "448"}, 400, "found the text 448"),
    ({"example": EXAMPLE, "later": 4096}, 400, "The later resolution"),
    ({"example": EXAMPLE, "model": "nonsuch"}, 400, "no model nonsuch"),
    ({"example": EXAMPLE, "model": ["nano"]}, 400, "The model is a text"),
    ({"example": EXAMPLE, "name": 3}, 400, "The name is a text"),
    ({"example": EXAMPLE, "more": 3}, 400, "unknown field more"),
    ({"photo": "0" * 32}, 404, "no longer on the server; choose it again"),
])
def test_studies_that_cannot_be_made_are_one_sentence(client, said, status, words):
    refused(study(client, **said), status, words)


@pytest.mark.parametrize("token", ["0" * 32, "nobody", "..", "%00"])
def test_an_unknown_photo_has_no_thumbnail(client, token):
    assert client.get(f"/stellar/photos/{token}/thumbnail.jpg").status_code == 404


@pytest.mark.parametrize(("body", "label"), [
    (b'{"resolution": 224}', "analyse 224"), (b'{"resolution": 225}', "analyse 448"), (b"{}", "analyse 448"),
    (b'{"resolution": 1024}', "analyse 1024"), (b'{"resolution": 2000}', ""), (b'{"resolution": "x"}', ""),
    (b"nothing", ""),
])
def test_the_line_reckons_studies_by_their_resolution(body, label):
    assert study_label(body) == label
