"""As a person would: the smoke recipe trains on the example photos, is killed, resumes and is evaluated."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parent.parent.parent


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", *map(str, arguments)]


def drawn_objects(folder: Path) -> Path:
    """Photos of one bright square each, with its outline beside it."""
    folder.mkdir()
    for i in range(6):
        left, top = 8 + 4 * i, 40 - 4 * i
        photo = Image.fromarray(np.random.default_rng(i).integers(0, 60, (96, 96, 3), dtype=np.uint8))
        ImageDraw.Draw(photo).rectangle((left, top, left + 40, top + 40), fill=(250, 200, 40))
        photo.save(folder / f"{i}.png")
        corners = [(left, top), (left + 40, top), (left + 40, top + 40), (left, top + 40)]
        outline = " ".join(f"{value / 96:.4f}" for corner in corners for value in corner)
        (folder / f"{i}.txt").write_text(f"{i % 2} {outline}\n")
    return folder


def test_smoke_trains_is_killed_resumes_and_is_evaluated(tmp_path):
    out = tmp_path / "run"
    train = command("train", "--recipe", "smoke", "--data", ROOT / "assets" / "examples", "--out", out, "--quiet",
                    "--device", "cpu")
    process = subprocess.Popen(train, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 150
    while not (out / "checkpoints" / "step-0000010").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "model.safetensors").exists()

    resumed = subprocess.run([*train, "--resume"], cwd=ROOT, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout.splitlines()[-1]) == {"weights": str(out / "model.safetensors")}
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    first, last = (np.mean([line["losses"]["total"] for line in part]) for part in (lines[:3], lines[-3:]))
    assert lines[-1]["step"] == 40 and last < 0.95 * first
    assert load_file(out / "model.safetensors")

    evaluated = subprocess.run(
        command("train.evaluate", f"toy={out / 'model.safetensors'}", "--data", drawn_objects(tmp_path / "objects"),
                "--protocol", "objects,mass,reconstruction", "--resolution", 96, "--out", tmp_path / "scores.json"),
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "TQDM_DISABLE": "1"})
    assert evaluated.returncode == 0, evaluated.stderr
    scores = json.loads((tmp_path / "scores.json").read_text())["models"][0]["scores"]
    assert 0 < scores["objects/mean_best_iou"] <= 1 and scores["objects/count"] == 6
    assert scores["reconstruction/psnr"] > 5
    assert "| objects/mean_best_iou" in evaluated.stdout or "mean_best_iou" in evaluated.stdout
