"""The concept head alone, on a finished checkpoint: every photo is encoded once, then only the head learns."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from model.concept_head import ConceptHead
from model.encoder import COARSEST, HybridEmbedding
from model.stellar import Stellar
from train.concept_store import ConceptStore, build_concept_store
from train.config import RecipeError, TrainConfig
from train.data.photos import Plan, open_photos, report_left_out, seed_of
from train.learners.teachers import Whitening
from train.objective.relation import START_SCALE, relation_loss
from train.optimization import set_learning_rate
from train.run_folder import RunError, RunFolder

HELD_OUT = 20  # one photo in so many is looked at and not learnt from
MOST_HELD_OUT = 512  # photos: their concepts are all compared with each other
WHITENING_CONCEPTS = 100_000


def run_concepts(config: TrainConfig, out: Path, *, resume: bool = False, cache: Path | None = None,
                 device: str = "auto", quiet: bool = False, verbose: bool = False) -> Path:
    """Trains `config.init`'s concept head into the folder `out` and returns the path of the model with its new head.

    The encoded photos are kept in `cache`, so a run that was stopped goes on there; its steps, a matter of
    minutes, are taken again from the first. One process, on one device. Raises RecipeError, DataError, RunError,
    BackboneError, TeacherError or CheckpointError (all ValueErrors) with one sentence.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RunError("a concept head is trained by one process; start it without torchrun or accelerate launch")
    folder = RunFolder(out)
    folder.check(config, resume=resume)
    photos = open_photos(config.data, seed=config.seed)
    if not quiet:
        report_left_out(photos.left_out, verbose=verbose)
    stellar = Stellar.load(config.init, device=device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        head = ConceptHead(config.model.concept_head, width=stellar.config.width).to(stellar.device)
    check_stem(head, stellar)
    stellar.concept_head = head  # so that a factorization brings what it sees

    def report(name: str, done: int, count: int) -> None:
        if not quiet:
            tqdm.write(f"{name}: {done} of {count} photos looked at")

    [resolution] = config.views.resolutions
    store = build_concept_store(stellar, head, config.teachers[0], photos, cache or out.parent / "cache",
                                resolution=resolution, progress=report)
    folder.open(config, {"photos": photos.fingerprint, "processes": 1})
    (out / "log.jsonl").unlink(missing_ok=True)  # of steps that are taken again
    folder.status("running")
    try:
        learn(head, store, config, folder, quiet=quiet)
    except BaseException as error:
        folder.stopped(str(error) or type(error).__name__)
        raise
    # Opened anew: what was looked with may be rounded to bfloat16, and but for the head the file stays what it was.
    whole = Stellar.load(config.init, device="cpu", dtype="float32")
    whole.concept_head, whole.config = head.cpu(), replace(whole.config, concept_head=head.config)
    finished = out / "model.safetensors"
    with folder.writing(finished.name):
        whole.save(finished)
    folder.status("finished")
    return finished


def learn(head: ConceptHead, store: ConceptStore, config: TrainConfig, folder: RunFolder, *, quiet: bool) -> None:
    """The run, readable top to bottom."""
    device = head.fc1.weight.device
    held_out = torch.arange(len(store)) % HELD_OUT == HELD_OUT - 1
    learnt = (~held_out).nonzero()[:, 0]
    if len(learnt) < 2:
        raise RecipeError(f"{len(store)} readable photos are too few: concepts are compared with those of other photos")
    whitening = standardise(head, store, learnt, config.teachers[0].width)
    scale = nn.Parameter(torch.tensor(START_SCALE, device=device).log())
    decayed = [parameter for parameter in head.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in head.parameters() if parameter.ndim < 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "share": 1.0},
                                   {"params": [*others, scale], "share": 1.0, "weight_decay": 0.0}],
                                  lr=config.optimizer.learning_rate, betas=config.optimizer.betas,
                                  weight_decay=config.optimizer.weight_decay)

    def relation(photos: Tensor) -> Tensor:
        inputs, targets, numbers = (part.to(device) for part in concepts_of(store, photos))
        wanted = append_photo_mean(whitening.of_rows(targets), numbers, config.relation_whole)
        return relation_loss(head.of_inputs(inputs), wanted, numbers, scale=scale.exp(),
                             temperature=config.relation_temperature)

    plan = Plan(config.seed, config.batch_size, 0, 1, config.views.resolutions)
    steps = config.steps or max(1, round(config.epochs * len(learnt) / config.batch_size))
    unseen = held_out.nonzero()[:MOST_HELD_OUT, 0]
    head.train().requires_grad_(True)
    began, sums = time.monotonic(), []
    for step in tqdm(range(steps), disable=quiet, desc=config.recipe, unit="step"):
        rate = set_learning_rate(optimizer, config, step, steps)
        chosen = torch.tensor([plan.index(position, len(learnt)) for position in plan.positions(step)])
        torch.manual_seed(seed_of(config.seed, 4, step))
        loss = relation(learnt[chosen.unique()])
        loss.backward()
        norm = nn.utils.clip_grad_norm_([*head.parameters(), scale], config.optimizer.clip)
        optimizer.step()
        optimizer.zero_grad()
        sums.append(loss.detach())

        done = step + 1
        if done % config.log_every == 0 or done == steps:
            with torch.no_grad():
                metrics = {"relation_of_others": relation(unseen).item()} if len(unseen) > 1 else {}
            mean = torch.stack(sums).mean().item()
            sums.clear()
            folder.log({"step": done, "steps": steps, "time": time.time(), "losses": {"total": mean, "relation": mean},
                        "learning_rate": rate, "gradient_norm": norm.item(),
                        "photos_per_second": round(done * config.batch_size / (time.monotonic() - began), 3),
                        "waiting": 0.0, "metrics": metrics | {"relation_scale": scale.exp().item()}})
            folder.status("running")
    head.eval().requires_grad_(False)


