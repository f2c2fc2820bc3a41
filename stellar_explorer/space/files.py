"""What a Space is sent: what git tracks, as it lies here, of what the page needs to run."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stellar_explorer.space.card import space_card
from stellar_explorer.space.requirements import space_requirements

ROOT = Path(__file__).resolve().parent.parent.parent

# The rule: these, as far as git tracks them. Training, tests, benchmarks and the tools' files stay at home; README.md
# and requirements.txt are made for the Space.
NEEDED_FILES = ("app.py", "LICENSE", "packages.txt")
NEEDED_FOLDERS = ("assets/", "index/", "model/", "photos/", "stellar_explorer/")
# Of these folders of a Space, what its owner put there by hand stays.
OWNERS = ("assets/checkpoints/",)


class SpaceError(ValueError):
    """One sentence: why a Space cannot be made, and what to do."""


@dataclass(frozen=True)
class SpaceFile:
    """path: in the Space, with slashes. source: a file here, or the content of one made for the Space."""

    path: str
    source: Path | bytes

    @property
    def num_bytes(self) -> int:
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size


def space_files(root: Path = ROOT, *, hardware: str) -> list[SpaceFile]:
    """Everything that a Space on `hardware` needs. Raises SpaceError."""
    found = [SpaceFile(path, root / path) for path in tracked(root) if is_needed(path)]
    for file in found:
        if not file.source.is_file():
            raise SpaceError(f"{file.path} is tracked by git, but missing here; restore it "
                             f"(git checkout -- {file.path}) or take it out of git.")
    try:
        made = {"README.md": space_card(root), "requirements.txt": space_requirements(root, hardware=hardware)}
    except (ValueError, OSError) as error:
        raise SpaceError(str(error)) from error
    return [*found, *(SpaceFile(path, text.encode()) for path, text in made.items())]


def is_needed(path: str) -> bool:
    return path in NEEDED_FILES or path.startswith(NEEDED_FOLDERS)


def tracked(root: Path) -> list[str]:
    """What git tracks, with slashes. Raises SpaceError where that is not known."""
    listing = None
    if (root / ".git").exists() and shutil.which("git"):
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, encoding="utf-8")
    if listing is None or listing.returncode:
        raise SpaceError(f"What belongs into the Space is what git tracks, and {root} is no git checkout that git can "
                         "read; clone the repository and run this there.")
    return [path for path in listing.stdout.split("\0") if path]


def version_of(root: Path) -> str:
    """The commit in short, and whether files here differ from it."""
    answers = [subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, encoding="utf-8")
               for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))]
    commit, changed = (answer.stdout.strip() for answer in answers)
    return f"{commit or 'no commit yet'}{' with local changes' if changed else ''}"
