"""Names: what a concept shows, in up to three words, by the classifier of the model's own frozen stem.

The classes are ImageNet's, and their probabilities are summed up a tree of kinds (`index.names.hedging`).

    python -m index.names.naming tf_efficientnet_lite0.safetensors --overwrite

makes the classifier's file anew, from the whole network's weights in timm's names. Any other model's concepts are named
by a linear probe that `python -m train.evaluate CHECKPOINT --data CLASS_FOLDERS --save-probe` leaves beside its file;
where there is one, it comes before the stem's words.
"""

from __future__ import annotations

import argparse
import io
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from index.errors import ConceptIndexError
from index.names.hedging import MOST_NAMES, Names, hedged
from index.names.taxonomy import taxonomy
from model.checkpoints.identity import concepts_sha256
from model.factorization import Factorization
from model.probe import Probe, ProbeError, beside
from model.startup import start_command

if TYPE_CHECKING:
    from model.stellar import Stellar

STEM = "tf_efficientnet_lite0"
NAMES_FILE = Path(__file__).resolve().parent.parent.parent / "assets" / "nano" / "names.npz"
# Of a probe's words, which lie in no tree.
LEAST_SCORE = 0.2


def namer_of(stellar: Stellar) -> Namer | ProbeNamer | None:
    """What names this model's concepts; None where nothing does. Raises ConceptIndexError for a file of names that
    cannot be used."""
    return ProbeNamer.of(stellar) or Namer.of(stellar)


def likely(scores: Tensor, words: Sequence[str]) -> list[list[Names]]:
    """(B, K, W) of words that lie in no tree -> a photo a list of K names, the best first; () where nothing is likely.
    """
    best, classes = scores.topk(min(MOST_NAMES, scores.shape[2]))
    return [[tuple((words[number], round(score, 4)) for score, number in zip(*concept, strict=True)
                   if score >= LEAST_SCORE)
             for concept in zip(*photo, strict=True)]
            for photo in zip(best.tolist(), classes.tolist(), strict=True)]


class ProbeNamer:
    """By a probe over the model's own concepts."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    @classmethod
    def of(cls, stellar: Stellar) -> ProbeNamer | None:
        """From the file beside the model's own; None where there is none."""
        if stellar.path is None or not (file := beside(stellar.path)).is_file():
            return None
        return cls(fitting_probe(file, file.stat().st_mtime_ns, stellar.path, stellar.path.stat().st_mtime_ns))

    @torch.no_grad()
    def factorize(self, stellar: Stellar, images: Tensor) -> tuple[Factorization, list[list[Names]]]:
        """As `Namer.factorize`."""
        factorization = stellar.factorize(images)
        return factorization, self.name(stellar, images, factorization)

    @torch.no_grad()
    def name(self, stellar: Stellar, images: Tensor, factorization: Factorization) -> list[list[Names]]:
        """As `Namer.name`; the photo is not looked at."""
        return likely(self.probe.scores(factorization.semantics), self.probe.words)


@lru_cache(maxsize=4)
def fitting_probe(file: Path, changed: int, checkpoint: Path, written: int) -> Probe:
    """Read and compared with the weights once, while both files stay what they are."""
    try:
        probe = Probe.load(file)
    except ProbeError as error:
        raise ConceptIndexError(str(error)) from error
    if probe.sha256 != concepts_sha256(checkpoint):
        raise ConceptIndexError(f"{file} was learnt on other weights than {checkpoint.name}; make it again: python -m "
                                f"train.evaluate {checkpoint} --data CLASS_FOLDERS --save-probe --overwrite, or "
                                "delete it.")
    return probe


