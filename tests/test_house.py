"""The house keeps its own rules: who imports whom, which words are used, what is in the repository and whose it is."""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent

# Imports point one way: photos and model <- train, <- index, and all but train <- stellar_explorer <- app.py.
MAY_IMPORT = {
    "photos": set(),
    "model": set(),
    "train": {"photos", "model"},
    "index": {"photos", "model"},
    "stellar_explorer": {"photos", "model", "index"},
    "app": {"photos", "model", "index", "stellar_explorer"},
}
# Inside index/ too: each room and what lies below it. Beside them errors.py, records.py and taught_word.py, which are
# below all, and concept_index.py, which queries know as a Searchable and only what is above it by its name.
BELOW = {"store": set(), "search": {"store"}, "names": set(), "query": {"store", "names"},
         "build": {"store", "names", "query", "concept_index"}, "atlas": {"store", "names", "concept_index"}}
LOWEST = {"errors", "records", "taught_word"}
# tests/ and benchmarks/ may look at everything, and nothing looks at them.
OURS = {*MAY_IMPORT, "tests", "benchmarks"}

# Only these may name the package. The command line starts in a second because gradio is behind this door.
DOORS = {
    "gradio": ("stellar_explorer/page/*", "stellar_explorer/*/page.py", "app.py"),
    "faiss": ("index/*",),
}

# Names that are imported and that requirements.txt calls otherwise.
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "umap": "umap-learn", "faiss": "faiss-cpu",
                 "pillow_heif": "pillow-heif"}
# Asked for politely: there on a Space alone; of formats those that few want.
OPTIONAL = {"spaces", "lance", "pillow_jxl"}

# The words that STYLE's glossary retires and that have no second, innocent meaning as a part of an identifier.
# "dense", "slot", "feature" and the like have one, so a person has to watch over those.
RETIRED = {
    "lowrank": "low_rank",
    "sparse_token": "token",
    "sparse_tokens": "tokens",
    "dense_tokens": "patch_features",
    "img_tensor": "image",
    "heatmap": "token_map",
    "heat_map": "token_map",
    "peak_dist": "mass",
    "hungarian": "match",
    "contrastive": "clustering or alignment",
}

MOST_FILES = 20

# Written in pieces, so that this file does not find itself.
MACHINE_PATHS = ["/" + folder + "/" for folder in ("work", "root", "home", "Users")]
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs"),
        ("deb", "debian"),
        ("download", "pytorch"),
        ("crates", "io"),
    )
]

# A Space's requirements.txt has to name where torch for the CPU is; nothing here is installed from there.
MAY_NAME = {("stellar_explorer/space/requirements.py", REGISTRY_HOSTS[4])}

FREE_LICENCES = {"CC0 1.0", "CC BY 2.0", "CC BY 4.0", "Public domain"}
EXAMPLES = ROOT / "assets" / "examples"


@cache
def repository_files() -> list[Path]:
    """What is in the repository or about to be: tracked, and untracked files that git does not ignore."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout, so what belongs to the repository is not known")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True, encoding="utf-8",
    ).stdout  # fmt: skip
    files = [ROOT / name for name in listing.split("\0") if name]
    return [file for file in files if file.is_file()]


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def text_of(file: Path) -> str | None:
    """None for what is not text: photos, weights, arrays."""
    content = file.read_bytes()
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


@cache
def trees() -> dict[str, ast.Module]:
    """Path from the root -> syntax tree, for every Python file of ours."""
    python = [file for file in repository_files() if file.suffix == ".py"]
    assert python, "no Python file was found: the tests of the house would prove nothing"
    return {relative(file): ast.parse(file.read_text(encoding="utf-8"), relative(file)) for file in python}


def package_of(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """(line, dotted module, bare): bare is `import x`, which binds the package's own name.

    Relative imports stay inside their package and are left out.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, alias.asname is None
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module, False


