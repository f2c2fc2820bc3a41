"""Building on many machines: Ray reads and encodes, an actor a device, and one transaction names it all at the end.

The cluster is the one that RAY_ADDRESS names or that this machine is part of, else this machine alone. Every machine of
it sees this program, the photos, the model and the index under the same paths (NFS, Lustre and the like): parts and
shards are written where they are made. What a stopped build has staged (`index.store.staging`) the next one takes up.
"""

from __future__ import annotations

import logging
import os
import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from index.build.report import BuildReport
from index.errors import ConceptIndexError
from index.records import EncodedPhoto, ModelIdentity, Photo
from index.store import staging
from index.store.staging import MadeShard, ShardPlan, StagedPhoto
from photos.sources.errors import SourceError
from photos.sources.rows import first_line
from photos.sources.source import BadPhoto, Source, SourceFile, SourcePhoto

if TYPE_CHECKING:
    import pyarrow

    from index.concept_index import ConceptIndex

# Photos that an actor encodes and stages at once: what is lost when its machine is.
PHOTOS_A_PART = 256


@dataclass(frozen=True)
class Seen:
    """What became of a photo of the source. order: rises in the order of the source. staged: None where the photo is
    known already, or bad: then `reason` says why. broken: nothing more comes from this piece of the source. file: of a
    folder's photo."""

    order: tuple[int, int]
    source: str
    label: str | None = None
    sha256: str | None = None
    staged: StagedPhoto | None = None
    reason: str | None = None
    broken: bool = False
    file: SourceFile | None = None


def add_photos(
    index: ConceptIndex, model: Path, source: Source, *, on_photo: Callable[[], None] | None = None
) -> BuildReport:
    """As `index.build.building.add_photos`, to the same result: ids are given in the order of the source, whoever was
    first.

    model: the file of the index's model. Raises ConceptIndexError, where the source breaks off after what came before
    is in; what else ends it leaves the index as it was, and what was encoded staged.
    """
    report, start = BuildReport(), time.perf_counter()
    held = set(held_by(index))
    staged = staging.staged_photos(index.path)
    with cluster() as ray:
        seen: list[Seen] = []
        for found in encoded(ray, index, model, source, known=held | staged.keys()):
            seen.append(found)
            if on_photo and not found.broken:
                on_photo()
        seen.sort(key=lambda found: found.order)
        new: list[tuple[Seen, StagedPhoto]] = []
        broken: str | None = None
        for found in seen:
            if found.broken:
                broken = broken or found.reason
            elif found.reason:
                report.bad.append(BadPhoto(found.source, found.reason, found.sha256))
            elif found.sha256 in held:
                report.known += 1
            else:
                new.append((found, found.staged or staged[found.sha256]))
                held.add(found.sha256)
        if new:
            name_all(index, new, made(ray, index, [place for _, place in new]))
    index.place([(found.file, index.find_photo(found.sha256)) for found in seen if found.file and not found.reason])
    staging.clear(index.path)
    report.added, report.num_concepts = len(new), sum(place.num_concepts for _, place in new)
    report.seconds = time.perf_counter() - start
    if broken:
        raise ConceptIndexError(broken)
    return report


def held_by(index: ConceptIndex, *, at_once: int = 10_000) -> Iterator[str]:
    """The sha256 of each of its photos."""
    first = 0
    while entries := index._catalogue.photos("id >= ? ORDER BY id LIMIT ?", (first, at_once), at=index.version):
        yield from (entry.photo.sha256 for entry in entries)
        first = entries[-1].photo.id + 1


