"""A Space's README.md: the repository's, with the front matter that tells Spaces how to run it, checked."""

from __future__ import annotations

import re
from pathlib import Path

from stellar_explorer.space.requirements import pinned_versions

# Every key that Spaces read. There is no `hardware`.
KEYS = frozenset(("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file",
                  "app_port", "base_path", "fullWidth", "header", "short_description", "models", "datasets", "tags",
                  "thumbnail", "pinned", "license", "suggested_hardware", "suggested_storage", "preload_from_hub",
                  "startup_duration_timeout", "disable_embedding", "custom_headers", "hf_oauth",
                  "hf_oauth_expiration_minutes", "hf_oauth_scopes"))
NEEDED = ("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file", "license")
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
LONGEST_DESCRIPTION = 60  # characters; the hub refuses more

# For a README without front matter. {gradio} is the version that passed the tests.
TEMPLATE = """---
title: STELLAR Explorer
emoji: ✴️
colorFrom: indigo
colorTo: yellow
sdk: gradio
sdk_version: {gradio}
python_version: "3.12"
app_file: app.py
short_description: Look inside a vision model, concept by concept
tags:
  - interpretability
  - self-supervised-learning
  - vision
  - mcp-server
models:
  - microsoft/STELLAR
license: mit
suggested_hardware: cpu-basic
---

"""


def space_card(root: Path) -> str:
    """The README to send. Raises ValueError with a sentence."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else "# STELLAR Explorer\n"
    gradio = pinned_versions(root).get("gradio")
    if not text.startswith("---\n"):
        if gradio is None:
            raise ValueError("constraints.txt names no version of gradio, which a Space's front matter needs; "
                             "make constraints writes it.")
        text = TEMPLATE.format(gradio=gradio) + text
    fault = card_fault(text, root, gradio)
    if fault:
        raise ValueError(f"README.md's front matter {fault}.")
    return text


def card_fault(text: str, root: Path, gradio: str | None) -> str | None:
    """What is wrong with a README's front matter, as the rest of a sentence; None for nothing."""
    from huggingface_hub import RepoCard

    if not re.match(r"---\n.*?\n---\n", text, re.DOTALL):
        return "does not end; close it with a line ---"
    try:
        facts = RepoCard(text, ignore_metadata_errors=False).data.to_dict()
    except Exception as error:  # whatever the YAML reader below raises: the file is a person's
        return f"is not YAML of keys and values ({str(error).strip().splitlines()[0]}); mend it"
    unknown = sorted(set(facts) - KEYS)
    missing = [key for key in NEEDED if not facts.get(key)]
    if unknown:
        hint = "; it is suggested_hardware" if unknown[0] == "hardware" else ""
        return f"has {unknown[0]}, which Spaces do not read{hint}; take it out"
    if missing:
        return f"lacks {missing[0]}; add it"
    for key in ("colorFrom", "colorTo"):
        if facts[key] not in COLOURS:
            return f"has {key}: {facts[key]}; it must be one of {', '.join(COLOURS)}"
    if facts["sdk"] != "gradio":
        return f"has sdk: {facts['sdk']}; this page needs gradio"
    if not isinstance(facts["python_version"], str):  # 3.10 would be read as the number 3.1
        return f'has python_version: {facts["python_version"]}; put it in quotes'
    if gradio and str(facts["sdk_version"]) != gradio:
        return (f"has sdk_version: {facts['sdk_version']}, but constraints.txt has gradio {gradio}, and a Space "
                "installs both; make them one")
    if not (root / str(facts["app_file"])).is_file():
        return f"has app_file: {facts['app_file']}, and there is no such file"
    if len(str(facts.get("short_description", ""))) > LONGEST_DESCRIPTION:
        return f"has a short_description of more than {LONGEST_DESCRIPTION} characters; shorten it"
    return None
