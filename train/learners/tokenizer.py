"""TokenizerLearner: a narrow MaskGIT-VQGAN, trained on pixels, codes, a frozen stem's features and a critic."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor, nn
from torch.func import functional_call

from model.encoder import STEM_MEAN, STEM_STD, normalise
from model.tokenizer import Tokenizer
from train.config import RecipeError, TrainConfig
from train.learners.ema_codebook import update_codebook
from train.learners.patch_components import principal_components
from train.learners.pictures import beside
from train.learners.prototypes import perplexity
from train.learners.stellar import Views
from train.objective.seams import seam_loss
from train.objective.vector_quantization import codebook_loss, straight_through

# A code whose moving average of patches a step is below this is dead, and is set to some
# patch's encoding.
ALIVE = 0.03
FITTED_PATCHES = 200_000  # that the codes are first fitted to


class Critic(nn.Module):
    """Real or decoded? Judged patch by patch on the frozen stem's features, a small head a stride.

    Source: Projected GANs (Sauer et al. 2021): the features are there already for the perceptual loss.
    """

    def __init__(self, channels: list[int], width: int = 64) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Sequential(nn.Conv2d(count, width, 3, padding=1), nn.LeakyReLU(0.2),
                                                 nn.Conv2d(width, 1, 1)) for count in channels)

    def forward(self, features: list[Tensor]) -> Tensor:
        """-> (M,) scores of all patches at all strides; positive means real."""
        return torch.cat([head(feature).flatten() for head, feature in zip(self.heads, features, strict=True)])


class TokenizerLearner(nn.Module):
    """forward(Views) -> (losses, metrics), as `registry.Learner`'s. Only the clean view is used.

    The critic learns in the same step as the tokenizer: its own loss sees decoded pictures detached, and the
    tokenizer's sees the critic's weights detached, so one backward pass serves both.
    """

    def __init__(self, tokenizer: Tokenizer, stem: nn.Module, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer.requires_grad_(True)
        # The principal components that it starts as: codes are then fixed while the decoder learns them.
        tokenizer.encoder.requires_grad_(not tokenizer.config.linear_encoder)
        # Those of another run may be what a STELLAR's decoder has learnt to predict: they stay what they mean.
        self.codes_are_fixed = tokenizer.config.linear_encoder and config.init is not None
        self.stem = stem.eval().requires_grad_(False)
        self.critic = Critic(stem.feature_info.channels()) if "adversarial" in config.weights else None
        num_codes, code_width = tokenizer.config.num_codes, tokenizer.config.code_width
        tokenizer.codebook.requires_grad_(False)  # its moving averages move it
        self.register_buffer("counts", torch.zeros(num_codes))  # patches a step; all dead: the first step sets them
        self.register_buffer("sums", torch.zeros(num_codes, code_width))

    def load_weights(self, tokenizer: Tokenizer) -> None:
        """Another tokenizer's weights, its codes alive."""
        if tokenizer.config != self.tokenizer.config:
            raise RecipeError(f"--init names a tokenizer of another architecture: {tokenizer.config}")
        self.tokenizer.load_state_dict(tokenizer.state_dict())
        self.counts.fill_(1.0)
        self.sums.copy_(self.tokenizer.codebook)

    @torch.no_grad()
    def initialize_from_patches(self, images: list[Tensor]) -> None:
        """(1, 3, H, W) photos in 0..1: the linear path starts as the principal components of their patches, the codes
        as K-means of those, the convolutions at zero: a run begins where classical vector quantization ends.

        A decoded square reaches half a code beyond its own pixels, under a window whose shifted copies sum to one, so
        plain colours blend as by bilinear interpolation.
        """
        encoder, decoder = self.tokenizer.encoder, self.tokenizer.decoder
        stride = self.tokenizer.config.stride
        patches = torch.cat([F.unfold(image, stride, stride=stride)[0].mT for image in images])
        mean, components = principal_components(patches, self.tokenizer.config.code_width)
        shape = (3, stride, stride)
        encoder.linear.weight[: len(components)] = components.unflatten(1, shape)
        encoder.linear.bias.copy_(-(encoder.linear.weight.flatten(1) @ mean))
        ramp = (torch.arange(stride) + 0.5) / stride
        window = torch.cat([ramp, ramp.flip(0)])
        wide = F.pad(components.unflatten(1, shape), [stride // 2] * 4, mode="replicate")
        decoder.linear.weight[: len(components)] = wide * window * window[:, None]
        decoder.linear.bias.copy_(mean.unflatten(0, shape).mean(dim=(1, 2)))
        for part in [decoder.conv_out, *([] if self.tokenizer.config.linear_encoder else [encoder.conv_out])]:
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)
        found = ((patches - mean) @ components.T)[: FITTED_PATCHES].numpy()
        num_codes = self.tokenizer.config.num_codes
        if len(found) < num_codes:  # then the first steps' patches become codes
            return
        means = MiniBatchKMeans(num_codes, n_init=1, batch_size=4 * num_codes, random_state=self.config.seed)
        centres = torch.from_numpy(means.fit(found).cluster_centers_).to(self.sums)
        self.tokenizer.codebook[:, : centres.shape[1]] = centres
        self.sums.copy_(self.tokenizer.codebook)
        self.counts.fill_(1.0)

    @property
    def exported(self) -> Tokenizer:
        return self.tokenizer

    @property
    def loss_weights(self) -> dict[str, float]:
        """The critic learns at full weight: how much its opinion counts is the adversarial loss's weight."""
        return {**self.config.weights, "critic": 1.0}

    def train(self, mode: bool = True) -> TokenizerLearner:
        super().train(mode)
        self.stem.eval()
        return self

    def sheet(self, images: Tensor) -> Tensor:
        """The photos, and what comes back through the codes."""
        return beside(images, self.tokenizer.decode(self.tokenizer.encode(images)))

    def features(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in 0..1 -> the stem's stages, each of unit variance over its channels."""
        seen = normalise(image, STEM_MEAN, STEM_STD).contiguous(memory_format=torch.channels_last)
        return [F.layer_norm(stage.movedim(1, -1).float(), stage.shape[1:2]).movedim(-1, 1)
                for stage in self.stem(seen)]

    def forward(self, views: Views) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        image, weights = views.image, self.config.weights
        hidden = self.tokenizer.encoder(image).float()
        if self.training and not self.codes_are_fixed:
            self.update_codebook(hidden.detach())
        codes = self.tokenizer.quantize(hidden.detach())
        chosen = F.embedding(codes, self.tokenizer.codebook).movedim(-1, 1)
        decoded = self.tokenizer.decoder(straight_through(hidden, chosen)).float()

        losses = {"reconstruction": F.l1_loss(decoded, image), "codebook": codebook_loss(hidden, chosen)}
        if "seams" in weights:
            losses["seams"] = seam_loss(decoded, image, stride=self.tokenizer.config.stride)
        if "perceptual" in weights or "adversarial" in weights:
            with torch.no_grad():
                real = self.features(image)
            fake = self.features(decoded)
            losses["perceptual"] = sum(F.l1_loss(ours, theirs) for ours, theirs in zip(fake, real, strict=True))
        if "adversarial" in weights:
            frozen = {name: parameter.detach() for name, parameter in self.critic.named_parameters()}
            losses["adversarial"] = -functional_call(self.critic, frozen, (fake,)).mean()
            losses["critic"] = (F.relu(1 - self.critic(real)).mean()
                                + F.relu(1 + self.critic([stage.detach() for stage in fake])).mean())
        used = F.one_hot(codes.flatten(), self.tokenizer.config.num_codes).float()
        metrics = {"code_perplexity": perplexity(used), "live_codes": (self.counts >= ALIVE).float().mean(),
                   "psnr": -10 * F.mse_loss(decoded.detach().clamp(0, 1), image).log10()}
        return {name: loss for name, loss in losses.items() if name in self.loss_weights}, metrics

    def update_codebook(self, hidden: Tensor) -> None:
        """(B, code_width, h, w) encoded: the codes move towards it."""
        update_codebook(self.tokenizer.codebook, self.counts, self.sums, hidden.movedim(1, -1).flatten(0, -2),
               lambda: self.tokenizer.quantize(hidden).flatten(), alive=ALIVE)
