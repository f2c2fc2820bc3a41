"""The slides' tables: measured cell by cell, kept, taken up, and set beside the published figures."""

import importlib
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from model.peers.table import PEERS
from tests.train.evaluators.test_evaluate_command import run, world  # noqa: F401  the small world of checkpoints and photos
from train import evaluate
from train.evaluate import PROTOCOLS
from train.evaluators.opening import open_set
from train.tables.run import TABLES

COMMON = ("--resolution", 64, "--device", "cpu")


def cells_of(path) -> dict:
    return json.loads(path.read_text())["cells"]


@pytest.mark.parametrize("name", TABLES)
def test_what_a_table_declares_is_there(name):
    table = importlib.import_module(f"train.tables.{name}").TABLE
    assert table.name == name and len({row.name for row in table.rows}) == len(table.rows)
    columns = {column.name for column in table.columns}
    assert len(columns) == len(table.columns)
    for column in table.columns:
        assert column.measure.format(read="mean_concept") in PROTOCOLS[column.protocol].measures
    for row in table.rows:
        assert row.model is None or row.model in PEERS
        assert set(row.published) <= columns
        assert f"linear_probe/{row.read}" in PROTOCOLS["linear_probe"].measures


def test_the_figures_of_the_slides_stand_where_they_were_read():
    figures = {name: {row.name: row.published for row in importlib.import_module(f"train.tables.{name}").TABLE.rows}
               for name in TABLES}
    assert figures["ablation"]["default"] == {"rfid": 3.14, "imagenet-1k": 73.26, "ade20k": 31.33}
    assert figures["reconstruction"]["stellar-h16"]["rfid"] == 2.60
    assert figures["downstream"]["stellar-h16"]["imagenet-1k"] == 79.10
    assert not any(figures["invariance"].values()) and not figures["ablation"]["without-a"]


def test_a_table_stands_beside_what_is_published(world, capsys, tmp_path):  # noqa: F811
    out = tmp_path / "cells.json"
    status, text, _ = run(
        capsys, "--table", "downstream", f"stellar-b16={world / 'tiny.safetensors'}",
        f"mine={world / 'tiny.safetensors'}", "--rows",
        "stellar-b16,mocov3-b16,mine",
        "--data", f"imagenet-1k={world / 'classes'}", "--data", f"ade20k={world / 'outlines'}", "--out", out, *COMMON)
    assert status == 0
    heads, _, first, second, third = text.splitlines()[:5]
    assert heads.split(" | ")[:4] == ["| system", "ImageNet-1k top-1 (%)", "published", "difference"]
    rows = {line.split(" | ")[0]: line for line in (first, second, third)}
    cells = cells_of(out)
    ours, published, difference = (float(value) for value in rows["| STELLAR b16"].split(" | ")[1:4])
    assert published == 73.26 and difference == pytest.approx(ours - 73.26, abs=0.011)
    assert cells["stellar-b16"]["imagenet-1k"]["value"] * 100 == pytest.approx(ours, abs=0.01)
    assert cells["mine"]["ade20k"]["value"] == cells["stellar-b16"]["ade20k"]["value"]
    assert "are on no hub" in cells["mocov3-b16"]["imagenet-1k"]["failed"] and "MoCo v3: the weights of" in text
    assert "On imagenet-1k: classes (8 photos)." in text and str(world) not in text
    assert not list(tmp_path.glob(".*.part"))


