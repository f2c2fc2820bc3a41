"""MilvusVectors: the search of VectorIndex with the vectors in Milvus, for more of them than one machine's FAISS holds.

    ConceptIndex.open(path, searcher=Milvus("http://localhost:19530"))

As with FAISS, Milvus only proposes: scores are the stored vectors' own. So what it lacks costs time and not hits (these
rows are compared one by one), and what it has too much of is passed over. A path instead of an address is a Milvus Lite
file: one process at a time, every vector compared, for tests and tries.
"""

from __future__ import annotations

import json
import logging
import math
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np

from index.errors import ConceptIndexError
from index.search.vector_rows import VectorRows, best_of, empty
from index.store.searcher import SegmentFile
from index.store.shard_vectors import ShardVectors
from model.checkpoints.files import write_whole

FILE = "milvus.json"  # in an index's folder: the name of its collection
TOKEN = "MILVUS_TOKEN"  # the environment's variable; a secret is no argument, which every process can read

# So many times k are proposed and ranked by their vectors; at least RANKED, at most what Milvus gives.
RANKED_PER_HIT, RANKED, MOST_PROPOSED = 10, 200, 16_384
# A filter that lets fewer rows through is answered by their vectors.
FEW = 20_000
# Results that are asked for at once, and rows that are sent, fetched or deleted at once.
RESULTS_AT_ONCE, ROWS_AT_ONCE = 65_536, 4096
SECONDS = 10  # until a server that does not answer is given up


