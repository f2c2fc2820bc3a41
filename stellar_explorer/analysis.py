"""A photo's Analysis, and the Explorer that makes and keeps them: the only door to the model."""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from photos.decoding import photo_size
from stellar_explorer.examples import Example, examples
from stellar_explorer.photo import MAX_RESOLUTION, MIN_RESOLUTION, fit, open_photo, printable
from stellar_explorer.server.cache import ByteBoundedCache, FullError
from stellar_explorer.server.flights import Flights
from stellar_explorer.server.line import BusyError, check_wanted
from stellar_explorer.server.pixels import PixelBudget
from stellar_explorer.server.request import text
from stellar_explorer.server.threads import all_threads
from stellar_explorer.views.basis import ColourBasis, fit_basis

if TYPE_CHECKING:
    from torch import Tensor

    from model.factorization import Factorization
    from model.stellar import Stellar

COARSE_RESOLUTION = MIN_RESOLUTION
ANALYSES_BYTES = 192 * 2**20
PHOTOS_BYTES = 256 * 2**20
# Of pixels: opened just now, so that a photo that is kept, analysed twice and drawn is opened once; fitted to what will
# be asked for next; and open at once.
OPENED_BYTES, IMAGES_BYTES, PIXELS_BYTES = 96 * 2**20, 64 * 2**20, 2**30
# What a page says that it shows is kept for so long from then. It says so three times as often.
LEASE_SECONDS = 90
# Of one page: more than this that it says it shows is kept as all else is.
MOST_LEASED, LEASED_BYTES = 24, 48 * 2**20
MOST_ADDRESSES = 2**14  # of analyses, each with how to make it again
FULL = "All the photos that the server can keep are being looked at"
DISPLAY_SIDE = 1024
# With the 309 kB of a package of 4,096 patches and the 224 px picture before it, an analysis stays under 600 kB.
DISPLAY_BYTES, DISPLAY_QUALITIES = 220_000, (85, 75, 65, 50, 35)
PACKAGE_BYTES_A_PATCH = 128
SHIPPED_BASES = {"nano": Path(__file__).resolve().parent.parent / "assets" / "nano" / "colours.npz"}


@dataclass(frozen=True)
class Analysis:
    """One photo through one model: numpy, float32, on the CPU. N patches row by row, K tokens, D wide.

    localization (N, K), semantics (K, D), patch_features (N, D), summary (D,); concepts (K, C), unit length: what they
    are compared by; image_size is the (height, width) that
    the model saw, patch_grid * patch_size. seconds: the encode alone.
    """

    model: str
    resolution: int
    patch_size: int
    patch_grid: tuple[int, int]
    image_size: tuple[int, int]
    localization: np.ndarray
    semantics: np.ndarray
    patch_features: np.ndarray
    summary: np.ndarray
    concepts: np.ndarray
    seconds: float

    @property
    def num_tokens(self) -> int:
        return self.localization.shape[1]

    @cached_property
    def mass(self) -> np.ndarray:
        """(K,): the share of the photo each token holds; sums to 1."""
        return self.localization.mean(axis=0)

    @cached_property
    def peak(self) -> np.ndarray:
        """(K,): each token's largest localization."""
        return self.localization.max(axis=0)

    @property
    def low_rank(self) -> np.ndarray:
        """(N, D): localization @ semantics."""
        return self.localization @ self.semantics

    def masks(self, threshold: float = 1.0) -> np.ndarray:
        """(K, rows, cols) bool: localization > threshold / K."""
        return (self.localization > threshold / self.num_tokens).T.reshape(-1, *self.patch_grid)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in (self.localization, self.semantics, self.patch_features, self.summary,
                                              self.concepts))


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
        """In a server by `Explorer.opened`, which minds how much is open at once."""
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


