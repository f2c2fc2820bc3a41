"""The page's Blocks: Gradio's, but that what is uploaded stays in memory."""

from __future__ import annotations

import inspect
from typing import Any

import gradio as gr

from stellar_explorer.server.uploads import Uploads

FILE_MARK = "gradio.FileData"


class ExplorerBlocks(gr.Blocks):
    """uploads: what clients sent and have not asked about yet."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.uploads = Uploads()

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False) -> Any:
        """Photos reach our functions as they were named. Gradio would look for them on the disk, fetch addresses into
        its folder, and answer what it cannot find without a word."""
        if len(inputs) != len(block_fn.inputs):
            raise gr.Error(f"This endpoint takes {len(block_fn.inputs)} values, in the order of its description; found "
                           f"{len(inputs)}.", print_exception=False)
        return await super().preprocess_data(block_fn, [unmarked(value) for value in inputs], state, explicit_call)


def unmarked(value: Any) -> Any:
    """The same without what makes a dictionary a file to Gradio."""
    if isinstance(value, list):
        return [unmarked(one) for one in value]
    if not isinstance(value, dict):
        return value
    meta = value.get("meta")
    is_file = isinstance(meta, dict) and meta.get("_type") == FILE_MARK
    return {name: unmarked(one) for name, one in value.items() if not (is_file and name == "meta")}


def endpoints(demo: gr.Blocks) -> dict[str, list[inspect.Parameter]]:
    """What may be asked by name, each with its parameters."""
    return {function.api_name: [one for one in inspect.signature(function.fn).parameters.values()
                                if one.name != "request"]  # Gradio gives that
            for function in demo.fns.values() if function.api_visibility == "public"}
