"""Several processes say how many they really are, train as one, and are refused where each would train alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_simple_launcher_cmd_env

from tests.train.test_command import photos, refused, smoke  # noqa: F401
from tests.train.test_loop import free_port
from train.loop import run_summary
from train.recipes import recipe
from train.run_folder import RunFolder

ROOT = Path(__file__).resolve().parent.parent.parent


def test_processes_on_cpus_train_as_one(photos, tmp_path):  # noqa: F811
    """Without --device cpu too, where there is no GPU."""
    out = tmp_path / "run"
    command = [word for word in smoke(photos, out) if word not in ("--quiet", "--device", "cpu")]
    command[command.index("--steps") + 1] = "1"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*launcher, str(free_port()), "-m", "train", *command], cwd=ROOT, env=environment,
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("2 processes on CPU: 2 photos each, 4 a step") == 1
    assert json.loads(done.stdout.splitlines()[-1]) == {"weights": str(out / "model.safetensors")}
    assert len((out / "log.jsonl").read_text().splitlines()) == 1
    [checkpoint] = RunFolder(out).saved()
    assert {"random_states_0.pkl", "random_states_1.pkl"} <= {path.name for path in checkpoint.iterdir()}
    assert json.loads((out / "origin.json").read_text())["processes"] == 2


def test_accelerate_on_cpus_starts_one_process_which_is_said(monkeypatch):
    """What it starts, and in which environment, accelerate is asked itself."""
    asked = launch_command_parser().parse_args(["--cpu", "--num_processes", "2", "--num_machines", "1",
                                                "--mixed_precision", "no", "-m", "train", "--recipe", "smoke"])
    asked, _, _ = _validate_launch_command(asked)
    command, environment = prepare_simple_launcher_cmd_env(asked)
    assert command == [sys.executable, "-m", "train", "--recipe", "smoke"] and "WORLD_SIZE" not in environment
    monkeypatch.setattr(os, "environ", environment)
    said = run_summary(recipe("smoke"), SimpleNamespace(num_processes=1, device=torch.device("cpu")))
    assert said.startswith("1 process on CPU: ") and "; accelerate launch --cpu starts one process" in said
    assert "torchrun --nproc_per_node N -m train" in said


@pytest.mark.parametrize(("world", "said"), [(1, "1 process on CPU: 128 photos a step"),
                                             (3, "3 processes on CPU: 128 photos each, 384 a step")])
def test_what_really_runs_is_said(world, said, monkeypatch):
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    config = recipe("base").override(["batch_size=128"])
    assert run_summary(config, SimpleNamespace(num_processes=world, device=torch.device("cpu"))) == said


def test_processes_that_would_each_train_alone_are_refused(photos, tmp_path, capsys, monkeypatch):  # noqa: F811
    monkeypatch.setattr("train.loop.Accelerator", lambda **options: SimpleNamespace(
        num_processes=1, distributed_type=None, device=torch.device("cpu")))
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "2 processes were started, and each would train alone" in refused(smoke(photos, tmp_path / "run"), capsys)
    said = refused(["--recipe", "concepts", "--data", str(photos), "--out", str(tmp_path / "run")], capsys)
    assert "a concept head is trained by one process" in said and not (tmp_path / "run").exists()
