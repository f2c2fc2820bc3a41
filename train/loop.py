"""The run, readable top to bottom: data, forward, losses, step, log, save."""

from __future__ import annotations

import io
import math
import re
import time
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, gather_object
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from model.files import write_whole
from model.stellar import choose_device, choose_dtype
from train.config import OptimizerConfig, RecipeError, TrainConfig
from train.data import Batch, DataError, Plan, StreamedPhotos, batches, open_photos, seed_of
from train.learner import make_views
from train.learners import build
from train.run_folder import RunError, RunFolder, last_good, step_of
from train.starts import brings_heads, heads_from_lessons
from train.teachers import OnlineTeacher, build_store, lessons
from train.views import Colours

PICTURED = 4


def run(config: TrainConfig, out: Path, *, resume: bool = False, cache: Path | None = None, device: str = "auto",
        quiet: bool = False) -> Path:
    """Trains a recipe into the folder `out` and returns the path of the finished weights.

    Under `accelerate launch` every process calls this. Raises RecipeError, DataError, RunError, BackboneError,
    TeacherError or CheckpointError (all ValueErrors) with one sentence for whatever a person can mend.
    """
    accelerator = Accelerator(mixed_precision=precision(config, device), cpu=device == "cpu")
    sharded = accelerator.distributed_type == DistributedType.FSDP
    if sharded and config.optimizer.average is not None:
        raise RecipeError("no moving average is kept of sharded weights; --set optimizer.average=null under FSDP")
    folder = RunFolder(out)
    folder.check(config, resume=resume)
    accelerator.wait_for_everyone()

    photos = open_photos(config.data, seed=config.seed)
    steps = num_steps(config, photos, accelerator.num_processes)
    plan = Plan(config.seed, config.batch_size, accelerator.process_index, accelerator.num_processes,
                config.views.resolutions)
    stores, online = teachers(config, photos, cache or out.parent / "cache", accelerator)

    learner = build(config, photos)
    last_saved = (folder.saved() or [None])[-1]
    if "distillation" in config.weights and last_saved is None and not brings_heads(learner, config.init):
        heads_from_lessons(learner, lessons(config, photos, stores, online))
    # Only now: what is wrong with the data, the teachers or the start leaves no folder behind.
    if accelerator.is_main_process:
        folder.open(config, {"photos": getattr(photos, "fingerprint", None), "processes": accelerator.num_processes})
    accelerator.wait_for_everyone()
    optimizer = torch.optim.AdamW(parameter_groups(learner, config.optimizer), lr=config.optimizer.learning_rate,
                                  betas=config.optimizer.betas)
    model, optimizer = accelerator.prepare(learner, optimizer)
    average = None
    if config.optimizer.average is not None:
        average = AveragedModel(learner.exported, multi_avg_fn=get_ema_multi_avg_fn(config.optimizer.average))
        accelerator.register_for_checkpointing(average)
    first = 0
    if last_saved is not None:
        accelerator.load_state(str(last_saved))
        first = step_of(last_saved)

    colours = Colours(config.views)
    loader = iter(batches(photos, plan, config, first_step=first, last_step=steps, targets=stores,
                          pin=accelerator.device.type == "cuda"))
    writer = tensorboard(out) if accelerator.is_main_process else None
    bad: set[str] = set()
    main = accelerator.is_main_process
    if main:
        folder.status("running")
    progress = tqdm(total=steps, initial=first, disable=quiet or not main, desc=config.recipe, unit="step")
    waited, began, seen, since_log = 0.0, time.monotonic(), 0, []
    try:
        for step in range(first, steps):
            asked = time.monotonic()
            batch = next(loader)
            waited += time.monotonic() - asked
            check_bad(bad, batch, config, (step + 1 - first) * config.batch_size)

            # Every draw of a step comes from this seed, so a resumed run draws what an unbroken one would.
            torch.manual_seed(seed_of(config.seed, 4, step, plan.rank))
            names, batch = batch.names, batch.to(accelerator.device)
            views = make_views(batch, colours, patch_size=config.model.patch_size, mask_ratio=config.views.mask_ratio,
                               progress=step / steps)
            if online:
                views = replace(views, **online_targets(online, views.image, config.model.patch_size))

            rate = set_learning_rate(optimizer, config, step, steps)
            losses, metrics = model(views)
            total = sum(learner.loss_weights[name] * value for name, value in losses.items())
            accelerator.backward(total)
            norm = accelerator.clip_grad_norm_(model.parameters(), config.optimizer.clip)
            check_finite(total, norm, losses, step, names, folder)
            optimizer.step()
            optimizer.zero_grad()
            if average is not None:
                average.update_parameters(learner.exported)
            seen += config.batch_size * accelerator.num_processes
            since_log.append(({"total": total.detach(), **detached(losses)}, detached(metrics)))
            progress.update()

            done = step + 1
            if main and (done % config.log_every == 0 or done == steps):
                elapsed = time.monotonic() - began
                line = log_line(done, steps, since_log, rate, norm, seen / elapsed, waited / elapsed)
                folder.log(line)
                folder.status("running")
                write_scalars(writer, line)
                progress.set_postfix(loss=f"{line['losses']['total']:.3f}", photos_s=f"{seen / elapsed:.1f}",
                                     waiting=f"{waited / elapsed:.0%}", bad=len(bad))
            if done % config.log_every == 0:
                waited, began, seen, since_log = 0.0, time.monotonic(), 0, []
            pictured = done % config.picture_every == 0 or done == steps
            if main and pictured and not sharded:
                with accelerator.autocast():
                    picture(learner, batch, out / "pictures" / f"step-{done:07d}.png", writer, done)
            if done % config.save_every == 0 or done == steps:
                save(accelerator, folder, done)
    except KeyboardInterrupt:
        if main:
            folder.status("stopped", "interrupted")
        raise RunError(f"interrupted; {last_good(folder.saved())} Go on with --resume") from None
    except BaseException as error:
        if main:
            folder.status("stopped", str(error) or type(error).__name__)
        raise
    finally:
        progress.close()
        if writer is not None:
            writer.close()
    accelerator.wait_for_everyone()
    finished = out / "model.safetensors"
    exported = learner.exported if average is None else average.module
    if sharded:
        prefix = f"{config.trains}."
        whole = {name.removeprefix(prefix): tensor for name, tensor in accelerator.get_state_dict(model).items()
                 if name.startswith(prefix)}
        exported = type(exported)(exported.config)
        if main:
            exported.load_state_dict(whole)
    if main:
        exported.save(finished)
        folder.status("finished")
        if bad:
            tqdm.write(f"{len(bad)} photos could not be read: {', '.join(sorted(bad)[:10])}")
    accelerator.end_training()
    return finished