@dataclass(frozen=True)
class Drawing:
    """Whether a model draws pictures of concepts. resolution: on the long side, at which it draws best; or missing: a
    sentence, why it cannot."""

    resolution: int | None = None
    missing: str | None = None

    @classmethod
    def of(cls, model: str, stellar: Stellar) -> Drawing:
        lacks = "decoder" if stellar.decoder is None else \
            "tokenizer" if stellar.decoder.predicts_codes and stellar.tokenizer is None else None
        if lacks:
            return cls(missing=f"{display_name(model)} came without a {lacks}, so it cannot draw pictures; choose a "
                               "model that has one, as nano has.")
        return cls(min(max(stellar.config.picture_size, MIN_RESOLUTION), MAX_RESOLUTION))

    def facts(self) -> dict[str, Any]:
        return {"resolution": self.resolution} if self.missing is None else {"missing": self.missing}


@dataclass(frozen=True, eq=False)
class Study:
    """An analysis with all that drawing it needs. `coarse` is the same photo at 224, None if that is this one."""

    token: str
    model: str
    photo: KeptPhoto
    analysis: Analysis
    bases: dict[str, ColourBasis]
    coarse: Analysis | None
    drawing: Drawing

    @property
    def nbytes(self) -> int:
        """Counted before the package is made; its arrays are about a hundred bytes a patch."""
        kept = self.analysis.nbytes + (self.coarse.nbytes if self.coarse else 0)
        return kept + PACKAGE_BYTES_A_PATCH * len(self.analysis.localization)


class GoneError(ValueError):
    """What an address names is no longer kept; the photo must be given again."""


