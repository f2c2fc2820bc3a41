"""Checkpoints: where they are found, here or on the hub, and how they are read.

Read: our own layout (safetensors with the architecture in its metadata) and the published one, under transformers 4 or
5 names, with or without decoder, tokenizer, training heads and teacher copies, in any file that
model/checkpoints/tensor_files.py opens. model/checkpoints/writing.py writes our own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from math import isqrt
from os import PathLike
from pathlib import Path

import torch
from huggingface_hub import HfApi, try_to_load_from_cache
from torch import Tensor

from model.checkpoints import hub
from model.checkpoints.published_names import (
    DECODER,
    IGNORED,
    STELLAR_NAMES,
    TOKENIZER_NAMES,
    TRANSFORMERS_4_BLOCKS,
    TRANSFORMERS_5_BLOCKS,
    published_names,
)
from model.checkpoints.tensor_files import (
    INDEX_SUFFIX,
    SHARD,
    SUFFIXES,
    CheckpointError,
    TensorFile,
    first_line,
    index_beside,
    only_checkpoint,
    shards_of,
)
from model.checkpoints.writing import CONFIG_KEY, TOKENIZER_KEY
from model.config import ConceptHeadConfig, DecoderConfig, StellarConfig, TokenizerConfig

ASSETS = Path(__file__).resolve().parent.parent.parent / "assets"

# The files of this folder are found before the hub is asked.
CHECKPOINT_FOLDER = ASSETS / "checkpoints"


@dataclass(frozen=True)
class HubFile:
    """A file of a hub repository. `num_heads` is given where width / 64 would be wrong."""

    repository: str
    filename: str
    revision: str = "main"
    num_heads: int | None = None


PUBLISHED = {
    "stellar-b16": HubFile("microsoft/STELLAR", "stellar-b16.safetensors"),
    "stellar-l16": HubFile("microsoft/STELLAR", "stellar-l16.safetensors"),
    "stellar-h16": HubFile("microsoft/STELLAR", "stellar-h16.safetensors", num_heads=16),
    "stellar-b8": HubFile("microsoft/STELLAR", "stellar-b8.safetensors"),
    "stellar-b24": HubFile("microsoft/STELLAR", "stellar-b24.safetensors"),
}
SHIPPED = {"nano": ASSETS / "nano" / "nano.safetensors"}
PUBLISHED_TOKENIZER = HubFile("fun-research/TiTok", "maskgit-vqgan-imagenet-f16-256.bin")


# --- files ----------------------------------------------------------------------------------------------------------


def resolve(source: str | PathLike[str]) -> Path:
    """The file that a name, a path, a folder or a hub id means; downloaded (with a progress bar) if it must be."""
    path, name = Path(source), str(source)
    known = [*SHIPPED, *PUBLISHED]
    if name not in known and path.is_file():  # a folder that happens to be called nano does not hide the model
        return index_beside(path)
    if name not in known and path.is_dir():
        return only_checkpoint(path)
    if name in SHIPPED:
        if not SHIPPED[name].is_file():
            raise CheckpointError(f"{name} ships with the repository, but {SHIPPED[name]} is missing; "
                                  "restore it: git checkout -- assets")
        return SHIPPED[name]
    if name in PUBLISHED:
        return download(PUBLISHED[name])
    match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", name)
    if match and path.suffix not in SUFFIXES:
        return download(hub_checkpoint(match[1], match[2] or "main"))
    raise CheckpointError(f"there is no checkpoint at {name}; give a file, a folder, a hub id (owner/name) or one of "
                          f"{', '.join(known)}")


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    try:
        yield
    except hub.HUB_ERRORS as error:
        raise CheckpointError(f"{what} ({hub.reason(error)})") from error


def hub_checkpoint(repository: str, revision: str) -> HubFile:
    with hub_errors(f"the hub's repository {repository} at {revision} could not be listed; "
                    "download its .safetensors and pass the file's path"):
        files = HfApi().list_repo_files(repository, revision=revision)
    found = [name for name in files if name.endswith((".safetensors", f".safetensors{INDEX_SUFFIX}"))
             and not SHARD.fullmatch(name)]
    for whole in ("model.safetensors", f"model.safetensors{INDEX_SUFFIX}"):
        if whole in found:
            found = [whole]
    if len(found) != 1:
        raise CheckpointError(f"the hub's repository {repository} must hold model.safetensors or one .safetensors "
                              f"file, found {', '.join(found) or 'none'}")
    return HubFile(repository, found[0], revision)


def is_at_hand(name: str) -> bool:
    """Whether a name of SHIPPED or PUBLISHED loads without a network."""
    return name in SHIPPED or local_copy(PUBLISHED[name]) is not None


def local_copy(file: HubFile) -> Path | None:
    """The file where we say to put it, or in the hub's cache: what was downloaded once is not silently replaced."""
    placed = CHECKPOINT_FOLDER / file.filename
    if placed.is_file():
        return placed
    cached = try_to_load_from_cache(file.repository, file.filename, revision=file.revision)
    return Path(cached) if isinstance(cached, str) else None


