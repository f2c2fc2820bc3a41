"""OwnPhotos: what a visitor dropped, as an index in a private folder; theirs alone, and gone soon after them."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from PIL import Image

from stellar_explorer.photo import open_photo, printable
from stellar_explorer.server.scratch import uploads_folder

if TYPE_CHECKING:
    from index.concept_index import ConceptIndex
    from index.records import EncodedPhoto, ModelIdentity
    from photos.sources.source import SourcePhoto

MOST_PHOTOS = 500
PICTURE_SIDE, PICTURE_QUALITY = 1024, 80
OWN = "own-"  # of a folder's name
MOST_LETTERS = 120  # of a file's name


class OwnPhotos:
    """Made where the first photo is dropped; `close` removes the folder and all that is in it.

    encode: a photo's bytes by the model of that identity. room_for: the Explorer's, where it serves others too.
    """

    def __init__(
        self, identity: ModelIdentity, encode: Callable[[SourcePhoto], EncodedPhoto], *,
        room_for: Callable[[bytes], AbstractContextManager] = lambda data: nullcontext(),
    ) -> None:
        from index.concept_index import ConceptIndex

        self._encode, self._room_for = encode, room_for
        self._folder = tempfile.TemporaryDirectory(prefix=OWN, dir=uploads_folder(), ignore_cleanup_errors=True)
        self._pictures = Path(self._folder.name) / "pictures"
        self._pictures.mkdir()
        self._adding = Lock()
        self.index: ConceptIndex = ConceptIndex.create(Path(self._folder.name) / "index", model=identity)
        self.used = time.monotonic()
        self.left: float | None = None  # when the visitor closed the page

    def touch(self) -> None:
        """The visitor is here."""
        self.used, self.left = time.monotonic(), None

    def is_old(self, now: float, *, unused: float, left: float) -> bool:
        """Unused for so many seconds, or left so many ago."""
        return now - self.used > unused or self.left is not None and now - self.left > left

    def add(self, data: bytes, name: str) -> tuple[int, bool]:
        """A photo's bytes and its file's name -> its id, and whether it is new; it can be searched at once.

        ValueError, one sentence, for what cannot be opened or is one too many.
        """
        from photos.sources.source import SourcePhoto

        photo = SourcePhoto(data, printable(name)[:MOST_LETTERS] or "photo")
        with self._adding:
            known = self.index.find_photo(photo.sha256)
            if known is not None:
                return known, False
            if self.index.num_photos >= MOST_PHOTOS:
                raise ValueError(f"{MOST_PHOTOS} photos are the most that can be dropped here; for more, build an "
                                 "index: python -m index build FOLDER --out DIR.")
            with self._room_for(data):
                picture = display_picture(data)
            self.index.add([self._encode(photo)])
            photo_id = self.index.find_photo(photo.sha256)
            (self._pictures / f"{photo_id}.jpg").write_bytes(picture)
            return photo_id, True

    def picture(self, photo_id: int) -> bytes | None:
        """A JPEG of at most 1024 px."""
        file = self._pictures / f"{photo_id}.jpg"
        return file.read_bytes() if file.is_file() else None

    def close(self) -> None:
        with self._adding:
            self.index.close()
            self._folder.cleanup()


def display_picture(data: bytes) -> bytes:
    photo = open_photo(data)
    photo.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=PICTURE_QUALITY)
    return buffer.getvalue()
