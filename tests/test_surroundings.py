"""Where it is run: no home, somebody else's /tmp/gradio, a read-only checkout, a C locale, another disk, a sub-path."""

import asyncio
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from model import caches
from stellar_explorer.explore.routes import WEB
from stellar_explorer.server.proxy import SubPath
from tests.proxies import proxied

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "/explorer"
# In a name space of mounts of its own these folders can be read and not written to, even by root.
SHUT = """
root=$1; shift
while [ "$1" != -- ]; do mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 9; shift; done
shift; cd "$root" && exec "$@"
"""


def shut(*folders: Path) -> list[str]:
    """What a command is to be begun with so that these folders are read-only; nothing where the system refuses."""
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", SHUT, "sh", str(ROOT), *map(str, folders), "--"]
    try:
        return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else []
    except FileNotFoundError:
        return []


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """home/ and tmp/gradio/, which are somebody else's; photos/."""
    place = tmp_path_factory.mktemp("elsewhere")
    for folder in (place / "home", place / "tmp" / "gradio", place / "photos"):
        folder.mkdir(parents=True)
    (place / "home" / "compiled.py").write_text(
        "from numba import njit\n@njit(cache=True)\ndef twice(number): return 2 * number\ntwice(1)", encoding="ascii")
    for turn, name in enumerate(("a.png", "Grüße 猫.png")):
        picture = Image.linear_gradient("L").rotate(90 * turn).resize((300, 200)).convert("RGB")
        picture.save(place / "photos" / name)
    return place


@pytest.fixture(scope="module")
def begin(place) -> list[str]:
    python = Path(sys.prefix)
    return shut(ROOT, *([] if python.is_relative_to(ROOT) else [python]), place / "home", place / "tmp" / "gradio")


@pytest.fixture(scope="module")
def surroundings(place, begin) -> dict[str, str]:
    """Environment variables: none of this account's own but PATH."""
    # Where a folder cannot be shut, there is at least no home.
    home = place / "home" if begin else place / "nowhere"
    return {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(place / "tmp"), "OMP_NUM_THREADS": "1",
            "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "PYTHONUNBUFFERED": "1",
            "GRADIO_SERVER_NAME": "127.0.0.1"}