def download(file: HubFile) -> Path:
    path = local_copy(file)
    if path is None:
        with hub_errors(f"{file.filename} is not on this machine and could not be downloaded. Fetch it from the hub's "
                        f"repository {file.repository} on a machine with a network and put it in assets/checkpoints, "
                        "or start with its path"):
            path = hub.fetch(file.repository, file.filename, revision=file.revision)
    if file.filename.endswith(INDEX_SUFFIX):  # the shards come to lie beside it
        for shard in shards_of(path):
            download(replace(file, filename=shard))
    return path


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint: its architecture, and its weights when asked for.

    parts: for each file, the beginning of our names that it fills and the table of its names (None: ours).
    """

    config: StellarConfig
    parts: tuple[tuple[TensorFile, str, dict[str, list[str]] | None], ...]

    @property
    def path(self) -> Path:
        """The file of the model itself."""
        return self.parts[-1][0].path

    @contextmanager
    def architecture_errors(self) -> Iterator[None]:
        """Round the building of `config`: what cannot be built is the files' fault."""
        try:
            yield
        except (TypeError, ValueError, RuntimeError, AssertionError, ArithmeticError) as error:
            paths = " and ".join(str(file.path) for file, _, _ in self.parts)
            raise CheckpointError(f"{paths} describes an architecture that cannot be built: "
                                  f"{first_line(error)}") from error

    def weights(self, expected: dict[str, Tensor], *, dtype: torch.dtype) -> dict[str, Tensor]:
        """The tensors of `expected` (a state dict, its values only looked at for their shapes) in `dtype`; strict."""
        shapes = {name: tuple(tensor.shape) for name, tensor in expected.items()}
        weights = {}
        for file, prefix, table in self.parts:
            wanted = {name: shape for name, shape in shapes.items() if name.startswith(prefix)}
            weights |= translate(file, wanted, table, dtype)
            shapes = {name: shape for name, shape in shapes.items() if name not in wanted}
        return weights

    def stored(self, expected: dict[str, Tensor], *, parts: tuple[str, ...]) -> Iterator[tuple[str, Tensor]]:
        """As `weights`, of the model's own file alone: the tensors of some parts, by our names, as they are stored."""
        file, _, table = self.parts[-1]
        sources = sources_of(file, {name: tuple(tensor.shape) for name, tensor in expected.items()}, table)
        return translated(file, {name: found for name, found in sources.items() if name.split(".")[0] in parts})


def open_checkpoint(
    source: str | PathLike[str],
    *,
    num_heads: int | None = None,
    decoder_num_heads: int | None = None,
    tokenizer: str | PathLike[str] | None = None,
) -> Checkpoint:
    """Finds the file and reads its architecture. `Stellar.load` documents the arguments."""
    file = TensorFile(resolve(source))
    if CONFIG_KEY in file.metadata:
        config, table = our_config(file), None
    else:
        if num_heads is None:  # a published file is known by its own name too, wherever it lies
            num_heads = next((published.num_heads for name, published in PUBLISHED.items()
                              if name == str(source) or published.filename == file.path.name), None)
        config = published_config(file, num_heads=num_heads, decoder_num_heads=decoder_num_heads)
        table = published_table(file)
    parts = ((file, "", table),)
    if tokenizer is not None and config.tokenizer is None:
        other_config, part = find_tokenizer(tokenizer)
        config = replace(config, tokenizer=other_config)
        parts = (part, *parts)
    return Checkpoint(config, parts)


