"""ConceptStore: a concept head's inputs for photos, and a teacher's features under the same masks, kept in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.checkpoints.files import sha256_of, write_array
from model.concept_head import ConceptHead, mean_under_masks
from model.encoder import STEM_MEAN, STEM_STD, STEM_STRIDES, HybridEmbedding, normalise
from model.stellar import Stellar
from photos.fitting import fit
from train.config import STEM, RecipeError, TeacherConfig
from train.learners.teachers import Teacher, append_each, resample


@dataclass(frozen=True)
class ConceptStore:
    """One row a photo and a row a token in it, in the order of the photos; opened by memory map.

    inputs:  (P, K, F) float16, the inputs of the concept head
    targets: (P, K, d) float16, the teacher's mean feature under the token's mask
    present: (P, K) bool; a photo that could not be read has none
    """

    inputs: np.ndarray
    targets: np.ndarray
    present: np.ndarray

    def __len__(self) -> int:
        return len(self.present)


class StemTeacher(nn.Module):
    """A hybrid's own stem as a `Teacher`: nothing but the checkpoint is needed, and it sees the photo
    larger than the model does."""

    def __init__(self, config: TeacherConfig, embedding: nn.Module) -> None:
        super().__init__()
        if not isinstance(embedding, HybridEmbedding):
            raise RecipeError("this model has no stem to be its teacher; set teachers.0.name to a timm model")
        last = len(STEM_STRIDES) + 1  # of the five stages of such a network the stem keeps the last three
        wrong = [stage for stage in config.stages if not 2 <= stage <= last]
        if wrong:
            raise RecipeError(f"the teacher stem has the stages 2 to {last} and no stage {wrong[0]}")
        self.stem, self.places = embedding.stem, [stage - 2 for stage in config.stages]
        self.resolution, self.multiple = config.resolution, STEM_STRIDES[-1]
        self.dtype = next(self.stem.parameters()).dtype

    @torch.no_grad()
    def features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..1 -> (B, channels, rows, cols), the finest stage's grid."""
        seen = normalise(image.to(self.dtype), STEM_MEAN, STEM_STD)
        found = self.stem(seen.contiguous(memory_format=torch.channels_last))
        maps = [found[place].float() for place in self.places]
        return torch.cat([F.interpolate(part, size=maps[0].shape[-2:], mode="bilinear", align_corners=False)
                          for part in maps], dim=1)


def build_concept_store(stellar: Stellar, head: ConceptHead, teacher_config: TeacherConfig, photos, cache: Path, *,
                        resolution: int, progress: Callable[[str, int, int], None]) -> ConceptStore:
    """Found in `cache` or computed and put there; goes on where it was stopped.

    The folder's name holds a digest of the model's file, the teacher, the resolution and the photos. Raises
    RecipeError, BackboneError or DataError.
    """
    teacher = (StemTeacher(teacher_config, stellar.encoder.embedding) if teacher_config.name == STEM
               else Teacher(teacher_config)).to(stellar.device)
    weights = None if teacher_config.weights is None else sha256_of(teacher_config.weights)
    settings = [sha256_of(stellar.path), list(head.config.inputs), teacher_config.name, weights, teacher_config.block,
                list(teacher_config.stages), teacher_config.resolution, resolution, photos.fingerprint]
    folder = cache / f"concepts-{sha256(json.dumps(settings).encode()).hexdigest()[:12]}"
    in_width, num_tokens = head.config.in_width(stellar.config.width), stellar.num_tokens
    if not (folder / "grids.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        encode = partial(concept_rows, stellar, head, teacher, resolution)
        grids = append_each(folder / "rows.part", photos, encode, partial(progress, "concepts"))
        os.replace(folder / "rows.part", folder / "rows.f16")
        write_array(folder / "grids.npy", grids)
    readable = np.load(folder / "grids.npy").all(axis=1)
    if not readable.any():
        raise RecipeError("no photo could be read by the model and its teacher, so there is nothing to learn from")
    rows = np.memmap(folder / "rows.f16", dtype=np.float16, mode="r").reshape(int(readable.sum()), num_tokens, -1)
    return ConceptStore(rows[..., 1 : 1 + in_width], rows[..., 1 + in_width :], rows[..., 0] > 0)


@torch.no_grad()
def concept_rows(stellar: Stellar, head: ConceptHead, teacher: nn.Module, resolution: int, photo: Tensor) -> np.ndarray:
    """uint8 (3, H, W) -> (K, 1, 1 + F + d) float16: present or not, the head's inputs, the teacher's features."""
    image = fit(photo, resolution=resolution, patch_size=stellar.patch_size).to(stellar.device)
    factorization = stellar.factorize(image)
    larger = fit(photo, resolution=teacher.resolution, patch_size=teacher.multiple).to(stellar.device)
    whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    features = resample(teacher.features(larger), whole, factorization.patch_grid)
    targets = mean_under_masks(features, factorization.localization)
    row = torch.cat([factorization.present[..., None].float(), head.inputs(factorization), targets], dim=-1)
    return row[0, :, None].cpu().numpy().astype(np.float16)