def encoded(ray, index: ConceptIndex, model: Path, source: Source, *, known: Iterable[str]) -> Iterator[Seen]:
    """Each photo of the source, in no order; those that can be encoded and are not known are staged."""
    from ray import cloudpickle

    digests = ray.put(np.sort(np.array([bytes.fromhex(sha256) for sha256 in known], "S32")))
    # A block of its own for each piece: blocks are what machines share out.
    pieces = [{"piece": number, "source": cloudpickle.dumps(piece)} for number, piece in enumerate(source.pieces)]
    if not pieces:
        return
    photos = ray.data.from_items(pieces, override_num_blocks=len(pieces)).flat_map(
        read, fn_kwargs={"folder": str(index.path.absolute()), "known": digests}, num_cpus=1)
    reports = photos.map_batches(
        Encoder, fn_constructor_args=(str(index.path.absolute()), str(model.absolute()), index.model),
        batch_size=PHOTOS_A_PART, batch_format="pyarrow", **actors(ray, most=len(pieces)))
    for batch in reports.iter_batches(batch_size=None, batch_format="pyarrow"):
        for cell in batch["seen"]:
            yield from pickle.loads(cell.as_py())


def made(ray, index: ConceptIndex, photos: list[StagedPhoto]) -> list[tuple[ShardPlan, MadeShard]]:
    """The staged photos as shards with ids, several machines at once."""
    state = index._snapshot.contents.state
    plans = list(staging.planned(photos, first_concept=state.next_concept, first_photo=state.next_photo,
                                 first_file=state.next_file))
    write = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(staging.write_shard)
    return list(zip(plans, ray.get([write.remote(index.path.absolute(), plan, index.model) for plan in plans]),
                    strict=True))


def name_all(
    index: ConceptIndex, new: list[tuple[Seen, StagedPhoto]], shards: list[tuple[ShardPlan, MadeShard]]
) -> None:
    """The one transaction. What is in the files is on the disk; their names have to be as well."""
    from index.store.catalogue import PhotoEntry, ShardEntry, sync_folder

    for folder in ("shards", "thumbnails", "."):
        sync_folder(index.path / folder)
    state = index._snapshot.contents.state
    places = [place for _, shard in shards for place in shard.places]
    firsts = state.next_concept + np.cumsum([0] + [staged.num_concepts for _, staged in new])
    photos = [Photo(staged.sha256, found.source, staged.size, staged.nbytes, found.label, state.next_photo + place)
              for place, (found, staged) in enumerate(new)]
    entries = [PhotoEntry(photo, int(firsts[place]), new[place][1].num_concepts, places[place], state.version + 1)
               for place, photo in enumerate(photos)]
    num_concepts = int(firsts[-1]) - state.next_concept
    with index._catalogue.transaction() as transaction:
        for plan, shard in shards:
            transaction.add_files(shard.files)
            transaction.add_shard(ShardEntry(plan.number, plan.first_photo, len(plan.photos), plan.num_concepts))
        transaction.put_photos(entries)
        transaction.set_state(replace(
            state, version=state.version + 1, next_concept=int(firsts[-1]), next_photo=state.next_photo + len(new),
            next_file=state.next_file + 2 * len(shards), num_concepts=state.num_concepts + num_concepts,
            num_photos=state.num_photos + len(new)))
    index.refresh()


def imported():
    """The package. Raises ConceptIndexError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a build tells nobody about itself
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConceptIndexError("Ray is not installed; pip install -r requirements-scale.txt, or build without "
                                "--engine ray.") from error
    return ray


@contextmanager
def cluster():
    """Ray, with a cluster; one that was started for this ends with it. Its errors become sentences."""
    ray = imported()
    own = not ray.is_initialized()
    try:
        if own:
            ray.init(log_to_driver=False, logging_level="ERROR")
        quiet(ray)
        yield ray
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise ConceptIndexError(f"The build on Ray has stopped ({cause_of(error)}); what was encoded is kept, and the "
                                "same command goes on.") from error
    finally:
        if own:
            ray.shutdown()


def quiet(ray) -> None:
    """Ray Data tells of every step; progress is told by our own bar."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False


def cause_of(error: BaseException) -> str:
    """What went wrong in a worker, without the stack that Ray puts around it."""
    while (inner := getattr(error, "cause", None) or error.__cause__) is not None:
        error = inner
    return getattr(error, "strerror", None) or first_line(error)


