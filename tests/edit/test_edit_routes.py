"""The Edit tab's own addresses: pictures without the encoder, and what they refuse."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from stellar_explorer.analysis import display_name
from stellar_explorer.edit.recipe import Recipe, write_recipe
from stellar_explorer.edit.routes import edit_routes
from stellar_explorer.examples import examples
from stellar_explorer.retrieve.collections import EXAMPLES, Collections
from stellar_explorer.server.photo_routes import photo_routes
from tests.fakes.collections import photo_bytes, tiny_explorer, with_examples
from tests.fakes.edits import NUM_TOKENS, WIDTH, decoding_explorer

EXAMPLE, SECOND = list(examples())[:2]
ERASE, WITHDRAW = {"edit": "erase", "tokens": [1]}, {"edit": "withdraw", "tokens": [1]}
MOVE = {"edit": "move", "tokens": [0, 2], "dx": 0.25, "dy": 0}


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
    return client_of(explorer, collections)


def client_of(explorer, collections):
    return TestClient(Starlette(routes=[*photo_routes(explorer, collections), *edit_routes(explorer, collections)]))


@pytest.fixture
def ask(client, explorer):
    """-> a function: a photo's study, of a photo that is named or of its bytes."""
    def ask(said=None, *, data=None, model=None):
        if data or "collection" in said:
            kept = client.post("/stellar/photos", **({"content": data} if data else {"json": said}))
            if kept.status_code != 200:
                return kept
            said = {"photo": kept.json()["token"]} if kept.json()["example"] is None else {
                "example": kept.json()["example"]}
        return client.post("/stellar/studies", json={**said, "model": model or explorer.models[0], "resolution": 224})
    return ask


@pytest.fixture
def study(ask) -> str:
    """The token of an analysis."""
    return ask({"example": EXAMPLE}).json()["analysis"]["token"]


@pytest.fixture
def encodes(explorer, monkeypatch) -> list:
    """Grows by one with each run of the encoder."""
    counted, encoder = [], explorer.stellar(explorer.models[0]).encoder
    forward = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda images: (counted.append(1), forward(images))[1])
    return counted


def opened(answer):
    """-> head, {name: array}, picture"""
    assert answer.status_code == 200, answer.text
    length = int.from_bytes(answer.content[:4], "little")
    head, data = json.loads(answer.content[4:4 + length]), answer.content[4 + length:]
    assert (4 + length) % 4 == 0
    arrays = {}
    for name, said in head["arrays"].items():
        count = int(np.prod(said["shape"]))
        arrays[name] = np.frombuffer(data, said["dtype"], count, said["offset"]).reshape(said["shape"])
    picture = head["picture"]
    image = Image.open(io.BytesIO(data[picture["offset"]:picture["offset"] + picture["length"]]))
    assert image.size == (picture["width"], picture["height"])
    return head, arrays, np.asarray(image, np.int16)


def edit(client, study, edits, photos=None):
    return client.post(f"/stellar/edit/{study}", json={"edits": edits, **({"photos": photos} if photos else {})})


def test_the_encoder_runs_for_the_photo_and_not_for_edits(client, ask, study, encodes):
    manifest = ask(data=photo_bytes(5)).json()
    assert len(encodes) == 1 and manifest["analysis"]["width"] == WIDTH
    pictures = [opened(edit(client, manifest["analysis"]["token"], edits))[2]
                for edits in ([], [MOVE], [MOVE, ERASE], [MOVE], [])]
    assert len(encodes) == 1
    np.testing.assert_array_equal(pictures[0], pictures[4])
    np.testing.assert_array_equal(pictures[1], pictures[3])
    assert np.abs(pictures[1] - pictures[0]).max() > 3


def test_no_edits_are_the_plain_reconstruction(client, explorer, study):
    head, arrays, picture = opened(edit(client, study, []))
    analysis = explorer.kept_study(study).analysis
    stellar = explorer.stellar(explorer.models[0])
    from stellar_explorer.edit.edits import factorization_of

    plain = (255 * stellar.decode(factorization_of(analysis))[0].permute(1, 2, 0)).round().numpy()
    png = client.post(f"/stellar/edit/{study}/picture.png", json={"edits": []})
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png.content))), plain)
    assert np.abs(picture - plain).mean() < 4  # a JPEG of it
    codes = arrays["localization"].reshape(NUM_TOKENS, -1).T / 255 * arrays["peak"]
    np.testing.assert_allclose(codes, analysis.localization, atol=arrays["peak"].max() / 254)
    assert [concept["token"] for concept in head["concepts"]] == list(range(NUM_TOKENS))
    assert sum(concept["mass"] for concept in head["concepts"]) == pytest.approx(1, abs=1e-4) and head["seconds"] > 0


def test_what_edits_make_is_told_with_the_picture(client, study):
    head, arrays, _ = opened(edit(client, study, [WITHDRAW, {"edit": "clone", "tokens": [0], "dx": 0.2, "dy": 0}]))
    assert head["num_tokens"] == NUM_TOKENS + 1 == len(head["concepts"]) == len(arrays["peak"])
    assert head["concepts"][1]["mass"] == 0 and not arrays["localization"][1].any()


def test_other_photos_are_named_by_their_analyses(client, ask, study):
    other = ask({"example": SECOND}).json()["analysis"]["token"]
    edits = [{"edit": "swap_what", "tokens": [0], "others": [3], "photo": "it"}, {"edit": "swap_where", "photo": "it"},
             {"edit": "morph", "photo": "it", "what": 0.5, "where": 0.5}]
    plain, made = (opened(edit(client, study, some, {"it": other}))[2] for some in ([], edits))
    assert np.abs(made - plain).max() > 3
    # Itself is another photo too, and taking from it changes nothing.
    itself = edit(client, study, [{"edit": "swap_what", "tokens": [0], "others": [0], "photo": "it"}], {"it": study})
    np.testing.assert_array_equal(opened(itself)[2], plain)


