"""Hits on a terminal."""

from __future__ import annotations

import json
from dataclasses import replace

from index.names.hedging import shown
from index.query.hit_table import hits_json, hits_table
from index.records import Hit
from tests.fakes.index import fake_encoded


def found():
    """A concept, three hits and their photos by id."""
    photos = {seed: replace(fake_encoded(seed).photo, id=seed) for seed in (3, 14, 159)}
    photos[14] = replace(photos[14], label="a\x1blabel", source="photos/\ttab.jpg")
    hits = [Hit(replace(fake_encoded(seed).concepts[seed % 4], id=10 * seed, photo=seed), 0.9 - 0.1 * rank)
            for rank, seed in enumerate(photos)]
    return fake_encoded(1).concepts[3], hits, photos


def test_a_table_has_a_line_a_hit_in_columns_that_line_up():
    concept, hits, photos = found()
    said, heads, *lines = hits_table("query.jpg", concept, hits, photos).split("\n")
    names = ", ".join(shown(*name) for name in concept.names)
    assert said.startswith("query.jpg, concept 3: ") and said.endswith(names)
    assert [line.split()[:3] for line in lines] == [
        ["0.900", "3", "30"], ["0.800", "14", "140"], ["0.700", "159", "1590"]]
    assert all(line.index(photos[hit.concept.photo].source) == heads.index("source")
               for line, hit in zip(lines, hits, strict=True) if hit.concept.photo != 14)


def test_a_table_shows_no_control_characters_of_strangers():
    table = hits_table("query\x1b[31m.jpg", *found())
    assert not any(ord(letter) < 32 for letter in table.replace("\n", ""))


def test_json_says_the_same_of_each_hit():
    concept, hits, photos = found()
    said = json.loads(hits_json("query.jpg", concept, hits, photos))
    assert said["photo"] == "query.jpg" and said["concept"]["token"] == 3
    for one, hit in zip(said["hits"], hits, strict=True):
        assert (one["photo"], one["concept"], one["score"]) == (hit.concept.photo, hit.concept.id, round(hit.score, 4))
        assert one["source"] == photos[hit.concept.photo].source and one["label"] == photos[hit.concept.photo].label


def test_taught_words_are_told_apart_from_suggested_ones():
    concept, hits, photos = found()
    taught = [(("person", 0.9),), (), ()]
    first, second = hits_table("query.jpg", concept, hits, photos, taught).split("\n")[2:4]
    assert "person (taught)" in first and "(taught)" not in second
    said = json.loads(hits_json("query.jpg", concept, hits, photos, taught))["hits"]
    assert said[0]["taught"] == [["person", 0.9]] and said[1]["taught"] == []


def test_no_hits_are_a_table_of_heads():
    concept, _, _ = found()
    assert len(hits_table("query.jpg", concept, [], {}).split("\n")) == 2
    assert json.loads(hits_json("query.jpg", concept, [], {}))["hits"] == []
