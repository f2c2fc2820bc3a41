"""Uploads: in memory, by names that cannot be guessed, given out once, and gone when they are broken off."""

import os
import socket
import tempfile
from urllib.parse import urlsplit

import httpx
import pytest

from stellar_explorer.examples import examples
from stellar_explorer.kept.tokens import GoneError
from stellar_explorer.photo import MAX_BYTES
from stellar_explorer.server.answers import TooLargeError
from stellar_explorer.server.line import BusyError
from stellar_explorer.server.scratch import uploads_folder
from stellar_explorer.server.uploads import SECONDS, Uploads

PHOTO = next(iter(examples().values())).path.read_bytes()
HALF = b'--x\r\nContent-Disposition: form-data; name="files"; filename="secret.png"\r\n\r\n' + PHOTO[:5000]


def test_an_upload_is_taken_once():
    uploads = Uploads()
    first, second = (uploads.put(PHOTO, "cat.png") for _ in range(2))
    assert first != second, "who has the same photo can name this one"
    assert uploads.take(first) == uploads.take(second) == PHOTO
    for path in (first, second, "", "/etc/passwd", "\0", "a" * 5000, "\ud800", first.replace("cat", "dog")):
        with pytest.raises(GoneError, match="choose the photo again"):
            uploads.take(path)


def test_a_name_is_no_path():
    path = Uploads().put(b"x", "../../etc/pa\x00sswd\ud800\n")
    assert path.count("/") == 2 and path.isprintable()


def test_old_uploads_and_ones_own_oldest_go():
    now = [0.0]
    uploads = Uploads(100, clock=lambda: now[0])
    a, b = ("10.0.0.1", ""), ("10.0.0.2", "")
    first, second = uploads.put(b"x" * 40, "a", a), uploads.put(b"x" * 40, "b", a)
    with pytest.raises(GoneError):
        uploads.take(first)  # one visitor has half of the room
    uploads.put(b"x" * 50, "c", b)
    with pytest.raises(BusyError):
        uploads.put(b"x" * 30, "d", ("10.0.0.3", ""))
    assert len(uploads) == 2
    now[0] = SECONDS + 1
    assert len(uploads) == 0
    with pytest.raises(GoneError):
        uploads.take(second)
    with pytest.raises(TooLargeError):
        uploads.put(b"x" * (MAX_BYTES + 1), "e", a)


# The server's


def files_under(*folders) -> set[str]:
    return {os.path.join(where, name) for folder in folders for where, _, names in os.walk(folder) for name in names}


@pytest.fixture
def held(served):
    """-> a function that gives how many more uploads are kept than before: the page is other tests' too."""
    before = len(served.demo.uploads)
    return lambda: len(served.demo.uploads) - before


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """-> a function that gives the files that are new where Gradio, and Python's temporary files, would put them."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = files_under(uploads_folder())
    return lambda: files_under(uploads_folder(), tmp_path) - before


def test_a_photo_is_uploaded_asked_about_and_never_on_the_disk(served, held, disk):
    [path] = httpx.post(f"{served.url}gradio_api/upload", files={"files": ("cat.jpg", PHOTO)}).json()
    assert held() == 1 and not disk()
    folder = uploads_folder()
    for address in (f"file={path}", f"file/{path}", f"file={folder}/{path}", f"file={folder}/.held"):
        assert httpx.get(f"{served.url}gradio_api/{address}").status_code == 404
    body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, "nano", 224]}
    for expected in ("event: complete", "event: error"):  # the second time it is nobody's any more
        event = httpx.post(f"{served.url}gradio_api/call/features", json=body).json()["event_id"]
        assert expected in httpx.get(f"{served.url}gradio_api/call/features/{event}", timeout=60).text
    assert held() == 0 and not disk()


@pytest.mark.parametrize(("request_", "status", "words"), [
    ({"files": {"other": ("cat.jpg", PHOTO)}}, 400, "multipart/form-data"),
    ({"data": {"files": "x"}}, 400, "multipart"),
    ({"content": HALF, "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400, "multipart"),
    ({"content": HALF, "headers": {"Content-Type": "multipart/form-data"}}, 400, "multipart"),
    ({"content": PHOTO}, 400, "multipart"), ({"files": [("files", ("a", b"x"))] * 9}, 400, "1 to 8 photos"),
    ({"files": {"files": ("a.jpg", bytes(MAX_BYTES + 1))}}, 413, "larger than 12 MB"),
    ({"files": {"files": ("a.jpg", bytes(MAX_BYTES + 2**20))}}, 413, "larger than 12 MB")])
def test_an_upload_that_is_none(served, held, disk, request_, status, words):
    answer = httpx.post(f"{served.url}gradio_api/upload", **request_)
    assert answer.status_code == status and words in answer.text and "\n" not in answer.text
    assert held() == 0 and not disk()


def test_an_upload_that_is_broken_off_leaves_nothing(served, held, disk, capfd):
    place = urlsplit(served.url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(f"POST /gradio_api/upload HTTP/1.1\r\nHost: {place.netloc}\r\n"
                           f"Content-Length: {len(PHOTO)}\r\n"
                           "Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode() + HALF)
        httpx.get(f"{served.url}stellar/settings.json")  # the server has read by now what came before
        assert not disk()
    httpx.get(f"{served.url}stellar/settings.json")
    assert not disk() and held() == 0
    assert "Traceback" not in capfd.readouterr().err
