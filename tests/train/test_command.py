"""`python -m train`: what it says and how it ends, for whatever a person may mistype or lack."""

import json
import tarfile
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from tests.photo_folders import fill, make_mess
from train import loop
from train.__main__ import main
from train.config import TrainConfig


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(8):
        coarse = np.random.default_rng(i).integers(0, 255, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((48, 48)).save(folder / f"{i}.png")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What `datasets` converts stays out of the home folder, and its threads are not waited for."""
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path.parent / "cache")


def smoke(photos: Path | None, out: Path, *more: str) -> list[str]:
    """Two steps of the smoke recipe, in this process."""
    data = [] if photos is None else ["--data", str(photos)]
    return ["--recipe", "smoke", *data, "--out", str(out), "--steps", "2", "--quiet", "--device", "cpu",
            "--set", "data.num_workers=0", "--set", "batch_size=2", "--set", "save_every=1", *more]


def refused(arguments: list[str], capsys) -> str:
    """What a command says that ends with status 2: one line, no traceback, nothing else."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: ") and len(said.err.splitlines()) == 1, said
    return said.err


# What is shown


def test_show_prints_the_recipe_with_its_settings_and_trains_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "run", lambda *a, **k: pytest.fail("it trained"))
    assert main(["--recipe", "base", "--show", "--data", "photos", "--steps", "7", "--init", "null", "--without",
                 "koleo, reconstruction", "--set", "optimizer.betas=[0.9,0.95]", "--set", "batch_size=3"]) == 0
    shown = TrainConfig.from_json(capsys.readouterr().out)
    assert (shown.data.source, shown.steps, shown.epochs, shown.init) == ("photos", 7, None, None)
    assert set(shown.weights) == {"clustering", "summary_clustering", "set_alignment", "summary_alignment"}
    assert shown.optimizer.betas == (0.9, 0.95) and shown.batch_size == 3
    assert not list(tmp_path.iterdir())


def test_help_tells_the_recipes(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0 and "nano" in capsys.readouterr().out


# What is refused before anything starts


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--recipe", "nanno"], "there is no recipe 'nanno' (did you mean nano?)"),
    (["--recipe", "nano", "--set", "batchsize=3"], "there is no setting 'batchsize' (did you mean batch_size?)"),
    (["--recipe", "nano", "--set", "batch_size"], "'batch_size' is no setting; write name=value"),
    (["--recipe", "nano", "--set", "batch_size=none"], "batch_size must be a whole number, found 'none'"),
    (["--recipe", "nano", "--without", "kooleo"], "--without kooleo: this recipe has no such loss"),
    (["--recipe", "base", "--without", "clustering", "--set", "views.num_masked=0"], "needs masked views"),
    (["--recipe", "nano", "--steps", "0"], "steps must be above 0, found 0"),
])
def test_a_mistyped_command_is_told(arguments, sentence, capsys):
    assert sentence in refused([*arguments, "--show"], capsys)
    assert sentence in refused(arguments, capsys)


def test_an_option_that_is_none_ends_with_status_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--recipe", "nano", "--sett", "a=b", "--lr", "3"])
    assert ended.value.code == 2 and "unrecognized arguments" in capsys.readouterr().err


# What is refused by a run


def test_no_data_is_said(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for data, sentence in ((None, "no data: name a folder"), (tmp_path / "gone", "gone does not exist"),
                           (tmp_path / "empty", "empty holds no photos")):
        assert sentence in refused(smoke(data, tmp_path / f"run{sentence[:4]}"), capsys)


def test_a_run_a_second_one_and_its_resumption(photos, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(smoke(photos, out)) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"weights": str(out / "model.safetensors")}
    assert "holds a run already; --resume goes on with it" in refused(smoke(photos, out), capsys)
    said = refused(smoke(photos, out, "--resume", "--set", "weights.koleo=0.3"), capsys)
    assert "was started with another recipe (weights.koleo was 0.1 and is 0.3)" in said
    assert main(smoke(photos, out, "--resume", "--set", "log_every=1")) == 0


def test_a_folder_with_everything_in_it_trains_and_what_is_left_out_is_told(tmp_path, capsys):
    make_mess(tmp_path / "photos")
    command = smoke(tmp_path / "photos", tmp_path / "run", "--set", "log_every=1")
    command.remove("--quiet")
    assert main(command) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "left out: " in line]
    assert len(told) == 1 and " files and 4 folders left out: " in told[0]
    names = {name for line in (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
             for name in json.loads(line)}
    assert "losses" in names
    assert main([*command, "--resume", "--verbose"]) == 0
    assert "b/gone.jpg: a link to nothing" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["list", "tar", "stream of tar", "saved", "clone", "lists of pictures"])
