"""What a picture takes as bytes: its tokens and localization, its codes, or its visible patches, packed and unpacked.

Each picture is packed by itself, and len() of the bytes is what is reported: only what must travel, since sizes are the
model's and known to whoever unpacks.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def bits_per_code(num_codes: int) -> int:
    """Whole bits that index one of num_codes."""
    return max((num_codes - 1).bit_length(), 1)


def pack_codes(codes: Tensor, num_codes: int) -> list[bytes]:
    """(B, ...) of 0 .. num_codes - 1 -> for each picture its codes, bits_per_code each, the last byte filled with 0."""
    if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < num_codes:
        raise ValueError(f"codes go from 0 to {num_codes - 1}, found {int(codes.min())} to {int(codes.max())}")
    values = codes.cpu().numpy().reshape(len(codes), -1).astype(np.int64)
    shifts = np.arange(bits_per_code(num_codes))[::-1]
    bits = (values[..., None] >> shifts & 1).astype(np.uint8)
    return [np.packbits(picture).tobytes() for picture in bits.reshape(len(values), -1)]


def unpack_codes(packed: list[bytes], num_codes: int, shape: tuple[int, ...]) -> Tensor:
    """The reverse: shape is one picture's, without the batch."""
    num_bits, count = bits_per_code(num_codes), int(np.prod(shape))
    check_lengths(packed, -(-count * num_bits // 8))
    bits = np.stack([np.unpackbits(np.frombuffer(picture, np.uint8), count=count * num_bits) for picture in packed])
    values = bits.reshape(len(packed), count, num_bits).astype(np.int64) @ (1 << np.arange(num_bits)[::-1])
    return torch.from_numpy(values).reshape(len(packed), *shape)


def pack_tokens(semantics: Tensor, localization: Tensor) -> list[bytes]:
    """(B, K, D) and (B, N, K) -> for each picture both as float16, semantics first, row by row."""
    return [what.tobytes() + where.tobytes() for what, where in zip(halves(semantics), halves(localization),
                                                                    strict=True)]


def unpack_tokens(packed: list[bytes], *, num_tokens: int, width: int, num_patches: int) -> tuple[Tensor, Tensor]:
    """The reverse: semantics (B, K, D) and localization (B, N, K), float32, to within float16's rounding."""
    in_front = num_tokens * width
    check_lengths(packed, np.float16().nbytes * (in_front + num_patches * num_tokens))
    values = torch.from_numpy(np.stack([np.frombuffer(picture, np.float16) for picture in packed])).float()
    return values[:, :in_front].unflatten(1, (num_tokens, width)), values[:, in_front:].unflatten(1, (-1, num_tokens))


def halves(values: Tensor) -> np.ndarray:
    """As float16. Raises ValueError for what float16 cannot hold."""
    rounded = values.detach().to("cpu", torch.float16)
    if not rounded.isfinite().all():
        raise ValueError(f"float16 holds numbers up to {torch.finfo(torch.float16).max:.0f}, found "
                         f"{values.abs().max():.4g}")
    return rounded.numpy()


def pack_patches(image: Tensor, visible: Tensor, patch_size: int) -> list[bytes]:
    """(B, 3, H, W) in 0..1 and the numbers of the patches that are seen, (M,), increasing -> for each picture which
    they are, a bit for every patch, and their pixels, eight bits a colour."""
    grid = image.unflatten(3, (-1, patch_size)).unflatten(2, (-1, patch_size)).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    seen = np.zeros(grid.shape[1], np.uint8)
    seen[visible.cpu().numpy()] = 1
    pixels = grid[:, visible.to(grid.device)].mul(255).round().to(torch.uint8).cpu().numpy()
    return [np.packbits(seen).tobytes() + picture.tobytes() for picture in pixels]


def unpack_patches(packed: list[bytes], num_patches: int, patch_size: int) -> tuple[Tensor, Tensor]:
    """The reverse: the numbers (M,) and their pixels (B, M, 3, patch, patch) in 0..1, to within half of 1/255."""
    in_front = -(-num_patches // 8)
    seen = np.unpackbits(np.frombuffer(packed[0][:in_front], np.uint8), count=num_patches)
    visible = np.flatnonzero(seen)
    shape = (len(visible), 3, patch_size, patch_size)
    check_lengths(packed, in_front + int(np.prod(shape)))
    pixels = np.stack([np.frombuffer(picture, np.uint8, offset=in_front).reshape(shape) for picture in packed])
    return torch.from_numpy(visible), torch.from_numpy(pixels).float() / 255


def check_lengths(packed: list[bytes], expected: int) -> None:
    for picture in packed:
        if len(picture) != expected:
            raise ValueError(f"a picture must have {expected} bytes here, found {len(picture)}")
