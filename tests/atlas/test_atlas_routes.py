"""The atlas' addresses: a map that is made while one waits, its arrays, concepts, and a selection as a file."""

import csv
import io
import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from starlette.applications import Starlette
from starlette.testclient import TestClient

from index.atlas import atlas as atlas_module
from index.atlas.atlas import atlas_of
from index.atlas.map import _main_directions
from index.names.hedging import is_certain, shown
from index.records import EncodedPhoto
from index.store.atlas_file import FILE
from stellar_explorer.atlas import atlases as atlases_module
from stellar_explorer.atlas.atlases import MOST_ASKED, Atlases, make_apart
from stellar_explorer.atlas.package import NONE, atlas_package, cluster_colours, cluster_label, source_groups
from stellar_explorer.atlas.routes import MOST_BYTES, atlas_routes, ids_of
from tests.fakes.atlas import FakeCollections, FakeIndex, atlas_photo
from tests.fakes.index import FAKE_MODEL

PATIENCE = 20
DTYPES = {"float64": "<f8", "float32": "<f4", "uint16": "<u2", "uint8": "u1"}
HOSTILE = "${alert(1)}<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def quick_map(monkeypatch):
    def flat(vectors, *, progress):
        positions = _main_directions(vectors)
        return (positions / np.abs(positions).max()).astype(np.float32)

    monkeypatch.setattr(atlas_module, "lay_out", flat)


@pytest.fixture
def index(tmp_path):
    return FakeIndex(tmp_path, [hostile(0), *(atlas_photo(seed) for seed in range(1, 20))])


def hostile(seed: int) -> EncodedPhoto:
    encoded = atlas_photo(seed)
    concepts = tuple(replace(concept, names=((HOSTILE, 0.9),)) for concept in encoded.concepts)
    photo = replace(encoded.photo, source=f"set0/{HOSTILE}/{seed}.jpg", label=HOSTILE)
    return replace(encoded, photo=photo, concepts=concepts)


def served(index: FakeIndex, make=lambda index, file, report: atlas_of(index, file=file)) -> TestClient:
    return TestClient(Starlette(routes=atlas_routes(Atlases(FakeCollections(index), make=make))))


def manifest_of(client: TestClient, state: str = "ready") -> dict:
    """Asked for as a page does, until it is in this state."""
    for _ in range(PATIENCE * 100):
        answer = client.get("/stellar/collections/fake/atlas.json")
        assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
        if answer.json()["state"] == state:
            return answer.json()
        threading.Event().wait(0.01)
    raise AssertionError(answer.text)


def arrays_of(manifest: dict, data: bytes) -> dict[str, np.ndarray]:
    return {name: np.frombuffer(data, DTYPES[told["dtype"]], int(np.prod(told["shape"])), told["offset"])
            .reshape(told["shape"]) for name, told in manifest["arrays"].items()}


# --- the map ---


def test_the_map_is_made_once_and_told_in_full(index):
    client = served(index)
    first = client.get("/stellar/collections/fake/atlas.json").json()
    assert first["state"] == "making" and 0 <= first["share"] < 1 and first["stage"]
    manifest = manifest_of(client)
    data = client.get("/" + manifest["address"])
    assert data.status_code == 200 and "immutable" in data.headers["cache-control"]
    assert len(data.content) == manifest["bytes"]
    arrays = arrays_of(manifest, data.content)
    columns = index.columns("id", "photo", "mass", "token", "label", "names", "name_scores", "left")
    np.testing.assert_array_equal(arrays["id"], columns["id"])
    np.testing.assert_array_equal(arrays["photo"], columns["photo"])
    np.testing.assert_array_equal(arrays["token"], columns["token"])
    np.testing.assert_allclose(arrays["mass"], columns["mass"])
    np.testing.assert_allclose(arrays["box"][:, 0], columns["left"] * 255, atol=0.51)
    # Codes say the same as the index does.
    firsts = zip(columns["names"][:, 0], columns["name_scores"][:, 0], strict=True)
    said = {"label": [None if code < 0 else index.labels[code] for code in columns["label"]],
            "name": [None if code < 0 else shown(index.words[code], score) for code, score in firsts]}
    for name, values in said.items():
        assert [None if code == NONE else manifest[f"{name}s"][code] for code in arrays[name]] == values
    counts = np.bincount(arrays["cluster"])
    assert [cluster["count"] for cluster in manifest["clusters"]] == counts.tolist()
    assert manifest["num_photos"] == 20 and manifest["num_points"] == manifest["num_concepts"] == 80
    assert manifest["newer"] is None and HOSTILE in manifest["labels"] and HOSTILE in manifest["names"]
    assert manifest_of(client)["address"] == manifest["address"]


