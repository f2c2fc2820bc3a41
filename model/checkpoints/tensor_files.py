"""Files of named tensors: safetensors, a pickle, or shards of either with an index; anything else is refused by name.

Every reader of weights comes through here, so that the same file is read, or refused in the same words, wherever it is
named: the page, an index, a start, a teacher, a run that goes on.
"""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from os import PathLike
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from model.checkpoints.files import sha256_of

# What follows the name of a matrix stored as eight-bit integers: a float for each of its rows, to multiply it by.
SCALE = ".scale"
SUFFIXES = {".safetensors", ".ckpt", ".bin", ".pt", ".pth"}
INDEX_SUFFIX = ".index.json"
# What the weights in a folder are called, whatever else lies there.
USUAL = ("model.safetensors", f"model.safetensors{INDEX_SUFFIX}", "pytorch_model.bin",
         f"pytorch_model.bin{INDEX_SUFFIX}")
SHARD = re.compile(r"(?P<stem>.+)-\d+-of-(?P<count>\d+)(?P<suffix>\.\w+)")

# What wraps a model and its parameters' names: DDP and moving averages, torch.compile, FSDP, activation checkpoints and
# DeepSpeed, round the whole or round a part of it.
WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module"
                      r"|_forward_module)\.")
# What a training script keeps its weights under, the first that is there: a moving average is preferred, as our own
# runs export theirs.
ENTRIES = ("ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema", "model_ema_state_dict", "state_dict",
           "model_state_dict", "model_state", "model", "module")
AVERAGED = "n_averaged"  # torch's moving average counts, beside its weights
DEEPEST = 4  # dicts inside each other that are looked into

POINTER = b"version https://git-lfs.github.com/spec/"
MOST_NAMED = 3


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file, what is wrong and what to do."""


# What the readers of both formats raise over broken bytes: unpickling garbage can end nearly anywhere.
DAMAGE = (SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile, ArithmeticError, AssertionError, AttributeError,
          EOFError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)


class TensorFile:
    """Named tensors: `shapes` and `metadata` at once, the tensors themselves only when read.

    path: a file, or the index of shards. Eight-bit matrices with their rows' scales beside them read as floats. Reading
    opens a file anew each time and copies, so that memory holds no more of it than what was asked for, and a file
    replaced on disk changes nothing. Names are without what wraps a model. A pickle is opened with weights_only=True,
    mapped: nothing in it is executed.
    inside: what a whole checkpoint has before these names, for a part that comes as a file of its own.
    """

    def __init__(self, path: str | PathLike[str], *, inside: str = "") -> None:
        self.path = Path(path)
        self.metadata: dict[str, str] = {}
        self._stored: dict[str, tuple[Safetensors | Pickled, str]] = {}
        for file in (opened(part) for part in parts_of(self.path)):
            self.metadata |= file.metadata
            for stored in file.shapes:
                name = inside + unwrapped(stored).removeprefix(inside)
                if name in self._stored:
                    raise CheckpointError(f"{self.path} holds {name} twice, as {self._stored[name][1]} and as "
                                          f"{stored}; save one model's weights alone")
                self._stored[name] = (file, stored)
        if AVERAGED in self._stored and len(self._stored) > 1:
            del self._stored[AVERAGED]
        self.shapes = {name: file.shapes[stored] for name, (file, stored) in self._stored.items()}

    def read(self, names: Iterable[str]) -> dict[str, Tensor]:
        wanted: dict[Safetensors | Pickled, dict[str, str]] = {}
        names = list(names)
        for name in names:
            file, stored = self._stored[name]
            wanted.setdefault(file, {})[name] = stored
        found = {name: tensor for file, those in wanted.items() for name, tensor in file.read(those)}
        return {name: found[name] for name in names}


def read_all(path: str | PathLike[str]) -> dict[str, Tensor]:
    """Every tensor of a file, an index or a folder of one checkpoint. Raises CheckpointError."""
    path = Path(path)
    file = TensorFile(only_checkpoint(path) if path.is_dir() else index_beside(path))
    return file.read(file.shapes)


def unwrapped(name: str) -> str:
    """A parameter's name without what wraps the model; a Lightning module calls its model "model"."""
    before = None
    while name != before:
        before, name = name, WRAPPERS.sub("", name).removeprefix("model.")
    return name