def find_tokenizer(
    source: str | PathLike[str],
) -> tuple[TokenizerConfig, tuple[TensorFile, str, dict[str, list[str]] | None]]:
    """A tokenizer by "published", in a file of its own (ours or the published one), or inside a STELLAR of ours; as
    `Checkpoint.parts` has it."""
    path = download(PUBLISHED_TOKENIZER) if source == "published" else resolve(source)
    file = TensorFile(path)
    if TOKENIZER_KEY in file.metadata:
        try:
            return TokenizerConfig.from_json(file.metadata[TOKENIZER_KEY]), (file, "tokenizer.", None)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise CheckpointError(f"{path} describes a tokenizer that this version does not know: "
                                  f"{first_line(error)}") from error
    if CONFIG_KEY in file.metadata:
        config = our_config(file).tokenizer
        if config is None:
            raise CheckpointError(f"{path} is a STELLAR without a tokenizer; name a file that has one")
        file.shapes = {name: shape for name, shape in file.shapes.items() if name.startswith("tokenizer.")}
        return config, (file, "tokenizer.", None)
    file = TensorFile(path, inside="tokenizer.")
    return tokenizer_config(file), (file, "tokenizer.", TOKENIZER_NAMES)


def tokenizer_weights(source: str | PathLike[str]) -> tuple[TokenizerConfig, Callable[[dict[str, Tensor]], dict]]:
    """A tokenizer by itself: its architecture, and what turns an expected state dict into its weights, float32."""
    config, (file, prefix, table) = find_tokenizer(source)

    def weights(expected: dict[str, Tensor]) -> dict[str, Tensor]:
        shapes = {prefix + name: tuple(tensor.shape) for name, tensor in expected.items()}
        return {name.removeprefix(prefix): tensor
                for name, tensor in translate(file, shapes, table, torch.float32).items()}

    return config, weights


def our_config(file: TensorFile) -> StellarConfig:
    try:
        return StellarConfig.from_json(file.metadata[CONFIG_KEY])
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{file.path} describes an architecture that this version does not know: "
                              f"{first_line(error)}") from error


def published_table(file: TensorFile) -> dict[str, list[str]]:
    blocks = TRANSFORMERS_5_BLOCKS if any(name.startswith("encoder.layers.") for name in file.shapes) \
        else TRANSFORMERS_4_BLOCKS
    return STELLAR_NAMES | blocks | TOKENIZER_NAMES


