"""TrainConfig: everything a run is made of, frozen; recipes make it, the command line overrides it by name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from model.config import ConceptHeadConfig, DecoderConfig, StellarConfig, TokenizerConfig
from train.settings import (
    RecipeError,
    build,
    require,
    require_least,
    require_positive,
    require_range,
    require_share,
    set_value,
    suggestion,
)

STELLAR_LOSSES = ("reconstruction", "clustering", "summary_clustering", "set_alignment", "summary_alignment", "koleo",
                  "distillation", "low_rank", "granularity", "sharpness", "simplicity", "relation",
                  "localization", "summary")
TOKENIZER_LOSSES = ("reconstruction", "seams", "codebook", "perceptual", "adversarial")
# What a run can train (train/learners/registry.py), and the losses that each knows.
LOSSES = {"stellar": STELLAR_LOSSES, "tokenizer": TOKENIZER_LOSSES, "titok": ("reconstruction", "codebook", "koleo"),
          "mae": ("reconstruction",), "concepts": ("relation",)}
BASELINES = ("titok", "mae")
GUIDED = {"localization", "summary"}  # losses that hold a run to another STELLAR, its guide
# The teachers of these names are parts of the run's own start.
START, STEM = "start", "stem"
LOWEST = "lowest:"  # in front of a measure of which less is better


# Whose assignments are another loss's targets. Such a loss can count for nothing and still be computed.
TARGETS = {"clustering": "set_alignment", "summary_clustering": "summary_alignment"}


@dataclass(frozen=True)
class DataConfig:
    """Where photos come from: a folder, a list of paths, Parquet or tar files, a saved data set, or one of the hub.

    `split`: of a data set that has splits, or "all"; `column`: of a table's pictures, found where it is null; `hidden`:
    also what is skipped in folders by its name (`photos.sources.clutter`); `max_pixels`: open photos of up to so many
    pixels, where the 250 million of `photos.limits.LOCAL` are too few. `streaming` reads a hub data set, Parquet or
    tar files without downloading or listing them first; photos then pass a buffer of `shuffle_buffer` instead of a full
    shuffle, and one worker reads them. A run stops when more than `max_bad_share` of the photos it asked for could not
    be read, and when no worker has answered for `worker_timeout` seconds (0: never).

    `on_device` decodes all photos once into the GPU's memory, or the machine's where there is none, with their long
    side at most `canvas` (3 x canvas x canvas bytes each); crops, colours and teachers then run there, a batch at a
    time, and each process keeps its share.
    """

    source: str | None = None
    split: str = "train"
    column: str | None = None
    hidden: bool = False
    max_pixels: int | None = None
    streaming: bool = False
    shuffle_buffer: int = 10_000
    num_workers: int = 2
    worker_timeout: int = 600
    max_bad_share: float = 0.02
    on_device: bool = False
    canvas: int = 384

    def __post_init__(self) -> None:
        require_least(self, "data.", 0, "num_workers", "worker_timeout")
        require_least(self, "data.", 1, "shuffle_buffer", "canvas")
        require_share(self, "data.", "max_bad_share")
        require(self.max_pixels is None or 1 <= self.max_pixels <= 2**32,
                f"data.max_pixels must be from 1 to {2**32:,}, found {self.max_pixels}")
        require(not (self.on_device and self.streaming), "data.on_device needs all photos at hand, and a stream has "
                "none before it is read; leave data.streaming or data.on_device out")


@dataclass(frozen=True)
class ViewsConfig:
    """The augmented copies of a photo. Scales are shares of its area; a step's side is drawn from `resolutions`."""

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

    def __post_init__(self) -> None:
        require(len(self.resolutions) > 0 and min(self.resolutions) > 0,
                f"views.resolutions must name at least one side in pixels, found {list(self.resolutions)}")
        require_least(self, "views.", 0, "num_masked", "num_local")
        require_positive(self, "views.", "local_resolution")
        require(0 <= self.mask_ratio < 1, f"views.mask_ratio must be in 0..1 and below 1, found {self.mask_ratio}")
        require_range(self, "views.", "scale", 1)
        require_range(self, "views.", "local_scale", 1)
        require_range(self, "views.", "blur_sigma")
        require_share(self, "views.", "flip", "jitter_probability", "grey_probability", "blur_probability")
        require(min(self.jitter) >= 0 and max(self.jitter[:3]) <= 1 and self.jitter[3] <= 0.5,
                "views.jitter (brightness, contrast, saturation, hue) must be in 0..1, the hue in 0..0.5, "
                f"found {list(self.jitter)}")
        require(self.blur_kernel > 0 and self.blur_kernel % 2 == 1,
                f"views.blur_kernel must be odd, found {self.blur_kernel}")


