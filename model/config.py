"""StellarConfig: the architecture, read off a checkpoint or chosen by a recipe."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

# transformers' ViT, in which the published weights were trained, has this epsilon; timm's default is 1e-6.
PUBLISHED_NORM_EPS = 1e-12


def check_heads(width: int, num_heads: int) -> None:
    if num_heads < 1 or width % num_heads:
        raise ValueError(f"a width of {width} cannot be split among {num_heads} heads")


@dataclass(frozen=True)
class DecoderConfig:
    """Low-rank features -> codes or pixels (paper, section 3.3). `num_codes` None means the pixel head.

    best_size is the long side, in pixels, of the photos that it draws best, as looked at and measured
    (benchmarks/pictures.py); None: nobody has, and native_size, which it learnt at, has to do.
    """

    width: int = 512
    depth: int = 6
    num_heads: int = 8
    mlp_width: int = 2048
    num_codes: int | None = 1024
    norm_eps: float = PUBLISHED_NORM_EPS
    best_size: int | None = None

    def __post_init__(self) -> None:
        check_heads(self.width, self.num_heads)
        if self.best_size is not None and self.best_size < 1:
            raise ValueError(f"best_size is {self.best_size}; it must be at least 1 pixel")


@dataclass(frozen=True)
class TokenizerConfig:
    """MaskGIT-VQGAN; the default is the published one (f16, 1,024 codes of width 256).

    `unshuffle` folds squares of that many pixels into channels before the first convolution and unfolds them after the
    last: the levels that cost most and say least are left out. With `linear_path` each code's pixels also pass a linear
    map straight to and from the code, beside the convolutions, which then only add the neighbourhood; with
    `linear_encoder` that map alone makes the code.
    """

    hidden_channels: int = 128
    channel_multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    num_res_blocks: int = 2
    code_width: int = 256
    num_codes: int = 1024
    unshuffle: int = 1
    linear_path: bool = False
    linear_encoder: bool = False

    @property
    def stride(self) -> int:
        """Pixels a code, each way: every level but the last halves the picture."""
        return self.unshuffle * 2 ** (len(self.channel_multipliers) - 1)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> TokenizerConfig:
        values = json.loads(text)
        return cls(**{**values, "channel_multipliers": tuple(values["channel_multipliers"])})


# What a concept head may see of a token; all but the stem are as wide as the encoder.
CONCEPT_INPUTS = ("semantics", "patches", "summary", "stem")


@dataclass(frozen=True)
class ConceptHeadConfig:
    """Factorization -> concepts of `width` channels; the defaults are the published predictor's.

    inputs, side by side: a token's semantics, the mean patch features under its mask, the photo's summary, the mean
    under its mask of the `stem_width` channels of a hybrid's stem at its coarsest stride.
    standardized: a measured mean is taken off each channel of the inputs, and what is left divided by its deviation.
    """

    hidden_width: int = 2048
    width: int = 256
    inputs: tuple[str, ...] = ("semantics",)
    standardized: bool = False
    stem_width: int = 0

    def __post_init__(self) -> None:
        if self.sees_stem != (self.stem_width > 0):
            raise ValueError(f"a concept head's stem_width is that of its input stem, and 0 without it, found "
                             f"{self.stem_width} and the inputs {', '.join(map(str, self.inputs))}")
        if self.hidden_width < 1 or self.width < 1:
            raise ValueError(f"a concept head is at least 1 wide, found {self.hidden_width} and {self.width}")
        unknown = [name for name in self.inputs if name not in CONCEPT_INPUTS]
        if not self.inputs or unknown or len(set(self.inputs)) < len(self.inputs):
            raise ValueError(f"a concept head's inputs are some of {', '.join(CONCEPT_INPUTS)}, each once, found "
                             f"{', '.join(map(str, self.inputs)) or 'none'}")

    @property
    def sees_stem(self) -> bool:
        return "stem" in self.inputs

    def in_width(self, width: int) -> int:
        """Of all inputs together, where the encoder has `width`."""
        return sum(self.stem_width if name == "stem" else width for name in self.inputs)


@dataclass(frozen=True)
class StellarConfig:
    """A whole STELLAR. `stem` names the timm model of a hybrid patch embedding, None a plain one.

    native_size is the side, in pixels, that the position embedding was learnt at. `join_block` is the block before
    which the tokens, and a stem's features, join the patches and the summary: 0, the first, is the paper's. Above 0 the
    blocks before it are a plain ViT, which a start can bring and a run can freeze at no cost but its forward pass.
    """

    width: int = 768
    depth: int = 12
    num_heads: int = 12
    mlp_width: int = 3072
    patch_size: int = 16
    native_size: int = 224
    num_tokens: int = 16
    norm_eps: float = PUBLISHED_NORM_EPS
    localization_temperature: float = 0.06
    stem: str | None = None
    join_block: int = 0
    concept_head: ConceptHeadConfig | None = None
    decoder: DecoderConfig | None = None
    tokenizer: TokenizerConfig | None = None

    def __post_init__(self) -> None:
        check_heads(self.width, self.num_heads)
        if self.patch_size < 1 or self.native_size % self.patch_size:
            raise ValueError(f"native_size {self.native_size} is no multiple of the patch size {self.patch_size}")
        if self.concept_head is not None and self.concept_head.sees_stem and self.stem is None:
            raise ValueError("a concept head that sees the stem needs a model with one")
        if not 0 <= self.join_block < self.depth:
            raise ValueError(f"join_block is {self.join_block}, and there are the blocks 0 to {self.depth - 1}")

    @property
    def native_grid(self) -> int:
        """Patches a side of the grid that the positions were learnt on."""
        return self.native_size // self.patch_size

    @property
    def concept_width(self) -> int:
        """C, of the space where concepts are compared: the concept head's, or without one that of the semantics."""
        return self.width if self.concept_head is None else self.concept_head.width

    @property
    def picture_size(self) -> int:
        """The long side, in pixels, at which the decoder is asked for pictures where nobody chose another."""
        return self.decoder and self.decoder.best_size or self.native_size

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> StellarConfig:
        values = json.loads(text)
        if values.get("concept_head") is not None:
            head = values["concept_head"]
            values["concept_head"] = ConceptHeadConfig(**{**head, "inputs": tuple(head["inputs"])})
        if values.get("decoder") is not None:
            values["decoder"] = DecoderConfig(**values["decoder"])
        if values.get("tokenizer") is not None:
            tokenizer = values["tokenizer"]
            tokenizer["channel_multipliers"] = tuple(tokenizer["channel_multipliers"])
            values["tokenizer"] = TokenizerConfig(**tokenizer)
        return cls(**values)
