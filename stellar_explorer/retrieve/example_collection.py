"""The collection to start with: the example photos, indexed once by each model and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from model.caches import private_folder, usual_folder
from stellar_explorer.examples import examples

if TYPE_CHECKING:
    from index.concept_index import ConceptIndex
    from index.records import EncodedPhoto, ModelIdentity
    from photos.sources.source import SourcePhoto

    Encode = Callable[[SourcePhoto], EncodedPhoto]

LAYOUT = 2  # raised when what is stored of a photo changes, so that older folders are left alone


def cache_folder() -> Path:
    """Of this program, by the XDG convention. It need not exist."""
    return (usual_folder() or private_folder()) / "stellar-explorer"


def example_collection(
    encode: Encode, identity: ModelIdentity, cache: Path, *, on_photo: Callable[[], None] = lambda: None
) -> ConceptIndex:
    """The index of the examples, from the cache or built into it; a damaged one is built anew. encode: a photo's bytes
    by the model of that identity.

    It is put together aside and renamed, so that two servers that start together do not meet. ValueError or OSError
    where that fails, as on a full disk.
    """
    folder = cache / f"examples-{digest(identity)}"
    found = opened(folder)
    if found is not None:
        return found
    cache.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix="making-", dir=cache))
    try:
        build(encode, identity, aside / "index", on_photo)
        try:
            os.rename(aside / "index", folder)
        except OSError:
            found = opened(folder)  # another server was faster
            if found is not None:
                return found
            shutil.rmtree(folder)
            os.rename(aside / "index", folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    found = opened(folder)
    if found is None:
        raise ValueError(f"The index of the examples in {folder} cannot be read; remove that folder and start again.")
    return found


def digest(identity: ModelIdentity) -> str:
    """Of all that the index is made of: the weights and their thresholds, the resolution and the photos."""
    parts = [str(LAYOUT), identity.sha256, identity.thresholds.to_json(), str(identity.resolution)]
    parts += [hashlib.sha256(example.path.read_bytes()).hexdigest() for example in examples().values()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def opened(folder: Path) -> ConceptIndex | None:
    """None where there is none, or none that is whole."""
    from index.concept_index import ConceptIndex

    if not folder.is_dir():
        return None
    try:
        index = ConceptIndex.open(folder)
    except (ValueError, OSError):
        return None
    if index.num_photos != len(examples()) or index.verify():
        index.close()
        return None
    return index


def build(encode: Encode, identity: ModelIdentity, folder: Path, on_photo: Callable[[], None]) -> None:
    from index.concept_index import ConceptIndex
    from photos.sources.source import SourcePhoto

    encoded = []
    for example in examples().values():
        encoded.append(encode(SourcePhoto(example.path.read_bytes(), example.id)))
        on_photo()
    with ConceptIndex.create(folder, model=identity) as index:
        index.add(encoded)
