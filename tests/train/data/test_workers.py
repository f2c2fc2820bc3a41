"""Workers that have no room, stop or die end a run with a sentence; nothing waits for what will not come."""

import json
import multiprocessing
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from tests.train.test_loop import photos, tiny  # noqa: F401
from train.config import TrainConfig
from train.data import shared_memory
from train.data.photos import Batch, DataError, Photos, Plan, batches, num_views, open_photos
from train.data.shared_memory import AHEAD, IN_USE, batches_ahead, num_bytes
from train.learners.stellar import StellarLearner
from train.loop import run


def with_workers(config: TrainConfig, **changes) -> TrainConfig:
    return replace(config, data=replace(config.data, **{"num_workers": 2, **changes}))


@contextmanager
def no_larger_file_than(size: int) -> Iterator[None]:
    """A disk, or shared memory, without room for more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def some(config: TrainConfig, last: int = 2) -> list[Batch]:
    plan = Plan(config.seed, config.batch_size, 0, 1, config.views.resolutions)
    return list(batches(open_photos(config.data), plan, config, first_step=0, last_step=last, targets=[]))


# Room in shared memory


@pytest.mark.parametrize("losses", [{"clustering": 1.0}, {"clustering": 1.0, "set_alignment": 1.0},
                                    {"summary_clustering": 1.0, "summary_alignment": 1.0}])
def test_the_size_of_a_batch_is_known_before_one_is_made(photos, losses):  # noqa: F811
    config = tiny(photos, weights=losses)
    [batch] = some(config, last=1)
    assert num_bytes(config, *num_views(config)) == batch.clean.nbytes + batch.masked.nbytes + batch.local.nbytes


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_no_more_is_made_ahead_than_has_room(workers):
    size = 100
    for room in range(0, 5000, 50):
        ahead = batches_ahead(size, workers, room)
        assert 0 <= ahead <= AHEAD and (not ahead or (ahead * workers + IN_USE) * size <= room)
        assert ahead == AHEAD or ((ahead + 1) * workers + IN_USE) * size > room
    assert batches_ahead(size, workers, None) == AHEAD


def test_batches_without_room_are_refused_with_the_settings_that_help(photos, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(shared_memory, "free", lambda: 100_000)
    config = with_workers(tiny(photos))
    with pytest.raises(DataError, match=r"a batch of 4 photos' views takes 0\.0 MB and 2 worker processes hand such "
                                        r"batches over in /dev/shm, which has 0\.1 MB to give: --set data\.num_workers="
                                        r"0, which does without, or lower batch_size to 2 or less, or give /dev/shm "
                                        r"0\.2 MB \(docker run --shm-size\)"):
        some(config)
    with pytest.raises(DataError, match="has 0.1 MB to give"):
        run(config, tmp_path / "run", device="cpu", quiet=True)
    assert not (tmp_path / "run").exists(), "a mistake leaves no run behind"
    assert len(some(replace(config, batch_size=2))) == 2 and len(some(with_workers(config, num_workers=0))) == 2


def test_room_that_is_gone_when_it_is_needed_is_said_and_not_waited_for(photos):  # noqa: F811
    """Really refused by the system: no file of these processes may be as large as a batch."""
    with no_larger_file_than(10_000), pytest.raises(DataError, match=r"a batch of 4 photos' views takes .*File too la"):
        some(with_workers(tiny(photos), worker_timeout=0))


# Workers that do not answer


def reading(monkeypatch, fate: signal.Signals) -> None:
    """What each worker does with its first photo."""
    here = os.getpid()

    def read(self, index):
        assert os.getpid() != here, "read by the run itself"
        os.kill(os.getpid(), fate)

    monkeypatch.setattr(Photos, "read", read)


def test_a_worker_that_stops_answering_ends_the_run(photos, tmp_path, monkeypatch):  # noqa: F811
    """Stopped, it can neither answer nor end by itself."""
    reading(monkeypatch, signal.SIGSTOP)
    with pytest.raises(DataError, match=r"have not answered for 1 seconds; .*--resume, .*--set data.worker_timeout="):
        run(with_workers(tiny(photos), worker_timeout=1), tmp_path / "run", device="cpu", quiet=True)
    assert not multiprocessing.active_children()
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["state"] == "stopped" and "have not answered" in status["reason"]


@pytest.mark.parametrize(("fate", "sentence"), [
    (signal.SIGKILL, "a process that reads photos died .*fewer data.num_workers need less memory"),
    (signal.SIGBUS, "in /dev/shm.*--set data.num_workers=0")])
def test_a_worker_that_dies_is_told(photos, monkeypatch, fate, sentence):  # noqa: F811
    reading(monkeypatch, fate)
    with pytest.raises(DataError, match=sentence):
        some(with_workers(tiny(photos)))
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("how", "sentence"), [("Killed", "need less memory"), ("Bus error", "no room in /dev/shm")])
def test_a_worker_that_dies_while_the_model_works_is_told_too(photos, tmp_path, monkeypatch, how, sentence):  # noqa: F811
    """torch raises it from a signal's handler, wherever the run is."""
    def struck(self, views):
        raise RuntimeError(f"DataLoader worker (pid 7) is killed by signal: {how}. ")

    monkeypatch.setattr(StellarLearner, "forward", struck)
    with pytest.raises(DataError, match=sentence):
        run(tiny(photos), tmp_path / "run", device="cpu", quiet=True)
    assert sentence in json.loads((tmp_path / "run" / "status.json").read_text())["reason"]


def test_what_workers_hand_over_is_what_is_made_without_them(photos):  # noqa: F811
    for one, other in zip(some(with_workers(tiny(photos))), some(tiny(photos)), strict=True):
        assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("clean", "masked", "local"))
        assert one.clean.is_shared() and not other.clean.is_shared()


def test_the_time_that_a_worker_has_may_change_when_a_run_goes_on(photos, tmp_path):  # noqa: F811
    run(tiny(photos, steps=1, save_every=1), tmp_path / "run", device="cpu", quiet=True)
    longer = tiny(photos, steps=1, save_every=1)
    longer = replace(longer, data=replace(longer.data, worker_timeout=7))
    run(longer, tmp_path / "run", resume=True, device="cpu", quiet=True)
    with pytest.raises(ValueError, match="data.worker_timeout must be at least 0"):
        replace(longer.data, worker_timeout=-1)
