"""StellarLearner: a STELLAR with its training heads; a step's views in, named losses out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from model.concept_head import mean_under_masks
from model.factorization import Factorization
from model.stellar import Stellar
from train.config import TrainConfig
from train.data.photos import Batch
from train.data.views import Colours
from train.learners.masking import kept_patches
from train.learners.matching import match
from train.learners.pictures import factorized
from train.learners.prototypes import Prototypes, perplexity
from train.learners.sinkhorn import assign
from train.learners.start_teacher import StartTeacher
from train.objective.clustering import clustering_loss
from train.objective.distillation import distillation_loss
from train.objective.granularity import group_balance_loss, group_low_rank
from train.objective.koleo import koleo_loss
from train.objective.localization import localization_loss
from train.objective.low_rank import low_rank_loss
from train.objective.reconstruction import code_loss, pixel_loss
from train.objective.relation import START_SCALE, relation_loss
from train.objective.set_alignment import set_alignment_loss
from train.objective.sharpness import sharpness_loss
from train.objective.simplicity import simplicity_loss
from train.objective.summary_alignment import summary_alignment_loss

# The low-rank features predict the teachers too, at this share of the weight that the patch features have.
LOW_RANK_SHARE = 0.25


@dataclass(frozen=True)
class Views:
    """A step's input on the device, pictures in 0..1.

    image (B, 3, S, S); masked (B, V, 3, S, S), colours changed, of which each view keeps the patches `kept` (B, V, M);
    local (B, C, 3, s, s); targets: a (B, N, d) a teacher, summaries a (B, d). V or C can be 0. `progress` is the share
    of the run's steps that are behind, 0..1.
    """

    image: Tensor
    masked: Tensor
    kept: Tensor
    local: Tensor
    targets: tuple[Tensor, ...]
    summaries: tuple[Tensor, ...]
    progress: float = 1.0


def make_views(batch: Batch, colours: Colours, *, patch_size: int, mask_ratio: float, progress: float = 1.0) -> Views:
    """A batch that is on its device -> Views. Colours and masks draw from torch's generator."""
    rows, cols = (side // patch_size for side in batch.clean.shape[-2:])
    photos, num_masked = batch.masked.shape[:2]
    kept = kept_patches(photos * num_masked, (rows, cols), mask_ratio=mask_ratio, device=batch.clean.device)
    return Views(
        image=batch.clean,
        masked=colours(batch.masked) if num_masked else batch.masked,
        kept=kept.unflatten(0, (photos, num_masked)) if num_masked else kept.new_empty(photos, 0, kept.shape[1]),
        local=colours(batch.local) if batch.local.shape[1] else batch.local,
        targets=batch.targets,
        summaries=batch.summaries,
        progress=progress,
    )


class StellarLearner(nn.Module):
    """The whole objective over one batch. What a recipe leaves out is neither built nor computed.

    forward(Views) -> (losses, metrics): unweighted scalars by the recipe's names, and figures worth a curve.
    """

    def __init__(self, stellar: Stellar, config: TrainConfig, start_teacher: StartTeacher | None = None,
                 guide: Stellar | None = None) -> None:
        super().__init__()
        self.config, self.weights = config, frozenset(config.weights)
        self.stellar = stellar.train()
        width, settings = stellar.config.width, config.prototypes
        sizes = {"num_prototypes": settings.num_prototypes, "prototype_width": settings.prototype_width,
                 "predictor_width": settings.predictor_width}
        self.prototypes = Prototypes(width, **sizes) if "clustering" in self.weights else None
        self.summary_prototypes = Prototypes(width, **sizes) if "summary_clustering" in self.weights else None
        self.start_teacher, self.guide = start_teacher, guide
        taught = config.teachers if "distillation" in self.weights else ()
        self.teaching = nn.ModuleList(nn.Linear(width, teacher.width) for teacher in taught)
        self.summary_teaching = nn.ModuleDict({str(i): nn.Linear(width, teacher.summary_width)
                                               for i, teacher in enumerate(taught) if teacher.summary_weight})

        # Of its logarithm: a scale stays above 0 whatever a step does.
        self.relation_scale = nn.Parameter(torch.tensor(START_SCALE).log()) if "relation" in self.weights else None

    @property
    def exported(self) -> Stellar:
        """What a run is for."""
        return self.stellar

    @property
    def loss_weights(self) -> dict[str, float]:
        return self.config.weights

    def train(self, mode: bool = True) -> StellarLearner:
        super().train(mode)
        for frozen in (self.stellar.tokenizer, self.guide):
            if frozen is not None:
                frozen.eval().requires_grad_(False)
        return self

    def forward(self, views: Views) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        factorization, before_join = self.factorize(views.image)
        losses = self.factorization_losses(factorization, self.targets(before_join, views.targets), views)
        metrics = {
            "mass_entropy": torch.special.entr(factorization.mass.detach().float()).sum(-1).mean(),
            "heaviest_mass": factorization.mass.detach().amax(-1).mean(),
            "rarest_mass": factorization.mass.detach().mean(0).min(),
            "explained_variance": 1 - low_rank_loss(factorization.patch_features.detach(),
                                                    factorization.low_rank.detach()),
        }
        if "reconstruction" in self.weights:
            losses["reconstruction"] = self.reconstruction(factorization, views.image)

        assignments = summary_assignments = None
        settings = self.config.prototypes
        if self.prototypes is not None:
            logits = self.prototypes(factorization.semantics)
            assignments = assign(logits.detach().flatten(0, 1), temperature=settings.assignment_temperature,
                                 rounds=settings.rounds).view_as(logits)
            losses["clustering"] = clustering_loss(logits, assignments, temperature=settings.prediction_temperature)
            metrics["prototype_perplexity"] = perplexity(assignments.flatten(0, 1))
        if self.summary_prototypes is not None:
            logits = self.summary_prototypes(factorization.summary)
            summary_assignments = assign(logits.detach(), temperature=settings.assignment_temperature,
                                         rounds=settings.rounds)
            losses["summary_clustering"] = clustering_loss(logits, summary_assignments,
                                                           temperature=settings.prediction_temperature)
        if views.masked.shape[1]:
            self.masked_losses(views, factorization.semantics.detach(), assignments, summary_assignments, losses)
        if views.local.shape[1] and "summary_alignment" in self.weights:
            summaries = self.stellar.encoder(views.local.flatten(0, 1)).summary
            aligned = self.summary_alignment(summaries.unflatten(0, views.local.shape[:2]), summary_assignments)
            losses["summary_alignment"] = losses.get("summary_alignment", 0) + aligned
        return losses, metrics

    def sheet(self, images: Tensor) -> Tensor:
        """Photo, feature maps, concept maps and reconstruction: uint8 (3, height, width)."""
        factorization = self.stellar(images)
        decoded = self.stellar.decode(factorization) if self.stellar.decoder is not None else None
        groups = self.config.token_groups if "granularity" in self.weights else ()
        return factorized(images, factorization, decoded, groups)

    def factorize(self, image: Tensor) -> tuple[Factorization, Tensor]:
        """(B, 3, H, W) in 0..1 -> its factorization, and the encoder's `before_join`."""
        encoder = self.stellar.encoder
        before_join = encoder.before_join(image)
        stem = encoder.stem_features(image)
        encoded = encoder.encode(encoder.with_stem(before_join, stem), stem)
        return self.stellar.factorization(encoded, image), before_join

    def factorization_losses(self, factorization: Factorization, targets: tuple[Tensor, ...],
                             views: Views) -> dict[str, Tensor]:
        """Those of the clean view alone; `targets` is a (B, N, d) for each teacher."""
        losses = {}
        if "koleo" in self.weights:
            losses["koleo"] = koleo_loss(factorization.semantics)
        features = factorization.patch_features
        if "low_rank" in self.weights:
            # L S follows X: were X to follow L S as fast, it would become as simple as sixteen tokens can rebuild.
            losses["low_rank"] = low_rank_loss(features.detach(), factorization.low_rank)
        if "simplicity" in self.weights:
            begun = views.progress >= self.config.simplicity_from
            losses["simplicity"] = simplicity_loss(features if begun else features.detach(), factorization.low_rank,
                                                   self.config.explained)
        if "distillation" in self.weights:
            patches = self.distillation((features,), targets)
            patches = patches + LOW_RANK_SHARE * self.distillation((factorization.low_rank,), targets)
            losses["distillation"] = patches + self.summary_distillation(factorization.summary, views.summaries)
        groups = self.config.token_groups
        if "granularity" in self.weights:
            parts = tuple(group_low_rank(factorization, groups))
            # X stays as it is: two tokens hold less than sixteen, and it must not become as simple as they are.
            loss = sum(low_rank_loss(features.detach(), part) for part in parts) / len(parts)
            if "distillation" in self.weights:
                loss = loss + self.distillation(parts, targets)
            losses["granularity"] = loss + group_balance_loss(factorization.localization, groups,
                                                              self.config.group_shares)
        if "sharpness" in self.weights:
            losses["sharpness"] = sharpness_loss(factorization.localization, groups)
        if "relation" in self.weights:
            losses["relation"] = self.relation(factorization, targets[0])
        if self.guide is not None:
            with torch.no_grad():
                guide = self.guide(views.image)
            if "localization" in self.weights:
                losses["localization"] = localization_loss(factorization.localization, guide.localization, groups)
            if "summary" in self.weights:
                losses["summary"] = distillation_loss(factorization.summary, guide.summary)
        return losses

    def relation(self, factorization: Factorization, target: Tensor) -> Tensor:
        """Concepts against the mean of the first teacher's features, (B, N, d), under their masks."""
        present = factorization.present
        pooled = mean_under_masks(target.float(), factorization.localization.detach())
        photos = torch.arange(len(present), device=present.device)[:, None].expand_as(present)
        concepts = self.stellar.concepts(with_gradient(factorization, self.concept_gradient))
        return relation_loss(concepts[present], pooled[present], photos[present], scale=self.relation_scale.exp(),
                             temperature=self.config.relation_temperature)

    @property
    def concept_gradient(self) -> float:
        """The share of the relation loss' gradient that reaches the factorization."""
        return 1.0 if self.stellar.concept_head is None else self.config.relation_share

    def targets(self, before_join: Tensor, of_timm: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Those of timm's models and, where the recipe has it, the start's: a (B, N, d) for each of its teachers."""
        return of_timm if self.start_teacher is None else (*of_timm, self.start_teacher(before_join))

    def distillation(self, features: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Several (B, N, D) against every teacher's (B, N, d): the weighted sum over teachers of the mean loss."""
        return sum(
            teacher.weight * sum(distillation_loss(head(feature), target) for feature in features) / len(features)
            for teacher, head, target in zip(self.config.teachers, self.teaching, targets, strict=True))

    def summary_distillation(self, summary: Tensor, targets: tuple[Tensor, ...]) -> Tensor:
        """(B, D) against each teacher's feature of the whole photo, (B, d)."""
        return sum((self.config.teachers[int(i)].summary_weight * distillation_loss(head(summary), targets[int(i)])
                    for i, head in self.summary_teaching.items()), start=summary.new_zeros(()))

    def reconstruction(self, factorization: Factorization, image: Tensor) -> Tensor:
        decoder, tokenizer = self.stellar.decoder, self.stellar.tokenizer
        if self.config.reconstruction_reaches == "semantics":
            factorization = replace(factorization, localization=factorization.localization.detach())
        predicted = decoder(factorization.low_rank, factorization.patch_grid)
        if tokenizer is None:
            return pixel_loss(predicted, image)
        with torch.no_grad():
            rows, cols = factorization.patch_grid
            size = (rows * tokenizer.config.stride, cols * tokenizer.config.stride)
            if size != tuple(image.shape[-2:]):  # a patch of 14 predicts the code of 16 pixels
                image = F.interpolate(image, size=size, mode="bicubic", align_corners=False).clamp(0, 1)
            codes = tokenizer.encode(image)
        return code_loss(predicted, codes.flatten(1))

    def masked_losses(self, views: Views, clean: Tensor, assignments: Tensor | None,
                      summary_assignments: Tensor | None, losses: dict[str, Tensor]) -> None:
        """Adds the masked views' parts of set alignment, summary alignment and KoLeo."""
        photos, num_masked = views.masked.shape[:2]
        visible = self.stellar.encoder.embed_some(views.masked.flatten(0, 1), views.kept.flatten(0, 1))
        encoded = self.stellar.encoder.encode(visible)
        semantics = encoded.semantics.unflatten(0, (photos, num_masked))
        if "koleo" in losses:
            losses["koleo"] = losses["koleo"] + koleo_loss(encoded.semantics)
        if "set_alignment" in self.weights:
            matches = match(semantics.detach(), clean)
            # View by view, and each view's logits are computed again for its gradient: memory holds one view's.
            per_view = [checkpoint(self.set_alignment, semantics[:, view], assignments, matches[:, view],
                                   use_reentrant=False) for view in range(num_masked)]
            losses["set_alignment"] = torch.stack(per_view).mean()
        if "summary_alignment" in self.weights:
            losses["summary_alignment"] = self.summary_alignment(encoded.summary.unflatten(0, (photos, num_masked)),
                                                                 summary_assignments)

    def set_alignment(self, semantics: Tensor, assignments: Tensor, matches: Tensor) -> Tensor:
        return set_alignment_loss(self.prototypes(semantics), assignments, matches,
                                  temperature=self.config.prototypes.prediction_temperature)

    def summary_alignment(self, summaries: Tensor, assignments: Tensor) -> Tensor:
        return summary_alignment_loss(self.summary_prototypes(summaries), assignments,
                                      temperature=self.config.prototypes.prediction_temperature)


def with_gradient(factorization: Factorization, share: float) -> Factorization:
    """The same numbers, of whose gradient `share`, 0..1, goes on to what the factorization came from."""
    def scaled(part: Tensor) -> Tensor:
        return part if share == 1 else share * part + (1 - share) * part.detach()

    return replace(factorization, **{name: scaled(getattr(factorization, name)) for name in
                                     ("semantics", "localization", "patch_features", "summary")})