class Namer:
    """The stem's head: conv_head with its batch norm folded in, ReLU6, mean under the mask, classifier, softmax.

    Reads the stride-32 features that the encoder computes anyway, so names cost a hundredth of an encode.
    """

    def __init__(self, head: Mapping[str, np.ndarray], device: torch.device | str = "cpu") -> None:
        """head: what `head_of` gives, with C features of the stem, H of its head and W words."""
        self.words: list[str] = [str(word) for word in head["words"]]
        tree = taxonomy()
        self._tree = tree if self.words == tree.classes else None
        self._head_weight, self._head_bias, self._classifier_weight, self._classifier_bias = (
            torch.from_numpy(np.asarray(head[name], np.float32)).to(device)
            for name in ("head_weight", "head_bias", "classifier_weight", "classifier_bias"))

    @classmethod
    def of(cls, stellar: Stellar) -> Namer | None:
        """For a model whose stem the shipped classifier was trained with; None for any other."""
        return shipped_namer(NAMES_FILE, stellar.device) if stellar.config.stem == STEM else None

    def factorize(self, stellar: Stellar, images: Tensor) -> tuple[Factorization, list[list[Names]]]:
        """`stellar.factorize` and, a photo, the names of its K concepts, from one pass."""
        factorization, scores = self.scored(stellar, images)
        return factorization, self._names_by(scores)

    @torch.no_grad()
    def name(self, stellar: Stellar, images: Tensor, factorization: Factorization) -> list[list[Names]]:
        """The names of a factorization that is at hand: of the encoder only the stem looks at the photo again."""
        with self._watched(stellar) as kept:
            stellar.encoder.stem_features(images.to(stellar.device, stellar.dtype))
        return self._names_by(self.scores(kept[-1], factorization.to(stellar.device)))

    def scored(self, stellar: Stellar, images: Tensor) -> tuple[Factorization, Tensor]:
        """`stellar.factorize` and its `scores`, from one pass."""
        with self._watched(stellar) as kept:
            factorization = stellar.factorize(images)
        return factorization, self.scores(kept[-1], factorization)

    @contextmanager
    def _watched(self, stellar: Stellar) -> Iterator[list[Tensor]]:
        """-> what the stem says at stride 32 meanwhile."""
        caller, kept = get_ident(), []

        def keep(_module: torch.nn.Module, _inputs: object, features: Sequence[Tensor]) -> None:
            if get_ident() == caller:  # another thread may be encoding another photo with the same model
                kept.append(features[-1])

        handle = stellar.encoder.embedding.stem.register_forward_hook(keep)
        try:
            yield kept
        finally:
            handle.remove()

    def names(self, features: Tensor, factorization: Factorization) -> list[list[Names]]:
        """(B, C, rows, cols) of stride 32 -> a photo a list of K names, the best first; () where nothing is likely."""
        return self._names_by(self.scores(features, factorization))

    def _names_by(self, scores: Tensor) -> list[list[Names]]:
        if self._tree is None:
            return likely(scores, self.words)
        return [hedged(photo, self._tree) for photo in scores.cpu().numpy()]

    @torch.no_grad()
    def scores(self, features: Tensor, factorization: Factorization) -> Tensor:
        """(B, C, rows, cols) of stride 32 -> (B, K, W), each row sums to 1; all zero for a concept with no mask.

        A position counts by the concept's localization inside its mask. The head comes before the mean, as in the
        network: the mean of the features first would blur what few positions say, and names nothing.
        """
        inside = factorization.localization.mT.unflatten(2, factorization.patch_grid) * factorization.masks()
        weights = F.adaptive_avg_pool2d(inside, features.shape[-2:]).flatten(2)
        total = weights.sum(dim=2, keepdim=True)
        weights = weights / total.clamp_min(1e-12)
        said = F.linear(features.float().flatten(2).mT, self._head_weight, self._head_bias).clamp(0, 6)
        logits = F.linear(weights @ said, self._classifier_weight, self._classifier_bias)
        return logits.softmax(dim=2) * (total > 0)


@lru_cache(maxsize=2)
def shipped_namer(path: Path, device: torch.device) -> Namer:
    """Read once: a search encodes a single photo, and reading takes a tenth as long as that."""
    try:
        with np.load(path) as head:
            return Namer(head, device)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error) as error:
        raise ConceptIndexError(f"The names of concepts cannot be read from {path}; restore it: "
                                "git checkout -- assets") from error


def head_of(weights: Mapping[str, Tensor], descriptions: Sequence[str]) -> dict[str, np.ndarray]:
    """The whole network's weights and its classes' descriptions -> the arrays of a names file.

    head_weight (H, C) and classifier_weight (W, H) float16, their biases float32, words (W,): eight bits would be half
    the size, and swapped the order of two names in 200.
    """
    part = {name: weights[name].float() for name in
            ("conv_head.weight", "bn2.weight", "bn2.bias", "bn2.running_mean", "bn2.running_var",
             "classifier.weight", "classifier.bias")}
    scale = part["bn2.weight"] / torch.sqrt(part["bn2.running_var"] + 1e-3)  # the epsilon of TensorFlow's batch norms
    return {
        "head_weight": (part["conv_head.weight"].flatten(1) * scale[:, None]).half().numpy(),
        "head_bias": (part["bn2.bias"] - part["bn2.running_mean"] * scale).numpy(),
        "classifier_weight": part["classifier.weight"].half().numpy(),
        "classifier_bias": part["classifier.bias"].numpy(),
        "words": np.array(words_of(descriptions)),
    }


def words_of(descriptions: Sequence[str]) -> list[str]:
    """Each class' first synonym; where two classes share it, each one's second, if it has one."""
    synonyms = [[word.strip() for word in description.split(",")] for description in descriptions]
    count = Counter(words[0].casefold() for words in synonyms)
    return [words[1] if count[words[0].casefold()] > 1 and len(words) > 1 else words[0] for words in synonyms]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m index.names.naming",
                                     description="Makes the file of concepts' names.")
    parser.add_argument("weights", help=f"safetensors of {STEM} in timm's names, with its classifier")
    parser.add_argument("--out", type=Path, default=NAMES_FILE, metavar="FILE", help=f"default: {NAMES_FILE}")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there already")
    options = parser.parse_args(arguments)

    from timm.data import ImageNetInfo

    from model.checkpoints.files import write_whole
    from model.checkpoints.tensor_files import read_all
    from model.targets import TakenError, check_free

    info = ImageNetInfo()
    try:
        check_free([options.out], overwrite=options.overwrite)
        head = head_of(read_all(options.weights),
                       [info.index_to_description(number) for number in range(info.num_classes())])
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **head)
        write_whole(options.out, buffer.getvalue())
    except KeyError as error:
        print(f"{options.weights} has no {error.args[0]}; give the whole {STEM}, with its classifier.", file=sys.stderr)
        return 2
    except TakenError as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"{options.weights} cannot be turned into {options.out}: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {len(head['words'])} names, {len(buffer.getvalue()) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    start_command()
    sys.exit(main())