class Safetensors:
    """One safetensors file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with safe_open(path, framework="pt") as file:
            self.metadata: dict[str, str] = file.metadata() or {}
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        self.shapes = {name: shape for name, shape in found.items() if name.removesuffix(SCALE) == name
                       or name.removesuffix(SCALE) not in found}

    def read(self, names: dict[str, str]) -> Iterator[tuple[str, Tensor]]:
        """Name -> stored name, as pairs of name and tensor."""
        with safe_open(self.path, framework="pt") as file:
            yield from [(name, self._float(file, stored)) for name, stored in names.items()]

    def _float(self, file: safe_open, name: str) -> Tensor:
        tensor = file.get_tensor(name)
        if tensor.dtype != torch.int8:
            return tensor
        if name + SCALE not in file.keys():  # noqa: SIM118
            raise CheckpointError(f"{self.path} is damaged: it lacks {name + SCALE}, by which its eight-bit matrix is "
                                  "multiplied")
        return tensor.float() * file.get_tensor(name + SCALE)[:, None]


class Pickled:
    """One pickle, mapped."""

    def __init__(self, path: Path) -> None:
        self.metadata: dict[str, str] = {}
        self.tensors = unpickle(path)
        self.shapes = {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}

    def read(self, names: dict[str, str]) -> Iterator[tuple[str, Tensor]]:
        return ((name, self.tensors[stored]) for name, stored in names.items())


def opened(path: Path) -> Safetensors | Pickled:
    """CheckpointError that says what is wrong with a file, or what it is instead."""
    try:
        refuse_no_weights(path)
        return Safetensors(path) if is_safetensors(path) else Pickled(path)
    except CheckpointError:
        raise
    except OSError as error:
        if error.strerror:
            raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
        raise CheckpointError(f"{path} is damaged or no checkpoint: {first_line(error)}") from error
    except DAMAGE as error:
        raise CheckpointError(f"{path} {cut_short(path) or f'is damaged or no checkpoint: {first_line(error)}'}"
                              ) from error


def refuse_no_weights(path: Path) -> None:
    """CheckpointError for what lies in a file's place: nothing, a pointer to it, a page that was to offer it."""
    with open(path, "rb") as file:
        beginning = file.read(512)
    if not beginning:
        raise CheckpointError(f"{path} is empty; copy or download it again")
    if beginning.startswith(POINTER):
        size = re.search(rb"^size (\d+)$", beginning, re.MULTILINE)
        megabytes = f" ({int(size[1]) / 1e6:,.1f} MB)" if size else ""
        raise CheckpointError(f"{path} is a Git LFS pointer, a few words in place of the file itself{megabytes}; fetch "
                              "it: git lfs pull, in its folder")
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml)", beginning, re.IGNORECASE):
        raise CheckpointError(f"{path} is a web page that was saved under this name, no weights; download the file "
                              "itself, not the page that shows it")