def import_faults(path: str, tree: ast.AST) -> list[str]:
    """What a file imports against the rules, a sentence each."""
    package = package_of(path)
    faults = []
    for line, module, bare in imports(tree):
        top = module.split(".")[0]
        where = f"{path}:{line} imports {module}"
        if top in OURS and bare:
            faults.append(f"{where} by its bare name; import from it")
        if package in MAY_IMPORT:
            if top in OURS - {package} - MAY_IMPORT[package]:
                faults.append(f"{where}; {package} may import {sorted(MAY_IMPORT[package]) or 'nothing of ours'}")
            if top in DOORS and not any(fnmatch(path, door) for door in DOORS[top]):
                faults.append(f"{where}; only {' and '.join(DOORS[top])} may")
            if top == "torch" and path.startswith("stellar_explorer/views/"):
                faults.append(f"{where}; views take and return arrays")
    return faults


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of whatever the code names: variables, attributes, arguments, functions, classes, aliases.

    Strings are not names: the table of foreign parameter names has to quote the reference's.
    """
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield line, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield line, name
            case ast.keyword(arg=str(name)) | ast.alias(asname=str(name)):
                yield line, name


def retired_words(name: str) -> list[str]:
    """The retired synonyms in an identifier, word by word: `sparseTokens` and `SPARSE_TOKENS` alike."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return [word for word in RETIRED if f"_{word}_" in f"_{snake}_"]


# Imports


def test_imports_point_one_way():
    faults = [fault for path, tree in trees().items() for fault in import_faults(path, tree)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("model/encoder.py", "from stellar_explorer.photo import fit", "may import nothing of ours"),
        ("model/encoder.py", "from train.loop import run", "may import nothing of ours"),
        ("train/loop.py", "def f():\n    from index.shards import Shard", "may import ['model', 'photos']"),
        ("index/store/shards.py", "from tests.fakes import FakeFactorizer", "may import ['model', 'photos']"),
        ("stellar_explorer/analysis.py", "import gradio as gr", "stellar_explorer/*/page.py and app.py may"),
        ("stellar_explorer/analysis.py", "from faiss import IndexFlatIP", "only index/* may"),
        ("stellar_explorer/views/basis.py", "import torch", "views take and return arrays"),
        ("benchmarks/encode.py", "import model.stellar", "bare name"),
        ("app.py", "import index", "bare name"),
        ("model/encoder.py", "from model.config import StellarConfig\nfrom .localizer import Localizer", None),
        ("stellar_explorer/explore/page.py", "import gradio as gr", None),
        ("tests/test_parity.py", "from train.loop import run\nimport faiss", None),
    ],
)
def test_the_rule_of_imports_sees_what_it_should(path: str, source: str, fault: str | None):
    found = import_faults(path, ast.parse(source))
    assert len(found) == (fault is not None) and all(fault in sentence for sentence in found)


def imported_modules(path: str, tree: ast.AST, modules: dict[str, str]) -> set[str]:
    """The modules of ours that a file imports, anywhere in it and for types alone too. modules: their names, and of
    each its path."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} imports from where it lies; name the package"
            for alias in node.names:
                found.add(inner if (inner := f"{node.module}.{alias.name}") in modules else node.module)
    return {module for module in found if modules.get(module, path) != path}


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Modules each of which imports the next and the last the first; none: there is no circle."""
    done: set[str] = set()

    def walk(module: str, way: list[str]) -> list[str]:
        if module in way:
            return way[way.index(module):]
        if module not in done:
            for other in sorted(edges[module]):
                if found := walk(other, [*way, module]):
                    return found
            done.add(module)
        return []

    return next((found for module in sorted(edges) if (found := walk(module, []))), [])


def test_no_modules_import_each_other_in_a_circle():
    ours = {path: tree for path, tree in trees().items() if package_of(path) in MAY_IMPORT}
    modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in ours}
    found = circle({module: imported_modules(path, ours[path], modules) for module, path in modules.items()})
    assert not found, " -> ".join([*found, found[0]])