def check_stem(head: ConceptHead, stellar: Stellar) -> None:
    """RecipeError where a head is to see a stem that the model lacks, or one of another width."""
    embedding = stellar.encoder.embedding
    found = embedding.norm[COARSEST].normalized_shape[0] if isinstance(embedding, HybridEmbedding) else 0
    if head.config.sees_stem and head.config.stem_width != found:
        raise RecipeError(f"model.concept_head sees a stem of {head.config.stem_width} channels, and this model has "
                          + (f"one of {found}" if found else "none; leave stem out of its inputs"))


def append_photo_mean(targets: Tensor, photos: Tensor, share: float) -> Tensor:
    """(M, d), (M,) the photo of each -> (M, 2 d): a teacher's feature of each concept, unit length, and beside it, of
    length `share`, of the whole photo, the direction of its concepts' mean."""
    own = F.normalize(targets, dim=-1)
    _, place = photos.unique(return_inverse=True)
    wholes = torch.zeros_like(own).index_add_(0, place, own)
    return torch.cat([own, share * F.normalize(wholes, dim=-1)[place]], dim=-1)


def concepts_of(store: ConceptStore, photos: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers of photos -> what is present in them: (M, F), (M, d), float32, and (M,) the photo of each."""
    numbers = photos.numpy()
    present = torch.from_numpy(store.present[numbers])
    inputs, targets = (torch.from_numpy(part[numbers]).float()[present] for part in (store.inputs, store.targets))
    return inputs, targets, photos[:, None].expand_as(present)[present]


def standardise(head: ConceptHead, store: ConceptStore, photos: Tensor, width: int) -> Whitening:
    """Sets the head's mean and deviation, where it has them, and returns the teacher's whitening, of some photos."""
    num_tokens = store.present.shape[1]
    every = -(-len(photos) * num_tokens // WHITENING_CONCEPTS)
    inputs, targets, _ = concepts_of(store, photos[::every])
    if head.config.standardized:
        head.mean.copy_(inputs.mean(dim=0))
        head.deviation.copy_(inputs.std(dim=0).clamp_min(1e-6) if len(inputs) > 1 else torch.ones_like(head.deviation))
    return Whitening.of(targets, width)
