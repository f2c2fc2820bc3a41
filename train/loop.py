"""The run, readable top to bottom: data, forward, losses, step, log, save."""

from __future__ import annotations

import io
import math
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, gather_object
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from model.checkpoints.files import write_whole
from model.checkpoints.tensor_files import first_line
from model.stellar import choose_device, choose_dtype
from train.compilation import compile_blocks
from train.config import RecipeError, TrainConfig
from train.data.device_photos import DevicePhotos, device_batches
from train.data.photos import (
    Batch,
    Plan,
    StreamedPhotos,
    batches,
    check_bad,
    lost_worker,
    open_photos,
    report_left_out,
    seed_of,
)
from train.data.views import Colours
from train.learners.registry import build, sample
from train.learners.stellar import make_views
from train.learners.teachers import OnlineTeacher, build_store, taught_photos
from train.optimization import parameter_groups, set_learning_rate
from train.run_evaluation import RunEvaluation
from train.run_folder import RunError, RunFolder, last_good, step_of
from train.run_log import Curves, Pace
from train.starts import brings_heads, fit_teaching_heads

PICTURED = 4


def run(config: TrainConfig, out: Path, *, resume: bool = False, cache: Path | None = None, device: str = "auto",
        quiet: bool = False, verbose: bool = False) -> Path:
    """Trains a recipe into the folder `out` and returns the path of the finished weights.

    Under `accelerate launch` every process calls this. Raises RecipeError, DataError, RunError, BackboneError,
    TeacherError or CheckpointError (all ValueErrors) with one sentence for whatever a person can mend.
    """
    # Said where there is no GPU too: accelerate would let each process of several train alone.
    accelerator = Accelerator(mixed_precision=precision(config, device), cpu=choose_device(device).type == "cpu")
    check_one_group(accelerator.num_processes)
    sharded = accelerator.distributed_type == DistributedType.FSDP
    if sharded:
        check_sharded(config)
    folder = RunFolder(out)
    folder.check(config, resume=resume)
    last_saved, damaged = folder.newest_whole()
    accelerator.wait_for_everyone()

    photos = open_photos(config.data, seed=config.seed)
    if accelerator.is_main_process and not quiet:
        report_left_out(photos.left_out, verbose=verbose)
    steps = num_steps(config, photos, accelerator.num_processes)
    plan = Plan(config.seed, config.batch_size, accelerator.process_index, accelerator.num_processes,
                config.views.resolutions)
    evaluation = RunEvaluation(config, out, accelerator.device)
    stores, online = teachers(config, photos, cache or out.parent / "cache", accelerator)

    learner = build(config, photos)
    if "distillation" in config.weights and last_saved is None and not brings_heads(learner, config.init):
        fit_teaching_heads(learner, taught_photos(config, photos, stores, online))
    held = on_device(config, photos, accelerator, quiet) if config.data.on_device else None
    first = 0 if last_saved is None else step_of(last_saved)
    loader = (device_batches(held, plan, config, first_step=first, last_step=steps) if held is not None else
              batches(photos, plan, config, first_step=first, last_step=steps, targets=stores,
                      pin=accelerator.device.type == "cuda"))
    # Only now: what is wrong with the data, the teachers or the start leaves no folder behind.
    if accelerator.is_main_process:
        folder.open(config, {"photos": getattr(photos, "fingerprint", None), "processes": accelerator.num_processes})
        folder.go_on_from(last_saved)
        for problem in damaged:
            report(f"{problem}; its folder is set aside as .damaged, and the run goes on from {last_saved}")
        if not quiet:
            report(run_summary(config, accelerator))
    accelerator.wait_for_everyone()
    optimizer = torch.optim.AdamW(parameter_groups(learner, config.optimizer), lr=config.optimizer.learning_rate,
                                  betas=config.optimizer.betas,
                                  fused=accelerator.device.type == "cuda" and not sharded)  # in one kernel
    model, optimizer = accelerator.prepare(learner, optimizer)
    average = None
    if config.optimizer.average is not None:
        average = AveragedModel(learner.exported, multi_avg_fn=get_ema_multi_avg_fn(config.optimizer.average))
        accelerator.register_for_checkpointing(average)
    exported = learner.exported if average is None else average.module
    if last_saved is not None:
        load(accelerator, last_saved)

    main = accelerator.is_main_process
    if config.compile and (reason := compile_blocks(learner, accelerator.device)) and main:
        tqdm.write(reason)
    colours = Colours(config.views)
    curves = Curves(folder, first=first) if main else None
    bad = set(held.bad if held is not None else ())
    if main:
        folder.status("running")
    progress = tqdm(total=steps, initial=first, disable=quiet or not main, desc=config.recipe, unit="step")
    pace = Pace()

    def evaluate(step: int) -> None:
        if main and evaluation.due(step, steps):
            line = evaluation(exported, step, steps)
            folder.log(line)
            curves.line(line)

    with stops_said(folder, main), closing(progress), closing(curves) if curves else nullcontext():
        if first == 0:
            evaluate(0)
            pace = Pace()
        for step in range(first, steps):
            with pace.waiting():
                batch = next(loader)
            if batch.bad:
                bad.update(batch.bad)
                check_bad(bad, (step + 1 - first) * config.batch_size, config.data)

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
            pace.add(config.batch_size * accelerator.num_processes,
                     {"total": total.detach(), **detached(losses)}, detached(metrics))
            progress.update()

            done = step + 1
            if main and (done % config.log_every == 0 or done == steps):
                line = pace.line(done, steps, rate, norm)
                folder.log(line)
                folder.status("running")
                curves.line(line)
                progress.set_postfix(loss=f"{line['losses']['total']:.3f}", bad=len(bad),
                                     photos_s=f"{line['photos_per_second']:.1f}", waiting=f"{line['waiting']:.0%}")
            evaluate(done)
            if done % config.log_every == 0:
                pace = Pace()
            pictured = done % config.picture_every == 0 or done == steps
            if main and pictured and not sharded:
                with accelerator.autocast():
                    picture(learner, batch, folder, curves, done)
            if done % config.save_every == 0 or done == steps:
                if main:
                    curves.flush()  # as the log: the curves up to here survive a kill
                save(accelerator, folder, done)
        accelerator.wait_for_everyone()
        finished = out / "model.safetensors"
        if sharded:
            exported = gathered(accelerator, model, exported, prefix=f"{config.trains}.")
        if main:
            with folder.writing(finished.name):
                exported.save(finished)
            folder.status("finished")
    if main and bad:
        report(f"{len(bad)} photos could not be read: {', '.join(sorted(bad)[:10])}")
    accelerator.end_training()
    return finished


