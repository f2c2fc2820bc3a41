"""Weights from the hub, over HTTP: redirects, breaks, damage, refusals and no network, each whole or a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from model.checkpoints import checkpoint
from model.checkpoints.checkpoint import CheckpointError
from model.stellar import Stellar
from tests.fakes.hub import COMMIT, FakeHub, fake_hub, point_at
from tests.weights import reference_state

FILE = "microsoft/STELLAR/stellar-b16.safetensors"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> bytes:
    """A small checkpoint in the published layout."""
    path = tmp_path_factory.mktemp("published") / "stellar-b16.safetensors"
    shapes = json.loads((Path(__file__).resolve().parents[2] / "parity" / "encoder_p16.json").read_text())
    save_file(reference_state(shapes), path)
    return path.read_bytes()


@pytest.fixture
def hub(monkeypatch, tmp_path, weights):
    monkeypatch.setattr(checkpoint, "CHECKPOINT_FOLDER", tmp_path / "placed")
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client's, between its attempts
    with fake_hub(monkeypatch, tmp_path / "cache") as hub:
        hub.files[FILE] = weights
        yield hub


def load() -> Stellar:
    return Stellar.load("stellar-b16", device="cpu", dtype="float32", num_heads=4, decoder_num_heads=4)


def refusal() -> str:
    with pytest.raises(CheckpointError) as caught:
        load()
    sentence = str(caught.value)
    assert "\n" not in sentence and "stellar-b16.safetensors" in sentence
    return sentence


def nothing_kept(cache: Path) -> bool:
    """No content is in the cache, half or whole, and the name is not at hand."""
    kept = [path for path in cache.rglob("*") if path.is_file() and path.stat().st_size > 1000]
    return not kept and not checkpoint.is_at_hand("stellar-b16")


def test_a_name_is_fetched_once_over_redirects_with_a_bar_and_then_needs_no_hub(hub, monkeypatch, capfd):
    hub.moved["microsoft/STELLAR"] = "microsoft/STELLAR-2"
    hub.files["microsoft/STELLAR-2/stellar-b16.safetensors"] = hub.files.pop(FILE)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)  # the client draws for a terminal alone
    image = torch.rand(1, 3, 32, 32)
    first = load().factorize(image).semantics
    assert "100%" in capfd.readouterr().err
    # The token is the hub's alone: not told to the server that it redirects to.
    assert {asked.get("authorization") for asked in hub.asked("HEAD", "/resolve/")} == {f"Bearer {hub.token}"}
    assert {asked.get("authorization") for asked in hub.asked("GET", "/content/")} == {None}
    assert COMMIT in str(checkpoint.resolve("stellar-b16"))
    hub.log.clear()
    hub.status = 503
    assert torch.equal(load().factorize(image).semantics, first) and not hub.log


def test_a_download_that_breaks_off_goes_on_where_it_was(hub, weights, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100_000)  # what is written, and so kept, at once
    hub.breaks = [250_000, 150_000]
    assert checkpoint.resolve("stellar-b16").read_bytes() == weights
    starts = [asked.get("range") for asked in hub.asked("GET", "/content/")]
    assert starts == [None, "bytes=200000-", "bytes=300000-"]


def test_a_download_that_never_ends_is_not_taken_for_one_that_did(hub, weights, tmp_path):
    hub.breaks = [len(weights) // 2, *[0] * 20]
    assert "could not be downloaded" in refusal()
    assert nothing_kept(tmp_path / "cache")
    hub.breaks.clear()
    assert checkpoint.resolve("stellar-b16").read_bytes() == weights


def test_a_process_killed_in_a_download_leaves_nothing_that_is_taken_for_the_file(hub, weights, tmp_path):
    """The process is told of the hub as a person would tell it: HF_ENDPOINT."""
    hub.stalls = len(weights) // 2
    child = subprocess.Popen(
        [sys.executable, "-c", "from model.checkpoints.checkpoint import resolve; resolve('stellar-b16')"],
        cwd=Path(__file__).resolve().parents[3], stderr=subprocess.DEVNULL,
        env={**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": str(tmp_path / "cache"),
             "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"})
    try:
        assert hub.stalled.wait(timeout=120)
    finally:
        child.kill()
        child.wait()
    assert not checkpoint.is_at_hand("stellar-b16")
    assert checkpoint.resolve("stellar-b16").read_bytes() == weights


def test_a_wrong_checksum_is_thrown_away(hub, weights, tmp_path):
    hub.damaged = True
    sentence = refusal()
    assert "arrived damaged" in sentence and "microsoft/STELLAR" in sentence and "try again" in sentence
    assert nothing_kept(tmp_path / "cache")
    hub.damaged = False
    assert checkpoint.resolve("stellar-b16").read_bytes() == weights


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (401, {"X-Error-Code": "RepoNotFound"}, ("401", "HF_TOKEN", "hf auth login")),
        (403, {"X-Error-Code": "GatedRepo"}, ("403", "accept its terms")),
        (404, {"X-Error-Code": "RevisionNotFound"}, ("404", "no such repository, revision or file")),
        (429, {"Retry-After": "30"}, ("429", "in 30 seconds")),
        (429, {}, ("429", "in some minutes")),
        (503, {}, ("503", "out of order")),
    ],
)
def test_a_refusal_says_what_to_do(hub: FakeHub, tmp_path, status, headers, words):
    hub.status, hub.headers = status, headers
    sentence = refusal()
    assert all(word in sentence for word in (*words, "assets/checkpoints")), sentence
    assert len(hub.log) == 1 and nothing_kept(tmp_path / "cache")


def test_a_file_that_the_repository_lacks_is_named(hub, tmp_path):
    hub.files.clear()
    assert "404" in refusal() and nothing_kept(tmp_path / "cache")


def test_offline_what_was_fetched_loads_and_the_rest_is_a_sentence(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refusal() and not hub.log
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    load()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.log.clear()
    load()
    assert not hub.log


def test_no_route_is_a_sentence(hub, monkeypatch):
    point_at(monkeypatch, "http://127.0.0.1:9")  # nothing listens there
    assert "could not be downloaded" in refusal()
