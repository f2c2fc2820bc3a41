"""What the Models tab reads: logs that are being written, broken files, hostile text, and its addresses."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from starlette.applications import Starlette
from starlette.testclient import TestClient

from model.checkpoints.checkpoint import SHIPPED
from stellar_explorer.models.card import plain_markdown
from stellar_explorer.models.library import SILENCE, Library, State, duration, settings, state_of
from stellar_explorer.models.routes import library_routes
from stellar_explorer.models.training_log import TrainingLog
from stellar_explorer.views.curves import training_curves
from tests.runs import HOSTILE, append, evaluation, log_line, make_run, write_status


@pytest.fixture
def assets(tmp_path):
    """A folder with nano in it, linked and not copied."""
    folder = tmp_path / "assets" / "nano"
    folder.mkdir(parents=True)
    (folder / "nano.safetensors").symlink_to(SHIPPED["nano"])
    (folder / "README.md").write_text("# nano\n\nA card.", encoding="utf-8")
    return folder.parent


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


def entry(library, name, kind="run"):
    found = [entry for entry in library.overview()["entries"] if (entry["name"], entry["kind"]) == (name, kind)]
    assert len(found) == 1
    return found[0]


def record(library, name, kind="run"):
    return library.record(entry(library, name, kind)["key"])


# The log


def test_a_log_is_read_on_while_it_is_written(tmp_path):
    path = tmp_path / "log.jsonl"
    log = TrainingLog(path)
    log.read()
    assert len(log) == 0 and log.columns() == {} and log.last == {}
    append(tmp_path, 10, 20)
    text = json.dumps(log_line(30))
    with open(path, "a", encoding="utf-8") as file:
        file.write(text[:40])  # torn
    log.read()
    assert len(log) == 2 and log.bad_lines == 0 and log.steps == 3000 and log.last["step"] == 20
    with open(path, "a", encoding="utf-8") as file:
        file.write(text[40:] + "\n")
    log.read()
    steps, values = log.columns()["losses/total"]
    assert steps.tolist() == [10, 20, 30] and values[2] == log_line(30)["losses"]["total"]


def test_only_what_is_new_is_read(tmp_path, monkeypatch):
    append(tmp_path, *range(1, 200))
    log = TrainingLog(tmp_path / "log.jsonl")
    log.read()
    parsed = []
    real = json.loads
    monkeypatch.setattr("stellar_explorer.models.training_log.json.loads",
                        lambda text: parsed.append(text) or real(text))
    append(tmp_path, 200)
    log.read()
    log.read()
    assert len(parsed) == 1 and len(log) == 200


def test_the_later_line_of_a_step_counts_and_the_last_line_is_now(tmp_path):
    append(tmp_path, 10, 20, 30, learning_rate=1.0)
    append(tmp_path, 20, learning_rate=2.0)
    log = TrainingLog(tmp_path / "log.jsonl")
    log.read()
    steps, values = log.columns()["learning_rate"]
    assert steps.tolist() == [10, 20, 30] and values.tolist() == [1, 2, 1] and log.last["step"] == 20


def test_what_a_run_measures_of_itself_is_drawn_beside_its_losses(tmp_path):
    append(tmp_path, 10, 20)
    measured = {"objects/mean_best_iou": 0.4, "reconstruction/lpips": None}
    with open(tmp_path / "log.jsonl", "a", encoding="utf-8") as file:
        for step in (0, 20):
            file.write(json.dumps({"step": step, "steps": 3000, "time": 1.0, "evaluation": measured}) + "\n")
    log = TrainingLog(tmp_path / "log.jsonl")
    log.read()
    columns = log.columns()
    assert columns["evaluation/objects/mean_best_iou"][0].tolist() == [0, 20] and log.bad_lines == 0
    assert columns["losses/total"][0].tolist() == [10, 20], "a line of measures leaves the step's losses be"
    sections = {section["name"]: section["charts"] for section in training_curves(columns)}
    assert [chart["title"] for chart in sections["evaluation"]] == ["Objects: mean best iou"]


def test_a_log_that_was_replaced_is_read_anew(tmp_path):
    append(tmp_path, *range(1, 50))
    log = TrainingLog(tmp_path / "log.jsonl")
    log.read()
    (tmp_path / "log.jsonl").unlink()
    append(tmp_path, *range(1000, 1080))  # longer than before
    log.read()
    assert log.columns()["learning_rate"][0].tolist() == list(range(1000, 1080))
    (tmp_path / "log.jsonl").unlink()
    log.read()
    assert len(log) == 0


@pytest.mark.parametrize("bad", [
    "{", "[]", "3", "null", '"x"', '{"step": -1}', '{"step": "a"}', '{"step": true}', '{"losses": {}}',
    '{"step": 1e400}', "[" * 100_000, "\x00\x01", '{"step": NaN}'])
def test_a_bad_line_is_counted_and_the_rest_is_read(tmp_path, bad):
    append(tmp_path, 1)
    with open(tmp_path / "log.jsonl", "a", encoding="utf-8") as file:
        file.write(bad + "\n\n")
    append(tmp_path, 2)
    log = TrainingLog(tmp_path / "log.jsonl")
    log.read()
    assert len(log) == 2 and log.bad_lines == 1


def test_numbers_that_are_none_are_left_out(tmp_path):
    (tmp_path / "log.jsonl").write_text(
        '{"step": 1, "losses": {"total": NaN, "koleo": 1, "x": "y"}, "metrics": [1], "learning_rate": null}\n')
    log = TrainingLog(tmp_path / "log.jsonl")
    log.read()
    assert set(log.columns()) == {"losses/koleo"}


# Whether a run runs


def test_states():
    now, me = time.time(), os.getpid()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    def state(last_word=None, **status):
        return state_of(status, last_word, now=now)

    assert state(state="running", pid=me, updated=now) is State.RUNNING
    assert state(state="running", pid=gone.pid, updated=now) is State.SILENT
    assert state(state="running", pid=me, updated=now - SILENCE - 1) is State.SILENT
    assert state(now - 5, state="running", pid=me, updated=now - SILENCE - 1) is State.RUNNING  # it logs, so it lives
    for pid in (0, -1, None, "1", True, 2**70):
        assert state(state="running", pid=pid, updated=now) is State.SILENT
    assert state(state="running", pid=me) is State.SILENT
    assert state(state="finished") is State.FINISHED and state(state="stopped") is State.STOPPED
    assert state() is state(state="odd") is state_of(None, now, now=now) is State.UNKNOWN


def test_a_running_training_is_live(assets, runs):
    library = Library(assets=assets, runs=runs)
    assert library.overview()["refresh"] == 0
    folder = make_run(runs / "live")
    make_run(runs / "done", state="finished")
    overview = library.overview()
    assert overview["refresh"] > 0 and overview["entries"][0]["name"] == "live"
    before, same = entry(library, "live"), entry(library, "live")
    assert before == same and before["line"] == "Training now, 20%"
    found = library.record(before["key"])
    assert found["progress"]["share"] == pytest.approx(0.2) and found["progress"]["words"] == "Step 600 of 3,000"
    append(folder, 900)
    after = record(library, "live")
    assert after["version"] != before["version"] and after["progress"]["words"] == "Step 900 of 3,000"
    assert after["sections"][0]["charts"][0]["last"]["step"] == 900
    write_status(folder, "stopped", reason="The disk is full.")
    stopped = record(library, "live")
    assert (stopped["state"], stopped["reason"]) == ("stopped", "The disk is full.")
    assert library.overview()["refresh"] == 0
    write_status(folder, "running", age=SILENCE + 60)
    (folder / "log.jsonl").unlink()
    assert entry(library, "live")["words"] == "No longer heard of"


def test_the_time_that_is_left(tmp_path):
    with open(tmp_path / "log.jsonl", "w", encoding="utf-8") as file:
        for step in range(10, 110, 10):  # two seconds a step, and a night between two sessions
            line = log_line(step, time=1000.0 + 2 * step + (40_000 if step > 50 else 0))
            file.write(json.dumps(line) + "\n")
    log = TrainingLog(tmp_path / "log.jsonl")
    log.read()
    assert log.seconds_a_step() == 2
    assert [duration(seconds) for seconds in (5, 600, 7200, 200_000)] == [
        "about 5 s left", "about 10 min left", "about 2.0 h left", "about 2.3 days left"]


# Folders


def test_the_shipped_checkpoint(assets):
    library = Library(("nano",), assets=assets)
    found = record(library, "nano", "checkpoint")
    facts = {fact["label"]: fact["value"] for fact in found["facts"]}
    assert facts["Concepts"] == "16" and facts["Patch"] == "16 px" and facts["Parameters"].endswith(" M")
    assert found["state"] is None and found["progress"] is None and found["sections"] == [] and found["problems"] == []
    assert library.card(found["key"]) == "### nano\n\nA card."


def test_scores_know_which_file_they_are_of(assets):
    library = Library(assets=assets)
    digest = hashlib.sha256(SHIPPED["nano"].read_bytes()).hexdigest()
    path = assets / "nano" / "evaluation.json"
    for sums, own, problems in ((digest, True, 0), ("0" * 64, True, 1), ("", True, 0)):
        path.write_text(json.dumps(evaluation(sha256=sums, command="x" * len(sums))), encoding="utf-8")
        found = record(library, "nano", "checkpoint")
        assert found["scores"]["table"]["columns"][0]["own"] is own and len(found["problems"]) == problems
    assert "another file" not in " ".join(found["problems"])


def test_what_the_page_was_started_with_is_there_once(assets, runs):
    folder = make_run(runs / "nano", state="finished")
    (folder / "model.safetensors").symlink_to(SHIPPED["nano"])
    alone = runs.parent / "alone.safetensors"
    save_file({"a": torch.zeros(2, 3)}, alone)
    library = Library((str(folder), str(alone), "nano", "owner/name"), assets=assets, runs=runs)
    entries = [(entry["name"], entry["kind"]) for entry in library.overview()["entries"]]
    assert ("alone", "checkpoint") in entries and len(entries) == len(set(entries))
    assert record(library, "alone", "checkpoint")["facts"][1]["value"] == "no whole STELLAR"


def test_a_tokenizer_by_itself(assets):
    from model.checkpoints.writing import write_tokenizer
    from model.config import TokenizerConfig

    path = assets.parent / "tokenizer" / "model.safetensors"
    write_tokenizer(path, TokenizerConfig(), {"codebook": torch.zeros(1024, 256)})
    found = record(Library((str(path),), assets=assets), "tokenizer", "checkpoint")
    assert found["facts"][1]["value"] == "1,024 codes" and "a tokenizer" in found["line"] and not found["problems"]


def test_a_run_itself_and_a_folder_that_is_gone(assets, runs):
    folder = make_run(runs / "nano")
    assert entry(Library(assets=assets, runs=folder), "nano")
    overview = Library(assets=assets, runs=runs / "nowhere").overview()
    assert len(overview["entries"]) == 1 and "nowhere" in overview["problems"][0]


BROKEN = {
    "recipe.json": b"{no", "status.json": b"\xff\xfe", "log.jsonl": b"garbage\n\xff\xff\n[]\n",
    "evaluation.json": b'{"models": []}', "model.safetensors": b"xx", "README.md": b"\xff\xff"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_and_breaks_nothing(assets, runs, name):
    folder = make_run(runs / "broken", state="finished")
    make_run(runs / "whole", state="finished")
    (folder / name).write_bytes(BROKEN[name])
    library = Library(assets=assets, runs=runs)
    found = record(library, "broken")
    said = library.card(found["key"]) if name == "README.md" else " ".join(found["problems"])
    assert name in said and str(runs) not in said
    again = library.record(found["key"])
    assert again["problems"] == found["problems"]
    assert not record(library, "whole")["problems"] and len(library.overview()["entries"]) == 3
    json.dumps(library.overview(), allow_nan=False)


@pytest.mark.parametrize("text", [
    "[" * 200_000, "[]", "null", '{"weights": [1], "steps": {}}', '{"weights": {"a": "b"}}'])
def test_odd_json_breaks_nothing(assets, runs, text):
    folder = make_run(runs / "odd")
    for name in ("recipe.json", "status.json", "evaluation.json"):
        (folder / name).write_text(text)
    json.dumps(record(Library(assets=assets, runs=runs), "odd"), allow_nan=False)


def test_files_that_are_folders_and_empty_runs(assets, runs):
    folder = make_run(runs / "odd")
    (folder / "log.jsonl").unlink()
    (folder / "log.jsonl").mkdir()
    (folder / "README.md").mkdir()
    (runs / "empty").mkdir()
    (runs / ".hidden").mkdir()
    library = Library(assets=assets, runs=runs)
    assert [entry["name"] for entry in library.overview()["entries"] if entry["kind"] == "run"] == ["odd"]
    found = record(library, "odd")
    assert found["sections"] == [] and "log.jsonl" in found["problems"][0] and library.card(found["key"]) == ""


# Cards


def test_a_card_holds_no_html_and_no_foreign_pictures():
    card = plain_markdown(f"---\nlicense: mit\ntitle: {HOSTILE}\n---\n# Title\n\n{HOSTILE} `a<b>` ![x](https://h/p.png)\n"
                          "```html\n<b>code</b>\n# no heading\n```\n## Next\n<https://example.org>")
    assert "license" not in card and card.startswith("### Title")
    assert "<script" not in card and "<img" not in card and "![" not in card
    assert "`a<b>`" in card and "<b>code</b>\n# no heading" in card and "#### Next\n<https://example.org>" in card


def test_a_card_links_to_pages_and_not_to_files_beside_it():
    kept = "`[x](y)` [paper](https://example.org) [up](#top)"
    card = plain_markdown(f"[All figures](evaluation.json), [code](../a.py) {kept}")
    assert card == f"All figures, code {kept}"


@pytest.mark.parametrize("text", ["", "---\nnever closed", "\ufeff---\na: b\n---\n", "```\n<b>"])
def test_odd_cards(text):
    assert "license" not in plain_markdown(text)


# The command line


def test_runs_that_are_nowhere(tmp_path):
    app = Path(__file__).resolve().parent.parent.parent / "app.py"
    command = [sys.executable, str(app), "--runs", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "error: --runs" in done.stderr and "is no folder" in done.stderr


# Addresses


def test_addresses(assets, runs):
    folder = make_run(runs / HOSTILE.replace("/", ""))
    library = Library(assets=assets, runs=runs)
    client = TestClient(Starlette(routes=library_routes(library)))
    overview = client.get("/stellar/models.json")
    assert overview.headers["content-type"] == "application/json" and overview.headers["cache-control"] == "no-store"
    key = overview.json()["entries"][0]["key"]
    assert key.isalnum()
    found = client.get(f"/stellar/models/{key}.json").json()
    assert [picture["step"] for picture in found["pictures"]] == [500, 1000] and ["note", HOSTILE] in found["recipe"]
    picture = client.get("/" + found["pictures"][-1]["address"])
    assert picture.headers["content-type"] == "image/png" and "private" in picture.headers["cache-control"]
    assert picture.content == (folder / "pictures" / "step-001000.png").read_bytes()
    for address in ("nothing.json", "..%2F..%2Fetc%2Fpasswd.json", f"{key}/pictures/7.png", "no/pictures/500.png"):
        assert client.get(f"/stellar/models/{address}").status_code == 404
    assert client.get(f"/stellar/models/{key}/pictures/..%2Frecipe.json").status_code == 404


def test_a_recipes_settings_show_no_path_of_the_machine():
    recipe = {"data": {"source": "/srv/private/photos"}, "init": "timm:vit_base_patch16_224.mae",
              "weights": {"koleo": 0.1},
              "teachers": [{"name": "vit/x", "weights": "/srv/private/teacher.safetensors"}]}
    shown = dict(settings(recipe))
    assert shown["data.source"] == "…/photos" and shown["init"] == "timm:vit_base_patch16_224.mae"
    assert "private" not in shown["teachers"] and "teacher.safetensors" in shown["teachers"]
    assert shown["weights.koleo"] == "0.1"
