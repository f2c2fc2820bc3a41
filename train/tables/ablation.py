"""STELLAR B/16 with one part of its objective switched off; weights are those of whoever trained them (NAME=FILE)."""

from train.tables.declaration import ADE, IMAGENET, SLIDES, Row, Table, linear, miou
from train.tables.reconstruction import RFID

PARTS = {"a": "reconstruction", "b": "clustering, set and summary alignment", "c": "set and summary alignment",
         "d": "clustering", "e": "summary", "f": "KoLeo"}
TABLE = Table(
    "ablation", "The objective, a part at a time", SLIDES, (RFID, linear(IMAGENET), miou(ADE)),
    (Row("default", "default", "stellar-b16", "mean_concept", {"rfid": 3.14, "imagenet-1k": 73.26, "ade20k": 31.33}),
     *(Row(f"without-{letter}", f"({letter.upper()}) without {part}", None, "mean_concept")
       for letter, part in PARTS.items())))
