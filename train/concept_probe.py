"""A linear probe over single concepts, learnt from photos in a folder a class.

Each concept counts as an example of its photo's class, by its mass. What photos of all classes hold, a sky or a floor,
is thereby likely to be of none, and gets no word.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from model.probe import Probe
from train.evaluators.linear_probe import learn
from train.evaluators.photo_set import PhotoSet
from train.subjects import Subject


def learn_probe(subject: Subject, photos: PhotoSet, *, sha256: str, resolution: int, batch_size: int = 8) -> Probe:
    """All photos are learnt from. sha256: of what makes the subject's concepts. Raises ValueError where they have no
    classes or none can be read."""
    if not photos.class_names:
        raise ValueError(f"{photos.root} has no classes; a probe of concepts is learnt from a folder a class.")
    concepts: dict[int, tuple[Tensor, Tensor]] = {}
    for indices, images in photos.batches(resolution=resolution, patch_size=subject.patch_size, batch_size=batch_size):
        factorization = subject.factorize(images)
        semantics = F.normalize(factorization.semantics.float(), dim=-1).cpu()
        concepts |= {index: (semantics[row], factorization.mass[row].float().cpu())
                     for row, index in enumerate(indices)}
    if not concepts:
        raise ValueError(f"none of the photos in {photos.root} can be read.")
    order = sorted(concepts)
    vectors, masses = (torch.stack(part) for part in zip(*(concepts[index] for index in order), strict=True))
    labels = torch.tensor([photos.labels[index] for index in order])
    weight, bias = learn(vectors.flatten(0, 1), labels.repeat_interleave(vectors.shape[1]),
                         num_classes=len(photos.class_names), shares=masses.flatten() / masses.sum(),
                         num_examples=len(order))
    words = tuple(name.replace("_", " ").strip() for name in photos.class_names)
    return Probe(words, weight, bias, sha256)
