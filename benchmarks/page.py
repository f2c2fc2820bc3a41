"""python -m benchmarks.page [--uploads 100]: what the page costs, as Markdown; app.py is driven in Chromium."""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from stellar_explorer.examples import examples

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 180_000  # milliseconds for anything that the page does
CLICKED = 5  # examples that were not analysed before
TABS = ("explore", "retrieve", "atlas", "reconstruct", "edit", "models")
WIDTHS = ((1280, 800), (390, 844))
# Before the page's own scripts: layout shift that no key or click caused, first paint, and when Gradio's app was there.
OPENING = """
    let shift = 0, app = null;
    const seen = (list) => list.getEntries().forEach((one) => { shift += one.hadRecentInput ? 0 : one.value; });
    new PerformanceObserver(seen).observe({ type: "layout-shift", buffered: true });
    new MutationObserver((_, observer) => { if (!document.querySelector("#stellar-panels")) return;
        app = performance.now(); observer.disconnect(); }).observe(document, { childList: true, subtree: true });
    window.opening = () => ({ shift, app, paint: performance.getEntriesByName("first-contentful-paint")[0].startTime });
"""
STAGE = "[data-stage]"  # Explore's
READY = f'{STAGE}[data-state="ready"][data-frame]'
# As for who has been here before: the tour would lie over the pictures.
TOURED = "localStorage.setItem('stellar-tour-seen', 'yes')"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100, help="of each kind for the table of frames")
    parser.add_argument("--warm-up", type=int, default=20, help="photos sent before memory is measured")
    parser.add_argument("--uploads", type=int, default=100, help="photos sent in a row for the memory table")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    browser_path = chromium_path()
    help_seconds = [seconds_of([sys.executable, "-m", "stellar_explorer", "--help"]) for _ in range(3)]
    with page_server() as (url, pid, start_seconds), sync_playwright() as playwright:
        table("Start", ("what", "measured", "target"), [
            ("`python app.py` to a page that answers", f"{start_seconds:.1f} s", "10 s"),
            ("`python -m stellar_explorer --help`, median of 3", f"{statistics.median(help_seconds):.2f} s", "1 s")])
        chromium = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        opening(chromium, url)
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.add_init_script(TOURED)
        page.goto(f"{url}?resolution=1024")
        page.wait_for_selector(READY + '[data-resolution="1024"]')
        clicks(page)
        transfer(page)
        frames(page, options.frames)
        memory(page, pid, options.warm_up, options.uploads)
        chromium.close()


def chromium_path() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        sys.exit(f"Chromium is needed: none of {', '.join(BROWSERS)} is on this machine.")
    return found


def table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    print(f"\n**{title}**\n")
    for row in (head, ("---",) * len(head), *rows):
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()


