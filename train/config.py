"""TrainConfig: everything a run is made of, frozen; recipes make it, the command line overrides it by name."""

from __future__ import annotations

import difflib
import json
import types
import typing
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace

from model.config import DecoderConfig, StellarConfig, TokenizerConfig

STELLAR_LOSSES = ("reconstruction", "clustering", "summary_clustering", "set_alignment", "summary_alignment", "koleo",
                  "distillation", "low_rank", "granularity")
TOKENIZER_LOSSES = ("reconstruction", "codebook", "perceptual", "adversarial")


class RecipeError(ValueError):
    """An unknown key or an impossible combination; says which."""


@dataclass(frozen=True)
class DataConfig:
    """Where photos come from: a folder, a Parquet file or folder of them, or a hub data set's name.

    `streaming` reads a hub data set or Parquet without downloading it first; photos then pass a buffer of `shuffle_buffer`
    instead of a full shuffle. A run stops when more than `max_bad_share` of the photos it asked for could not be read.
    """

    source: str | None = None
    split: str = "train"
    column: str = "image"
    streaming: bool = False
    shuffle_buffer: int = 10_000
    num_workers: int = 2
    max_bad_share: float = 0.02


@dataclass(frozen=True)
class ViewsConfig:
    """The augmented copies of a photo. Scales are shares of its area; a step's side is one of `resolutions`, drawn anew."""

    resolutions: tuple[int, ...] = (224,)
    scale: tuple[float, float] = (0.36, 1.0)
    num_masked: int = 8
    mask_ratio: float = 0.8
    num_local: int = 8
    local_resolution: int = 96
    local_scale: tuple[float, float] = (0.06, 0.36)
    flip: float = 0.5
    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.2, 0.1)
    jitter_probability: float = 0.8
    grey_probability: float = 0.2
    blur_kernel: int = 9
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    blur_probability: float = 0.5


@dataclass(frozen=True)
class PrototypesConfig:
    """The heads of the clustering and alignment losses, and Sinkhorn-Knopp's settings."""

    num_prototypes: int = 16_384
    prototype_width: int = 256
    predictor_width: int = 2048
    assignment_temperature: float = 0.06
    prediction_temperature: float = 0.12
    rounds: int = 3


