"""A Space's requirements.txt: what the page imports, at the versions that passed, as small as they come.

Spaces mount this one file where they install, before the rest is there: `-c constraints.txt` would find nothing, so the
versions are written into it. A line --extra-index-url is passed on to pip, and of two builds of one version pip takes
the one with a suffix: torch 2.14.1+cpu rather than 2.14.1.
"""

from __future__ import annotations

import re
from pathlib import Path

# Nothing that a Space is sent imports these; they are training's.
TRAINING = frozenset(("accelerate", "kornia", "tensorboard"))
# Without it, Linux gets torch with CUDA: three gigabytes that a CPU has no use for.
TORCH_FOR_CPU = "https://download.pytorch.org/whl/cpu"
# ZeroGPU lends a GPU to some versions of torch alone; this is the newest.
TORCH_FOR_ZERO = {"torch": "2.11.0", "torchvision": "0.26.0"}
ZERO_GPU = "zero-a10g"
CPU = ("cpu-basic", "cpu-upgrade")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def plain(name: str) -> str:
    """A package's name as comparisons have it: Pillow_Heif and pillow-heif are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


def lines_of(path: Path) -> list[str]:
    """A requirements file without comments and empty lines."""
    lines = (line.split(" #")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def pinned_versions(root: Path) -> dict[str, str]:
    """Package -> the version in constraints.txt; empty without one."""
    path = root / "constraints.txt"
    pins = (line.split(";")[0].strip().partition("==") for line in lines_of(path)) if path.is_file() else ()
    return {plain(name): version for name, _, version in pins}


def space_requirements(root: Path, *, hardware: str) -> str:
    """The text of requirements.txt for a Space on `hardware`."""
    pins = pinned_versions(root)
    if hardware == ZERO_GPU:
        pins |= TORCH_FOR_ZERO
    lines = [f"--extra-index-url {TORCH_FOR_CPU}"] if hardware in CPU else []
    for line in lines_of(root / "requirements.txt"):
        requirement = line.split(";")[0].strip()
        name = plain(NAME.match(requirement)[0])
        if name in TRAINING or name == "faiss-gpu":  # faiss-cpu is enough: what a Space searches is small
            continue
        extras = re.search(r"\[.*?\]", requirement)
        lines.append(f"{NAME.match(requirement)[0]}{extras[0] if extras else ''}=={pins[name]}" if name in pins
                     else requirement)
    return f"# Made by python -m stellar_explorer space, for {hardware}.\n" + "\n".join(lines) + "\n"