def collection_of(index_path: Path) -> str | None:
    """The name of an index's collection, which its folder keeps; None where it has none."""
    file = index_path / FILE
    try:
        return str(json.loads(file.read_text("utf-8"))["collection"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConceptIndexError(f"{file} cannot be read ({error}); remove it, and put the vectors into Milvus again: "
                                f"python -m index compact {index_path} --backend milvus --uri URI") from error


def name_collection(index_path: Path) -> str:
    """The same, drawn where there is none."""
    name = collection_of(index_path)
    if name is None:
        name = f"concepts_{secrets.token_hex(8)}"
        write_whole(index_path / FILE, json.dumps({"collection": name}).encode())
    return name


class Milvus:
    """A Milvus server, or a Lite file. What `ConceptIndex.open` takes as `searcher`."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._connecting = threading.Lock()
        self._client = None

    def __call__(self, folder: Path, shards: Sequence[ShardVectors], *, live: np.ndarray | None = None
                 ) -> MilvusVectors:
        return MilvusVectors(self, folder.parent, shards, live=live)

    @property
    def is_lite(self) -> bool:
        return "://" not in self.uri

    @property
    def client(self):
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def close(self) -> None:
        with self._connecting:
            if self._client is not None:
                self._client.close()
                self._client = None

    def __enter__(self) -> Milvus:
        _ = self.client  # that it cannot be had is said before anything else is done
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Milvus' errors as one sentence each."""
        _ = self.client
        from pymilvus import MilvusException

        try:
            yield
        except (MilvusException, ConnectionError) as error:
            reason = getattr(error, "message", None) or str(error)
            raise ConceptIndexError(f"Milvus at {self.uri} has refused ({reason.splitlines()[0]}); see to it, and do "
                                    "the same again.") from error

    def _connect(self):
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # every error becomes a sentence, below and in `sentences`
        try:
            import pymilvus
        except ImportError as error:
            raise ConceptIndexError("The client of Milvus is not installed; pip install -r requirements-scale.txt, or "
                                    "leave out --backend milvus.") from error
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        try:
            return pymilvus.MilvusClient(self.uri, token=os.environ.get(TOKEN, ""), timeout=SECONDS)
        except Exception as error:  # a server that is not there, a Lite that is not installed, a file that is locked
            again = ("Milvus Lite has to be installed (pip install milvus-lite), and the file serves one process at a "
                     "time") if self.is_lite else f"start it, or see to the address and to ${TOKEN}"
            raise ConceptIndexError(f"Milvus at {self.uri} cannot be had ({type(error).__name__}); {again}.") from error


class MilvusVectors:
    """As `index.search.vectors.VectorIndex`: the shards' vectors, searchable.

    tail: the rows that come after the last that Milvus surely holds, and that are compared one by one. fault: a
    sentence, where Milvus lacks what it should have.
    """

    def __init__(self, milvus: Milvus, index_path: Path, shards: Sequence[ShardVectors], *,
                 live: np.ndarray | None = None) -> None:
        self.milvus, self.index_path, self.live = milvus, index_path, None if live is None or live.all() else live
        self.collection = collection_of(index_path)
        self.rows = VectorRows(shards)

    @property
    def tail(self) -> int:
        return len(self.rows) - self._covered

    @property
    def fault(self) -> str | None:
        if not self.tail:
            return None
        return (f"Milvus lacks {self.tail:,} of {len(self.rows):,} vectors, which are compared one by one; python -m "
                "index compact --backend milvus puts them there.")

    def search(self, vectors: np.ndarray, *, k: int, allowed: np.ndarray | None = None, exact: bool = False
               ) -> tuple[np.ndarray, np.ndarray]:
        """(Q, D), of any length but zero -> (Q, k) scores float32 and (Q, k) ids, the best first; where there are
        fewer, -inf and -1. allowed: rising ids, the only ones that count."""
        vectors = np.atleast_2d(np.asarray(vectors, np.float32))
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        mask = self.live
        if allowed is not None:
            mask = self.rows.mask_of(np.asarray(allowed, np.int64))
            if self.live is not None:
                mask &= self.live
        covered = 0 if exact else self._covered
        passing = covered if mask is None else int(np.count_nonzero(mask[:covered]))
        if not passing or (allowed is not None and passing <= FEW):
            scores, rows = self._compare(vectors, k, mask)
        else:
            scores, rows = best_of([self._rank(vectors, k, mask, passing),
                                    self.rows.nearest(vectors, k, mask=mask, start=covered)], k)
        return scores, self.rows.ids_of(rows)

    def build(self, progress: Callable[[int, int], None] | None = None) -> list[SegmentFile]:
        """Make the collection hold exactly the rows of these shards -> no files. progress: is told how many rows of how
        many are in. Stopped at any time, it goes on the next time."""
        with self.milvus.sentences():
            if not self._make_collection():
                return []
            after = -1
            for shard, stop in zip(self.rows.shards, self.rows.starts[1:], strict=True):
                self._bring(shard, after)
                after = shard.last_id
                if progress:
                    progress(int(stop), len(self.rows))
            self._delete(f"id > {after}")
            self.milvus.client.flush(self.collection)
            self._index()
        self.__dict__.pop("_covered", None)
        return []

    # Searching

    @cached_property
    def _covered(self) -> int:
        """Rows from the first on that Milvus has: asked once, by counting."""
        with self.milvus.sentences():
            if not len(self.rows) or not self.collection or not self.milvus.client.has_collection(self.collection):
                return 0
            self.milvus.client.load_collection(self.collection)
            least, most = 0, len(self.rows.shards)  # how many shards are there: none surely, perhaps all
            while least < most:
                tried = most if least == 0 and most == len(self.rows.shards) else (least + most + 1) // 2
                if self._count(f"id <= {self.rows.shards[tried - 1].last_id}") == self.rows.starts[tried]:
                    least = tried
                else:
                    most = tried - 1
            return int(self.rows.starts[least])

    def _compare(self, vectors: np.ndarray, k: int, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        if mask is not None and np.count_nonzero(mask) < len(self.rows) / 4:
            return self.rows.nearest_among(vectors, k, np.flatnonzero(mask))
        return self.rows.nearest(vectors, k, mask=mask)

    def _rank(self, vectors: np.ndarray, k: int, mask: np.ndarray | None, passing: int
              ) -> tuple[np.ndarray, np.ndarray]:
        """What Milvus proposes, by its vectors. It is not told the filter, which may be a million ids: as many more are
        asked for as will not pass, and where it cannot give so many, the vectors that pass are compared."""
        covered = self._covered
        wanted = min(max(RANKED, RANKED_PER_HIT * k), passing)
        count = min(math.ceil(wanted * covered / passing), MOST_PROPOSED, covered)
        scores, rows = empty(len(vectors), k)
        left = np.arange(len(vectors))
        while len(left):
            found = self._proposed(vectors[left], count)
            if mask is not None:
                found[(found >= 0) & ~mask[found]] = -1
            scores[left], rows[left] = self.rows.nearest_of(vectors[left], k, found)
            left = left[(found >= 0).sum(axis=1) < min(wanted, k)]
            if count == min(MOST_PROPOSED, covered):
                break
            count = min(4 * count, MOST_PROPOSED, covered)
        if len(left):
            mask = np.ones(len(self.rows), bool) if mask is None else mask.copy()
            mask[covered:] = False
            scores[left], rows[left] = self._compare(vectors[left], k, mask)
        return scores, rows

    def _proposed(self, vectors: np.ndarray, count: int) -> np.ndarray:
        """(Q, D) -> (Q, count) rows in no order; -1 where there are fewer."""
        found = np.full((len(vectors), count), -1, np.int64)
        at_once = max(1, RESULTS_AT_ONCE // count)
        with self.milvus.sentences():
            for first in range(0, len(vectors), at_once):
                some = vectors[first : first + at_once]
                answers = self.milvus.client.search(
                    self.collection, data=list(self._sent(some)), limit=count, anns_field="vector",
                    output_fields=["id"], search_params={"metric_type": "IP", "params": self._search_parameters(count)})
                for place, hits in enumerate(answers):
                    found[first + place, : len(hits)] = [hit["id"] for hit in hits]
        rows = self.rows.rows_of(found)
        return np.where((found >= 0) & (rows < self._covered), rows, -1)

    def _search_parameters(self, count: int) -> dict[str, object]:
        """Of IVF_RABITQ; a Lite file compares everything. The lists that are read: as for FAISS, four times the root of
        their number."""
        if self.milvus.is_lite:
            return {}
        return {"nprobe": math.ceil(4 * math.sqrt(num_lists_for(self._covered))), "refine_k": 2}

    # Filling

    def _make_collection(self) -> bool:
        """Whether there is one now: no rows need none."""
        from pymilvus import DataType

        if not len(self.rows) and not self.collection:
            return False
        self.collection = name = name_collection(self.index_path)
        client, width = self.milvus.client, self.rows.width
        if not client.has_collection(name):
            if not len(self.rows):
                return False
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", DataType.INT64, is_primary=True)
            data_type = DataType.FLOAT_VECTOR if self.milvus.is_lite else DataType.FLOAT16_VECTOR
            schema.add_field("vector", data_type, dim=width)
            client.create_collection(name, schema=schema, consistency_level="Strong")
            self._index()  # what is counted has to be loaded, and what is loaded indexed
        fields = {field["name"]: field for field in client.describe_collection(name)["fields"]}
        found = int(fields.get("vector", {}).get("params", {}).get("dim", 0))
        if width and found != width:
            raise ConceptIndexError(f"The collection {name} at {self.milvus.uri} holds vectors of {found} numbers, and "
                                    f"this index {width}; remove {FILE} from the index's folder, and do the same "
                                    "again.")
        return True

    def _bring(self, shard: ShardVectors, after: int) -> None:
        """What Milvus holds from the id behind `after` to the shard's last becomes the shard's rows."""
        here = f"id > {after} and id <= {shard.last_id}"
        ids = np.arange(shard.first_id, shard.last_id + 1) if shard.ids is None else np.asarray(shard.ids)
        # Where the shard has no gaps, as many as it has are these. Else ids that went may stand for some that lack.
        if shard.ids is None and after + 1 == shard.first_id and self._count(here) == len(ids):
            return
        held = self._ids_between(after, shard.last_id)
        stale = np.setdiff1d(held, ids, assume_unique=True)
        for start in range(0, len(stale), ROWS_AT_ONCE):
            self.milvus.client.delete(self.collection, ids=stale[start : start + ROWS_AT_ONCE].tolist())
        lacking = np.flatnonzero(~np.isin(ids, held, assume_unique=True))
        for start in range(0, len(lacking), ROWS_AT_ONCE):
            rows = lacking[start : start + ROWS_AT_ONCE]
            self.milvus.client.upsert(self.collection, [
                {"id": int(ids[row]), "vector": vector}
                for row, vector in zip(rows, self._sent(shard.vectors[rows]), strict=True)])

    def _sent(self, vectors: np.ndarray) -> np.ndarray:
        """In the kind of numbers that the collection holds."""
        return vectors.astype(np.float32 if self.milvus.is_lite else np.float16)

    def _ids_between(self, after: int, last: int) -> np.ndarray:
        """The ids that Milvus holds, after < id <= last."""
        found = [np.empty(0, np.int64)]
        for start in range(after + 1, last + 1, ROWS_AT_ONCE):
            rows = self.milvus.client.query(
                self.collection, filter=f"id >= {start} and id <= {min(start + ROWS_AT_ONCE - 1, last)}",
                output_fields=["id"])
            found.append(np.array([row["id"] for row in rows], np.int64))
        return np.concatenate(found)

    def _count(self, which: str) -> int:
        return int(self.milvus.client.query(self.collection, filter=which, output_fields=["count(*)"],
                                            consistency_level="Strong")[0]["count(*)"])

    def _delete(self, which: str) -> None:
        if self._count(which):
            self.milvus.client.delete(self.collection, filter=which)

    def _index(self) -> None:
        """One that suits the number of rows; made anew where it has become twice as many lists, or half."""
        client, name = self.milvus.client, self.collection
        wanted = num_lists_for(len(self.rows))
        if client.list_indexes(name):
            held = client.describe_index(name, "vector")
            if self.milvus.is_lite or 0.5 <= wanted / int(held.get("nlist", wanted)) <= 2:
                client.load_collection(name)
                return
            client.release_collection(name)
            client.drop_index(name, "vector")
        parameters = client.prepare_index_params()
        if self.milvus.is_lite:
            parameters.add_index("vector", index_name="vector", index_type="FLAT", metric_type="IP")
        else:
            parameters.add_index("vector", index_name="vector", index_type="IVF_RABITQ", metric_type="IP",
                                 params={"nlist": wanted, "refine": True, "refine_type": "SQ8"})
        client.create_index(name, parameters)
        client.load_collection(name)


def num_lists_for(num_rows: int) -> int:
    """An IVF's lists: four times the root of its rows, within what Milvus takes."""
    return min(max(round(4 * math.sqrt(num_rows)), 1), 65_536)