@dataclass(frozen=True)
class TeacherConfig:
    """A frozen timm model to be distilled from.

    `name` is timm's; `weights` a safetensors file in timm's names, or None for timm's own download. A ViT gives block
    `block`'s patch tokens, normed; a network of stages the stages `stages`, joined at stride 16. The whole photo is
    looked at with its long side at `resolution`, whitened to `width` dimensions, and resampled to each crop. The summary
    learns the whole photo's mean feature (of the last stage), whitened over photos to `summary_width` dimensions.
    """

    name: str
    weights: str | None = None
    block: int = -2
    stages: tuple[int, ...] = (3, 4)
    resolution: int = 448
    width: int = 128
    weight: float = 1.0
    summary_weight: float = 1.0
    summary_width: int = 96


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW with a cosine schedule. `clip` bounds the gradient's norm; `average` is the decay of a moving average of
    the weights, None for none."""

    learning_rate: float = 1.5e-4
    final_learning_rate: float = 1e-6
    warmup: float = 0.1
    weight_decay: float = 0.04
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 3.0
    average: float | None = None


@dataclass(frozen=True)
class TrainConfig:
    """One run. `weights` names the losses in use and how much each counts; a loss that is not there is not computed.

    Give `steps`, or `epochs` for data whose length is known. `init` is where the weights start: None (from scratch), a
    timm ViT ("timm:NAME", or a safetensors file of one), or a STELLAR (a name, file or folder that `Stellar.load`
    takes). `stem_weights`: timm names in a safetensors file, "nano" for the stem inside the shipped model, None for
    timm's download. `token_groups` are the sizes of the granularity loss's groups.
    """

    recipe: str
    weights: dict[str, float]
    trains: str = "stellar"
    model: StellarConfig = field(default_factory=StellarConfig)
    init: str | None = None
    stem_weights: str | None = "nano"
    tokenizer_weights: str | None = None
    data: DataConfig = field(default_factory=DataConfig)
    views: ViewsConfig = field(default_factory=ViewsConfig)
    prototypes: PrototypesConfig = field(default_factory=PrototypesConfig)
    teachers: tuple[TeacherConfig, ...] = ()
    token_groups: tuple[int, ...] = ()
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    batch_size: int = 128
    steps: int | None = None
    epochs: float | None = None
    precision: str = "bf16"
    seed: int = 0
    log_every: int = 10
    save_every: int = 500
    picture_every: int = 500

    def __post_init__(self) -> None:
        known = {"stellar": STELLAR_LOSSES, "tokenizer": TOKENIZER_LOSSES}
        if self.trains not in known:
            raise RecipeError(f"trains must be one of {', '.join(known)}, found {self.trains!r}")
        for name, weight in self.weights.items():
            if name not in known[self.trains]:
                raise RecipeError(f"there is no loss {name!r}{suggestion(name, known[self.trains])}; "
                                  f"a {self.trains} run knows {', '.join(known[self.trains])}")
            if not weight > 0:
                raise RecipeError(f"the weight of {name} is {weight}; leave a loss out with --without {name}")
        if not self.weights:
            raise RecipeError("no loss is left; give at least one a weight")
        if (self.steps is None) == (self.epochs is None):
            raise RecipeError("give either steps or epochs")
        if (self.steps or self.epochs) <= 0 or self.batch_size < 1:
            raise RecipeError("steps, epochs and batch_size must be positive")
        if self.precision not in ("bf16", "no"):
            raise RecipeError(f"precision must be bf16 or no, found {self.precision!r}")
        if not 0 <= self.views.mask_ratio < 1:
            raise RecipeError(f"views.mask_ratio must be in 0..1 and below 1, found {self.views.mask_ratio}")
        for side in (*self.views.resolutions, *([self.views.local_resolution] if self.views.num_local else [])):
            if side % self.model.patch_size:
                raise RecipeError(f"a side of {side} px is no multiple of the patch size {self.model.patch_size}")
        if self.trains == "tokenizer":
            if self.model.tokenizer is None:
                raise RecipeError("a tokenizer run needs model.tokenizer")
            return
        weights = set(self.weights)
        if "set_alignment" in weights and "clustering" not in weights:
            raise RecipeError("set_alignment needs clustering: its targets are the clustering's assignments")
        if "summary_alignment" in weights and "summary_clustering" not in weights:
            raise RecipeError("summary_alignment needs summary_clustering: its targets are that one's assignments")
        if "set_alignment" in weights and not self.views.num_masked:
            raise RecipeError("set_alignment needs masked views: views.num_masked is 0")
        if "summary_alignment" in weights and not (self.views.num_masked or self.views.num_local):
            raise RecipeError("summary_alignment needs masked views or local crops; both numbers are 0")
        if "reconstruction" in weights and self.model.decoder is None:
            raise RecipeError("reconstruction needs model.decoder")
        if "distillation" in weights and not self.teachers:
            raise RecipeError("distillation needs teachers")
        if "granularity" in weights:
            if "distillation" not in weights:
                raise RecipeError("granularity needs distillation: each group of tokens predicts the teachers")
            if sum(self.token_groups) != self.model.num_tokens or min(self.token_groups) < 1:
                raise RecipeError(f"token_groups {self.token_groups} must sum to the {self.model.num_tokens} tokens")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> TrainConfig:
        return build(cls, json.loads(text))

    def without(self, *losses: str) -> TrainConfig:
        """The same run less some losses, by their names."""
        for name in losses:
            if name not in self.weights:
                raise RecipeError(f"--without {name}: this recipe has no such loss; it has {', '.join(self.weights)}")
        return replace(self, weights={name: weight for name, weight in self.weights.items() if name not in losses})

    def override(self, assignments: list[str]) -> TrainConfig:
        """The same run with "dotted.name=value" set, all at once; values are JSON, or plain words."""
        values = json.loads(self.to_json())
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            if not equals:
                raise RecipeError(f"{assignment!r} is no setting; write name=value")
            *path, last = name.split(".")
            part = values
            for key in path:
                if isinstance(part, list):  # teachers.0.weights
                    part = part[int(key)] if key.isdigit() and int(key) < len(part) else None
                else:
                    part = part.get(key) if isinstance(part, dict) else None
            open_ended = path == ["weights"]
            if not isinstance(part, dict) or (last not in part and not open_ended):
                settings = dotted_names(values)
                raise RecipeError(f"there is no setting {name!r}{suggestion(name, settings)}; "
                                  "`python -m train --recipe NAME --show` lists them")
            part[last] = parse(text)
        return build(type(self), values)


def suggestion(name: str, known: typing.Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def dotted_names(values: dict, prefix: str = "") -> list[str]:
    names = []
    for key, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = dict(enumerate(value))
        names += dotted_names(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
    return names


def parse(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None if text == "None" else text


def build(kind: type, values: object) -> typing.Any:
    """JSON values -> a (nested) frozen dataclass; raises RecipeError for unknown keys and wrong types."""
    if not isinstance(values, dict):
        raise RecipeError(f"{kind.__name__} is made of named values, found {values!r}")
    hints = typing.get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    for key in values:
        if key not in names:
            raise RecipeError(f"{kind.__name__} has no {key!r}{suggestion(key, names)}")
    try:
        return kind(**{key: convert(key, hints[key], value) for key, value in values.items()})
    except TypeError as error:
        raise RecipeError(f"{kind.__name__}: {error}") from error
    except RecipeError:
        raise
    except ValueError as error:
        raise RecipeError(str(error)) from error


def convert(name: str, hint: object, value: object) -> object:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return convert(name, next(kind for kind in arguments if kind is not type(None)), value)
    if is_dataclass(hint):
        return build(hint, value)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            value = [value]  # `views.resolutions=224` means one
        if arguments[-1] is not ... and len(value) != len(arguments):
            raise RecipeError(f"{name} has {len(arguments)} values, found {len(value)}")
        kinds = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        return tuple(convert(name, kind, item) for kind, item in zip(kinds, value, strict=True))
    if origin is dict:
        if not isinstance(value, dict):
            raise RecipeError(f"{name} is made of named values, found {value!r}")
        return {key: convert(f"{name}.{key}", arguments[1], item) for key, item in value.items()}
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise RecipeError(f"{name} must be {'an' if hint is int else 'a'} {hint.__name__}, found {value!r}")
    return value


__all__ = ["DataConfig", "DecoderConfig", "OptimizerConfig", "PrototypesConfig", "RecipeError", "StellarConfig",
           "TeacherConfig", "TokenizerConfig", "TrainConfig", "ViewsConfig"]