@dataclass(frozen=True)
class PrototypesConfig:
    """The heads of the clustering and alignment losses, and Sinkhorn-Knopp's settings."""

    num_prototypes: int = 16_384
    prototype_width: int = 256
    predictor_width: int = 2048
    assignment_temperature: float = 0.06
    prediction_temperature: float = 0.12
    rounds: int = 3

    def __post_init__(self) -> None:
        require_least(self, "prototypes.", 1, "num_prototypes", "prototype_width", "predictor_width", "rounds")
        require_positive(self, "prototypes.", "assignment_temperature", "prediction_temperature")


@dataclass(frozen=True)
class TeacherConfig:
    """A frozen timm model to be distilled from.

    `name` is timm's; `weights` a safetensors file in timm's names, or None for timm's own download. A ViT gives block
    `block`'s patch tokens, normed; a network of stages the stages `stages`, joined at stride 16. The whole photo is
    looked at with its long side at `resolution`, whitened to `width` dimensions, and resampled to each crop. The
    summary learns the whole photo's mean feature (of the last stage), whitened over photos to `summary_width`
    dimensions; not where `summary_weight` is 0. The name "start" is the run's own start, asked as a plain ViT about
    the crop itself (train/learners/start_teacher.py): only `width` and `weight` count then, and what comes before the
    join must be `frozen`. The name "stem", which only a run of concepts knows, is the model's own stem, of which
    `stages` are taken.
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

    def __post_init__(self) -> None:
        require(len(self.stages) > 0, f"the teacher {self.name} needs at least one of its stages")
        require_least(self, f"the teacher {self.name}: ", 1, "resolution", "width", "summary_width")
        require_least(self, f"the teacher {self.name}: ", 0, "weight", "summary_weight")
        require(self.name != START or not self.summary_weight,
                "the teacher start says nothing of whole photos; its summary_weight must be 0")

    @property
    def summary_size(self) -> int:
        """`summary_width`, or 0 where the summary learns nothing of this teacher."""
        return self.summary_width if self.summary_weight else 0


@dataclass(frozen=True)
class EvaluationConfig:
    """What a run measures of itself: a protocol of train.evaluate, by its name, on a folder. `limit`, `resolution` and
    `boxes` are that command's: about so many photos, spread over the folder, their long side, and what the four numbers
    of a box are (corners, centres, or null to see it from the set)."""

    protocol: str
    data: str
    limit: int | None = None
    resolution: int = 448
    boxes: str | None = None

    def __post_init__(self) -> None:
        require(self.boxes in (None, "corners", "centres"),
                f"evaluations: boxes must be corners, centres or null, found {self.boxes}")
        require(self.limit is None or self.limit > 0, f"evaluations: limit must be null or above 0, found {self.limit}")
        require_positive(self, "evaluations: ", "resolution")


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW with a cosine schedule. `encoder_rate` is the share of the learning rate at which the ViT learns (patch
    embedding, positions, summary token, blocks and norm; not the tokens, nor what a stem adds): below 1 it keeps more
    of what a start knows. `clip` bounds the gradient's norm; `average` is the decay of a moving average of the weights,
    None for none."""

    learning_rate: float = 1.5e-4
    encoder_rate: float = 1.0
    final_learning_rate: float = 1e-6
    warmup: float = 0.1
    weight_decay: float = 0.04
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 3.0
    average: float | None = None

    def __post_init__(self) -> None:
        require_positive(self, "optimizer.", "learning_rate", "encoder_rate", "clip")
        require_least(self, "optimizer.", 0, "final_learning_rate", "weight_decay")
        require_share(self, "optimizer.", "warmup")
        require(all(0 <= beta < 1 for beta in self.betas), f"optimizer.betas must be in 0..1 and below 1, "
                f"found {list(self.betas)}")
        require(self.average is None or 0 <= self.average < 1,
                f"optimizer.average must be null or in 0..1 and below 1, found {self.average}")


@dataclass(frozen=True)
class TransformerConfig:
    """A plain ViT's sizes."""

    width: int = 192
    depth: int = 5
    num_heads: int = 3
    mlp_width: int = 768

    def __post_init__(self) -> None:
        require_least(self, "baseline: ", 1, "width", "depth", "num_heads", "mlp_width")
        require(self.width % self.num_heads == 0,
                f"baseline: a width of {self.width} cannot be split among {self.num_heads} heads")


