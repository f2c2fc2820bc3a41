"""Stellar: arranges the parts; load, save, factorize, compare, decode."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.checkpoints import checkpoint, writing
from model.concept_head import ConceptHead
from model.config import StellarConfig
from model.decoder import Decoder
from model.encoder import Encoded, Encoder
from model.factorization import Factorization
from model.localizer import Localizer
from model.tokenizer import Tokenizer


class Stellar(nn.Module):
    """Spatial-semantic factorization of an image (Zhao et al., ICML 2026, arXiv 2602.01905).

    Parts: `encoder`, `localizer`, and where the checkpoint has them `concept_head`, `decoder` and `tokenizer` (else
    None).
    """

    def __init__(self, config: StellarConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.localizer = Localizer(config.width, temperature=config.localization_temperature)
        self.concept_head = None if config.concept_head is None else ConceptHead(
            config.concept_head, width=config.width)
        self.decoder = None if config.decoder is None else Decoder(
            config.decoder, in_width=config.width, patch_size=config.patch_size)
        self.tokenizer = None if config.tokenizer is None else Tokenizer(config.tokenizer)
        self.path: Path | None = None  # of the file that it was loaded from

    @classmethod
    def load(
        cls,
        source: str | PathLike[str],
        *,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        num_heads: int | None = None,
        decoder_num_heads: int | None = None,
        tokenizer: str | PathLike[str] | None = None,
    ) -> Stellar:
        """A model in eval mode from "nano", a published name, a file, a folder or a hub id ("owner/name[@revision]").

        dtype "auto" is bfloat16 where the device multiplies it faster, else float32; localizer and concept head are
        always float32.
        num_heads, decoder_num_heads: for foreign files only, whose tensors do not show it; else width / 64.
        tokenizer: a file, or "published", for checkpoints whose decoder predicts codes and that carry no tokenizer.
        Raises CheckpointError (a ValueError) that names the file and what is wrong with it.
        """
        device = choose_device(device)
        dtype = choose_dtype(dtype, device)
        opened = checkpoint.open_checkpoint(source, num_heads=num_heads, decoder_num_heads=decoder_num_heads,
                                            tokenizer=tokenizer)
        with torch.device("meta"), opened.architecture_errors():
            stellar = cls(opened.config)
        stellar.load_state_dict(opened.weights(stellar.state_dict(), dtype=dtype), assign=True)
        stellar.path = opened.path
        return stellar.requires_grad_(False).eval().to(device)

    def save(self, path: str | PathLike[str], *, dtype: torch.dtype | None = None, eight_bit: bool = False) -> None:
        """One safetensors file with the architecture in its metadata; floats as `dtype`, or as they are.

        eight_bit: the matrices of the encoder's blocks as integers of eight bits with a scale a row, half of float16.
        """
        writing.write(path, self.config, self.state_dict(), dtype=dtype, eight_bit=eight_bit)

    @property
    def patch_size(self) -> int:
        return self.config.patch_size

    @property
    def num_tokens(self) -> int:
        return self.config.num_tokens

    @property
    def device(self) -> torch.device:
        return self.encoder.tokens.device

    @property
    def dtype(self) -> torch.dtype:
        """The encoder's."""
        return self.encoder.tokens.dtype

    def forward(self, images: Tensor) -> Factorization:
        """(B, 3, H, W) in 0..1 on the model's device -> Factorization, with gradients; for callers use `factorize`."""
        return self.factorization(self.encoder(images), images)

    def factorization(self, encoded: Encoded, images: Tensor) -> Factorization:
        """What the encoder says of images, (B, 3, H, W), with where each token is."""
        sees_stem = self.concept_head is not None and self.concept_head.config.sees_stem
        return Factorization(
            semantics=encoded.semantics,
            localization=self.localizer(encoded.patch_features, encoded.semantics),
            patch_features=encoded.patch_features,
            summary=encoded.summary,
            patch_grid=(images.shape[2] // self.patch_size, images.shape[3] // self.patch_size),
            stem_features=encoded.stem_features if sees_stem else None,
        )

    @torch.no_grad()
    def factorize(self, images: Tensor) -> Factorization:
        """(B, 3, H, W) in 0..1, sides multiples of `patch_size` -> Factorization, float32, on the model's device.

        Raises ValueError, with what was found and what was expected, for anything else.
        """
        check_images(images, self.patch_size)
        return self(images.to(self.device, self.dtype)).to(torch.float32)

    def concepts(self, factorization: Factorization) -> Tensor:
        """What concepts are compared by: (B, K, C), unit length, float32; the semantics themselves without a head."""
        said = factorization.semantics if self.concept_head is None else self.concept_head(factorization)
        return F.normalize(said.float(), dim=-1)

    @torch.no_grad()
    def decode(self, factorization: Factorization) -> Tensor:
        """The picture that the low-rank features hold: (B, 3, H', W') in 0..1, float32.

        With the pixel head H' = rows x patch_size; with codes H' = rows x the tokenizer's stride (a patch of 14
        predicts the codes of the photo resized by 16/14). Raises ValueError where a part is missing.
        """
        if self.decoder is None:
            raise ValueError("this checkpoint has no decoder, so it cannot reconstruct; load one that has")
        if self.decoder.predicts_codes and self.tokenizer is None:
            raise ValueError("this checkpoint's decoder predicts codes but no tokenizer came with it; give one: "
                             "Stellar.load(..., tokenizer=\"published\") or the path of its file")
        low_rank = factorization.low_rank.to(self.device)
        predicted = self.decoder(low_rank, factorization.patch_grid)
        if self.decoder.predicts_codes:
            predicted = self.tokenizer.decode(predicted.argmax(-1).unflatten(1, factorization.patch_grid))
        return predicted.float().clamp(0, 1)


def check_images(images: Tensor, patch_size: int) -> None:
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images must have shape (B, 3, H, W), found {tuple(images.shape)}")
    if not images.is_floating_point():
        raise ValueError(f"images must be floats in 0..1, found {images.dtype}; divide bytes by 255")
    if not len(images):
        raise ValueError("images is an empty batch; give at least one")
    if 0 in images.shape or images.shape[2] % patch_size or images.shape[3] % patch_size:
        raise ValueError(f"sides must be multiples of the patch size {patch_size}, "
                         f"found {images.shape[2]} x {images.shape[3]}")
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):  # also refuses NaN
        raise ValueError(f"images must lie in 0..1, found {low:.3g}..{high:.3g}; "
                         "normalisation happens inside the model")


def choose_device(device: str | torch.device) -> torch.device:
    if device != "auto":
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def choose_dtype(dtype: str | torch.dtype, device: torch.device) -> torch.dtype:
    """"auto", "float32", "bfloat16", or a torch dtype of these."""
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype != "auto":
        named = {"float32": torch.float32, "bfloat16": torch.bfloat16}
        if dtype not in named:
            raise ValueError(f"dtype must be one of auto, {', '.join(named)}, found {dtype!r}")
        return named[dtype]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "cpu":
        return torch.bfloat16 if cpu_multiplies_bfloat16() else torch.float32
    return torch.float32


def cpu_multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16 products; without them bfloat16 is slower than float32."""
    capability = torch.backends.cpu.get_cpu_capability()
    flags = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(flags.get("avx512_bf16") or flags.get("amx_bf16") or flags.get("bf16")) or "BF16" in capability