def test_photos_come_in_four_ways(client, ask, explorer):
    upload = ask(data=photo_bytes(8)).json()
    again = ask({"photo": upload["photo"]["token"]}).json()
    assert again["analysis"]["token"] == upload["analysis"]["token"] and upload["photo"]["example"] is None
    example = ask({"example": SECOND}).json()
    found = ask({"collection": EXAMPLES, "id": list(examples()).index(SECOND)}).json()
    assert found["analysis"]["token"] == example["analysis"]["token"] and found["photo"]["example"] == SECOND


def test_a_photo_of_a_visitors_own_collection(client, ask, collections):
    name = collections.own("a" * 24)
    number, _ = collections.add_own(name, photo_bytes(9), "mine.png")
    found = ask({"collection": name, "id": number})
    assert found.status_code == 200 and found.json()["photo"]["example"] is None
    for gone in ("own-" + "b" * 24, "nonsuch"):
        assert ask({"collection": gone, "id": 0}).status_code == 404


def test_a_recipe_is_read_strictly(client, explorer):
    from model.operations.editing import Move

    recipe = Recipe(display_name(explorer.models[0]), (Move((1,), 0.25, 0.0),), 224, WIDTH)
    answer = client.post("/stellar/edit/recipe", content=write_recipe(recipe))
    assert answer.json() == json.loads(write_recipe(recipe))
    for content, words in (("nonsense", "not JSON"), (write_recipe(recipe).replace("dx", "dz"), "unknown field dz"),
                           (write_recipe(Recipe("nobody", ())), "does not offer")):
        answer = client.post("/stellar/edit/recipe", content=content)
        assert answer.status_code == 400 and words in answer.text and len(answer.text.splitlines()) == 1


@pytest.mark.parametrize(("body", "words"), [
    ({"edits": [{"edit": "erase", "tokens": [NUM_TOKENS]}]}, f"there is no concept {NUM_TOKENS}; they go from 0 to"),
    ({"edits": [{"edit": "erase", "tokens": list(range(NUM_TOKENS))}]}, "one concept has to stay"),
    ({"edits": [{"edit": "fold", "tokens": [0]}]}, "Edit 1 is fold"),
    ({"edits": [{"edit": "swap_where", "photo": "it"}]}, "not among the recipe's photos"),
    ({"edits": [], "more": 1}, "unknown field more"),
    ({"edits": [], "photos": [1]}, "object of names and analyses"),
    ({"edits": [], "photos": {f"p{number}": "x" for number in range(17)}}, "at most 16"),
    ({}, "lacks the field edits"),
    ([], "Send a JSON object"),
])
def test_edits_that_cannot_be_done_are_one_sentence(body, words, client, study):
    for address in (f"/stellar/edit/{study}", f"/stellar/edit/{study}/picture.png"):
        answer = client.post(address, json=body)
        assert answer.status_code == 400 and words in answer.text and len(answer.text.splitlines()) == 1


@pytest.mark.parametrize(("said", "options", "words"), [
    ({"example": "nonsuch"}, {}, "no example nonsuch"),
    ({"example": ["x"]}, {}, "The example is a text"),
    ({"url": "http://x"}, {}, "unknown field url"),
    ({}, {}, "Name one photo"),
    ({"collection": EXAMPLES, "id": "0"}, {}, "found the text 0"),
    ({"example": EXAMPLE}, {"model": "nonsuch"}, "no model nonsuch"),
])
def test_photos_that_cannot_be_had_are_one_sentence(said, options, words, ask):
    answer = ask(said, **options)
    assert answer.status_code == 400 and words in answer.text and len(answer.text.splitlines()) == 1


def test_what_is_no_photo_is_one_sentence(ask):
    answer = ask(data=b"hello")
    assert answer.status_code == 400 and len(answer.text.splitlines()) == 1


@pytest.mark.parametrize("token", ["0" * 32, "nobody", "%2e%2e", "é"])
def test_an_unknown_analysis_is_gone(token, client, study):
    assert edit(client, token, []).status_code == 404
    gone = edit(client, study, [{"edit": "swap_where", "photo": "it"}], {"it": token})
    assert gone.status_code == 404 and token not in gone.text


def test_what_is_too_long_is_refused(client, study):
    answer = client.post(f"/stellar/edit/{study}", content=b" " * 300_000)
    assert answer.status_code == 413


def test_a_photo_of_another_models_width_is_one_sentence(tmp_path):
    explorer = decoding_explorer(tmp_path)
    wide = decoding_explorer(tmp_path, "wide", width=32).models[0]
    explorer.runner.models = (*explorer.models, wide)
    client = client_of(explorer, Collections(explorer, cache=tmp_path))

    def token(model):
        asked = {"example": EXAMPLE, "model": model, "resolution": 224}
        return client.post("/stellar/studies", json=asked).json()["analysis"]["token"]

    mine, other = map(token, explorer.models)
    answer = edit(client, mine, [{"edit": "swap_where", "photo": "it"}], {"it": other})
    assert answer.status_code == 400 and "another model" in answer.text


def test_a_model_that_cannot_draw_says_so_before_and_after_anybody_edits(tmp_path):
    explorer = tiny_explorer(tmp_path)
    client = client_of(explorer, Collections(explorer, cache=tmp_path))
    asked = {"example": EXAMPLE, "model": explorer.models[0], "resolution": 224}
    analysis = client.post("/stellar/studies", json=asked).json()["analysis"]
    answer = edit(client, analysis["token"], [WITHDRAW])
    assert answer.status_code == 400 and "without a decoder" in answer.text == analysis["picture"]["missing"]
