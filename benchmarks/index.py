"""How a search grows: time, recall and bytes at 10,000, 100,000 and 1,000,000 concepts, and what that makes beyond.

    python -m benchmarks.index                            up to 100,000: a minute or two
    python -m benchmarks.index --sizes 1000000            a quarter of an hour, 2 GB of disk
    python -m benchmarks.index --keep DIR                 leaves the indexes there; the next run searches them again

The concepts are synthetic: unit vectors, 768 wide, round 10,000 overlapping centres, as long a step from the centre as
the centre is (--noise 1), with variances that fall as 1/i over the 768 directions. Queries are drawn alike and are in
no index. Times are the process's own processor time, by the clock only where something is opened or added, so that
others on the machine count for little: they still take its caches, so compare with the exact search beside it, which is
timed in turn.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from index.concept_index import ConceptIndex
from index.query.filters import Filter
from index.records import Concept, EncodedPhoto, ModelIdentity, Photo
from index.search.codes import num_lists_for
from index.search.vectors import READ_LISTS, VectorIndex
from index.store.catalogue import Catalogue
from index.store.snapshot import open_snapshot

WIDTH, CENTRES, A_PHOTO = 768, 10_000, 16
HITS, AT = 20, 10
QUERIES, EXACT_QUERIES = 400, 20
ADDED = 10_000
SHARES = (0.1, 0.01, 0.001)
MODEL = ModelIdentity("synthetic", "0" * 64, WIDTH, WIDTH, A_PHOTO, 448)


@dataclass
class Measured:
    """Of one size. Milliseconds are of processor time, medians over queries; with_hits: the whole of
    `ConceptIndex.search`, with each hit's record read and checked."""

    size: int
    kind: str = ""
    lists: int = 0
    milliseconds: float = 0
    with_hits: float = 0
    exact: float = 0
    recall: float = 0
    file_bytes: float = 0
    memory_bytes: float = 0
    open_seconds: tuple[float, float] = (0, 0)
    build_seconds: float = 0
    add_seconds: tuple[float, float] = (0, 0)
    searches_meanwhile: int = 0
    slowest_meanwhile: float = 0
    after_add: float = 0
    recall_after_add: float = 0
    filtered: list[tuple[float, float]] = field(default_factory=list)


class Synthetic:
    """Where concepts are drawn from."""

    def __init__(self, noise: float):
        self.noise = noise
        self.spread = 1 / np.sqrt(np.arange(1, WIDTH + 1, dtype=np.float32))
        self.spread /= np.linalg.norm(self.spread)
        self.centres = unit(self._steps(np.random.default_rng(0), CENTRES))

    def draw(self, count: int, *, seed: int) -> np.ndarray:
        """(count, WIDTH) float32, unit length."""
        drawn = np.random.default_rng([1, seed])
        return unit(self.centres[drawn.integers(CENTRES, size=count)] + self.noise * self._steps(drawn, count))

    def _steps(self, drawn: np.random.Generator, count: int) -> np.ndarray:
        return self.spread * drawn.standard_normal((count, WIDTH), dtype=np.float32)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def photos(vectors: np.ndarray, *, seed: int) -> list[EncodedPhoto]:
    """16 concepts each. Masses are drawn evenly from 0..1, so that a filter by mass lets a known share pass."""
    drawn = np.random.default_rng([2, seed])
    picture = BytesIO()
    Image.new("RGB", (256, 192)).save(picture, "JPEG")
    mask = tuple([28 * 7 + 7, *[14, 14] * 13, 14, 28 * 7 + 7])
    found = []
    for number, start in enumerate(range(0, len(vectors), A_PHOTO)):
        some = vectors[start : start + A_PHOTO]
        masses = drawn.random(len(some))
        concepts = tuple(Concept(token, float(mass), 1.0, (0.5, 0.5), (0.25, 0.25, 0.75, 0.75), (28, 28), mask)
                         for token, mass in enumerate(masses))
        name = f"{seed}/{number}"
        found.append(EncodedPhoto(Photo(sha256(name.encode()).hexdigest(), name, (640, 480), 100_000), concepts, some,
                                  some[0], picture.getvalue()))
    return found


def fill(folder: Path, size: int, noise: float) -> None:
    """An index of this size, compacted. What that took is noted beside it, for a run that finds it there."""
    synthetic = Synthetic(noise)
    with ConceptIndex.create(folder, model=MODEL) as index:
        for seed, start in enumerate(range(0, size, 65_536)):
            index.add(photos(synthetic.draw(min(65_536, size - start), seed=seed), seed=seed))
        start = time.process_time()
        index.compact()
    note_of(folder).write_text(str(time.process_time() - start), encoding="ascii")


def note_of(folder: Path) -> Path:
    """How long the codes took; written when an index is complete."""
    return folder.with_name(f"{folder.name}.seconds")


