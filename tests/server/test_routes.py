"""The stage's own addresses, asked directly: what they give, and what they refuse."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco
from starlette.applications import Starlette
from starlette.testclient import TestClient

from stellar_explorer.examples import examples
from stellar_explorer.explore.downloads import DOWNLOADS
from stellar_explorer.explore.package import package
from stellar_explorer.explore.routes import routes

WEB = Path(__file__).resolve().parent.parent.parent / "stellar_explorer" / "web"


@pytest.fixture(scope="module")
def client(explorer):
    return TestClient(Starlette(routes=routes(explorer)), raise_server_exceptions=True)


@pytest.fixture(scope="module")
def study(explorer):
    return explorer.study(explorer.example("chelsea"), model="nano", resolution=224)


def test_settings(client):
    settings = client.get("/stellar/settings.json").json()
    assert [model["name"] for model in settings["models"]] == ["nano"]
    assert settings["resolutions"] == [224, 448, 672, 1024]
    assert settings["default"] == {"model": "nano", "resolution": 448, "example": next(iter(examples()))}
    assert [example["id"] for example in settings["examples"]] == list(examples()) and len(settings["examples"]) >= 12
    for example in settings["examples"]:
        assert all(example[key] for key in ("title", "alt", "credit"))
        picture = client.get("/" + example["thumbnail"])
        assert picture.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(picture.content)).size == (128, 128)


def test_the_photo_keeps_its_proportions(client, explorer):
    buffer = io.BytesIO()
    Image.effect_noise((2400, 800), 60).convert("RGB").save(buffer, "JPEG")
    photo = explorer.keep(buffer.getvalue())
    answer = client.get(f"/stellar/photos/{photo.token}.jpg")
    shown = Image.open(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == "image/jpeg" and shown.format == "JPEG"
    assert max(shown.size) == 1024 and shown.width / shown.height == pytest.approx(3, rel=0.01)
    assert "private" in answer.headers["cache-control"]
    assert client.get(f"/stellar/photos/{explorer.example('chelsea').token}.jpg").status_code == 200


def test_the_package_is_that_of_the_manifest(client, study):
    answer = client.get("/" + package(study).manifest["analysis"]["address"])
    assert answer.content == package(study).data and "private" in answer.headers["cache-control"]


def fetch(client, study, kind, **query):
    answer = client.get("/" + package(study).manifest["analysis"]["downloads"][kind], params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith("attachment; filename=\"stellar-chelsea-224-")
    return answer.content


def test_the_figure_is_a_picture(client, study):
    figure = Image.open(io.BytesIO(fetch(client, study, "figure", threshold=1)))
    assert figure.format == "PNG" and min(figure.size) > 300
    figure.load()


def test_masks_are_of_the_photos_size(client, study):
    with zipfile.ZipFile(io.BytesIO(fetch(client, study, "masks", threshold=1))) as archive:
        assert len(archive.namelist()) == study.analysis.num_tokens and archive.testzip() is None
        masks = [np.asarray(Image.open(archive.open(name)).convert("L")) > 0 for name in sorted(archive.namelist())]
    assert {mask.shape for mask in masks} == {study.photo.size[::-1]}
    results = json.loads(fetch(client, study, "rle", threshold=1))
    assert [result["token"] for result in results] == list(range(study.analysis.num_tokens))
    for result, mask in zip(results, masks, strict=True):
        np.testing.assert_array_equal(coco.decode(result["segmentation"]).astype(bool), mask)
        assert result["area"] == mask.sum()


def test_a_higher_threshold_leaves_less(client, study):
    loose, tight = (json.loads(fetch(client, study, "rle", threshold=value)) for value in ("0.25", "8"))
    assert all(a["area"] >= b["area"] for a, b in zip(loose, tight, strict=True))
    assert sum(result["area"] for result in loose) > sum(result["area"] for result in tight)
    assert json.loads(fetch(client, study, "rle")) == json.loads(fetch(client, study, "rle", threshold=1))


@pytest.mark.parametrize(("query", "words"), [
    ({"style": "soft"}, "The style must be one of blocky, smooth"), ({"basis": "mine"}, "The basis must be one of"),
    ({"kept": "0"}, "The number of kept concepts"), ({"kept": "17"}, "from 1 to 16"), ({"view": "all"}, "The view")])
def test_what_cannot_be_shown_is_refused(client, study, query, words):
    for kind in ("figure", "masks", "rle", "arrays"):
        answer = client.get("/" + package(study).manifest["analysis"]["downloads"][kind], params=query)
        assert answer.status_code == 400 and words in answer.text and len(answer.text.splitlines()) == 1


def test_masks_are_those_that_are_shown(client, study):
    queries = {}, {"style": "smooth"}, {"kept": 3, "view": "features", "basis": "examples"}
    every, smooth, three = (json.loads(fetch(client, study, "rle", **query)) for query in queries)
    assert [result["area"] for result in smooth] != [result["area"] for result in every]
    order = (-study.analysis.mass).argsort(kind="stable")[:3]
    assert [result["token"] for result in three] == sorted(order.tolist())
    assert three == [every[token] for token in sorted(order)]


def test_the_figure_is_of_what_is_shown(client, study):
    shown = [{}, {"style": "smooth"}, {"basis": "examples"}, {"kept": 3}, {"view": "concepts"}]
    assert len({fetch(client, study, "figure", **query) for query in shown}) == len(shown)


def test_a_download_of_an_upload_bears_its_name(client, explorer):
    buffer = io.BytesIO()
    Image.effect_noise((240, 160), 60).convert("RGB").save(buffer, "PNG")
    study = explorer.study(explorer.keep(buffer.getvalue()), model="nano", resolution=224)
    answer = client.get("/" + package(study).manifest["analysis"]["downloads"]["rle"], params={"name": "Mon été.png"})
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"stellar-Mon-ete-224-masks.json\"; "
        "filename*=UTF-8''stellar-Mon-%C3%A9t%C3%A9-224-masks.json")


def test_arrays_load_without_pickle(client, study):
    with np.load(io.BytesIO(fetch(client, study, "arrays")), allow_pickle=False) as arrays:
        np.testing.assert_allclose(arrays["localization"], study.analysis.localization, atol=1e-6)
        np.testing.assert_allclose(arrays["semantics"], study.analysis.semantics, atol=1e-6)


@pytest.mark.parametrize("kind", ["figure", "masks", "rle"])
@pytest.mark.parametrize("threshold", [
    "0", "-1", "16.01", "1e9", "nan", "inf", "-inf", "one", "1;drop", "0x1", "%00", "💥"])
def test_a_threshold_out_of_range_is_refused_with_the_range(client, study, kind, threshold):
    answer = client.get("/" + package(study).manifest["analysis"]["downloads"][kind], params={"threshold": threshold})
    assert answer.status_code == 400
    assert answer.text == "The threshold must be a number above 0 and at most 16."


@pytest.mark.parametrize("address", [
    "stellar/photos/{token}.jpg", "stellar/analyses/{token}.bin",
    *(f"stellar/analyses/{{token}}/{kind}" for kind in DOWNLOADS)])
@pytest.mark.parametrize("token", [
    "0" * 32, "nobody", "..", "%2e%2e", "%00", "a%2Fb", "<script>alert(1)</script>", "é", "x" * 3000])
def test_an_unknown_token_is_not_found(client, address, token):
    answer = client.get("/" + address.format(token=token))
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
    assert token not in answer.text


def test_a_photos_token_opens_no_analysis(client, study):
    assert client.get(f"/stellar/analyses/{study.photo.token}.bin").status_code == 404
    assert client.get(f"/stellar/photos/{study.token}.jpg").status_code == 404


@pytest.mark.parametrize("name", [
    "nothing", "../chelsea", "..%2fchelsea", "chelsea%00", "<b>", "constructor", "__proto__"])
def test_an_unknown_example_is_not_found(client, name):
    assert client.get(f"/stellar/examples/{name}/thumbnail.jpg").status_code == 404


@pytest.mark.parametrize("kind", ["figure.pdf", "masks.zip.exe", "..", "%2e%2e", "package"])
def test_an_unknown_download_is_not_found(client, study, kind):
    assert client.get(f"/stellar/analyses/{study.token}/{kind}").status_code == 404


def test_the_scripts_are_served(client):
    for file in [*WEB.glob("*.js"), *WEB.glob("*.css")]:
        answer = client.get(f"/stellar/web/{file.name}")
        assert answer.content == file.read_bytes()
        # A module of another media type is not run.
        assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "application/javascript", "text/css")
    assert client.get("/stellar/logo.svg").headers["content-type"].startswith("image/svg+xml")


@pytest.mark.parametrize("path", [
    "../analysis.py", "..%2fanalysis.py", "%2e%2e/analysis.py", "%2e%2e%2fanalysis.py", "....//analysis.py",
    "..%5canalysis.py", "%2fetc%2fpasswd", "//etc/passwd", "stage.js%00.css", "", ".", "%252e%252e%252fanalysis.py"])
def test_nothing_but_the_scripts_is_served(client, path):
    answer = client.get(f"/stellar/web/{path}")
    assert answer.status_code in (400, 404, 405)
    assert "import" not in answer.text and "root:" not in answer.text


def test_nothing_can_be_written(client, study):
    for address in ("stellar/settings.json", package(study).manifest["analysis"]["address"],
                    "stellar/web/explore/stage.js"):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert client.request(method, "/" + address).status_code == 405
