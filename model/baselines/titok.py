"""TiTok (Yu et al., NeurIPS 2024, arXiv 2406.07550): a picture as a short row of codes.

The published layout is that of github bytedance/1d-tokenizer (L-32, B-64, S-128), read off its tensors; ours is one
safetensors file with the architecture in its metadata.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import isqrt
from os import PathLike
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.baselines import at_native_size, check_num_tokens
from model.baselines.published import locate
from model.baselines.serialized import pack_codes
from model.checkpoints.checkpoint import ASSETS, translate
from model.checkpoints.tensor_files import CheckpointError, TensorFile, first_line, only_checkpoint
from model.checkpoints.writing import write_tensors
from model.config import TokenizerConfig, check_heads
from model.encoder import transformer
from model.stellar import check_images
from model.tokenizer import Tokenizer

CONFIG_KEY = "titok_config"
SHIPPED = {"titok": ASSETS / "titok" / "titok.safetensors"}
REPOSITORIES = {f"titok-{size}": f"yucornetto/tokenizer_titok_{size}_imagenet" for size in ("l32", "b64", "s128")}
NORM_EPS = 1e-5  # torch's own default, in which the published weights were trained

# A pattern of our names -> the published names, as in model/checkpoints/checkpoint.py.
NAMES = {
    r"tokens": [r"latent_tokens"],
    r"codebook": [r"quantize.embedding.weight"],
    r"(encoder|decoder)\.summary_token": [r"\1.class_embedding"],
    r"(encoder|decoder)\.positions": [r"\1.positional_embedding"],
    r"(encoder|decoder)\.token_positions": [r"\1.latent_token_positional_embedding"],
    r"(encoder|decoder)\.norm_(pre|post)\.(\w+)": [r"\1.ln_\2.\3"],
    r"encoder\.patch\.(\w+)": [r"encoder.patch_embed.\1"],
    r"encoder\.head\.(\w+)": [r"encoder.conv_out.\1"],
    r"decoder\.mask_token": [r"decoder.mask_token"],
    r"decoder\.input_proj\.(\w+)": [r"decoder.decoder_embed.\1"],
    r"decoder\.head\.(\d)\.(\w+)": [r"decoder.ffn.\1.\2"],
    r"decoder\.smooth\.(\w+)": [r"decoder.conv_out.\1"],
    r"(\w+)\.blocks\.(\d+)\.norm([12])\.(\w+)": [r"\1.transformer.\2.ln_\3.\4"],
    r"(\w+)\.blocks\.(\d+)\.attn\.qkv\.(\w+)": [r"\1.transformer.\2.attn.in_proj_\3"],
    r"(\w+)\.blocks\.(\d+)\.attn\.proj\.(\w+)": [r"\1.transformer.\2.attn.out_proj.\3"],
    r"(\w+)\.blocks\.(\d+)\.mlp\.fc1\.(\w+)": [r"\1.transformer.\2.mlp.c_fc.\3"],
    r"(\w+)\.blocks\.(\d+)\.mlp\.fc2\.(\w+)": [r"\1.transformer.\2.mlp.c_proj.\3"],
    r"tokenizer\.codebook": [r"pixel_quantize.embedding.weight"],
    r"tokenizer\.decoder\.up\.(\d+)\.(\d+)\.shortcut\.(\w+)": [r"pixel_decoder.up.\1.block.\2.nin_shortcut.\3"],
    r"tokenizer\.decoder\.up\.(\d+)\.(\d+)\.(\w+)\.(\w+)": [r"pixel_decoder.up.\1.block.\2.\3.\4"],
    r"tokenizer\.decoder\.upsample\.(\d+)\.(\w+)": [r"pixel_decoder.up.\1.upsample_conv.\2"],
    r"tokenizer\.decoder\.((?:conv_in|mid|norm_out|conv_out)\..+)": [r"pixel_decoder.\1"],
}


@dataclass(frozen=True)
class TransformerConfig:
    """One of its two ViTs."""

    width: int
    depth: int
    num_heads: int
    mlp_width: int

    def __post_init__(self) -> None:
        check_heads(self.width, self.num_heads)


@dataclass(frozen=True)
class TiTokConfig:
    """A whole TiTok; the default is the published L-32 but for its tokenizer.

    unit_codes:       latents and codebook are brought to unit length before they are compared
    num_pixel_codes:  the decoder's codes of a MaskGIT tokenizer; None is the head straight to pixels
    legacy_reshape:   the published code's slip, in which their weights were trained: before the last projection,
                      (tokens, width) is read as (width, tokens) without being transposed
    mix_pixel_codes:  codebook entries averaged by the softmax of the logits, as the published decoders were fine-tuned;
                      else the likeliest code alone
    tokenizer:        the one inside the file, of which only the codebook and the decoder are kept; None where it is
                      given from elsewhere, or not needed
    """

    native_size: int = 256
    patch_size: int = 16
    num_tokens: int = 32
    code_width: int = 12
    num_codes: int = 4096
    encoder: TransformerConfig = TransformerConfig(1024, 24, 16, 4096)
    decoder: TransformerConfig = TransformerConfig(1024, 24, 16, 4096)
    unit_codes: bool = True
    num_pixel_codes: int | None = 1024
    legacy_reshape: bool = False
    mix_pixel_codes: bool = False
    tokenizer: TokenizerConfig | None = None

    def __post_init__(self) -> None:
        if self.patch_size < 1 or self.native_size % self.patch_size:
            raise ValueError(f"native_size {self.native_size} is no multiple of the patch size {self.patch_size}")

    @property
    def native_grid(self) -> int:
        return self.native_size // self.patch_size

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> TiTokConfig:
        values = json.loads(text)
        for part in ("encoder", "decoder"):
            values[part] = TransformerConfig(**values[part])
        if values["tokenizer"] is not None:
            values["tokenizer"] = TokenizerConfig.from_json(json.dumps(values["tokenizer"]))
        return cls(**values)


class TiTokEncoder(nn.Module):
    """(B, 3, S, S) in 0..1, not normalised, and T learnt tokens -> latents (B, T, code_width)."""

    def __init__(self, config: TiTokConfig) -> None:
        super().__init__()
        sizes, scale = config.encoder, config.encoder.width**-0.5
        self.legacy_reshape = config.legacy_reshape
        self.patch = nn.Conv2d(3, sizes.width, config.patch_size, stride=config.patch_size)
        self.summary_token = nn.Parameter(scale * torch.randn(1, sizes.width))
        self.positions = nn.Parameter(scale * torch.randn(1 + config.native_grid**2, sizes.width))
        self.token_positions = nn.Parameter(scale * torch.randn(config.num_tokens, sizes.width))
        self.norm_pre = nn.LayerNorm(sizes.width, eps=NORM_EPS)
        self.blocks = transformer(sizes.width, sizes.depth, sizes.num_heads, sizes.mlp_width, NORM_EPS)
        self.norm_post = nn.LayerNorm(sizes.width, eps=NORM_EPS)
        self.head = nn.Conv2d(sizes.width, config.code_width, 1)

    def forward(self, image: Tensor, tokens: Tensor) -> Tensor:
        patches = self.patch(image).flatten(2).mT
        batch = len(patches)
        hidden = torch.cat([self.summary_token.expand(batch, 1, -1), patches], dim=1) + self.positions
        hidden = torch.cat([hidden, (tokens + self.token_positions).expand(batch, -1, -1)], dim=1)
        hidden = self.norm_pre(hidden)
        for block in self.blocks:
            hidden = block(hidden)
        last = self.norm_post(hidden[:, -len(tokens):])
        last = last.reshape(batch, -1, len(tokens)) if self.legacy_reshape else last.mT  # (B, width, T)
        return self.head(last[..., None])[..., 0].mT


class TiTokDecoder(nn.Module):
    """Quantised latents (B, T, code_width) -> pixel-code logits (B, N, num_pixel_codes), or pixels (B, 3, S, S)."""

    def __init__(self, config: TiTokConfig) -> None:
        super().__init__()
        sizes, scale = config.decoder, config.decoder.width**-0.5
        self.native_grid, self.patch_size = config.native_grid, config.patch_size
        self.input_proj = nn.Linear(config.code_width, sizes.width)
        self.summary_token = nn.Parameter(scale * torch.randn(1, sizes.width))
        self.positions = nn.Parameter(scale * torch.randn(1 + config.native_grid**2, sizes.width))
        self.mask_token = nn.Parameter(scale * torch.randn(1, 1, sizes.width))
        self.token_positions = nn.Parameter(scale * torch.randn(config.num_tokens, sizes.width))
        self.norm_pre = nn.LayerNorm(sizes.width, eps=NORM_EPS)
        self.blocks = transformer(sizes.width, sizes.depth, sizes.num_heads, sizes.mlp_width, NORM_EPS)
        self.norm_post = nn.LayerNorm(sizes.width, eps=NORM_EPS)
        if config.num_pixel_codes is None:
            self.head = nn.Sequential(nn.Conv2d(sizes.width, 3 * config.patch_size**2, 1))
            self.smooth = nn.Conv2d(3, 3, 3, padding=1)
        else:
            self.head = nn.Sequential(nn.Conv2d(sizes.width, 2 * sizes.width, 1), nn.Tanh(),
                                      nn.Conv2d(2 * sizes.width, config.num_pixel_codes, 1))
            self.smooth = None

    def forward(self, quantised: Tensor) -> Tensor:
        batch, num_patches = len(quantised), self.native_grid**2
        masked = torch.cat([self.summary_token[None], self.mask_token.expand(1, num_patches, -1)], dim=1)
        hidden = (masked + self.positions).expand(batch, -1, -1)
        hidden = torch.cat([hidden, self.input_proj(quantised) + self.token_positions], dim=1)
        hidden = self.norm_pre(hidden)
        for block in self.blocks:
            hidden = block(hidden)
        hidden = self.norm_post(hidden[:, 1:1 + num_patches])
        predicted = self.head(hidden.mT.unflatten(2, (self.native_grid, self.native_grid)))
        if self.smooth is None:
            return predicted.flatten(2).mT
        # Channels last within a patch: (rows of a patch, columns of a patch, colour).
        pixels = predicted.unflatten(1, (self.patch_size, self.patch_size, 3)).permute(0, 3, 4, 1, 5, 2)
        return self.smooth(pixels.flatten(4, 5).flatten(2, 3))


class TiTok(nn.Module):
    """Parts: `encoder`, `tokens`, `codebook`, `decoder`, and `tokenizer` for the pixels of its codes (else None)."""

    name, label = "titok", "TiTok"

    def __init__(self, config: TiTokConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Parameter(config.encoder.width**-0.5 * torch.randn(config.num_tokens, config.encoder.width))
        self.encoder = TiTokEncoder(config)
        self.codebook = nn.Parameter(torch.empty(config.num_codes, config.code_width)
                                     .uniform_(-1 / config.num_codes, 1 / config.num_codes))
        self.decoder = TiTokDecoder(config)
        self.tokenizer = None
        if config.tokenizer is not None:
            self.tokenizer = Tokenizer(config.tokenizer)
            self.tokenizer.encoder = None  # it only decodes here, and the published files carry no more of it

    @classmethod
    def load(
        cls,
        source: str | PathLike[str],
        *,
        device: str | torch.device = "cpu",
        tokenizer: str | PathLike[str] | None = None,
    ) -> TiTok:
        """A model in eval mode, float32, from "titok", a published name ("titok-l32"), a file, a folder or a hub id.

        tokenizer: for a file without one of its own whose decoder predicts pixel codes, as `Tokenizer.load` takes it;
        "titok" takes nano's, in whose codes it was trained.
        Raises CheckpointError (a ValueError) that names the file and what is wrong with it.
        """
        path = locate(source, shipped=SHIPPED, repositories=REPOSITORIES)
        file = TensorFile(only_checkpoint(path) if path.is_dir() else path)
        config, table = (our_config(file), None) if CONFIG_KEY in file.metadata else (published_config(file), NAMES)
        try:
            with torch.device("meta"):
                titok = cls(config)
        except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
            raise CheckpointError(f"{file.path} describes an architecture that cannot be built: "
                                  f"{first_line(error)}") from error
        shapes = {name: tuple(tensor.shape) for name, tensor in titok.state_dict().items()}
        titok.load_state_dict(translate(file, shapes, table, torch.float32), assign=True)
        if tokenizer is None and str(source) in SHIPPED:
            tokenizer = "nano"
        if titok.tokenizer is None and config.num_pixel_codes is not None and tokenizer is not None:
            titok.use_decoder_of(Tokenizer.load(tokenizer))
        return titok.requires_grad_(False).eval().to(device)

    def use_decoder_of(self, tokenizer: Tokenizer) -> None:
        """Takes a tokenizer from elsewhere to draw its pixel codes with; `save` leaves it out."""
        found, expected = len(tokenizer.codebook), self.config.num_pixel_codes
        if found != expected or tokenizer.config.stride != self.config.patch_size:
            raise CheckpointError(f"this TiTok predicts one of {expected} codes a patch of {self.config.patch_size} "
                                  f"pixels; the tokenizer has {found} codes of {tokenizer.config.stride} pixels")
        self.tokenizer = tokenizer

    def save(self, path: str | PathLike[str], *, dtype: torch.dtype | None = None) -> None:
        """One safetensors file with the architecture in its metadata, without a borrowed tokenizer."""
        weights = {name: tensor for name, tensor in self.state_dict().items()
                   if self.config.tokenizer is not None or not name.startswith("tokenizer.")}
        write_tensors(path, {CONFIG_KEY: self.config.to_json()}, weights, dtype=dtype)

    @property
    def native_size(self) -> int:
        return self.config.native_size

    @property
    def num_tokens(self) -> int:
        return self.config.num_tokens

    def possible_num_tokens(self, size: tuple[int, int]) -> range:
        """Its own alone: each has learnt a place in the row."""
        return range(self.num_tokens, self.num_tokens + 1)

    # For training, with gradients; callers use encode, decode and reconstruct.

    def latents(self, image: Tensor) -> Tensor:
        """(B, 3, native, native) in 0..1 -> (B, T, code_width), as the codebook is compared with them."""
        latents = self.encoder(image, self.tokens)
        return F.normalize(latents, dim=-1) if self.config.unit_codes else latents

    @property
    def entries(self) -> Tensor:
        """(num_codes, code_width): the codebook, as the latents are compared with it."""
        return F.normalize(self.codebook, dim=-1) if self.config.unit_codes else self.codebook

    def quantize(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, code_width) -> the nearest entries (B, T, code_width), with gradients to the codebook and none to the
        latents (straight-through is the learner's), and their codes (B, T).

        Float32: two entries can lie closer to each other than bfloat16's rounding.
        """
        with torch.autocast(latents.device.type, enabled=False):
            entries = self.entries.float()
            codes = torch.cdist(latents.detach().float(), entries.detach()[None],
                                compute_mode="use_mm_for_euclid_dist").argmin(-1)
            return F.embedding(codes, entries), codes

    def predict(self, quantised: Tensor) -> Tensor:
        """(B, T, code_width) -> pixel-code logits (B, N, num_pixel_codes), or pixels (B, 3, native, native)."""
        return self.decoder(quantised)

    @torch.no_grad()
    def encode(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> codes (B, T)."""
        check_images(image, 1)
        return self.quantize(self.latents(at_native_size(image, self.native_size).to(self.codebook)))[1]

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes (B, T) -> (B, 3, native, native) in 0..1. Raises ValueError for codes it does not have."""
        if codes.ndim != 2 or codes.shape[1] != self.num_tokens:
            raise ValueError(f"this TiTok has {self.num_tokens} codes a picture, (B, {self.num_tokens}); "
                             f"found {tuple(codes.shape)}")
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < self.config.num_codes:
            raise ValueError(f"codes go from 0 to {self.config.num_codes - 1}, found {int(codes.min())} to "
                             f"{int(codes.max())}")
        predicted = self.predict(F.embedding(codes, self.entries))
        if self.config.num_pixel_codes is None:
            return predicted.float().clamp(0, 1)
        if self.tokenizer is None:
            raise ValueError("this TiTok predicts pixel codes but no tokenizer came with it; give one: "
                             "TiTok.load(..., tokenizer=\"nano\"), \"published\" or the path of its file")
        grid = (self.config.native_grid, self.config.native_grid)
        if self.config.mix_pixel_codes:
            mixed = predicted.softmax(-1) @ self.tokenizer.codebook
            return self.tokenizer.decoder(mixed.mT.unflatten(2, grid)).float().clamp(0, 1)
        return self.tokenizer.decode(predicted.argmax(-1).unflatten(1, grid)).float()

    def reconstruct(self, image: Tensor, num_tokens: int) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, 3, native, native) in 0..1; num_tokens must be its own."""
        check_num_tokens(self, image, num_tokens)
        return self.decode(self.encode(image))

    def num_bytes(self, image: Tensor, num_tokens: int) -> list[int]:
        """Of each picture's codes, packed."""
        check_num_tokens(self, image, num_tokens)
        codes = torch.zeros(len(image), num_tokens, dtype=torch.long)  # any codes take as many bits
        return [len(packed) for packed in pack_codes(codes, self.config.num_codes)]


