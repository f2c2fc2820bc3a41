"""How fast and how large a training step is, against the same step written plainly; and whether loading keeps up.

    python -m benchmarks.training.train_step                  the README's table
    python -m benchmarks.training.train_step --steps 1        briefly
    python -m benchmarks.training.train_step --loading FOLDER a folder of photos, loaded as nano asks, and its step
    python -m benchmarks.training.train_step --parts FOLDER   what a step is made of, photos loaded and on the device

The plain step encodes each view by itself through transformers' ViT in float32 and makes one copy of the targets a
view, as the public reference does. Both start from the same weights and see the same batch, so their losses agree;
crops and colours are made before. Times are taken in turn, A B A B, and medians compared; peak memory is taken in a
process of each step's own, as what a step adds to the model and its batch. Weights are random.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import ViTConfig, ViTModel

from benchmarks.stores import RandomStore
from benchmarks.training.step_parts import parts_table
from model.checkpoints.checkpoint import TRANSFORMERS_5_BLOCKS, published_names
from model.config import DecoderConfig, StellarConfig
from model.encoder import IMAGENET_MEAN, IMAGENET_STD, normalise
from model.stellar import Stellar, choose_dtype
from train.config import OptimizerConfig, PrototypesConfig, TrainConfig, ViewsConfig
from train.data.photos import Plan, batches, open_photos
from train.learners.masking import kept_patches
from train.learners.matching import match
from train.learners.sinkhorn import assign
from train.learners.stellar import StellarLearner, Views
from train.objective.clustering import clustering_loss
from train.objective.koleo import koleo_loss
from train.objective.reconstruction import pixel_loss
from train.recipes import recipe

LOADED_BATCHES = 40

# The published objective on a ViT-Tiny; the decoder is the published one, on pixels: a tokenizer's codes need weights.
TINY = TrainConfig(
    recipe="benchmark",
    model=StellarConfig(width=192, depth=12, num_heads=3, mlp_width=768, num_tokens=16,
                        decoder=DecoderConfig(num_codes=None)),
    weights={"reconstruction": 10.0, "clustering": 1.0, "summary_clustering": 1.0, "set_alignment": 1.0,
             "summary_alignment": 1.0, "koleo": 0.1},
    views=ViewsConfig(num_masked=8, num_local=8),
    prototypes=PrototypesConfig(num_prototypes=4096),
    optimizer=OptimizerConfig(),
    batch_size=16,
    steps=1,
)


def some_views(config: TrainConfig, side: int) -> Views:
    """A batch drawn at random: pictures, kept patches, teachers' features."""
    views, photos = config.views, config.batch_size
    patch_grid = (side // config.model.patch_size, side // config.model.patch_size)
    num_masked = views.num_masked if {"set_alignment", "summary_alignment"} & set(config.weights) else 0
    num_local = views.num_local if "summary_alignment" in config.weights else 0
    kept = kept_patches(photos * num_masked, patch_grid, mask_ratio=views.mask_ratio)
    patches = patch_grid[0] * patch_grid[1]
    return Views(
        image=torch.rand(photos, 3, side, side),
        masked=torch.rand(photos, num_masked, 3, side, side),
        kept=kept.unflatten(0, (photos, num_masked)),
        local=torch.rand(photos, num_local, 3, views.local_resolution, views.local_resolution),
        targets=tuple(torch.randn(photos, patches, teacher.width) for teacher in config.teachers),
        summaries=tuple(torch.randn(photos, teacher.summary_width) for teacher in config.teachers),
    )


class Plain(nn.Module):
    """A StellarLearner's model and objective, written as one would write them first: forward(Views) -> named losses."""

    def __init__(self, learner: StellarLearner) -> None:
        super().__init__()
        stellar, config = learner.stellar, learner.stellar.config
        self.settings = learner.config.prototypes
        self.native_size = config.native_size
        self.vit = ViTModel(ViTConfig(hidden_size=config.width, num_hidden_layers=config.depth,
                                      num_attention_heads=config.num_heads, intermediate_size=config.mlp_width,
                                      patch_size=config.patch_size, image_size=config.native_size,
                                      layer_norm_eps=config.norm_eps), add_pooling_layer=False)
        self.vit.load_state_dict(transformers_state(stellar))
        self.tokens = nn.Parameter(stellar.encoder.tokens.detach().clone())
        self.localizer, self.decoder = copy.deepcopy(stellar.localizer), copy.deepcopy(stellar.decoder)
        self.prototypes = copy.deepcopy(learner.prototypes)
        self.summary_prototypes = copy.deepcopy(learner.summary_prototypes)

    def embed(self, image: Tensor) -> Tensor:
        return self.vit.embeddings(normalise(image, IMAGENET_MEAN, IMAGENET_STD),
                                   interpolate_pos_encoding=image.shape[-1] != self.native_size)

    def encode(self, embedded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = torch.cat([embedded, self.tokens.expand(len(embedded), -1, -1)], dim=1)
        for layer in self.vit.layers:
            hidden = layer(hidden, None)
        hidden = self.vit.layernorm(hidden)
        count = len(self.tokens)
        return hidden[:, 0], hidden[:, 1:-count], hidden[:, -count:]

    def aligned(self, logits: Tensor, targets: Tensor, matches: Tensor | None = None) -> Tensor:
        """(B * V, ..., P) logits, (B, ..., P) targets -> scalar, through one copy of the targets a view."""
        views = len(logits) // len(targets)
        copied = targets[:, None].expand(-1, views, *[-1] * (targets.ndim - 1)).flatten(0, 1)
        if matches is not None:
            copied = copied.gather(1, matches[..., None].expand(-1, -1, targets.shape[-1]))
        return clustering_loss(logits, copied, temperature=self.settings.prediction_temperature)

    def forward(self, views: Views) -> dict[str, Tensor]:
        summary, patch_features, semantics = self.encode(self.embed(views.image))
        side = views.image.shape[-1] // self.vit.config.patch_size
        low_rank = self.localizer(patch_features, semantics) @ semantics
        losses = {"reconstruction": pixel_loss(self.decoder(low_rank, (side, side)), views.image),
                  "koleo": koleo_loss(semantics)}
        targets = {}
        for name, head, concepts in (("clustering", self.prototypes, semantics),
                                     ("summary_clustering", self.summary_prototypes, summary)):
            logits = head(concepts)
            targets[name] = assign(logits.detach().flatten(0, -2), temperature=self.settings.assignment_temperature,
                                   rounds=self.settings.rounds).view_as(logits)
            losses[name] = clustering_loss(logits, targets[name], temperature=self.settings.prediction_temperature)

        masked = []
        for view in range(views.masked.shape[1]):
            embedded = self.embed(views.masked[:, view])
            kept = 1 + views.kept[:, view, :, None].expand(-1, -1, embedded.shape[-1])
            masked.append(self.encode(torch.cat([embedded[:, :1], embedded.gather(1, kept)], dim=1)))
        local = [self.encode(self.embed(views.local[:, view])) for view in range(views.local.shape[1])]

        seen = torch.stack([semantics for _, _, semantics in masked], dim=1).flatten(0, 1)
        clean = semantics.detach()[:, None].expand(-1, len(masked), -1, -1).flatten(0, 1)
        matches = match(seen.detach()[:, None], clean)[:, 0]
        losses["koleo"] = losses["koleo"] + koleo_loss(seen)
        losses["set_alignment"] = self.aligned(self.prototypes(seen), targets["clustering"], matches)
        losses["summary_alignment"] = sum(
            self.aligned(self.summary_prototypes(torch.stack([found[0] for found in part], dim=1).flatten(0, 1)),
                         targets["summary_clustering"]) for part in (masked, local))
        return losses


def transformers_state(stellar: Stellar) -> dict[str, Tensor]:
    """The encoder's parameters in the names of transformers' ViTModel."""
    ours = stellar.encoder.state_dict()
    state = {"embeddings.cls_token": ours["summary_token"], "embeddings.position_embeddings": ours["positions"],
             "embeddings.patch_embeddings.projection.weight": ours["embedding.patch.weight"],
             "embeddings.patch_embeddings.projection.bias": ours["embedding.patch.bias"],
             "layernorm.weight": ours["norm.weight"], "layernorm.bias": ours["norm.bias"]}
    for name, tensor in ours.items():
        if name.startswith("blocks."):
            theirs = published_names(f"encoder.{name}", TRANSFORMERS_5_BLOCKS)
            parts = tensor.chunk(len(theirs))
            state |= {their.removeprefix("encoder."): part for their, part in zip(theirs, parts, strict=True)}
    return state


def ours_dtype() -> torch.dtype:
    """What a run computes in on this processor."""
    return choose_dtype("auto", torch.device("cpu"))


class Step:
    """One update: losses, backward, clipping, AdamW. `take()` returns the weighted loss."""

    def __init__(self, config: TrainConfig, views: Views, *, plain: bool) -> None:
        torch.manual_seed(0)
        learner = StellarLearner(Stellar(config.model), config).train()
        self.config, self.views, self.plain = config, views, plain
        self.model = Plain(learner) if plain else learner
        self.optimizer = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad],
                                           lr=config.optimizer.learning_rate)

    def take(self) -> float:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not self.plain and ours_dtype() == torch.bfloat16):
            losses = self.model(self.views) if self.plain else self.model(self.views)[0]
            total = sum(self.config.weights[name] * value for name, value in losses.items())
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optimizer.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total.item()