def test_a_map_that_is_there_is_taken(index):
    atlas_of(index)
    client = served(index, make=lambda *_: pytest.fail("made again"))
    assert client.get("/stellar/collections/fake/atlas.json").json()["state"] == "ready"


def test_progress_is_told_and_the_old_map_stays_while_the_new_one_is_made(index):
    may_end, says = threading.Event(), threading.Event()

    def make(index, file, report):
        report("Placing what is new", 0.4)
        says.set()
        assert may_end.wait(PATIENCE)
        atlas_of(index, file=file)

    client = served(index, make)
    assert client.get("/stellar/collections/fake/atlas.json").json()["state"] == "making"
    assert says.wait(PATIENCE)
    assert client.get("/stellar/collections/fake/atlas.json").json() == {
        "state": "making", "stage": "Placing what is new", "share": 0.4}
    may_end.set()
    before = manifest_of(client)
    may_end.clear()
    says.clear()
    index.add([atlas_photo(50)])
    index.remove([0])
    during = manifest_of(client)
    assert says.wait(PATIENCE)
    during = manifest_of(client)
    assert during["newer"] == {"stage": "Placing what is new", "share": 0.4}
    assert during["address"] == before["address"] and client.get("/" + before["address"]).status_code == 200
    may_end.set()
    for _ in range(PATIENCE * 100):
        after = manifest_of(client)
        if after["newer"] is None:
            break
        threading.Event().wait(0.01)
    assert after["version"] == index.version and after["address"] != before["address"]
    gone = client.get("/" + before["address"])
    assert gone.status_code == 404 and gone.text == "This map has been drawn anew; load it again."


def test_an_old_file_is_shown_without_what_was_removed(index):
    atlas = atlas_of(index)
    index.add([atlas_photo(50)])
    index.remove([0, 5])
    package = atlas_package(index, atlas, "fake")
    ids = arrays_of(package.manifest, package.data)["id"].astype(int)
    assert set(ids) == set(atlas.ids.tolist()) & set(index.columns("id")["id"].tolist()) and len(ids) == 72


def test_each_cluster_has_a_label_and_a_crop_of_its_typical_concept(index):
    atlas = atlas_of(index)
    [gone] = {concept.photo for concept in index.concepts([atlas.clusters[0].typical[0]])}
    index.remove([gone])
    told = atlas_package(index, atlas, "fake").manifest["clusters"]
    assert len({cluster["crop"]["concept"] for cluster in told}) == len(told) and all(one["label"] for one in told)
    there = set(index.columns("id")["id"].tolist())
    for cluster, one in zip(atlas.clusters, told, strict=True):
        crop = one["crop"]
        assert crop["concept"] == next(concept for concept in cluster.typical if concept in there)
        [concept] = index.concepts([crop["concept"]])
        photo = index.photo(concept.photo)
        assert crop["photo"] == photo.id != gone and [crop["width"], crop["height"]] == list(photo.size)
        assert crop["box"] == pytest.approx(concept.box, abs=1e-4)
        assert sum(crop["mask"]) == crop["grid"][0] * crop["grid"][1]
        assert crop["thumbnail"] == f"stellar/collections/fake/thumbnails/{photo.id}.jpg?v={photo.sha256[:12]}"
    index.remove(range(20))
    index.add([atlas_photo(50)])
    assert {one["crop"] for one in atlas_package(index, atlas, "fake").manifest["clusters"]} == {None}


@pytest.mark.parametrize(("names", "label"), [
    ((("dog", 0.7), ("cat", 0.1)), "dog"), ((("dog", 0.3),), "dog?"), ((("dog?", 0.7),), "dog?"),
    ((("dog?", 0.3),), "dog?"), ((("dog", 0.02),), "unnamed 3"), ((), "unnamed 3"),
    ((("animal", 0.25), ("turtle", 0.2)), "turtle?"), ((("animal", 0.6), ("turtle", 0.02)), "animal")])
