"""MAE (He et al., CVPR 2022, arXiv 2111.06377): a picture from some of its patches, by transformers' ViTMAE."""

from __future__ import annotations

import json
from enum import StrEnum
from os import PathLike
from pathlib import Path
from threading import Lock

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from model.baselines import at_native_size, check_num_tokens
from model.baselines.published import locate
from model.baselines.serialized import halves, pack_patches
from model.checkpoints.checkpoint import ASSETS, translate
from model.checkpoints.tensor_files import DAMAGE, CheckpointError, TensorFile, first_line, only_checkpoint
from model.checkpoints.writing import write_tensors
from model.encoder import IMAGENET_MEAN, IMAGENET_STD, normalise
from model.stellar import check_images

CONFIG_KEY = "mae_config"
SHIPPED = {"mae": ASSETS / "mae" / "mae.safetensors"}
REPOSITORIES = {"mae-b16": "facebook/vit-mae-base", "mae-l16": "facebook/vit-mae-large",
                "mae-h14": "facebook/vit-mae-huge"}

# transformers reads the share of hidden patches from the configuration, which other threads share: one at a time. Not a
# model's own lock, because a training copies its model for an average.
MASKING = Lock()


class Visible(StrEnum):
    """Which patches are seen: drawn by a seed, or spread evenly."""

    RANDOM = "random"
    GRID = "grid"


class PatchStatistics(StrEnum):
    """How patches predicted by weights trained with norm_pix_loss, each of mean 0 and deviation 1, become pixels.

    VISIBLE: every hidden patch gets the average mean and deviation of the visible ones: nothing is used that the
             visible patches do not give, and the picture looks flat, as it should.
    TRUE:    each gets its own, taken from the photo: an oracle, two numbers a patch that the model was not asked for;
             `Mae.num_bytes` counts them.
    Weights trained on plain pixels need neither: what ships, and the names here, which are MAE's "visualize" weights.
    """

    VISIBLE = "visible"
    TRUE = "true"


