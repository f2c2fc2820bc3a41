"""A run goes on from the newest checkpoint that is whole, tells each step once, and a full disk costs it nothing."""

import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.train.data.test_workers import no_larger_file_than
from tests.train.test_loop import log, photos, tiny, unbroken, weights  # noqa: F401
from train.loop import run
from train.run_folder import RunError, RunFolder
from train.starts import heads_of_start


@pytest.fixture
def killed(unbroken, tmp_path) -> Path:  # noqa: F811
    """A run as a kill after step 8 of 8 leaves it: checkpoints of steps 6 and 8, more steps told than were saved."""
    out = tmp_path / "run"
    shutil.copytree(unbroken, out)
    (out / "model.safetensors").unlink()
    return out


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def files_of_a_checkpoint(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints" / "step-0000008").iterdir())


def same(folder: Path, other: Path) -> bool:
    one, two = weights(folder), weights(other)
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_each_file_of_a_checkpoint_may_be_cut_short_and_the_one_before_is_taken(photos, unbroken, killed, tmp_path,  # noqa: F811
                                                                                 capsys):
    names = files_of_a_checkpoint(killed)
    assert {"model.safetensors", "optimizer.bin", "random_states_0.pkl", "custom_checkpoint_0.pkl"} == set(names)
    for name in names:
        out = tmp_path / name
        shutil.copytree(killed, out)
        cut(out / "checkpoints" / "step-0000008" / name)
        run(tiny(photos), out, resume=True, device="cpu", quiet=True)
        said = capsys.readouterr().err
        assert f"step-0000008/{name} is" in said and "goes on from" in said and "step-0000006" in said
        assert same(out, unbroken) and (out / "checkpoints" / "step-0000008.damaged" / name).is_file()
        assert [path.name for path in RunFolder(out).saved()] == ["step-0000006", "step-0000008"]


def empty(file: Path) -> None:
    file.write_bytes(b"")


def flip(file: Path) -> None:
    """A bit in the middle, where only a check sum tells."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


@pytest.mark.parametrize(("name", "harm", "sentence"), [
    ("optimizer.bin", empty, "optimizer.bin is empty"), ("optimizer.bin", flip, "optimizer.bin is damaged"),
    ("model.safetensors", empty, "model.safetensors is empty"), ("model.safetensors", Path.unlink, "holds no weights")])
def test_what_else_may_be_wrong_with_a_checkpoint_is_seen(killed, name, harm, sentence):
    harm(killed / "checkpoints" / "step-0000008" / name)
    checkpoint, [problem] = RunFolder(killed).newest_whole()
    assert checkpoint.name == "step-0000006" and sentence in problem and "step-0000008" in problem


def test_a_run_whose_checkpoints_are_all_cut_short_says_so_and_changes_nothing(photos, killed):  # noqa: F811
    for step in (6, 8):
        cut(killed / "checkpoints" / f"step-000000{step}" / "model.safetensors")
    before = {path: path.read_bytes() for path in killed.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match=r"no checkpoint in .* is whole \(.*step-0000008/model.safetensors is cut short: "
                                       r"it has .* bytes; .*step-0000006.*\); bring one back from a copy, or begin"):
        run(tiny(photos), killed, resume=True, device="cpu", quiet=True)
    assert {path: path.read_bytes() for path in killed.rglob("*") if path.is_file()} == before


def test_a_checkpoint_that_lacks_a_file_says_what_to_do(photos, killed):  # noqa: F811
    (killed / "checkpoints" / "step-0000008" / "optimizer.bin").unlink()
    with pytest.raises(RunError, match=r"step-0000008 cannot be loaded \(.*\); delete it, and --resume goes on from"):
        run(tiny(photos), killed, resume=True, device="cpu", quiet=True)


@pytest.mark.parametrize("name", ["recipe.json", "origin.json"])
def test_what_a_run_says_of_itself_may_be_cut_short(photos, killed, name):  # noqa: F811
    cut(killed / name)
    with pytest.raises(RunError, match=rf"{name} cannot be read \(.*\); bring it back from a copy, or begin anew"):
        run(tiny(photos), killed, resume=True, device="cpu", quiet=True)


def test_a_start_takes_the_heads_of_the_newest_whole_checkpoint(killed, unbroken):  # noqa: F811
    six, eight = (load_file(unbroken / "checkpoints" / f"step-000000{step}" / "model.safetensors") for step in (6, 8))
    learner = torch.nn.Module()
    [name] = [name for name in eight if name.startswith("prototypes.") and not torch.equal(six[name], eight[name])][:1]
    holder, leaf = learner, name.split(".")
    for part in leaf[:-1]:
        holder.add_module(part, torch.nn.Module())
        holder = getattr(holder, part)
    holder.register_buffer(leaf[-1], torch.zeros_like(six[name]))
    assert torch.equal(heads_of_start(learner, str(killed))[name], eight[name])
    cut(killed / "checkpoints" / "step-0000008" / "model.safetensors")
    assert torch.equal(heads_of_start(learner, str(killed))[name], six[name])
    cut(killed / "checkpoints" / "step-0000006" / "model.safetensors")
    with pytest.raises(ValueError, match="step-0000008/model.safetensors is cut short"):
        heads_of_start(learner, str(killed))


# What is told of the steps


def events(folder: Path) -> dict[str, list[int]]:
    """The steps of each curve, as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    found.Reload()
    return {tag: [event.step for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_a_step_is_told_once_however_often_a_run_is_killed(photos, unbroken, killed):  # noqa: F811
    """Told steps that were not saved are taken again, so what was told of them goes, and half a line with them."""
    folder = RunFolder(killed)
    for left, half in ((6, b'{"step": 8, "losses": {"to'), (6, b'{"step": 8, "st{"step": 8}\n\xff\n[]\n')):
        shutil.rmtree(killed / "checkpoints" / "step-0000008")
        with open(killed / "log.jsonl", "ab") as file:
            file.write(half)
        assert [path.name for path in folder.saved()][-1] == f"step-000000{left}"
        run(tiny(photos), killed, resume=True, device="cpu", quiet=True)
        assert [line["step"] for line in log(killed)] == [line["step"] for line in log(unbroken)]
        assert events(killed) == events(unbroken) and events(unbroken)["losses/total"] == list(range(1, 9))
    assert same(killed, unbroken)


def test_a_run_that_was_killed_before_it_saved_begins_its_log_anew(photos, unbroken, killed):  # noqa: F811
    shutil.rmtree(killed / "checkpoints")
    run(tiny(photos), killed, resume=True, device="cpu", quiet=True)
    assert [line["step"] for line in log(killed)] == list(range(1, 9))
    assert events(killed) == events(unbroken) and same(killed, unbroken)


def test_a_finished_run_that_is_resumed_keeps_its_log(photos, unbroken, tmp_path):  # noqa: F811
    shutil.copytree(unbroken, tmp_path / "run")
    (tmp_path / "run" / ".model.safetensors.a1b2_c3d").write_bytes(b"what a kill left of a write")
    run(tiny(photos), tmp_path / "run", resume=True, device="cpu", quiet=True)
    assert log(tmp_path / "run") == log(unbroken) and events(tmp_path / "run") == events(unbroken)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {path.name for path in unbroken.iterdir()}


# A disk that is full


def test_a_disk_that_is_full_stops_a_run_with_a_sentence_and_keeps_what_was_saved(photos, unbroken, tmp_path,  # noqa: F811
                                                                                   monkeypatch):
    out, save = tmp_path / "run", RunFolder.save

    def full(self, step, write):
        with no_larger_file_than(20_000) if step == 6 else nullcontext():
            return save(self, step, write)

    monkeypatch.setattr(RunFolder, "save", full)
    with pytest.raises(RunError, match=r"^the checkpoint of step 6 could not be written \(.*File too large.*\); the "
                                       r"last good one is .*step-0000004. Make room, then go on with --resume$"):
        run(tiny(photos), out, device="cpu", quiet=True)
    assert {path.name for path in (out / "checkpoints").iterdir()} == {"step-0000002", "step-0000004"}
    monkeypatch.undo()
    run(tiny(photos), out, resume=True, device="cpu", quiet=True)
    assert same(out, unbroken) and [line["step"] for line in log(out)] == list(range(1, 9))


def test_the_finished_weights_and_the_log_may_find_no_room(photos, killed, monkeypatch):  # noqa: F811
    from model.checkpoints import writing

    def full(*arguments, **settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "save_file", full)
    with pytest.raises(RunError, match=r"model.safetensors could not be written \(No space left on device\); the last "
                                       r"good one is .*step-0000008. Make room, then go on with --resume"):
        run(tiny(photos), killed, resume=True, device="cpu", quiet=True)
    monkeypatch.undo()
    monkeypatch.setattr("train.run_folder.write_whole", full)
    with pytest.raises(RunError, match=r"cannot be written \(No space left on device\); make room, or name another"):
        run(tiny(photos), killed.with_name("new"), device="cpu", quiet=True)
    with pytest.raises(RunError, match="status.json could not be written"):
        RunFolder(killed).status("running")
    RunFolder(killed).stopped("the disk is full")  # what stopped it is told, not that this could not be written
    assert json.loads((killed / "status.json").read_text())["state"] == "stopped"
