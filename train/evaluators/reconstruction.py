"""Reconstruction: how much of the photo its concepts keep, beside a ceiling and a floor."""

from __future__ import annotations

import importlib.util
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from model.encoder import STEM_MEAN, STEM_STD, normalise
from model.factorization import Factorization
from train.evaluators import Unavailable, Value
from train.evaluators.photo_set import PhotoSet
from train.subjects import Subject

# Where torch keeps what it once downloaded; nothing is downloaded here.
LPIPS_WEIGHTS, FID_WEIGHTS = "alexnet-owt-7be5be79.pth", "weights-inception-2015-12-05-6726825d.pth"
MEASURES = ("psnr", "ssim", "stem_distance", "lpips", "rfid")
PICTURES = ("", "ceiling_", "floor_")
DESCRIPTION = (
    "means over photos of PSNR (dB), SSIM and the distance in the frozen stem's features (1 - cosine of channel-normed "
    "features, mean of strides 8, 16, 32) between the photo and its reconstruction; ceiling: the round trip through "
    "the tokenizer whose codes the decoder predicts; floor: each concept's mean colour under its own L, a colour a "
    "patch; stem_gain: (floor - reconstruction) / (floor - ceiling) of the stem's distance; LPIPS (AlexNet) and rFID "
    "where their weights are at hand")

Distance = Callable[[Tensor, Tensor], Tensor]  # (B, 3, H, W) twice, in 0..1 -> (B,)


def evaluate(subject: Subject, photos: PhotoSet, *, resolution: int = 448, batch_size: int = 8,
             seed: int = 0) -> Iterator[tuple[str, Value]]:
    """reconstruction/MEASURE, /ceiling_MEASURE, /floor_MEASURE for MEASURES, and reconstruction/stem_gain."""
    missing = why_not(subject)
    distances, unavailable = distances_at_hand(subject)
    sums: dict[str, list[float]] = defaultdict(list)
    frechet: dict[str, nn.Module] = {}
    if missing is None:
        if "rfid" not in unavailable:
            frechet = {picture: frechet_distance(subject.stellar.device) for picture in PICTURES}
        for _, images in photos.batches(resolution=resolution, patch_size=subject.patch_size, batch_size=batch_size):
            photo, pictures = reconstruct(subject, images)
            for picture, made in pictures.items():
                for measure, distance in distances.items():
                    sums[picture + measure] += distance(made, photo).tolist()
                if picture in frechet:
                    frechet[picture].update(as_bytes(photo), real=True)
                    frechet[picture].update(as_bytes(made), real=False)
        if not sums:
            raise ValueError(f"none of the photos in {photos.root} can be read.")
    scores: dict[str, Value] = {}
    for measure in MEASURES:
        for picture in PICTURES:
            name = picture + measure
            if missing is not None:
                scores[name] = Unavailable(missing)
            elif measure in unavailable:
                scores[name] = Unavailable(unavailable[measure])
            elif picture == "ceiling_" and not subject.stellar.decoder.predicts_codes:
                scores[name] = Unavailable("this checkpoint's decoder gives pixels, so no tokenizer is its ceiling")
            elif measure == "rfid" and len(sums["psnr"]) < 2:
                scores[name] = Unavailable("rFID compares many photos; there is one")
            elif measure == "rfid":
                scores[name] = frechet[picture].compute().item()
            else:
                scores[name] = math.fsum(sums[name]) / len(sums[name])
    scores["stem_gain"] = gain(*(scores[picture + "stem_distance"] for picture in ("floor_", "", "ceiling_")))
    for name, value in scores.items():
        yield f"reconstruction/{name}", value


def why_not(subject: Subject) -> str | None:
    """Why a subject cannot reconstruct, or None."""
    stellar = subject.stellar
    if stellar is None:
        return "a peer has no decoder"
    if stellar.decoder is None:
        return "this checkpoint has no decoder"
    if stellar.decoder.predicts_codes and stellar.tokenizer is None:
        return "this checkpoint's decoder predicts codes and no tokenizer came with it"
    return None


