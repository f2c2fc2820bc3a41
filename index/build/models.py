"""Models: which one an index is made with, and where it is now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from index.errors import ConceptIndexError
from index.records import ModelIdentity
from photos.limits import MAX_RESOLUTION, MIN_RESOLUTION

if TYPE_CHECKING:
    from index.concept_index import ConceptIndex
    from model.stellar import Stellar


def model_of(index: ConceptIndex, model: str | None = None) -> Stellar:
    """The model that an index was made with, from `model` or from where its name says. Raises ConceptIndexError where
    its weights are others or are not at hand."""
    made_with = f"The index in {index.path} was made with {index.model.name} (weights {index.model.sha256[:8]})"
    try:
        stellar, sha256 = load(model or index.model.name)
    except ValueError as error:
        if model:
            raise
        raise ConceptIndexError(f"{made_with}, which is not at hand ({error}); name its file with --model.") from error
    if sha256 != index.model.sha256:
        raise ConceptIndexError(f"{made_with}, and the concepts of {display_name(model or index.model.name)} here are "
                                f"made by others ({sha256[:8]}); name the same weights with --model, or build it again "
                                f"in a new folder: python -m index build PHOTOS --model {model or index.model.name} "
                                "--out FOLDER.")
    return stellar


def identity_of(model: str, stellar: Stellar, sha256: str, *, resolution: int) -> ModelIdentity:
    """What an index says about the model it is made with. sha256: of what makes its concepts, as `load` gives it."""
    from model.operations.thresholds import thresholds_of

    return ModelIdentity(name=display_name(model), sha256=sha256, width=stellar.config.concept_width,
                         summary_width=stellar.config.width, num_tokens=stellar.num_tokens, resolution=resolution,
                         thresholds=thresholds_of(model))


def load(model: str) -> tuple[Stellar, str]:
    """A model by name, file, folder or hub id, and the sha256 of what makes its concepts. Raises CheckpointError, a
    ValueError."""
    from model.checkpoints.identity import concepts_sha256
    from model.stellar import Stellar

    return Stellar.load(model), concepts_sha256(model)


def model_file(model: str) -> Path:
    from model.checkpoints.checkpoint import resolve

    return Path(resolve(model))


def display_name(model: str) -> str:
    """A model's name without the folder it came from: an index says nothing about the machine it was made on."""
    return Path(model).name if Path(model).exists() else model


def checked_resolution(resolution: int) -> int:
    if not MIN_RESOLUTION <= resolution <= MAX_RESOLUTION:
        raise ConceptIndexError(f"The resolution is {resolution}; it must be from {MIN_RESOLUTION} to "
                                f"{MAX_RESOLUTION}.")
    return resolution