@pytest.fixture
def run(begin, surroundings):
    def run(*command: str, **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run([*begin, sys.executable, *command], cwd=ROOT, env={**surroundings, **variables},
                              capture_output=True, encoding="ascii", timeout=300)
    return run


# The page


@pytest.fixture(scope="module")
def server(begin, surroundings, tmp_path_factory):
    """-> the address of a page that was started with everything against it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "app.log"
    with open(log, "wb") as told:
        process = subprocess.Popen([*begin, sys.executable, "app.py", "--port", str(port), "--root-path", PREFIX],
                                   cwd=ROOT, env=surroundings, stdout=told, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        while True:  # as long as it takes: a machine may be busy
            assert process.poll() is None, log.read_text(encoding="utf-8")
            try:
                httpx.get(address, timeout=30)
                break
            except httpx.TransportError:
                time.sleep(0.3)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "taken off"])
def test_the_page_is_whole_behind_a_proxy(server, place, keeps):
    photo = place / "photos" / "a.png"
    with proxied(server, PREFIX, keeps=keeps) as proxy, httpx.Client(base_url=f"{proxy}{PREFIX}/", timeout=120) as ask:
        page = ask.get("").text
        config = ask.get("config").json()
        assert config["root"] == f"{proxy}{PREFIX}"
        theirs = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)
        assert theirs and all(ask.get(name).status_code == 200 for name in theirs)
        for file in (file for file in WEB.rglob("*") if file.suffix in (".js", ".css")):
            found = ask.get(f"stellar/web/{file.relative_to(WEB).as_posix()}")
            assert found.status_code == 200 and found.content == file.read_bytes(), file.name
        assert all(ask.get(f"stellar/web/{name}").status_code == 404 for name in ("nosuch.js", "%2e%2e/routes.py"))
        examples = ask.get("stellar/settings.json").json()["examples"]
        assert ask.get(examples[0]["thumbnail"]).headers["Content-Type"] == "image/jpeg"

        token = ask.post("stellar/photos", content=photo.read_bytes()).json()["token"]
        study = ask.post("stellar/studies", json={"photo": token, "model": "nano", "resolution": 224}).json()
        addresses = [value for part in study.values() if isinstance(part, dict) for name, value in part.items()
                     if name == "address"]
        assert addresses and all(ask.get(address).status_code == 200 for address in addresses)
        client = Client(f"{proxy}{PREFIX}/", verbose=False)  # an upload, the queue and its stream of events
        found = client.predict(photo=handle_file(photo), resolution=224, api_name="/localize")
        assert found["photo_size"] == [200, 300] and len(found["concepts"]) == 16


def test_what_the_server_is_sent_lies_where_only_its_account_looks(server, place):
    [root] = (place / "tmp").glob("stellar-explorer-*")
    [uploads] = root.glob("uploads-*")
    for folder in (root, uploads):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list((place / "tmp" / "gradio").iterdir()) and len(list((place / "home").iterdir())) == 1
    # What the page made of the examples is kept as in a home.
    assert (root / "cache" / "stellar-explorer").is_dir()


def test_a_folder_of_uploads_that_cannot_be_is_a_sentence(run, place):
    (place / "file").touch()
    told = run("app.py", GRADIO_TEMP_DIR=str(place / "file"))
    assert told.returncode == 2 and len(told.stderr.splitlines()) == 1
    assert "set GRADIO_TEMP_DIR to a folder" in told.stderr


def test_a_sub_path_without_a_slash_is_refused(run):
    told = run("app.py", "--root-path", "explorer")
    assert told.returncode == 2 and "it begins with a slash, as in /explorer" in told.stderr


# The commands


def another_disk(folder: Path) -> Path | None:
    """A temporary folder on another file system than this one."""
    shared = Path("/dev/shm")
    if os.access(shared, os.W_OK) and shared.stat().st_dev != folder.stat().st_dev:
        return Path(tempfile.mkdtemp(dir=shared))
    return None


def test_photos_are_localized_without_a_home_in_a_locale_of_c_with_temporary_files_on_another_disk(run, place):
    temporary = another_disk(place)
    photos = sorted(str(photo) for photo in (place / "photos").iterdir())
    try:
        told = run("-m", "stellar_explorer", "localize", *photos, "--out", str(place / "localized"),
                   TMPDIR=str(temporary or place / "tmp"))
    finally:
        if temporary is not None:
            shutil.rmtree(temporary)
    assert (told.returncode, told.stderr) == (0, "") and len(told.stdout.splitlines()) == 2
    assert len(list((place / "localized").iterdir())) == 8


def test_packages_that_keep_what_they_compile_find_a_place(run, place):
    """numba, and so umap, refuses to compile where it can keep nothing beside the code or in a home; matplotlib warns.
    """
    told = run("-c", f"""
from model.startup import start_command
start_command()
import sys, matplotlib, huggingface_hub.constants
sys.path.append({str(place / "home")!r})
import compiled
print(matplotlib.get_cachedir(), huggingface_hub.constants.HF_HOME, sep="\\n")""")
    assert (told.returncode, told.stderr) == (0, "")
    assert all(Path(folder).parent.name == "cache" for folder in told.stdout.splitlines())


def test_an_index_is_built_where_the_temporary_folder_is_missing(run, place):
    told = run("-m", "index", "build", str(place / "photos" / "a.png"), "--out", str(place / "index"), "--quiet",
               TMPDIR=str(place / "missing"))
    assert told.returncode == 0 and "1 photo with" in told.stdout, told.stderr


@pytest.mark.slow
def test_a_training_and_its_evaluation_need_no_home(run, place):
    data = place / "data"
    data.mkdir()
    for number in range(8):
        shutil.copy(place / "photos" / "a.png", data / f"{number}.png")
    told = run("-m", "train", "--recipe", "smoke", "--data", str(data), "--out", str(place / "run"), "--quiet",
               "--device", "cpu", "--steps", "2")
    assert told.returncode == 0, told.stderr
    told = run("-m", "train.evaluate", str(place / "run" / "model.safetensors"), "--data", str(data), "--protocol",
               "mass", "--out", str(place / "scores.json"))
    assert told.returncode == 0 and (place / "scores.md").is_file(), told.stderr


# Folders


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    caches.private_folder.cache_clear()
    yield tmp_path / f"stellar-explorer-{os.getuid()}"
    caches.private_folder.cache_clear()


def test_the_private_folder_is_for_its_owner_alone_and_stays(temporary):
    found = caches.private_folder()
    assert found == temporary and stat.S_IMODE(found.stat().st_mode) == 0o700
    caches.private_folder.cache_clear()
    assert caches.private_folder() == temporary


@pytest.mark.parametrize("put", [
    lambda folder: folder.mkdir(mode=0o777) or folder.chmod(0o777),
    lambda folder: folder.symlink_to(folder.parent),
    lambda folder: folder.touch(),
], ids=["open to all", "a link", "a file"])
def test_what_somebody_else_put_in_its_place_is_not_used(temporary, put):
    put(temporary)
    found = caches.private_folder()
    assert found != temporary and stat.S_IMODE(found.stat().st_mode) == 0o700 and not list(found.iterdir())


def test_a_home_that_can_be_written_to_keeps_its_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    before = dict(os.environ)
    caches.settle_caches()
    assert dict(os.environ) == before


def test_what_was_downloaded_into_a_home_that_is_only_read_is_found_there(tmp_path, temporary, monkeypatch):
    usual = tmp_path / "caches"
    (usual / "huggingface").mkdir(parents=True)
    monkeypatch.setattr(caches, "can_write", lambda folder: folder != usual)
    monkeypatch.setattr(os, "environ", {"XDG_CACHE_HOME": str(usual), "NUMBA_CACHE_DIR": "mine"})
    caches.settle_caches()
    assert os.environ["HF_HOME"] == str(usual / "huggingface") and os.environ["NUMBA_CACHE_DIR"] == "mine"
    assert os.environ["XDG_CACHE_HOME"] == str(temporary / "cache")
    assert os.environ["TORCH_HOME"] == str(temporary / "cache" / "torch")


# A sub-path


@pytest.mark.parametrize(("told", "asked", "has"), [
    ("", "/stellar/x", ("", "/stellar/x")),
    ("/explorer", "/stellar/x", ("/explorer", "/explorer/stellar/x")),
    ("/explorer", "/explorer/stellar/x", ("/explorer", "/explorer/stellar/x")),
    ("/explorer", "/explorers", ("/explorer", "/explorer/explorers")),
    ("https://host/explorer", "/x", ("/explorer", "/explorer/x")),
    ("https://host", "/x", ("", "/x")),
])
def test_every_request_has_the_sub_path_once(told, asked, has):
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope)

    scope = {"type": "http", "root_path": told, "path": asked, "raw_path": asked.encode()}
    asyncio.run(SubPath(app)(scope, None, None))
    assert (seen["root_path"], seen["path"]) == has and seen["raw_path"] == has[1].encode() and scope["path"] == asked