class Mae(nn.Module):
    """`network` is transformers' ViTMAEForPreTraining; a picture's tokens are its visible patches."""

    name, label = "mae", "MAE"

    def __init__(self, config: ViTMAEConfig) -> None:
        super().__init__()
        if config.num_channels != 3 or config.image_size % config.patch_size:
            raise ValueError(f"a MAE here sees squares of 3 channels and whole patches, not {config.num_channels} "
                             f"channels at {config.image_size} with patches of {config.patch_size}")
        self.config = config
        self.network = ViTMAEForPreTraining(config)

    @classmethod
    def load(cls, source: str | PathLike[str], *, device: str | torch.device = "cpu") -> Mae:
        """A model in eval mode, float32, from "mae", a published name ("mae-b16"), our file, a folder in transformers'
        layout or a hub id. Raises CheckpointError (a ValueError) that names the file and what is wrong with it."""
        path = locate(source, shipped=SHIPPED, repositories=REPOSITORIES)
        if path.is_dir() and (path / "config.json").is_file():
            mae = from_transformers(path)
        else:
            mae = from_our_file(TensorFile(only_checkpoint(path) if path.is_dir() else path))
        return mae.requires_grad_(False).eval().to(device)

    def save(self, path: str | PathLike[str], *, dtype: torch.dtype | None = None) -> None:
        """One safetensors file with the configuration in its metadata."""
        write_tensors(path, {CONFIG_KEY: self.config.to_json_string()}, self.network.state_dict(), dtype=dtype)

    @property
    def native_size(self) -> int:
        return self.config.image_size

    @property
    def native_grid(self) -> int:
        return self.config.image_size // self.config.patch_size

    @property
    def normalised_patches(self) -> bool:
        """Whether it was trained with norm_pix_loss, so that `PatchStatistics` matters."""
        return self.config.norm_pix_loss

    def possible_num_tokens(self, size: tuple[int, int]) -> range:
        return range(1, self.native_grid**2 + 1)

    def predict(self, image: Tensor, visible: Tensor) -> Tensor:
        """(B, 3, native, native) in 0..1 and the numbers of the visible patches (B, M) -> (B, N, patch * patch * 3):
        what the decoder says of every patch, pixels normalised by ImageNet's mean and deviation. With gradients."""
        num_patches, num_visible = self.native_grid**2, visible.shape[1]
        # transformers keeps the patches of the least noise, and as many as its configuration's share allows.
        noise = torch.ones(len(image), num_patches, device=image.device)
        noise.scatter_(1, visible, 0)
        with MASKING:
            self.network.config.mask_ratio, trained = 1 - (num_visible + 0.5) / num_patches, self.config.mask_ratio
            try:
                encoded = self.network.vit(normalise(image, IMAGENET_MEAN, IMAGENET_STD), noise=noise)
            finally:
                self.network.config.mask_ratio = trained
        return self.network.decoder(encoded.last_hidden_state, encoded.ids_restore).logits

    @torch.no_grad()
    def reconstruct(
        self,
        image: Tensor,
        num_tokens: int,
        *,
        visible: Visible | str = Visible.RANDOM,
        seed: int = 0,
        paste: bool = True,
        patch_statistics: PatchStatistics | str = PatchStatistics.VISIBLE,
    ) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, 3, native, native) in 0..1 from num_tokens visible patches.

        paste: the visible patches are the photo's own, else what the decoder says of them (untrained: the loss is on
        hidden patches alone). patch_statistics matters only where `normalised_patches`; see there.
        """
        check_images(image, 1)
        check_num_tokens(self, image, num_tokens)
        patch_statistics = PatchStatistics(patch_statistics)
        image = at_native_size(image, self.native_size).float().to(self.network.device)
        shown = self.visible_patches(num_tokens, visible=visible, seed=seed).to(image.device).expand(len(image), -1)
        predicted = self.predict(image, shown)
        photo = self.network.patchify(image)
        index = shown[..., None].expand(-1, -1, photo.shape[-1])
        seen = photo.gather(1, index)
        if self.normalised_patches:
            # The loss normalised what the network sees, so statistics are those of the normalised photo.
            source = self.network.patchify(normalise(image, IMAGENET_MEAN, IMAGENET_STD))
            if patch_statistics is PatchStatistics.VISIBLE:
                source = source.gather(1, index)
            mean, deviation = source.mean(-1, keepdim=True), source.var(-1, keepdim=True).add(1e-6).sqrt()
            if patch_statistics is PatchStatistics.VISIBLE:
                mean, deviation = mean.mean(1, keepdim=True), deviation.mean(1, keepdim=True)
            predicted = predicted * deviation + mean
        colour = (-1, 3)
        predicted = (predicted.unflatten(-1, colour) * predicted.new_tensor(IMAGENET_STD)
                     + predicted.new_tensor(IMAGENET_MEAN)).flatten(-2)
        if paste:
            predicted = predicted.scatter(1, index, seen)
        return self.network.unpatchify(predicted).clamp(0, 1)

    def visible_patches(self, num_tokens: int, *, visible: Visible | str = Visible.RANDOM, seed: int = 0) -> Tensor:
        """The numbers of num_tokens patches, (num_tokens,), increasing; the same for every picture of a call."""
        if Visible(visible) is Visible.GRID:
            return spread_evenly(num_tokens, self.native_grid)
        generator = torch.Generator().manual_seed(seed)
        return torch.randperm(self.native_grid**2, generator=generator)[:num_tokens].sort().values

    def num_bytes(
        self, image: Tensor, num_tokens: int, *, visible: Visible | str = Visible.RANDOM, seed: int = 0,
        patch_statistics: PatchStatistics | str = PatchStatistics.VISIBLE,
    ) -> list[int]:
        """Of each picture's visible patches, eight bits a colour, and which they are; with TRUE statistics two float16
        for each hidden patch besides, where the weights need them."""
        check_num_tokens(self, image, num_tokens)
        image = at_native_size(image, self.native_size)
        shown = self.visible_patches(num_tokens, visible=visible, seed=seed)
        with_statistics = self.normalised_patches and PatchStatistics(patch_statistics) is PatchStatistics.TRUE
        num_hidden = self.native_grid**2 - num_tokens if with_statistics else 0
        statistics = halves(torch.zeros(num_hidden, 2)).tobytes()  # any take as many
        return [len(packed + statistics) for packed in pack_patches(image, shown, self.config.patch_size)]


def spread_evenly(count: int, side: int) -> Tensor:
    """The numbers of `count` patches of a grid of side x side, in rows as even as they come."""
    num_rows = min(max(round(count**0.5), -(-count // side)), side)
    numbers = []
    for row in range(num_rows):
        in_row = count * (row + 1) // num_rows - count * row // num_rows
        y = int((row + 0.5) * side / num_rows)
        numbers += [y * side + int((column + 0.5) * side / in_row) for column in range(in_row)]
    return torch.tensor(numbers)


def from_our_file(file: TensorFile) -> Mae:
    if CONFIG_KEY not in file.metadata:
        found = ", ".join(list(file.shapes)[:3])
        raise CheckpointError(f"{file.path} is no MAE of ours: its metadata has no {CONFIG_KEY} (it has {found}, ...); "
                              "give transformers' weights as their folder, with config.json in it")
    try:
        config = configuration(file.metadata[CONFIG_KEY])
        with torch.device("meta"):
            mae = Mae(config)
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError, ArithmeticError) as error:
        raise CheckpointError(f"{file.path} describes a MAE that cannot be built: {first_line(error)}") from error
    shapes = {name: tuple(tensor.shape) for name, tensor in mae.network.state_dict().items()}
    mae.network.load_state_dict(translate(file, shapes, None, torch.float32), assign=True)
    return mae


def configuration(text: str) -> ViTMAEConfig:
    """From JSON. Raises ValueError where it is none or another model's."""
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError(f"its configuration is a {type(values).__name__}, not named values")
    if values.get("model_type") != ViTMAEConfig.model_type:
        raise ValueError(f"its configuration is of a {values.get('model_type')}, not of a {ViTMAEConfig.model_type}")
    try:
        return ViTMAEConfig.from_dict(values)
    except StrictDataclassError as error:  # a bare Exception of the hub's, over several lines
        raise ValueError(" ".join(str(error).split())) from error


def from_transformers(folder: Path) -> Mae:
    """transformers' own layouts, of version 4 or 5; strict, where transformers would fill what is missing at random.

    A pickle among them is opened with weights_only=True, transformers' default.
    """
    TensorFile(only_checkpoint(folder))  # says what is wrong with a file better than transformers does
    try:
        config = configuration((folder / "config.json").read_text(encoding="utf-8"))
        network, found = ViTMAEForPreTraining.from_pretrained(
            folder, config=config, dtype=torch.float32, local_files_only=True, weights_only=True,
            output_loading_info=True)
        with torch.device("meta"):
            mae = Mae(config)
    except DAMAGE as error:
        raise CheckpointError(f"{folder} holds no MAE that can be read: {first_line(error)}") from error
    missing = sorted(found["missing_keys"])
    if missing:  # a MAE without its decoder, as one fine-tuned for labels
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise CheckpointError(f"{folder} lacks {', '.join(missing[:3])}{more}, so it cannot rebuild a picture")
    mae.network = network
    return mae