def test_the_rule_of_circles_sees_what_it_should():
    modules = {name: f"{name.replace('.', '/')}.py" for name in ("a.b", "a.c", "a.d")}
    late = "if TYPE_CHECKING:\n    from a.b import B\ndef f():\n    from a import d, other"
    assert imported_modules("a/c.py", ast.parse(late), modules) == {"a.b", "a.d"}
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert not circle({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def room_faults(path: str, tree: ast.AST) -> list[str]:
    """What a file of a room of index/ imports from above it, a sentence each."""
    room = path.split("/")[1]
    return [f"{path}:{line} imports {module}; index/{room} may import {sorted(BELOW[room] | LOWEST)}"
            for line, module, _ in imports(tree) if module.startswith("index.")
            and module.split(".")[1] not in BELOW[room] | LOWEST | {room}]


def test_the_rooms_of_the_index_lie_on_each_other():
    rooms = {path: tree for path, tree in trees().items() if path.count("/") == 2 and path.startswith("index/")}
    assert {path.split("/")[1] for path in rooms} == set(BELOW)
    faults = [fault for path, tree in rooms.items() for fault in room_faults(path, tree)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(("path", "source", "is_fault"), [
    ("index/store/shards.py", "from index.search.vectors import VectorIndex", True),
    ("index/query/words.py", "if TYPE_CHECKING:\n    from index.concept_index import ConceptIndex", True),
    ("index/search/vectors.py", "from index.store.searcher import SegmentFile\nfrom index.errors import E", False),
    ("index/atlas/atlas.py", "def f():\n    from index.concept_index import ConceptIndex", False),
])
def test_the_rule_of_rooms_sees_what_it_should(path: str, source: str, is_fault: bool):
    assert bool(room_faults(path, ast.parse(source))) == is_fault


def test_every_import_is_required():
    """Nothing that the program imports comes by luck, as another package's dependency."""
    required = {requirement.name for file in ("requirements.txt", "requirements-scale.txt")
                for requirement in requirements(file)}
    known = {*sys.stdlib_module_names, *OURS, *OPTIONAL}
    faults = [
        f"{path}:{line} imports {module}, which no requirements name"
        for path, tree in trees().items()
        if package_of(path) in MAY_IMPORT
        for line, module, _ in imports(tree)
        if (top := module.split(".")[0]) not in known and DISTRIBUTIONS.get(top, top) not in required
    ]
    assert not faults, "\n".join(faults)


# Words


def test_retired_words_are_not_used():
    faults = [
        f"{path}:{line} says {name}; the glossary says {RETIRED[word]}"
        for path, tree in trees().items()
        for line, name in identifiers(tree)
        for word in retired_words(name)
    ]
    for file in repository_files():
        if file.suffix in {".js", ".css"} and "vendor" not in file.parts and ".min." not in file.name:
            for number, line in enumerate((text_of(file) or "").splitlines(), start=1):
                for name in re.findall(r"[A-Za-z_]\w*", line):
                    for word in retired_words(name):
                        faults.append(f"{relative(file)}:{number} says {name}; the glossary says {RETIRED[word]}")
    assert not faults, "\n".join(faults)


def test_the_rule_of_words_sees_what_it_should():
    source = "def f(sparse_tokens):\n    class LowrankView: pass\n    return g(img_tensor=sparse_tokens.heatMap)"
    found = {word for _, name in identifiers(ast.parse(source)) for word in retired_words(name)}
    assert found == {"sparse_tokens", "lowrank", "img_tensor", "heat_map"}
    assert not retired_words("low_rank") and not retired_words("sparse") and not retired_words("slowranking")
    quoted = ast.parse('table = {"sparse_tokens": "tokens"}')
    assert not any(retired_words(name) for _, name in identifiers(quoted))


# Commands


def test_every_command_starts_alike():
    """`model.startup`: whatever the terminal's encoding and wherever there is a home."""
    started = {path: {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call)
                      and isinstance(node.func, ast.Name)} for path, tree in trees().items()
               if package_of(path) in MAY_IMPORT and "__main__" in (text_of(ROOT / path) or "")}
    assert len(started) >= 8 and all("start_command" in called for called in started.values())


# Encodings


def unsaid_encodings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, call) of each that reads or writes text in whatever encoding this machine happens to have."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(keyword.arg in ("encoding", None) for keyword in node.keywords):
            continue
        said = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
        match node.func:
            case ast.Name(id="open"):
                modes = [part.value for argument in node.args[1:2] for part in ast.walk(argument)
                         if isinstance(part, ast.Constant) and isinstance(part.value, str)]
                if not all("b" in mode for mode in modes or [said.get("mode") or "r"]):
                    yield node.lineno, "open"
            case ast.Attribute(attr="read_text") if not node.args:
                yield node.lineno, "read_text"
            case ast.Attribute(attr="write_text") if len(node.args) < 2:
                yield node.lineno, "write_text"
            case _ if said.get("text") is True or said.get("universal_newlines") is True:
                yield node.lineno, "text=True"


def test_text_is_read_and_written_in_a_named_encoding():
    faults = [f"{path}:{line} has {call} without encoding=" for path, tree in trees().items()
              if package_of(path) != "tests" for line, call in unsaid_encodings(tree)]
    assert not faults, "\n".join(faults)


def test_the_rule_of_encodings_sees_what_it_should():
    source = ("open(path); open(path, 'w'); path.read_text(); path.write_text(words); run(command, text=True)\n"
              "open(path, 'rb'); open(path, encoding='utf-8'); Image.open(path); path.read_text(encoding='ascii')")
    assert [line for line, _ in unsaid_encodings(ast.parse(source))] == [1] * 5


# What is in the repository


def test_no_file_names_one_machine_or_a_registry():
    # An absolute path begins where no word, dot or dash is in front of it: not in ../home/ and not in an address.
    words = re.compile("|".join([*(rf"(?<![\w.~-]){path}" for path in MACHINE_PATHS), *map(re.escape, REGISTRY_HOSTS)]))
    faults = [
        f"{relative(file)}:{number} has {found.group()}"
        for file in repository_files()
        for number, line in enumerate((text_of(file) or "").splitlines(), start=1)
        if (found := words.search(line)) and (relative(file), found.group()) not in MAY_NAME
    ]
    assert not faults, "\n".join(faults)


def test_no_folder_is_fuller_than_a_reader_can_take_in():
    """Files beside its subfolders; pictures and weights, which a list names, aside."""
    held = Counter(relative(file.parent) for file in repository_files() if not relative(file).startswith("assets/"))
    assert not {folder: count for folder, count in held.items() if count > MOST_FILES}


def test_the_repository_stays_small():
    sizes = sorted(((file.stat().st_size, relative(file)) for file in repository_files()), reverse=True)
    megabytes = sum(size for size, _ in sizes) / 1e6
    assert megabytes < 150, f"{megabytes:.0f} MB; the largest: {sizes[:5]}"


def test_make_help_names_every_public_target():
    if not shutil.which("make"):
        pytest.skip("no make on this machine")
    told = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert {"app", "test", "lint", "install", "clean", "help"} <= {line.split()[0] for line in told.splitlines()}


# Requirements


def requirements(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_requirements_state_a_lower_bound(name: str):
    for requirement in requirements(name):
        bounds = {bound.operator for bound in requirement.specifier}
        assert bounds & {">=", "~="}, f"{requirement} has no lower bound"
        assert requirement.url is None, f"{requirement} names an address"


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "faiss-gpu"),
        ("Linux", "aarch64", "faiss-cpu"),
        ("Darwin", "arm64", "faiss-cpu"),
        ("Windows", "AMD64", "faiss-cpu"),
    ],
)
def test_exactly_one_faiss_is_required_anywhere(system: str, machine: str, name: str):
    environment = {"platform_system": system, "platform_machine": machine}
    faiss = [requirement for requirement in requirements("requirements.txt") if requirement.name.startswith("faiss")]
    assert [requirement.name for requirement in faiss if requirement.marker.evaluate(environment)] == [name]


