"""What of a photo's factorization moves with the photo and what stays, for a model and for a peer without tokens."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from stellar_explorer.analysis import display_name
from stellar_explorer.equivariance.changes import CHANGES, Change, changed
from stellar_explorer.explorer import Explorer
from stellar_explorer.kept.cache import ByteBoundedCache
from stellar_explorer.kept.flights import Flights
from stellar_explorer.kept.photos import KeptPhoto
from stellar_explorer.photo import MIN_RESOLUTION, fit
from stellar_explorer.reconstruct.baselines import without_folders
from stellar_explorer.server.request import shown
from stellar_explorer.views.palette import palette

if TYPE_CHECKING:
    from torch import Tensor

    from model.backbones import Backbone
    from model.factorization import Factorization
    from model.operations.equivariance import Comparison
    from model.stellar import Stellar

RESOLUTION = MIN_RESOLUTION  # a drag asks for an encode a step
ENCODES_BYTES, ANSWERS_BYTES = 32 * 2**20, 8 * 2**20
ANSWER_BYTES = 48 * 1024  # of one subject's numbers and maps, generously
STELLAR, STEM, OWN = "stellar", "stem", "own"
CLUSTERED = "K-means with {tokens} centroids a photo stands in for concepts."
PEERS = {
    STEM: ("{stem}", "The convolutional network frozen inside {model}: patch features of strides 16 and 32, trained "
                     f"on ImageNet's labels, no tokens. {CLUSTERED}"),
    OWN: ("Its own patches", f"{{model}}'s own patch features X, its tokens taken away. {CLUSTERED}"),
}
NAMED = "{features}. {clustered}"
OWN_CONCEPTS = "Another STELLAR, with concepts of its own."
STEM_NAMES = {"tf_efficientnet_lite0": "EfficientNet-Lite0"}


class Equivariance:
    """Answers for one photo, change and amount. Encodes and answers are kept up to a number of bytes.

    given: names of model/peers with a file of each, or None for what the hub's cache has.
    """

    def __init__(self, explorer: Explorer, given: Mapping[str, str | None] | None = None) -> None:
        self.explorer = explorer
        self.given = dict(given or {})
        self._network: tuple[str, Backbone | Stellar] | None = None  # one at a time: the largest takes 2.5 GB
        self._look = explorer.one_at_a_time(self._factorize)
        self._encodes: ByteBoundedCache[Factorization] = ByteBoundedCache(ENCODES_BYTES)
        self._answers: ByteBoundedCache[dict[str, Any]] = ByteBoundedCache(ANSWERS_BYTES)
        self._flights = Flights()  # who asks for the same again meanwhile finds it answered

    def answer(self, photo: KeptPhoto, *, model: str | None = None, change: str = "shift", amount: int = 0,
               peer: str | None = None) -> dict[str, Any]:
        """What web/equivariance/equivariance.js draws: the photo, and the numbers and maps of the model and of its
        peer.

        ValueError, one sentence, for what is not offered.
        """
        model = self.explorer.models[0] if model is None else model
        asked, amount = change_of(change, amount)
        offered = self.peers(model)
        peer = next(iter(offered)) if peer is None else peer
        if not isinstance(peer, str) or peer not in offered:
            raise ValueError(f"There is no peer {shown(peer)} for {display_name(model)}; choose "
                             f"{', '.join(offered)}.")
        with self._flights.alone((photo.token, model)):
            subjects = [self._subject(photo, model, asked, amount, name) for name in (STELLAR, peer)]
        return {
            "photo": {"token": photo.token, "address": f"stellar/photos/{photo.token}.jpg", "name": photo.name,
                      "alt": photo.alt, "example": photo.example},
            "model": model, "label": display_name(model), "change": change, "amount": amount, "peer": peer,
            "peers": [{"value": name, "label": label, "note": note} for name, (label, note) in offered.items()],
            "subjects": subjects,
        }

    def peers(self, model: str) -> dict[str, tuple[str, str]]:
        """By name, label and note of what a model can be compared with; nothing of it has to be downloaded."""
        stellar = self.explorer.stellar(model)
        stem = stellar.config.stem
        words = {"stem": STEM_NAMES.get(stem, stem), "model": display_name(model), "tokens": stellar.num_tokens}
        own = {name: tuple(text.format(**words) for text in texts) for name, texts in PEERS.items()
               if name != STEM or stem is not None}
        return own | {name: (label, note.format(**words)) for name, (label, note) in self._named.items()
                      if name not in self.explorer.models[:1]}

    @cached_property
    def _named(self) -> dict[str, tuple[str, str]]:
        """Of the slides' systems those that were given, and those whose weights are on this machine."""
        from model.peers import loading, table

        return {name: (peer.system, OWN_CONCEPTS if name.startswith(STELLAR) else
                       NAMED.format(features=peer.features[0].upper() + peer.features[1:], clustered=CLUSTERED))
                for name, peer in table.PEERS.items() if name in self.given or loading.is_at_hand(name)}

    def _subject(self, photo: KeptPhoto, model: str, change: Change, amount: int, name: str) -> dict[str, Any]:
        key = (photo.token, model, change.name, amount, name)
        facts = self._answers.get(key)
        if facts is None:
            before, after = (self._encoded(photo, model, change, step, name) for step in (0, amount))
            motion = change.motion(self._size(before, model, name), amount)
            facts = {"name": name, **subject_facts(before, after, motion)}
            if name != STELLAR:
                facts["clustered"] = not self._has_concepts(name)
                facts["restarted"] = rounded(self._restarted(before)) if facts["clustered"] else None
            self._answers.put(key, facts, ANSWER_BYTES)
        return facts

    def _size(self, factorization: Factorization, model: str, name: str) -> tuple[int, int]:
        patch_size = self._patch_size(model, name)
        return tuple(side * patch_size for side in factorization.patch_grid)

    def _patch_size(self, model: str, name: str) -> int:
        if name not in self._named:
            return self.explorer.stellar(model).patch_size
        network = self._peer(name)
        return network.patch_size if self._has_concepts(name) else network.stride

    def _has_concepts(self, name: str) -> bool:
        return name == STELLAR or name in self._named and hasattr(self._peer(name), "factorize")

    def _peer(self, name: str) -> Backbone | Stellar:
        """Loaded at the first call. ValueError, one sentence, for weights that cannot be used."""
        kept = self._network
        if kept is None or kept[0] != name:
            from model.backbones import Backbone
            from model.checkpoints.checkpoint import PUBLISHED
            from model.stellar import Stellar

            file, device = self.given.get(name), self.explorer.stellar(self.explorer.models[0]).device
            try:
                network = (Stellar.load(file or name, device=device, dtype="float32",
                                        num_heads=PUBLISHED[name].num_heads) if name in PUBLISHED
                           else Backbone(name, weights=file).to(device))
            except ValueError as error:
                raise ValueError(without_folders(str(error))) from error
            kept = self._network = (name, network)
        return kept[1]

    def _encoded(self, photo: KeptPhoto, model: str, change: Change, amount: int, name: str) -> Factorization:
        """One photo as one of the subjects sees it; of a peer, its clusters in the place of concepts."""
        # Nothing is the same whatever was not done.
        key = (photo.token, model, change.name if amount else None, amount, name)
        found = self._encodes.get(key)
        if found is None:
            if name == OWN:
                found = self._clustered(photo, model, self._encoded(photo, model, change, amount, STELLAR), amount)
            else:
                image = self._image(photo, self._patch_size(model, name), change, amount)
                found = self._look(model, image[None], name)
                if name != STELLAR and not self._has_concepts(name):
                    found = self._clustered(photo, model, found, amount)
            self._encodes.put(key, found, nbytes_of(found))
        return found

    def _image(self, photo: KeptPhoto, patch_size: int, change: Change, amount: int) -> Tensor:
        with self.explorer.opened(photo) as opened:
            image = fit(opened, resolution=RESOLUTION, patch_size=patch_size)[0]
            return changed(opened, image, change, amount)

    def _factorize(self, model: str, images: Tensor, name: str) -> Factorization:
        """On the model's device. Of a network without tokens, its patch features alone: one token that is their mean,
        everywhere."""
        import torch

        from model.factorization import Factorization

        stellar = self._peer(name) if name in self._named else self.explorer.stellar(model)
        if self._has_concepts(name):
            return stellar.factorize(images).to("cpu")
        if name == STEM:
            with torch.no_grad():
                maps = stellar.encoder.embedding.stem_maps(images.to(stellar.device, stellar.dtype))
            features = torch.cat([maps["16"], maps["32"]], dim=1).float().cpu()
        else:
            features = stellar.features(images.to(stellar.mean.device)).cpu()
        patches = features.flatten(2).mT
        mean = patches.mean(dim=1)
        return Factorization(mean[:, None], torch.ones(*patches.shape[:2], 1), patches, mean, tuple(features.shape[2:]))

    def _clustered(self, photo: KeptPhoto, model: str, features: Factorization, amount: int) -> Factorization:
        """Clusters of the photo as it was stand in the order of the concepts that they share most patches with, so that
        the two are drawn in like colours; the order changes no number.
        """
        from scipy.optimize import linear_sum_assignment
        from torch.nn.functional import interpolate

        from model.operations.kmeans import factorize_by_kmeans

        stellar = self.explorer.stellar(model)
        clustered = factorize_by_kmeans(features.patch_features, features.patch_grid,
                                          num_centroids=stellar.num_tokens)
        if amount:
            return clustered
        concepts = self._encoded(photo, model, CHANGES["shift"], 0, STELLAR)
        maps = concepts.localization[0].T.unflatten(1, concepts.patch_grid)
        maps = interpolate(maps[None], clustered.patch_grid)[0]  # a peer's patches may be of another size
        shared = maps.flatten(1) @ clustered.localization[0]
        order = linear_sum_assignment(shared.numpy(), maximize=True)[1]
        return reordered(clustered, order.tolist())

    def _restarted(self, before: Factorization) -> float:
        """The cosine by mass of K-means with K-means that began elsewhere, the photo unmoved: its own whim."""
        from model.operations.equivariance import pair
        from model.operations.kmeans import factorize_by_kmeans
        from model.operations.motion import still

        again = factorize_by_kmeans(before.patch_features, before.patch_grid, num_centroids=before.num_tokens, seed=1)
        return pair(before, again, still()).cosine_by_mass


