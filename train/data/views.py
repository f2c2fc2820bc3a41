"""Views: crops of a photo, made where it is decoded, and their colours, changed a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torchvision.transforms.v2 as T
import torchvision.transforms.v2.functional as TF
from kornia import augmentation
from torch import Tensor

from train.config import ViewsConfig


@dataclass(frozen=True)
class Crops:
    """One photo's crops, uint8.

    clean:  (3, S, S)      what reconstruction, clustering and the teachers look at
    masked: (V, 3, S, S)   the masked views before their colours change; the first is the clean crop, V can be 0
    local:  (C, 3, s, s)   small crops of a small part; C can be 0
    box:    (4,)           where the clean crop lies in the photo: left, top, right, bottom in 0..1; left > right where
                           it is flipped
    """

    clean: Tensor
    masked: Tensor
    local: Tensor
    box: Tensor


def crop(photo: Tensor, side: int, scale: tuple[float, float], *, flip: float) -> tuple[Tensor, Tensor]:
    """A random crop of uint8 (3, H, W) as (3, side, side), perhaps flipped, and its box.

    Draws from torch's own generator, which torchvision's transforms use: seed it before.
    """
    cut = T.RandomResizedCrop(side, scale=scale).make_params([photo])
    rows, cols = photo.shape[-2:]
    box = torch.tensor([cut["left"] / cols, cut["top"] / rows,
                        (cut["left"] + cut["width"]) / cols, (cut["top"] + cut["height"]) / rows])
    bicubic = T.InterpolationMode.BICUBIC  # as published
    cropped = TF.resized_crop(photo, **cut, size=[side, side], interpolation=bicubic, antialias=True)
    if torch.rand(()) < flip:
        return cropped.flip(-1), box[[2, 1, 0, 3]]
    return cropped, box


def crops_of(photo: Tensor, config: ViewsConfig, *, resolution: int, masked: int, local: int, seed: int) -> Crops:
    """uint8 (3, H, W) -> its crops. The same seed gives the same crops, whichever process draws them."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed a GPU's too
        clean, box = crop(photo, resolution, config.scale, flip=config.flip)
        others = [crop(photo, resolution, config.scale, flip=config.flip)[0] for _ in range(masked - 1)]
        small = [crop(photo, config.local_resolution, config.local_scale, flip=config.flip)[0] for _ in range(local)]
    side = config.local_resolution
    return Crops(
        clean=clean,
        masked=torch.stack([clean, *others]) if masked else clean.new_empty(0, 3, resolution, resolution),
        local=torch.stack(small) if small else clean.new_empty(0, 3, side, side),
        box=box,
    )


class Colours:
    """Jitter, grey and blur, drawn for each view by itself, over a whole batch at once (kornia), on its device."""

    def __init__(self, config: ViewsConfig) -> None:
        brightness, contrast, saturation, hue = config.jitter
        self.change = augmentation.AugmentationSequential(
            augmentation.ColorJitter(brightness, contrast, saturation, hue, p=config.jitter_probability),
            augmentation.RandomGrayscale(p=config.grey_probability),
            augmentation.RandomGaussianBlur((config.blur_kernel, config.blur_kernel), config.blur_sigma,
                                            p=config.blur_probability),
            data_keys=["input"],
        )

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """(B, V, 3, H, W) in 0..1 -> the same shape and range. Draws from torch's generator."""
        return self.change(images.flatten(0, 1)).clamp(0, 1).view_as(images)
