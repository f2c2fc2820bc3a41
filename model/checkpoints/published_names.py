"""The one table of foreign parameter names: those of the published files, under transformers 4 or 5."""

from __future__ import annotations

import re

# A pattern of our names -> the published names whose tensors, one under the other, make up ours.

STELLAR_NAMES = {
    r"encoder\.tokens": [r"sparse_tokens"],
    r"encoder\.summary_token": [r"encoder.embeddings.cls_token"],
    r"encoder\.positions": [r"encoder.embeddings.position_embeddings"],
    r"encoder\.embedding\.patch\.(\w+)": [r"encoder.embeddings.patch_embeddings.projection.\1"],
    r"(encoder|decoder)\.norm\.(\w+)": [r"\1.layernorm.\2"],
    r"localizer\.patch_proj\.(\w+)": [r"dense_proj.\1"],
    r"localizer\.token_proj\.(\w+)": [r"sparse_proj.\1"],
    r"concept_head\.fc1\.(\w+)": [r"clustering_head.predictor.layers.0.\1"],
    r"concept_head\.fc2\.(\w+)": [r"clustering_head.predictor.layers.2.\1"],
    r"decoder\.input_proj\.(\w+)": [r"decoder_proj.\1"],
    r"decoder\.positions\.frequencies": [r"position_embedding.positional_encoding_gaussian_matrix"],
    r"decoder\.head\.(\w+)": [r"reconstruction_head.\1"],
}
TRANSFORMERS_4_BLOCKS = {
    r"(\w+)\.blocks\.(\d+)\.attn\.qkv\.(\w+)":
        [rf"\1.encoder.layer.\2.attention.attention.{part}.\3" for part in ("query", "key", "value")],
    r"(\w+)\.blocks\.(\d+)\.attn\.proj\.(\w+)": [r"\1.encoder.layer.\2.attention.output.dense.\3"],
    r"(\w+)\.blocks\.(\d+)\.norm1\.(\w+)": [r"\1.encoder.layer.\2.layernorm_before.\3"],
    r"(\w+)\.blocks\.(\d+)\.norm2\.(\w+)": [r"\1.encoder.layer.\2.layernorm_after.\3"],
    r"(\w+)\.blocks\.(\d+)\.mlp\.fc1\.(\w+)": [r"\1.encoder.layer.\2.intermediate.dense.\3"],
    r"(\w+)\.blocks\.(\d+)\.mlp\.fc2\.(\w+)": [r"\1.encoder.layer.\2.output.dense.\3"],
}
TRANSFORMERS_5_BLOCKS = {
    r"(\w+)\.blocks\.(\d+)\.attn\.qkv\.(\w+)":
        [rf"\1.layers.\2.attention.{part}_proj.\3" for part in ("q", "k", "v")],
    r"(\w+)\.blocks\.(\d+)\.attn\.proj\.(\w+)": [r"\1.layers.\2.attention.o_proj.\3"],
    r"(\w+)\.blocks\.(\d+)\.norm1\.(\w+)": [r"\1.layers.\2.layernorm_before.\3"],
    r"(\w+)\.blocks\.(\d+)\.norm2\.(\w+)": [r"\1.layers.\2.layernorm_after.\3"],
    r"(\w+)\.blocks\.(\d+)\.mlp\.(fc\d)\.(\w+)": [r"\1.layers.\2.mlp.\3.\4"],
}
TOKENIZER_NAMES = {
    r"tokenizer\.codebook": [r"tokenizer.quantize.embedding.weight"],
    r"tokenizer\.(\w+)\.(down|up)\.(\d+)\.(\d+)\.shortcut\.(\w+)": [r"tokenizer.\1.\2.\3.block.\4.nin_shortcut.\5"],
    r"tokenizer\.(\w+)\.(down|up)\.(\d+)\.(\d+)\.(\w+)\.(\w+)": [r"tokenizer.\1.\2.\3.block.\4.\5.\6"],
    r"tokenizer\.decoder\.upsample\.(\d+)\.(\w+)": [r"tokenizer.decoder.up.\1.upsample_conv.\2"],
    r"tokenizer\.((?:encoder|decoder)\.(?:conv_in|mid|norm_out|conv_out)\..+)": [r"tokenizer.\1"],
}
# Training's, or never used: the ViT class that the reference borrows brings a pooler and unused embeddings.
IGNORED = re.compile(r"(teacher_|clustering_head\.layer\.|cls_cluster_head\.|(en|de)coder\.pooler\.|"
                     r"decoder\.embeddings\.)")
# A decoder without its head cannot be used, and is left where it is.
DECODER = re.compile(r"(decoder\.|decoder_proj\.|position_embedding\.|reconstruction_head\.)")


def published_names(name: str, table: dict[str, list[str]]) -> list[str]:
    """The published names of one of ours."""
    for pattern, templates in table.items():
        match = re.fullmatch(pattern, name)
        if match:
            return [match.expand(template) for template in templates]
    raise KeyError(f"{name} is in no table of foreign names")  # ours to mend