def measure(folder: Path, size: int, noise: float, threads: int) -> Measured:
    """In a process of its own, so that memory is what the search alone takes."""
    import faiss
    import torch

    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    synthetic = Synthetic(noise)
    queries = synthetic.draw(QUERIES, seed=1_000_000)
    found = Measured(size, build_seconds=float(note_of(folder).read_text(encoding="ascii")))
    warm_up(queries)

    before = anonymous_memory()
    clock = Clock()
    catalogue = Catalogue(folder)
    vectors = open_snapshot(catalogue).searcher(VectorIndex)
    found.open_seconds = clock.seconds()
    vectors.search(queries[:1], k=HITS)
    found.memory_bytes = (anonymous_memory() - before) / size
    if vectors.segment:
        found.kind, found.lists = vectors.segment.kind.value, vectors.segment.num_lists
        found.file_bytes = vectors.segment.file.nbytes / size
    else:
        found.kind = "exact"

    _, truth = vectors.search(queries, k=AT, exact=True)
    found.recall = recall(vectors.search(queries, k=HITS)[1], truth)
    found.milliseconds, found.exact = in_turn(lambda query: vectors.search(query, k=HITS),
                                              lambda query: vectors.search(query, k=HITS, exact=True), queries)
    with ConceptIndex.open(folder) as index:
        found.with_hits = milliseconds(lambda query: index.search(query, k=HITS), queries)
        for share in SHARES:
            where = Filter(mass=(0, share))
            allowed = where.allowed(index)
            truth = vectors.search(queries, k=AT, allowed=allowed, exact=True)[1]
            found.filtered.append((recall(vectors.search(queries, k=HITS, allowed=allowed)[1], truth),
                                   milliseconds(lambda query, where=where: index.search(query, k=HITS, where=where),
                                                queries[:50])))
    catalogue.close()
    add_while_searching(folder, synthetic, queries, found)
    return found


def add_while_searching(folder: Path, synthetic: Synthetic, queries: np.ndarray, found: Measured) -> None:
    """A reader takes up the new version and searches, over and over; then what was added is removed again."""
    done, times = threading.Event(), []

    def read() -> None:
        with ConceptIndex.open(folder) as reader:
            while not done.is_set():
                start = time.perf_counter()
                reader.refresh()
                reader.search(queries[len(times) % QUERIES][None], k=HITS)
                times.append(time.perf_counter() - start)
                time.sleep(0.02)

    new = photos(synthetic.draw(ADDED, seed=2_000_000), seed=2_000_000)
    with ConceptIndex.open(folder, writer=True) as index:
        first = index.find_photo(new[0].photo.sha256)
        assert first is None, f"{folder} still holds what an interrupted run added; delete it"
        reader = threading.Thread(target=read)
        reader.start()
        clock = Clock()
        index.add(new)
        found.add_seconds = clock.seconds()
        done.set()
        reader.join()
        found.searches_meanwhile, found.slowest_meanwhile = len(times), max(times, default=math.nan)
        found.after_add = milliseconds(lambda query: index.search(query, k=HITS), queries)
        exact = ids_of(index.search(queries, k=AT, exact=True))
        found.recall_after_add = recall(ids_of(index.search(queries, k=HITS)), exact)
        first = index.find_photo(new[0].photo.sha256)
        index.remove(range(first, first + len(new)))
        index.compact()


class Clock:
    """Seconds since it was made: by the clock, and of processor time, with what other threads searched meanwhile."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def seconds(self) -> tuple[float, float]:
        return time.perf_counter() - self._start[0], time.process_time() - self._start[1]


def ids_of(hits: list[list]) -> np.ndarray:
    return np.array([[hit.concept.id for hit in row] for row in hits])


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    """(Q, HITS), (Q, AT) ids -> the share of the truth that is among the first AT found."""
    return float(np.mean([np.isin(true, some[:AT]).mean() for some, true in zip(found, truth, strict=True)]))


def milliseconds(search: Callable[[np.ndarray], object], queries: np.ndarray) -> float:
    """The median of processor time, one query at a time."""
    return 1000 * statistics.median(taken(search, queries))


def taken(search: Callable[[np.ndarray], object], queries: np.ndarray) -> list[float]:
    """Seconds of processor time, of each."""
    times = []
    for query in queries:
        start = time.process_time()
        search(query[None])
        times.append(time.process_time() - start)
    return times


def in_turn(search: Callable[[np.ndarray], object], exact: Callable[[np.ndarray], object], queries: np.ndarray
            ) -> tuple[float, float]:
    """As `milliseconds`, of both; the exact one after every few, so that both meet the same neighbours."""
    every = len(queries) // EXACT_QUERIES
    times, exact_times = [], []
    for start in range(0, len(queries), every):
        times += taken(search, queries[start : start + every])
        exact_times += taken(exact, queries[start : start + 1])
    return 1000 * statistics.median(times), 1000 * statistics.median(exact_times)


def warm_up(queries: np.ndarray) -> None:
    """What libraries allocate once is nobody's index."""
    import faiss
    import torch

    torch.topk(torch.from_numpy(queries) @ torch.from_numpy(queries).T, 2)
    small = faiss.index_factory(WIDTH, "IVF1,RaBitQ", faiss.METRIC_INNER_PRODUCT)
    small.train(queries)
    small.add(queries)
    small.search(queries, 2)


