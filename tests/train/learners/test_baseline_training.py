"""What STELLAR is compared with, trained here: losses fall, runs resume, files load by themselves, a table compares."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file

from model.baselines import at_native_size
from model.baselines.mae import Mae
from model.baselines.titok import TiTok
from model.config import DecoderConfig, StellarConfig, TokenizerConfig
from model.stellar import Stellar
from model.tokenizer import Tokenizer
from photos.decoding import open_photo
from photos.fitting import pixels_of
from train import loop
from train.config import BaselineConfig, DataConfig, RecipeError, TrainConfig, TransformerConfig
from train.evaluate import main as evaluate
from train.learners.ema_codebook import update_codebook
from train.learners.positions import (
    VALUE_OUT_GAIN,
    grid_points,
    initialize_local_attention,
    initialize_value_projection,
    sincos_positions,
)
from train.learners.registry import BUILDERS
from train.optimization import parameter_groups
from train.recipes import recipe
from train.subjects import BaselineSubject, baseline_module

ROOT = Path(__file__).resolve().parents[3]
TINY = TransformerConfig(width=32, depth=2, num_heads=2, mlp_width=64)
KINDS = {"titok": TiTok, "mae": Mae}
NARROW = TokenizerConfig(hidden_channels=32, channel_multipliers=(1, 1, 1), num_res_blocks=1, code_width=8,
                         num_codes=32, unshuffle=4, linear_path=True, linear_encoder=True)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Each is of one colour that fades to another like it: what is hidden can be told from what is seen."""
    folder = tmp_path_factory.mktemp("photos")
    for i in range(12):
        rng = np.random.default_rng(i)
        coarse = rng.integers(0, 200, 3) + rng.integers(0, 55, (2, 2, 3))
        Image.fromarray(coarse.astype(np.uint8)).resize((80, 64), Image.BICUBIC).save(folder / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    made = Tokenizer(NARROW)
    torch.nn.init.normal_(made.codebook)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.safetensors"
    made.save(path)
    return path


def tiny(kind: str, photos: Path, tokenizer: Path, **changes) -> TrainConfig:
    config = recipe(kind)
    sizes = BaselineConfig(encoder=TINY, decoder=TINY, native_size=64, num_tokens=4, num_codes=16, code_width=4)
    config = replace(config, baseline=sizes, tokenizer_weights=str(tokenizer), views=replace(
        config.views, resolutions=(64,)), data=DataConfig(source=str(photos), num_workers=0), batch_size=4, steps=6,
        log_every=1, save_every=2, picture_every=3, optimizer=replace(config.optimizer, learning_rate=3e-3))
    return replace(config, **changes)


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module", params=KINDS)
def finished(request, photos, tokenizer, tmp_path_factory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp(request.param) / "run"
    loop.run(tiny(request.param, photos, tokenizer), out, device="cpu", quiet=True)
    return request.param, out


# Runs


def test_there_is_a_learner_for_whatever_a_recipe_may_train():
    from train.config import LOSSES

    assert set(BUILDERS) == set(LOSSES) - {"concepts"}  # a run of its own: train/concept_run.py


@pytest.mark.parametrize("kind", KINDS)
def test_losses_fall(kind, photos, tokenizer, tmp_path):
    loop.run(tiny(kind, photos, tokenizer, steps=60, save_every=100, picture_every=100), tmp_path / "run",
             device="cpu", quiet=True)
    losses = [line["losses"]["reconstruction"] for line in log(tmp_path / "run")]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_a_run_leaves_what_it_promises(finished, photos, tokenizer):
    kind, out = finished
    lines = log(out)
    assert set(lines[-1]["losses"]) == {"total", *recipe(kind).weights}
    assert {"titok": "code_perplexity", "mae": "psnr"}[kind] in lines[0]["metrics"]
    with Image.open(out / "pictures" / "step-0000006.png") as picture:
        assert picture.size == (3 * 192, 4 * 192)
    assert TrainConfig.from_json((out / "recipe.json").read_text()) == tiny(kind, photos, tokenizer)


def test_the_file_loads_and_rebuilds_by_itself(finished, tokenizer, tmp_path):
    kind, out = finished
    settings = {"tokenizer": tokenizer} if kind == "titok" else {}
    whole = KINDS[kind].load(out / "model.safetensors", **settings)
    whole.save(tmp_path / "half.safetensors", dtype=torch.float16)
    half = KINDS[kind].load(tmp_path / "half.safetensors", **settings)
    image = torch.rand(2, 3, 48, 80, generator=torch.Generator().manual_seed(0))
    for baseline in (whole, half):
        made = baseline.reconstruct(image, 4)
        assert made.shape == (2, 3, 64, 64) and made.dtype == torch.float32
        assert made.min() >= 0 and made.max() <= 1
    assert os.path.getsize(tmp_path / "half.safetensors") < 0.6 * os.path.getsize(out / "model.safetensors")
    assert not any(name.startswith("tokenizer.") for name in load_file(out / "model.safetensors"))


def test_a_run_that_was_stopped_resumes_bit_for_bit(finished, photos, tokenizer, tmp_path, monkeypatch):
    kind, unbroken = finished
    real, calls = loop.check_finite, []

    def stop(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(loop, "check_finite", stop)
    config = tiny(kind, photos, tokenizer)
    with pytest.raises(ValueError, match="interrupted"):
        loop.run(config, tmp_path / "run", device="cpu", quiet=True)
    monkeypatch.setattr(loop, "check_finite", real)
    loop.run(config, tmp_path / "run", resume=True, device="cpu", quiet=True)
    first, resumed = (load_file(folder / "model.safetensors") for folder in (unbroken, tmp_path / "run"))
    assert all(torch.equal(first[name], resumed[name]) for name in first)


def test_a_run_starts_from_another(finished, photos, tokenizer):
    kind, out = finished
    source = str(out / "model.safetensors")
    learner = loop.build(tiny(kind, photos, tokenizer, init=source, seed=9), [])
    weights = learner.exported.state_dict()
    stored = load_file(source)
    prefix = "network." if kind == "mae" else ""
    assert all(torch.equal(weights[prefix + name], tensor) for name, tensor in stored.items())
    wider = replace(tiny(kind, photos, tokenizer).baseline, encoder=replace(TINY, mlp_width=48))
    with pytest.raises(RecipeError, match="of another architecture"):
        loop.build(tiny(kind, photos, tokenizer, init=source, baseline=wider), [])


@pytest.mark.parametrize("kind", KINDS)
def test_every_trained_parameter_gets_a_gradient(kind, photos, tokenizer):
    from train.data.photos import open_photos

    config = tiny(kind, photos, tokenizer)
    learner = loop.build(config, open_photos(config.data))
    image = torch.rand(4, 3, 64, 64)
    empty = image.new_empty(4, 0, 3, 64, 64)
    losses, _ = learner(loop.make_views(Batch(image, empty), None, patch_size=16, mask_ratio=0.5))
    sum(losses.values()).backward()
    idle = [name for name, parameter in learner.named_parameters()
            if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())]
    assert not idle
    groups = parameter_groups(learner, config.optimizer)
    names = {id(parameter): name for name, parameter in learner.named_parameters()}
    decayed = {names[id(parameter)] for group in groups if group["weight_decay"] for parameter in group["params"]}
    assert decayed and not any("token" in name or "position" in name for name in decayed)
    assert not any(name.startswith("tokenizer.") for name in names.values() if name in decayed)


class Batch:
    """As train.data.Batch, of clean views alone."""

    def __init__(self, clean: torch.Tensor, none: torch.Tensor) -> None:
        self.clean, self.masked, self.local, self.targets, self.summaries = clean, none, none, (), ()


# Starts


def test_places_are_even_and_near_ones_are_alike():
    places = grid_points(32)
    assert places.shape == (32, 2) and places.mean(dim=0).tolist() == pytest.approx([0.5, 0.5])
    assert len(places.unique(dim=0)) == 32
    positions = sincos_positions(grid_points(196), 192, 14)
    likeness = positions @ positions[0]
    assert likeness.argmax() == 0 and likeness[1] > likeness[3] > likeness[7]
    assert positions.norm(dim=1).std() < 1e-4 * positions.norm(dim=1).mean()
    assert torch.equal(sincos_positions(places, 34, 14)[:, 32:], torch.zeros(32, 2))


def test_attention_begins_by_looking_nearby():
    torch.manual_seed(0)
    query, key = torch.empty(64, 64), torch.empty(64, 64)
    initialize_local_attention(query, key)
    seen = F.layer_norm(sincos_positions(grid_points(196), 64, 14), (64,))
    weights = ((seen @ query.mT) @ (seen @ key.mT).mT / 8).softmax(dim=-1)[7 * 14 + 7].view(14, 14)
    rows, cols = torch.meshgrid(torch.arange(14), torch.arange(14), indexing="ij")
    near = ((rows - 7).abs() <= 3) & ((cols - 7).abs() <= 3)
    assert weights[near].sum() > 0.8 and weights.argmax() == 7 * 14 + 7
    value, out = torch.empty(64, 64), torch.empty(64, 64)
    initialize_value_projection(value, out)
    torch.testing.assert_close(out @ value, VALUE_OUT_GAIN * torch.eye(64), atol=1e-5, rtol=0)


def test_a_mae_has_places_and_its_tokens_are_not_zero(photos, tokenizer):
    """transformers leaves them at zero, and a MAE that does not know where a patch is learns nothing."""
    network = loop.build(tiny("mae", photos, tokenizer), []).mae.network
    for positions in (network.vit.embeddings.position_embeddings, network.decoder.decoder_pos_embed):
        assert not positions.requires_grad and len(positions[0, 1:].unique(dim=0)) == 16
    assert network.vit.embeddings.cls_token.any() and network.decoder.mask_token.any()


def test_latents_begin_apart(photos, tokenizer):
    from train.data.photos import open_photos
    from train.learners.registry import sample, squares

    config = tiny("titok", photos, tokenizer)
    opened = open_photos(config.data)
    learner = loop.build(config, opened)
    hidden = []
    learner.titok.encoder.head.register_forward_hook(lambda module, inputs, out: hidden.append(out[..., 0].mT))
    learner.titok.latents(squares(sample(opened), 64))
    latents = hidden[0].detach()
    assert latents.flatten(0, 1).std(dim=0).tolist() == pytest.approx([1] * 4, rel=0.2)
    assert latents.mean(dim=0).norm(dim=1).mean() < 0.3, "a token's latents tell photos apart, not tokens"


def test_codes_follow_and_the_dead_come_back():
    torch.manual_seed(0)
    centres = F.one_hot(torch.tensor([0, 1, 2]), 4).float()
    found = centres.repeat(20, 1) + 0.01 * torch.randn(60, 4)
    codebook, counts, sums = torch.randn(8, 4), torch.zeros(8), torch.zeros(8, 4)
    for _ in range(200):
        update_codebook(codebook, counts, sums, found, lambda: torch.cdist(found, codebook).argmin(dim=1), alive=0.5)
    assert torch.cdist(centres, codebook).min(dim=1).values.max() < 0.05
    assert torch.cdist(codebook, centres).min(dim=1).values.max() < 0.1, "none is left where nothing is"


# What does not go together


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("assignments", "sentence"), [
    (["baseline=null"], "needs baseline, its sizes"),
    (["views.resolutions=[192]"], "takes squares of baseline.native_size, 224 px"),
    (["views.resolutions=[192,224]"], "takes squares of baseline.native_size"),
    (["views.num_local=2"], "views.num_local be 0"),
    (["baseline.native_size=100"], "native_size 100 is no multiple of its patch size, 16"),
    (["baseline.num_tokens=0"], "baseline.num_tokens must be at least 1"),
    (["baseline.encoder.num_heads=5"], "cannot be split among 5 heads"),
    (["frozen=[\"encoder\"]"], "frozen names parts of a STELLAR"),
    (["weights.low_rank=1"], "there is no loss 'low_rank'"),
    (["weights={}"], "no loss is left"),
])
def test_what_cannot_be_trained_is_said(kind, assignments, sentence):
    with pytest.raises(RecipeError, match=sentence) as caught:
        recipe(kind).override(assignments)
    assert "\n" not in str(caught.value)


def test_a_mae_must_hide_something():
    with pytest.raises(RecipeError, match="num_tokens is 196 of 196 patches"):
        recipe("mae").override(["baseline.num_tokens=196"])
    with pytest.raises(RecipeError, match="a titok run needs reconstruction"):
        recipe("titok").without("reconstruction")


def test_a_tokenizer_of_other_squares_is_said(photos, tokenizer):
    sizes = replace(tiny("titok", photos, tokenizer).baseline, patch_size=8)
    with pytest.raises(RecipeError, match=r"a square of 16 px, a patch of this TiTok 8; set baseline\.patch_size"):
        loop.build(tiny("titok", photos, tokenizer, baseline=sizes), [])


def test_the_recipes_have_what_the_figure_needs():
    """32 tokens each at 224 px, nano's tokenizer, and files that fit."""
    for kind in KINDS:
        config = recipe(kind)
        assert config.trains == kind and config.baseline.num_tokens == 32 and config.baseline.native_size == 224
    assert recipe("titok").tokenizer_weights == "nano"
    assert (recipe("titok").baseline.num_codes, recipe("titok").baseline.code_width) == (4096, 12)


# The table


@pytest.fixture(scope="module")
def world(tokenizer, photos, tmp_path_factory):
    """A STELLAR, a TiTok and a MAE, all tiny and untrained, and a peer."""
    root = tmp_path_factory.mktemp("world")
    torch.manual_seed(0)
    config = StellarConfig(width=32, depth=1, num_heads=2, mlp_width=32, native_size=64, num_tokens=4, tokenizer=NARROW,
                           decoder=DecoderConfig(width=32, depth=1, num_heads=2, mlp_width=32, num_codes=32))
    Stellar(config).save(root / "stellar.safetensors")
    for kind in KINDS:
        from train.data.photos import open_photos

        made = tiny(kind, photos, tokenizer)
        loop.build(made, open_photos(made.data)).exported.save(root / f"{kind}.safetensors")
    return root


def test_one_table_compares_them_all(world, tokenizer, photos, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("train.subjects.TITOK_TOKENIZER", str(tokenizer))
    status = evaluate([f"ours={world / 'stellar.safetensors'}", f"titok={world / 'titok.safetensors'}",
                       f"masked={world / 'mae.safetensors'}", "--data", str(photos), "--protocol", "reconstruction",
                       "--resolution", "64", "--device", "cpu", "--out", str(tmp_path / "scores.json")])
    said = capsys.readouterr()
    assert status == 0, said.err
    models = {model["name"]: model for model in json.loads((tmp_path / "scores.json").read_text())["models"]}
    assert list(models) == ["ours", "titok", "masked"]
    for model in models.values():
        scores = {name.removeprefix("reconstruction/"): value for name, value in model["scores"].items()}
        assert len(model["sha256"]) == 64
        assert all(np.isfinite(scores[name]) for name in ("psnr", "ssim", "stem_distance", "seconds"))
        assert scores["bits"] == 8 * scores["bytes"] and scores["seconds"] > 0
        for name, value in model["scores"].items():
            assert (value is None) == (name in model["notes"]), name
    bytes_of = {name: model["scores"]["reconstruction/bytes"] for name, model in models.items()}
    # Photos of 80 x 64 become 64 x 48: 12 patches. 4 tokens of 32 numbers, and where they are; 4 codes of 4 bits;
    # 8 of 16 patches (half of so few) and a bit for each patch.
    assert bytes_of == {"ours": 2 * (4 * 32 + 12 * 4), "titok": 2, "masked": 8 * 16 * 16 * 3 + 2}
    assert [models[name]["scores"]["reconstruction/tokens"] for name in models] == [4, 4, 8]
    assert models["titok"]["scores"]["reconstruction/ceiling_psnr"] is not None
    assert "gives pixels" in models["masked"]["notes"]["reconstruction/ceiling_psnr"]
    assert "no concepts" in models["titok"]["notes"]["reconstruction/floor_psnr"]
    for row in ("tokens | 4 | 4 | 8", "bytes | 352 | 2 | 6146", "psnr", "ssim", "stem_distance", "seconds"):
        assert f"| reconstruction/{row}" in said.out


def test_a_perfect_baseline_scores_perfectly_at_any_shape(photos):
    """What is stretched to a square and back is the photo again, but for the resampling."""
    from train.evaluators import reconstruction
    from train.evaluators.photo_set import PhotoSet

    subject = BaselineSubject("echo", Echo())
    scores = dict(reconstruction.evaluate(subject, PhotoSet.open(photos), resolution=64, batch_size=4))
    assert scores["reconstruction/psnr"] > 35 and scores["reconstruction/ssim"] > 0.97


class Echo(TiTok):
    """Gives back what it sees, at its own size."""

    def __init__(self) -> None:
        from model.baselines.titok import TiTokConfig
        from model.baselines.titok import TransformerConfig as Sizes

        sizes = Sizes(32, 1, 2, 32)
        super().__init__(TiTokConfig(native_size=128, encoder=sizes, decoder=sizes))

    def reconstruct(self, image, num_tokens):
        return F.interpolate(image, (128, 128), mode="bicubic", align_corners=False).clamp(0, 1)


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["few={root}/mae.safetensors", "--data", "{photos}"], "few has no concepts, it only reconstructs; give --proto"),
    (["mae={root}/stellar.safetensors", "--data", "{photos}", "--protocol", "reconstruction"], "is no MAE of ours"),
    (["titok={root}/none.safetensors", "--data", "{photos}", "--protocol", "reconstruction"], "no checkpoint at"),
    (["mae={root}/damaged.safetensors", "--data", "{photos}", "--protocol", "reconstruction"], "damaged"),
])
def test_a_mistake_is_one_sentence_and_status_2(world, photos, capsys, arguments, sentence):
    (world / "damaged.safetensors").write_bytes(b"no tensors")
    given = [argument.format(root=world, photos=photos) for argument in arguments]
    assert evaluate([*given, "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and sentence in said


def test_a_source_is_known_by_name_label_or_metadata(world, tmp_path):
    kinds = {source: kind and kind.__name__.rsplit(".", 1)[1] for source in (
        "titok", "mae", "nano", "titok-b64", "mae-b16", "mae=somewhere", f"a={world / 'titok.safetensors'}",
        str(world / "mae.safetensors"), str(world / "stellar.safetensors")) for kind in [baseline_module(source)]}
    assert list(kinds.values()) == ["titok", "mae", None, "titok", "mae", "mae", "titok", "mae", None]
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    assert baseline_module(str(tmp_path / "other.safetensors")) is None


# What ships


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_one_is_small_and_rebuilds(kind):
    folder = ROOT / "assets" / kind
    if not (folder / f"{kind}.safetensors").is_file():
        pytest.skip(f"assets/{kind} is not there yet")
    assert os.path.getsize(folder / f"{kind}.safetensors") <= 15e6 and (folder / "README.md").is_file()
    examples = sorted((ROOT / "assets" / "examples").glob("*.jpg"))[::3]
    images = torch.cat([at_native_size(pixels_of(open_photo(path))[None].float() / 255, 224) for path in examples])
    made = KINDS[kind].load(kind).reconstruct(images, 32)
    flat = images.mean(dim=(2, 3), keepdim=True).expand_as(images)
    assert F.mse_loss(made, images) < 0.8 * F.mse_loss(flat, images), "hardly better than one colour a photo"


def test_the_command_line_knows_both_recipes():
    shown = subprocess.run([sys.executable, "-m", "train", "--recipe", "mae", "--show"], cwd=ROOT, capture_output=True,
                           text=True, check=True)
    assert TrainConfig.from_json(shown.stdout) == recipe("mae")
