"""Self-attention, with a faster way through it where torch's fused kernel is slow: bfloat16 on a CPU."""

from __future__ import annotations

import torch
from timm.layers import Attention
from torch import Tensor

# Rows of the attention matrix held at once: 256 x 4,113 bfloat16 scores are 2 MB, about a core's cache.
BLOCK_ROWS = 256
# Up to here one batched product of everything is quicker than blocks (measured: benchmarks/encode.py).
UNBLOCKED_TOKENS = 512


def blocked_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v for (B, H, N, d) -> (B, H, N, d), without ever holding N x N.

    torch 2.14's fused CPU kernel multiplies bfloat16 at float32's speed; plain products of a head's blocks of rows
    reach bfloat16's own, 2.2 times as fast at 4,113 tokens, with the same rounding of scores and weights.
    """
    batch, num_heads, num_tokens, head_width = queries.shape
    queries = queries * head_width**-0.5
    if num_tokens <= UNBLOCKED_TOKENS:
        return (queries @ keys.mT).softmax(dim=-1) @ values
    flat = (batch * num_heads, num_tokens, head_width)
    queries, keys, values = queries.reshape(flat), keys.reshape(flat), values.reshape(flat)
    out = torch.empty(flat, dtype=values.dtype, device=values.device)
    for head in range(len(out)):
        head_keys = keys[head].T.contiguous()
        for start in range(0, num_tokens, BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            out[head, rows] = (queries[head, rows] @ head_keys).softmax(dim=-1) @ values[head]
    return out.view(batch, num_heads, num_tokens, head_width)


class SelfAttention(Attention):
    """timm's attention, parameters and all; only inference in bfloat16 on a CPU takes `blocked_attention`."""

    def forward(self, x: Tensor, **kwargs) -> Tensor:  # timm's argument name
        """(B, N, D) -> (B, N, D)."""
        masked = kwargs.get("attn_mask") is not None or kwargs.get("is_causal")
        if x.device.type != "cpu" or x.dtype != torch.bfloat16 or torch.is_grad_enabled() or masked:
            return super().forward(x, **kwargs)
        qkv = self.qkv(x).unflatten(2, (3, self.num_heads, self.head_dim)).permute(2, 0, 3, 1, 4)
        return self.proj(blocked_attention(*qkv.unbind(0)).transpose(1, 2).flatten(2))