@contextmanager
def stops_said(folder: RunFolder, main: bool) -> Iterator[None]:
    """What stops a run is in its status, and a sentence where a person can mend it."""
    try:
        yield
    except KeyboardInterrupt:
        if main:
            folder.stopped("interrupted")
        raise RunError(f"interrupted; {last_good(folder.saved())} Go on with --resume") from None
    except BaseException as error:
        lost = lost_worker(error) if isinstance(error, RuntimeError) else None
        error = lost or error
        if main:
            folder.stopped(str(error) or type(error).__name__)
        raise error


def gathered(accelerator: Accelerator, model: nn.Module, exported: nn.Module, *, prefix: str) -> nn.Module:
    """What is exported of sharded weights: whole on the main process, as it was built on the others."""
    whole = {name.removeprefix(prefix): tensor for name, tensor in accelerator.get_state_dict(model).items()
             if name.startswith(prefix)}
    made = type(exported)(exported.config)
    if accelerator.is_main_process:
        made.load_state_dict(whole)
    return made


def report(sentence: str) -> None:
    """Beside the progress line; standard output is for where the weights are."""
    tqdm.write(sentence, file=sys.stderr)


def run_summary(config: TrainConfig, accelerator: Accelerator) -> str:
    """How many processes really train, where, and how many photos a step has."""
    world, device = accelerator.num_processes, accelerator.device
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
    photos = f"{config.batch_size} photos a step"
    if world > 1:
        photos = f"{config.batch_size} photos each, {config.batch_size * world} a step"
    said = f"{world} process{'es' if world > 1 else ''} on {hardware}: {photos}"
    if world == 1 and os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("true", "1", "yes"):
        said += ("; accelerate launch --cpu starts one process, whatever --num_processes says: for N of them, torchrun "
                 "--nproc_per_node N -m train ... --device cpu")
    return said


def check_one_group(world: int) -> None:
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started > world:
        raise RunError(f"{started} processes were started, and each would train alone in the same folder; start one "
                       "without torchrun or accelerate launch, or say --device cpu where they are to share CPUs")


def load(accelerator: Accelerator, checkpoint: Path) -> None:
    try:
        accelerator.load_state(str(checkpoint))
    except Exception as error:  # torch, safetensors and the disk each raise their own
        raise RunError(f"{checkpoint} cannot be loaded ({first_line(error)}); delete it, and --resume goes on from the "
                       "one before it, where there is one") from error


