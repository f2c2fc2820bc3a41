"""MaeLearner: a small masked autoencoder, which learns to predict the pixels that it does not see."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import ViTMAEConfig

from model.baselines.mae import Mae
from model.encoder import IMAGENET_MEAN, IMAGENET_STD, normalise
from train.config import BaselineConfig, RecipeError, TrainConfig
from train.learners.pictures import beside
from train.learners.positions import grid_points, initialize_local_attention, sincos_positions
from train.learners.stellar import Views


class MaeLearner(nn.Module):
    """forward(Views) -> (losses, metrics), as `registry.Learner`'s. Only the clean view is used.

    A step's patches are drawn from torch's generator, which the loop seeds.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.mae = Mae(architecture(config.baseline))

    @torch.no_grad()
    def initialize_positions(self) -> None:
        """Positions are fixed sines and cosines of a patch's coordinates, as published, and attention starts out local.
        transformers leaves positions and learnt tokens of a network that it does not load at zero."""
        network, grid = self.mae.network, self.mae.native_grid
        encoder, decoder = network.vit, network.decoder
        for positions in (encoder.embeddings.position_embeddings, decoder.decoder_pos_embed):
            positions[0, 1:] = sincos_positions(grid_points(grid * grid), positions.shape[2], grid)
        for token in (encoder.embeddings.cls_token, decoder.mask_token):
            nn.init.normal_(token, std=self.mae.config.initializer_range)
        for layer in [*encoder.layers, *decoder.decoder_layers]:
            initialize_local_attention(layer.attention.q_proj.weight, layer.attention.k_proj.weight)

    def load_weights(self, mae: Mae) -> None:
        own, other = architecture_of(self.mae), architecture_of(mae)
        if own != other:
            differing = ", ".join(f"{name} {other[name]}, not {own[name]}" for name in own if own[name] != other[name])
            raise RecipeError(f"--init names a MAE of another architecture: {differing}")
        self.mae.load_state_dict(mae.state_dict())

    @property
    def exported(self) -> Mae:
        return self.mae

    @property
    def loss_weights(self) -> dict[str, float]:
        return self.config.weights

    def sheet(self, images: Tensor) -> Tensor:
        """The photos, and what the MAE makes of some of their patches, those pasted in or as it predicts them."""
        count = self.config.baseline.num_tokens
        images = images.float()
        with torch.autocast(images.device.type, enabled=False):  # pixels are pasted into what is predicted
            return beside(images, self.mae.reconstruct(images, count),
                          self.mae.reconstruct(images, count, paste=False))

    def forward(self, views: Views) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        image, count = views.image, self.config.baseline.num_tokens
        order = torch.rand(len(image), self.mae.native_grid**2, device=image.device).argsort(dim=1)
        seen, hidden = order.split([count, order.shape[1] - count], dim=1)
        wanted = self.mae.network.patchify(normalise(image, IMAGENET_MEAN, IMAGENET_STD))
        predicted = self.mae.predict(image, seen).float()
        index = hidden[..., None].expand(-1, -1, wanted.shape[2])
        squared = (predicted.gather(1, index) - wanted.gather(1, index)).square()
        pixels = squared.detach().unflatten(2, (-1, 3)) * squared.new_tensor(IMAGENET_STD).square()
        return {"reconstruction": squared.mean()}, {"psnr": -10 * pixels.mean().log10()}


# What of a configuration says which tensors there are.
SIZES = ("image_size", "patch_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
         "decoder_hidden_size", "decoder_num_hidden_layers", "decoder_num_attention_heads", "decoder_intermediate_size",
         "norm_pix_loss")


def architecture_of(mae: Mae) -> dict[str, object]:
    return {name: getattr(mae.config, name) for name in SIZES}


def architecture(sizes: BaselineConfig) -> ViTMAEConfig:
    """Plain pixels (norm_pix_loss False): what comes out is a picture, without statistics that nobody sent."""
    num_patches = (sizes.native_size // sizes.patch_size) ** 2
    return ViTMAEConfig(
        image_size=sizes.native_size, patch_size=sizes.patch_size, mask_ratio=1 - sizes.num_tokens / num_patches,
        hidden_size=sizes.encoder.width, num_hidden_layers=sizes.encoder.depth,
        num_attention_heads=sizes.encoder.num_heads, intermediate_size=sizes.encoder.mlp_width,
        decoder_hidden_size=sizes.decoder.width, decoder_num_hidden_layers=sizes.decoder.depth,
        decoder_num_attention_heads=sizes.decoder.num_heads, decoder_intermediate_size=sizes.decoder.mlp_width,
        layer_norm_eps=1e-6, norm_pix_loss=False)
