"""Writes constraints.txt: of all that requirements*.txt lead to, the versions that are installed here.

`make constraints` runs it in the environment in which the tests passed.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
# A version is pinned for every Python from the oldest on, so it is taken where the oldest runs.
OLDEST = (3, 11)
# What torch brings goes with torch's own build, and a machine without a GPU gets none of it, so nothing is said of it.
WITH_TORCH = re.compile(r"(nvidia|cuda)-|(triton|setuptools|faiss-gpu)$")
HEAD = """\
# The versions in which the tests passed, of everything that requirements*.txt lead to. Made by `make constraints`, not
# by hand. A torch that is there already stays as it is: make leaves the lines of torch and torchvision out then. What
# comes with torch for a GPU is not here: it follows torch's own build.
"""


def required(path: Path) -> list[Requirement]:
    lines = (line.split(" #")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def reached(first: list[Requirement]) -> dict[str, str]:
    """Name -> installed version of the requirements and of what they require in turn, on this machine."""
    versions: dict[str, str] = {}
    asked, seen = list(first), set()
    while asked:
        requirement = asked.pop()
        name = canonicalize_name(requirement.name)
        wanted = (name, frozenset(requirement.extras))
        if wanted in seen:
            continue
        seen.add(wanted)
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue  # of another platform, or of requirements-scale.txt
        for line in requires(name) or ():
            then = Requirement(line)
            extras = ("", *requirement.extras)
            if then.marker is None or any(then.marker.evaluate({"extra": extra}) for extra in extras):
                asked.append(then)
    return versions


def constraints(before: str) -> str:
    """The text. What is required, but not installed here, keeps the line it had."""
    first = [requirement for path in sorted(ROOT.glob("requirements*.txt")) for requirement in required(path)]
    lines = {name: f"{name}=={found.split('+')[0]}" for name, found in reached(first).items()}  # 2.14.1+cpu is 2.14.1
    old = {line.split("==")[0]: line for line in before.splitlines() if line and not line.startswith("#")}
    for requirement in first:
        name = canonicalize_name(requirement.name)
        if name not in lines and name in old:
            lines[name] = old[name]
    return HEAD + "\n".join(lines[name] for name in sorted(lines) if not WITH_TORCH.match(name)) + "\n"


def main() -> int:
    path = ROOT / "constraints.txt"
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    if sys.version_info[:2] != OLDEST:
        print("constraints.txt is made with Python {}.{}, the oldest that runs this, because what a newer one installs "
              "may not install there; make an environment of it first.".format(*OLDEST), file=sys.stderr)
        return 2
    text = constraints(before)
    path.write_text(text, encoding="utf-8")
    gradio = re.search(r"^gradio==(.+)$", text, re.MULTILINE)[1]
    card = ROOT / "README.md"  # a Space installs the version that its front matter names
    said = card.read_text(encoding="utf-8")
    card.write_text(re.sub(r"(?<=\n)sdk_version: .+", f"sdk_version: {gradio}", said, count=1),
                    encoding="utf-8")
    print(f"{path.name}: {text.count('==')} versions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