def test_a_cluster_is_called_by_what_is_certain_enough(index, names, label):
    assert cluster_label(replace(atlas_of(index).clusters[0], names=names), 3) == label


def test_a_failure_is_told_and_tried_again_later(index, monkeypatch):
    tries = []

    def make(index, file, report):
        tries.append(1)
        raise ValueError("The disk is full; make room.")

    client = served(index, make)
    assert manifest_of(client, "failed") == {"state": "failed", "message": "The disk is full; make room."}
    manifest_of(client, "failed")
    assert len(tries) == 1
    monkeypatch.setattr(atlases_module, "FAILURE_SECONDS", -1)
    client.get("/stellar/collections/fake/atlas.json")
    for _ in range(PATIENCE * 100):
        if len(tries) > 1:
            break
        threading.Event().wait(0.01)
    assert len(tries) > 1


def test_another_process_makes_it_and_its_sentence_arrives(index, tmp_path, monkeypatch):
    told = []
    script = "import sys; print(' 40 % Drawing\\nNo room is left.', file=sys.stderr); sys.exit(2)"
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: real([sys.executable, "-c", script], **options))
    with pytest.raises(ValueError, match=r"^No room is left\.$"):
        make_apart(index, tmp_path / "map", lambda stage, share: told.append((stage, share)))
    assert told == [("Drawing", 0.4)]


