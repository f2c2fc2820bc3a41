"""A linear probe over single concepts, learnt from photos in a folder a class.

Each concept counts as an example of its photo's class, by its mass. What photos of all classes hold, a sky or a floor,
is thereby likely to be of none, and gets no word.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from model.probe import Probe
from train.evaluators.feature_files import FeatureFiles
from train.evaluators.linear_probe import learn
from train.evaluators.photo_set import PhotoSet
from train.subjects import Subject


def learn_probe(subject: Subject, photos: PhotoSet, *, sha256: str, resolution: int, batch_size: int = 8) -> Probe:
    """All photos are learnt from. sha256: of what makes the subject's concepts. Raises ValueError where they have no
    classes or none can be read."""
    if not photos.class_names:
        raise ValueError(f"{photos.root} has no classes; a probe of concepts is learnt from a folder a class.")
    files = FeatureFiles(photos.cache)
    concepts, weights = files.rows("concepts", np.float32), files.rows("masses", np.float32)
    seen = set()
    for indices, images in photos.batches(resolution=resolution, patch_size=subject.patch_size, batch_size=batch_size):
        factorization = subject.factorize(images)
        semantics = F.normalize(factorization.semantics.float(), dim=-1).cpu().numpy()
        for row, index in enumerate(indices):
            concepts.put(index, semantics[row : row + 1])
            weights.put(index, factorization.mass[row : row + 1].float().cpu().numpy())
        seen.update(indices)
    if not seen:
        raise ValueError(f"none of the photos in {photos.root} can be read.")
    order = sorted(seen)
    vectors, masses = (torch.from_numpy(rows.kept(order)) for rows in (concepts, weights))
    labels = torch.tensor([photos.labels[index] for index in order])
    weight, bias = learn(vectors.flatten(0, 1), labels.repeat_interleave(vectors.shape[1]),
                         num_classes=len(photos.class_names), shares=masses.flatten() / masses.sum(),
                         num_examples=len(order))
    words = tuple(name.replace("_", " ").strip() for name in photos.class_names)
    return Probe(words, weight, bias, sha256)
