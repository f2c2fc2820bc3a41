"""A byte that flips in any file of an index is named by `verify`, and never gives a wrong answer in silence."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from index.concept_index import ConceptIndex
from index.errors import ConceptIndexError
from index.query.filters import Filter
from index.search.vectors import VectorIndex
from tests.fakes.index import FAKE_MODEL, fake_encoded

# What is of no account: who writes, which each writer writes anew.
OF_NO_ACCOUNT = {"writer.lock"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """An index with all kinds of files, closed."""
    path = tmp_path_factory.mktemp("whole") / "index"
    with ConceptIndex.create(path, model=FAKE_MODEL) as index:
        index.add([fake_encoded(seed, label="cat") for seed in range(6)])
        index.compact()
        index.add([fake_encoded(seed) for seed in range(6, 9)])
        index.remove([2])
    return path


@pytest.fixture
def path(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "index"))


def flip(file: Path, place: int, bit: int = 4) -> None:
    with open(file, "r+b") as opened:
        opened.seek(place)
        byte = opened.read(1)[0]
        opened.seek(place)
        opened.write(bytes([byte ^ 1 << bit]))


def answers(path: Path) -> list:
    """All that can be asked of an index; the sentence where it refuses."""
    said = []

    def ask(question, index: ConceptIndex) -> None:
        try:
            said.append(question(index))
        except ConceptIndexError as error:
            said.append(str(error))

    try:
        opened = ConceptIndex.open(path)
    except ConceptIndexError as error:
        return [str(error)]
    with opened as index:
        for photo in range(9):
            for question in (index.photo, index.concepts_of, index.thumbnail):
                ask(lambda _, question=question, photo=photo: question(photo), index)
            ask(lambda index, photo=photo: index.summaries([photo]).tolist(), index)
            ask(lambda index, photo=photo: index.find_photo(fake_encoded(photo).photo.sha256), index)
        for concept in range(36):
            ask(lambda index, concept=concept: index.vectors([concept]).tolist(), index)
    return said


def is_right_or_refused(found: list, right: list) -> bool:
    """Each answer is the right one, or a sentence, or says that a photo is unknown."""
    if len(found) == 1:
        return isinstance(found[0], str)
    return all(one == other or isinstance(one, str) or one is None for one, other in zip(found, right, strict=True))


def test_a_whole_index_has_no_fault(path):
    with ConceptIndex.open(path) as index:
        assert index.verify() == []


def test_each_file_that_has_changed_is_named_and_no_answer_is_wrong(path, whole):
    """Some bytes of each file: the first and last, and many between."""
    right, generator = answers(whole), np.random.default_rng(0)
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and file.name not in OF_NO_ACCOUNT]
    assert {file.suffix for file in files} == {".npy", ".safetensors", ".jpegs", ".sqlite", ".sha256"}
    for file in files:
        original = file.read_bytes()
        places = {0, len(original) - 1, *generator.integers(0, len(original), 5).tolist()}
        for place in places:
            flip(file, place, int(generator.integers(0, 8)))
            try:
                with ConceptIndex.open(path) as index:
                    faults = index.verify()
            except ConceptIndexError as error:
                faults = [str(error)]
            assert any(str(file) in fault for fault in faults), (file.name, place, faults)
            assert is_right_or_refused(answers(path), right), (file.name, place)
            file.write_bytes(original)
    with ConceptIndex.open(path) as index:
        assert index.verify() == []


def test_a_missing_file_is_named(path):
    for file in sorted(path.rglob("*.*")):
        if file.parent == path:
            continue
        away = file.rename(file.with_suffix(".away"))
        try:
            with ConceptIndex.open(path) as index:
                assert any(f"{file} is missing" in fault for fault in index.verify())
        except ConceptIndexError as error:  # a shard, without which nothing can be opened
            assert f"{file} is missing; copy it back" in str(error)
        away.rename(file)


# The exponent, the sign and the fraction of the last number.
@pytest.mark.parametrize(("distance", "bit"), [(0, 6), (0, 7), (1, 2)])
def test_a_vector_that_has_changed_is_no_hit_in_silence(path, distance, bit):
    """Far off or hardly moved, found by whatever filter, it is refused."""
    with ConceptIndex.open(path) as index:
        shard = index._snapshot.shards[0]
        concept = int(shard.table.ids[-1])
    file = shard.path.with_suffix(".npy")
    flip(file, file.stat().st_size - 1 - distance, bit)
    with ConceptIndex.open(path) as index:
        for where in (None, Filter(photos=(5,)), Filter(labels=("cat",))):
            with pytest.raises(ConceptIndexError, match="damaged"):
                index.search(np.eye(FAKE_MODEL.width)[-1:] * [[1.0], [-1.0]], k=50, where=where)
        with pytest.raises(ConceptIndexError, match=f"{file.name} is damaged"):
            index.vectors([concept])
        assert index.vectors([0]).shape == (1, FAKE_MODEL.width)


def test_a_summary_that_has_changed_is_no_hit_in_silence(path):
    with ConceptIndex.open(path) as index:
        shard = index._snapshot.shards[0]
        summary = shard.table.summaries[3].tobytes()
    flip(shard.path, shard.path.read_bytes().index(summary) + 5, 3)
    with ConceptIndex.open(path) as index:
        with pytest.raises(ConceptIndexError, match="the summary of photo 3 has changed"):
            index.search_summaries(np.ones((1, FAKE_MODEL.width)), k=20)
        assert index.summaries([4]).shape == (1, FAKE_MODEL.width)


def test_a_label_that_has_changed_in_the_catalogue_is_no_filter(path):
    file = path / "catalogue.sqlite"
    flip(file, file.read_bytes().index(b"photos/000003.jpg") + 8, 0)
    with ConceptIndex.open(path) as index:
        with pytest.raises(ConceptIndexError, match="is damaged in a row of photos"):
            index.search(np.ones((1, FAKE_MODEL.width)), where=Filter(labels=("cat",)))
        with pytest.raises(ConceptIndexError, match="is damaged in a row of photos"):
            index.photo(3)


def test_damage_is_not_written_anew_under_a_good_hash(path):
    [first, *_] = sorted((path / "shards").glob("*.npy"))
    flip(first, first.stat().st_size - 9)
    with ConceptIndex.open(path, writer=True) as index:
        with pytest.raises(ConceptIndexError, match=f"{first.name} is damaged: it is not what was written"):
            index.compact()
        assert any(str(first) in fault for fault in index.verify())
        assert index.add([fake_encoded(50)]).added == 1


def test_a_damaged_catalogue_is_not_written_to(path):
    file = path / "catalogue.sqlite"
    flip(file, file.stat().st_size - 40)
    with pytest.raises(ConceptIndexError, match="catalogue.sqlite is damaged: it is not the file that was sealed"):
        ConceptIndex.open(path, writer=True)


@pytest.mark.parametrize("spoil", [lambda file: flip(file, 300), lambda file: file.unlink(),
                                   lambda file: file.write_bytes(b"")])
def test_what_faiss_made_is_made_again_by_the_next_writer(tmp_path, spoil):
    path, flat = tmp_path / "index", partial(VectorIndex, index_type="flat")
    with ConceptIndex.create(path, model=FAKE_MODEL, searcher=flat) as index:
        index.add([fake_encoded(seed, num_concepts=16) for seed in range(40)])
        index.compact()
        queries = index.vectors(range(0, 640, 40))
        right = [[hit.concept.id for hit in hits] for hits in index.search(queries, k=5, exact=True)]
        assert index.verify() == []
    [file] = (path / "faiss").iterdir()
    spoil(file)
    with ConceptIndex.open(path, searcher=flat) as reader:
        assert [[hit.concept.id for hit in hits] for hits in reader.search(queries, k=5)] == right
        [fault] = reader.verify()
        assert str(file) in fault and "python -m index compact" in fault
    with ConceptIndex.open(path, writer=True, searcher=flat) as index:
        assert index.verify() == [] and len(list((path / "faiss").iterdir())) == 1
        assert index._snapshot.searcher(flat).tail == 0


def test_a_map_that_cannot_be_read_is_named(path):
    (path / "atlas.npz").write_bytes(b"no map")
    with ConceptIndex.open(path) as index:
        [fault] = index.verify()
        assert "atlas.npz is damaged" in fault and "python -m index.atlas" in fault