def test_features_are_had_once_a_model_and_data_set(world, capsys, tmp_path, monkeypatch):  # noqa: F811
    """Linear probe and k-NN of one set look at each photo once, and a second run at none."""
    passed = []
    pool = evaluate.pool_photos
    monkeypatch.setattr(evaluate, "pool_photos", lambda subject, photos, **options: (
        passed.append((subject.name, photos.root.name)), pool(subject, photos, **options))[1])
    arguments = ["--table", "downstream", "--rows", "mine,resnet10t", f"mine={world / 'tiny.safetensors'}", "--peer",
                 f"resnet10t={world / 'resnet.safetensors'}", "--data", f"imagenet-1k={world / 'classes'}",
                 "--data", f"pets={world / 'classes'}", "--out", tmp_path / "cells.json", *COMMON]
    assert run(capsys, *arguments)[0] == 0
    assert passed == [("mine", "classes"), ("mine", "classes"), ("resnet10t", "classes"), ("resnet10t", "classes")]
    assert set(cells_of(tmp_path / "cells.json")["mine"]) == {"imagenet-1k", "imagenet-1k-knn", "pets"}
    table = run(capsys, *arguments)[1]
    assert len(passed) == 4 and "resnet10t" in table


def test_a_cell_that_fails_is_told_and_the_next_goes_on(world, capsys, tmp_path, monkeypatch):  # noqa: F811
    out, kept = tmp_path / "cells.json", dict(PROTOCOLS)
    arguments = ["--table", "downstream", "--rows", "mine", f"mine={world / 'tiny.safetensors'}", "--data",
                 f"imagenet-1k={world / 'classes'}", "--data", f"ade20k={world / 'outlines'}", "--out", out, *COMMON]

    def broken(*given, **options):
        raise RuntimeError("a device without memory")
        yield

    monkeypatch.setitem(PROTOCOLS, "linear_probe", PROTOCOLS["linear_probe"].__class__(
        broken, "", kept["linear_probe"].measures, "classes", 224))
    status, text, _ = run(capsys, *arguments)
    cells = cells_of(out)["mine"]
    assert status == 0 and cells["imagenet-1k"]["failed"] == "a device without memory"
    assert "mine: a device without memory (ImageNet-1k top-1 (%))." in text and "value" in cells["ade20k"]
    monkeypatch.setitem(PROTOCOLS, "linear_probe", kept["linear_probe"])
    run(capsys, *arguments)
    assert "value" in cells_of(out)["mine"]["imagenet-1k"], "what failed is tried again"
    assert cells_of(out)["mine"]["ade20k"] == cells["ade20k"], "what is finished is not"


def test_a_killed_run_is_gone_on_with(world, capsys, tmp_path):  # noqa: F811
    out = tmp_path / "cells.json"
    arguments = ["--table", "downstream", "--rows", "a,b", f"a={world / 'tiny.safetensors'}",
                 f"b={world / 'tiny.safetensors'}", "--data", f"imagenet-1k={world / 'classes'}",
                 "--data", f"ade20k={world / 'outlines'}", "--out", out, "--cache", tmp_path, *COMMON]
    running = subprocess.Popen([sys.executable, "-m", "train.evaluate", *map(str, arguments)],
                               cwd=Path(__file__).resolve().parent.parent.parent, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        while not out.exists() and running.poll() is None:
            time.sleep(0.01)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    kept = cells_of(out)
    assert kept["a"], "a finished cell is on the disk, and the file is whole"
    status, text, _ = run(capsys, *arguments)
    cells = cells_of(out)
    assert all(cells[row][column] == cell for row, some in kept.items() for column, cell in some.items())
    assert status == 0 and set(cells["b"]) == {"imagenet-1k", "imagenet-1k-knn", "ade20k"} and "| b |" in text


# Parquet in the place of a folder


def write_parquet(world, path, *, rows_a_group: int = 3) -> Path:  # noqa: F811
    """The photos of both classes with their labels, and masks of a 1 in the left half and a 2 in the right."""
    rows = {"image": [], "label": [], "annotation": []}
    for label, name in enumerate(("cat", "dog")):
        for file in sorted((world / "classes" / name).iterdir()):
            values = np.zeros((64, 80), np.uint8)
            values[8:, :40], values[:, 40:] = 1, 2
            mask = io.BytesIO()
            Image.fromarray(values).save(mask, "PNG")
            rows["image"].append({"bytes": file.read_bytes(), "path": file.name})
            rows["label"].append(label)
            rows["annotation"].append({"bytes": mask.getvalue(), "path": None})
    table = pa.table(rows)
    names = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(names)}), path, row_group_size=rows_a_group)
    return path


