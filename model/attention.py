"""Self-attention, with a faster way through it where torch's fused kernel is slow: bfloat16 on a CPU."""

from __future__ import annotations

from math import ceil

import torch
from timm.layers import Attention
from torch import Tensor

# Scores held at once, over all heads: 12 MB of bfloat16. Fewer stay closer to the caches, but each block is three
# rounds of every core, and a round waits for the slowest: on busy cores a block a head took up to eight times as long.
BLOCK_SCORES = 6 * 2**20
FEWEST_ROWS = 64


def blocked_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v for (B, H, N, d) -> (B, H, N, d), without ever holding N x N for a large N.

    torch 2.14's fused CPU kernel multiplies bfloat16 at float32's speed; plain products of blocks of rows reach
    bfloat16's own, twice as fast at 4,113 tokens, with the same rounding of scores and weights.
    """
    batch, num_heads, num_tokens, head_width = queries.shape
    flat = (batch * num_heads, num_tokens, head_width)
    queries = (queries * head_width**-0.5).reshape(flat)
    keys, values = keys.reshape(flat).mT, values.reshape(flat)
    num_blocks = ceil(num_tokens / max(BLOCK_SCORES // (len(queries) * num_tokens), FEWEST_ROWS))
    if num_blocks > 1:
        keys = keys.contiguous()
    blocks = [(rows @ keys).softmax(dim=-1) @ values for rows in queries.chunk(num_blocks, dim=1)]
    return torch.cat(blocks, dim=1).view(batch, num_heads, num_tokens, head_width)


class SelfAttention(Attention):
    """timm's attention, parameters and all; only inference in bfloat16 on a CPU takes `blocked_attention`."""

    def forward(self, x: Tensor, **kwargs) -> Tensor:  # timm's argument name
        """(B, N, D) -> (B, N, D)."""
        masked = kwargs.get("attn_mask") is not None or kwargs.get("is_causal")
        if x.device.type != "cpu" or x.dtype != torch.bfloat16 or torch.is_grad_enabled() or masked:
            return super().forward(x, **kwargs)
        qkv = self.qkv(x).unflatten(2, (3, self.num_heads, self.head_dim)).permute(2, 0, 3, 1, 4)
        return self.proj(blocked_attention(*qkv.unbind(0)).transpose(1, 2).flatten(2))
