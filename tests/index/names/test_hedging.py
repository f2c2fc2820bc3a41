"""Hedging: the most specific name that is probably right, and what a word finds in the tree of names."""

from pathlib import Path

import numpy as np
import pytest

from index.errors import ConceptIndexError
from index.names import taxonomy as taxonomy_file
from index.names.hedging import CERTAIN, GUESS, LIKELY, MOST_NAMES, hedged, is_certain, node_sums, shown
from index.names.taxonomy import read_taxonomy, singulars, taxonomy
from index.names.wordnet import main
from index.query.words import counted, names_meant

TREE = taxonomy()


def torn(*classes: str, share: float = 0.96) -> np.ndarray:
    """(W,): probability spread evenly over some classes, the rest over all."""
    scores = np.full(TREE.num_classes, (1 - share) / TREE.num_classes, np.float32)
    for word in classes:
        scores[TREE.classes.index(word)] += share / len(classes)
    return scores


def names_of(scores: np.ndarray) -> tuple:
    return hedged(scores[None], TREE)[0]


def first(scores: np.ndarray) -> str | None:
    return next((word for word, _ in names_of(scores)), None)


def test_a_concept_torn_between_kinds_gets_the_name_that_holds_them_all():
    assert first(torn("tabby")) == "tabby"
    assert first(torn("tabby", "Persian cat", "Siamese cat")) == "cat"
    assert first(torn(*[TREE.classes[leaf] for leaf in np.flatnonzero(TREE.under[TREE.find("dog")[0]])[::10]])) == "dog"
    assert first(torn("zebra", "sorrel")) == "animal with hooves"
    assert first(torn("tabby", "sports car", "strawberry", "castle")) is None
    assert names_of(np.zeros(TREE.num_classes, np.float32)) == ()


def test_what_the_only_class_of_a_kind_says_is_the_kind():
    assert first(torn("sorrel")) == "horse" and first(torn("airliner")) == "airplane"


@pytest.mark.parametrize("word", ["jersey", "ski mask", "rifle", "suit", "sunglasses", "wig", "lipstick"])
def test_what_people_wear_or_aim_is_never_a_name(word):
    assert names_of(torn(word)) == ()
    # Nor does it count for what it is a kind of, or leave the rest as more than it was.
    summed = node_sums(torn(word), TREE)
    assert summed.max() < 0.05


def test_the_sums_rise_towards_the_root_and_a_leaf_keeps_its_own():
    scores = np.random.default_rng(0).dirichlet(np.full(TREE.num_classes, 0.02)).astype(np.float32)
    summed = node_sums(scores, TREE)
    for place in range(0, len(TREE.names), 7):
        assert all(summed[above] >= summed[place] - 1e-6 for above in TREE.above(place))
    named = ~TREE.unnamed[: TREE.num_classes]
    np.testing.assert_allclose(summed[: TREE.num_classes][named], scores[named], rtol=1e-5)


def test_names_are_few_and_each_says_more_than_those_before():
    names = names_of((3 * torn("golden retriever") + torn("beagle") + torn("tabby")) / 5)
    assert 1 < len(names) <= MOST_NAMES and all(score >= GUESS for _, score in names)
    places = [TREE.named(word)[0] for word, _ in names]
    for number, place in enumerate(places):
        assert all(place not in TREE.above(before) for before in places[:number])


def test_a_name_has_a_sign_of_doubt_unless_it_is_certain():
    assert shown("dog", CERTAIN) == "dog" and shown("dog", CERTAIN - 0.01) == "dog?"
    assert is_certain(np.array([0.0, 1.0])).tolist() == [False, True]
    [(word, score), *_] = names_of(torn("tripod", share=0.55))
    assert (word, is_certain(score)) == ("tripod", False) and LIKELY <= score < CERTAIN


def test_what_is_doubtful_and_says_little_is_no_name():
    animals = np.flatnonzero(TREE.under[TREE.find("animal")[0]])
    scores = np.full(TREE.num_classes, 0.4 / (TREE.num_classes - len(animals)), np.float32)
    scores[animals] = 0.6 / len(animals)
    assert names_of(scores) == ()


