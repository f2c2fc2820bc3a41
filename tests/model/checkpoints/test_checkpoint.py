"""Every layout loads alike, ours is saved whole, and whatever is wrong with a file is said with its name."""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import timm
import torch
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from model.checkpoints import checkpoint, writing
from model.checkpoints.checkpoint import CONFIG_KEY, PUBLISHED, CheckpointError
from model.config import DecoderConfig, StellarConfig, TokenizerConfig
from model.stellar import Stellar
from tests.weights import reference_state

ROOT = Path(__file__).resolve().parents[3]
SHAPES = json.loads((Path(__file__).resolve().parents[2] / "parity" / "encoder_p16.json").read_text())
HEADS = {"num_heads": 4, "decoder_num_heads": 4}
NARROW_TOKENIZER = TokenizerConfig(hidden_channels=32, channel_multipliers=(1, 1), num_res_blocks=1, code_width=16,
                                   num_codes=24)


def load(source, **options) -> Stellar:
    return Stellar.load(source, device="cpu", **{"dtype": "float32", **options})


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    """A whole checkpoint in the reference's layout; never changed in place."""
    return reference_state(SHAPES)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def answer(published, images, tmp_path_factory):
    path = tmp_path_factory.mktemp("answer") / "published.safetensors"
    save_file(published, path)
    return load(path, **HEADS).factorize(images)


def alike(stellar: Stellar, images: torch.Tensor, answer) -> None:
    found = stellar.factorize(images)
    for name in ("semantics", "localization", "patch_features", "summary"):
        assert torch.equal(getattr(found, name), getattr(answer, name)), name


