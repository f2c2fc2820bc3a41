"""Node and npm's packages, for the tests that need them: where these are not, a test is skipped with the reason."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

OLDEST = 20
ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "package.json").is_file())


@cache
def found() -> tuple[str | None, str]:
    """-> (node, the one beside this Python first, or None; why it cannot be used)."""
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    if node is None:
        return None, "there is no node; make install-test installs it"
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60).stdout.strip()
    if not said.startswith("v") or int(said[1:].split(".")[0]) < OLDEST:
        return None, f"{node} is {said or 'no node'}; {OLDEST} or newer is needed"
    return node, ""


def node() -> str:
    executable, reason = found()
    if executable is None:
        pytest.skip(reason)
    return executable


def package_file(name: str) -> Path:
    """package_file("axe-core/axe.min.js")"""
    file = ROOT / "node_modules" / name
    if not file.is_file():
        pytest.skip(f"node_modules/{name} is not there; make install-test fetches it, with npm")
    return file


def run(*arguments: str | Path) -> tuple[int, str]:
    """Node in the repository's root -> (exit status, all that it said)."""
    done = subprocess.run([node(), *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, encoding="utf-8", errors="replace", timeout=600)
    return done.returncode, done.stdout
