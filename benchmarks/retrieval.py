"""How often photos of the same label find each other, on a labelled folder (a folder a class): one Markdown table.

    python -m benchmarks.retrieval FOLDER --peer tf_efficientnet_lite0=tf_efficientnet_lite0.safetensors

The photos are indexed first, in a folder that is gone afterwards or in one that a second run takes up (--index). Every
photo asks for all others by cosine. Mean average precision at 20: of a query with R other photos of its label,
the precision at the rank of each of them among the first 20, summed, over min(R, 20); the mean over all queries.
`centred`: the same with the collection's mean vector taken off first, which an index does not do. Last, of the ten
concepts of other photos that are nearest to a query's heaviest: the share that is of the same token, a photo once, and
what chance would give, the same token's share of all the concepts of those photos.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from index.build.building import build
from index.build.decoding import decoded_ahead
from index.concept_index import ConceptIndex
from index.query.sets import set_score
from model.backbones import Backbone
from model.peers.table import PEERS
from photos.sources.open import open_source
from photos.sources.source import BadPhoto, Source, SourcePhoto

AT = 20
HITS = 10
PEER_MULTIPLE = 32  # of a network of stages; a ViT's patches of 14 get the photo resized once more


def average_precision(scores: np.ndarray, relevant: np.ndarray, at: int = AT) -> float:
    """(N,), (N,) bool: of one query, its own place left out by the caller. Ties keep the order of the photos."""
    ranked = relevant[np.argsort(-scores, kind="stable")[:at]]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float((precision * ranked).sum() / min(relevant.sum(), at))


def mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """(N, N) scores, a row a query; queries without another photo of their label are left out."""
    others = ~np.eye(len(labels), dtype=bool)
    same = labels[:, None] == labels[None]
    return float(np.mean([average_precision(scores[query, others[query]], same[query, others[query]])
                          for query in range(len(labels)) if same[query, others[query]].any()]))


def by_vector(vectors: np.ndarray) -> np.ndarray:
    """(N, D) -> (N, N)."""
    vectors = unit(vectors)
    return vectors @ vectors.T


def by_heaviest(photos: list[np.ndarray], masses: list[np.ndarray]) -> np.ndarray:
    """A photo scores by its concept that is nearest to the query's heaviest."""
    heaviest = np.stack([vectors[mass.argmax()] for vectors, mass in zip(photos, masses, strict=True)])
    return np.stack([(heaviest @ vectors.T).max(axis=1) for vectors in photos], axis=1)


def same_token_hits(
    photos: list[np.ndarray], masses: list[np.ndarray], tokens: list[np.ndarray], at: int = HITS
) -> tuple[float, float]:
    """Of the photos that are found first by each one's heaviest concept: the share of hits that are of its token, and
    the share of its token among the concepts of all other photos. tokens: (n,) of each photo's concepts."""
    found, expected = [], []
    num_of_token = np.bincount(np.concatenate(tokens))
    for query, (vectors, mass, own) in enumerate(zip(photos, masses, tokens, strict=True)):
        asked, token = vectors[mass.argmax()], own[mass.argmax()]
        others = [place for place in range(len(photos)) if place != query]
        cosines = [photos[place] @ asked for place in others]
        first = np.argsort([-scores.max() for scores in cosines], kind="stable")[:at]
        found += [tokens[others[place]][cosines[place].argmax()] == token for place in first]
        expected.append((num_of_token[token] - (own == token).sum()) / (num_of_token.sum() - len(own)))
    return float(np.mean(found)), float(np.mean(expected))


def by_best(photos: list[np.ndarray]) -> np.ndarray:
    """The mean over the query's concepts of each one's best cosine."""
    return np.stack([[(query @ vectors.T).max(axis=1).mean() for vectors in photos] for query in photos])


def by_match(photos: list[np.ndarray], masses: list[np.ndarray]) -> np.ndarray:
    """As Retrieve asks by a whole photo: the concepts of both paired one to one, by the query's masses."""
    return np.array([[set_score(query @ vectors.T, mass) for vectors in photos]
                     for query, mass in zip(tqdm(photos, desc="matching", disable=None), masses, strict=True)])


def centred(photos: list[np.ndarray]) -> list[np.ndarray]:
    """Each photo's vectors (n, D) without the mean of all, unit length again."""
    mean = np.concatenate(photos).mean(axis=0)
    return [unit(vectors - mean) for vectors in photos]


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def some_a_class(source: Source, most: int | None) -> Iterator[SourcePhoto | BadPhoto]:
    """At most so many photos of each label."""
    seen: Counter[str | None] = Counter()
    for photo in source:
        if isinstance(photo, SourcePhoto) and photo.label is not None and seen[photo.label] != most:
            seen[photo.label] += 1
            yield photo