def change_of(name: str, amount: Any) -> tuple[Change, int]:
    """ValueError, one sentence, for a change that is not offered and an amount that is none of its steps."""
    change = CHANGES.get(name) if isinstance(name, str) else None
    if change is None:
        raise ValueError(f"There is no change {shown(name)}; choose {', '.join(CHANGES)}.")
    if type(amount) is not int or amount not in change.amounts:
        raise ValueError(f"The amount of a {name} is one of {', '.join(map(str, change.amounts))}, found "
                         f"{shown(amount)}.")
    return change, int(amount)


def subject_facts(before: Factorization, after: Factorization, motion: Tensor) -> dict[str, Any]:
    """Numbers, rounded, None where there is none; maps as bytes in base 64, (K, N) each."""
    from model.operations.equivariance import pair, predicted_share
    from model.operations.motion import move_patches

    found = pair(before, after, motion)
    features, features_after = before.patch_features[0], after.patch_features[0]
    moved_features, _ = move_patches(features, before.patch_grid, motion)
    low_rank, low_rank_after = before.low_rank[0], after.low_rank[0]
    predicted = {
        "localization": predicted_share(found.localization, found.predicted, found.changed_localization, found.visible),
        "low_rank": predicted_share(low_rank, found.predicted @ found.semantics, low_rank_after, found.visible),
        "patch_features": predicted_share(features, moved_features, features_after, found.visible),
    }
    return {
        "patch_grid": list(before.patch_grid), "num_tokens": before.num_tokens,
        "palette": ["#" + bytes(colour).hex() for colour in palette(before.num_tokens)],
        "cosine": [rounded(value) for value in found.cosine.tolist()],
        "nearest": [rounded(value) for value in nearest_other(found).tolist()],
        "weight": [rounded(value) for value in found.weight.tolist()],
        "cosine_by_mass": rounded(found.cosine_by_mass),
        "shares": [rounded(value) for value in found.partition.shares()],
        "norms": [rounded(value) for value in found.partition.relative_norms()],
        "localization_cosine": rounded(found.localization_cosine), "resting_cosine": rounded(found.resting_cosine),
        "predicted": {name: rounded(value) for name, value in predicted.items()},
        "visible": rounded(found.visible.float().mean().item()),
        "maps": dict(maps_of(found)),
    }


