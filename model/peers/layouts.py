"""The layouts of published checkpoints: by what a file is known, and which of its names are which of timm's.

Read off the repositories' own code: which network a run saves, under which names, and which copy of it the authors
evaluate (a moving average, where they do). Nothing is guessed from a file's own name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
Names = dict[str, list[list[str]]]
COUNTER = "num_batches_tracked"  # has no part in what a frozen network gives
INDEX = "relative_position_index"  # follows from the size
SEMMAE_POSITIONS = 28 * 28 + 1


@dataclass(frozen=True)
class Layout:
    """label: for people. is_of: whether a file's names and shapes are this layout's; layouts are asked in their order.

    prefixes: what stands before the network's names; the first that the file has is read.
    names:    a pattern of timm's names -> alternatives, each the published names whose tensors, one under the other,
              make up timm's; a name that no pattern knows is called alike.
    """

    label: str
    is_of: Callable[[Shapes], bool]
    prefixes: tuple[str, ...] = ("",)
    names: Names = field(default_factory=dict)

    def prefix(self, shapes: Shapes) -> str:
        return next((prefix for prefix in self.prefixes if any(name.startswith(prefix) for name in shapes)), "")

    def alternatives(self, name: str) -> list[list[str]]:
        """Of one of timm's names, without the prefix."""
        for pattern, alternatives in self.names.items():
            match = re.fullmatch(pattern, name)
            if match:
                return [[match.expand(template) for template in templates] for templates in alternatives]
        return [[name]]


def has(pattern: str) -> Callable[[Shapes], bool]:
    """A file with a name that begins so."""
    compiled = re.compile(pattern)
    return lambda shapes: any(compiled.match(name) for name in shapes)


def lacks(pattern: str) -> Callable[[Shapes], bool]:
    found = has(pattern)
    return lambda shapes: not found(shapes)


def both(first: Callable[[Shapes], bool], second: Callable[[Shapes], bool]) -> Callable[[Shapes], bool]:
    return lambda shapes: first(shapes) and second(shapes)


def predicts_codes(shapes: Shapes) -> bool:
    """BEiT's head says one of 8,192 codes, data2vec's says features."""
    head = shapes.get("lm_head.weight")
    return head is not None and head[0] != head[-1]


# BEiT shares one table between its blocks; a table a block with the same numbers is the same network.
SHARED_TABLE: Names = {
    r"blocks\.(\d+)\.attn\.relative_position_bias_table":
        [[r"blocks.\1.attn.relative_position_bias_table"], ["rel_pos_bias.relative_position_bias_table"]],
}
BLOCK = r"blocks\.(\d+)\."
LAYER = r"encoder.layer.\1."
TRANSFORMERS: Names = {
    r"cls_token": [["embeddings.cls_token"]],
    r"pos_embed": [["embeddings.position_embeddings"]],
    r"patch_embed\.proj\.(\w+)": [[r"embeddings.patch_embeddings.projection.\1"]],
    BLOCK + r"norm1\.(\w+)": [[LAYER + r"layernorm_before.\2"]],
    BLOCK + r"norm2\.(\w+)": [[LAYER + r"layernorm_after.\2"]],
    BLOCK + r"attn\.qkv\.(\w+)":
        [[LAYER + rf"attention.attention.{part}.\2" for part in ("query", "key", "value")]],
    BLOCK + r"attn\.q_bias": [[LAYER + "attention.attention.query.bias"]],
    BLOCK + r"attn\.v_bias": [[LAYER + "attention.attention.value.bias"]],
    BLOCK + r"attn\.proj\.(\w+)": [[LAYER + r"attention.output.dense.\2"]],
    BLOCK + r"mlp\.fc1\.(\w+)": [[LAYER + r"intermediate.dense.\2"]],
    BLOCK + r"mlp\.fc2\.(\w+)": [[LAYER + r"output.dense.\2"]],
    BLOCK + r"gamma_([12])": [[LAYER + r"lambda_\2"]],
    BLOCK + r"attn\.relative_position_bias_table":
        [[LAYER + "attention.attention.relative_position_bias.relative_position_bias_table"],
         ["encoder.relative_position_bias.relative_position_bias_table"]],
    r"norm\.(\w+)": [[r"layernorm.\1"], [r"/layernorm.\1"]],  # a slash: beside the network, without the prefix
}
PATCHES = r"(\w+\.)?embeddings\.patch_embeddings\."
IN_TRANSFORMERS = ("beit.", "data2vec_vision.", "ijepa.", "vit.", "")

