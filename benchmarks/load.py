"""python -m benchmarks.load [--visitors 45] [--seconds 120] [--only PART ...]: many at once, as Markdown tables.

A server of its own, on this machine alone (127.0.0.1), and clients in this process: what they take of the cores is
taken from the server. Parts: `throughput`, ten uploads one after the other and at once; `visitors`, a mix of them for a
while; `same`, one photo from many at the same moment; `pixels`, small files of many pixels; `memory`, hundreds of
uploads.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 600.0  # seconds for any one answer
THINK = 3.0  # seconds that somebody looks at an answer before they ask for the next
BUSY = "The server has more to do"
# Of 45; other numbers of visitors are shared out alike.
MIX = {"page": 10, "analysis at 448": 12, "analysis at 1024": 6, "localize": 5, "retrieval": 8, "reconstruction": 4}
MODEL, COLLECTION = "nano", "examples"
COARSE, USUAL = 224, 448  # pixels that are asked for first by Explore, and by the other tabs
WAYS = {"stellar", "vqgan", "svd", "pca", "colours", "jpeg", "webp"}  # without the baselines
NEEDED = re.compile(r"stellar/(?:web/[\w/.-]+\.(?:js|css)|analyses/[\w-]+\.bin|photos/[\w-]+\.jpg)")


class RefusedError(Exception):
    """The server said that it has no room, in a sentence. seconds: when to come again."""

    def __init__(self, seconds: float) -> None:
        super().__init__("told to wait")
        self.seconds = seconds


@dataclass
class Tally:
    """By what was asked: the seconds of each answer, how often somebody was told to wait, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    waits: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    errors: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    async def ask(self, what: str, question: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Its answer, or None; the time is that from the first try, with the waits that the server asked for."""
        start = time.perf_counter()
        while True:
            try:
                answer = await question(*arguments)
            except RefusedError as refused:
                self.waits[what] += 1
                await asyncio.sleep(refused.seconds)
                continue
            except (httpx.HTTPError, ValueError, KeyError, AssertionError) as error:
                self.errors[what].append(f"{type(error).__name__}: {str(error)[:120]}")
                return None
            self.seconds[what].append(time.perf_counter() - start)
            return answer

    def rows(self) -> Iterator[tuple[str, ...]]:
        for what in dict.fromkeys([*self.seconds, *self.waits, *self.errors]):
            found = self.seconds.get(what, [])
            middle, late = (f"{np.percentile(found, share):.2f} s" if found else "-" for share in (50, 95))
            counts = len(found), len(self.errors.get(what, [])), self.waits.get(what, 0)
            yield (what, *map(str, counts), middle, late)


class Visitor:
    """A browser's page, or what it asks of the server. Of a name of its own, as the page has one."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url, self.client = url, client
        self.session = uuid.uuid4().hex[:12]

    async def fetch(self, address: str, **options: Any) -> httpx.Response:
        method = options.pop("method", "GET")
        headers = {"Stellar-Session": self.session, **options.pop("headers", {})}
        response = await self.client.request(method, f"{self.url}{address}", headers=headers, **options)
        if response.status_code == 503 and response.headers.get("Retry-After") and response.text.endswith("."):
            raise RefusedError(float(response.headers["Retry-After"]))
        response.raise_for_status()
        return response

    async def json(self, address: str, asked: dict[str, Any] | None = None) -> Any:
        """What an address says; with `asked`, of a POST of it."""
        options = {} if asked is None else {"method": "POST", "json": asked}
        return (await self.fetch(address, **options)).json()

    async def look(self) -> None:
        """The page, the scripts and styles that it names, and the photo and its study that it opens with."""
        page = (await self.fetch("")).text
        needed = sorted(set(NEEDED.findall(page)))
        assert "STELLAR" in page and {one.rsplit(".", 1)[1] for one in needed} == {"js", "css", "bin", "jpg"}, needed
        await asyncio.gather(*map(self.fetch, needed))

    async def upload(self, photo: bytes) -> str:
        """-> its token."""
        facts = await self.fetch("stellar/photos?name=photo.jpg", method="POST", content=photo,
                                 headers={"Content-Type": "application/octet-stream"})
        return facts.json()["token"]

    async def analyse(self, photo: bytes, resolution: int) -> dict[str, Any]:
        """As Explore does: the upload, its study at 224 px, then the sharp one. -> its manifest."""
        asked = {"photo": await self.upload(photo), "model": MODEL, "name": "photo.jpg"}
        if resolution != COARSE:
            await self.study({**asked, "resolution": COARSE, "later": resolution})
        return await self.study({**asked, "resolution": resolution})

    async def study(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The manifest, once what it names is there."""
        manifest = await self.json("stellar/studies", asked)
        photo, analysis = manifest["photo"], manifest["analysis"]
        await asyncio.gather(self.fetch(photo["address"]), self.fetch(analysis["address"]))
        await self.fetch("stellar/shown", method="POST", json=[analysis["token"], photo["token"]])
        return manifest

    async def names(self, study: dict[str, Any]) -> None:
        await self.json(f"stellar/studies/{study['analysis']['token']}/names.json")

    async def question(self, photo: bytes) -> dict[str, Any]:
        """As Retrieve does: a photo's study as the collection's model sees photos."""
        offered = (await self.json("stellar/collections.json"))["collections"]
        [facts] = [one for one in offered if one["name"] == COLLECTION]
        return await self.study({"photo": await self.upload(photo), "model": facts["model"],
                                 "resolution": facts["resolution"], "name": "photo.jpg"})

    async def search(self, study: dict[str, Any], token: int) -> list[str]:
        """-> where the thumbnails of what was found are."""
        query = {"kind": "concept", "study": study["analysis"]["token"], "token": token}
        found = await self.json(f"stellar/collections/{COLLECTION}/search", {"query": query, "k": 12})
        return [result["thumbnail"] for result in found["results"]]

    async def thumbnails(self, addresses: list[str]) -> None:
        await asyncio.gather(*map(self.fetch, addresses))

    async def drawable(self, photo: bytes) -> dict[str, Any]:
        """As Reconstruct does: the study at which the model draws best, and what is told of it."""
        asked = {"photo": await self.upload(photo), "model": MODEL, "name": "photo.jpg"}
        study = await self.study({**asked, "resolution": USUAL})
        best = study["analysis"]["picture"]["resolution"]
        if best != USUAL:
            study = await self.study({**asked, "resolution": best})
        base = f"stellar/reconstruct/{study['analysis']['token']}"
        study["ways"] = [way["name"] for way in (await self.json(f"{base}/facts.json"))["ways"]]
        await self.fetch(f"{base}/photo.png")
        return study

    async def rebuilt(self, study: dict[str, Any], way: str) -> None:
        """One picture and its numbers."""
        address = f"stellar/reconstruct/{study['analysis']['token']}/pictures/{way}"
        if (await self.json(f"{address}.json"))["missing"] is None:
            await self.fetch(f"{address}.png")


# --- the parts ---

async def throughput(server: Server) -> None:
    async with server.visitors(10) as visitors:
        await visitors[0].analyse(photo_of(0), 448)
        start = time.perf_counter()
        for seed, visitor in enumerate(visitors, 1):
            await visitor.analyse(photo_of(seed), 448)
        alone = len(visitors) / (time.perf_counter() - start)
        start = time.perf_counter()
        await asyncio.gather(*(visitor.analyse(photo_of(100 + seed), 448) for seed, visitor in enumerate(visitors)))
        together = len(visitors) / (time.perf_counter() - start)
    table("Ten uploads at 448", ("one after the other", "at once", "ratio", "target"), [
        (f"{alone:.2f} a second", f"{together:.2f} a second", f"{together / alone:.2f}", "0.8")])


async def visitors(server: Server, count: int, seconds: float) -> None:
    tally, generator = Tally(), np.random.default_rng(0)
    end = time.perf_counter() + seconds
    kinds = shared_out(count)
    seeds = iter(range(1000, 10**6))

    async def act(visitor: Visitor, kind: str) -> None:
        await asyncio.sleep(float(generator.uniform(0, THINK)))
        localize = await asyncio.to_thread(localizer, server.url) if kind == "localize" else None
        study = None
        while time.perf_counter() < end:
            photo = photo_of(next(seeds))
            if kind == "page":
                await tally.ask("page", visitor.look)
            elif kind.startswith("analysis"):
                made = await tally.ask(kind, visitor.analyse, photo, int(kind.split()[-1]))
                if made:
                    await tally.ask("what concepts are called", visitor.names, made)
            elif kind == "localize":
                await tally.ask("localize", asyncio.to_thread, localize, photo)
            elif kind == "retrieval":
                study = study or await tally.ask("retrieval, the photo", visitor.question, photo)
                if study:
                    token = int(generator.integers(study["analysis"]["num_tokens"]))
                    found = await tally.ask("retrieval", visitor.search, study, token)
                    await tally.ask("retrieval, thumbnails", visitor.thumbnails, found or [])
            else:
                made = await tally.ask("reconstruction, the photo", visitor.drawable, photo)
                for way in made["ways"] if made else ():
                    if way in WAYS:
                        await tally.ask("reconstruction", visitor.rebuilt, made, way)
            await asyncio.sleep(float(generator.uniform(0.5, 1.5)) * THINK)

    async with server.visitors(count) as those:
        before, start = server.cpu_seconds(), time.perf_counter()
        with server.memory() as peak:
            await asyncio.gather(*(act(visitor, kind) for visitor, kind in zip(those, kinds, strict=True)))
        cores = (server.cpu_seconds() - before) / (time.perf_counter() - start)
    table(f"{count} visitors for {seconds:.0f} s", ("what", "answers", "errors", "told to wait", "median", "p95"),
          list(tally.rows()))
    print(f"\nThe server had {cores:.1f} cores. Memory at its most: {peak[0]:.0f} MB. "
          "Targets: no error; analysis at 448 p95 at most 20 s; retrieval p95 at most 0.5 s.")
    for what, errors in tally.errors.items():
        print(f"- {what}: {len(errors)} errors, such as {errors[0]}")


async def same(server: Server) -> None:
    """Pairs, then twenty, by the page and by the API."""
    tally = Tally()
    localize = await asyncio.to_thread(localizer, server.url)
    async with server.visitors(20) as those:
        for pair in range(20):
            photo = photo_of(5000 + pair)
            await asyncio.gather(
                *(tally.ask("pairs, the page", visitor.analyse, photo, 224) for visitor in those[:2]),
                *(tally.ask("pairs, /localize", asyncio.to_thread, localize, photo) for _ in range(2)))
        photo = photo_of(5100)
        await asyncio.gather(*(tally.ask("twenty, the page", visitor.analyse, photo, 448) for visitor in those))
    table("One photo at the same moment", ("what", "answers", "errors", "told to wait", "median", "p95"),
          list(tally.rows()))
    for what, errors in tally.errors.items():
        print(f"- {what}: {errors[0]}")


async def pixels(server: Server) -> None:
    tally = Tally()
    photos = [large_png(seed) for seed in range(20)]
    async with server.visitors(20) as those:
        with server.memory() as peak:
            await asyncio.gather(*(tally.ask("analysis", visitor.analyse, photo, 448)
                                   for visitor, photo in zip(those, photos, strict=True)))
    table(f"20 PNGs of 8,000 x 8,000 at 16 bits ({len(photos[0]) / 1000:.0f} kB each)",
          ("what", "answers", "errors", "told to wait", "median", "p95"), list(tally.rows()))
    print(f"\nMemory at its most: {peak[0]:.0f} MB; target 4,096 MB.")
    for what, errors in tally.errors.items():
        print(f"- {what}: {errors[0]}")


async def memory(server: Server) -> None:
    async with server.visitors(20) as those:
        async def uploads(start: int, count: int) -> float:
            for seed in range(start, start + count):
                await those[seed % len(those)].analyse(photo_of(seed), 448)
            await asyncio.sleep(2)
            return server.resident()

        after_sixty = await uploads(20000, 60)
        after_all = await uploads(20060, 240)
        await asyncio.gather(*(visitor.analyse(photo_of(30000 + place), 1024) for place, visitor in enumerate(those)))
        await asyncio.sleep(2)
        at_the_end = server.resident()
    table("Memory", ("after", "MB", "target"), [
        ("60 uploads", f"{after_sixty:.0f}", ""), ("300 uploads", f"{after_all:.0f}", ""),
        ("and 20 at once at 1024", f"{at_the_end:.0f}", f"{after_sixty + 300:.0f}")])


# --- what they share ---

def shared_out(count: int) -> list[str]:
    """MIX for another number of visitors: kinds by turns of their shares."""
    whole = sum(MIX.values())
    places = sorted(((place + 0.5) / share, kind) for kind, share in MIX.items() for place in range(share))
    return [kind for _, kind in (places * (count // whole + 1))[:count]]


def photo_of(seed: int, size: tuple[int, int] = (1600, 1200)) -> bytes:
    """A few soft colours, of a photo's size, that no other seed gives."""
    generator = np.random.default_rng(seed)
    small = Image.fromarray(generator.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=80, comment=str(seed).encode())
    return buffer.getvalue()


def large_png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8000, 8000), 1000 + seed, np.uint16)).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def localizer(url: str) -> Callable[[bytes], Any]:
    """/localize through gradio_client, as README has it."""
    from gradio_client import Client, handle_file

    client = Client(url, verbose=False)

    def localize(photo: bytes) -> Any:
        with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
            file.write(photo)
            file.flush()
            try:
                return client.predict(handle_file(file.name), api_name="/localize")
            except Exception as error:
                if BUSY in str(error):
                    raise RefusedError(5) from error
                raise ValueError(str(error)) from error
    return localize