def timed(*calls: Callable[[], object], rounds: int) -> list[float]:
    """Median seconds of each, in turn."""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, seconds in zip(calls, taken, strict=True):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in taken]


def resident(name: str) -> float:
    """MB of this process. Not getrusage: its peak is inherited from the process that started this one."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024


def peak_of_a_step(*, plain: bool) -> float:
    """MB that one step adds to imports, model and batch: gradients, the optimizer's state, activations. Linux."""
    torch.manual_seed(1)
    step = Step(TINY, some_views(TINY, TINY.model.native_size), plain=plain)
    before = resident("VmRSS")
    # The peak begins anew: building may have been higher.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    step.take()
    return resident("VmHWM") - before


def alone(kind: str) -> float:
    out = subprocess.run([sys.executable, "-m", "benchmarks.training.train_step", "--alone", kind], check=True,
                         capture_output=True, encoding="utf-8").stdout
    return float(out)


def step_table(rounds: int) -> None:
    torch.manual_seed(1)
    views = some_views(TINY, TINY.model.native_size)
    ours, plain = (Step(TINY, views, plain=plain) for plain in (False, True))
    losses = ours.take(), plain.take()  # the warm-up; from the same weights
    seconds = timed(ours.take, plain.take, rounds=rounds)
    peaks = alone("ours"), alone("plain")
    photos = [TINY.batch_size / taken for taken in seconds]
    views, prototypes = TINY.views, TINY.prototypes
    print(f"### One step: ViT-Tiny, {TINY.model.num_tokens} tokens, {prototypes.num_prototypes:,} prototypes, "
          f"{views.num_masked} masked views, {views.num_local} local crops, {TINY.batch_size} photos\n")
    print(f"| | ours, {str(ours_dtype()).removeprefix('torch.')} | plainly, float32 | ratio |\n|---|---|---|---|")
    print(f"| photos a second | {photos[0]:.2f} | {photos[1]:.2f} | {photos[0] / photos[1]:.2f} |")
    print(f"| peak memory of a step | {peaks[0]:.0f} MB | {peaks[1]:.0f} MB | {peaks[0] / peaks[1]:.2f} |")
    print(f"| loss of the first step | {losses[0]:.3f} | {losses[1]:.3f} | |\n")


