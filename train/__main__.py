"""python -m train --recipe NAME --data SOURCE --out FOLDER: train a STELLAR, its tokenizer, or a small peer."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

from model.startup import start_command
from train.config import EvaluationConfig, TrainConfig
from train.recipes import NAMES, recipe


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m train",
                                   description="Train a STELLAR, its tokenizer, or what it is compared with.")
    made.add_argument("--recipe", required=True, help=f"one of {', '.join(NAMES)}")
    made.add_argument("--data", help="a folder of photos, a list of paths (.txt), Parquet or tar files, or a hub data "
                                       "set (owner/name)")
    made.add_argument("--out", type=Path, help="the run's folder; runs/RECIPE unless given")
    made.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out, bit for bit")
    made.add_argument("--init", help="where the weights start: a timm ViT's name, a file of one, a STELLAR, or null")
    made.add_argument("--without", help="losses to leave out, by name, separated by commas")
    made.add_argument("--set", dest="settings", action="append", default=[], metavar="NAME=VALUE",
                      help="any setting by its dotted name: --set weights.koleo=0.2 --set batch_size=64")
    made.add_argument("--steps", type=int, help="short for --set steps=N")
    made.add_argument("--evaluate-every", type=int, metavar="N", help="measure the run at the start and every N steps")
    made.add_argument("--evaluate", action="append", default=[], metavar="PROTOCOL=FOLDER",
                      help="how, as in python -m train.evaluate: --evaluate objects=FOLDER; may be repeated")
    made.add_argument("--keep-best", metavar="MEASURE",
                      help="keep the weights of the step at which this was highest (lowest:MEASURE for lowest) as "
                           "best.safetensors: --keep-best objects/mean_best_iou")
    made.add_argument("--cache", type=Path, help="where teachers' features are kept; beside --out unless given")
    made.add_argument("--device", choices=("auto", "cpu"), default="auto")
    made.add_argument("--show", action="store_true", help="print the configuration that results, and stop")
    made.add_argument("--verbose", action="store_true", help="name every file of --data that is left out, and why")
    made.add_argument("--quiet", action="store_true", help="no progress line")
    return made


def configured(arguments: argparse.Namespace) -> TrainConfig:
    """The recipe with what the command line changes, all at once."""
    settings = []
    if arguments.evaluate:  # before --set, which may say more of them: evaluations.0.limit=100
        parts = [entry.partition("=") for entry in arguments.evaluate]
        if not all(protocol and folder for protocol, _, folder in parts):
            raise ValueError("--evaluate is PROTOCOL=FOLDER, such as objects=photos, found "
                             f"{' '.join(arguments.evaluate)}")
        evaluations = [asdict(EvaluationConfig(protocol, folder)) for protocol, _, folder in parts]
        settings.append(f"evaluations={json.dumps(evaluations)}")
    if arguments.evaluate_every is not None:
        settings.append(f"evaluate_every={arguments.evaluate_every}")
    if arguments.keep_best is not None:
        settings.append(f"keep_best={json.dumps(arguments.keep_best)}")
    settings += arguments.settings
    if arguments.steps is not None:
        settings.append(f"steps={arguments.steps}")
    without = [name.strip() for name in (arguments.without or "").split(",") if name.strip()]
    config = recipe(arguments.recipe).override(settings, without=without)
    if arguments.data is not None:
        config = replace(config, data=replace(config.data, source=arguments.data))
    if arguments.init is not None:
        config = replace(config, init=None if arguments.init in ("null", "none") else arguments.init)
    return config


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 when the run finished, 2 for what a person can mend, said in one sentence."""
    given = parser().parse_args(arguments)
    try:
        config = configured(given)
        if given.show:
            print(config.to_json())
            return 0
        finished = train(config, given)
    except (ValueError, OSError) as error:
        return failed(str(error))
    except KeyboardInterrupt:
        return failed("interrupted before the first step")
    if int(os.environ.get("RANK", "0")) == 0:
        print(json.dumps({"weights": str(finished)}))
    return 0


def train(config: TrainConfig, given: argparse.Namespace) -> Path:
    from torch import OutOfMemoryError  # torch and accelerate take seconds: a mistyped recipe fails at once

    if config.trains == "concepts":
        from train.concept_run import run_concepts as run
    else:
        from train.loop import run

    out = given.out or Path("runs") / config.recipe
    try:
        return run(config, out, resume=given.resume, cache=given.cache, device=given.device, quiet=given.quiet,
                   verbose=given.verbose)
    except OutOfMemoryError as error:
        raise ValueError(f"the device's memory is too small ({str(error).splitlines()[0]}); lower batch_size, now "
                         f"{config.batch_size}, and go on with --resume or another --out") from error


def failed(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    start_command()
    sys.exit(main())