def test_parquet_gives_what_its_photos_give_in_a_folder(world, capsys, tmp_path):  # noqa: F811
    file = write_parquet(world, tmp_path / "data.parquet")
    values = []
    for place in (world / "classes", file):
        out = tmp_path / f"{place.name}.json"
        assert run(capsys, "--table", "downstream", "--rows", "mine", f"mine={world / 'tiny.safetensors'}",
                   "--data", f"imagenet-1k={place}", "--out", out, *COMMON)[0] == 0
        values.append({name: cell["value"] for name, cell in cells_of(out)["mine"].items()})
    assert values[0] == values[1]


def test_masks_and_classes_of_parquet(world, tmp_path):  # noqa: F811
    write_parquet(world, tmp_path / "a.parquet")
    photos = open_set(tmp_path)
    assert photos.class_names == ["cat", "dog"] and photos.labels == [0] * 4 + [1] * 4 and len(photos) == 8
    areas = photos.outlines(5)
    assert [area.label for area in areas] == ["1", "2"] and areas[1].mask(16)[:, 8:].all()
    assert not areas[1].mask(16)[:, :8].any() and not areas[0].mask(16)[:2].any() and areas[0].mask(16)[2:, :8].all()
    some = open_set(tmp_path, limit=4)
    assert [some.row(index) for index in range(len(some))] == [0, 1, 4, 5] and some.labels == [0, 0, 1, 1]
    assert torch.equal(some.read(3), photos.read(5))


def test_segmentation_from_masks(world, capsys, tmp_path):  # noqa: F811
    file = write_parquet(world, tmp_path / "data.parquet")
    status, text, _ = run(capsys, "--table", "downstream", "--rows", "mine", f"mine={world / 'tiny.safetensors'}",
                          "--data", f"ade20k={file}", "--out", tmp_path / "cells.json", *COMMON)
    assert status == 0 and 0 < cells_of(tmp_path / "cells.json")["mine"]["ade20k"]["value"] <= 1, text


def test_parquet_without_what_is_needed(world, capsys, tmp_path):  # noqa: F811
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), tmp_path / "words.parquet")
    pq.write_table(pa.table({"image": [b"x", b"y"]}), tmp_path / "plain.parquet")
    (tmp_path / "half.parquet").write_bytes(write_parquet(world, tmp_path / "data.parquet").read_bytes()[:2000])
    for name, column, sentence in (("words", "pets", "has no column of photos (it has text, label)"),
                                   ("half", "pets", "cannot be read as Parquet"),
                                   ("plain", "pets", "has no classes (it has the columns image; --label-column "),
                                   ("plain", "ade20k", "has no outlines (it has the columns image; --mask-column ")):
        status, _, err = run(capsys, "--table", "downstream", "--data", f"{column}={tmp_path / name}.parquet")
        assert status == 2 and sentence in err and err.count("\n") == 1
    assert open_set(tmp_path / "plain.parquet").read(0) is None, "a cell that is no photo is left out"


