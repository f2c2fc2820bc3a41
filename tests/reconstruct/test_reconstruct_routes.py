"""The Reconstruct tab's own addresses, asked directly: what they give, what they refuse, and whose photos they show."""

import csv
import io

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from stellar_explorer.examples import examples
from stellar_explorer.explore.routes import routes
from stellar_explorer.photo import MAX_BYTES
from stellar_explorer.reconstruct.routes import reconstruct_routes
from stellar_explorer.retrieve.collections import Collections
from stellar_explorer.server.photo_routes import photo_routes
from stellar_explorer.views.difference import difference_map
from stellar_explorer.views.reconstruction_table import COLUMNS
from tests.fakes.collections import HOSTILE, photo_bytes
from tests.fakes.reconstruct import GONE, NUM_TOKENS, decoding_explorer, fake_reconstructions

BASE = "/stellar/reconstruct"
WAYS = ["stellar", "titok", "mae", "vqgan", "svd", "pca", "colours", "jpeg", "webp"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def explorer(place):
    return decoding_explorer(place)


def client_of(explorer, reconstructions, place):
    collections = Collections(explorer, cache=place)
    return TestClient(Starlette(routes=[*photo_routes(explorer, collections), *routes(explorer),
                                        *reconstruct_routes(explorer, reconstructions)]))


@pytest.fixture(scope="module")
def client(explorer, place):
    return client_of(explorer, fake_reconstructions(explorer), place)


def made(client, data=None, **asked):
    """As the tab asks: a photo's study where its model draws best, and under "reconstruct" what is told of it."""
    if data is not None:
        asked = {"photo": client.post("/stellar/photos", content=data).json()["token"]}
    best = client.post("/stellar/studies", json=asked).json()["analysis"]["picture"]["resolution"]
    study = client.post("/stellar/studies", json={**asked, "resolution": best}).json()
    return {**study, "reconstruct": client.get(of(study, "facts.json")).json()}


@pytest.fixture(scope="module")
def study(client):
    return made(client, photo_bytes(size=(240, 160)))


@pytest.fixture
def refused(place):
    """-> a function that expects one sentence, and nothing of where things lie on the server."""
    def refused(answer, *status: int) -> str:
        assert answer.status_code in (status or (400,)), answer.text
        assert answer.headers["content-type"].startswith("text/plain") and answer.headers["cache-control"] == "no-store"
        assert 0 < len(answer.text) < 400 and "\n" not in answer.text and str(place) not in answer.text
        return answer.text
    return refused


def of(study, rest: str) -> str:
    return f"{BASE}/{study['analysis']['token']}/{rest}"


def pixels(answer) -> np.ndarray:
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png", answer.text
    assert "immutable" in answer.headers["cache-control"] and "private" in answer.headers["cache-control"]
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_a_photo_is_told_with_all_that_can_be_compared(client, study):
    told = study["reconstruct"]
    assert [way["name"] for way in told["ways"]] == WAYS and all(way["label"] and way["hint"] for way in told["ways"])
    assert [choice["value"] for choice in told["baselines"]["titok"]] == ["titok", "titok-b64"]
    assert told["size"] == [144, 224] and sorted(told["orders"]["best"]) == list(range(NUM_TOKENS))
    assert "240 × 160" in told["fitted"][0] and "14 × 9 patches" in told["fitted"][0]
    assert "squares" in told["fitted"][1] and "64 codes" in told["fitted"][2]
    assert study["analysis"]["resolution"] == 224 and study["photo"]["example"] is None
    square = made(client, photo_bytes(size=(64, 64)))["reconstruct"]
    assert len(square["fitted"]) == 2  # nothing was stretched
    example = made(client, example=next(iter(examples())))
    again = made(client, photo=example["photo"]["token"])
    assert again["analysis"]["token"] == example["analysis"]["token"]


def test_a_photo_is_rebuilt_at_the_size_that_the_model_draws_best(study, tmp_path):
    assert "learnt at" in study["reconstruct"]["fitted"][2] and len(study["reconstruct"]["fitted"]) == 3
    explorer = decoding_explorer(tmp_path, best_size=448)
    client = client_of(explorer, fake_reconstructions(explorer), tmp_path)
    told = made(client, photo_bytes(size=(240, 160)))
    assert told["analysis"]["resolution"] == 448 and told["reconstruct"]["size"] == [304, 448]
    assert "448 pixels on the long side, the size at which it draws best" in told["reconstruct"]["fitted"][2]
    assert "larger than the squares" in told["reconstruct"]["fitted"][3]


def test_pictures_and_their_numbers(client, study):
    photo = pixels(client.get(of(study, "photo.png")))
    for name in WAYS:
        answer = client.get(of(study, f"pictures/{name}.json"))
        facts = answer.json()
        assert answer.headers["cache-control"] == "no-store" and set(COLUMNS) <= set(facts)
        assert facts["name"] == name and facts["missing"] is None and facts["bits"] == 8 * facts["bytes"]
        picture = pixels(client.get(of(study, f"pictures/{name}.png")))
        assert picture.shape == photo.shape == (144, 224, 3)
        difference = pixels(client.get(of(study, f"differences/{name}.png")))
        assert np.array_equal(difference, difference_map(picture, photo))
        error = np.square((picture.astype(float) - photo) / 255).mean()
        assert facts["psnr_db"] == pytest.approx(-10 * np.log10(error), abs=0.1)


def test_settings_travel_in_the_address(client, study):
    facts = client.get(of(study, "pictures/stellar.json?kept=0.2")).json()
    assert facts["tokens"] == 2
    whole, some = (pixels(client.get(of(study, f"pictures/stellar.png{query}"))) for query in ("", "?kept=0.2"))
    assert not np.array_equal(whole, some)
    assert client.get(of(study, "pictures/mae.json?visible=64&pattern=grid")).json()["tokens"] == 64
    assert client.get(of(study, "pictures/titok.json?titok=titok-b64")).json()["model"] == "TiTok B-64"


def test_budgets(client, study):
    for order in ("best", "mass"):
        budgets = client.get(of(study, f"budgets.json?order={order}")).json()["budgets"]
        assert [budget["tokens"] for budget in budgets] == list(range(1, NUM_TOKENS + 1))
        whole = client.get(of(study, "pictures/stellar.json")).json()
        assert budgets[-1]["psnr"] == whole["psnr_db"] and budgets[-1]["bytes"] == whole["bytes"]
        assert budgets[0]["bytes"] < budgets[-1]["bytes"]


def test_the_table_and_the_figure_can_be_saved(client, study):
    answer = client.get(of(study, "numbers.csv?kept=0.2"))
    assert answer.headers["content-type"].startswith("text/csv")
    name = "stellar-photo-reconstruction-numbers.csv"
    assert answer.headers["content-disposition"] == f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [one["name"] for one in rows] == WAYS and rows[0]["tokens"] == "2"
    for one in rows:
        facts = client.get(of(study, f"pictures/{one['name']}.json?kept=0.2")).json()
        assert float(one["psnr_db"]) == facts["psnr_db"] and int(one["bytes"]) == facts["bytes"]
    answer = client.get(of(study, "figure.png"))
    assert "attachment" in answer.headers["content-disposition"]
    with Image.open(io.BytesIO(answer.content)) as figure:
        assert figure.format == "PNG" and figure.width > 2000 and not figure.info.get("Software")


def test_a_missing_model_is_a_reason_not_a_failure(explorer, place, refused):
    client = client_of(explorer, fake_reconstructions(explorer, missing=("titok",)), place)
    study = made(client, photo_bytes())
    facts = client.get(of(study, "pictures/titok.json")).json()
    assert facts["missing"] == f"{GONE}." and facts["bytes"] is None
    assert refused(client.get(of(study, "pictures/titok.png"))) == facts["missing"]
    assert client.get(of(study, "figure.png")).status_code == 200
    assert "not available" in client.get(of(study, "numbers.csv")).text


# What goes wrong


def test_what_cannot_be_asked_is_refused_in_a_sentence(client, study, refused):
    for rest in (
        "pictures/oil.json", "pictures/stellar.json?kept=9", "pictures/stellar.json?kept=", "budgets.json?order=x",
        "pictures/stellar.png?kept=0.0", "pictures/mae.json?visible=-1", "pictures/mae.json?pattern=x",
        "pictures/titok.json?titok=mae", "pictures/titok.json?titok=../../etc", "figure.png?colour=red",
        "differences/photo.png", "numbers.csv?kept=a",
    ):
        refused(client.get(of(study, rest)))
    assert "196 tokens" in client.get(of(study, "pictures/mae.json?visible=4000")).json()["missing"]


def test_photos_that_are_none_are_refused(client, refused):
    assert "not a picture" in refused(client.post("/stellar/photos", content=b"hello"))
    refused(client.post("/stellar/photos", content=b""))
    for asked in ({}, {"example": "x"}, {"example": HOSTILE}, {"example": "castle", "photo": "y"}, {"collection": "z"}):
        refused(client.post("/stellar/studies", json=asked))
        refused(client.post("/stellar/photos", json=asked))
    for address in ("/stellar/photos", "/stellar/studies"):
        refused(client.post(address, content=b"[1]", headers={"content-type": "application/json"}))
    answer = client.post("/stellar/studies", json={"example": next(iter(examples())), "model": "/etc/passwd"})
    assert answer.status_code == 400 and "There is no model" in answer.text
    assert "12 MB" in refused(client.post("/stellar/photos", content=b"x" * (MAX_BYTES + 1)), 413)


def test_what_is_no_longer_kept_is_gone(client, refused):
    for rest in ("photo.png", "pictures/stellar.json", "pictures/stellar.png", "budgets.json", "figure.png"):
        assert "no longer" in refused(client.get(f"{BASE}/{'0' * 32}/{rest}"), 404)
    assert "choose it again" in refused(client.post("/stellar/studies", json={"photo": "0" * 32}), 404)


def test_the_facts_are_those_of_the_study_that_was_asked_for(client, study):
    other = client.post("/stellar/studies", json={"photo": study["photo"]["token"], "resolution": 448}).json()
    assert client.get(of(other, "facts.json")).json()["size"] == [304, 448] != study["reconstruct"]["size"]
    assert client.get(f"{BASE}/nobody/facts.json").status_code == 404


def test_what_is_saved_bears_the_photos_name(client, study):
    said = client.get(of(study, "numbers.csv"), params={"name": "Katze am Fenster.JPG"}).headers["content-disposition"]
    assert said.startswith('attachment; filename="stellar-Katze-am-Fenster-reconstruction-numbers.csv"; filename*=')
    example = made(client, example=next(iter(examples())))
    said = client.get(of(example, "numbers.csv"), params={"name": "other"}).headers["content-disposition"]
    assert f'"stellar-{next(iter(examples()))}-reconstruction-numbers.csv"' in said
