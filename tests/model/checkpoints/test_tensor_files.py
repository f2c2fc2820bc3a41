"""Shards are one checkpoint, and what lies in a file's place is told what it is in the same words by every reader."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from index.names import naming
from model.backbones import Backbone, BackboneError
from model.baselines.mae import Mae
from model.baselines.titok import TiTok
from model.checkpoints import tensor_files
from model.checkpoints.identity import concepts_sha256
from model.checkpoints.tensor_files import CheckpointError, TensorFile, read_all, weights_sha256
from model.config import StellarConfig
from model.stellar import Stellar
from model.tokenizer import Tokenizer
from stellar_explorer.models.checkpoint_facts import checkpoint_facts
from stellar_explorer.models.library import Library
from train.config import TrainConfig
from train.starts import start
from train.subjects import BaselineSubject, StellarSubject

ROOT = Path(__file__).resolve().parents[3]
POINTER = ("version https://git-lfs.github.com/spec/v1\n"
           "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 346000000\n")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("whole") / "model.safetensors"
    Stellar(StellarConfig(width=32, depth=2, num_heads=2, mlp_width=48, native_size=32, num_tokens=4)).save(path)
    return path


def sharded(whole: Path, folder: Path, suffix: str = ".safetensors") -> Path:
    """The same weights in three shards; returns the index."""
    folder.mkdir(exist_ok=True)
    file = TensorFile(whole)
    tensors = file.read(file.shapes)
    stem = "model" if suffix == ".safetensors" else "pytorch_model"
    weight_map = {name: f"{stem}-0000{i % 3 + 1}-of-00003{suffix}" for i, name in enumerate(tensors)}
    for shard in set(weight_map.values()):
        part = {name: tensor for name, tensor in tensors.items() if weight_map[name] == shard}
        if suffix == ".safetensors":
            save_file(part, folder / shard, metadata=file.metadata)
        else:
            torch.save(part, folder / shard)
    index = folder / f"{stem}{suffix}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    return index


def refused(source: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Stellar.load(source, device="cpu")
    sentence = str(caught.value)
    assert "\n" not in sentence and str(source) in sentence
    return sentence


# Shards


def test_shards_are_the_checkpoint_that_they_are_of(whole, tmp_path):
    index = sharded(whole, tmp_path / "large")
    one = Stellar.load(whole, device="cpu", dtype="float32").state_dict()
    for source in (index, index.parent, index.parent / "model-00002-of-00003.safetensors"):
        found = Stellar.load(source, device="cpu", dtype="float32").state_dict()
        assert found.keys() == one.keys() and all(torch.equal(found[name], one[name]) for name in one)
        assert concepts_sha256(source) == concepts_sha256(whole)
    assert checkpoint_facts(index, str(index))["line"] == checkpoint_facts(whole, str(whole))["line"]
    assert "in 3 files of" in json.dumps(checkpoint_facts(index, str(index)))
    for source in (index, index.parent):
        subject = StellarSubject.open(str(source), device="cpu")
        assert (subject.name, subject.sha256) == ("large", weights_sha256(index))


def test_shards_of_a_pickle_are_read_too(whole, tmp_path):
    index = sharded(whole, tmp_path / "large", ".bin")
    one, found = read_all(whole), read_all(index.parent)
    assert found.keys() == one.keys() and all(torch.equal(found[name], one[name]) for name in one)


def test_a_shard_that_changes_makes_another_model(whole, tmp_path):
    index = sharded(whole, tmp_path / "large")
    before = concepts_sha256(index), weights_sha256(index)
    shard = index.parent / "model-00001-of-00003.safetensors"
    save_file({name: tensor + 1 for name, tensor in read_all_of(shard).items()}, shard,
              metadata=TensorFile(whole).metadata)
    assert concepts_sha256(index) != before[0] and weights_sha256(index) != before[1]


def read_all_of(shard: Path) -> dict[str, torch.Tensor]:
    file = TensorFile(shard)
    return file.read(file.shapes)


def test_shards_are_strict_still(whole, tmp_path):
    index = sharded(whole, tmp_path / "large")
    content = json.loads(index.read_text())
    save_file({**read_all_of(index.parent / "model-00001-of-00003.safetensors"), "adapter": torch.zeros(1)},
              index.parent / "model-00001-of-00003.safetensors")
    assert "has what this architecture does not: adapter" in refused(index)
    content["weight_map"] = {name: shard for name, shard in content["weight_map"].items() if "00003-of" not in shard}
    index.write_text(json.dumps(content))
    assert "lacks" in refused(index)


def test_missing_shards_are_named(whole, tmp_path):
    index = sharded(whole, tmp_path / "large")
    (index.parent / "model-00002-of-00003.safetensors").unlink()
    assert "names 3 shards, and model-00002-of-00003.safetensors is missing beside it" in refused(index)
    assert "model-00002-of-00003.safetensors is missing" in refused(index.parent)
    index.unlink()
    assert "holds shards without their index, model.safetensors.index.json" in refused(index.parent)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"weight_map": {}}', '{"weight_map": [1]}',
                                     '{"weight_map": {"a": 3}}', '{"weight_map": {"a": {"b": 1}}}', "[" * 100_000,
                                     '{"weight_map": {"a": "../outside.safetensors"}}',
                                     '{"weight_map": {"a": "/outside.safetensors"}}', '{"weight_map": {"a": "x.py"}}'])
def test_an_index_that_is_none_is_named(content, whole, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "outside.safetensors").write_bytes(whole.read_bytes())
    index = tmp_path / "folder" / "model.safetensors.index.json"
    index.write_text(content)
    assert refused(index) == refused_folder(index)


def refused_folder(index: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Stellar.load(index.parent, device="cpu")
    return str(caught.value)


# What lies in a file's place


@pytest.mark.parametrize("suffix", [".safetensors", ".bin", ".pth"])
@pytest.mark.parametrize(("content", "sentence"), [
    (POINTER, "is a Git LFS pointer, a few words in place of the file itself (346.0 MB); fetch it: git lfs pull"),
    ("<!DOCTYPE html>\n<html><body>Sign in</body></html>", "is a web page that was saved under this name"),
    ("\ufeff \n<HTML>", "is a web page"),
    ('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "is a web page"),
    ("", "is empty; copy or download it again"),
])
def test_what_is_no_file_of_weights_is_told_what_it_is(suffix, content, sentence, tmp_path):
    path = tmp_path / f"model{suffix}"
    path.write_text(content, encoding="utf-8")
    assert sentence in refused(path)


def test_a_shard_or_an_index_may_be_a_pointer(whole, tmp_path):
    index = sharded(whole, tmp_path / "large")
    shard = index.parent / "model-00003-of-00003.safetensors"
    shard.write_text(POINTER)
    with pytest.raises(CheckpointError, match=f"{shard} is a Git LFS pointer"):
        Stellar.load(index, device="cpu")
    index.write_text(POINTER)
    assert "is a Git LFS pointer" in refused(index)


def test_a_file_cut_short_says_how_much_is_missing(whole, tmp_path):
    content = whole.read_bytes()
    path = tmp_path / "model.safetensors"
    path.write_bytes(content[:-1])
    assert f"is cut short: it has {len(content) - 1:,} of its {len(content):,} bytes; copy or download" in refused(path)


def test_a_folder_of_nothing_and_a_file_that_may_not_be_read(whole, tmp_path, monkeypatch):
    assert "must hold model.safetensors, an index of shards or one checkpoint, found none" in refused(tmp_path)

    def forbidden(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tensor_files, "refuse_no_weights", forbidden)
    assert refused(whole).endswith("cannot be read: Permission denied")


def training(**changes) -> TrainConfig:
    return TrainConfig(recipe="smoke", weights={"koleo": 1.0}, steps=1, **changes)


def hybrid(path: Path) -> Stellar:
    model = StellarConfig(width=32, depth=2, num_heads=2, mlp_width=48, native_size=32, stem="tf_efficientnet_lite0")
    return start(training(model=model, stem_weights=str(path)))


DOORS = {
    "a model": lambda path: Stellar.load(path, device="cpu"),
    "a tokenizer": lambda path: Tokenizer.load(path),
    "a TiTok": TiTok.load,
    "a MAE": Mae.load,
    "a MAE of transformers": lambda path: Mae.load(path.parent),
    "its identity": concepts_sha256,
    "its facts": lambda path: checkpoint_facts(path, str(path)),
    "a teacher": lambda path: Backbone("test_vit", weights=path),
    "a start": lambda path: start(training(init=str(path))),
    "a stem": hybrid,
    "an evaluation": lambda path: StellarSubject.open(str(path), device="cpu"),
    "a baseline's evaluation": lambda path: BaselineSubject.open(f"titok={path}", device="cpu"),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_reader_says_the_same(door, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text(POINTER)
    (tmp_path / "config.json").write_text('{"model_type": "vit_mae"}')
    with pytest.raises(ValueError, match=f"{path} is a Git LFS pointer.*git lfs pull"):
        DOORS[door](path if "transformers" in door or "MAE" not in door else path)


def test_names_are_made_from_weights_alone(tmp_path, capsys):
    path = tmp_path / "lite0.safetensors"
    path.write_text(POINTER)
    assert naming.main([str(path), "--out", str(tmp_path / "names.npz")]) == 2
    assert f"{path} is a Git LFS pointer" in capsys.readouterr().err


def test_the_models_tab_knows_a_folder_of_shards(whole, tmp_path):
    index = sharded(whole, tmp_path / "large")
    for source in (index, index.parent):
        library = Library(models=[str(source)], assets=tmp_path / "none", runs=None)
        entry = next(entry for entry in library.overview()["entries"] if entry["name"] == "large")
        assert "4 concepts" in entry["line"]
    (index.parent / "model-00001-of-00003.safetensors").write_text(POINTER)
    library = Library(models=[str(index.parent)], assets=tmp_path / "none", runs=None)
    [entry] = [entry for entry in library.overview()["entries"] if entry["name"] == "large"]
    assert any("is a Git LFS pointer" in problem for problem in library.record(entry["key"])["problems"])


def test_a_teacher_may_be_a_pickle_with_its_wrappers(tmp_path):
    """What timm's training script leaves."""
    import timm

    torch.manual_seed(0)
    state = timm.create_model("test_vit").state_dict()
    save_file(state, tmp_path / "vit.safetensors")
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, tmp_path / "vit.pth.tar")
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, tmp_path / "vit.pth")
    photo = torch.rand(1, 3, 64, 64)
    one = Backbone("test_vit", weights=tmp_path / "vit.safetensors").features(photo)
    for name in ("vit.pth", "vit.pth.tar"):
        assert torch.equal(Backbone("test_vit", weights=tmp_path / name).features(photo), one)
    torch.save({"state_dict": {}}, tmp_path / "vit.pth")
    with pytest.raises(BackboneError, match=r"vit\.pth holds a dict, not named tensors"):
        Backbone("test_vit", weights=tmp_path / "vit.pth")


@pytest.mark.parametrize("python", [[], ["-O"]])
def test_a_command_says_it_in_a_line(python, tmp_path):
    """Also where Python leaves asserts out."""
    path = tmp_path / "model.safetensors"
    path.write_text(POINTER)
    photo = next((ROOT / "assets" / "examples").glob("*.jpg"))
    for command in (["stellar_explorer", "localize", str(photo), "--out", str(tmp_path / "out"), "--model", str(path)],
                    ["train", "--recipe", "smoke", "--init", str(path), "--data", str(photo.parent), "--out",
                     str(tmp_path / "run"), "--device", "cpu"]):
        said = subprocess.run([sys.executable, *python, "-m", *command], cwd=ROOT, capture_output=True, text=True,
                              timeout=120)
        # Before it, what of the folder is no photo.
        lines = [line for line in said.stderr.splitlines() if "left out" not in line]
        assert said.returncode == 2 and said.stdout == "" and len(lines) == 1, said
        assert f"{path} is a Git LFS pointer" in said.stderr