def our_config(file: TensorFile) -> TiTokConfig:
    try:
        return TiTokConfig.from_json(file.metadata[CONFIG_KEY])
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{file.path} describes a TiTok that this version does not know: "
                              f"{first_line(error)}") from error


def published_config(file: TensorFile) -> TiTokConfig:
    """Sizes are read off the tensors, heads are 64 wide; whether codes have unit length a config.json beside it says,
    and without one they do, as in L-32, B-64 and S-128."""
    def shape(name: str, num_dimensions: int) -> tuple[int, ...]:
        if name not in file.shapes:
            found = ", ".join(list(file.shapes)[:3])
            raise CheckpointError(f"{file.path} is not a TiTok checkpoint: it has no {name} (it has {found}, ...)")
        if len(file.shapes[name]) != num_dimensions or 0 in file.shapes[name]:
            raise CheckpointError(f"{file.path}: {name} has shape {file.shapes[name]}, it must have {num_dimensions} "
                                  "dimensions")
        return file.shapes[name]

    def count(template: str) -> int:
        number = 0
        while template.format(number) in file.shapes:
            number += 1
        return number

    def sizes(part: str) -> TransformerConfig:
        width = shape(f"{part}.positional_embedding", 2)[1]
        return TransformerConfig(width=width, depth=count(part + ".transformer.{}.ln_1.weight"),
                                 num_heads=max(width // 64, 1),
                                 mlp_width=shape(f"{part}.transformer.0.mlp.c_fc.weight", 2)[0])

    num_codes, code_width = shape("quantize.embedding.weight", 2)
    patch_size = shape("encoder.patch_embed.weight", 4)[-1]
    to_codes = "decoder.ffn.2.weight" in file.shapes
    tokenizer = None
    if "pixel_quantize.embedding.weight" in file.shapes:
        hidden_channels = shape("pixel_decoder.conv_out.weight", 4)[1]
        widths = [shape(f"pixel_decoder.up.{level}.block.0.conv1.weight", 4)[0]
                  for level in range(count("pixel_decoder.up.{}.block.0.conv1.weight"))]
        pixel_codes, pixel_code_width = shape("pixel_quantize.embedding.weight", 2)
        tokenizer = TokenizerConfig(hidden_channels=hidden_channels, num_codes=pixel_codes, code_width=pixel_code_width,
                                    channel_multipliers=tuple(width // hidden_channels for width in widths),
                                    num_res_blocks=count("pixel_decoder.mid.{}.conv1.weight"))
    try:
        return TiTokConfig(
            native_size=isqrt(shape("encoder.positional_embedding", 2)[0] - 1) * patch_size,
            patch_size=patch_size,
            num_tokens=shape("latent_tokens", 2)[0],
            code_width=code_width,
            num_codes=num_codes,
            encoder=sizes("encoder"),
            decoder=sizes("decoder"),
            unit_codes=published_unit_codes(file.path.with_name("config.json")),
            num_pixel_codes=shape("decoder.ffn.2.weight", 4)[0] if to_codes else None,
            legacy_reshape=to_codes,  # the published code mended both at once
            mix_pixel_codes=to_codes,
            tokenizer=tokenizer,
        )
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{file.path}: {error}") from error


def published_unit_codes(config: Path) -> bool:
    if not config.is_file():
        return True
    try:
        return bool(json.loads(config.read_text(encoding="utf-8"))["model"]["vq_model"]["use_l2_norm"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{config} is no TiTok's: it has no model, vq_model, use_l2_norm") from error