def published_config(file: TensorFile, *, num_heads: int | None, decoder_num_heads: int | None) -> StellarConfig:
    """Sizes are read off the tensors; heads cannot be."""
    shapes, table = file.shapes, published_table(file)

    def shape(ours: str, *num_dimensions: int) -> tuple[int, ...]:
        """Of the first published tensor of one of our names; it must have one of these numbers of dimensions."""
        name = published_names(ours, table)[0]
        if name not in shapes:
            found = ", ".join(list(shapes)[:3])
            raise CheckpointError(f"{file.path} is not a STELLAR checkpoint: it has no {name} (it has {found}, ...)")
        if len(shapes[name]) not in num_dimensions or 0 in shapes[name]:
            asked = " or ".join(map(str, num_dimensions))
            raise CheckpointError(f"{file.path}: {name} has shape {shapes[name]}, it must have {asked} dimensions")
        return shapes[name]

    def has(ours: str) -> bool:
        return published_names(ours, table)[0] in shapes

    def depth(part: str) -> int:
        layer = 0
        while has(f"{part}.blocks.{layer}.norm1.weight"):
            layer += 1
        return layer

    num_tokens, width = shape("encoder.tokens", 2)
    patch_size = shape("encoder.embedding.patch.weight", 4)[-1]
    layers = ["concept_head.fc1.weight", "concept_head.fc2.weight"]
    if any(map(has, layers)) and not all(map(has, layers)):
        missing = next(published_names(layer, table)[0] for layer in layers if not has(layer))
        raise CheckpointError(f"{file.path} has half a concept head: it lacks {missing}; load a whole checkpoint, or "
                              "one without clustering_head")
    try:
        concept_head = None
        if has("concept_head.fc2.weight"):
            concept_width, hidden_width = shape("concept_head.fc2.weight", 2)
            concept_head = ConceptHeadConfig(hidden_width=hidden_width, width=concept_width)
        decoder = None
        if has("decoder.head.weight") and has("decoder.input_proj.weight"):
            decoder_width = shape("decoder.input_proj.weight", 2)[0]
            head = shape("decoder.head.weight", 2, 4)
            decoder = DecoderConfig(
                width=decoder_width,
                depth=depth("decoder"),
                num_heads=decoder_num_heads or max(decoder_width // 64, 1),
                mlp_width=shape("decoder.blocks.0.mlp.fc1.weight", 2)[0],
                num_codes=head[0] if len(head) == 2 else None,
            )
        return StellarConfig(
            width=width,
            depth=depth("encoder"),
            num_heads=num_heads or max(width // 64, 1),
            mlp_width=shape("encoder.blocks.0.mlp.fc1.weight", 2)[0],
            patch_size=patch_size,
            native_size=isqrt(shape("encoder.positions", 3)[1] - 1) * patch_size,
            num_tokens=num_tokens,
            concept_head=concept_head,
            decoder=decoder,
            tokenizer=tokenizer_config(file) if has("tokenizer.codebook") else None,
        )
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{file.path}: {error}; pass num_heads= or decoder_num_heads= if width / 64 is not its "
                              "number of heads") from error


def tokenizer_config(file: TensorFile) -> TokenizerConfig:
    shapes = file.shapes
    try:
        hidden_channels = shapes["tokenizer.encoder.conv_in.weight"][0]
        num_codes, code_width = shapes["tokenizer.quantize.embedding.weight"]
    except KeyError as error:
        raise CheckpointError(f"{file.path} holds no MaskGIT-VQGAN: it has no {error.args[0]}") from error
    widths = []
    while (name := f"tokenizer.encoder.down.{len(widths)}.block.0.conv1.weight") in shapes:
        widths.append(shapes[name][0])
    num_res_blocks = sum(bool(re.fullmatch(r"tokenizer\.encoder\.mid\.\d+\.conv1\.weight", name)) for name in shapes)
    return TokenizerConfig(hidden_channels=hidden_channels, code_width=code_width, num_codes=num_codes,
                           channel_multipliers=tuple(width // hidden_channels for width in widths),
                           num_res_blocks=num_res_blocks)


def translate(
    file: TensorFile, expected: dict[str, tuple[int, ...]], table: dict[str, list[str]] | None, dtype: torch.dtype
) -> dict[str, Tensor]:
    """The file's tensors under our names and in `dtype`; strict, as `sources_of`."""
    return {name: tensor.to(stored_dtype(name, tensor, dtype), copy=True)
            for name, tensor in translated(file, sources_of(file, expected, table))}


def sources_of(
    file: TensorFile, expected: dict[str, tuple[int, ...]], table: dict[str, list[str]] | None
) -> dict[str, list[str]]:
    """Our names -> the file's names whose tensors make them up; strict: nothing missing, misshapen or left over."""
    sources = {name: [name] if table is None else published_names(name, table) for name in expected}
    missing = [source for names in sources.values() for source in names if source not in file.shapes]
    used = {source for names in sources.values() for source in names}
    no_decoder = table is not None and not any(name.startswith("decoder.") for name in expected)
    surplus = [name for name in file.shapes if name not in used and not IGNORED.match(name)
               and not (no_decoder and DECODER.match(name))]
    for problem, names in (("lacks", missing), ("has what this architecture does not", surplus)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise CheckpointError(f"{file.path} {problem}: {', '.join(names[:3])}{more}")
    for name, names in sources.items():
        asked = expected[name]
        if len(names) > 1:  # one under the other, each the same share
            asked = (asked[0] // len(names), *asked[1:])
        for source in names:
            found = file.shapes[source]
            if found != asked:
                raise CheckpointError(f"{file.path}: {source} has shape {found}, this architecture asks for {asked}")
    return sources


def translated(file: TensorFile, sources: dict[str, list[str]]) -> Iterator[tuple[str, Tensor]]:
    """What `sources_of` found, by our names, as it is stored; valid until the next one.

    A part of the model at a time: what is read ahead of being used stays small.
    """
    for _, part in groupby(sources, key=lambda name: name.split(".")[:3]):
        names = list(part)
        tensors = file.read(source for name in names for source in sources[name])
        for name in names:
            pieces = [tensors.pop(source) for source in sources[name]]
            yield name, torch.cat(pieces) if len(pieces) > 1 else pieces[0]


def stored_dtype(name: str, tensor: Tensor, dtype: torch.dtype) -> torch.dtype:
    """Localizer, concept head and the decoder's frequencies stay float32 (the two say why), counts stay counts."""
    if not tensor.is_floating_point():
        return tensor.dtype
    if name.startswith(("localizer.", "concept_head.")) or name == "decoder.positions.frequencies":
        return torch.float32
    return dtype
