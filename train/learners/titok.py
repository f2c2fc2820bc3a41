"""TiTokLearner: a small TiTok's first stage, which learns to predict a frozen tokenizer's codes."""

from __future__ import annotations

from dataclasses import asdict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.baselines.titok import TiTok, TiTokConfig, TiTokDecoder, TransformerConfig
from model.tokenizer import Tokenizer
from train.config import BaselineConfig, RecipeError, TrainConfig
from train.learners.ema_codebook import update_codebook
from train.learners.patch_components import initialize_from_patches
from train.learners.pictures import beside
from train.learners.positions import (
    grid_points,
    initialize_local_attention,
    initialize_value_projection,
    sincos_positions,
)
from train.learners.prototypes import perplexity
from train.learners.stellar import Views
from train.objective.koleo import koleo_loss
from train.objective.reconstruction import code_loss
from train.objective.vector_quantization import codebook_loss, straight_through

# A code that is chosen less often a step is dead, and how often a revived one counts as chosen. A batch of 16 chooses
# 512 of the 4,096.
ALIVE, REVIVED = 0.01, 0.1
TILT = 2.0  # of the first logits, by codes one standard deviation apart


class TiTokLearner(nn.Module):
    """forward(Views) -> (losses, metrics), as `registry.Learner`'s. Only the clean view is used.

    As published, but that codes follow by moving averages: with a few thousand steps they would lag behind.
    """

    def __init__(self, config: TrainConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config, sizes = config, config.baseline
        if tokenizer.config.stride != sizes.patch_size:
            raise RecipeError(f"a code of this tokenizer is a square of {tokenizer.config.stride} px, a patch of this "
                              f"TiTok {sizes.patch_size}; set baseline.patch_size to be the same")
        self.tokenizer = tokenizer.eval().requires_grad_(False)
        self.titok = TiTok(architecture(sizes, num_pixel_codes=tokenizer.config.num_codes))
        self.titok.codebook.requires_grad_(False)  # its moving averages move it
        self.register_buffer("counts", torch.zeros(sizes.num_codes))  # all dead: the first step sets them
        self.register_buffer("sums", torch.zeros(sizes.num_codes, sizes.code_width))

    def load_weights(self, titok: TiTok) -> None:
        """Another TiTok's weights, its codes alive."""
        if titok.config != self.titok.config:
            raise RecipeError(f"--init names a TiTok of another architecture: {titok.config}")
        own = self.titok.state_dict()
        self.titok.load_state_dict({name: tensor for name, tensor in titok.state_dict().items() if name in own})
        self.counts.fill_(1.0)
        self.sums.copy_(self.titok.codebook)

    @torch.no_grad()
    def initialize_positions(self) -> None:
        """Positions start as sines and cosines of coordinates, the tokens' evenly spread over the photo, and attention
        starts out local: a token begins as a summary of what surrounds its position. All of it is trained."""
        grid = self.titok.config.native_grid
        for part in (self.titok.encoder, self.titok.decoder):
            width = part.positions.shape[1]
            part.positions[1:] = sincos_positions(grid_points(grid * grid), width, grid)
            part.token_positions.copy_(sincos_positions(grid_points(self.titok.num_tokens), width, grid))
            if isinstance(part, TiTokDecoder):  # a token's content is as long as its position
                nn.init.orthogonal_(part.input_proj.weight, gain=part.token_positions.norm(dim=1).mean().item())
            for block in part.blocks:
                query, key, value = block.attn.qkv.weight.chunk(3)
                initialize_local_attention(query, key)
                initialize_value_projection(value, block.attn.proj.weight)

    @torch.no_grad()
    def initialize_from_photos(self, images: Tensor) -> None:
        """(M, 3, native, native) in 0..1: patches start as their principal components, as long as their positions,
        latents as the directions in which a token differs most from photo to photo, each as long as the next; and codes
        are predicted as often as they occur.

        Without this the latents differ by token, hardly by photo, and within a few steps choose one code for all.
        """
        encoder = self.titok.encoder
        initialize_from_patches(encoder.patch, images, norm=encoder.positions[1:].norm(dim=1).mean())
        head, hidden = self.titok.encoder.head, []
        hook = head.register_forward_pre_hook(lambda module, inputs: hidden.append(inputs[0][..., 0].mT))
        for part in images.split(16):
            self.titok.latents(part)
        hook.remove()
        features = torch.cat(hidden)  # (M, T, width)
        of_tokens = features.mean(dim=0)
        apart = of_tokens - of_tokens.mean(dim=0)
        others = torch.linalg.svd(apart, full_matrices=False)[2][: len(apart) - 1]  # in which tokens differ
        varying = (features - of_tokens).flatten(0, 1)
        varying = varying - varying @ others.mT @ others
        lengths, directions = torch.linalg.svd(varying, full_matrices=False)[1:]
        count = self.titok.config.code_width
        scale = len(varying) ** 0.5 / lengths[:count].clamp_min(1e-6)
        head.weight.copy_((directions[:count] * scale[:, None])[..., None, None])
        head.bias.copy_(-(head.weight[..., 0, 0] @ features.mean(dim=(0, 1))))
        self.initialize_code_head(torch.cat([self.tokenizer.encode(part).flatten() for part in images.split(16)]))

    def initialize_code_head(self, codes: Tensor) -> None:
        """(M,) codes of some photos: the decoder's head starts with each code's frequency as bias and its codebook
        entry, projected, as weights: codes close to each other in the codebook begin with similar logits."""
        head, codebook = self.titok.decoder.head[-1], self.tokenizer.codebook
        shares = torch.bincount(codes, minlength=len(codebook)) + 1.0
        shares = shares / shares.sum()
        apart = codebook - shares @ codebook
        length = (shares @ apart.square().sum(dim=1)).sqrt()
        directions = nn.init.orthogonal_(torch.empty(head.in_channels, codebook.shape[1])).mT
        head.weight.copy_((TILT * apart / length @ directions)[..., None, None])
        head.bias.copy_(shares.log())

    @property
    def exported(self) -> TiTok:
        return self.titok

    @property
    def loss_weights(self) -> dict[str, float]:
        return self.config.weights

    def train(self, mode: bool = True) -> TiTokLearner:
        super().train(mode)
        self.tokenizer.eval()
        return self

    def sheet(self, images: Tensor) -> Tensor:
        """The photos, what comes back through the tokenizer's codes, and what the TiTok makes of them."""
        grid = (self.titok.config.native_grid,) * 2
        predicted = self.titok.predict(self.titok.quantize(self.titok.latents(images))[0])
        return beside(images, self.tokenizer.decode(self.tokenizer.encode(images)),
                      self.tokenizer.decode(predicted.argmax(-1).unflatten(1, grid)))

    def forward(self, views: Views) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        with torch.no_grad():
            wanted = self.tokenizer.encode(views.image).flatten(1)
        latents = self.titok.latents(views.image).float()
        if self.training:
            found = latents.detach()
            update_codebook(self.titok.codebook, self.counts, self.sums, found.flatten(0, 1),
                   lambda: self.titok.quantize(found)[1].flatten(), alive=ALIVE, revived=REVIVED)
        chosen, codes = self.titok.quantize(latents)
        logits = self.titok.predict(straight_through(latents, chosen)).float()
        losses = {"reconstruction": code_loss(logits, wanted), "codebook": codebook_loss(latents, chosen)}
        if "koleo" in self.config.weights:
            losses["koleo"] = koleo_loss(latents.transpose(0, 1))  # what one token says of one photo and of another
        used = F.one_hot(codes.flatten(), self.titok.config.num_codes).float()
        metrics = {"code_perplexity": perplexity(used), "live_codes": (self.counts >= ALIVE).float().mean(),
                   "right_codes": (logits.detach().argmax(-1) == wanted).float().mean()}
        return {name: loss for name, loss in losses.items() if name in self.loss_weights}, metrics


def architecture(sizes: BaselineConfig, *, num_pixel_codes: int) -> TiTokConfig:
    return TiTokConfig(native_size=sizes.native_size, patch_size=sizes.patch_size, num_tokens=sizes.num_tokens,
                       code_width=sizes.code_width, num_codes=sizes.num_codes, num_pixel_codes=num_pixel_codes,
                       encoder=TransformerConfig(**asdict(sizes.encoder)),
                       decoder=TransformerConfig(**asdict(sizes.decoder)))