class Explorer:
    """Models by name, photos and studies by unguessable token, both kept up to a number of bytes.

    What a page says that it shows (`lease`) is kept first. A study that had to go is made again when it is asked for,
    as long as its photo is there; an example's always is. Work that several ask for at the same moment is done once.

    models: the names (or paths) that may be asked for; the first is the default. Nothing else is ever loaded, so an
    address cannot make the server read a file or download one. accelerate: wraps the function that encodes, where a
    host lends its GPU by the call (Spaces' ZeroGPU).
    """

    def __init__(
        self,
        models: Sequence[str] = ("nano",),
        *,
        device: str = "auto",
        analyses_bytes: int = ANALYSES_BYTES,
        photos_bytes: int = PHOTOS_BYTES,
        pixels_bytes: int = PIXELS_BYTES,
        accelerate: Callable[[Callable], Callable] | None = None,
    ) -> None:
        self.models = tuple(str(name) for name in models)
        self._device = device
        self._loaded: dict[str, Stellar] = {}
        self._bases: dict[str, ColourBasis] = {}
        self._loading, self._encoding = RLock(), Lock()
        self._studies: ByteBoundedCache[Study] = ByteBoundedCache(analyses_bytes)
        self._photos: ByteBoundedCache[KeptPhoto] = ByteBoundedCache(photos_bytes, keeps_used=True)
        self._opened: ByteBoundedCache[Image.Image] = ByteBoundedCache(OPENED_BYTES)
        self._images: ByteBoundedCache[Tensor] = ByteBoundedCache(IMAGES_BYTES)
        self._pixels, self._flights = PixelBudget(pixels_bytes), Flights()
        self._addresses: OrderedDict[str, tuple[str, str, int]] = OrderedDict()  # token: photo, model, resolution
        self._example_ids: dict[str, str] = {}  # by their photos' tokens
        self._addressing = Lock()
        self._secret = secrets.token_bytes(32)
        self._accelerate = accelerate or (lambda work: work)
        self._encode = self._accelerate(self._factorize)

    # --- models ---

    def stellar(self, model: str) -> Stellar:
        """Loaded at the first call; ValueError for a name that is not offered or a checkpoint that cannot be used."""
        self._check_offered(model)
        if (loaded := self._loaded.get(model)) is not None:  # without the lock: who encodes must not wait for who loads
            return loaded
        with self._loading:
            if model not in self._loaded:
                from model.stellar import Stellar  # seconds of imports that opening a photo does not need

                stellar = Stellar.load(model, device=self._device)
                self._loaded = {model: stellar}  # one at a time: the largest takes 2.5 GB
            return self._loaded[model]

    def _check_offered(self, model: str) -> None:
        if model not in self.models:
            raise ValueError(f"There is no model {printable(str(model))}; choose {', '.join(self.models)}.")

    def one_at_a_time(self, work: Callable) -> Callable:
        """A function that runs a model, as it is to be called: on the GPU where a host lends one by the call, and
        alone, because two at once would only share the same cores.
        """
        lent = self._accelerate(work)

        def run(*arguments):
            with self.alone():
                return lent(*arguments)
        return run

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While a model runs: for one at a time, with all the threads there are. UnwantedError where the visitor whose
        request this is has gone."""
        with self._encoding:
            check_wanted()
            with all_threads():
                yield

    # --- one analysis, not kept ---

    def analyse(self, photo: Image.Image, model: str | None = None, resolution: int = 448) -> Analysis:
        """An upright RGB photo -> its Analysis; long side `resolution` (224..1024), aspect kept.

        ValueError, one sentence, for a model that is not offered or a resolution out of range.
        """
        model = self.models[0] if model is None else model
        image = fit(photo, resolution=resolution, patch_size=self.stellar(model).patch_size)
        return self._analysed(image, model, resolution)

    def analyse_bytes(
        self, data: bytes, model: str | None = None, resolution: int = 448
    ) -> tuple[tuple[int, int], Analysis]:
        """A photo's file -> its (width, height) and its Analysis; nothing is kept of it. ValueError as `analyse`."""
        model = self.models[0] if model is None else model
        patch_size = self.stellar(model).patch_size
        with self.room_for(data):
            photo = open_photo(data)
            size, image = photo.info["size"], fit(photo, resolution=resolution, patch_size=patch_size)
            del photo
        return size, self._analysed(image, model, resolution)

    def _analysed(self, image: Tensor, model: str, resolution: int) -> Analysis:
        stellar = self.stellar(model)
        with self.alone():
            arrays, patch_grid, seconds = self._encode(model, image)
        return Analysis(
            model=display_name(model), resolution=resolution, patch_size=stellar.patch_size, patch_grid=patch_grid,
            image_size=tuple(image.shape[2:]), seconds=seconds, **arrays)

    def _factorize(self, model: str, image) -> tuple[dict[str, np.ndarray], tuple[int, int], float]:
        start = time.perf_counter()
        stellar = self.stellar(model)
        factorization: Factorization = stellar.factorize(image)
        concepts = stellar.concepts(factorization)[0].cpu().numpy()
        factorization = factorization.to("cpu")
        names = ("localization", "semantics", "patch_features", "summary")
        arrays = {name: getattr(factorization, name)[0].numpy() for name in names} | {"concepts": concepts}
        return arrays, factorization.patch_grid, time.perf_counter() - start

    # --- photos and studies, kept ---

    def keep(self, data: bytes, *, example: Example | None = None) -> KeptPhoto:
        """Opens a photo (ValueError with one sentence if it cannot be) and keeps its bytes.

        Not its file's name: who else uploads the same photo would be shown it.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        token = self._token("photo", sha256, example.id if example else "")
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
                self._keep_photo(kept)
        return kept

    def _keep_photo(self, kept: KeptPhoto) -> None:
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

    def named(self, asked: dict[str, Any]) -> KeptPhoto:
        """The one photo that a request names: {"example": id} or {"photo": token}."""
        if set(asked) not in ({"example"}, {"photo"}):
            raise ValueError("Name one photo: an example, or the token of one that is kept.")
        [(kind, name)] = asked.items()
        name = text(name, f"The {kind}")
        return self.example(name) if kind == "example" else self.photo(name)

    def photo(self, token: str) -> KeptPhoto:
        kept = self._photos.get(token)
        if kept is None and token in self._example_ids:
            kept = self.example(self._example_ids[token])
        if kept is None:
            raise GoneError("This photo is no longer on the server; choose it again.")
        return kept

    def room_for(self, data: bytes) -> AbstractContextManager[None]:
        """While a photo is open: waits until it may be. Whoever holds it never waits for the model meanwhile, because
        whoever runs the model may wait for it. ValueError as `open_photo`."""
        return self._pixels.holding(photo_size(data)[2])

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

    def study(self, photo: KeptPhoto, *, model: str, resolution: int, later: int | None = None) -> Study:
        """The analysis of a kept photo with its bases, from the cache if it is there. later: the resolution that will
        be asked for next; the photo is opened once for both."""
        self._check_offered(model)
        token = self._token("study", photo.token, model, str(resolution))
        with self._flights.alone(token):
            study = self._studies.get(token)
            if study is None:
                coarse = None
                if resolution != COARSE_RESOLUTION:
                    coarse = self.study(photo, model=model, resolution=COARSE_RESOLUTION, later=resolution).analysis
                analysis = self._analysed(self._fitted(photo, model, resolution, later), model, resolution)
                bases = {"photo": fit_basis([analysis.patch_features]), "examples": self.examples_basis(model)}
                drawing = Drawing.of(model, self.stellar(model))
                study = Study(token, model, photo, analysis, bases, coarse, drawing)
                self._studies.put(token, study, study.nbytes)
                self._remember(token, photo, model, resolution)
        return study

    def _fitted(self, photo: KeptPhoto, model: str, resolution: int, later: int | None) -> Tensor:
        patch_size = self.stellar(model).patch_size
        fitted = self._images.get((photo.token, patch_size, resolution))
        if fitted is None:
            with self.opened(photo) as opened:
                fitted = fit(opened, resolution=resolution, patch_size=patch_size)
                if later is not None:
                    image = fit(opened, resolution=later, patch_size=patch_size)
                    self._images.put((photo.token, patch_size, later), image, image.nbytes)
        return fitted

    def _remember(self, token: str, photo: KeptPhoto, model: str, resolution: int) -> None:
        with self._addressing:
            self._addresses[token] = photo.token, model, resolution
            self._addresses.move_to_end(token)
            while len(self._addresses) > MOST_ADDRESSES:
                self._addresses.popitem(last=False)

    def kept_study(self, token: str) -> Study:
        """By its address; made again, unasked, where it had to make room."""
        study = self._studies.get(token)
        if study is not None:
            if self._photos.get(study.photo.token) is None:
                with suppress(BusyError):
                    self._keep_photo(study.photo)
            return study
        made = self._addresses.get(token)
        try:
            if made is not None:
                photo, model, resolution = made
                return self.study(self.photo(photo), model=model, resolution=resolution)
        except GoneError:
            pass
        raise GoneError("This analysis is no longer on the server; analyse the photo again.")

    def lease(self, tokens: Sequence[str]) -> None:
        """A page shows the photos of these studies, and these photos: they are kept for a while from now."""
        left = LEASED_BYTES
        for token in tokens[:MOST_LEASED]:
            if left <= 0:
                break
            self._studies.lease(token, LEASE_SECONDS)
            photo = self._addresses[token][0] if token in self._addresses else token
            left -= self._photos.lease(photo, LEASE_SECONDS) or 0

    def examples_basis(self, model: str) -> ColourBasis:
        """Colours that mean the same from photo to photo: one basis over all the examples at 224, frozen.

        nano's is a file, because twenty encodes would be a fifth of the time that the page takes to start.
        """
        with self._loading:
            if model not in self._bases:
                shipped = SHIPPED_BASES.get(model)
                self._bases[model] = ColourBasis.load(shipped) if shipped else self.fit_examples_basis(model)
            return self._bases[model]

    def fit_examples_basis(self, model: str) -> ColourBasis:
        """What `examples_basis` is made by; tests/explore/test_analysis.py says how the file is made anew."""
        return fit_basis([self.analyse(open_photo(example.path), model, COARSE_RESOLUTION).patch_features
                          for example in examples().values()])

    def _token(self, *parts: str) -> str:
        """Cannot be guessed without the photo itself: another visitor's addresses stay closed."""
        return hmac.new(self._secret, "\n".join(parts).encode(), hashlib.sha256).hexdigest()[:32]


def display_name(model: str) -> str:
    """A model's name without the folder it came from."""
    return Path(model).name
