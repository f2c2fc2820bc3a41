"""A run: killed and resumed bit for bit, shared by two processes, stopped by what it cannot use."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from model.config import DecoderConfig, StellarConfig, TokenizerConfig
from model.stellar import Stellar
from model.tokenizer import Tokenizer
from train import loop
from train.config import (
    DataConfig,
    OptimizerConfig,
    PrototypesConfig,
    RecipeError,
    TeacherConfig,
    TrainConfig,
    ViewsConfig,
)
from train.data.photos import DataError, open_photos
from train.learners.stellar import StellarLearner, Views
from train.learners.teachers import TaughtPhoto
from train.loop import run
from train.objective.distillation import distillation_loss
from train.optimization import learning_rate, parameter_groups, set_learning_rate
from train.recipes import recipe
from train.run_folder import RunError, RunFolder
from train.starts import brings_heads, fit_teaching_heads

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i in range(12):
        rng = np.random.default_rng(i)
        coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        coarse.resize((80, 64)).save(folder / f"{i:02d}.png")
    return folder


def tiny(photos: Path, **changes) -> TrainConfig:
    config = TrainConfig(
        recipe="smoke",
        model=StellarConfig(width=32, depth=2, num_heads=2, mlp_width=64, native_size=32, num_tokens=4,
                            decoder=DecoderConfig(width=32, depth=1, num_heads=2, mlp_width=64, num_codes=None)),
        weights={"reconstruction": 1.0, "clustering": 1.0, "summary_clustering": 1.0, "set_alignment": 1.0,
                 "summary_alignment": 1.0, "koleo": 0.1, "low_rank": 0.1},
        data=DataConfig(source=str(photos), num_workers=0),
        views=ViewsConfig(resolutions=(32,), num_masked=2, mask_ratio=0.5, num_local=1, local_resolution=16),
        prototypes=PrototypesConfig(num_prototypes=16, predictor_width=16, prototype_width=8),
        optimizer=OptimizerConfig(learning_rate=1e-3, average=0.9),
        batch_size=4, steps=8, log_every=1, save_every=2, picture_every=4,
    )
    return replace(config, **changes)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def unbroken(photos, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("unbroken") / "run"
    run(tiny(photos), out, device="cpu", quiet=True)
    return out


def test_a_run_leaves_what_it_promises(unbroken):
    assert {path.name for path in unbroken.iterdir()} == {
        "recipe.json", "origin.json", "log.jsonl", "status.json", "pictures", "checkpoints", "tensorboard",
        "model.safetensors"}
    assert json.loads((unbroken / "status.json").read_text())["state"] == "finished"
    lines = log(unbroken)
    assert [line["step"] for line in lines] == list(range(1, 9))
    assert set(lines[-1]["losses"]) == {"total", *tiny(Path("x")).weights}
    assert {"prototype_perplexity", "mass_entropy", "explained_variance"} <= set(lines[-1]["metrics"])
    assert all(0 <= line["waiting"] <= 1 and line["photos_per_second"] > 0 for line in lines)
    assert len(list((unbroken / "checkpoints").iterdir())) == 2, "older ones go"
    with Image.open(unbroken / "pictures" / "step-0000008.png") as picture:
        assert picture.height == 4 * 192 and picture.width == 5 * 192
    assert Stellar.load(unbroken / "model.safetensors").num_tokens == 4
    assert TrainConfig.from_json((unbroken / "recipe.json").read_text()).steps == 8


def test_a_run_that_starts_from_anothers_folder_takes_its_heads_along(photos, unbroken):
    wider = PrototypesConfig(num_prototypes=16, predictor_width=24, prototype_width=8)
    learner = loop.build(tiny(photos, init=str(unbroken), seed=5), [])
    other = loop.build(tiny(photos, init=str(unbroken), seed=5, prototypes=wider), [])
    fresh = loop.build(tiny(photos, seed=5), [])
    saved = load_file(unbroken / "checkpoints" / "step-0000008" / "model.safetensors")
    heads = [name for name in learner.state_dict() if not name.startswith("stellar.")]
    assert heads and all(torch.equal(learner.state_dict()[name], saved[name]) for name in heads)
    assert any(not torch.equal(fresh.state_dict()[name], saved[name]) for name in heads)
    assert any(other.state_dict()[name].shape != saved[name].shape for name in heads), "these begin anew"
    exported = weights(unbroken)
    assert torch.equal(learner.stellar.state_dict()["encoder.tokens"], exported["encoder.tokens"])
    # A file has no heads, and neither has a run whose checkpoints are gone.
    from_file = loop.build(tiny(photos, init=str(unbroken / "model.safetensors"), seed=5), [])
    assert all(torch.equal(from_file.state_dict()[name], fresh.state_dict()[name]) for name in heads)


def test_teaching_heads_that_a_start_lacks_are_known_to_be_missing(photos, tmp_path, unbroken):
    """A run without a teacher, of another width or without checkpoints brings none, a file neither."""
    def taught(width: int) -> nn.Module:
        teacher = TeacherConfig(name="one", width=width, summary_weight=0.0)
        return loop.build(tiny(photos, weights={"distillation": 1.0}, teachers=(teacher,)), [])

    learner = taught(6)
    assert not any(brings_heads(learner, init) for init in (None, str(unbroken), str(tmp_path)))
    saved = tmp_path / "checkpoints" / "step-0000001"
    saved.mkdir(parents=True)
    save_file(learner.state_dict(), saved / "model.safetensors")
    assert brings_heads(taught(6), str(tmp_path)) and not brings_heads(taught(5), str(tmp_path))
    assert not brings_heads(taught(6), str(saved / "model.safetensors"))


def test_what_is_frozen_keeps_its_weights_and_the_rest_learns(photos, tmp_path):
    config = tiny(photos, steps=2, weights={"reconstruction": 1.0}, frozen=("localizer", "encoder.blocks.1"))
    before = loop.build(config, []).stellar.state_dict()
    run(config, tmp_path / "run", device="cpu", quiet=True)
    moved = {name for name, tensor in weights(tmp_path / "run").items() if not torch.equal(tensor, before[name])}
    assert not any(name.startswith(("localizer.", "encoder.blocks.1.")) for name in moved)
    assert {"encoder.blocks.0.attn.qkv.weight", "encoder.tokens", "decoder.head.weight"} <= moved


def test_freezing_what_is_not_there_says_what_is(photos):
    with pytest.raises(RecipeError, match=r"frozen names 'encoder.block', .* it has encoder, localizer, decoder"):
        loop.build(tiny(photos, frozen=("encoder.block",)), [])


def test_losses_fall(photos, tmp_path):
    config = tiny(photos, steps=30, weights={"reconstruction": 1.0, "low_rank": 0.5}, save_every=100, picture_every=100)
    run(config, tmp_path / "run", device="cpu", quiet=True)
    lines = log(tmp_path / "run")
    assert lines[-1]["losses"]["total"] < 0.7 * lines[0]["losses"]["total"]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(photos, unbroken, tmp_path):
    run(tiny(photos, log_every=100, picture_every=100), tmp_path / "again", device="cpu", quiet=True)
    run(tiny(photos, seed=1, steps=2), tmp_path / "other", device="cpu", quiet=True)
    first, again, other = weights(unbroken), weights(tmp_path / "again"), weights(tmp_path / "other")
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_killed_run_resumes_bit_for_bit(photos, unbroken, tmp_path):
    """SIGKILL at a random moment once it has saved something; then --resume, in a process of its own."""
    out = tmp_path / "run"
    (tmp_path / "config.json").write_text(tiny(photos).to_json())
    script = ("import sys; from pathlib import Path; from train.config import TrainConfig; from train.loop import run; "
              "run(TrainConfig.from_json(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), device='cpu', quiet=True)")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "config.json"), str(out)],
                               env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wanted = random.choice((2, 4, 6))
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if (out / "checkpoints" / f"step-{wanted:07d}").exists():
            break
        time.sleep(0.002)
    time.sleep(random.random() * 0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    saved = RunFolder(out).saved()
    assert saved, "it was killed before it saved anything"
    run(tiny(photos), out, resume=True, device="cpu", quiet=True)
    first, resumed = weights(unbroken), weights(out)
    assert all(torch.equal(first[name], resumed[name]) for name in first)
    assert {line["step"] for line in log(out)} == set(range(1, 9))


def test_a_checkpoint_that_was_not_finished_is_no_checkpoint(photos, unbroken, tmp_path):
    out = tmp_path / "run"
    run(tiny(photos), out, device="cpu", quiet=True)
    torn = out / "checkpoints" / "step-0000099.part"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half")
    run(tiny(photos), out, resume=True, device="cpu", quiet=True)
    assert not torn.exists() and all(torch.equal(weights(out)[n], t) for n, t in weights(unbroken).items())


# Several processes


def views(batch: int) -> Views:
    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=torch.Generator().manual_seed(sum(shape)))

    kept = torch.stack([torch.randperm(4, generator=torch.Generator().manual_seed(i))[:2] for i in range(2 * batch)])
    return Views(image=draw(batch, 3, 32, 32), masked=draw(batch, 2, 3, 32, 32), kept=kept.unflatten(0, (batch, 2)),
                 local=draw(batch, 1, 3, 16, 16), targets=(), summaries=())


def part(whole: Views, rank: int, world: int) -> Views:
    return Views(**{name: value[rank::world] if isinstance(value, torch.Tensor) else value
                    for name, value in vars(whole).items()})


def gradients(rank: int, world: int, port: int, out: str) -> None:
    from torch import distributed as dist
    from torch.nn.parallel import DistributedDataParallel

    torch.manual_seed(0)
    config = tiny(Path("x"))
    learner = StellarLearner(Stellar(config.model), config)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    model = DistributedDataParallel(learner) if world > 1 else learner
    losses, _ = model(part(views(4), rank, world))
    total = sum(config.weights[name] * value for name, value in losses.items())
    total.backward()
    values = torch.stack([value.detach() for value in losses.values()])
    if world > 1:
        dist.all_reduce(values)
        dist.destroy_process_group()
    if rank == 0:
        found = {name: parameter.grad for name, parameter in learner.named_parameters() if parameter.grad is not None}
        torch.save((values / world, found), out)


def test_two_processes_give_the_loss_and_gradients_of_one(tmp_path):
    gradients(0, 1, 0, str(tmp_path / "one"))
    torch.multiprocessing.spawn(gradients, args=(2, free_port(), str(tmp_path / "two")), nprocs=2)
    (alone, alone_gradients), (shared, shared_gradients) = (torch.load(tmp_path / name) for name in ("one", "two"))
    torch.testing.assert_close(shared, alone, rtol=1e-5, atol=1e-6)
    assert set(shared_gradients) == set(alone_gradients)
    for name, gradient in alone_gradients.items():
        torch.testing.assert_close(shared_gradients[name], gradient, rtol=1e-3, atol=1e-6, msg=name)


def free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


# The objective, loss by loss


@pytest.mark.parametrize("left_out", ["reconstruction", "set_alignment", "summary_alignment", "koleo", "low_rank",
                                      "clustering,set_alignment,summary_alignment",
                                      "summary_clustering,summary_alignment"])
def test_what_is_left_out_is_neither_built_nor_computed(photos, left_out):
    config = tiny(photos).without(*left_out.split(","))
    learner = loop.build(config, [])
    losses, _ = learner(views(4))
    assert set(losses) == set(config.weights)
    assert (learner.prototypes is None) == ("clustering" not in config.weights)
    assert (learner.stellar.decoder is None) == ("reconstruction" not in config.weights)


@pytest.mark.parametrize(("progress", "moves"), [(0.49, False), (0.5, True)])
def test_patch_features_give_way_from_the_share_of_the_run_that_is_set(photos, progress, moves):
    """Before it the loss is told and moves nothing."""
    config = tiny(photos).override(["weights.simplicity=1", "explained=0.9", "simplicity_from=0.5"],
                                   without=set(tiny(photos).weights))
    learner = loop.build(config, [])
    losses, metrics = learner(replace(views(4), progress=progress))
    assert losses["simplicity"].item() == pytest.approx(0.9 - metrics["explained_variance"].item())
    assert losses["simplicity"].requires_grad == moves
    if moves:
        losses["simplicity"].backward()
        assert learner.stellar.encoder.norm.weight.grad.any()


def test_teaching_heads_start_as_what_the_model_already_knows_of_the_teachers(photos):
    """A target that is linear in what the model says is predicted before the first step."""
    teachers = (TeacherConfig(name="one", width=6, summary_width=5),
                TeacherConfig(name="other", width=4, summary_weight=0.0))
    config = replace(tiny(photos), weights={"distillation": 1.0}, teachers=teachers)
    learner = loop.build(config, [])
    image, draw = views(4).image, torch.Generator().manual_seed(0)
    image = torch.cat([image, image.flip(3), image.flip(2), 1 - image, image.roll(1, 1), image**2])
    with torch.no_grad():
        seen = learner.stellar(image)
        told = [seen.patch_features @ torch.randn(32, width, generator=draw) + 1 for width in (6, 4)]
        whole = seen.summary @ torch.randn(32, 5, generator=draw)
    taught_photos = [TaughtPhoto(image[i, None], tuple(target[i, None] for target in told),
                      (whole[i, None], whole[i, None, :0])) for i in range(len(image))]
    taught = replace(views(4), image=image, targets=tuple(told), summaries=(whole, whole[:, :0]))
    before = learner(taught)[0]["distillation"]
    fit_teaching_heads(learner, taught_photos)
    features, summary = seen.patch_features, seen.summary
    assert all(distillation_loss(head(features), target) < 0.05
               for head, target in zip(learner.teaching, told, strict=True))
    assert distillation_loss(learner.summary_teaching["0"](summary), whole) < 0.05
    assert learner(taught)[0]["distillation"] < before / 2
    with pytest.raises(RecipeError, match="nothing to learn from"):
        fit_teaching_heads(learner, [])


def test_every_trained_parameter_gets_a_gradient(photos):
    learner = loop.build(tiny(photos), [])
    losses, _ = learner(views(4))
    sum(losses.values()).backward()
    idle = [name for name, parameter in learner.named_parameters()
            if parameter.requires_grad and parameter.grad is None]
    assert not idle


def test_norms_biases_and_queries_do_not_decay(photos):
    learner = loop.build(tiny(photos), [])
    groups = parameter_groups(learner, OptimizerConfig(weight_decay=0.04))
    free, decayed = sorted(groups, key=lambda group: group["weight_decay"])
    names = {id(parameter): name for name, parameter in learner.named_parameters()}
    assert decayed["weight_decay"] == 0.04 and free["weight_decay"] == 0
    assert {names[id(p)].rsplit(".", 1)[1] for p in decayed["params"]} == {"weight"}
    assert {"stellar.encoder.tokens", "stellar.encoder.positions", "stellar.encoder.summary_token",
            "stellar.encoder.norm.weight"} <= {names[id(p)] for p in free["params"]}
    assert len(decayed["params"]) + len(free["params"]) == sum(1 for _ in learner.parameters())


def test_what_a_start_brings_learns_at_its_own_share_of_the_rate(photos):
    learner = loop.build(tiny(photos), [])
    groups = parameter_groups(learner, OptimizerConfig(encoder_rate=0.2))
    names = {id(parameter): name for name, parameter in learner.named_parameters()}
    shares = {names[id(parameter)]: group["share"] for group in groups for parameter in group["params"]}
    assert len(shares) == len(names)
    slow = {name for name, share in shares.items() if share == 0.2}
    assert {name.split(".")[1] for name in slow} == {"encoder"} and "stellar.encoder.tokens" not in slow
    assert {"stellar.encoder.embedding.patch.weight", "stellar.encoder.blocks.0.attn.qkv.weight",
            "stellar.encoder.positions", "stellar.encoder.norm.bias"} <= slow

    optimizer = torch.optim.AdamW(groups)
    config = tiny(photos)
    rate = set_learning_rate(optimizer, config, 3, 100)
    assert rate == learning_rate(config, 3, 100)
    assert [group["lr"] for group in optimizer.param_groups] == [group["share"] * rate for group in groups]


@pytest.mark.parametrize(("asked", "multiplies", "word"), [
    ("auto", torch.bfloat16, "bf16"), ("auto", torch.float32, "no"), ("no", torch.bfloat16, "no"),
    ("bf16", torch.float32, "bf16"),
])
def test_auto_is_bfloat16_only_where_it_is_faster(photos, monkeypatch, asked, multiplies, word):
    monkeypatch.setattr(loop, "choose_dtype", lambda dtype, device: multiplies)
    assert loop.precision(replace(tiny(photos), precision=asked), "cpu") == word


def test_the_schedule_warms_up_and_ends_low(photos):
    config = tiny(photos)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4) and max(rates) == pytest.approx(1e-3) and rates.index(max(rates)) in (9, 10)
    assert rates[-1] < 2e-5 and all(b <= a for a, b in zip(rates[10:], rates[11:], strict=False))


# What stops a run


def test_a_loss_that_is_no_number_stops_at_once_and_names_its_batch(photos, tmp_path, monkeypatch):
    real, calls = StellarLearner.forward, []

    def poisoned(self, found):
        losses, metrics = real(self, found)
        calls.append(1)
        if len(calls) == 4:
            losses["koleo"] = losses["koleo"] * float("nan")
        return losses, metrics

    monkeypatch.setattr(StellarLearner, "forward", poisoned)
    with pytest.raises(RunError, match=r"at step 3 the loss is no number \(koleo\).*\.png.*step-0000002"):
        run(tiny(photos), tmp_path / "run", device="cpu", quiet=True)
    assert len(calls) == 4
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["state"] == "stopped" and "koleo" in status["reason"]
    monkeypatch.setattr(StellarLearner, "forward", real)
    run(tiny(photos), tmp_path / "run", resume=True, device="cpu", quiet=True)


def test_a_full_disk_costs_no_checkpoint(photos, unbroken, tmp_path, monkeypatch):
    out, real = tmp_path / "run", RunFolder.save

    def full(self, step, write):
        def refuse(path):
            (path / "half").write_bytes(b"x")
            raise OSError(28, "No space left on device")

        return real(self, step, write if step < 6 else refuse)

    monkeypatch.setattr(RunFolder, "save", full)
    with pytest.raises(RunError, match=r"step 6 could not be written .*No space left.*step-0000004"):
        run(tiny(photos), out, device="cpu", quiet=True)
    assert [path.name for path in RunFolder(out).saved()] == ["step-0000002", "step-0000004"]
    assert not list((out / "checkpoints").glob("*.part"))
    monkeypatch.setattr(RunFolder, "save", real)
    run(tiny(photos), out, resume=True, device="cpu", quiet=True)
    assert all(torch.equal(weights(out)[name], tensor) for name, tensor in weights(unbroken).items())


def test_another_recipe_does_not_resume(photos, unbroken):
    with pytest.raises(RunError, match=r"another recipe \(weights.koleo was 0.1 and is 0.2\)"):
        run(tiny(photos).override(["weights.koleo=0.2"]), unbroken, resume=True, device="cpu", quiet=True)
    with pytest.raises(RunError, match="holds a run already"):
        run(tiny(photos), unbroken, device="cpu", quiet=True)


def test_other_photos_do_not_resume(photos, unbroken, tmp_path):
    shutil.copytree(photos, tmp_path / "photos")
    shutil.copytree(unbroken, tmp_path / "run")
    recipe_file = tmp_path / "run" / "recipe.json"
    recipe_file.write_text(recipe_file.read_text().replace(str(photos), str(tmp_path / "photos")))
    run(tiny(tmp_path / "photos"), tmp_path / "run", resume=True, device="cpu", quiet=True)
    next((tmp_path / "photos").iterdir()).unlink()
    with pytest.raises(RunError, match="photos was"):
        run(tiny(tmp_path / "photos"), tmp_path / "run", resume=True, device="cpu", quiet=True)


def test_a_mistake_in_the_data_leaves_no_folder(tmp_path):
    with pytest.raises(DataError):
        run(tiny(tmp_path / "nothing"), tmp_path / "run", device="cpu", quiet=True)
    assert not (tmp_path / "run").exists()


def test_there_is_nothing_to_resume(photos, tmp_path):
    with pytest.raises(RunError, match="no run in"):
        run(tiny(photos), tmp_path / "run", resume=True, device="cpu", quiet=True)


def test_too_many_bad_photos_stop_a_run(tmp_path):
    for i in range(20):
        if i % 2:
            Image.new("RGB", (40, 40), (i, 0, 0)).save(tmp_path / f"{i:02d}.png")
        else:
            (tmp_path / f"{i:02d}.png").write_bytes(b"no photo")
    with pytest.raises(DataError, match=r"photos could not be read.*\.png"):
        run(tiny(tmp_path), tmp_path / "run", device="cpu", quiet=True)


# The tokenizer's run


@pytest.mark.parametrize(("paths", "more"), [
    ({"linear_path": True, "linear_encoder": True}, []),
    ({"linear_path": True}, ["weights.codebook=1.0"]),
    ({}, ["weights.codebook=1.0", "weights.adversarial=0.1"]),
])
def test_a_tokenizer_trains_and_teaches_a_decoder(photos, tmp_path, paths, more):
    narrow = TokenizerConfig(hidden_channels=32, channel_multipliers=(1, 1, 1), num_res_blocks=1, code_width=8,
                             num_codes=32, unshuffle=4, **paths)
    config = replace(recipe("tokenizer").override(["views.resolutions=32", "steps=6", "batch_size=4", "save_every=3",
                                                   "data.num_workers=0", "log_every=1", *more]),
                     data=DataConfig(source=str(photos), num_workers=0))
    config = replace(config, model=replace(config.model, tokenizer=narrow))
    path = run(config, tmp_path / "tokenizer", device="cpu", quiet=True)
    lines = log(tmp_path / "tokenizer")
    critic = {"critic"} if "adversarial" in config.weights else set()
    assert set(lines[-1]["losses"]) == {"total", *config.weights, *critic}
    assert lines[0]["metrics"]["live_codes"] > 0.9, "the first batch sets every code"
    tokenizer = Tokenizer.load(path)
    codes = tokenizer.encode(torch.rand(2, 3, 32, 48))
    assert codes.shape == (2, 2, 3) and tokenizer.decode(codes).shape == (2, 3, 32, 48)
    again = Tokenizer.load(run(replace(config, init=str(path), steps=2), tmp_path / "again", device="cpu", quiet=True))
    stands = torch.equal(again.codebook, tokenizer.codebook)
    assert stands == narrow.linear_encoder, "what a STELLAR's decoder predicts keeps its meaning"
    assert not torch.equal(again.decoder.conv_out.weight, tokenizer.decoder.conv_out.weight)

    taught = tiny(photos, steps=2, tokenizer_weights=str(path))
    decoder = DecoderConfig(width=32, depth=1, num_heads=2, mlp_width=64, num_codes=32)
    taught = replace(taught, model=replace(taught.model, decoder=decoder))
    finished = Stellar.load(run(taught, tmp_path / "stellar", device="cpu", quiet=True), device="cpu", dtype="float32")
    assert torch.equal(finished.tokenizer.codebook, tokenizer.codebook), "the tokenizer is frozen"
    assert finished.decode(finished.factorize(torch.rand(1, 3, 32, 32))).shape == (1, 3, 32, 32)


def test_a_linear_tokenizer_begins_where_classical_vector_quantization_ends(photos):
    """Codes are K-means of the patches' principal components, and plain colours come back without a seam."""
    config = recipe("tokenizer").override(["views.resolutions=32"])
    wide = TokenizerConfig(hidden_channels=32, channel_multipliers=(1, 1, 1), num_res_blocks=1, code_width=16,
                           num_codes=24, unshuffle=4, linear_path=True, linear_encoder=True)
    config = replace(config, data=DataConfig(source=str(photos)), model=replace(config.model, tokenizer=wide))
    learner = loop.build(config, open_photos(config.data))
    tokenizer = learner.tokenizer.eval()
    assert not any(parameter.requires_grad for parameter in tokenizer.encoder.parameters())
    basis = tokenizer.encoder.linear.weight.flatten(1)
    torch.testing.assert_close(basis @ basis.T, torch.eye(len(basis)), atol=1e-4, rtol=0)
    assert tokenizer.codebook.unique(dim=0).shape == tokenizer.codebook.shape

    # Of equal codes, decoded far from the border, each period of pixels is the next one's.
    with torch.no_grad():
        flat = tokenizer.decoder(tokenizer.encoder(torch.full((1, 3, 160, 160), 0.6)))[0, :, 64:96, 64:96]
    torch.testing.assert_close(flat[:, :16, :16], flat[:, 16:, 16:], atol=1e-4, rtol=0)
    plain = TokenizerConfig(**{**asdict(wide), "linear_encoder": False})
    assert "encoder.conv_in.weight" in Tokenizer(plain).state_dict()
    assert set(tokenizer.encoder.state_dict()) == {"linear.weight", "linear.bias"}


def test_a_decoder_of_codes_needs_a_tokenizer_of_as_many(photos):
    config = tiny(photos)
    codes = replace(config, model=replace(config.model, decoder=replace(config.model.decoder, num_codes=7)))
    with pytest.raises(RecipeError, match="needs a tokenizer"):
        loop.build(codes, [])
