"""Admission as visitors meet it: places, refusals, photos that many have at once, and what is kept for whom."""

import asyncio
import io
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from photos.decoding import photo_size
from stellar_explorer.examples import examples
from stellar_explorer.explorer import Explorer
from stellar_explorer.kept.cache import ByteBoundedCache, FullError
from stellar_explorer.kept.photos import LEASE_SECONDS
from stellar_explorer.kept.tokens import GoneError
from stellar_explorer.server import answers
from stellar_explorer.server.admission import Admission, Kind, visitor_of
from stellar_explorer.server.line import BusyError, UnwantedError
from stellar_explorer.server.line_routes import line_routes
from tests.fakes.factorizer import fake_analysis

PATIENCE = 30


def photo(seed=0, size=(96, 64)):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class FakedExplorer(Explorer):
    """Counts what it encodes, with a model of no weights."""

    def __init__(self, **options):
        super().__init__(("nano",), **options)
        self.encodes = []
        self._counting = threading.Lock()
        self.runner._encode = self._fake
        self.runner.stellar = lambda model: self.runner.check_offered(model) or SimpleNamespace(
            patch_size=16, decoder=None)

    def _fake(self, model, image):
        height, width = image.shape[2:]
        with self._counting:
            self.encodes.append((height, width))
        pixels = (image[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        made = fake_analysis(Image.fromarray(pixels), resolution=max(height, width))
        names = ("localization", "semantics", "patch_features", "summary", "concepts")
        return {name: getattr(made, name) for name in names}, made.patch_grid, 0.0

    def examples_basis(self, model):
        from stellar_explorer.views.basis import fit_basis

        return fit_basis([np.random.default_rng(0).normal(size=(64, 32))])


def together(count, work):
    """work(number) in so many threads that begin at one moment -> what each gave."""
    gate, given = threading.Barrier(count), [None] * count

    def run(number):
        gate.wait(PATIENCE)
        given[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return given


# --- one photo, many visitors ---

def test_one_photo_by_twenty_is_one_encode_and_twenty_answers():
    explorer, data = FakedExplorer(), photo()
    studies = together(20, lambda _: explorer.study(explorer.keep(data), model="nano", resolution=448))
    assert len(set(map(id, studies))) == 1 and studies[0] is not None
    assert sorted(map(max, explorer.encodes)) == [224, 448]


def test_a_photo_is_opened_once_for_all_that_is_made_of_it(monkeypatch):
    from stellar_explorer.kept import photos

    opened, open_photo = [], photos.open_photo
    monkeypatch.setattr(photos, "open_photo", lambda data: opened.append(1) or open_photo(data))
    explorer = FakedExplorer()
    explorer.study(explorer.keep(photo()), model="nano", resolution=448)
    assert len(opened) == 1


def test_photos_that_are_too_many_at_once_are_opened_one_after_the_other(monkeypatch):
    from stellar_explorer.kept import photos

    explorer, most, open_photo = FakedExplorer(pixels_bytes=2 * photo_size(photo())[2]), [], photos.open_photo
    monkeypatch.setattr(photos, "open_photo", lambda data: most.append(explorer.photos.pixels.held) or open_photo(data))
    together(12, lambda seed: explorer.keep(photo(seed)))
    assert len(most) == 12 and max(most) <= 2 * photo_size(photo())[2]


# --- what is kept ---

class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_what_is_in_use_goes_last_and_where_it_may_not_never():
    for keeps_used in (False, True):
        clock = Clock()
        cache = ByteBoundedCache(10, keeps_used=keeps_used, clock=clock)
        for key in "abc":
            cache.put(key, key, 3)
        assert cache.lease("a", 60) == 3 and cache.lease("x", 60) is None
        for key in "bc":  # used later than a, but not in use
            cache.get(key)
        for key in "defgh":
            cache.put(key, key, 3)
            assert cache.get("a") == "a" and cache.nbytes <= 10
        clock.now = 61
        cache.put("i", "i", 9)
        assert cache.get("a") is None and cache.get("i") == "i"


def test_what_is_all_in_use_leaves_no_room():
    clock = Clock()
    cache = ByteBoundedCache(10, keeps_used=True, clock=clock)
    cache.put("a", "a", 6)
    cache.lease("a", 60)
    with pytest.raises(FullError):
        cache.put("b", "b", 6)
    assert cache.get("a") == "a" and cache.nbytes == 6
    cache.put("a", "more", 8)  # itself it may replace, and stays in use
    with pytest.raises(FullError):
        cache.put("b", "b", 6)
    clock.now = 61
    cache.put("b", "b", 6)
    assert cache.get("b") == "b" and cache.get("a") is None


def test_a_study_that_somebody_looks_at_is_never_gone():
    explorer = FakedExplorer(analyses_bytes=400_000, photos_bytes=120_000)
    study = explorer.study(explorer.keep(photo(0)), model="nano", resolution=448)
    explorer.lease([study.photo.token, study.token])
    others = []
    for seed in range(1, 30):
        others.append(explorer.study(explorer.keep(photo(seed)), model="nano", resolution=448).token)
        again = explorer.kept_study(study.token)
        np.testing.assert_array_equal(again.analysis.localization, study.analysis.localization)
        assert explorer.photo(study.photo.token).data == study.photo.data
        assert explorer.photos.nbytes <= 120_000 and explorer.studies.nbytes <= 400_000
    with pytest.raises(GoneError):
        explorer.kept_study(others[0])


def test_a_study_that_made_room_is_made_again_unasked():
    explorer = FakedExplorer(analyses_bytes=1)  # nothing is kept
    study = explorer.study(explorer.keep(photo()), model="nano", resolution=224)
    before = len(explorer.encodes)
    assert explorer.kept_study(study.token).token == study.token
    assert len(explorer.encodes) == before + 1


def test_a_study_of_an_example_is_there_as_long_as_the_server_is():
    explorer = FakedExplorer(analyses_bytes=1, photos_bytes=1)
    example = explorer.example(next(iter(examples())))
    study = explorer.study(example, model="nano", resolution=224)
    assert explorer.kept_study(study.token).photo.example == example.example
    assert explorer.photo(example.token).data == example.data


def test_more_than_can_be_kept_is_refused_with_a_sentence():
    explorer = FakedExplorer(photos_bytes=30_000)
    kept = explorer.keep(photo(0))
    explorer.lease([kept.token])
    with pytest.raises(BusyError, match="being looked at; try again in") as refused:
        explorer.keep(photo(1))
    assert refused.value.seconds == LEASE_SECONDS and explorer.photo(kept.token) is kept


# --- over HTTP ---

@pytest.fixture
def server(monkeypatch):
    """-> a client, and a gate that the work of /work waits at."""
    admitted, gate, begun = Admission(1, most_waiting=2, enter=lambda: None), threading.Event(), threading.Event()
    monkeypatch.setattr(answers, "admission", lambda: admitted)
    monkeypatch.setattr("stellar_explorer.server.line_routes.admission", lambda: admitted)

    def work(request, body):
        begun.set()
        assert gate.wait(PATIENCE)
        return {"done": True}

    routes = [Route("/work", answers.answered(work, kind=Kind.WORK), methods=["POST"]),
              Route("/look", answers.answered(lambda request, body: {"found": True})),
              *line_routes(FakedExplorer())]
    with TestClient(Starlette(routes=routes)) as client:
        yield client, gate, begun, admitted
        gate.set()


def test_a_full_line_is_503_with_a_time_and_looking_up_goes_on(server):
    client, gate, begun, admitted = server
    found = []

    def ask(name):
        found.append(client.post("/work", headers={"Stellar-Session": name}))

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abc"]
    threads[0].start()
    assert begun.wait(PATIENCE)
    for thread in threads[1:]:
        thread.start()
    while admitted.line().waiting < 2:
        threading.Event().wait(0.01)
    refused = client.post("/work", headers={"Stellar-Session": "d"})
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) >= 1
    assert refused.text.startswith("The server has more to do") and refused.text.endswith(".")
    assert client.get("/look").json() == {"found": True}
    places = [client.get("/stellar/line.json", headers={"Stellar-Session": name}).json()["before"] for name in "abcd"]
    assert places[0] is None and sorted(places[1:3]) == [0, 1] and places[3] is None
    gate.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert [answer.status_code for answer in found] == [200] * 3


@pytest.mark.parametrize("body", [b"", b"{}", b"[3]", b"nonsense", b"[" * 4000])
def test_what_a_page_shows_is_a_list_of_texts(server, body):
    refused = server[0].post("/stellar/shown", content=body)
    assert refused.status_code == 400 and refused.text.endswith(".")


def test_a_page_may_show_what_is_not_there(server):
    assert server[0].post("/stellar/shown", json=["0" * 32, "\0", ""]).status_code == 204


def test_a_client_that_has_gone_frees_its_place():
    gate, begun = threading.Event(), threading.Event()

    def first():
        begun.set()
        assert gate.wait(PATIENCE)

    async def gone():
        return True

    async def visit():
        admitted = Admission(1, enter=lambda: None)
        running = asyncio.ensure_future(admitted.answer(first, visitor=("here", "a")))
        await asyncio.to_thread(begun.wait, PATIENCE)
        with pytest.raises(UnwantedError):
            await admitted.answer(lambda: None, visitor=("here", "b"), has_gone=gone)
        assert admitted.line().waiting == 0
        gate.set()
        await running

    asyncio.run(visit())


def test_who_waits_has_a_place_and_leaves_it_when_the_request_is_broken_off():
    gate, begun = threading.Event(), threading.Event()

    def first():
        begun.set()
        assert gate.wait(PATIENCE)

    async def visit():
        admitted = Admission(1, enter=lambda: None)
        running = asyncio.ensure_future(admitted.answer(first, visitor=("here", "a")))
        await asyncio.to_thread(begun.wait, PATIENCE)
        left = asyncio.ensure_future(admitted.answer(lambda: "x", visitor=("here", "b")))
        await asyncio.sleep(0)  # which is in line before the next comes
        stays = asyncio.ensure_future(admitted.answer(lambda: "y", visitor=("here", "c")))
        await asyncio.sleep(0)
        places = [admitted.line().before_first_of(("here", name)) for name in "abc"]
        assert places == [None, 0, 1]
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        assert admitted.line().waiting == 1 and admitted.line().before_first_of(("here", "c")) == 0
        gate.set()
        assert await stays == "y"
        await running

    asyncio.run(visit())


def test_bodies_on_their_way_are_bounded_for_all_and_for_one():
    admitted = Admission(1, most_held=100, enter=lambda: None)
    with admitted.arriving(25, ("here", "a")):
        with pytest.raises(BusyError), admitted.arriving(1, ("here", "a")):
            pass
        with admitted.arriving(70, ("here", "b")), pytest.raises(BusyError), admitted.arriving(10, ("here", "c")):
            pass
    with admitted.arriving(1000, ("here", "a")):  # alone, as large as it may be
        pass


def test_a_visitor_is_an_address_and_a_session():
    class Said:
        headers = {"stellar-session": "s" * 1000}
        client = type("Client", (), {"host": "10.0.0.1"})

    assert visitor_of(Said()) == ("10.0.0.1", "s" * 64)
    assert visitor_of(Said(), "gradio") == ("10.0.0.1", "gradio")
    assert visitor_of(object()) == ("", "")
