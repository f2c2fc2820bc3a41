"""Collections: what a server offers to search, whose photos are whose, and that no path comes in or goes out."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from index.query.sets import mass_in_box
from index.records import ModelIdentity
from model.operations.thresholds import ConceptThresholds, save
from stellar_explorer.examples import examples
from stellar_explorer.explorer import Explorer
from stellar_explorer.kept.tokens import GoneError
from stellar_explorer.retrieve import example_collection as of_examples
from stellar_explorer.retrieve.collections import EXAMPLES, OWN, SHARED, Collections, free_name
from stellar_explorer.retrieve.own_photos import OwnPhotos
from stellar_explorer.retrieve.package import vocabulary
from stellar_explorer.retrieve.queries import MOST_LEVELS, Asked, mass_inside
from tests.fakes.collections import make_index, photo_bytes, tiny_explorer, with_examples

SESSION = "a-session-nobody-guesses"
OTHER = "another-session-of-another"


@pytest.fixture(scope="module")
def explorer(tmp_path_factory) -> Explorer:
    return tiny_explorer(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def identity(explorer) -> ModelIdentity:
    return Collections(explorer).identity


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def collections(explorer, tmp_path, cache):
    made = Collections(explorer, root=tmp_path, cache=cache)
    yield made
    made.close()


@pytest.fixture
def looking(collections, monkeypatch) -> Collections:
    """Looks at its folder each time it is asked."""
    monkeypatch.setattr("stellar_explorer.retrieve.collections.LOOK_SECONDS", -1.0)
    return collections


def ready(collections: Collections):
    """The examples, built here and now instead of in the background."""
    with_examples(collections)
    assert collections.offered()[0].state == "ready", collections.offered()[0].message
    return collections.get(EXAMPLES)


# The examples


def test_the_examples_are_built_once_and_kept(collections, explorer, cache, monkeypatch):
    collections._is_started = True
    [waiting] = collections.offered()
    assert (waiting.name, waiting.state, waiting.num_photos) == (EXAMPLES, "building", 0)
    with pytest.raises(ValueError, match="being prepared"):
        collections.get(EXAMPLES)
    index = ready(collections)
    assert index.num_photos == len(examples())
    assert [photo.source for photo in index.photos()] == list(examples())
    assert collections.offered()[0].progress == 1 and collections.picture(EXAMPLES, 0)[:2] == b"\xff\xd8"

    monkeypatch.setattr(of_examples, "build", lambda *_: pytest.fail("built again"))
    again = Collections(explorer, cache=cache)
    assert ready(again).num_photos == len(examples())


def test_damaged_examples_are_built_anew(collections, explorer, identity, tmp_path, monkeypatch):
    few = dict(list(examples().items())[:2])
    monkeypatch.setattr(of_examples, "examples", lambda: few)
    made = of_examples.example_collection(collections._encode, identity, tmp_path / "kept")
    shard = next(made.path.rglob("*.npy"))
    made.close()
    damaged = bytearray(shard.read_bytes())
    damaged[-3] ^= 1
    shard.chmod(0o644)
    shard.write_bytes(damaged)
    seen = []
    kept = tmp_path / "kept"
    with of_examples.example_collection(collections._encode, identity, kept, on_photo=lambda: seen.append(1)) as mended:
        assert mended.num_photos == len(seen) == 2 and not mended.verify()
    assert [folder.name for folder in (tmp_path / "kept").iterdir()] == [f"examples-{of_examples.digest(identity)}"]


def test_what_fails_in_the_background_is_told(collections, monkeypatch):
    def fail(*_, **__):
        raise ValueError("no room")

    monkeypatch.setattr("stellar_explorer.retrieve.collections.example_collection", fail)
    with_examples(collections)
    assert "no room" in collections.offered()[0].message
    with pytest.raises(ValueError, match="no room"):
        collections.get(EXAMPLES)


# A folder of indexes


def test_every_index_of_the_folder_is_offered_and_nothing_else(looking, identity, tmp_path):
    make_index(tmp_path / "holidays 2024", identity)
    (tmp_path / "not an index").mkdir()
    (tmp_path / "a file").write_text("hello")
    _, found = looking.offered()
    assert (found.name, found.title, found.num_photos, found.state) == ("holidays-2024", "holidays 2024", 6, "ready")
    assert found.model == looking._explorer.models[0] and found.num_concepts == 24

    make_index(tmp_path / "later", identity, num_photos=1)
    assert [facts.name for facts in looking.offered()[1:]] == ["holidays-2024", "later"]
    shutil.rmtree(tmp_path / "later")
    assert [facts.name for facts in looking.offered()[1:]] == ["holidays-2024"]


@pytest.mark.parametrize(
    "name", ["nobody", "..", "../holidays", "/etc", "holidays/..", "", "\0", ".", "own-" + SESSION])
def test_a_name_that_is_not_offered_opens_nothing(looking, identity, tmp_path, name):
    make_index(tmp_path / "holidays", identity, num_photos=1)
    with pytest.raises(GoneError):
        looking.get(name)
    with pytest.raises(ValueError):
        looking.search(name, {"kind": "concept", "concept": 0})


def test_names_fit_addresses_and_meet_no_other():
    assert free_name("Été à Nice", []) == "t-Nice"
    assert free_name("...", []) == "collection"
    assert free_name(EXAMPLES, [EXAMPLES]) == f"{EXAMPLES}-2"
    assert not free_name(OWN + "x", []).startswith(OWN)


def test_an_index_of_other_weights_is_refused_in_words_without_paths(looking, identity, tmp_path):
    strange = replace(identity, name="mae", sha256="0" * 64)
    make_index(tmp_path / "strange", strange, num_photos=1)
    _, found = looking.offered()
    assert found.state == "failed" and found.model is None
    assert "--model mae" in found.message and str(tmp_path) not in found.message
    with pytest.raises(ValueError, match="was made with mae"):
        looking.get("strange")


def test_a_damaged_index_is_told_without_its_path_and_tried_again(looking, identity, tmp_path):
    make_index(tmp_path / "mine", identity, num_photos=2)
    catalogue = tmp_path / "mine" / "catalogue.sqlite"
    whole = catalogue.read_bytes()
    catalogue.write_bytes(b"not a database" * 100)
    _, found = looking.offered()
    assert found.state == "failed" and found.message and str(tmp_path) not in found.message
    catalogue.write_bytes(whole)
    assert looking.offered()[1].state == "ready" and looking.get("mine").num_photos == 2


def test_sentences_leave_the_server_without_folders(looking, identity, tmp_path):
    make_index(tmp_path / "mine", identity, num_photos=1)
    with pytest.raises(ValueError) as refused:
        looking.get("mine").photo(77)
    said = looking.without_folders(str(refused.value))
    assert str(tmp_path) in str(refused.value) and str(tmp_path) not in said and "mine" in said


# A visitor's own photos


def test_dropped_photos_are_searched_at_once_and_are_their_visitors_alone(collections):
    name = collections.own(SESSION)
    assert collections.own(SESSION) == name
    first, is_new = collections.add_own(name, photo_bytes(1), "my holiday.png")
    assert is_new and collections.add_own(name, photo_bytes(1), "a copy.png") == (first, False)
    second, _ = collections.add_own(name, photo_bytes(2), "two.png")
    concept = collections.get(name).concepts_of(first)[0]
    assert concept.id >= 0
    found = collections.search(name, {"kind": "concept", "concept": concept.id})
    assert {result.photo for result in found} == {first, second} and found[0].photo == first
    assert found[0].score == pytest.approx(1, abs=1e-2)
    assert collections.picture(name, first)[:2] == b"\xff\xd8"

    theirs = collections.own(OTHER)
    assert collections.get(theirs).num_photos == 0
    assert [facts.name for facts in collections.offered(own=theirs)][1:] == [theirs]
    assert len(collections.offered()) == 1 and len(collections.offered(own=OWN + "guessed-by-somebody-else")) == 1
    collections.remove_own(name)
    with pytest.raises(GoneError):
        collections.get(name)
    with pytest.raises(GoneError):
        collections.add_own(name, photo_bytes(3), "three.png")


def test_what_is_no_photo_is_refused_and_changes_nothing(collections):
    name = collections.own(SESSION)
    with pytest.raises(ValueError):
        collections.add_own(name, b"hello", "hello.png")
    assert collections.get(name).num_photos == 0
    with pytest.raises(ValueError, match="own collection"):
        ready(collections)
        collections.add_own(EXAMPLES, photo_bytes(1), "mine.png")


@pytest.mark.parametrize(
    "session", ["short", "", "x" * 65, "../../../../etc/passwd", "a session with spaces in it", None, 7])
def test_a_session_that_can_be_guessed_is_refused(collections, session):
    with pytest.raises(ValueError, match="session"):
        collections.own(session)


def test_own_photos_go_when_nobody_uses_them(collections, monkeypatch):
    name = collections.own(SESSION)
    collections.add_own(name, photo_bytes(1), "one.png")
    folder = collections.get(name).path
    collections.sweep(seconds=60)
    assert folder.is_dir()
    collections._own[name].used -= 61
    collections.sweep(seconds=60)
    assert not folder.exists()
    with pytest.raises(GoneError):
        collections.get(name)


def test_there_are_not_too_many(collections, monkeypatch):
    monkeypatch.setattr("stellar_explorer.retrieve.collections.MOST_OWN", 1)
    monkeypatch.setattr("stellar_explorer.retrieve.own_photos.MOST_PHOTOS", 1)
    empty = collections.own(OTHER)
    name = collections.own(SESSION)  # one without a photo gives way
    with pytest.raises(GoneError):
        collections.get(empty)
    collections.add_own(name, photo_bytes(1), "one.png")
    with pytest.raises(ValueError, match="Too many visitors"):
        collections.own(OTHER)
    with pytest.raises(ValueError, match="the most that can be dropped"):
        collections.add_own(name, photo_bytes(2), "two.png")


def test_a_server_may_be_started_to_share(explorer, cache):
    collections = Collections(explorer, cache=cache, shares_photos=True)
    assert collections.own(SESSION) == collections.own(OTHER) == SHARED
    collections.add_own(SHARED, photo_bytes(1), "one.png")
    [_, shared] = collections.offered()
    assert (shared.title, shared.num_photos) == ("Shared photos", 1)
    with pytest.raises(ValueError, match="shared"):
        collections.remove_own(SHARED)
    collections._own[SHARED].used -= 1e6
    collections.sweep()
    assert collections.get(SHARED).num_photos == 1
    collections.close()


# Questions


@pytest.fixture
def asked(looking, identity, tmp_path):
    """-> Asked about an index of six photos that never were, and one of a photo that the Explorer has studied."""
    make_index(tmp_path / "mine", identity)
    index = looking.get("mine")
    return Asked(looking._explorer, index, looking.facts("mine").model, looking.get)


@pytest.fixture
def study(explorer):
    return explorer.study(explorer.keep(photo_bytes(5)), model=explorer.models[0], resolution=448)


def test_a_concept_of_a_study_becomes_its_vector(asked, study):
    query = asked.query({"kind": "concept", "study": study.token, "token": 2})
    own = study.analysis.semantics[2]
    assert np.allclose(query.vector, own / np.linalg.norm(own), atol=1e-5)
    assert len(query.others) <= 3
    for token in (-1, 4, True, "2", None, 1.5):
        with pytest.raises(ValueError, match="from 0 to 3"):
            asked.query({"kind": "concept", "study": study.token, "token": token})
    with pytest.raises(GoneError):
        asked.query({"kind": "concept", "study": "nobody's", "token": 2})


def test_a_study_of_another_model_is_refused(looking, asked, study):
    other = Asked(looking._explorer, looking.get("mine"), "another", looking.get)
    with pytest.raises(ValueError, match="choose the photo again"):
        other.query({"kind": "concept", "study": study.token, "token": 2})


def test_the_masses_in_a_box_are_shares_of_the_photo(asked, study):
    analysis = study.analysis
    assert np.allclose(mass_inside(analysis, (0, 0, 1, 1)), analysis.mass, atol=1e-6)
    halves = mass_inside(analysis, (0, 0, 0.37, 1)) + mass_inside(analysis, (0.37, 0, 1, 1))
    assert np.allclose(halves, analysis.mass, atol=1e-6)
    query = asked.query({"kind": "box", "study": study.token, "box": [0.2, 0.2, 0.6, 0.7]})
    assert len(query.vectors) == len(query.masses) > 0
    assert sum(query.masses) <= 0.4 * 0.5 + 1e-6
    whole = asked.query({"kind": "photo", "study": study.token})
    assert sum(whole.masses) <= 1 + 1e-6


def test_a_mask_in_a_box(looking, asked):
    concept = looking.get("mine").concepts([0])[0]
    assert mass_in_box(concept, (0, 0, 1, 1)) == pytest.approx(concept.mass)
    left, top, _, _ = concept.box
    assert mass_in_box(concept, (0, 0, left, top)) == 0


def test_a_question_may_be_about_a_photo_of_another_collection(looking, asked, identity, tmp_path):
    make_index(tmp_path / "copy", identity, num_photos=8, first=3)  # photos 3, 4 and 5 are in both
    looking.offered()
    query = asked.query({"kind": "concept", "in": "copy", "concept": 1})
    assert query.vector is not None and len(query.others) == 3 and asked.photos == {3}
    assert asked.query({"kind": "concept", "in": "mine", "concept": 1}).concept == 1 and asked.photos == {3, 0}
    assert len(asked.query({"kind": "photo", "in": "copy", "photo": 7}).vectors) == 4
    with pytest.raises(GoneError):
        asked.query({"kind": "concept", "in": "../copy", "concept": 1})
    with pytest.raises(ValueError):
        asked.query({"kind": "name", "in": "copy", "word": "dog"})


def test_the_photo_itself_is_left_out_where_that_is_wished(looking, asked):
    query = {"kind": "concept", "concept": 5}
    for said, there in ((None, True), ({"not_this": False}, True), ({"not_this": True}, False)):
        found = looking.search("mine", query, where=said)
        assert (1 in {result.photo for result in found}) == there
    only = looking.search("mine", query, where={"labels": ["dog"]})
    assert {result.photo for result in only} == {1, 3, 5}


@pytest.mark.parametrize("said", [
    [], "x", {"unknown": 1}, {"labels": []}, {"labels": "cat"}, {"labels": [1]}, {"labels": ["x"] * 65},
    {"mass": [0, 1, 2]}, {"mass": [True, 1]}, {"mass": [float("nan"), 1]}, {"mass": ["0", "1"]}, {"region": [0, 1]},
    {"region": 7}])
def test_a_filter_that_makes_no_sense_is_refused(asked, said):
    with pytest.raises(ValueError):
        asked.where(said)


def nested(levels: int):
    return {"kind": "not", "of": nested(levels - 1)} if levels else {"kind": "concept", "concept": 0}


@pytest.mark.parametrize("said", [
    None, [], 7, "concept", {}, {"kind": "x"}, {"kind": ["concept"]}, {"kind": "concept"},
    {"kind": "concept", "concept": -1}, {"kind": "concept", "concept": 10**30}, {"kind": "concept", "concept": True},
    {"kind": "concept", "concept": 999},
    {"kind": "concept", "study": 7}, {"kind": "photo", "photo": "0"}, {"kind": "concept", "in": {}, "concept": 1},
    {"kind": "concept", "vector": "!"}, {"kind": "and", "of": []}, nested(30), nested(10 * MOST_LEVELS)])
def test_what_is_no_question_is_refused_in_one_sentence(looking, asked, said):
    with pytest.raises(ValueError) as refused:
        looking.search("mine", said)
    assert len(str(refused.value)) < 300 and "\n" not in str(refused.value)


def test_the_words_of_a_collection(looking, asked):
    index = looking.get("mine")
    told = vocabulary(index)
    names = [word for photo in range(6) for concept in index.concepts_of(photo) for word, _ in concept.names]
    found = dict(map(tuple, told["words"]))
    assert {word: found.pop(word) for word in set(names)} == {word: names.count(word) for word in names}
    assert set(found) == {"animal", "mammal"}  # what cats and dogs are
    counts = [count for _, count in told["words"]]
    assert counts == sorted(counts, reverse=True)
    assert sorted(told["labels"]) == [("cat", 3), ("dog", 3)]


def test_a_folder_is_left_behind_by_nobody(explorer, identity):
    photos = OwnPhotos(identity, Collections(explorer)._encode)
    photos.add(photo_bytes(1), "../../etc/passwd")
    folder = photos.index.path.parent
    assert [file.name for file in (folder / "pictures").iterdir()] == ["0.jpg"]
    assert photos.index.photo(0).source and photos.picture(99) is None
    photos.close()
    assert not folder.exists()


def test_an_index_from_before_matches_were_measured_has_those_of_its_model(tmp_path):
    explorer = tiny_explorer(tmp_path)
    looking = Collections(explorer, root=tmp_path / "root", cache=tmp_path / "cache")
    (tmp_path / "root").mkdir()
    make_index(tmp_path / "root" / "old", looking.identity)
    looking._is_started = True
    save(ConceptThresholds(has=0.2, match=0.6, match_photo=0.4), explorer.models[0])
    found = looking.thresholds("old")
    assert (found.match, found.match_photo) == (0.6, 0.4) and found.has == looking.get("old").model.thresholds.has
    looking.close()
