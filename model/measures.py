"""How near a picture is to the photo that it was made from: PSNR, SSIM, the stem's distance and LPIPS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from model.encoder import STEM_MEAN, STEM_STD, normalise

# Where torch keeps what it once downloaded; nothing is downloaded here.
LPIPS_WEIGHTS = "alexnet-owt-7be5be79.pth"

Distance = Callable[[Tensor, Tensor], Tensor]  # (B, 3, H, W) twice, in 0..1 -> (B,)


def psnr(made: Tensor, photo: Tensor) -> Tensor:
    """dB; a picture that is the photo has 100."""
    return -10 * (made - photo).square().mean(dim=(1, 2, 3)).clamp_min(1e-10).log10()


def ssim(made: Tensor, photo: Tensor) -> Tensor:
    return structural_similarity_index_measure(made, photo, data_range=1.0, reduction="none").reshape(-1)


def stem_distance(stem: nn.Module, made: Tensor, photo: Tensor) -> Tensor:
    """Mean over the stem's strides, and over places, of 1 - cosine of features normed over their channels."""
    return distance_of_directions(stem_directions(stem, made), stem_directions(stem, photo))


@torch.no_grad()
def stem_directions(stem: nn.Module, picture: Tensor) -> list[Tensor]:
    """(B, 3, H, W) in 0..1 -> for each stride (B, rows, cols, channels): its features, normed and of unit length."""
    seen = normalise(picture.to(next(stem.parameters()).dtype), STEM_MEAN, STEM_STD)
    # Channels last, as in the encoder: depthwise convolutions are three times as fast that way on a CPU.
    maps = stem(seen.contiguous(memory_format=torch.channels_last))
    return [F.normalize(F.layer_norm(features.float().movedim(1, -1), features.shape[1:2]), dim=-1)
            for features in maps]


def distance_of_directions(made: list[Tensor], photo: list[Tensor]) -> Tensor:
    """What `stem_distance` is of two pictures' directions; half the squared distance of unit vectors is 1 - cosine, and
    0 too where both have no length."""
    strides = [(directions - wanted).square().sum(dim=-1).mean(dim=(1, 2)) / 2
               for directions, wanted in zip(made, photo, strict=True)]
    return torch.stack(strides).mean(dim=0)


def perceptual_distance(device: torch.device) -> Distance:
    """LPIPS (AlexNet), by the weights that torch keeps; ask `weights_missing(LPIPS_WEIGHTS)` first."""
    from torchmetrics.functional.image.lpips import _LPIPS  # the public one gives a mean, not a photo's

    network = _LPIPS(pretrained=True, net="alex").to(device)
    return lambda made, photo: network(made, photo, normalize=True).reshape(-1)


def weights_missing(file: str) -> str | None:
    """The reason, where a file of weights is not where torch keeps them; None where it is."""
    if (Path(torch.hub.get_dir()) / "checkpoints" / file).is_file():
        return None
    return f"not available: {file} is not in torch's folder of downloaded weights (hub/checkpoints)"