def seconds_of(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


@contextlib.contextmanager
def page_server() -> Iterator[tuple[str, int, float]]:
    """-> its address, its process, and the seconds until it answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, start = f"http://127.0.0.1:{port}/", time.perf_counter()
    server = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=30) as answer:
                if answer.status == 200:
                    break
            if server.poll() is not None:
                sys.exit("app.py ended before it answered.")
            time.sleep(0.05)
        yield url, server.pid, time.perf_counter() - start
    finally:
        server.terminate()
        server.wait(timeout=30)


def opening(chromium, url: str) -> None:
    """What it takes to open the page at each tab, at both widths: scripts, layout shift, and the frame's first paint as
    a share of the time until Gradio's app is there."""
    scripts, rows = {}, []
    for tab in TABS:
        shifts, paints = [], []
        for width, height in WIDTHS:
            page = chromium.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(PATIENCE)
            found = set()
            page.on("request", lambda request, found=found: "/stellar/web/" in request.url
                    and request.url.endswith(".js") and found.add(request.url.split("/stellar/web/")[1]))
            page.add_init_script(OPENING)
            page.goto(f"{url}?tab={tab}")
            page.wait_for_function("""(tab) => { const panel = document.querySelector(`#panel-${tab}`);
                return panel?.children.length > 0 && !panel.hasAttribute("aria-busy"); }""", arg=tab)
            page.wait_for_timeout(1000)
            said = page.evaluate("window.opening()")
            shifts.append(said["shift"])
            paints.append(said["paint"] / said["app"])
            scripts[tab] = found
            page.close()
        rows.append((tab, f"{shifts[0]:.3f}, {shifts[1]:.3f}", f"{paints[0]:.2f}, {paints[1]:.2f}"))
    shared = set.intersection(*scripts.values())
    foreign = {tab: sum(f"{other}/{other}.js" in found for other in TABS if other != tab)
               for tab, found in scripts.items()}
    table("Opening the page at a tab, 1280 and 390 px wide", ("tab", "layout shift", "first paint / Gradio's app there",
          "scripts, of them shared by all", "other tabs that were fetched"), [
        (*row, f"{len(scripts[row[0]])}, {len(shared)}", str(foreign[row[0]])) for row in rows])
    table("Targets", ("layout shift", "first paint / Gradio's app there", "other tabs that were fetched"),
          [("0.02", "under 1", "0")])


def photo(seed: int, size: tuple[int, int] = (1024, 768)) -> bytes:
    """An example with noise on it: a photo that no other seed gives, of a photo's weight."""
    gallery = list(examples().values())
    picture = np.asarray(Image.open(gallery[seed % len(gallery)].path).convert("RGB").resize(size), np.int16)
    noisy = picture + np.random.default_rng(seed).integers(-6, 7, picture.shape, dtype=np.int16)
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def upload(page, name: str, data: bytes) -> None:
    """By the strip of photos, until Explore has drawn it sharp and knows what its concepts may be called."""
    page.set_input_files('.photo-bar [data-control="file"]',
                         files=[{"name": name, "mimeType": "image/jpeg", "buffer": data}])
    page.wait_for_function("""([stage, name]) => { const { dataset } = document.querySelector(stage);
        return dataset.state === "ready" && dataset.named === dataset.frame
            && document.querySelector(`${stage} [data-status]`).textContent.includes(name); }""",
                           arg=[STAGE, name])


def clicks(page) -> None:
    """From the click on an example to the frame that draws it, first at 224 and then at 1024."""
    coarse, sharp = [], []
    for example in list(examples().values())[1:1 + CLICKED]:
        drawn = page.evaluate("""([stageAt, id]) => new Promise((done) => {
            const stage = document.querySelector(stageAt), start = performance.now(), seen = {};
            const observer = new MutationObserver(() => {
                const isSharp = stage.dataset.state === "ready";
                if (stage.dataset.state !== "sharpening" && !isSharp) return;
                seen[isSharp ? "sharp" : "coarse"] ??= performance.now() - start;
                if (!isSharp) return;
                observer.disconnect();
                done(seen);
            });
            observer.observe(stage, { attributes: true, attributeFilter: ["data-frame"] });
            document.querySelector(`.photo-bar [data-example="${id}"]`).click();
        })""", [STAGE, example.id])
        coarse.append(drawn.get("coarse", drawn["sharp"]))
        sharp.append(drawn["sharp"])
    table(f"A click on an example, at 1024 px: median and slowest of {CLICKED}", ("what", "median", "slowest"), [
        (f"to the picture at {name}", f"{statistics.median(times) / 1000:.2f} s", f"{max(times) / 1000:.2f} s")
        for name, times in (("224", coarse), ("1024", sharp))])


def transfer(page) -> None:
    """What the server sends for one new photo at 1024 x 1024 px, counted by the browser; headers included."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    address, received = {}, {}
    session.on("Network.requestWillBeSent", lambda event: address.update({event["requestId"]: event["request"]["url"]}))
    # A stream that stays open is counted as it comes; what ends, by what it took in the end.
    session.on("Network.dataReceived", lambda event: received.update(
        {event["requestId"]: received.get(event["requestId"], 0) + event["dataLength"]}))
    session.on("Network.loadingFinished", lambda event: received.update(
        {event["requestId"]: int(event["encodedDataLength"])}))
    upload(page, "square.jpg", photo(1000, (1024, 1024)))
    page.wait_for_timeout(500)
    token = page.locator(STAGE).get_attribute("data-token")
    sums = dict.fromkeys(("package", "coarse", "photo", "names", "manifests"), 0)
    for request, count in received.items():
        url = address.get(request, "")
        kind = ("package" if url.endswith(f"{token}.bin") else "coarse" if url.endswith(".bin")
                else "photo" if "/stellar/photos/" in url else "names" if url.endswith("/names.json") else "manifests")
        sums[kind] += count
    whole = sum(sums.values()) - sums["coarse"]
    table("Bytes sent for an analysis at 1024 x 1024", ("what", "kB", "target"), [
        ("package", f"{sums['package'] / 1000:.0f}", ""), ("photo and thumbnail", f"{sums['photo'] / 1000:.0f}", ""),
        ("the photo's facts and both manifests", f"{sums['manifests'] / 1000:.0f}", ""),
        ("what its concepts may be called", f"{sums['names'] / 1000:.0f}", ""),
        ("together", f"**{whole / 1000:.0f}**", "600"),
        ("the 224 px picture that came first, besides", f"{sums['coarse'] / 1000:.0f}", "")])
    session.detach()


def frames(page, count: int) -> None:
    """Script time of single frames on the 1024 x 1024 analysis, and the requests that they cause."""
    requests = []
    # But what the page tells the server twice a minute, whatever its visitor does.
    page.on("request", lambda request: request.url.endswith("/stellar/shown") or requests.append(request.url))
    page.evaluate("performance.clearMeasures('stellar-frame')")
    rows = []
    canvas = page.locator(f'{STAGE} [data-panel="photo"] canvas').first
    box = canvas.bounding_box()
    generator = np.random.default_rng(0)

    def measured(name: str, act) -> None:
        times = []
        for index in range(count):
            act(index)
            page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            found = page.evaluate("""() => { const all = performance.getEntriesByName("stellar-frame");
                performance.clearMeasures("stellar-frame"); return all.map((one) => one.duration); }""")
            times += found
        rows.append((name, f"{len(times)}", f"{statistics.median(times):.1f} ms", f"{max(times):.1f} ms", "16 ms",
                     f"{len(requests)}"))
        requests.clear()

    def hover(_: int) -> None:
        across, down = generator.uniform(0.02, 0.98, 2)
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])

    # Folded away, and heard all the same.
    slide = """(position) => { const slider = document.querySelector('[data-stage] [data-control="threshold"]');
        slider.value = position; slider.dispatchEvent(new Event("input", { bubbles: true })); }"""
    measured("hover", hover)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    measured("threshold, a concept pinned",
             lambda index: page.evaluate(slide, -2 + 5 * ((index * 37) % count) / count))
    page.keyboard.down("s")
    measured("hover, similar patches", hover)
    page.keyboard.up("s")
    table("Script of a frame at 1024 x 1024", ("after", "frames", "median", "slowest", "target", "requests"), rows)


def memory(page, pid: int, warm_up: int, uploads: int) -> None:
    """Resident memory of the server around `uploads` photos at 1024 px, once its bounded caches have filled up."""
    for index in range(warm_up):
        upload(page, f"warm-{index}.jpg", photo(index))
    before, start = resident(pid), time.perf_counter()
    for index in range(uploads):
        upload(page, f"photo-{index}.jpg", photo(warm_up + index))
        if index == uploads // 2:
            halfway = resident(pid)
    took, after = time.perf_counter() - start, resident(pid)
    table(f"Resident memory of the server, {uploads} uploads at 1024 px in {took:.0f} s", ("when", "MB"), [
        (f"after a warm-up of {warm_up}", f"{before:.0f}"), ("halfway", f"{halfway:.0f}"),
        (f"after {uploads} more", f"{after:.0f}"), ("difference", f"**{after - before:+.0f}**")])


def resident(pid: int) -> float:
    """MB, of this process alone."""
    if Path(f"/proc/{pid}/status").exists():
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1000
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)])) / 1000


if __name__ == "__main__":
    main()