def cut_short(path: Path) -> str | None:
    """What a safetensors file that ends too early is, or None where that is not what is wrong with it."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if is_safetensors(path) and 8 + length <= size else {}
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        whole = 8 + length + max(ends, default=0)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, MemoryError, RecursionError):
        return None
    if not ends or size >= whole:
        return None
    return f"is cut short: it has {size:,} of its {whole:,} bytes; copy or download it again"


def is_safetensors(path: Path) -> bool:
    """By content: eight bytes of header length, then JSON. A .bin may be either."""
    with open(path, "rb") as file:
        return file.read(9)[8:] == b"{" or path.suffix == ".safetensors"


def unpickle(path: Path) -> dict[str, Tensor]:
    try:
        try:
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:
            if "mmap can only be used" not in str(error):
                raise
            content = torch.load(path, map_location="cpu", weights_only=True)  # torch < 1.6 wrote no zip
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path} holds more than tensors, or is no checkpoint; nothing in it was executed. "
                              "Save its state dict as safetensors and load that.") from error
    found = named_tensors(content)
    if not found:
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not named tensors")
    return found


def named_tensors(content: object, depth: int = 0) -> dict[str, Tensor]:
    """The weights in what a training script has saved: the first of ENTRIES that holds some, else what is there."""
    if not isinstance(content, dict) or depth > DEEPEST:
        return {}
    for entry in ENTRIES:
        found = named_tensors(content.get(entry), depth + 1)
        if any(tensor.ndim > 1 for tensor in found.values()):  # not a moving average's settings alone
            return found
    return {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}


# --- shards ---------------------------------------------------------------------------------------------------------


def parts_of(path: Path) -> list[Path]:
    """The files that hold a checkpoint's tensors: itself, or the shards of an index. CheckpointError where the index
    is none or a shard is missing."""
    if not path.name.endswith(".json"):
        return [path]
    names = shards_of(path)
    missing = [name for name in names if not (path.parent / name).is_file()]
    if missing:
        raise CheckpointError(f"{path} names {len(names)} shards, and {listed(missing)} "
                              f"{'is' if len(missing) == 1 else 'are'} missing beside it; download what is missing")
    return [path.parent / name for name in names]


def shards_of(index: Path) -> list[str]:
    """The names of the files that an index names, in its order."""
    try:
        refuse_no_weights(index)
        content = json.loads(index.read_text(encoding="utf-8"))
        names = list(dict.fromkeys(content["weight_map"].values()))
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{index} cannot be read: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{index} is no index of a checkpoint's shards: it has no weight_map of names and "
                              "files") from error
    # A file from elsewhere must not name what lies elsewhere.
    strange = [name for name in names if not isinstance(name, str) or Path(name).name != name
               or Path(name).suffix not in SUFFIXES]
    if strange or not names:
        raise CheckpointError(f"{index} names {strange[0] if strange else 'no shard'}; a shard is a file beside its "
                              "index")
    return names


def only_checkpoint(folder: Path) -> Path:
    """A folder's model.safetensors, its index of shards, or its only checkpoint."""
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise CheckpointError(f"the folder {folder} cannot be read: {error.strerror}") from error
    for path in (folder / name for name in USUAL):
        if path in files:
            return path
    shards = {index_name(match) for match in (SHARD.fullmatch(path.name) for path in files) if match}
    found = [path for path in files if path.name.endswith(INDEX_SUFFIX)
             or (path.suffix in SUFFIXES and not SHARD.fullmatch(path.name))]
    if len(found) == 1:
        return found[0]
    if not found and shards:
        raise CheckpointError(f"the folder {folder} holds shards without their index, {min(shards)}; download it too")
    raise CheckpointError(f"the folder {folder} must hold model.safetensors, an index of shards or one checkpoint, "
                          f"found {', '.join(path.name for path in found) or 'none'}")


def index_beside(path: Path) -> Path:
    """The index of a file that is a shard and has it beside it, else the file: a shard is no checkpoint by itself."""
    match = SHARD.fullmatch(path.name)
    index = path.with_name(index_name(match)) if match else path
    return index if index.is_file() else path


def index_name(shard: re.Match[str]) -> str:
    return f"{shard['stem']}{shard['suffix']}{INDEX_SUFFIX}"


def weights_sha256(path: str | PathLike[str]) -> str:
    """Of a file's content; of shards, of what each of them has. Raises OSError and CheckpointError."""
    parts = parts_of(Path(path))
    if parts == [Path(path)]:
        return sha256_of(path)
    return sha256("\n".join(sha256_of(part) for part in parts).encode()).hexdigest()


# --- words ----------------------------------------------------------------------------------------------------------


def first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
