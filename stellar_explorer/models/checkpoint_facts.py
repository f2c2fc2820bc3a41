"""What a checkpoint is, in words and numbers a person can read; from its header alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stellar_explorer.views.axes import number_in_words

# By the name under which their architecture lies in the metadata (model/baselines/): what STELLAR is compared with.
BASELINES = {"titok_config": ("TiTok", "codes in a row, and a picture from them; see Reconstruct"),
             "mae_config": ("masked autoencoder", "some patches, the rest guessed; see Reconstruct")}


def checkpoint_facts(path: Path, source: str) -> dict[str, Any]:
    """A checkpoint's header -> {line: [what it is in a few words], facts: [{label, value, hint}]}; no weights are read.

    source: what `open_checkpoint` takes for it, a published name or the path. ValueError if it is damaged. A file
    that is no whole STELLAR is a tokenizer, or gets its size alone.
    """
    from model.checkpoints.checkpoint import find_tokenizer, open_checkpoint
    from model.checkpoints.tensor_files import CheckpointError, TensorFile, parts_of

    file = TensorFile(path)
    parameters = 0
    for shape in file.shapes.values():
        size = 1
        for side in shape:
            size *= side
        parameters += size
    amount = f"{number_in_words(parameters / 1e6)} M parameters"
    parts = parts_of(path)
    files = "a file" if len(parts) == 1 else f"{len(parts)} files"
    size = f"{sum(part.stat().st_size for part in parts) / 1e6:,.1f} MB"
    facts = [("Parameters", f"{number_in_words(parameters / 1e6)} M", f"in {files} of {size}")]
    for key, (what, told) in BASELINES.items():
        if key in file.metadata:
            facts.append(("Holds", f"a {what}", told))
            return {"line": [amount, f"a {what}"], "facts": labelled(facts)}
    try:
        config = open_checkpoint(source).config
    except CheckpointError:
        try:
            tokenizer = find_tokenizer(path)[0]
        except CheckpointError:
            tokenizer = None
        if tokenizer is None and any(name.startswith("stellar_") for name in file.metadata):
            raise  # ours, and not one this version can build
        if tokenizer is None:
            facts.append(("Holds", "no whole STELLAR", f"{len(file.shapes):,} tensors"))
            return {"line": [amount, "no whole STELLAR"], "facts": labelled(facts)}
        facts.append(tokenizer_fact(tokenizer))
        return {"line": [amount, f"a tokenizer of {tokenizer.num_codes:,} codes"], "facts": labelled(facts)}
    head, decoder, tokenizer = config.concept_head, config.decoder, config.tokenizer
    facts += [
        ("Concepts", f"{config.num_tokens}", "in every photo"),
        ("Patch", f"{config.patch_size} px", f"positions learnt at {config.native_size} px"),
        ("Encoder", f"{config.depth} × {config.width}", f"blocks × width, {config.num_heads} heads"),
        ("Stem", config.stem or "none", "frozen, added to the patches" if config.stem else "plain patch embedding"),
        ("Concept space", "semantics", "what two concepts are compared by") if head is None else
        ("Concept space", f"{head.width} wide", "a head over " + ", ".join(head.inputs)),
        ("Decoder", "none" if decoder is None else f"{decoder.depth} × {decoder.width}",
         "it finds concepts and draws no picture" if decoder is None else
         f"predicts {'pixels' if decoder.num_codes is None else f'{decoder.num_codes:,} codes'}"),
        ("Tokenizer", "none", "no picture can be made from codes") if tokenizer is None else tokenizer_fact(tokenizer),
    ]
    return {"line": [amount, f"{config.num_tokens} concepts"], "facts": labelled(facts)}


def tokenizer_fact(tokenizer: Any) -> tuple[str, str, str]:
    return "Tokenizer", f"{tokenizer.num_codes:,} codes", f"one for {tokenizer.stride} × {tokenizer.stride} px"


def labelled(facts: list[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [{"label": label, "value": value, "hint": hint} for label, value, hint in facts]
