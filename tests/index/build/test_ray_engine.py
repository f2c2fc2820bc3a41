"""A build on a Ray cluster of two nodes gives what a local build gives, and goes on where it was stopped."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.build import ray_engine
from index.build.building import Engine, build
from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.store import staging
from photos.sources.open import open_source
from photos.sources.source import BadPhoto, Source, SourcePhoto
from tests.weights import write_tiny

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-scale.txt")


@pytest.fixture(scope="module")
def two_nodes():
    """With two cores each, as a node with one would only read, and a small store of objects."""
    from ray.cluster_utils import Cluster

    store = 80 * 2**20
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": store,
                                                            "include_dashboard": False})
    cluster.add_node(num_cpus=2, object_store_memory=store)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> str:
    return write_tiny(tmp_path_factory.mktemp("weights"))


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((64, 48)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Forty photos, of which two are there twice, and two that are none."""
    place = tmp_path_factory.mktemp("photos")
    for seed in range(40):
        path = place / ("cat" if seed % 2 else "dog") / f"{seed:02d}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture(seed % 38))
    (place / "cat" / "torn.png").write_bytes(picture(3)[:-60])
    (place / "text.jpg").write_text("no photo")
    return place


def told(path: Path) -> tuple[list, list, np.ndarray, np.ndarray, list[bytes]]:
    """All that an index answers."""
    with ConceptIndex.open(path) as index:
        assert index.verify() == []
        found = index.photos(limit=1000)
        concepts = [concept for photo in found for concept in index.concepts_of(photo.id)]
        return (found, concepts, index.vectors([concept.id for concept in concepts]),
                index.summaries([photo.id for photo in found]), [index.thumbnail(photo.id) for photo in found])


def assert_same(one: Path, other: Path) -> None:
    for ours, theirs in zip(told(one), told(other), strict=True):
        assert np.array_equal(ours, theirs) if isinstance(ours, np.ndarray) else ours == theirs


def test_two_nodes_build_what_one_process_builds_also_after_a_stop(two_nodes, photos, weights, tmp_path, monkeypatch):
    monkeypatch.setattr("photos.sources.files.PHOTOS_A_PIECE", 6)
    source, local, spread = open_source(photos, label_from_folder=True), tmp_path / "local", tmp_path / "ray"
    for out in (local, spread):  # at 448 px a processor encodes each photo alone, whatever its neighbours are
        build(open_source(photos / "cat"), out, model=weights, resolution=448)
    ours = build(source, local, model=weights)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(ray_engine, "name_all", stop)  # after everything was staged
        build(source, spread, model=weights, engine=Engine.RAY)
    with ConceptIndex.open(spread) as index:
        assert index.num_photos == 19 and index.verify() == []
    assert len(staging.staged_photos(spread)) == 19

    steps: list[int] = []
    seen: list[ray_engine.Seen] = []
    encoded = ray_engine.encoded

    def kept(*given: object, **named: object) -> Iterator[ray_engine.Seen]:
        for found in encoded(*given, **named):
            seen.append(found)
            yield found

    monkeypatch.setattr(ray_engine, "encoded", kept)
    theirs = build(source, spread, model=weights, engine=Engine.RAY, on_photo=lambda: steps.append(1))
    assert len(seen) == len(steps) == 42 and not any(found.staged for found in seen)
    assert (theirs.added, theirs.known, theirs.num_concepts) == (19, 21, ours.num_concepts) and ours.added == 19
    assert theirs.bad == sorted(ours.bad, key=lambda bad: bad.source) and len(ours.bad) == 2
    assert_same(local, spread)
    assert not (spread / staging.FOLDER).exists()


def test_what_came_before_a_source_broke_off_is_in(two_nodes, weights, tmp_path):
    def broken() -> Iterator[SourcePhoto | BadPhoto]:
        yield from (SourcePhoto(picture(seed), f"{seed}.png") for seed in range(3))
        raise ConceptIndexError("the line is dead")

    with pytest.raises(ConceptIndexError, match="the line is dead"):
        build(Source("line", None, broken), tmp_path / "index", model=weights, resolution=448, engine=Engine.RAY)
    with ConceptIndex.open(tmp_path / "index") as index:
        assert [photo.source for photo in index.photos()] == ["0.png", "1.png", "2.png"]


def test_an_error_on_a_node_is_a_sentence_and_leaves_the_index_as_it_was(two_nodes, photos, weights, tmp_path):
    out = tmp_path / "index"
    build(open_source(photos / "cat"), out, model=weights, resolution=448)

    def unknown() -> Iterator[SourcePhoto]:
        raise OSError(28, "No space left on device")
        yield

    with pytest.raises(ConceptIndexError, match=r"has stopped \(No space left on device\); .* the same command"):
        build(Source("full", None, unknown), out, model=weights, engine=Engine.RAY)
    with ConceptIndex.open(out) as index:
        assert index.num_photos == 19 and index.verify() == []
