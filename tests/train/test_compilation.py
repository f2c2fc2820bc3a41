"""Compiled blocks: the same parameters and the same numbers, or a sentence and a run that goes on without."""

import pytest
import torch
from timm.models.vision_transformer import Block
from torch import nn

from tests.train.test_loop import log, tiny, views
from train import compilation, loop
from train.compilation import compile_blocks

CPU = torch.device("cpu")


def test_every_block_is_compiled_and_no_name_changes(monkeypatch):
    monkeypatch.setattr(compilation, "why_not", lambda device: None)
    compiled = []
    monkeypatch.setattr(Block, "compile", lambda self: compiled.append(self), raising=False)
    learner = loop.build(tiny("x"), [])
    names = list(learner.state_dict())
    assert compile_blocks(learner, CPU) is None
    assert compiled == [*learner.stellar.encoder.blocks, *learner.stellar.decoder.blocks]
    assert list(learner.state_dict()) == names
    assert "no transformer blocks" in compile_blocks(nn.Linear(2, 2), CPU)


def test_a_machine_that_cannot_says_why_and_trains_on(tmp_path, monkeypatch, capsys):
    from PIL import Image

    for i in range(4):
        Image.new("RGB", (40, 40), (60 * i, 0, 90)).save(tmp_path / f"{i}.png")

    def refuse(function):
        raise RuntimeError("no compiler was found\nand more")

    monkeypatch.setattr(torch, "compile", refuse)
    loop.run(tiny(tmp_path, steps=1, compile=True), tmp_path / "run", device="cpu", quiet=True)
    assert len(log(tmp_path / "run")) == 1
    told = "torch.compile does not work here (no compiler was found); the run goes on without"
    assert told in capsys.readouterr().out


@pytest.mark.slow
def test_compiled_blocks_give_the_losses_and_gradients_of_plain_ones():
    found = []
    for compiled in (False, True):
        learner = loop.build(tiny("x"), [])
        if compiled and (reason := compile_blocks(learner, CPU)):
            pytest.skip(reason)
        losses, _ = learner(views(4))
        sum(losses.values()).backward()
        gradients = {name: parameter.grad for name, parameter in learner.named_parameters()}
        found.append(({name: loss.detach() for name, loss in losses.items()}, gradients))
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-5)
