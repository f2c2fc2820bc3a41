"""Photos that are kept: their files' bytes, their pixels for as long as they are needed, and what a page shows."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from photos.decoding import photo_size
from stellar_explorer.examples import Example, examples
from stellar_explorer.kept.cache import ByteBoundedCache, FullError
from stellar_explorer.kept.flights import Flights
from stellar_explorer.kept.pixels import PixelBudget
from stellar_explorer.kept.tokens import GoneError, Tokens
from stellar_explorer.photo import fit, open_photo, printable
from stellar_explorer.server.line import BusyError
from stellar_explorer.server.request import text

if TYPE_CHECKING:
    from torch import Tensor

# What a page says that it shows is kept for so long from then. It says so three times as often.
LEASE_SECONDS = 90
FULL = "All the photos that the server can keep are being looked at"
# Of pixels: opened just now, so that a photo that is kept, analysed twice and drawn is opened once; and fitted to what
# will be asked for next.
OPENED_BYTES, IMAGES_BYTES = 96 * 2**20, 64 * 2**20
DISPLAY_SIDE = 1024
# With the 309 kB of a package of 4,096 patches and the 224 px picture before it, an analysis stays under 600 kB.
DISPLAY_BYTES, DISPLAY_QUALITIES = 220_000, (85, 75, 65, 50, 35)


@dataclass(frozen=True)
class KeptPhoto:
    """A photo as the Explorer keeps it: the file's own bytes, known by their hash. Only examples have `example`."""

    token: str
    sha256: str
    data: bytes
    size: tuple[int, int]
    name: str
    alt: str
    display: bytes
    notes: tuple[str, ...] = ()
    example: str | None = None

    def open(self) -> Image.Image:
        """In a server by `KeptPhotos.opened`, which minds how much is open at once."""
        return open_photo(self.data)

    @property
    def nbytes(self) -> int:
        return len(self.data) + len(self.display)


def display_picture(photo: Image.Image) -> bytes:
    """A JPEG for the page, at most 1024 px on the long side, of the photo's own proportions."""
    photo = photo.copy()
    photo.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE), Image.Resampling.LANCZOS)
    for quality in DISPLAY_QUALITIES:
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= DISPLAY_BYTES:
            break
    return buffer.getvalue()


class KeptPhotos:
    """By token, up to max_bytes of them; pixels_bytes: of pixels that are open at once. What is leased goes last, and
    an example is read again where it had to go."""

    def __init__(self, tokens: Tokens, max_bytes: int, pixels_bytes: int) -> None:
        self._tokens, self._flights = tokens, Flights()
        self._photos: ByteBoundedCache[KeptPhoto] = ByteBoundedCache(max_bytes, keeps_used=True)
        self._example_ids: dict[str, str] = {}  # by their photos' tokens
        self._opened: ByteBoundedCache[Image.Image] = ByteBoundedCache(OPENED_BYTES)
        self._images: ByteBoundedCache[Tensor] = ByteBoundedCache(IMAGES_BYTES)
        self.pixels = PixelBudget(pixels_bytes)

    def __len__(self) -> int:
        return len(self._photos)

    @property
    def nbytes(self) -> int:
        return self._photos.nbytes

    def keep(self, data: bytes, *, example: Example | None = None) -> KeptPhoto:
        """Opens a photo (ValueError with one sentence if it cannot be) and keeps its bytes.

        Not its file's name: who else uploads the same photo would be shown it.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        token = self._tokens.of("photo", sha256, example.id if example else "")
        with self._flights.alone(token):
            kept = self._photos.get(token)
            if kept is None:
                with self._opening(token, data) as opened:
                    kept = KeptPhoto(
                        token, sha256, data, opened.info["size"],
                        name=example.title if example else "Your photo",
                        alt=example.alt if example else "your photo", display=display_picture(opened),
                        notes=tuple(opened.info.get("notes", ())), example=example.id if example else None)
                if example:
                    self._example_ids[token] = example.id
                self._put(kept)
        return kept

    def keep_on(self, photo: KeptPhoto) -> None:
        """One that may have had to go meanwhile. BusyError as `keep`."""
        if self._photos.get(photo.token) is None:
            self._put(photo)

    def _put(self, kept: KeptPhoto) -> None:
        try:
            self._photos.put(kept.token, kept, kept.nbytes)
        except FullError:
            if kept.example is None:  # an example can be read again
                raise BusyError(LEASE_SECONDS, FULL) from None

    def example(self, example_id: str) -> KeptPhoto:
        found = examples().get(example_id)
        if found is None:
            raise ValueError(f"There is no example {printable(str(example_id))}; choose one from the gallery.")
        return self.keep(found.path.read_bytes(), example=found)

    def get(self, token: str) -> KeptPhoto:
        kept = self._photos.get(token)
        if kept is None and token in self._example_ids:
            kept = self.example(self._example_ids[token])
        if kept is None:
            raise GoneError("This photo is no longer on the server; choose it again.")
        return kept

    def named(self, asked: dict[str, Any]) -> KeptPhoto:
        """The one photo that a request names: {"example": id} or {"photo": token}."""
        if set(asked) not in ({"example"}, {"photo"}):
            raise ValueError("Name one photo: an example, or the token of one that is kept.")
        [(kind, name)] = asked.items()
        name = text(name, f"The {kind}")
        return self.example(name) if kind == "example" else self.get(name)

    def lease(self, token: str) -> int:
        """A page shows it -> its bytes, 0 where it is not kept."""
        return self._photos.lease(token, LEASE_SECONDS) or 0

    # --- pixels ---

    def room_for(self, data: bytes) -> AbstractContextManager[None]:
        """While a photo is open: waits until it may be. Whoever holds it never waits for the model meanwhile, because
        whoever runs the model may wait for it. ValueError as `open_photo`."""
        return self.pixels.holding(photo_size(data)[2])

    @contextmanager
    def opened(self, photo: KeptPhoto) -> Iterator[Image.Image]:
        """A kept photo's pixels, to look at only: others may look at them meanwhile."""
        with self._opening(photo.token, photo.data) as opened:
            yield opened

    @contextmanager
    def _opening(self, token: str, data: bytes) -> Iterator[Image.Image]:
        opened = self._opened.get(token)
        if opened is not None:
            yield opened
            return
        with self.room_for(data):
            opened = open_photo(data)
            self._opened.put(token, opened, 3 * opened.width * opened.height)
            yield opened

    def fitted(self, photo: KeptPhoto, *, patch_size: int, resolution: int, later: int | None = None) -> Tensor:
        """As `stellar_explorer.photo.fit`. later: the resolution that will be asked for next; the photo is opened once
        for both."""
        fitted = self._images.get((photo.token, patch_size, resolution))
        if fitted is None:
            with self.opened(photo) as opened:
                fitted = fit(opened, resolution=resolution, patch_size=patch_size)
                if later is not None:
                    image = fit(opened, resolution=later, patch_size=patch_size)
                    self._images.put((photo.token, patch_size, later), image, image.nbytes)
        return fitted