@torch.no_grad()
def reconstruct(subject: Subject, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """(B, 3, H, W) -> the photo at the size that the decoder gives, and {"": made, "floor_": ..., "ceiling_": ...}."""
    stellar = subject.stellar
    factorization = subject.factorize(images)
    made = stellar.decode(factorization)
    images = images.to(made)
    size = tuple(made.shape[2:])
    photo = images
    if size != tuple(images.shape[2:]):
        # As in training, whose codes are of the photo enlarged so: a ceiling of other pixels would be no ceiling.
        photo = F.interpolate(images, size=size, mode="bicubic", align_corners=False,
                              antialias=size[0] < images.shape[2]).clamp(0, 1)
    pictures = {"": made, "floor_": F.interpolate(colours_of_concepts(factorization.to(made), images), size=size)}
    if stellar.decoder.predicts_codes:
        pictures["ceiling_"] = stellar.tokenizer.decode(stellar.tokenizer.encode(photo)).float().clamp(0, 1)
    return photo, pictures


def colours_of_concepts(factorization: Factorization, images: Tensor) -> Tensor:
    """(B, 3, rows, cols): each concept's mean colour under its localization, laid down by that localization."""
    localization = factorization.localization
    colours = F.adaptive_avg_pool2d(images, factorization.patch_grid).flatten(2).mT
    of_concepts = localization.mT @ colours / localization.sum(dim=1)[..., None].clamp_min(1e-8)
    return (localization @ of_concepts).mT.unflatten(2, factorization.patch_grid)


def gain(floor: Value, ours: Value, ceiling: Value) -> Value:
    """0 is no better than the floor, 1 as good as the ceiling."""
    for value in (ours, ceiling, floor):
        if isinstance(value, Unavailable):
            return value
    if floor == ceiling:
        return Unavailable("floor and ceiling are the same")
    return (floor - ours) / (floor - ceiling)


def distances_at_hand(subject: Subject) -> tuple[dict[str, Distance], dict[str, str]]:
    """What can be measured here, a distance a name, and of the rest {name: the reason}. rFID is none: it needs all."""
    distances: dict[str, Distance] = {"psnr": psnr, "ssim": ssim}
    unavailable = {}
    stem = getattr(subject.stellar.encoder.embedding, "stem", None) if subject.stellar is not None else None
    if stem is None:
        unavailable["stem_distance"] = "this checkpoint has no stem"
    else:
        distances["stem_distance"] = lambda made, photo: stem_distance(stem, made, photo)
    if missing := weights_missing(LPIPS_WEIGHTS):
        unavailable["lpips"] = missing
    elif subject.stellar is not None:
        distances["lpips"] = perceptual_distance(subject.stellar.device)
    if missing := weights_missing(FID_WEIGHTS):
        unavailable["rfid"] = missing
    elif importlib.util.find_spec("torch_fidelity") is None:
        unavailable["rfid"] = "not available: torchmetrics needs the package torch-fidelity for it"
    return distances, unavailable


def weights_missing(file: str) -> str | None:
    """The reason, where a file of weights is not where torch keeps them; None where it is."""
    if (Path(torch.hub.get_dir()) / "checkpoints" / file).is_file():
        return None
    return f"not available: {file} is not in torch's folder of downloaded weights (hub/checkpoints)"


def psnr(made: Tensor, photo: Tensor) -> Tensor:
    """dB; a picture that is the photo has 100."""
    return -10 * (made - photo).square().mean(dim=(1, 2, 3)).clamp_min(1e-10).log10()


def ssim(made: Tensor, photo: Tensor) -> Tensor:
    return structural_similarity_index_measure(made, photo, data_range=1.0, reduction="none").reshape(-1)


@torch.no_grad()
def stem_distance(stem: nn.Module, made: Tensor, photo: Tensor) -> Tensor:
    """Mean over the stem's strides, and over places, of 1 - cosine of features normed over their channels.

    Written as half the squared distance of unit vectors, which is 0 too where both have no length.
    """
    strides = []
    dtype = next(stem.parameters()).dtype
    pictures = (normalise(picture.to(dtype), STEM_MEAN, STEM_STD) for picture in (made, photo))
    for features, wanted in zip(*(stem(picture) for picture in pictures), strict=True):
        units = [F.normalize(F.layer_norm(feature.float().movedim(1, -1), feature.shape[1:2]), dim=-1)
                 for feature in (features, wanted)]
        strides.append((units[0] - units[1]).square().sum(dim=-1).mean(dim=(1, 2)) / 2)
    return torch.stack(strides).mean(dim=0)


def perceptual_distance(device: torch.device) -> Distance:
    from torchmetrics.functional.image.lpips import _LPIPS  # the public one gives a mean, not a photo's

    network = _LPIPS(pretrained=True, net="alex").to(device)
    return lambda made, photo: network(made, photo, normalize=True).reshape(-1)


def frechet_distance(device: torch.device) -> nn.Module:
    from torchmetrics.image.fid import FrechetInceptionDistance

    return FrechetInceptionDistance().to(device)


def as_bytes(picture: Tensor) -> Tensor:
    """0..1 -> uint8, as the Inception network wants it; rounded, where torchmetrics would cut off."""
    return (picture * 255).round().byte()
