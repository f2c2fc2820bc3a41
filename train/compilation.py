"""torch.compile of the transformer blocks, in which nearly all of a step's small operations are."""

from __future__ import annotations

import torch
from timm.models.vision_transformer import Block
from torch import nn

from model.checkpoints.checkpoint import first_line


def compile_blocks(learner: nn.Module, device: torch.device) -> str | None:
    """Compiles each transformer block of a learner, in place: names of parameters stay. Returns why not, a sentence,
    where this machine cannot; the run then goes on without.

    Block by block and not the whole: blocks of one size share one compilation, which takes seconds, and what comes with
    the step (its progress, which views there are) compiles nothing anew.
    """
    blocks = [part for part in learner.modules() if isinstance(part, Block)]
    if not blocks:
        return "this run has no transformer blocks to compile; it goes on without"
    if reason := why_not(device):
        return f"torch.compile does not work here ({reason}); the run goes on without"
    # A shape or a mode too many, and torch goes on with what is not compiled; so it does where compiling one fails.
    torch._dynamo.config.suppress_errors = True
    for block in blocks:
        block.compile()
    return None


def why_not(device: torch.device) -> str | None:
    """What compiling the smallest function on this device raises: it needs a compiler on a CPU, Triton on a GPU."""
    number = torch.ones(2, device=device, requires_grad=True)
    try:
        torch.compile(lambda x: (x.sin() + 1).sum())(number).backward()
    except Exception as error:  # torch's parts and the compilers each raise their own
        return first_line(error)
    return None