def precision(config: TrainConfig, device: str) -> str:
    """accelerate's word for the recipe's precision on this device."""
    if config.precision != "auto":
        return config.precision
    return "bf16" if choose_dtype("auto", choose_device(device)) == torch.bfloat16 else "no"


def check_sharded(config: TrainConfig) -> None:
    """What no process can do that holds a share of the weights."""
    if config.optimizer.average is not None:
        raise RecipeError("no moving average is kept of sharded weights; --set optimizer.average=null under FSDP")
    if config.evaluate_every is not None:
        raise RecipeError("sharded weights are not evaluated while they train; leave evaluate_every, evaluations and "
                          "keep_best out under FSDP, and evaluate what comes of it")
    if config.compile:
        raise RecipeError("sharded blocks are not compiled here; --set compile=false under FSDP")


def num_steps(config: TrainConfig, photos, world: int) -> int:
    if config.steps is not None:
        return config.steps
    if isinstance(photos, StreamedPhotos):
        raise RunError("a streamed data set has no known length; give steps instead of epochs")
    return max(1, round(config.epochs * len(photos) / (config.batch_size * world)))


def teachers(config: TrainConfig, photos, cache: Path, accelerator: Accelerator) -> tuple[list, list[OnlineTeacher]]:
    """Stored targets of every photo, or, for a stream and for photos on the device, teachers that look at each crop."""
    if "distillation" not in config.weights:
        return [], []
    if isinstance(photos, StreamedPhotos) or config.data.on_device:
        return [], [OnlineTeacher(teacher, sample(photos), accelerator.device) for teacher in config.timm_teachers]

    def report(name: str, done: int, count: int) -> None:
        tqdm.write(f"{name}: {done} of {count} photos looked at")

    stores: list = []
    # One process after the other: the first builds, those that see its disk find.
    for turn in range(accelerator.num_processes):
        if turn == accelerator.process_index:
            stores = [build_store(teacher, photos, cache, device=accelerator.device, progress=report)
                      for teacher in config.timm_teachers]
        accelerator.wait_for_everyone()
    return stores, []


def on_device(config: TrainConfig, photos, accelerator: Accelerator, quiet: bool) -> DevicePhotos:
    """This process's share of the photos, decoded."""
    hidden = quiet or not accelerator.is_main_process
    with tqdm(desc="photos decoded", unit="photo", disable=hidden, leave=False) as progress:
        def report(done: int, count: int) -> None:
            progress.total = count
            progress.update(done - progress.n)

        return DevicePhotos.decoded(photos, config.data, accelerator.device, rank=accelerator.process_index,
                                    world=accelerator.num_processes, progress=report)


def online_targets(online: list[OnlineTeacher], images: Tensor, patch_size: int) -> dict[str, tuple[Tensor, ...]]:
    """`Views.targets` and `Views.summaries` of a batch whose crops no store knows."""
    grid = (images.shape[2] // patch_size, images.shape[3] // patch_size)
    return {"targets": tuple(teacher.targets(images, grid) for teacher in online),
            "summaries": tuple(teacher.summaries(images) for teacher in online)}


def check_finite(total: Tensor, norm: Tensor, losses: dict[str, Tensor], step: int, names: tuple[str, ...],
                 folder: RunFolder) -> None:
    """Stops before the weights are touched. The gradient's norm is the same on every process, so all stop together."""
    if math.isfinite((norm + total.detach()).item()):  # one number, so that a GPU is waited for once
        return
    faulty = [name for name, value in losses.items() if not math.isfinite(value.item())]
    files = gather_object([", ".join(names)])
    raise RunError(f"at step {step} the loss is no number ({', '.join(faulty) or 'its gradient'}); the batch was "
                   f"{'; '.join(files)}; {last_good(folder.saved())} Lower the learning rate or leave these photos out")


def detached(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in values.items()}


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
        failed = first_line(error)
    failures = [text for text in gather_object([failed]) if text]
    if failures:
        if accelerator.is_main_process:
            shutil.rmtree(partial, ignore_errors=True)
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
def picture(learner: nn.Module, batch: Batch, folder: RunFolder, curves: Curves, step: int) -> None:
    name = f"step-{step:07d}.png"
    was_training = learner.training
    learner.eval()
    sheet = learner.sheet(batch.clean[:PICTURED])
    learner.train(was_training)
    content = io.BytesIO()
    Image.fromarray(sheet.movedim(0, -1).numpy()).save(content, format="PNG")
    with folder.writing(f"pictures/{name}"):
        write_whole(folder.path / "pictures" / name, content.getvalue())
    curves.picture(sheet, step)
