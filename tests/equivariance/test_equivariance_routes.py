"""What the section on equivariance is told: laws that hold for any model, what is kept, and what is refused."""

import base64
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from model.config import StellarConfig
from model.peers.table import PEERS
from model.stellar import Stellar
from stellar_explorer.equivariance.changes import CHANGES, changed
from stellar_explorer.equivariance.measuring import ENCODES_BYTES, Equivariance
from stellar_explorer.equivariance.routes import equivariance_routes
from stellar_explorer.examples import examples
from stellar_explorer.explorer import Explorer
from stellar_explorer.photo import fit
from tests.fakes.collections import photo_bytes, tiny_explorer
from tests.peers import write_own

EXAMPLE = next(iter(examples()))
ADDRESS = "/stellar/equivariance"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    return Equivariance(tiny_explorer(tmp_path_factory.mktemp("weights")))


@pytest.fixture(scope="module")
def client(service):
    return TestClient(Starlette(routes=equivariance_routes(service)))


# Changes


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_steps_are_even_and_hold_nothing_and_the_curve(change):
    assert 0 in change.amounts and set(change.curve) <= set(change.amounts) and len(change.curve) in (2, 7)
    assert len({after - before for before, after in zip(change.amounts, change.amounts[1:], strict=False)}) == 1
    assert torch.allclose(change.motion((160, 224), 0), torch.tensor([[1.0, 0, 0], [0, 1, 0]]))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_photo_moves_as_its_motion_says(change):
    """A smooth photo: what is at a place after was at the mapped place before."""
    rows, cols = np.mgrid[:300, :420] / 420
    pixels = 127 + 120 * np.stack([np.sin(4 * rows), np.cos(5 * cols), np.sin(3 * (rows + cols))], axis=2)
    photo = Image.fromarray(pixels.astype(np.uint8))
    image = fit(photo, resolution=224, patch_size=16)[0]
    for amount in change.amounts:
        after = changed(photo, image, change, amount)
        places = F.affine_grid(change.motion(tuple(image.shape[1:]), amount)[None],
                                                 [1, *image.shape], align_corners=False)
        predicted = F.grid_sample(image[None], places, align_corners=False)[0]
        inside = places[0].abs().amax(dim=2) < 0.95
        assert after.shape == image.shape and inside.float().mean() > 0.2
        assert (predicted - after)[:, inside].abs().max() < 0.03, amount


def test_directions_are_as_they_are_called():
    image = torch.zeros(3, 64, 64)
    image[:, 24:40, 24:40] = 1
    image[:, 8:16, 28:36] = 1  # above the middle
    right = changed(None, image, CHANGES["shift"], 16)
    assert torch.allclose(right[:, :, 16:], image[:, :, :-16], atol=1e-4)
    clockwise = changed(None, image, CHANGES["turn"], 30)
    across = (clockwise[0, :20].sum(dim=0) * torch.arange(64)).sum() / clockwise[0, :20].sum()
    assert across > 34, "what was above the middle is to the right of it"
    assert changed(None, image, CHANGES["flip"], 0) is image


# Answers


def test_no_change_changes_nothing(client):
    for change in CHANGES:
        answer = client.post(ADDRESS, json={"example": EXAMPLE, "change": change, "amount": 0}).json()
        for subject in answer["subjects"]:
            assert subject["cosine_by_mass"] == pytest.approx(1, abs=1e-4)
            assert subject["cosine"] == pytest.approx([1] * subject["num_tokens"], abs=1e-4)
            assert subject["shares"] == [None] * 3 and subject["norms"] == [0] * 3
            assert set(subject["predicted"].values()) == {None}
            maps = subject["maps"]
            assert maps["before"] == maps["predicted"] == maps["found"] and subject["visible"] == 1


@pytest.mark.parametrize(("change", "amount"), [("shift", -48), ("flip", 1), ("turn", 20), ("crop", 30)])
def test_numbers_lie_where_they_may(client, change, amount):
    answer = client.post(ADDRESS, json={"example": EXAMPLE, "change": change, "amount": amount}).json()
    assert [subject["name"] for subject in answer["subjects"]] == ["stellar", "own"]  # this model has no stem
    for subject in answer["subjects"]:
        rows, cols = subject["patch_grid"]
        assert sum(subject["shares"]) == pytest.approx(1, abs=1e-3)
        assert sum(subject["weight"]) == pytest.approx(1, abs=1e-3)
        assert all(-1.001 <= value <= 1.001 for value in subject["cosine"])
        assert all(value is None or value <= 1 for value in subject["predicted"].values())
        for which in ("before", "predicted", "found"):
            codes = np.frombuffer(base64.b64decode(subject["maps"][which]), np.uint8)
            shares = codes.reshape(-1, rows * cols) / 255 * np.array(subject["maps"]["peak"])[:, None]
            assert np.abs(shares.sum(axis=0) - 1).max() < 0.03
    json.dumps(answer, allow_nan=False)


def test_whole_patches_move_the_predicted_map_and_nothing_else(client):
    """32 pixels are two patches of 16: the predicted map is the map before, two columns on."""
    subject = client.post(ADDRESS, json={"example": EXAMPLE, "change": "shift", "amount": 32}).json()["subjects"][0]
    rows, cols = subject["patch_grid"]
    maps = {which: np.frombuffer(base64.b64decode(subject["maps"][which]), np.uint8).reshape(-1, rows, cols).astype(int)
            for which in ("before", "predicted")}
    assert np.abs(maps["predicted"][..., 2:] - maps["before"][..., :-2]).max() <= 1
    assert subject["visible"] == pytest.approx((cols - 2) / cols, abs=1e-3)