def pooled(
    name: str, weights: str | None, photos: Iterator[SourcePhoto | BadPhoto], resolution: int
) -> dict[str, np.ndarray]:
    """By a photo's sha256: a timm model's pooled feature (C,), what its classifier sees; of the slides' systems, which
    have none, the mean patch."""
    pool = mean_patch(name, weights) if name in PEERS else before_classifier(name, weights)
    found = {}
    for photo, prepared in decoded_ahead(photos, resolution=resolution, patch_size=PEER_MULTIPLE, ahead=8,
                                         num_workers=None, is_known=None, on_bad=print):
        image = torch.from_numpy(prepared.pixels).permute(2, 0, 1)[None].float() / 255
        found[photo.sha256] = pool(image)[0].numpy()
    return found


def mean_patch(name: str, weights: str | None) -> Callable[[Tensor], Tensor]:
    backbone = Backbone(name, weights=weights)

    def pool(image: Tensor) -> Tensor:
        sides = [max(side // backbone.multiple, 1) * backbone.multiple for side in image.shape[2:]]
        return backbone.features(F.interpolate(image, sides, mode="bicubic", antialias=True).clamp(0, 1)).mean((2, 3))
    return pool


def before_classifier(name: str, weights: str | None) -> Callable[[Tensor], Tensor]:
    if not timm.is_model(name):
        raise ValueError(f"timm has no model {name!r}; python -m model.peers lists the slides' systems")
    network = timm.create_model(name, pretrained=weights is None)
    if weights is not None:
        network.load_state_dict({key: tensor.float() for key, tensor in load_file(weights).items()})
    network.eval().requires_grad_(False)
    data_config = timm.data.resolve_model_data_config(network)
    mean, std = (torch.tensor(data_config[part]).view(1, 3, 1, 1) for part in ("mean", "std"))
    return lambda image: network.forward_head(network.forward_features((image - mean) / std), pre_logits=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="a folder a class")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--resolution", type=int, default=448)
    parser.add_argument("--peer", metavar="NAME[=FILE]",
                        help="a timm model (FILE: safetensors, with its classifier) or one of the slides' systems")
    parser.add_argument("--peer-resolution", type=int, default=224)
    parser.add_argument("--a-class", type=int, metavar="N", help="at most N photos of each (default: all)")
    parser.add_argument("--first", type=int, metavar="N", help="the first N photos alone, for a try")
    parser.add_argument("--index", type=Path, metavar="DIR", help="keep the index there, or go on with the one there")
    options = parser.parse_args()

    everything = open_source(options.data, label_from_folder=True)

    def photos() -> Iterator[SourcePhoto | BadPhoto]:
        return islice(some_a_class(everything, options.a_class), options.first)

    with tempfile.TemporaryDirectory() as place, tqdm(unit="photo", disable=None) as bar:
        out = options.index or Path(place) / "index"
        build(Source(everything.name, None, photos), out, model=options.model, resolution=options.resolution,
              on_photo=bar.update)
        with ConceptIndex.open(out) as index:
            sha256 = index.model.sha256
            found = index.photos(limit=index.num_photos)
            concepts = [index.concepts_of(photo.id) for photo in found]
            vectors = [index.vectors([concept.id for concept in held]) for held in concepts]
            summaries = [index.summaries([photo.id]) for photo in found]
    masses = [np.array([concept.mass for concept in held]) for held in concepts]
    tokens = [np.array([concept.token for concept in held]) for held in concepts]
    labels = np.unique([photo.label for photo in found], return_inverse=True)[1]
    ways = {
        "the heaviest concept": (partial(by_heaviest, masses=masses), vectors),
        "the set of concepts, one to one": (partial(by_match, masses=masses), vectors),
        "the set of concepts, mean of each one's best": (by_best, vectors),
        "the mean concept": (lambda vectors: by_vector(np.stack([part.mean(axis=0) for part in vectors])), vectors),
        "the summary": (lambda summaries: by_vector(np.concatenate(summaries)), summaries),
    }
    if options.peer:
        name, _, weights = options.peer.partition("=")
        features = pooled(name, weights or None, photos(), options.peer_resolution)
        ways[f"{name}'s pooled feature, {options.peer_resolution} px"] = (
            lambda given: by_vector(np.concatenate(given)), [unit(features[photo.sha256][None]) for photo in found])
    print(f"{len(found)} photos of {len(set(labels))} labels in {options.data.name}; {options.model} "
          f"({sha256[:8]}) at {options.resolution} px\n")
    print(f"| by | mAP@{AT} | centred |\n|---|---|---|")
    for name, (score, given) in ways.items():
        values = [mean_average_precision(score(given), labels), mean_average_precision(score(centred(given)), labels)]
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |", flush=True)
    same, expected = same_token_hits(vectors, masses, tokens)
    print(f"\nof the same token, among the first {HITS} hits by the heaviest concept: {same:.1%} "
          f"(expected by chance: {expected:.1%}; {same / expected:.1f} times)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