def test_each_kind_of_source_trains(tmp_path, kind):
    fill(tmp_path, *(f"{number}.png" for number in range(4)))
    data, more = [(tmp_path / f"{number}.png").read_bytes() for number in range(4)], []
    source = {"list": tmp_path / "train.txt", "clone": tmp_path / "clone", "saved": tmp_path / "saved",
              "lists of pictures": tmp_path / "a.parquet"}.get(kind, tmp_path / "a.tar")
    if kind == "list":
        source.write_text("".join(f"{number}.png\n" for number in range(4)))
    elif kind == "saved":
        datasets.Dataset.from_dict({"photo": data}).save_to_disk(source)
    elif kind == "lists of pictures":
        datasets.Dataset.from_dict({"views": [data[:3], data[3:]]}).to_parquet(source)
    elif kind == "clone":
        (source / "data").mkdir(parents=True)
        datasets.Dataset.from_dict({"image": data}).to_parquet(source / "data" / "train-00000-of-00001.parquet")
        datasets.Dataset.from_dict({"image": [b"no"] * 9}).to_parquet(source / "data" / "test-00000-of-00001.parquet")
    else:
        with tarfile.open(source, "w") as tar:
            for number in range(4):
                tar.add(tmp_path / f"{number}.png", f"{number}.png")
        more = ["--set", "data.streaming=true"] if kind == "stream of tar" else []
    assert main(smoke(source, tmp_path / "run", "--set", "data.max_bad_share=0", *more)) == 0


def test_a_split_that_is_not_there_is_refused_with_those_that_are(tmp_path, capsys):
    fill(tmp_path / "photos", "train/a.jpg", "test/b.jpg")
    said = refused(smoke(tmp_path / "photos", tmp_path / "run", "--set", "data.split=nosuch"), capsys)
    assert "it has test, train" in said and "--set data.split=" in said


@pytest.mark.parametrize("left_out", ["reconstruction", "clustering,set_alignment,summary_alignment",
                                      "set_alignment,summary_alignment", "clustering",
                                      "summary_clustering,summary_alignment", "koleo"])
def test_each_ablation_trains(photos, tmp_path, capsys, left_out):
    """(A) to (F) of the paper's slides."""
    assert main(smoke(photos, tmp_path / "run", "--without", left_out, "--set", "log_every=1")) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    found = {name: value for name, value in lines[0]["losses"].items() if name not in left_out.split(",")}
    weights = json.loads((tmp_path / "run" / "recipe.json").read_text())["weights"]
    assert lines[0]["losses"].keys() - {"total"} == weights.keys()
    total = sum(weights[name] * value for name, value in found.items() if name != "total")
    assert found["total"] == pytest.approx(total, rel=1e-4), "what is left out counts for nothing"


def test_a_resumption_without_a_run_is_said(photos, tmp_path, capsys):
    assert "there is no run in" in refused(smoke(photos, tmp_path / "run", "--resume"), capsys)
    assert not (tmp_path / "run").exists()


def test_what_a_run_starts_from_and_learns_of_is_asked_for(photos, tmp_path, capsys):
    for settings, sentence in (
        (["--init", str(tmp_path / "gone.safetensors")], "gone.safetensors"),
        (["--set", "model.decoder.num_codes=8"], "the decoder predicts codes, so it needs a tokenizer"),
        (["--set", "weights.distillation=1", "--set", 'teachers=[{"name":"vit_of_mine"}]'], "timm has no model"),
        (["--set", "weights.distillation=1", "--set", 'teachers=[{"name":"test_vit","weights":"gone"}]'],
         "gone cannot be read"),
    ):
        assert sentence in refused(smoke(photos, tmp_path / sentence[:9], *settings), capsys)


def test_a_folder_that_cannot_be_written_is_said(photos, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    refused(smoke(photos, tmp_path / "file" / "run"), capsys)


def test_a_device_too_small_and_an_interruption_are_said(photos, tmp_path, capsys, monkeypatch):
    def too_small(*arguments, **settings):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMuch more.")

    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "run", too_small)
    said = refused(smoke(photos, tmp_path / "run"), capsys)
    assert "memory is too small (CUDA out of memory. Tried to allocate 2 GiB.); lower batch_size, now 2" in said
    monkeypatch.setattr(loop, "run", interrupted)
    assert "interrupted" in refused(smoke(photos, tmp_path / "run"), capsys)


def test_only_the_first_process_tells_where_the_weights_are(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(loop, "run", lambda config, out, **settings: out / "model.safetensors")
    monkeypatch.setenv("RANK", "1")
    assert main(smoke(photos, tmp_path / "run")) == 0 and capsys.readouterr().out == ""


def test_a_start_that_failed_leaves_no_run_behind(photos, tmp_path, capsys):
    """A mistyped --data must not make the next, right command fail with "holds a run already"."""
    refused(smoke(tmp_path / "gone", tmp_path / "run"), capsys)
    refused(smoke(photos, tmp_path / "run", "--set", "model.decoder.num_codes=8"), capsys)
    assert main(smoke(photos, tmp_path / "run")) == 0