@dataclass(frozen=True)
class BaselineConfig:
    """A TiTok's sizes, or a MAE's (model/baselines/), which both take squares of `native_size`.

    `num_tokens` are a TiTok's codes, each one of `num_codes` of width `code_width`, or the patches that a MAE sees.
    """

    encoder: TransformerConfig = field(default_factory=TransformerConfig)
    decoder: TransformerConfig = field(default_factory=TransformerConfig)
    native_size: int = 224
    patch_size: int = 16
    num_tokens: int = 32
    num_codes: int = 4096
    code_width: int = 12

    def __post_init__(self) -> None:
        require_least(self, "baseline.", 1, "native_size", "patch_size", "num_tokens", "num_codes", "code_width")
        require(self.native_size % self.patch_size == 0,
                f"baseline.native_size {self.native_size} is no multiple of its patch size, {self.patch_size}")


def before_join(model: StellarConfig) -> tuple[str, ...]:
    """The names, as `frozen` takes them, of what comes before the tokens: frozen, it needs no backward pass."""
    return ("encoder.embedding.patch", "encoder.positions", "encoder.summary_token",
            *(f"encoder.blocks.{i}" for i in range(model.join_block)))


def is_part(name: str, part: str) -> bool:
    """Whether a parameter or a module is the one that `TrainConfig.frozen` names, or in it."""
    return f"{name}.".startswith(f"{part}.")