@pytest.mark.parametrize(("word", "holds"), [
    ("dog", "beagle"), ("Dogs", "beagle"), ("puppies", "beagle"), ("bird", "macaw"), ("fruit", "strawberry"),
    ("vehicle", "sports car"), ("cars", "sports car"), ("animals", "tick"), ("wolves", "timber wolf"),
    ("horses", "sorrel"), ("plane", "airliner"), ("bikes", "moped"), ("flowers", "daisy"), ("buildings", "castle"),
    ("dog?", "beagle"), ("sports_car", "sports car"), ("geese", "goose"), ("people", "groom")])
def test_a_word_finds_what_lies_under_it(word, holds):
    assert holds in TREE.classes_under(TREE.find(word)) and names_meant(word, [holds]) == [0]


def test_a_word_means_its_usual_sense_and_nothing_else():
    assert [TREE.names[place] for place in TREE.find("toy")] != ["toy dog"]
    assert not {"sports car", "convertible"} & set(TREE.classes_under(TREE.find("machine")))
    assert names_meant("horse", ["horse cart", "horse", "sorrel", "zebra"]) == [1, 2]
    assert names_meant("cat", ["polecat", "tabby", "cat", "animal"]) == [1, 2]
    assert not TREE.find("wood")
    assert TREE.find("") == TREE.find("   ") == TREE.find("xyzzy") == TREE.find("x" * 10_000) == []


def test_words_that_lie_in_no_tree_are_found_by_their_letters():
    assert names_meant("ant", ["army ant", "elephantine"]) == [0]
    assert names_meant("phant", ["army ant", "elephantine"]) == [1]
    assert names_meant("dog", ["my dog Rex", "beagle", "hotdog"]) == [0, 1]
    assert names_meant("<b>.*", ["beagle"]) == []


def test_plurals_are_tried_in_turn():
    assert list(singulars("sports cars", {})) == ["sports cars", "sports car"]
    assert "mouse" in singulars("mice", {"mice": "mouse"}) and "knife" in singulars("knives", {})


def test_kinds_are_counted_with_all_that_lies_under_them():
    words = ("beagle", "cat", "dog")
    codes = np.array([[0, -1, -1], [2, 0, -1], [1, -1, -1], [-1, -1, -1]])
    count = counted(words, codes)
    assert (count["dog"], count["beagle"], count["cat"], count["animal"]) == (2, 2, 1, 3)


def test_every_shown_name_is_one_kinds_alone_and_finds_itself():
    names = [TREE.names[place] for place in np.flatnonzero(TREE.shown)]
    assert len(set(names)) == len(names)
    assert all(names_meant(name, [name]) == [0] for name in names)


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"nodes": [1], "classes": []}'])
def test_a_missing_or_damaged_tree_is_a_sentence(tmp_path, content):
    if content is not None:
        (tmp_path / "tree.json").write_bytes(content)
    with pytest.raises(ConceptIndexError, match="git checkout"):
        read_taxonomy(tmp_path / "tree.json")


def test_the_shipped_tree_is_what_the_command_makes(tmp_path):
    wordnet = Path("/usr/share/wordnet")
    if not (wordnet / "data.noun").is_file():
        pytest.skip("WordNet is not installed (Debian: wordnet-base)")
    assert main([str(wordnet), "--out", str(tmp_path / "tree.json")]) == 0
    assert (tmp_path / "tree.json").read_bytes() == taxonomy_file.TAXONOMY_FILE.read_bytes()


def test_the_command_refuses_what_is_no_wordnet_in_a_sentence(tmp_path, capsys):
    (tmp_path / "data.noun").write_text("nothing of the kind\n")
    for folder in (tmp_path, tmp_path / "gone"):
        assert main([str(folder), "--out", str(tmp_path / "tree.json")]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "wordnet-base" in said
    assert not (tmp_path / "tree.json").exists()