def actors(ray, *, most: int) -> dict[str, object]:
    """How many actors encode, and what each is given: a GPU, or where there is none a machine's cores but one, which
    reads."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    gpus = int(sum(machine.get("GPU", 0) for machine in machines))
    if gpus:
        return {"compute": ray.data.ActorPoolStrategy(size=min(gpus, most)), "num_gpus": 1, "num_cpus": 1}
    cores = int(min((machine["CPU"] for machine in machines), default=0))
    if cores < 2:
        raise ConceptIndexError(f"A machine of the Ray cluster has {cores} cores for this; each needs two, one to read "
                                "and one to encode (ray start --num-cpus=2).")
    return {"compute": ray.data.ActorPoolStrategy(size=min(len(machines), most)), "num_cpus": cores - 1}


# --- what runs on the machines of the cluster ------------------------------------------------------------------------


def read(row: dict, *, folder: str, known) -> Iterator[dict]:
    """A piece of the source -> its photos, hashed; of known ones only what they are."""
    import ray

    must_see(folder)
    known = ray.get(known) if isinstance(known, ray.ObjectRef) else known
    number = -1
    try:
        for number, photo in enumerate(pickle.loads(row["source"])):
            order = (row["piece"], number)
            if isinstance(photo, BadPhoto):
                photo = Seen(order, photo.source, sha256=photo.sha256, reason=photo.reason)
            elif is_among(known, photo.sha256):
                photo = Seen(order, photo.source, photo.label, photo.sha256, file=photo.file)
            yield {"photo": pickle.dumps((order, photo))}
    except (SourceError, ConceptIndexError) as error:  # the source has broken off
        order = (row["piece"], number + 1)
        yield {"photo": pickle.dumps((order, Seen(order, "", reason=str(error), broken=True)))}


class Encoder:
    """The model on one device; what it makes of photos it stages beside the index."""

    def __init__(self, folder: str, model: str, identity: ModelIdentity) -> None:
        from index.build.models import load

        must_see(folder)
        self.index_path, self.identity = Path(folder), identity
        self.stellar, sha256 = load(model)
        if sha256 != identity.sha256:
            raise ConceptIndexError(f"{model} on {os.uname().nodename} is another model than the index's; copy the "
                                    "same file there.")

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        import pyarrow

        given = [pickle.loads(cell.as_py()) for cell in batch["photo"]]
        return pyarrow.table({"seen": [pickle.dumps(self.encode(given))]})

    def encode(self, given: list[tuple[tuple[int, int], SourcePhoto | Seen]]) -> list[Seen]:
        from index.build.encoding import encode

        photos = {photo.sha256: photo for _, photo in reversed(given) if isinstance(photo, SourcePhoto)}
        bad: list[BadPhoto] = []
        done: list[EncodedPhoto] = list(encode(self.stellar, photos.values(), resolution=self.identity.resolution,
                                               on_bad=bad.append))
        staged = {photo.sha256: photo for photo in
                  (staging.write_part(self.index_path, done, self.identity) if done else ())}
        reasons = {photo.sha256: photo.reason for photo in bad}
        return [photo if isinstance(photo, Seen) else
                Seen(order, photo.source, photo.label, sha256, staged.get(sha256), reasons.get(sha256), file=photo.file)
                for order, photo in given for sha256 in [photo.sha256]]


def must_see(folder: str) -> None:
    from index.store.catalogue import FILE

    if not (Path(folder) / FILE).is_file():
        raise ConceptIndexError(f"{os.uname().nodename} does not see the index in {folder}; put it, the photos and "
                                "this program where all machines of the cluster see them under the same paths.")


def is_among(digests: np.ndarray, sha256: str) -> bool:
    """digests: (n,) S32, rising."""
    digest = np.bytes_(bytes.fromhex(sha256))
    place = int(np.searchsorted(digests, digest))
    return place < len(digests) and digests[place] == digest
