"""A stand-in of the hub on 127.0.0.1: what huggingface_hub asks for over HTTP, answered as the hub does.

Downloads: HEAD of a file redirects to another server, where it can be fetched whole or from a byte on. Spaces: looked
at, made, committed to with large files apart. What was asked is kept in `log`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" * 6 + "c0ff"


@dataclass
class FakeSpace:
    files: dict[str, bytes] = field(default_factory=lambda: {".gitattributes": b"", "README.md": b""})
    private: bool = False
    hardware: str | None = None
    messages: list[str] = field(default_factory=list)


@dataclass
class FakeHub:
    """files: "OWNER/NAME/FILE" -> content. The rest are faults, set by the test.

    moved: a repository's old name -> its new one. breaks: after how many bytes the next fetches break off. stalls:
    after how many the next one waits for ever. damaged: the content has one byte other than the hub says. card_faults:
    what it finds in a README's front matter. status, headers: what every question is answered with.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    spaces: dict[str, FakeSpace] = field(default_factory=dict)
    owners: set[str] = field(default_factory=lambda: {"ada"})
    token: str = "hf_told"
    moved: dict[str, str] = field(default_factory=dict)
    breaks: list[int] = field(default_factory=list)
    stalls: int | None = None
    stalled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    damaged: bool = False
    card_faults: list[str] = field(default_factory=list)
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)  # by SHA-256, what was sent apart
    log: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    port: int = 0
    content_port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, method: str, part: str) -> list[dict[str, str]]:
        """The headers of each request of a method whose path holds `part`."""
        return [headers for asked, path, headers in self.log if asked == method and part in path]


@contextmanager
def fake_hub(monkeypatch, cache) -> Iterator[FakeHub]:
    """Runs one, and points huggingface_hub of this process at it, with an empty cache and no token."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    hub = FakeHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
    hub.port, hub.content_port = (server.server_address[1] for server in servers)
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
               for server in servers]
    for thread in threads:
        thread.start()
    point_at(monkeypatch, hub.endpoint)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "no-token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    close_session()
    try:
        yield hub
    finally:
        close_session()
        hub.ended.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


def point_at(monkeypatch, endpoint: str) -> None:
    """What HF_ENDPOINT does where it is set before huggingface_hub is imported."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE",
                        endpoint + "/{repo_id}/resolve/{revision}/{filename}")


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    do_GET = do_POST = do_PUT = do_HEAD

    def _answer(self) -> None:
        hub, path = self.hub, self.path.split("?")[0]
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hub.log.append((self.command, path, {name.lower(): value for name, value in self.headers.items()}))
        if hub.status is not None:
            return self._say(hub.status, {"error": "refused"}, hub.headers)
        if file := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            return self._resolve(file[1], file[2])
        if content := re.fullmatch(r"/content/(.+)", path):
            return self._content(hub.files[content[1]])
        if large := re.fullmatch(r"/large/(\w+)", path):
            hub.large[large[1]] = self.body
            return self._say(200, {})
        if self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self._say(401, {"error": "Invalid credentials"})
        if path == "/api/validate-yaml":
            return self._say(400 if hub.card_faults else 200,
                             {"errors": [{"message": fault} for fault in hub.card_faults], "warnings": []})
        if path == "/api/repos/create":
            return self._create(json.loads(self.body))
        if batch := re.fullmatch(r"/spaces/[^/]+/[^/]+\.git/info/lfs/objects/batch", path):
            return self._batch(json.loads(self.body))
        if space := re.fullmatch(r"/api/spaces/([^/]+/[^/]+)(/.*)?", path):
            return self._space(space[1], space[2] or "")
        assert not batch
        self._say(404, {"error": f"no such address: {path}"})

    def _say(self, status: int, answer: dict, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)),
                            **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    # downloads

    def _resolve(self, repository: str, filename: str) -> None:
        hub = self.hub
        if repository in hub.moved:  # a repository that was renamed: a redirect on the hub itself
            return self._say(307, {}, {"Location": self.path.replace(repository, hub.moved[repository], 1)})
        content = hub.files.get(f"{repository}/{filename}")
        if content is None:
            return self._say(404, {}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        self._say(302, {}, {
            "Location": f"http://127.0.0.1:{hub.content_port}/content/{repository}/{filename}", "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Linked-Size": str(len(content))})

    def _content(self, content: bytes) -> None:
        hub = self.hub
        if hub.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(span[1]) if span else 0
        self.send_response(206 if span else 200)
        if span:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        if hub.stalls is not None:
            self.wfile.write(content[start:start + hub.stalls])
            hub.stalls = None
            hub.stalled.set()
            hub.ended.wait()
            self.close_connection = True
        elif hub.breaks:
            self.wfile.write(content[start:start + hub.breaks.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(content[start:])

    # spaces

    def _create(self, asked: dict) -> None:
        owner, name = asked.get("organization", "ada"), asked["name"]
        if owner not in self.hub.owners:
            return self._say(403, {"error": f"You don't have the rights to create a space under {owner}"})
        full = f"{owner}/{name}"
        if full in self.hub.spaces:
            return self._say(409, {"error": "You already created this space repo", "url": f"/spaces/{full}"})
        private = asked.get("private") or asked.get("visibility") == "private"
        self.hub.spaces[full] = FakeSpace(private=bool(private))
        assert (asked["type"], asked["sdk"]) == ("space", "gradio")
        self._say(200, {"url": f"{self.hub.endpoint}/spaces/{full}"})

    def _batch(self, asked: dict) -> None:
        self._say(200, {"transfer": "basic", "objects": [
            {"oid": one["oid"], "size": one["size"],
             "actions": {"upload": {"href": f"{self.hub.endpoint}/large/{one['oid']}"}}} for one in asked["objects"]]})

    def _space(self, name: str, rest: str) -> None:
        space = self.hub.spaces.get(name)
        if space is None:
            return self._say(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        if rest in ("", "/revision/main"):
            runtime = {"stage": "RUNNING", "hardware": {"current": space.hardware, "requested": space.hardware},
                       "gcTimeout": None}
            return self._say(200, {"_id": "1", "id": name, "sha": COMMIT, "private": space.private, "runtime": runtime,
                                   "siblings": [{"rfilename": path} for path in space.files], "tags": [], "likes": 0})
        if rest == "/preupload/main":
            return self._say(200, {"files": [
                {"path": one["path"], "shouldIgnore": False,
                 "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular"}
                for one in json.loads(self.body)["files"]]})
        if rest == "/commit/main":
            return self._commit(name, [json.loads(line) for line in self.body.splitlines()])
        if rest == "/settings":
            space.private = json.loads(self.body).get("visibility", "private") == "private"
            return self._say(200, {})
        if rest == "/hardware":
            space.hardware = json.loads(self.body)["flavor"]
            return self._say(200, {"stage": "BUILDING", "hardware": {"current": None, "requested": space.hardware}})
        self._say(404, {"error": f"no such address: {rest}"})

    def _commit(self, name: str, lines: list[dict]) -> None:
        space = self.hub.spaces[name]
        for line in lines:
            told = line["value"]
            match line["key"]:
                case "header":
                    space.messages.append(told["summary"])
                case "file":
                    space.files[told["path"]] = base64.b64decode(told["content"])
                case "lfsFile":
                    space.files[told["path"]] = self.hub.large[told["oid"]]
                case "deletedFile":
                    del space.files[told["path"]]
        self._say(200, {"commitUrl": f"{self.hub.endpoint}/spaces/{name}/commit/{COMMIT}", "commitOid": COMMIT})