LAYOUTS = {
    "stellar": Layout("STELLAR's", has(r"(model\.)?sparse_tokens$")),
    "titok": Layout("TiTok's", has(r"latent_tokens$")),
    "mocov3": Layout("MoCo v3's (module.base_encoder)", has(r"(module\.)?(base|momentum)_encoder\."),
                     ("module.base_encoder.", "base_encoder.")),
    "ibot": Layout("iBOT's whole checkpoint (teacher, student)",
                   has(r"(student|teacher)\.(module\.)?backbone\.masked_embed"),
                   ("teacher.backbone.", "teacher.module.backbone.")),
    "dino": Layout("DINO's whole checkpoint (teacher, student)", has(r"teacher\.(module\.)?backbone\."),
                   ("teacher.backbone.", "teacher.module.backbone.")),
    "ijepa": Layout("I-JEPA's (target_encoder, predictor)",
                    both(has(r"target_encoder\."), lacks(r"target_encoder\.(module\.)?cls_token")),
                    ("target_encoder.module.", "target_encoder.")),
    "msn": Layout("MSN's (target_encoder, prototypes)", has(r"target_encoder\.(module\.)?cls_token"),
                  ("target_encoder.module.", "target_encoder.")),
    "simmim": Layout("SimMIM's (encoder, decoder)", has(r"encoder\.(rel_pos_bias|blocks)\."), ("encoder.",),
                     SHARED_TABLE),
    "simmim-swin": Layout("SimMIM's Swin", has(r"encoder\.layers\.")),
    "siameseim": Layout("SiameseIM's (mm_blocks)", has(r"mm_blocks\.")),
    "semmae": Layout("SemMAE's (28 x 28 positions, decoder_blocks)",
                     lambda shapes: has(r"decoder_blocks\.")(shapes)
                     and shapes.get("pos_embed", (0, 0))[1] == SEMMAE_POSITIONS),
    "mae": Layout("MAE's (decoder_blocks)", has(r"decoder_blocks\.")),
    "beit": Layout("BEiT's (rel_pos_bias, a head for codes)",
                   both(has(r"rel_pos_bias\."), predicts_codes), names=SHARED_TABLE),
    "data2vec": Layout("data2vec's (rel_pos_bias)", has(r"rel_pos_bias\."), names=SHARED_TABLE),
    "timm-beit": Layout("BEiT's fine-tuned, or timm's", has(r"blocks\.\d+\.attn\.relative_position_bias_table")),
    "resnet": Layout("a ResNet's, in torchvision's names", has(r"(online_backbone\.|backbone\.)?(module\.)?layer1\."),
                     ("online_backbone.module.", "online_backbone.", "backbone.")),
    "timm": Layout("a plain ViT's, in timm's names", has(r"patch_embed\.proj\.")),
    "transformers-beit": Layout("transformers' BEiT or data2vec",
                                both(has(PATCHES), has(r".*relative_position_bias_table")), IN_TRANSFORMERS,
                                TRANSFORMERS),
    "transformers-ijepa": Layout("transformers' I-JEPA", both(has(PATCHES), lacks(r"(\w+\.)?embeddings\.cls_token")),
                                 IN_TRANSFORMERS, TRANSFORMERS),
    "transformers": Layout("transformers' ViT (MAE, MSN)", has(PATCHES), IN_TRANSFORMERS, TRANSFORMERS),
}


def recognised(shapes: Shapes) -> str | None:
    """The layout's key, None for a file of none of them."""
    return next((key for key, layout in LAYOUTS.items() if layout.is_of(shapes)), None)


def shapes_of(tensors: dict[str, Tensor]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