def loading_table(folder: str, rounds: int) -> None:
    config = recipe("nano")
    config = replace(config, data=replace(config.data, source=folder))
    photos = open_photos(config.data)
    stores = [RandomStore(teacher.width, len(photos)) for teacher in config.teachers]
    plan = Plan(config.seed, config.batch_size, 0, 1, config.views.resolutions)
    loader = batches(photos, plan, config, first_step=0, last_step=LOADED_BATCHES + 1, targets=stores)
    next(loader)  # the worker has started
    start = time.perf_counter()
    for _ in range(LOADED_BATCHES):
        next(loader)
    loaded = LOADED_BATCHES * config.batch_size / (time.perf_counter() - start)

    torch.manual_seed(0)
    step = Step(config, some_views(config, config.model.native_size), plain=False)
    step.take()
    (seconds,) = timed(step.take, rounds=rounds)
    consumed = config.batch_size / seconds
    print(f"### Loading: {len(photos):,} photos, the nano recipe's crops, {config.data.num_workers} worker\n")
    print("| | photos a second |\n|---|---|")
    print(f"| loaded, the model idle | {loaded:.1f} |\n| consumed by nano's step on this CPU | {consumed:.1f} |")
    print(f"| ratio | {loaded / consumed:.1f} |\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=5, help="timed steps of each, after one to warm up")
    parser.add_argument("--loading", metavar="FOLDER", help="time loading instead, on the photos of a folder")
    parser.add_argument("--parts", metavar="FOLDER", help="a step's parts instead, on a GPU if there is one")
    parser.add_argument("--recipe", default="nano", help="of --parts (default: nano)")
    parser.add_argument("--batch", type=int, metavar="N", help="photos a step of --parts; the recipe's unless given")
    parser.add_argument("--compile", action="store_true", help="compile the blocks of --parts")
    parser.add_argument("--alone", choices=("ours", "plain"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(peak_of_a_step(plain=options.alone == "plain"))
        return
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    if options.parts:
        parts_table(options.parts, name=options.recipe, batch=options.batch, compiled=options.compile,
                    steps=options.steps)
    elif options.loading:
        loading_table(options.loading, options.steps)
    else:
        step_table(options.steps)


if __name__ == "__main__":
    main()