def pins() -> dict[str, str]:
    """Package -> the version that constraints.txt has."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_constraints_hold_a_version_of_everything_that_is_required():
    for name in ("requirements.txt", "requirements-test.txt"):
        for requirement in requirements(name):
            if requirement.name == "faiss-gpu":  # brings CUDA: a machine without a GPU installs faiss-cpu
                continue
            version = pins().get(canonicalize_name(requirement.name))
            assert version, f"constraints.txt lacks {requirement.name}; make constraints writes it"
            assert version in requirement.specifier, f"{requirement} is not met by {version}; make constraints"


def test_constraints_name_packages_and_versions_and_nothing_of_one_machine():
    for name, version in pins().items():
        assert name == canonicalize_name(name) and re.fullmatch(r"[0-9][0-9a-z.]*", version), f"{name}=={version}"
        assert not name.startswith(("nvidia-", "cuda-")) and name not in {"triton", "setuptools", "pip"}, name


def test_make_installs_with_the_constraints_and_spares_a_torch_that_is_there(tmp_path):
    """make is asked what it would do; a stand-in of Python answers whether torch is there."""
    if not shutil.which("make"):
        pytest.skip("no make on this machine")
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    for there, kept in ((0, False), (1, True)):
        python.write_text(f"#!/bin/sh\ncase \"$*\" in *'show -q torch') exit {there};; esac\n")
        python.chmod(0o755)
        command = ["make", "-s", "install", f"VIRTUAL_ENV={tmp_path}"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        lines = (tmp_path / "constraints.txt").read_text(encoding="utf-8").splitlines()
        assert ("torch==" + pins()["torch"] in lines) == kept
        assert "torchmetrics==" + pins()["torchmetrics"] in lines and "-c" in make_says(command)
        for stamp in tmp_path.glob(".stellar-*"):
            stamp.unlink()


def make_says(command: list[str]) -> str:
    return subprocess.run([*command, "-B", "-n"], cwd=ROOT, check=True, capture_output=True, text=True).stdout


# Example photos


def examples() -> list[dict[str, str]]:
    return json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))


def test_the_gallery_is_whole():
    listed = [example["file"] for example in examples()]
    ids = [example["id"] for example in examples()]
    assert len(listed) >= 14 and len(set(listed)) == len(listed) and len(set(ids)) == len(ids)
    assert {*listed, "examples.json", "README.md"} == {file.name for file in EXAMPLES.iterdir()}
    assert sum((EXAMPLES / file).stat().st_size for file in listed) <= 2.5e6
    shapes = [width / height for width, height in (Image.open(EXAMPLES / file).size for file in listed)]
    assert max(shapes) > 2 and min(shapes) < 0.7, "the gallery shows a wide photo and a tall one"


@pytest.mark.parametrize("example", examples(), ids=lambda example: example["id"])
def test_an_example_opens_is_small_and_credited(example: dict[str, str]):
    assert set(example) == {"id", "file", "title", "alt", "credit", "licence", "source"} and all(example.values())
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", example["id"]) and Path(example["file"]).stem == example["id"]
    assert example["licence"] in FREE_LICENCES and example["source"].startswith("https://")

    file = EXAMPLES / example["file"]
    assert file.stat().st_size <= 120 * 1024
    with Image.open(file) as photo:
        photo.load()
        assert photo.format == "JPEG" and photo.mode == "RGB" and 300 <= max(photo.size) <= 1024
        assert not photo.getexif() and not {"exif", "icc_profile", "comment", "xmp"} & set(photo.info)

    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert "| {file} | {title} | {credit} | {licence} |".format(**example) in table
