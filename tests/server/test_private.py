"""What a server keeps of its visitors on the disk: gone with the visitor, with the server, or by the next one."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from stellar_explorer.examples import examples
from stellar_explorer.retrieve.collections import Collections
from stellar_explorer.retrieve.own_photos import OWN
from stellar_explorer.server.lifespan import remove_strays
from stellar_explorer.server.scratch import uploads_folder
from stellar_explorer.server.sweeping import FILE, hold, remove_abandoned
from tests.fakes.collections import photo_bytes, tiny_explorer

ROOT = Path(__file__).resolve().parent.parent.parent
PHOTO = next(iter(examples().values())).path.read_bytes()
# What a shell's background job or nohup hands down as ignored is as it is at a terminal.
SCRIPT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from stellar_explorer.server.ending import end_when_asked
from stellar_explorer.server.scratch import uploads_folder

end_when_asked()
(uploads_folder() / "photo").write_bytes(b"a visitor's")
print(uploads_folder(), flush=True)
time.sleep(600)
"""


@contextmanager
def running(place: Path, *command: str, **environment: str):
    """A process of ours whose uploads lie in `place`; it is killed at the end if it still runs."""
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(place), **environment}
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def kept(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file() and path.name != FILE]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_is_asked_to_end_removes_its_folder(tmp_path, number):
    with running(tmp_path, "-c", SCRIPT) as process:
        folder = Path(process.stdout.readline().strip())
        assert folder.parent == tmp_path and kept(tmp_path) and folder.stat().st_mode & 0o077 == 0
        process.send_signal(number)
        process.communicate(timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_what_was_killed_is_swept_by_the_next_and_what_lives_is_not(tmp_path):
    with running(tmp_path, "-c", SCRIPT) as living, running(tmp_path, "-c", SCRIPT) as dead:
        folders = [Path(process.stdout.readline().strip()) for process in (living, dead)]
        dead.kill()
        dead.wait()
        (tmp_path / "uploads-of-somebody").mkdir()
        (tmp_path / "uploads-7-link").symlink_to(folders[1])
        assert len(kept(tmp_path)) >= 2
        with running(tmp_path, "-c", SCRIPT) as third:
            third.stdout.readline()
            assert folders[0].is_dir() and not folders[1].exists() and (tmp_path / "uploads-of-somebody").is_dir()


def test_a_folder_is_held_once_and_never_followed(tmp_path):
    held, elsewhere = tmp_path / "held", tmp_path / "elsewhere"
    for folder in (held, elsewhere):
        folder.mkdir()
    (elsewhere / FILE).touch()
    (tmp_path / "link").symlink_to(elsewhere)
    hold(held)
    assert remove_abandoned([held, tmp_path / "link", tmp_path / "nothing"]) == []
    assert remove_abandoned([elsewhere]) == [elsewhere] and held.is_dir()


def test_what_gradio_wrote_by_itself_is_removed_and_ones_own_photos_are_not(tmp_path):
    for name in ("5f3a", f"{OWN}x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.png").write_bytes(b"x")
    (tmp_path / FILE).touch()
    remove_strays(tmp_path, seconds=3600)
    assert len(list(tmp_path.iterdir())) == 3
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    remove_strays(tmp_path, seconds=3600)
    assert {path.name for path in tmp_path.iterdir()} == {FILE, f"{OWN}x"}


# Photos dropped in Retrieve


@pytest.fixture
def collections(tmp_path):
    made = Collections(tiny_explorer(tmp_path), cache=tmp_path / "cache")
    made._is_started = True
    yield made
    made.close()


def own_files() -> list[Path]:
    return kept(uploads_folder())


def test_ones_own_photos_go_when_one_leaves(collections):
    before = own_files()
    name = collections.own("a" * 30)
    collections.add_own(name, photo_bytes(0), "cat.png")
    assert len(own_files()) > len(before)
    collections.leave_own(name)
    collections.sweep()
    assert len(own_files()) > len(before), "the page is only loaded anew, for all that is known"
    collections.offered(name)  # which it is
    collections.sweep(left=-1)
    assert len(own_files()) > len(before)
    collections.leave_own(name)
    collections.sweep(left=-1)
    assert own_files() == before


def test_nobody_leaves_for_all(tmp_path, collections):
    collections.shares_photos = True
    name = collections.own("a" * 30)
    collections.add_own(name, photo_bytes(0), "cat.png")
    collections.leave_own(name)
    collections.sweep(left=-1)
    assert collections.get(name).num_photos == 1
    collections.leave_own("own-" + "b" * 30)  # who has none leaves nothing


# The whole server


@contextmanager
def server(place: Path, model: str, cache: Path):
    """app.py -> (the process, its client), once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (running(place, "app.py", "--model", model, "--port", str(port), XDG_CACHE_HOME=str(cache)) as process,
          httpx.Client(base_url=f"http://127.0.0.1:{port}/", timeout=120) as client):
        while process.poll() is None:
            try:
                client.get("stellar/settings.json")
                break
            except httpx.TransportError:
                time.sleep(0.2)
        assert process.poll() is None, process.stdout.read()
        yield process, client


def drop(client: httpx.Client) -> None:
    name = client.post("stellar/collections/own").json()["name"]
    assert client.post(f"stellar/collections/{name}/photos?name=cat.jpg", content=PHOTO).status_code == 200


def test_a_server_that_was_killed_leaves_nothing_to_the_next_and_that_one_nothing_at_all(tmp_path):
    place, cache, [model] = tmp_path / "uploads", tmp_path / "cache", tiny_explorer(tmp_path).models
    with server(place, model, cache) as (process, client):
        drop(client)
        httpx.post(f"{client.base_url}gradio_api/upload", files={"files": ("cat.jpg", PHOTO)}).raise_for_status()
        assert kept(place), "dropped photos lie there"
        assert all(OWN in str(path) for path in kept(place)), "and no upload"
        process.kill()
        process.wait()
    [left] = place.iterdir()
    assert kept(left)
    with server(place, model, cache) as (process, client):
        assert not left.exists()
        drop(client)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM and "Traceback" not in said
    assert list(place.iterdir()) == []