def precision(config: TrainConfig, device: str) -> str:
    """accelerate's word for the recipe's precision on this device."""
    if config.precision != "auto":
        return config.precision
    return "bf16" if choose_dtype("auto", choose_device(device)) == torch.bfloat16 else "no"


def num_steps(config: TrainConfig, photos, world: int) -> int:
    if config.steps is not None:
        return config.steps
    if isinstance(photos, StreamedPhotos):
        raise RunError("a streamed data set has no known length; give steps instead of epochs")
    return max(1, round(config.epochs * len(photos) / (config.batch_size * world)))


def teachers(config: TrainConfig, photos, cache: Path, accelerator: Accelerator) -> tuple[list, list[OnlineTeacher]]:
    """Stored targets of every photo, or, for a stream, teachers that look at each crop."""
    if "distillation" not in config.weights:
        return [], []
    if isinstance(photos, StreamedPhotos):
        return [], [OnlineTeacher(teacher, photos.some(), accelerator.device) for teacher in config.timm_teachers]

    def tell(name: str, done: int, count: int) -> None:
        tqdm.write(f"{name}: {done} of {count} photos looked at")

    stores: list = []
    # One process after the other: the first builds, those that see its disk find.
    for turn in range(accelerator.num_processes):
        if turn == accelerator.process_index:
            stores = [build_store(teacher, photos, cache, device=accelerator.device, progress=tell)
                      for teacher in config.timm_teachers]
        accelerator.wait_for_everyone()
    return stores, []