@dataclass(frozen=True)
class TrainConfig:
    """One run.

    weights: the losses in use and how much each counts; one that is not there is not computed. Clustering at weight 0
        is computed for the alignment loss whose targets its assignments are, and counts for nothing.
    trains: what is trained: a STELLAR, the concept head alone of a finished one, a tokenizer, or what STELLAR is
        compared with, whose sizes are then `baseline` instead of `model`.
    init: where the weights start: None (from scratch), a timm ViT ("timm:NAME", or a safetensors file of one), or a
        STELLAR (what `Stellar.load` takes; a run's folder brings its training heads along).
    stem_weights: a safetensors file in timm's names, "nano" for the stem inside the shipped model, None for timm's
        download.
    frozen: what keeps its weights, by the beginnings of parameters' names. `--set 'frozen=["encoder","localizer"]'`
        with the reconstruction alone trains a decoder on what is there; "encoder.blocks.0" is one block.
    token_groups, group_shares: sizes of the groups of tokens of the granularity and sharpness losses, and how much of a
        patch each group is to hold.
    explained, simplicity_from: the share of X's variance, 0..1, up to which the simplicity loss moves X towards L S,
        and the share of the run, 0..1, after which it begins.
    relation_temperature, relation_share: of the relation loss; how much of its gradient, 0..1, reaches the inputs of a
        concept head. Without a head all of it does.
    relation_whole: in a concepts run, how much the teacher's feature of the whole photo counts beside a concept's.
    reconstruction_reaches: "both", or "semantics" for a reconstruction without a gradient to the localization.
    guide: a STELLAR of the same tokens and width, whose masks are the localization loss's targets and whose summary is
        the summary loss's.
    steps, epochs: give one; epochs only for data whose length is known.
    precision: "auto" is bf16 where the device multiplies bfloat16 faster, else "no" (float32).
    compile: the transformer blocks, where the machine can (train/compilation.py).
    evaluate_every, evaluations: every so many steps, and before the first, a run of a STELLAR measures itself.
    keep_best: the measure whose best step is kept beside the last one: "objects/mean_best_iou" for the highest,
        "lowest:mass/dead" for the lowest.
    """

    recipe: str
    weights: dict[str, float]
    trains: str = "stellar"
    model: StellarConfig = field(default_factory=StellarConfig)
    baseline: BaselineConfig | None = None
    init: str | None = None
    stem_weights: str | None = "nano"
    tokenizer_weights: str | None = None
    frozen: tuple[str, ...] = ()
    data: DataConfig = field(default_factory=DataConfig)
    views: ViewsConfig = field(default_factory=ViewsConfig)
    prototypes: PrototypesConfig = field(default_factory=PrototypesConfig)
    teachers: tuple[TeacherConfig, ...] = ()
    token_groups: tuple[int, ...] = ()
    group_shares: tuple[float, ...] = ()
    explained: float = 0.78
    simplicity_from: float = 0.0
    relation_temperature: float = 0.07
    relation_share: float = 1.0
    relation_whole: float = 0.0
    reconstruction_reaches: str = "both"
    guide: str | None = None
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    batch_size: int = 128
    steps: int | None = None
    epochs: float | None = None
    precision: str = "auto"
    seed: int = 0
    log_every: int = 10
    save_every: int = 500
    picture_every: int = 500
    evaluate_every: int | None = None
    evaluations: tuple[EvaluationConfig, ...] = ()
    keep_best: str | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        require(self.trains in LOSSES, f"trains must be one of {', '.join(LOSSES)}, found {self.trains!r}")
        self.check_numbers()
        self.check_sizes()
        self.check_losses()
        self.check_evaluations()

    @property
    def timm_teachers(self) -> tuple[TeacherConfig, ...]:
        return tuple(teacher for teacher in self.teachers if teacher.name not in (START, STEM))

    def check_numbers(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise RecipeError("give either steps or epochs")
        require_positive(self, "", "epochs" if self.steps is None else "steps")
        require_least(self, "", 1, "batch_size", "log_every", "save_every", "picture_every")
        require_least(self, "", 0, "seed")
        require_share(self, "", "explained", "simplicity_from", "relation_share")
        require_positive(self, "", "relation_temperature")
        require_least(self, "", 0, "relation_whole")
        require(self.reconstruction_reaches in ("both", "semantics"),
                f"reconstruction_reaches must be both or semantics, found {self.reconstruction_reaches!r}")
        require(self.precision in ("auto", "bf16", "no"),
                f"precision must be auto, bf16 or no, found {self.precision!r}")

    def check_sizes(self) -> None:
        require_least(self.model, "model.", 1, "width", "depth", "num_tokens", "mlp_width")
        require_positive(self.model, "model.", "localization_temperature")
        sides = [*self.views.resolutions, *([self.views.local_resolution] if self.views.num_local else [])]
        patches = {"patch size": self.model.patch_size}
        if self.trains in BASELINES:
            require(self.baseline is not None, f"a {self.trains} run needs baseline, its sizes")
            require(sides == [self.baseline.native_size],
                    f"a {self.trains} run takes squares of baseline.native_size, {self.baseline.native_size} px; "
                    f"views.resolutions must name that alone and views.num_local be 0, found {sides}")
            patches = {}
        if self.trains == "tokenizer" and self.model.tokenizer is not None:
            patches["tokenizer's stride"] = self.model.tokenizer.stride
        for what, patch in patches.items():
            for side in sides:
                require(side % patch == 0, f"a side of {side} px is no multiple of the {what}, {patch}")

    def check_evaluations(self) -> None:
        require((self.evaluate_every is None) == (not self.evaluations),
                "evaluate_every and evaluations need each other: how often, and which protocol on which photos "
                "(--evaluate-every 500 --evaluate objects=FOLDER)")
        require(self.keep_best is None or self.evaluate_every is not None,
                "keep_best needs evaluate_every and evaluations: the best of what is measured is kept")
        if self.evaluate_every is None:
            return
        require_least(self, "", 1, "evaluate_every")
        require(self.trains == "stellar", f"evaluations look at a STELLAR's concepts; a {self.trains} run has none")
        names = [part.protocol for part in self.evaluations]
        require(len(set(names)) == len(names), f"a protocol can be in evaluations once, found {', '.join(names)}")

    def check_losses(self) -> None:
        if not self.weights:
            raise RecipeError("no loss is left; give at least one a weight")
        for name, weight in self.weights.items():
            if name not in LOSSES[self.trains]:
                raise RecipeError(f"there is no loss {name!r}{suggestion(name, LOSSES[self.trains])}; "
                                  f"a {self.trains} run knows {', '.join(LOSSES[self.trains])}")
            served = weight == 0 and TARGETS.get(name) in self.weights
            require(weight > 0 or served, f"the weight of {name} is {weight:g}; leave a loss out with --without {name}")
        if self.trains == "tokenizer":
            require(self.model.tokenizer is not None, "a tokenizer run needs model.tokenizer")
            require(self.model.stem is not None, "a tokenizer run needs model.stem: its frozen features judge pictures")
        elif self.trains in BASELINES:
            self.check_baseline()
        elif self.trains == "concepts":
            self.check_concepts()
        else:
            self.check_stellar()

    def check_baseline(self) -> None:
        require("reconstruction" in self.weights, f"a {self.trains} run needs reconstruction: it is what it learns")
        require(not self.frozen, f"frozen names parts of a STELLAR; a {self.trains} run has none")
        if self.trains == "mae":
            num_patches = (self.baseline.native_size // self.baseline.patch_size) ** 2
            require(self.baseline.num_tokens < num_patches,
                    f"baseline.num_tokens is {self.baseline.num_tokens} of {num_patches} patches: a MAE learns from "
                    "those that it does not see")

    def check_concepts(self) -> None:
        require(self.model.concept_head is not None, "a concepts run needs model.concept_head, the head's sizes")
        require(self.init is not None, "a concepts run needs --init CHECKPOINT, a finished model for its head")
        require(len(self.teachers) == 1 and self.teachers[0].name != START,
                "a concepts run has one teacher: a timm model's name, or stem for the model's own")
        require(not self.frozen, "a concepts run trains the head alone; frozen has nothing to name")
        require(not self.data.streaming, "a concepts run looks at every photo once and keeps what it saw; it takes no "
                "stream")

    def check_stellar(self) -> None:
        weights, views = self.weights, self.views
        for targets, alignment in TARGETS.items():
            require(alignment not in weights or targets in weights,
                    f"{alignment} needs {targets}: its targets are the {targets}'s assignments; "
                    f"weights.{targets}=0 makes them and lets the loss count for nothing")
        require("set_alignment" not in weights or views.num_masked > 0,
                "set_alignment needs masked views: views.num_masked is 0")
        require("summary_alignment" not in weights or views.num_masked + views.num_local > 0,
                "summary_alignment needs masked views or local crops; both numbers are 0")
        require("reconstruction" not in weights or self.model.decoder is not None, "reconstruction needs model.decoder")
        require("distillation" not in weights or len(self.teachers) > 0, "distillation needs teachers")
        require("relation" not in weights or ("distillation" in weights and len(self.timm_teachers) > 0),
                "relation needs distillation and a timm teacher: the first one says which concepts are alike")
        require(STEM not in [teacher.name for teacher in self.teachers],
                "the teacher stem is for a concepts run; name the stem's whole network by timm's name here")
        if "distillation" in weights:
            self.check_start_teacher()
        for name in sorted(GUIDED & set(weights)):
            require(self.guide is not None, f"{name} needs guide, the STELLAR that it holds the run to")
        groups = self.token_groups
        if {"granularity", "sharpness", "localization"} & set(weights):
            require(sum(groups) == self.model.num_tokens and min(groups) > 0,
                    f"token_groups must sum to the {self.model.num_tokens} tokens, found {list(groups)}")
        if "granularity" in weights:
            shares = self.group_shares
            require(len(shares) == len(groups) and abs(sum(shares) - 1) < 1e-6 and min(shares) > 0,
                    f"group_shares must be {len(groups)} positive shares that sum to 1, found {list(shares)}")

    def check_start_teacher(self) -> None:
        """The start is last, and goes on from blocks that it shares with the model: those have to stand still."""
        names = [teacher.name for teacher in self.teachers]
        require(START not in names[:-1], "the teacher start must be the last one")
        learning = [name for name in before_join(self.model) if not any(is_part(name, part) for part in self.frozen)]
        require(START not in names or not learning,
                f"the teacher start needs what comes before the join frozen; frozen lacks {', '.join(learning)}")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> TrainConfig:
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise RecipeError(f"a recipe is JSON, and this is none: {error}") from error
        return build(cls, values)

    def without(self, *losses: str) -> TrainConfig:
        """The same run less some losses, by their names; `override` says more."""
        return self.override([], without=losses)

    def override(self, assignments: list[str], *, without: Iterable[str] = ()) -> TrainConfig:
        """The same run with "dotted.name=value" set and some losses left out, all at once; values are JSON or words.

        Steps take the place of the recipe's epochs, and epochs of its steps. Clustering is left out alone: where an
        alignment loss stays, its weight becomes 0, because the alignment's targets are its assignments.
        """
        values = json.loads(self.to_json())
        given = [set_value(values, assignment) for assignment in assignments]
        for name, other in (("steps", "epochs"), ("epochs", "steps")):
            if name in given and other not in given and values[name] is not None:
                values[other] = None
        weights = values["weights"]
        if not isinstance(weights, dict):
            raise RecipeError(f"weights is made of named values, found {weights!r}")
        for name in without:
            if name not in weights:
                raise RecipeError(f"--without {name}: this recipe has no such loss{suggestion(name, weights)}; "
                                  f"it has {', '.join(weights)}")
            del weights[name]
        for targets, alignment in TARGETS.items():
            if targets in without and alignment in weights:
                weights[targets] = 0.0
        return build(type(self), values)


__all__ = ["BaselineConfig", "ConceptHeadConfig", "DataConfig", "DecoderConfig", "EvaluationConfig", "OptimizerConfig",
           "PrototypesConfig", "RecipeError", "StellarConfig", "TeacherConfig", "TokenizerConfig", "TrainConfig",
           "TransformerConfig", "ViewsConfig"]