# What a person can mend


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--table", "beauty"], "there is no table 'beauty'; choose from downstream"),
    (["--table", "tokens"], "the table tokens has no data here; give --data imagenet-1k=FOLDER, or --data imagenet-1k "
     "to fetch it. It would fetch imagenet-1k from ILSVRC/imagenet-1k (validation; columns image, label; gated); "),
    (["--table", "tokens", "--data", "pets={root}/classes"], "names no data set of the table tokens"),
    (["--table", "downstream", "--data", "ade20k={root}/classes"],
     "--data ade20k: {root}/classes has no outlines; segmentation needs"),
    (["--table", "downstream", "--data", "pets={root}/outlines"],
     "--data pets: {root}/outlines has no classes; linear_probe needs"),
    (["--table", "tokens", "--data", "imagenet-1k={root}/classes", "--rows", "nine"], "has no row 'nine'"),
    (["--table", "tokens", "--data", "imagenet-1k={root}/classes", "--protocol", "knn"], "do not go together"),
    (["--rows", "a", "--data", "{root}/classes", "{root}/tiny.safetensors"], "--rows are a table's"),
    (["{root}/tiny.safetensors"], "there are no photos; give --data FOLDER"),
])
def test_what_a_person_can_mend(world, capsys, arguments, sentence):  # noqa: F811
    status, _, err = run(capsys, *[text.format(root=world) for text in arguments])
    assert status == 2 and sentence.format(root=world) in err and err.count("\n") == 1


def test_finished_cells_of_another_run_are_not_mixed(world, capsys, tmp_path):  # noqa: F811
    out = tmp_path / "cells.json"
    arguments = ["--table", "downstream", "--rows", "mine", f"mine={world / 'tiny.safetensors'}", "--data",
                 f"pets={world / 'classes'}", "--out", out, *COMMON]
    assert run(capsys, *arguments)[0] == 0
    before = out.read_text()
    other = ["--table", "tokens", "--data", f"imagenet-1k={world / 'classes'}", "--out", out, *COMMON]
    for chosen, sentence in (([*arguments, "--limit", 4], "was begun with --limit None, not 4"),
                             ([*arguments, "--seed", 1], "was begun with --seed 0, not 1"),
                             (other, "has the cells of the table downstream, not of tokens")):
        status, _, err = run(capsys, *chosen)
        assert status == 2 and sentence in err and out.read_text() == before
    out.write_text("{}")
    assert "holds no finished cells" in run(capsys, *arguments)[2]


# Data sets of `datasets`


def test_a_saved_data_set_and_a_stream_give_what_parquet_gives(world, capsys, tmp_path, monkeypatch):  # noqa: F811
    import datasets

    file = write_parquet(world, tmp_path / "data.parquet")
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    made = datasets.Dataset(pa.table(pq.read_table(file)))
    made.save_to_disk(tmp_path / "saved")
    monkeypatch.setattr(datasets, "load_dataset", lambda path, **options: made.to_iterable_dataset())
    values = []
    for place, more in ((file, []), (tmp_path / "saved", []), ("owner/name", ["--streaming"])):
        out = tmp_path / f"{Path(place).name}.json"
        status, text, err = run(
            capsys, "--table", "downstream", "--rows", "mine", f"mine={world / 'tiny.safetensors'}", "--data",
            f"pets={place}", "--data", f"ade20k={place}", "--out", out, "--cache", tmp_path, *more, *COMMON)
        assert status == 0, err
        values.append({name: cell["value"] for name, cell in cells_of(out)["mine"].items()})
    assert values[0] == values[1] == values[2] and set(values[0]) == {"pets", "ade20k"}
    assert "On pets: owner/name test (8 photos; columns image, label, annotation)." in text
    assert not list(tmp_path.glob("stellar-features-*"))
    before = out.read_text()
    status, _, err = run(
        capsys, "--table", "downstream", "--rows", "mine", f"mine={world / 'tiny.safetensors'}", "--split",
        "validation", "--data", "pets=owner/name", "--out", out, "--streaming", *COMMON)
    assert status == 2 and "was begun with --data pets owner/name test (8 photos" in err and err.count("\n") == 1
    assert out.read_text() == before, "what is finished stays"


def test_a_cache_that_is_not_there(world, capsys, tmp_path):  # noqa: F811
    status, _, err = run(capsys, world / "tiny.safetensors", "--data", world / "classes", "--cache", tmp_path / "none")
    assert status == 2 and "the folder of --cache" in err and err.count("\n") == 1
