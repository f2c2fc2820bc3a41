"""Explorer: the only door to the model, and to the photos and studies that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from PIL import Image

from stellar_explorer.analysis import Analysis, Drawing
from stellar_explorer.examples import Example, examples
from stellar_explorer.kept.flights import Flights
from stellar_explorer.kept.photos import KeptPhoto, KeptPhotos
from stellar_explorer.kept.studies import KeptStudies, Study
from stellar_explorer.kept.tokens import GoneError, Tokens
from stellar_explorer.model_runner import ModelRunner
from stellar_explorer.photo import MIN_RESOLUTION, fit, open_photo
from stellar_explorer.server.line import BusyError
from stellar_explorer.views.basis import ColourBasis, fit_basis

if TYPE_CHECKING:
    from model.stellar import Stellar

COARSE_RESOLUTION = MIN_RESOLUTION
ANALYSES_BYTES, PHOTOS_BYTES = 192 * 2**20, 256 * 2**20
PIXELS_BYTES = 2**30  # of photos that are open at once
# Of one page: more than this that it says it shows is kept as all else is.
MOST_LEASED, LEASED_BYTES = 24, 48 * 2**20
SHIPPED_BASES = {"nano": Path(__file__).resolve().parent.parent / "assets" / "nano" / "colours.npz"}


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
        self.runner = ModelRunner(models, device=device, accelerate=accelerate)
        self._tokens = Tokens()
        self.photos = KeptPhotos(self._tokens, photos_bytes, pixels_bytes)
        self.studies = KeptStudies(analyses_bytes)
        self._flights = Flights()
        self._bases: dict[str, ColourBasis] = {}
        self._fitting = RLock()

    # --- models ---

    @property
    def models(self) -> tuple[str, ...]:
        return self.runner.models

    def stellar(self, model: str) -> Stellar:
        """For what can be read off it; it is run by `one_at_a_time` or `alone`. Raises as `ModelRunner.stellar`."""
        return self.runner.stellar(model)

    def one_at_a_time(self, work: Callable) -> Callable:
        return self.runner.one_at_a_time(work)

    def alone(self) -> AbstractContextManager[None]:
        return self.runner.alone()

    def drawing(self, model: str) -> Drawing:
        return Drawing.of(model, self.stellar(model))

    # --- one analysis, not kept ---

    def analyse(self, photo: Image.Image, model: str | None = None, resolution: int = 448) -> Analysis:
        """An upright RGB photo -> its Analysis; long side `resolution` (224..1024), aspect kept.

        ValueError, one sentence, for a model that is not offered or a resolution out of range.
        """
        model = self.models[0] if model is None else model
        image = fit(photo, resolution=resolution, patch_size=self.stellar(model).patch_size)
        return self.runner.analysis(image, model, resolution)

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
        return size, self.runner.analysis(image, model, resolution)

    # --- photos ---

    def keep(self, data: bytes, *, example: Example | None = None) -> KeptPhoto:
        return self.photos.keep(data, example=example)

    def example(self, example_id: str) -> KeptPhoto:
        return self.photos.example(example_id)

    def named(self, asked: dict[str, Any]) -> KeptPhoto:
        return self.photos.named(asked)

    def photo(self, token: str) -> KeptPhoto:
        return self.photos.get(token)

    def room_for(self, data: bytes) -> AbstractContextManager[None]:
        return self.photos.room_for(data)

    @contextmanager
    def opened(self, photo: KeptPhoto) -> Iterator[Image.Image]:
        with self.photos.opened(photo) as opened:
            yield opened

    # --- studies ---

    def study(self, photo: KeptPhoto, *, model: str, resolution: int, later: int | None = None) -> Study:
        """The analysis of a kept photo with its bases, from the cache if it is there. later: the resolution that will
        be asked for next; the photo is opened once for both."""
        self.runner.check_offered(model)
        token = self._tokens.of("study", photo.token, model, str(resolution))
        with self._flights.alone(token):
            study = self.studies.get(token)
            if study is None:
                coarse = None
                if resolution != COARSE_RESOLUTION:
                    coarse = self.study(photo, model=model, resolution=COARSE_RESOLUTION, later=resolution).analysis
                image = self.photos.fitted(photo, patch_size=self.stellar(model).patch_size, resolution=resolution,
                                           later=later)
                analysis = self.runner.analysis(image, model, resolution)
                bases = {"photo": fit_basis([analysis.patch_features]), "examples": self.examples_basis(model)}
                study = Study(token, model, photo, analysis, bases, coarse, self.drawing(model))
                self.studies.put(study)
        return study

    def kept_study(self, token: str) -> Study:
        """By its address; made again, unasked, where it had to make room."""
        study = self.studies.get(token)
        if study is not None:
            with suppress(BusyError):
                self.photos.keep_on(study.photo)
            return study
        origin = self.studies.origin(token)
        try:
            if origin is not None:
                return self.study(self.photo(origin.photo), model=origin.model, resolution=origin.resolution)
        except GoneError:
            pass
        raise GoneError("This analysis is no longer on the server; analyse the photo again.")

    def lease(self, tokens: Sequence[str]) -> None:
        """A page shows the photos of these studies, and these photos: they are kept for a while from now."""
        left = LEASED_BYTES
        for token in tokens[:MOST_LEASED]:
            if left <= 0:
                break
            self.studies.lease(token)
            origin = self.studies.origin(token)
            left -= self.photos.lease(token if origin is None else origin.photo)

    # --- colours ---

    def examples_basis(self, model: str) -> ColourBasis:
        """Colours that mean the same from photo to photo: one basis over all the examples at 224, frozen.

        nano's is a file, because twenty encodes would be a fifth of the time that the page takes to start.
        """
        with self._fitting:
            if model not in self._bases:
                shipped = SHIPPED_BASES.get(model)
                self._bases[model] = ColourBasis.load(shipped) if shipped else self.fit_examples_basis(model)
            return self._bases[model]

    def fit_examples_basis(self, model: str) -> ColourBasis:
        """What `examples_basis` is made by; tests/explore/test_explorer.py says how the file is made anew."""
        return fit_basis([self.analyse(open_photo(example.path), model, COARSE_RESOLUTION).patch_features
                          for example in examples().values()])