def nearest_other(found: Comparison) -> np.ndarray:
    """(K,): of each token before, its cosine with the most alike other token: what staying itself has to beat."""
    directions = found.semantics.numpy()
    directions = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
    cosine = directions @ directions.T
    np.fill_diagonal(cosine, -1)
    return cosine.max(axis=1)


def maps_of(found: Comparison) -> Iterator[tuple[str, Any]]:
    """Localization in 255ths of each token's largest share anywhere in the three."""
    maps = {"before": found.localization, "predicted": found.predicted, "found": found.changed_localization}
    peak = np.maximum(np.max([values.numpy().max(axis=0) for values in maps.values()], axis=0), 1e-12)
    for name, values in maps.items():
        codes = np.rint(255 * values.numpy() / peak).clip(0, 255).astype(np.uint8).T
        yield name, base64.b64encode(codes.tobytes()).decode()
    yield "peak", [round(float(value), 6) for value in peak]


def reordered(factorization: Factorization, order: list[int]) -> Factorization:
    """The same with its tokens in another order."""
    return replace(factorization, semantics=factorization.semantics[:, order],
                   localization=factorization.localization[..., order])


def nbytes_of(factorization: Factorization) -> int:
    tensors = (factorization.semantics, factorization.localization, factorization.patch_features)
    return sum(tensor.nbytes for tensor in tensors)


def rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