def test_the_same_again_is_not_encoded_again(tmp_path, monkeypatch):
    service = Equivariance(tiny_explorer(tmp_path))
    looked = []
    look = service._look
    monkeypatch.setattr(service, "_look", lambda *arguments: (looked.append(arguments[0]), look(*arguments))[1])
    photo = service.explorer.example(EXAMPLE)
    first = service.answer(photo, change="turn", amount=10)
    assert len(looked) == 2  # before and after; the peer's features are the model's own
    assert service.answer(photo, change="turn", amount=10) == first and len(looked) == 2
    service.answer(photo, change="crop", amount=10)
    assert len(looked) == 3, "the photo before is the same for every change"
    for amount in CHANGES["turn"].amounts:
        service.answer(photo, change="turn", amount=amount)
    assert len(looked) == 3 + len(CHANGES["turn"].amounts) - 2
    assert service._encodes.nbytes <= ENCODES_BYTES


def test_a_stem_is_a_peer_and_clusters_come_in_the_concepts_order(tmp_path):
    path = tmp_path / "hybrid.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = StellarConfig(width=16, depth=1, num_heads=2, mlp_width=16, native_size=224, num_tokens=4,
                               stem="tf_efficientnet_lite0")
        Stellar(config).save(path)
    service = Equivariance(Explorer((str(path),)))
    photo = service.explorer.example(EXAMPLE)
    answer = service.answer(photo, change="flip", amount=1)
    assert [peer["value"] for peer in answer["peers"]] == ["stem", "own"] and answer["peer"] == "stem"
    assert answer["peers"][0]["label"] == "EfficientNet-Lite0" and "hybrid" in answer["peers"][0]["note"]
    stellar, stem = answer["subjects"]
    assert stem["num_tokens"] == stellar["num_tokens"] == 4 and 0 < stem["restarted"] <= 1.001
    own = service.answer(photo, change="flip", amount=1, peer="own")
    assert own["subjects"][0] == stellar and own["subjects"][1] != stem


def test_the_slides_systems_are_peers_by_name(tmp_path, monkeypatch):
    """One of patches of another size, and a STELLAR, which keeps its own concepts."""
    explorer = tiny_explorer(tmp_path)
    other = explorer.models[0]
    written = write_own("dino-b16", tmp_path / "dino.pth")
    monkeypatch.setitem(PEERS, "dino-b16", written.peer)
    service = Equivariance(explorer, {"dino-b16": str(written.path), "stellar-h16": other,
                                      "mae-b16": str(written.path)})
    photo = service.explorer.example(EXAMPLE)
    answer = service.answer(photo, change="shift", amount=16, peer="dino-b16")
    assert {"dino-b16", "stellar-h16"} <= {peer["value"] for peer in answer["peers"]}
    stellar, dino = answer["subjects"]
    assert dino["clustered"] and dino["num_tokens"] == stellar["num_tokens"] and sum(dino["shares"]) == pytest.approx(
        1, abs=1e-3)
    same = service.answer(photo, change="shift", amount=16, peer="stellar-h16")["subjects"][1]
    assert not same["clustered"] and same["restarted"] is None and same["cosine"] == stellar["cosine"]
    with pytest.raises(ValueError, match="is not mae-b16's: its layout is DINO's whole checkpoint"):
        service.answer(photo, change="shift", amount=16, peer="mae-b16")


def test_an_upload_is_asked_for_by_its_token(client, service):
    kept = service.explorer.keep(photo_bytes(3, size=(90, 400)))
    answer = client.post(ADDRESS, json={"photo": kept.token, "change": "shift", "amount": 56}).json()
    assert answer["photo"]["example"] is None and answer["photo"]["token"] == kept.token
    assert answer["subjects"][0]["visible"] is not None  # narrower than the shift: nothing is seen, and nothing breaks


# What is refused


@pytest.mark.parametrize(("asked", "words"), [
    ({"example": "no-such"}, "There is no example no-such"),
    ({"example": ["x"]}, "The example is a text"),
    ({}, "Name one photo"),
    ({"example": EXAMPLE, "photo": "x"}, "Name one photo"),
    ({"example": EXAMPLE, "change": "melt"}, "There is no change melt; choose shift, flip, turn, crop."),
    ({"example": EXAMPLE, "change": ["shift"]}, "There is no change"),
    ({"example": EXAMPLE, "amount": 7}, "The amount of a shift is one of -56"),
    ({"example": EXAMPLE, "amount": True}, "The amount of a shift"),
    ({"example": EXAMPLE, "amount": "8"}, "The amount of a shift"),
    ({"example": EXAMPLE, "amount": [8]}, "The amount of a shift"),
    ({"example": EXAMPLE, "peer": "stem"}, "There is no peer stem"),
    ({"example": EXAMPLE, "peer": {}}, "There is no peer"),
    ({"example": EXAMPLE, "model": "../secret"}, "There is no model"),
    ({"example": EXAMPLE, "model": ["nano"]}, "There is no model"),
    ({"example": EXAMPLE, "colour": 1}, "unknown field colour"),
    ([1], "Send a JSON object."),
])
def test_what_is_not_offered_is_one_sentence(client, asked, words):
    answer = client.post(ADDRESS, json=asked)
    assert answer.status_code == 400 and words in answer.text and "\n" not in answer.text and len(answer.text) < 300


def test_a_photo_that_is_gone_and_a_question_too_long(client):
    gone = client.post(ADDRESS, json={"photo": "0" * 32})
    assert gone.status_code == 404 and "choose it again" in gone.text
    assert client.post(ADDRESS, content=b"{" + b" " * 5000 + b"}").status_code == 413


def test_the_page_is_told_the_steps(client):
    told = client.get(f"{ADDRESS}/changes.json").json()["changes"]
    assert [change["name"] for change in told] == list(CHANGES)
    assert all(change["label"] and change["hint"] and change["amounts"] for change in told)
