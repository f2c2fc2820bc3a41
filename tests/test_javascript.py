"""JavaScript is code too: its types are right, its lint is clean, its lines are short, its unit tests pass."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.node import ROOT, package_file, run

MOST_COLUMNS = 120
MOST_TOLD = 40
# tsc would pass over a file that begins so; none does.
UNTYPED = "// @ts-nocheck"
FOLDERS = (ROOT / "stellar_explorer" / "web", ROOT / "tests" / "web")
VENDOR = FOLDERS[0] / "vendor"


def told(output: str) -> str:
    """The beginning of what a tool found, and how much more there is."""
    lines = output.strip().splitlines()
    more = [f"... and {len(lines) - MOST_TOLD} lines more"] if len(lines) > MOST_TOLD else []
    return "\n".join([*lines[:MOST_TOLD], *more])


def scripts() -> list[Path]:
    found = [file for folder in FOLDERS for file in sorted(folder.rglob("*.js")) if VENDOR not in file.parents]
    assert found, "no script was found: these tests would prove nothing"
    return found


def long_lines(text: str) -> list[int]:
    return [at for at, line in enumerate(text.splitlines(), 1) if len(line) > MOST_COLUMNS]


def test_types_are_right():
    status, output = run(package_file("typescript/bin/tsc"), "-p", ROOT, "--pretty", "false")
    assert status == 0, told(output)


def test_lint_is_clean():
    status, output = run(package_file("@biomejs/biome/bin/biome"), "lint", "--error-on-warnings", "--colors=off",
                         f"--max-diagnostics={MOST_TOLD}")
    assert status == 0, output


def test_lines_are_short():
    faults = [f"{file.relative_to(ROOT).as_posix()}:{at} is longer than {MOST_COLUMNS} columns"
              for file in scripts() for at in long_lines(file.read_text(encoding="utf-8"))]
    assert not faults, told("\n".join(faults))


def test_the_rule_of_lines_sees_what_it_should():
    assert long_lines(f"const a = 1;\n{'é' * 120}\n{'x' * 121}\n") == [3]
    assert long_lines("") == []


def test_every_script_is_typed():
    untyped = [file.relative_to(ROOT).as_posix() for file in scripts() if UNTYPED in file.read_text(encoding="utf-8")]
    assert not untyped


def test_unit_tests_pass():
    tests = sorted((ROOT / "tests" / "web").rglob("*.test.js"))
    assert tests, "no test was found in tests/web"
    status, output = run("--test", "--test-reporter=spec", *tests)
    assert status == 0, output


def test_versions_are_exact_and_locked():
    """Each package by version and content, and from whichever registry a machine uses."""
    wanted = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert lock[""]["devDependencies"] == wanted
    for name, version in wanted.items():
        assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version) and lock[f"node_modules/{name}"]["version"] == version
    for name, package in lock.items():
        assert "resolved" not in package and (name == "" or package["integrity"].startswith("sha512-")), name


def test_types_are_checked_in_strict(tmp_path):
    """The settings do what they are for, on files of their own."""
    compiler = package_file("typescript/bin/tsc")
    area = "export const area = (side) => side ** 2;"
    for name, source in (("wrong", f"/** @param {{number}} side */\n{area}\narea('a');"), ("bare", area),
                         ("untyped", f"{UNTYPED}\n{area}")):
        (tmp_path / f"{name}.js").write_text(source, encoding="utf-8")
    settings = {"extends": str(ROOT / "tsconfig.json"), "include": [str(tmp_path / "*.js")], "exclude": []}
    (tmp_path / "tsconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    status, output = run(compiler, "-p", tmp_path, "--pretty", "false")
    assert status != 0
    assert re.findall(r"(\w+)\.js\(.*error (TS\d+)", output) == [("bare", "TS7006"), ("wrong", "TS2345")]