def table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    print(f"\n**{title}**\n")
    for row in (head, ("---",) * len(head), *rows):
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()


@dataclass(frozen=True)
class Server:
    url: str
    pid: int

    @contextlib.asynccontextmanager
    async def visitors(self, count: int) -> AsyncIterator[list[Visitor]]:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=2 * count)
        async with httpx.AsyncClient(timeout=PATIENCE, limits=limits) as client:
            yield [Visitor(self.url, client) for _ in range(count)]

    def resident(self) -> float:
        """MB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def cpu_seconds(self) -> float:
        """All that it has had until now. Beside others that load the machine, this says how much that was."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @contextlib.contextmanager
    def memory(self) -> Iterator[list[float]]:
        """-> [the most MB], right when the block has ended."""
        peak = [self.resident()]

        async def watch() -> None:
            while True:
                peak[0] = max(peak[0], self.resident())
                await asyncio.sleep(0.05)

        watching = asyncio.ensure_future(watch())
        try:
            yield peak
        finally:
            watching.cancel()


@contextlib.contextmanager
def served() -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_ANALYTICS_ENABLED": "0"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT, env=environment,
                                   stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}/"
            wait_for(url, process)
            yield Server(url, process.pid)
        finally:
            process.terminate()
            process.wait(20)
            log.seek(0)
            said = log.read().decode(errors="replace")
            if "Traceback" in said:
                print(f"\nThe server's log has a traceback:\n\n{said[said.index('Traceback'):][:3000]}")


def wait_for(url: str, process: subprocess.Popen) -> None:
    """Until the page answers and the example photos can be searched."""
    for _ in range(600):
        if process.poll() is not None:
            sys.exit("The server ended before it answered.")
        with contextlib.suppress(httpx.HTTPError):
            found = httpx.get(f"{url}stellar/collections.json").json()["collections"]
            if found[0]["state"] != "building":
                return
        time.sleep(0.5)
    sys.exit("The server did not answer within five minutes.")


PARTS: dict[str, Callable[..., Awaitable[None]]] = {
    "throughput": throughput, "visitors": visitors, "same": same, "pixels": pixels, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=45)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART",
                        help=f"of {', '.join(PARTS)}")
    options = parser.parse_args()
    for name in options.only:  # each on a server that has done nothing yet
        with served() as server:
            asyncio.run(PARTS[name](server, options.visitors, options.seconds) if name == "visitors"
                        else PARTS[name](server))


if __name__ == "__main__":
    main()