def online_targets(online: list[OnlineTeacher], images: Tensor, patch_size: int) -> dict[str, tuple[Tensor, ...]]:
    """`Views.targets` and `Views.summaries` of a streamed batch."""
    grid = (images.shape[2] // patch_size, images.shape[3] // patch_size)
    return {"targets": tuple(teacher.targets(images, grid) for teacher in online),
            "summaries": tuple(teacher.summaries(images) for teacher in online)}


# The ViT's own parameters, what a start brings; and those that no weight decay pulls, besides vectors.
VIT = re.compile(r"stellar\.encoder\.(embedding\.patch|positions|summary_token|blocks|norm)\b.*"
                 r"|titok\.(encoder|tokens)\b.*")
QUERIES = re.compile(r".*\.(tokens|summary_token|cls_token|mask_token|positions|token_positions)")


def parameter_groups(learner: nn.Module, config: OptimizerConfig) -> list[dict]:
    """By the share of the learning rate that they learn at and by their decay: none on norms, biases and queries."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in learner.named_parameters():
        if parameter.requires_grad:
            share = config.encoder_rate if VIT.fullmatch(name) else 1.0
            decay = 0.0 if QUERIES.fullmatch(name) or parameter.ndim < 2 else config.weight_decay
            groups.setdefault((share, decay), []).append(parameter)
    return [{"params": params, "share": share, "weight_decay": decay} for (share, decay), params in groups.items()]


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Linear warm-up over a share of the steps, then a cosine to the final rate: a function of the step alone."""
    peak, final = config.optimizer.learning_rate, config.optimizer.final_learning_rate
    warm = max(1, round(config.optimizer.warmup * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return final + (peak - final) * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2


def set_learning_rate(optimizer: torch.optim.Optimizer, config: TrainConfig, step: int, steps: int) -> float:
    rate = learning_rate(config, step, steps)
    for group in optimizer.param_groups:
        group["lr"] = group["share"] * rate
    return rate


def check_bad(bad: set[str], batch: Batch, config: TrainConfig, asked: int) -> None:
    bad.update(batch.bad)
    if len(bad) > max(4, config.data.max_bad_share * asked):
        raise DataError(f"{len(bad)} of about {asked} photos could not be read, more than data.max_bad_share allows "
                        f"({config.data.max_bad_share:.0%}): {', '.join(sorted(bad)[:5])}")


def check_finite(total: Tensor, norm: Tensor, losses: dict[str, Tensor], step: int, names: tuple[str, ...],
                 folder: RunFolder) -> None:
    """Stops before the weights are touched. The gradient's norm is the same on every process, so all stop together."""
    if math.isfinite(norm.item()) and math.isfinite(total.item()):
        return
    faulty = [name for name, value in losses.items() if not math.isfinite(value.item())]
    files = gather_object([", ".join(names)])
    raise RunError(f"at step {step} the loss is no number ({', '.join(faulty) or 'its gradient'}); the batch was "
                   f"{'; '.join(files)}; {last_good(folder.saved())} Lower the learning rate or leave these photos out")


def detached(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in values.items()}


def log_line(step: int, steps: int, since_log: list[tuple[dict, dict]], rate: float, norm: Tensor,
             photos_per_second: float, waiting: float) -> dict:
    """Losses and metrics are means over the steps since the last line."""
    losses, metrics = ({name: torch.stack([part[name].float() for part in parts]).mean().item() for name in parts[-1]}
                       for parts in zip(*since_log, strict=True))
    return {"step": step, "steps": steps, "time": time.time(), "losses": losses, "learning_rate": rate,
            "gradient_norm": norm.item(), "photos_per_second": round(photos_per_second, 3),
            "waiting": round(waiting, 4), "metrics": metrics}


def save(accelerator: Accelerator, folder: RunFolder, step: int) -> None:
    """Model, optimizer, average and random states; the data's position is the step."""
    if accelerator.num_processes == 1:
        folder.save(step, lambda path: accelerator.save_state(str(path)))
        return
    # Every process writes its share into one folder, which the main process then names.
    partial, failed = folder.checkpoints / f"shared-{step:07d}.part", ""
    try:
        accelerator.save_state(str(partial))
    except Exception as error:  # torch, safetensors and the disk each raise their own
        failed = str(error)
    failures = [text for text in gather_object([failed]) if text]
    if failures:
        raise RunError(f"the checkpoint of step {step} could not be written ({failures[0]}); "
                       f"{last_good(folder.saved())} Make room, then go on with --resume")
    if accelerator.is_main_process:
        folder.save(step, lambda path: move_into(partial, path))
    accelerator.wait_for_everyone()


def move_into(source: Path, target: Path) -> None:
    for file in source.iterdir():
        file.rename(target / file.name)
    source.rmdir()


@torch.no_grad()
def picture(learner: nn.Module, batch: Batch, path: Path, writer, step: int) -> None:
    was_training = learner.training
    learner.eval()
    sheet = learner.sheet(batch.clean[:PICTURED])
    learner.train(was_training)
    content = io.BytesIO()
    Image.fromarray(sheet.movedim(0, -1).numpy()).save(content, format="PNG")
    write_whole(path, content.getvalue())
    writer.add_image("photos", sheet, step)


def tensorboard(out: Path):
    from torch.utils.tensorboard import SummaryWriter  # a second to import, and only the main process writes

    return SummaryWriter(str(out / "tensorboard"))


def write_scalars(writer, line: dict) -> None:
    for group in ("losses", "metrics"):
        for name, value in line[group].items():
            writer.add_scalar(f"{group}/{name}", value, line["step"])
    for name in ("learning_rate", "gradient_norm", "photos_per_second", "waiting"):
        writer.add_scalar(f"run/{name}", line[name], line["step"])