def anonymous_memory() -> int:
    """Bytes that this process holds and that no file backs; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    except (OSError, StopIteration):
        return 0


def in_own_process(work: Callable, *given: object) -> object:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, given)


def rows(results: list[Measured]) -> Iterator[str]:
    yield "| | " + " | ".join(f"{one.size:,}" for one in results) + " |"
    yield "|---|" + "---|" * len(results)

    def line(name: str, say: Callable[[Measured], str]) -> str:
        return f"| {name} | " + " | ".join(say(one) for one in results) + " |"

    yield line("kind", lambda one: one.kind + (f", {one.lists:,} lists" if one.lists else ""))
    yield line(f"{HITS} hits, ms", lambda one: f"{one.milliseconds:.2f}")
    yield line(f"recall@{AT}", lambda one: f"{one.recall:.3f}")
    yield line("exact, ms", lambda one: f"{one.exact:.1f}")
    yield line("times faster than exact", lambda one: f"{one.exact / one.milliseconds:.1f}")
    yield line("with the hits' records, ms", lambda one: f"{one.with_hits:.2f}")
    yield line("bytes a concept, mapped", lambda one: f"{one.file_bytes:.1f}")
    yield line("bytes a concept, other memory", lambda one: f"{one.memory_bytes:.1f}")
    yield line("open, s (processor)", lambda one: "{:.2f} ({:.2f})".format(*one.open_seconds))
    yield line("codes made, s", lambda one: f"{one.build_seconds:.0f}")
    yield line(f"add {ADDED:,} while searching, s (processor)", lambda one: "{:.1f} ({:.1f})".format(*one.add_seconds))
    yield line("searches meanwhile; the slowest, ms",
               lambda one: f"{one.searches_meanwhile}; {1000 * one.slowest_meanwhile:.0f}")
    yield line("then, with hits, ms; recall", lambda one: f"{one.after_add:.2f}; {one.recall_after_add:.3f}")
    for place, share in enumerate(SHARES):
        yield line(f"a filter that {100 * share:g} % pass: recall; ms",
                   lambda one, place=place: "{:.3f}; {:.1f}".format(*one.filtered[place]))


def beyond(one: Measured) -> Iterator[str]:
    """By the largest that was measured, in lists: a search multiplies with all centres and reads some lists, and both
    grow as stated."""
    def work(size: int) -> float:
        # A centre costs about four times what a code does: 3,072 bytes to be read, against 112 to be counted.
        lists = num_lists_for(size)
        return 4 * lists + READ_LISTS * math.sqrt(lists) * size / lists

    cost = one.milliseconds / work(one.size)
    image_net = 20_000_000
    lists = num_lists_for(image_net)
    milliseconds_each = cost * work(image_net)
    codes = one.file_bytes * image_net / 1e9
    yield (f"At 20 million (ImageNet), by the work of {one.size:,}: {lists:,} lists, "
           f"{READ_LISTS * math.sqrt(lists):.0f} of them read, {milliseconds_each:.0f} ms of one core a query, "
           f"{codes:.1f} GB of codes and {2 * WIDTH * image_net / 1e9:.0f} GB of shards, both mapped.")
    count = 16_000_000_000 // image_net
    yield (f"At 16 billion (a billion photos) in {count} such indexes: {count * codes / 1000:.1f} TB of codes, "
           f"{2 * WIDTH * 16e9 / 1e12:.0f} TB of shards, {count * milliseconds_each / 1000:.0f} s of one core a query: "
           f"{count * milliseconds_each / 64 / 1000:.2f} s over 64 cores.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], metavar="N")
    parser.add_argument("--noise", type=float, default=1.0, help="length of a step from a centre (default: 1)")
    parser.add_argument("--threads", type=int, default=1, help="of a search; making the codes takes all (default: 1)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the indexes here and leave them")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as place:
        results = []
        for size in sorted(options.sizes):
            folder = (options.keep or Path(place)) / f"{size}-{options.noise:g}"
            if not note_of(folder).is_file():
                folder.parent.mkdir(parents=True, exist_ok=True)
                in_own_process(fill, folder, size, options.noise)
            results.append(in_own_process(measure, folder, size, options.noise, options.threads))
    print(f"{CENTRES:,} centres, noise {options.noise:g}, {WIDTH} wide; a search on {options.threads} threads\n")
    print("\n".join(rows(results)))
    if results[-1].lists:
        print("\n" + "\n".join(beyond(results[-1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