def test_a_folder_that_is_only_read_has_its_map_in_the_cache(index, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    manifest_of(served(index))
    assert not (index.path / FILE).exists()
    assert len(list((tmp_path / "cache" / "stellar-explorer" / "atlases").iterdir())) == 1


def test_a_large_collection_shows_every_so_manieth(index, monkeypatch):
    monkeypatch.setattr("stellar_explorer.atlas.package.MOST_POINTS", 30)
    package = atlas_package(index, atlas_of(index), "fake")
    assert package.manifest["num_points"] == 30 and package.manifest["num_concepts"] == 80
    assert package.manifest["arrays"]["id"]["shape"] == [30]


def test_sources_are_told_coarsely():
    assert source_groups(["a/1.jpg", "a/2.jpg", "b/c/3.jpg"])[0] == ["a", "b/c"]
    groups, of = source_groups(["org/set train row 1", "org/set train row 2", "org/set test row 1"])
    assert groups == ["org/set train", "org/set test"] and of.tolist() == [0, 0, 1]
    assert source_groups(["x/1.jpg", "x/2.jpg"])[0] == ["x/1.jpg", "x/2.jpg"]
    assert source_groups([])[0] == []


def test_neighbours_on_the_map_differ_in_colour(index):
    clusters = atlas_of(index).clusters
    colours = cluster_colours(clusters)
    assert len(set(colours)) == len(clusters)


# --- concepts of it ---


def test_what_is_told_of_concepts_is_what_is_stored(index):
    client = served(index)
    index.remove([1])
    facts = client.get("/stellar/collections/fake/atlas/concepts.json?ids=9,0,5,9999999").json()
    assert [fact["id"] for fact in facts] == [9, 0]  # 5 was of photo 1, and 9999999 never was
    [concept] = index.concepts([9])
    assert facts[0]["mask"] == list(concept.mask) and facts[0]["names"] == [
        [word, score, is_certain(score)] for word, score in concept.names]
    assert facts[1]["names"] == [[HOSTILE, 0.9, True]] and facts[1]["label"] == HOSTILE


@pytest.mark.parametrize("ids", ["", "x", "1,,2", "-1", "1.5", "1e3", "0x1", "%00", "9" * 17, "1 2", "٣"])
def test_numbers_are_asked_for_by_numbers(index, ids):
    answer = served(index).get(f"/stellar/collections/fake/atlas/concepts.json?ids={ids}")
    assert answer.status_code == 400 and answer.text == "Name concepts by their numbers, with commas between."


def test_too_many_at_once_are_refused(index):
    ids = ",".join(["1"] * (MOST_ASKED + 1))
    answer = served(index).get(f"/stellar/collections/fake/atlas/concepts.json?ids={ids}")
    assert answer.status_code == 400 and str(MOST_ASKED) in answer.text


# --- a selection as a file ---


def exported(client: TestClient, kind: str, ids: list[int]) -> bytes:
    answer = client.post(f"/stellar/collections/fake/atlas/export.{kind}", json={"ids": ids})
    assert answer.status_code == 200, answer.text
    assert f'filename="stellar-atlas-selection.{kind}"' in answer.headers["content-disposition"]
    return answer.content


def test_a_selection_leaves_as_csv_and_as_parquet_alike(index):
    client = served(index)
    manifest_of(client)
    ids = [7, 2, 41]
    table = parquet.read_table(io.BytesIO(exported(client, "parquet", ids)))
    assert table["concept"].to_pylist() == ids
    rows = list(csv.DictReader(io.StringIO(exported(client, "csv", ids).decode())))
    assert list(rows[0]) == table.column_names and [int(row["concept"]) for row in rows] == ids
    atlas = atlas_of(index)
    for row, told, concept in zip(rows, table.to_pylist(), index.concepts(ids), strict=True):
        photo = index.photo(concept.photo)
        assert (told["photo"], told["source"], told["label"]) == (photo.id, photo.source, photo.label)
        assert told["cluster"] == atlas.cluster[concept.id] + 1 == int(row["cluster"])
        assert told["name_1"] == (concept.names[0][0] if concept.names else None)
        np.testing.assert_allclose([told["map_x"], told["map_y"]], atlas.positions[concept.id])
        box = [float(row[side]) for side in ("left", "top", "right", "bottom")]
        np.testing.assert_allclose(box, concept.box, atol=1e-6)


@pytest.mark.parametrize(
    "body", ["", "[]", "null", '{"ids": 3}', '{"ids": []}', '{"ids": ["x"]}', '{"ids": [true]}', "{"])
def test_a_selection_that_cannot_be_read_is_refused(index, body):
    client = served(index)
    manifest_of(client)
    answer = client.post("/stellar/collections/fake/atlas/export.csv", content=body)
    assert answer.status_code == 400 and answer.text == 'Send {"ids": [...]} with the numbers of concepts.'


def test_a_selection_of_what_is_not_there_is_refused(index):
    client = served(index)
    assert client.post("/stellar/collections/fake/atlas/export.csv", json={"ids": [1]}).status_code == 404
    manifest_of(client)
    answer = client.post("/stellar/collections/fake/atlas/export.csv", json={"ids": [1, 10**9]})
    assert answer.status_code == 400 and "load it again" in answer.text
    large = client.post("/stellar/collections/fake/atlas/export.csv", content=b"1" * (MOST_BYTES + 1))
    assert large.status_code == 413
    assert client.post("/stellar/collections/fake/atlas/export.exe", json={"ids": [1]}).status_code == 404


# --- what is not offered ---


@pytest.mark.parametrize("name", ["other", "..", "%2e%2e", "fake%00", "%2Fetc", HOSTILE.replace("/", "")])
@pytest.mark.parametrize("address", ["atlas.json", "atlas.bin?map=0", "atlas/concepts.json?ids=1"])
def test_no_other_collection_answers(index, name, address):
    answer = served(index).get(f"/stellar/collections/{name}/{address}")
    assert answer.status_code in (400, 404) and name not in answer.text


def test_an_index_without_concepts_says_so(tmp_path):
    answer = served(FakeIndex(tmp_path, [])).get("/stellar/collections/fake/atlas.json")
    assert answer.status_code == 400 and answer.text == "This collection holds no concepts yet; add photos to it."


def test_ids_are_whole_numbers():
    assert ids_of(["1", 2]) == [1, 2]
    for wrong in (None, {}, "1", [], [None], [1.5], [-1]):
        with pytest.raises(ValueError, match="numbers"):
            ids_of(wrong)


def test_the_vendored_bundle_has_its_licences_beside_it():
    vendor = Path(atlases_module.__file__).parent.parent / "web" / "vendor"
    for bundle in vendor.glob("*.js"):
        licences = vendor / f"{bundle.stem}.LICENSES.txt"
        assert licences.name in bundle.read_text(encoding="utf-8").partition("\n")[0]
        text = licences.read_text(encoding="utf-8")
        copied = ("regl-scatterplot 1.16.0", "regl ", "kdbush", "simplify-js")
        assert all(f"---- {package}" in text for package in copied)


def test_manifests_are_json_without_numbers_that_json_lacks(index):
    package = atlas_package(index, atlas_of(index), "fake")
    assert json.loads(json.dumps(package.manifest, allow_nan=False)) == package.manifest
    assert FAKE_MODEL.name == package.manifest["model"]
