"""The same work for programs: /localize and /features as a gradio_client script calls them, and as MCP tools."""

import base64
import importlib.util

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from pycocotools import mask as coco

from stellar_explorer.examples import examples
from stellar_explorer.photo import open_photo

PHOTO = examples()["chelsea"].path


@pytest.fixture(scope="module")
def client(served):
    return Client(served.url, verbose=False)


@pytest.fixture(scope="module")
def analysis(explorer):
    return explorer.analyse(open_photo(PHOTO), "nano", 224)


def decoded(entry: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(entry["data"]), "<f4").reshape(entry["shape"])


def test_localize_as_in_the_readme(client, analysis):
    found = client.predict(photo=handle_file(str(PHOTO)), resolution=224, threshold=1.5, api_name="/localize")
    width, height = open_photo(PHOTO).size
    assert found["photo_size"] == [height, width] and found["patch_grid"] == list(analysis.patch_grid)
    masses = [concept["mass"] for concept in found["concepts"]]
    assert masses == sorted(masses, reverse=True) and sum(masses) == pytest.approx(1, abs=1e-4)
    assert sorted(concept["token"] for concept in found["concepts"]) == list(range(16))
    from stellar_explorer.views.masks import photo_masks

    masks = list(photo_masks(analysis, (width, height), threshold=1.5))
    for concept in found["concepts"]:
        token, (x, y, wide, high) = concept["token"], concept["bbox"]
        mask = coco.decode(concept["segmentation"]).astype(bool)
        np.testing.assert_array_equal(mask, masks[token])
        assert concept["mass"] == pytest.approx(float(analysis.mass[token]), abs=1e-5)
        assert concept["peak"] == pytest.approx(float(analysis.peak[token]), abs=1e-5)
        assert concept["area"] == mask.sum() and mask[int(y):int(y + high), int(x):int(x + wide)].sum() == mask.sum()


def test_features_are_the_explorers_numbers(client, analysis):
    found = client.predict(photo=handle_file(str(PHOTO)), resolution=224, api_name="/features")
    localization, semantics, concepts, summary = (decoded(found[name]) for name in (
        "localization", "semantics", "concepts", "summary"))
    assert localization.shape == (len(analysis.patch_features), found["num_tokens"])
    np.testing.assert_allclose(localization.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(localization, analysis.localization, atol=1e-5)
    np.testing.assert_allclose(semantics, analysis.semantics, atol=1e-4)
    np.testing.assert_allclose(concepts, analysis.concepts, atol=1e-4)
    np.testing.assert_allclose(summary, analysis.summary, atol=1e-4)


def test_the_default_is_the_pages(client):
    found = client.predict(photo=handle_file(str(PHOTO)), api_name="/localize")
    assert (found["model"], found["resolution"], found["threshold"]) == ("nano", 448, 1)


@pytest.mark.parametrize("api_name", ["/localize", "/features"])
@pytest.mark.parametrize(("wrong", "sentence"), [
    ({"resolution": 100}, "from 224 to 1024"), ({"resolution": "many"}, "from 224 to 1024"),
    ({"resolution": 448.5}, "from 224 to 1024"), ({"resolution": [448]}, "from 224 to 1024"),
    ({"model": "nobody/nothing"}, "choose nano"), ({"model": "/etc/passwd"}, "choose nano"),
    ({"model": 7}, "choose nano"),
    ({"threshold": 99}, "above 0 and at most 16"), ({"threshold": 0}, "above 0 and at most 16"),
    ({"threshold": "high"}, "above 0 and at most 16"), ({"photo": None}, "No photo was given"),
    ({"photo": "photo.jpg"}, "No photo was given"), ({"photo": {"path": 3}}, "No photo was given"),
    ({"photo": "text"}, "is not a picture"), ({"photo": "empty"}, "is empty"), ({"photo": "cut"}, "cut short")])
def test_what_is_wrong_is_said_in_one_sentence(client, tmp_path, api_name, wrong, sentence):
    if api_name == "/features" and "threshold" in wrong:
        pytest.skip("/features has no threshold")
    files = {"text": b"a text with another name", "empty": b"", "cut": PHOTO.read_bytes()[:9000]}
    if isinstance(wrong.get("photo"), str) and wrong["photo"] in files:
        file = tmp_path / "photo.jpg"
        file.write_bytes(files[wrong["photo"]])
        wrong = {"photo": handle_file(str(file))}
    with pytest.raises(AppError) as refused:
        client.predict(**{"photo": handle_file(str(PHOTO)), "resolution": 224} | wrong, api_name=api_name)
    said = str(refused.value)
    assert sentence in said and said.endswith(".") and "\n" not in said and "Traceback" not in said


def test_the_server_goes_on(client):
    assert client.predict(photo=handle_file(str(PHOTO)), resolution=224, api_name="/localize")["concepts"]


@pytest.mark.parametrize("path", ["/etc/passwd", str(PHOTO), "../../etc/passwd", "/proc/self/environ"])
def test_a_path_on_the_server_is_not_read(served, path):
    body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, "nano", 224]}
    started = httpx.post(f"{served.url}gradio_api/call/features", json=body)
    said = started.text
    if started.status_code == 200:
        said = httpx.get(f"{served.url}gradio_api/call/features/{started.json()['event_id']}", timeout=30).text
        assert "event: error" in said
    assert "localization" not in said and "root:" not in said and "PATH=" not in said
    assert PHOTO.exists()


def test_only_two_endpoints_are_public(client):
    described = client.view_api(return_format="dict", print_info=False)
    assert set(described["named_endpoints"]) == {"/localize", "/features"} and not described["unnamed_endpoints"]
    for endpoint in described["named_endpoints"].values():
        assert len(endpoint["description"]) > 40


@pytest.mark.skipif(importlib.util.find_spec("mcp") is None, reason='mcp is not installed: pip install "gradio[mcp]"')
def test_agents_are_offered_the_same_two(explorer):
    from stellar_explorer.page.demo import build, launch

    demo = build(explorer)
    try:
        _, url, _ = launch(
            demo, explorer, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, mcp_server=True)
        tools = {tool["name"]: tool for tool in httpx.get(f"{url}gradio_api/mcp/schema").json()}
    finally:
        demo.close(verbose=False)
    assert set(tools) == {"localize", "features"}
    assert set(tools["localize"]["inputSchema"]["properties"]) == {"photo", "model", "resolution", "threshold"}
    assert set(tools["features"]["inputSchema"]["properties"]) == {"photo", "model", "resolution"}
    for tool in tools.values():
        assert "Returns: photo_size [height, width]" in tool["description"] and ",," not in tool["description"]
        assert tool["inputSchema"]["required"] == ["photo"]
        assert all(len(each["description"]) > 10 for each in tool["inputSchema"]["properties"].values())