def refusal(source, **options) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(source, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


# --- layouts --------------------------------------------------------------------------------------------------------

TRANSFORMERS_5 = [("encoder.encoder.layer.", "encoder.layers."), ("decoder.encoder.layer.", "decoder.layers."),
                  (".attention.attention.query.", ".attention.q_proj."),
                  (".attention.attention.key.", ".attention.k_proj."),
                  (".attention.attention.value.", ".attention.v_proj."),
                  (".attention.output.dense.", ".attention.o_proj."), (".intermediate.dense.", ".mlp.fc1."),
                  (".output.dense.", ".mlp.fc2.")]


def renamed(name: str) -> str:
    for before, after in TRANSFORMERS_5:
        name = name.replace(before, after)
    return name


def transformers_5(state):
    return {renamed(name): tensor for name, tensor in state.items()}


def prefixed(state):
    return {f"model.{name}": tensor for name, tensor in state.items()}


def wrapped(*prefixes: str):
    return lambda state: {"".join(prefixes) + name: tensor for name, tensor in state.items()}


def compiled_encoder(state):
    """torch.compile and DDP round a part of the model alone."""
    inner = {"encoder.layer.": "encoder.layer._orig_mod.", "dense_proj.": "dense_proj.module."}
    for before, after in inner.items():
        state = {name.replace(before, after): tensor for name, tensor in state.items()}
    return state


def without(*beginnings: str):
    return lambda state: {name: tensor for name, tensor in state.items() if not name.startswith(beginnings)}


def with_teacher(state):
    return state | {f"teacher_{name}": tensor + 1 for name, tensor in state.items()}


DECODER = ("decoder.", "decoder_proj.", "position_embedding.", "reconstruction_head.")
LAYOUTS = {
    "as published": dict,
    "transformers 5 names": transformers_5,
    "a model. prefix": prefixed,
    "transformers 5 names, prefixed": lambda state: prefixed(transformers_5(state)),
    "DDP": wrapped("module."),
    "compiled": wrapped("_orig_mod."),
    "compiled, then DDP": wrapped("module.", "_orig_mod."),
    "DDP, then compiled": wrapped("_orig_mod.", "module."),
    "a Lightning module, compiled, DDP twice": wrapped("module.", "module.", "model.", "_orig_mod."),
    "a Lightning module's DDP": wrapped("model.", "module."),
    "FSDP with activation checkpoints": wrapped("_fsdp_wrapped_module.", "_checkpoint_wrapped_module."),
    "parts compiled and in DDP": compiled_encoder,
    "a moving average's, with its count": lambda state: wrapped("module.")(state) | {"n_averaged": torch.tensor(7)},
    "teacher copies": with_teacher,
    "a Lightning module with its teacher": lambda state: prefixed(with_teacher(state)),
    "no training heads": without("clustering_head.", "cls_cluster_head."),
    "no unused modules": without("encoder.pooler.", "decoder.pooler.", "decoder.embeddings."),
    "no decoder": without(*DECODER),
    "a decoder without its head": without("reconstruction_head."),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_loads_alike(layout, published, images, answer, tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file(LAYOUTS[layout](published), path)
    stellar = load(path, **HEADS)
    alike(stellar, images, answer)
    assert (stellar.decoder is None) == ("decoder" in layout) and stellar.tokenizer is None


@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".pt"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_pickle_loads_alike(suffix, nested, zipped, published, images, answer, tmp_path):
    path = tmp_path / f"foreign{suffix}"
    content = {"state_dict": prefixed(published), "epoch": 3, "hyper_parameters": {"lr": 1e-4}} if nested else published
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    alike(load(path, **HEADS), images, answer)


SCRIPTS = {  # what training scripts save, and which of two weights is taken
    "model": lambda good, other: {"model": good, "optimizer": {"state": {}}, "epoch": 3},
    "model_state_dict": lambda good, other: {"model_state_dict": good, "loss": torch.tensor(0.5)},
    "a module inside": lambda good, other: {"module": {"state_dict": wrapped("module.")(good)}},
    "a moving average before the model": lambda good, other: {"model": other, "ema": good},
    "an EMA by timm": lambda good, other: {"state_dict": other, "state_dict_ema": wrapped("module.")(good)},
    "an average's settings are no weights": lambda good, other: {"ema": {"decay": torch.tensor(0.9)}, "model": good},
    "an empty average": lambda good, other: {"model_ema": {}, "state_dict": good},
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_training_script_saves_loads_alike(script, published, images, answer, tmp_path):
    other = {name: tensor + 1 for name, tensor in published.items()}
    torch.save(SCRIPTS[script](published, other), tmp_path / "last.pth")
    alike(load(tmp_path / "last.pth", **HEADS), images, answer)


def test_two_models_in_one_file_are_not_mixed(published, tmp_path):
    save_file(published | wrapped("module.")({"sparse_tokens": torch.zeros(16, 96)}), tmp_path / "two.safetensors")
    assert "holds sparse_tokens twice, as module.sparse_tokens and as sparse_tokens" in refusal(
        tmp_path / "two.safetensors", **HEADS)


def test_a_pickle_that_holds_itself_is_no_checkpoint(tmp_path):
    content = {}
    content["model"] = content
    torch.save(content, tmp_path / "loop.pt")
    assert "loop.pt holds a dict, not named tensors" in refusal(tmp_path / "loop.pt")


def test_transformers_5_names_are_the_installed_ones():
    from transformers import ViTConfig, ViTModel

    tiny = ViTModel(ViTConfig(hidden_size=96, num_hidden_layers=3, num_attention_heads=4, intermediate_size=192,
                              image_size=64), add_pooling_layer=True)
    ours = {renamed(name) for name in SHAPES if name.startswith("encoder.")}
    assert {f"encoder.{name}" for name in tiny.state_dict()} == ours


def test_a_folder_is_its_checkpoint(published, images, answer, tmp_path):
    save_file(published, tmp_path / "some.safetensors")
    (tmp_path / "README.md").write_text("a card")
    alike(load(tmp_path, **HEADS), images, answer)
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    assert "found other.safetensors, some.safetensors" in refusal(tmp_path)
    os.rename(tmp_path / "some.safetensors", tmp_path / "model.safetensors")
    alike(load(tmp_path, **HEADS), images, answer)
    (tmp_path / "empty").mkdir()
    assert "found none" in refusal(tmp_path / "empty")


def test_a_folder_called_nano_does_not_hide_nano(tmp_path, monkeypatch):
    (tmp_path / "nano").mkdir()
    monkeypatch.chdir(tmp_path)
    assert checkpoint.resolve("nano") == checkpoint.SHIPPED["nano"]


# --- heads ----------------------------------------------------------------------------------------------------------


def test_heads_are_told_for_foreign_files_and_remembered_in_ours(published, images, answer, tmp_path):
    foreign, ours = tmp_path / "foreign.safetensors", tmp_path / "ours.safetensors"
    save_file(published, foreign)
    assert load(foreign).config.num_heads == 1  # 96 / 64
    assert not torch.equal(load(foreign).factorize(images).semantics, answer.semantics)
    load(foreign, **HEADS).save(ours)
    stellar = load(ours)
    assert (stellar.config.num_heads, stellar.config.decoder.num_heads) == (4, 4)
    alike(stellar, images, answer)


@pytest.mark.parametrize("argument", ["num_heads", "decoder_num_heads"])
@pytest.mark.parametrize("count", [5, -4])
def test_heads_that_do_not_divide_the_width_are_refused(argument, count, published, tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file(published, path)
    sentence = refusal(path, **{argument: count})
    assert "foreign.safetensors" in sentence and f"{argument}=" in sentence


@pytest.mark.parametrize(("width", "mlp_width"), [(112, 976), (96, 193), (768, 3072), (64, 1)])
def test_the_mlp_is_as_wide_as_its_tensors(width, mlp_width):
    config = StellarConfig(width=width, depth=1, num_heads=1, mlp_width=mlp_width, native_size=32)
    assert Stellar(config).encoder.blocks[0].mlp.fc1.out_features == mlp_width


# --- ours -----------------------------------------------------------------------------------------------------------


def small(**changes) -> Stellar:
    torch.manual_seed(1)
    decoder = DecoderConfig(width=64, depth=1, num_heads=2, mlp_width=96, num_codes=24)
    config = {"width": 48, "depth": 2, "num_heads": 3, "mlp_width": 80, "native_size": 64, "num_tokens": 5,
              "norm_eps": 1e-6, "decoder": decoder, "tokenizer": NARROW_TOKENIZER}
    return Stellar(StellarConfig(**(config | changes))).requires_grad_(False).eval()


@pytest.mark.parametrize("stem", [None, "tf_efficientnet_lite0"])
def test_a_saved_model_answers_alike(stem, images, tmp_path):
    stellar = small(stem=stem)
    stellar.save(tmp_path / "deeper" / "ours.safetensors")
    again = load(tmp_path / "deeper" / "ours.safetensors")
    assert again.config == stellar.config
    alike(again, images, stellar.factorize(images))
    assert torch.equal(again.decode(again.factorize(images)), stellar.decode(stellar.factorize(images)))
    assert not again.training and not any(parameter.requires_grad for parameter in again.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_model_saved_in_half_the_bytes_is_close(dtype, images, tmp_path):
    stellar = small()
    stellar.save(tmp_path / "full.safetensors")
    stellar.save(tmp_path / "half.safetensors", dtype=dtype)
    assert {tensor.dtype for tensor in load_file(tmp_path / "half.safetensors").values()} == {dtype}
    assert os.path.getsize(tmp_path / "half.safetensors") < 0.6 * os.path.getsize(tmp_path / "full.safetensors")
    ours, whole = load(tmp_path / "half.safetensors").factorize(images), stellar.factorize(images)
    assert ours.semantics.dtype == torch.float32
    assert torch.cosine_similarity(ours.semantics, whole.semantics, dim=-1).min() > 0.999


def test_matrices_of_eight_bits_are_a_quarter_of_the_bytes_and_close(images, tmp_path):
    stellar, path = small(), tmp_path / "eight.safetensors"
    stellar.save(path, dtype=torch.float16, eight_bit=True)
    stored, state = load_file(path), stellar.state_dict()
    matrices = {name.removesuffix(".scale") for name in stored if name.endswith(".scale")}
    assert matrices == {name for name in state if name.startswith("encoder.blocks.") and state[name].ndim == 2}
    for name in matrices:
        assert stored[name].dtype == torch.int8 and stored[name].abs().amax(dim=1).eq(127).all()
        step = stored[name + ".scale"][:, None]
        assert ((stored[name] * step - state[name]).abs() <= 0.501 * step).all()
    again = load(path)
    whole = stellar.factorize(images)
    assert torch.cosine_similarity(again.factorize(images).semantics, whole.semantics, dim=-1).min() > 0.999
    # What was rounded once rounds to itself.
    again.save(tmp_path / "again.safetensors", dtype=torch.float16, eight_bit=True)
    assert all(torch.equal(tensor, stored[name]) for name, tensor in load_file(tmp_path / "again.safetensors").items()
               if tensor.dtype == torch.int8)


def test_a_matrix_of_zeros_and_one_without_its_scale(images, tmp_path):
    stellar, path = small(), tmp_path / "eight.safetensors"
    nn.init.zeros_(stellar.encoder.blocks[0].mlp.fc1.weight)
    stellar.save(path, eight_bit=True)
    assert not load(path).encoder.blocks[0].mlp.fc1.weight.any()
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = {name: tensor for name, tensor in load_file(path).items() if "blocks.0.attn.qkv.weight.scale" not in name}
    save_file(tensors, tmp_path / "torn.safetensors", metadata=metadata)
    with pytest.raises(CheckpointError, match="it lacks encoder.blocks.0.attn.qkv.weight.scale"):
        load(tmp_path / "torn.safetensors")


def test_a_loaded_half_model_saves_what_it_holds(images, tmp_path):
    small().save(tmp_path / "full.safetensors")
    half = load(tmp_path / "full.safetensors", dtype="bfloat16")
    assert half.dtype == torch.bfloat16 and half.localizer.patch_proj.weight.dtype == torch.float32
    half.save(tmp_path / "half.safetensors")
    alike(load(tmp_path / "half.safetensors", dtype="bfloat16"), images, half.factorize(images))


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "ours.safetensors"
    small().save(path)
    before = path.read_bytes()

    def torn(tensors, name, metadata=None):
        Path(name).write_bytes(b"half a file")
        raise OSError("No space left on device")

    monkeypatch.setattr(writing, "save_file", torn)
    with pytest.raises(OSError, match="No space left"):
        small().save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["ours.safetensors"]


def test_a_reader_of_the_old_file_is_not_disturbed(images, tmp_path):
    path = tmp_path / "ours.safetensors"
    stellar = small()
    stellar.save(path)
    answer, loaded = stellar.factorize(images), load(path)
    small(num_tokens=3).save(path)
    alike(loaded, images, answer)
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444


def test_a_tokenizer_comes_from_a_file_of_its_own(images, tmp_path):
    whole = small()
    foreign = {}
    for name, tensor in whole.tokenizer.state_dict().items():
        (published_name,) = checkpoint.published_names(f"tokenizer.{name}", checkpoint.TOKENIZER_NAMES)
        foreign[published_name.removeprefix("tokenizer.")] = tensor
    torch.save(foreign, tmp_path / "vqgan.bin")
    bare = small(tokenizer=None)
    bare.load_state_dict({name: tensor for name, tensor in whole.state_dict().items()
                          if not name.startswith("tokenizer.")})
    bare.save(tmp_path / "bare.safetensors")
    stellar = load(tmp_path / "bare.safetensors", tokenizer=tmp_path / "vqgan.bin")
    assert stellar.config == whole.config
    factorization = whole.factorize(images)
    assert torch.equal(stellar.decode(factorization), whole.decode(factorization))
    with pytest.raises(ValueError, match="no tokenizer came with it"):
        load(tmp_path / "bare.safetensors").decode(factorization)
    assert "bare.safetensors" in refusal(tmp_path / "bare.safetensors", tokenizer=tmp_path / "bare.safetensors")


def test_no_more_than_a_part_is_read_at_once(tmp_path, monkeypatch):
    """A block at a time, and each file opened for that alone: what is read ahead of being converted stays small."""
    stellar = small(depth=4)
    stellar.save(tmp_path / "ours.safetensors")
    total = sum(tensor.nbytes for tensor in stellar.state_dict().values())
    reads = []
    read = checkpoint.TensorFile.read

    def counted(self, names):
        names = list(names)
        tensors = read(self, names)
        reads.append((names, sum(tensor.nbytes for tensor in tensors.values())))
        return tensors

    monkeypatch.setattr(checkpoint.TensorFile, "read", counted)
    load(tmp_path / "ours.safetensors")
    assert sorted(name for names, _ in reads for name in names) == sorted(stellar.state_dict())
    for names, size in reads:
        assert len({tuple(name.split(".")[:3]) for name in names}) == 1 and size < 0.2 * total


# --- bad files ------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_said(tmp_path):
    assert f"there is no checkpoint at {tmp_path / 'none.safetensors'}" in refusal(tmp_path / "none.safetensors")
    assert "stellar-b16" in refusal("stellar-b17") and "nano" in refusal("stellar-b17")
    assert "there is no checkpoint at" in refusal("runs/mine.ckpt")  # a path, not a hub id


@pytest.fixture(scope="module")
def good(published, tmp_path_factory) -> dict[str, bytes]:
    """kind -> the bytes of a whole file."""
    folder = tmp_path_factory.mktemp("good")
    save_file(published, folder / "a.safetensors")
    torch.save(published, folder / "a.ckpt")
    torch.save(published, folder / "old.ckpt", _use_new_zipfile_serialization=False)
    return {"safetensors": (folder / "a.safetensors").read_bytes(), "zip": (folder / "a.ckpt").read_bytes(),
            "old": (folder / "old.ckpt").read_bytes()}


@pytest.mark.parametrize("kind", ["safetensors", "zip", "old"])
@pytest.mark.parametrize("kept", [0, 1, 7, 8, 9, 100, 4000, 0.3, 0.9, -1])
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_a_truncated_file_is_named(kind, kept, suffix, good, tmp_path):
    path = tmp_path / f"truncated{suffix}"
    path.write_bytes(good[kind][: int(kept * len(good[kind])) if isinstance(kept, float) else kept])
    assert f"truncated{suffix}" in refusal(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt", ".bin"])
@pytest.mark.parametrize("content", [b"\0" * 4096, b"<html>404</html>", bytes(range(256)) * 20, b"\x80\x02}q\x00.",
                                     b"\xff" * 8 + b"{", b"\x80\x04]\x94.", b"PK\x05\x06" + b"\0" * 18],
                         ids=["zeros", "a page", "noise", "an empty pickle", "a huge header", "a list", "an empty zip"])
def test_what_is_no_checkpoint_is_named(suffix, content, tmp_path):
    path = tmp_path / f"strange{suffix}"
    path.write_bytes(content)
    assert f"strange{suffix}" in refusal(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_another_architecture_is_named(suffix, tmp_path):
    path = tmp_path / f"resnet{suffix}"
    state = timm.create_model("resnet10t", pretrained=False).state_dict()
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    sentence = refusal(path)
    assert "is not a STELLAR checkpoint: it has no sparse_tokens" in sentence and path.name in sentence


KEY = "encoder.encoder.layer.1.attention.attention.key.weight"
MISSHAPEN = {
    "dense_proj.weight": (96, 95),
    KEY: (96, 48),
    "encoder.encoder.layer.2.layernorm_after.bias": (95,),
    "encoder.embeddings.position_embeddings": (1, 18, 96),
    "sparse_tokens": (1, 16, 96),
    "encoder.embeddings.patch_embeddings.projection.weight": (96, 768),
    "encoder.encoder.layer.0.intermediate.dense.weight": (192,),
    "reconstruction_head.weight": (64,),
    "decoder_proj.weight": (),
}


@pytest.mark.parametrize("name", MISSHAPEN)
def test_a_misshapen_tensor_is_named(name, published, tmp_path):
    path = tmp_path / "misshapen.safetensors"
    save_file(published | {name: torch.zeros(MISSHAPEN[name])}, path)
    sentence = refusal(path, **HEADS)
    assert "misshapen.safetensors" in sentence and name in sentence and str(MISSHAPEN[name]) in sentence


def test_parts_of_a_joined_tensor_do_not_make_up_for_each_other(published, tmp_path):
    """64 + 128 rows are as many as 96 + 96, and would be cut at the wrong place."""
    path = tmp_path / "shifted.safetensors"
    save_file(published | {KEY: torch.zeros(64, 96), KEY.replace("key", "value"): torch.zeros(128, 96)}, path)
    assert KEY in refusal(path, **HEADS)


def test_missing_and_surplus_tensors_are_named(published, tmp_path):
    path = tmp_path / "some.safetensors"
    save_file(without(KEY)(published), path)
    assert KEY in refusal(path, **HEADS) and "lacks" in refusal(path, **HEADS)
    save_file(published | {"sparse_tokens_2": torch.zeros(1)}, path)
    assert "has what this architecture does not: sparse_tokens_2" in refusal(path, **HEADS)
    save_file(published | {f"adapter.{n}": torch.zeros(1) for n in range(9)}, path)
    assert "and 6 more" in refusal(path, **HEADS)


class Hostile:
    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self):
        return os.system, (f"touch '{self.touched}'",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("suffix", [".ckpt", ".bin", ".pt", ".safetensors"])
@pytest.mark.parametrize("how", ["zip", "old", "bare pickle", "beside tensors"])
def test_a_hostile_pickle_executes_nothing(suffix, how, published, tmp_path):
    path, touched = tmp_path / f"hostile{suffix}", tmp_path / "touched"
    if how == "bare pickle":
        path.write_bytes(pickle.dumps(Hostile(touched)))
    else:
        beside = {"state_dict": published, "callbacks": Hostile(touched)}
        content = beside if how == "beside tensors" else Hostile(touched)
        torch.save(content, path, _use_new_zipfile_serialization=how != "old")
    assert f"hostile{suffix}" in refusal(path)
    assert not touched.exists()


def test_the_hostile_pickle_is_hostile(tmp_path):
    pickle.loads(pickle.dumps(Hostile(tmp_path / "touched")))
    assert (tmp_path / "touched").exists()


METADATA = ["{", "[]", "3", '"vit"', '{"backbone": "mamba"}', '{"width": "wide"}', '{"num_heads": 0}',
            '{"num_heads": 7}', '{"patch_size": 0}', '{"stem": "no_such_model"}', '{"stem": "hf-hub:someone/model"}',
            '{"stem": "vit_tiny_patch16_224"}', '{"stem": "tf_efficientnet_lite0", "patch_size": 14}',
            '{"decoder": {"num_heads": 5}}', '{"decoder": 4}', '{"tokenizer": {"hidden_channels": 33}}',
            '{"tokenizer": {"channel_multipliers": 3}}', '{"concept_head": 3}',
            '{"concept_head": {"inputs": ["pixels"]}}', '{"concept_head": {"inputs": [], "width": 8}}',
            '{"depth": 3}', '{"depth": -1}']


@pytest.mark.parametrize("metadata", METADATA)
def test_metadata_of_an_unknown_architecture_is_refused(metadata, tmp_path):
    path = tmp_path / "ours.safetensors"
    save_file({"encoder.tokens": torch.zeros(16, 768)}, path, metadata={CONFIG_KEY: metadata})
    assert "ours.safetensors" in refusal(path)


BUILT_WITHOUT_ASSERTS = """
import json, sys
from model.checkpoints.checkpoint import CheckpointError
from model.stellar import Stellar
assert False, "asserts are left out"
for path in sys.argv[1:]:
    try:
        Stellar.load(path, device="cpu")
        print(f"{path} was built")
    except CheckpointError:
        pass
"""


def test_where_asserts_are_left_out_the_same_is_refused(tmp_path):
    """Some of what a model cannot be is told by asserts of the library that builds it."""
    paths = [tmp_path / f"{number}.safetensors" for number in range(len(METADATA))]
    for path, metadata in zip(paths, METADATA, strict=True):
        save_file({"encoder.tokens": torch.zeros(16, 768)}, path, metadata={CONFIG_KEY: metadata})
    done = subprocess.run([sys.executable, "-O", "-c", BUILT_WITHOUT_ASSERTS, *map(str, paths)], cwd=ROOT,
                          capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stdout) == (0, ""), done


# --- the hub, without one -------------------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub that holds nothing and counts what it was asked for; its errors and files are set by the test."""
    class Hub:
        asked: list[tuple] = []
        files: list[str] = []
        error: Exception | None = None
        path = tmp_path / "downloaded.safetensors"

        def answer(self, *request):
            self.asked.append(request)
            if self.error is not None:
                raise self.error
            return str(self.path)

    hub = Hub()
    hub.asked = []
    monkeypatch.setattr(checkpoint, "CHECKPOINT_FOLDER", tmp_path / "checkpoints")
    monkeypatch.setattr(checkpoint, "try_to_load_from_cache", lambda *request, **options: None)
    monkeypatch.setattr(checkpoint.hub, "fetch", lambda repository, filename, *, revision:
                        Path(hub.answer(repository, filename, revision)))

    def listed(self, repository, revision):
        hub.answer(repository, revision)
        return hub.files

    monkeypatch.setattr(checkpoint.HfApi, "list_repo_files", listed)
    return hub


@pytest.mark.parametrize("name", ["stellar-b16", "stellar-l16", "stellar-h16", "stellar-b8", "stellar-b24"])
def test_a_published_name_asks_for_its_file(name, hub):
    assert checkpoint.resolve(name) == hub.path
    assert hub.asked == [("microsoft/STELLAR", f"{name}.safetensors", PUBLISHED[name].revision)]


def test_the_published_tokenizer_asks_for_its_file(hub, published, tmp_path):
    hub.path = tmp_path / "none.bin"
    save_file(published, tmp_path / "foreign.safetensors")
    assert "none.bin" in refusal(tmp_path / "foreign.safetensors", tokenizer="published", **HEADS)
    assert hub.asked[0][:2] == ("fun-research/TiTok", "maskgit-vqgan-imagenet-f16-256.bin")


def test_h_has_16_heads():
    """1,280 / 64 would be 20."""
    assert PUBLISHED["stellar-h16"].num_heads == 16
    assert all(PUBLISHED[name].num_heads is None for name in PUBLISHED if name != "stellar-h16")


def test_a_hub_id_finds_its_file_and_revision(hub, tmp_path):
    hub.files = ["README.md", "weights.safetensors"]
    assert checkpoint.resolve("someone/their-model@v1.0") == hub.path
    assert hub.asked == [("someone/their-model", "v1.0"), ("someone/their-model", "weights.safetensors", "v1.0")]
    hub.asked.clear()
    hub.files = ["other.safetensors", "model.safetensors"]
    checkpoint.resolve("someone/model.v2")
    assert hub.asked[-1] == ("someone/model.v2", "model.safetensors", "main")
    hub.files = [*(f"model-0000{i}-of-00002.safetensors" for i in (1, 2)), "model.safetensors.index.json"]
    hub.path = tmp_path / "model.safetensors.index.json"
    hub.path.write_text(json.dumps({"weight_map": {"a": "model-00002-of-00002.safetensors",
                                                   "b": "model-00001-of-00002.safetensors"}}))
    hub.asked.clear()
    assert checkpoint.resolve("someone/large") == hub.path
    assert [asked[1] for asked in hub.asked[1:]] == ["model.safetensors.index.json", *hub.files[1::-1]]
    hub.files = ["a.safetensors", "b.safetensors"]
    assert "found a.safetensors, b.safetensors" in refusal("someone/their-model")
    hub.files = []
    assert "found none" in refusal("someone/their-model")


def hub_failures() -> dict[str, Exception]:
    http = HfHubHTTPError.__bases__[0]  # the root error of the HTTP library below it: httpx's is no OSError
    answer = SimpleNamespace(headers={}, request=None, status_code=404)
    status = HfHubHTTPError("404 Client Error: not found", response=answer)
    connect = next((kind for kind in http.__subclasses__() if kind.__name__ == "RequestError"), http)
    return {"not cached": LocalEntryNotFoundError("cannot find the file on the hub or in the cache"),
            "http status": status, "offline": OfflineModeIsEnabled("offline mode is enabled"),
            "no route": connect("[Errno 101] Network is unreachable"), "timeout": TimeoutError("timed out"),
            "refused": ConnectionRefusedError("connection refused"), "no words": OSError()}


@pytest.mark.parametrize("failure", hub_failures())
def test_without_a_network_it_says_what_to_download_and_where_to_put_it(failure, hub):
    hub.error = hub_failures()[failure]
    sentence = refusal("stellar-b16")
    for word in ("stellar-b16.safetensors", "microsoft/STELLAR", "assets/checkpoints", "path"):
        assert word in sentence
    sentence = refusal("someone/their-model@v2")
    assert "someone/their-model" in sentence and "v2" in sentence and "pass the file's path" in sentence


def test_what_was_put_into_the_folder_or_downloaded_before_is_found(hub, monkeypatch, tmp_path):
    hub.error = OfflineModeIsEnabled("offline")
    assert not checkpoint.is_at_hand("stellar-b8") and checkpoint.is_at_hand("nano")
    cached = tmp_path / "cache" / "stellar-b8.safetensors"
    monkeypatch.setattr(checkpoint, "try_to_load_from_cache",
                        lambda repository, filename, **options: str(cached) if filename == cached.name else None)
    assert checkpoint.is_at_hand("stellar-b8") and checkpoint.resolve("stellar-b8") == cached
    placed = checkpoint.CHECKPOINT_FOLDER / "stellar-b8.safetensors"
    placed.parent.mkdir()
    placed.touch()
    assert checkpoint.resolve("stellar-b8") == placed
    assert not hub.asked
