"""Reconstruction: how much of the photo its tokens keep, beside a ceiling and a floor, and what they take."""

from __future__ import annotations

import importlib.util
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.baselines.concept_colours import colours_of_concepts
from model.baselines.serialized import pack_tokens
from model.factorization import Factorization
from model.measures import LPIPS_WEIGHTS, Distance, perceptual_distance, psnr, ssim, stem_distance, weights_missing
from train.evaluators import Unavailable, Value
from train.evaluators.photo_set import PhotoSet
from train.subjects import BaselineSubject, Subject

# Where torch keeps what it once downloaded; nothing is downloaded here.
FID_WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"
PICTURE_MEASURES = ("psnr", "ssim", "stem_distance", "lpips", "rfid")
PICTURES = ("", "ceiling_", "floor_")
# What a picture takes: tokens, their size as serialised, and the time to take it apart and rebuild it.
COSTS = ("tokens", "bits", "bytes", "seconds")
MEASURES = tuple(f"reconstruction/{name}" for name in (
    *(picture + measure for measure in PICTURE_MEASURES for picture in PICTURES), "stem_gain", *COSTS))
DESCRIPTION = (
    "means over photos of PSNR (dB), SSIM and the distance in a frozen stem's features (1 - cosine of channel-normed "
    "features, mean of strides 8, 16, 32; nano's stem for all) between the photo and its reconstruction; a model of "
    "one size gets the photo stretched to it, and its picture is stretched back; ceiling: the round trip through the "
    "tokenizer whose codes the decoder predicts; floor: each concept's mean colour under its own L, a colour a patch; "
    "stem_gain: (floor - reconstruction) / (floor - ceiling) of the stem's distance; LPIPS (AlexNet) and rFID where "
    "their weights are at hand; tokens, bits and bytes a picture as serialised: semantics and localization in float16, "
    "code indices, or visible patches in eight bits a colour and which they are; seconds a picture in batches, on this "
    "machine, at that moment")


@dataclass(frozen=True)
class Rebuilt:
    """What a subject made of a batch: pictures (B, 3, H', W') in 0..1, from how many tokens and bytes each.

    factorization: a STELLAR's, from which it is made; None of a baseline.
    """

    pictures: Tensor
    num_tokens: int
    num_bytes: list[int]
    seconds: float
    factorization: Factorization | None = None


def evaluate(subject: Subject, photos: PhotoSet, *, resolution: int = 448, batch_size: int = 8, seed: int = 0,
             stem: nn.Module | None = None) -> Iterator[tuple[str, Value]]:
    """MEASURES: reconstruction/MEASURE, /ceiling_MEASURE, /floor_MEASURE for PICTURE_MEASURES, /stem_gain and COSTS.

    `stem` judges the distance in its features; where none is given, the subject's own.
    """
    missing = why_not(subject)
    distances, unavailable = distances_at_hand(subject, stem)
    sums: dict[str, list[float]] = defaultdict(list)
    frechet: dict[str, nn.Module] = {}
    if missing is None:
        batches = photos.batches(resolution=resolution, patch_size=subject.patch_size, batch_size=batch_size)
        for number, (_, images) in enumerate(batches):
            rebuilt = rebuild(subject, images, seed=seed + number)
            count_costs(rebuilt, sums)
            photo, pictures = compared(subject, images, rebuilt)
            for picture, made in pictures.items():
                for measure, distance in distances.items():
                    sums[picture + measure] += distance(made, photo).tolist()
                if "rfid" not in unavailable:
                    if picture not in frechet:
                        frechet[picture] = frechet_distance(made.device)
                    frechet[picture].update(as_bytes(photo), real=True)
                    frechet[picture].update(as_bytes(made), real=False)
        if not sums:
            raise ValueError(f"none of the photos in {photos.root} can be read.")
    scores: dict[str, Value] = {}
    for measure in PICTURE_MEASURES:
        for picture in PICTURES:
            name = picture + measure
            if missing is not None:
                scores[name] = Unavailable(missing)
            elif measure in unavailable:
                scores[name] = Unavailable(unavailable[measure])
            elif reason := why_no(picture, subject):
                scores[name] = Unavailable(reason)
            elif measure == "rfid" and len(sums["psnr"]) < 2:
                scores[name] = Unavailable("rFID compares many photos; there is one")
            elif measure == "rfid":
                scores[name] = frechet[picture].compute().item()
            else:
                scores[name] = math.fsum(sums[name]) / len(sums[name])
    scores["stem_gain"] = gain(*(scores[picture + "stem_distance"] for picture in ("floor_", "", "ceiling_")))
    for name in COSTS:
        scores[name] = Unavailable(missing) if missing is not None else math.fsum(sums[name]) / len(sums[name])
    for name, value in scores.items():
        yield f"reconstruction/{name}", value


def count_costs(rebuilt: Rebuilt, sums: dict[str, list[float]]) -> None:
    photos = len(rebuilt.pictures)
    sums["tokens"] += photos * [rebuilt.num_tokens]
    sums["bits"] += [8 * size for size in rebuilt.num_bytes]
    sums["bytes"] += rebuilt.num_bytes
    sums["seconds"] += photos * [rebuilt.seconds / photos]


def why_not(subject: Subject) -> str | None:
    """Why a subject cannot reconstruct, or None."""
    if isinstance(subject, BaselineSubject):
        return None
    stellar = subject.stellar
    if stellar is None:
        return "a peer has no decoder"
    if stellar.decoder is None:
        return "this checkpoint has no decoder"
    if stellar.decoder.predicts_codes and stellar.tokenizer is None:
        return "this checkpoint's decoder predicts codes and no tokenizer came with it"
    return None


def why_no(picture: str, subject: Subject) -> str | None:
    """Why a subject that reconstructs has no such picture, or None."""
    if isinstance(subject, BaselineSubject):
        if picture == "floor_":
            return "the floor is a colour a concept, and this model has no concepts"
        return subject.no_round_trip if picture == "ceiling_" else None
    if picture == "ceiling_" and not subject.stellar.decoder.predicts_codes:
        return "this checkpoint's decoder gives pixels, so no tokenizer is its ceiling"
    return None


@torch.no_grad()
def rebuild(subject: Subject, images: Tensor, *, seed: int = 0) -> Rebuilt:
    """(B, 3, H, W) in 0..1 -> what the subject makes of them. The clock stands while bytes are counted."""
    began = time.perf_counter()
    if isinstance(subject, BaselineSubject):
        pictures = finished(subject.reconstruct(images, seed=seed))
        seconds = time.perf_counter() - began
        return Rebuilt(pictures, subject.num_tokens, subject.num_bytes(images), seconds)
    factorization = subject.factorize(images)
    pictures = finished(subject.stellar.decode(factorization))
    seconds = time.perf_counter() - began
    packed = pack_tokens(factorization.semantics, factorization.localization)
    return Rebuilt(pictures, factorization.semantics.shape[1], [len(one) for one in packed], seconds, factorization)


def finished(pictures: Tensor) -> Tensor:
    """The same, once a device that works on its own has made them."""
    if pictures.is_cuda:
        torch.cuda.synchronize(pictures.device)
    return pictures


@torch.no_grad()
def compared(subject: Subject, images: Tensor, rebuilt: Rebuilt) -> tuple[Tensor, dict[str, Tensor]]:
    """(B, 3, H, W) -> the photo at the size that it is compared at, and {"": made, "floor_": ..., "ceiling_": ...}.

    That is the size that a STELLAR's decoder gives. A baseline's picture is stretched back to the photo's.
    """
    made, factorization = rebuilt.pictures, rebuilt.factorization
    images = images.to(made)
    if factorization is None:
        size = tuple(images.shape[2:])
        pictures = {"": resized(made, size)}
        if subject.no_round_trip is None:
            pictures["ceiling_"] = resized(subject.round_trip(images), size)
        return images, pictures
    stellar, size = subject.stellar, tuple(made.shape[2:])
    # As in training, whose codes are of the photo enlarged so: a ceiling of other pixels would be no ceiling.
    photo = resized(images, size)
    pictures = {"": made, "floor_": F.interpolate(colours_of_concepts(factorization.to(made), images), size=size)}
    if stellar.decoder.predicts_codes:
        pictures["ceiling_"] = stellar.tokenizer.decode(stellar.tokenizer.encode(photo)).float().clamp(0, 1)
    return photo, pictures


def resized(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, 3, H, W) in 0..1 -> (B, 3, *size), bicubic."""
    if tuple(pictures.shape[2:]) == size:
        return pictures
    smaller = size[0] < pictures.shape[2] or size[1] < pictures.shape[3]
    return F.interpolate(pictures, size=size, mode="bicubic", align_corners=False, antialias=smaller).clamp(0, 1)


def gain(floor: Value, ours: Value, ceiling: Value) -> Value:
    """0 is no better than the floor, 1 as good as the ceiling."""
    for value in (ours, ceiling, floor):
        if isinstance(value, Unavailable):
            return value
    if floor == ceiling:
        return Unavailable("floor and ceiling are the same")
    return (floor - ours) / (floor - ceiling)


def distances_at_hand(subject: Subject, stem: nn.Module | None = None) -> tuple[dict[str, Distance], dict[str, str]]:
    """What can be measured here, a distance a name, and of the rest {name: the reason}. rFID is none: it needs all."""
    distances: dict[str, Distance] = {"psnr": psnr, "ssim": ssim}
    unavailable = {}
    if stem is None and subject.stellar is not None:
        stem = getattr(subject.stellar.encoder.embedding, "stem", None)
    if stem is None:
        unavailable["stem_distance"] = "this checkpoint has no stem"
    else:
        distances["stem_distance"] = lambda made, photo: stem_distance(stem, made, photo)
    if missing := weights_missing(LPIPS_WEIGHTS):
        unavailable["lpips"] = missing
    elif why_not(subject) is None:
        distances["lpips"] = perceptual_distance(subject.device)
    if missing := weights_missing(FID_WEIGHTS):
        unavailable["rfid"] = missing
    elif importlib.util.find_spec("torch_fidelity") is None:
        unavailable["rfid"] = "not available: torchmetrics needs the package torch-fidelity for it"
    return distances, unavailable


def frechet_distance(device: torch.device) -> nn.Module:
    from torchmetrics.image.fid import FrechetInceptionDistance

    return FrechetInceptionDistance().to(device)


def as_bytes(picture: Tensor) -> Tensor:
    """0..1 -> uint8, as the Inception network wants it; rounded, where torchmetrics would cut off."""
    return (picture * 255).round().byte()
