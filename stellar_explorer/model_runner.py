"""ModelRunner: models by name, loaded one at a time, and run by one at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock, RLock
from typing import TYPE_CHECKING

import numpy as np

from stellar_explorer.analysis import Analysis, display_name
from stellar_explorer.photo import printable
from stellar_explorer.server.line import check_wanted
from stellar_explorer.server.threads import all_threads

if TYPE_CHECKING:
    from torch import Tensor

    from model.factorization import Factorization
    from model.stellar import Stellar


class ModelRunner:
    """models: the names (or paths) that may be asked for. accelerate: wraps what runs a model, where a host lends its
    GPU by the call (Spaces' ZeroGPU)."""

    def __init__(self, models: Sequence[str], *, device: str = "auto",
                 accelerate: Callable[[Callable], Callable] | None = None) -> None:
        self.models = tuple(str(name) for name in models)
        self._device = device
        self._loaded: dict[str, Stellar] = {}
        self._loading, self._running = RLock(), Lock()
        self._accelerate = accelerate or (lambda work: work)
        self._encode = self.one_at_a_time(self._factorize)

    def stellar(self, model: str) -> Stellar:
        """Loaded at the first call; ValueError for a name that is not offered or a checkpoint that cannot be used."""
        self.check_offered(model)
        if (loaded := self._loaded.get(model)) is not None:  # without the lock: who encodes must not wait for who loads
            return loaded
        with self._loading:
            if model not in self._loaded:
                from model.stellar import Stellar  # seconds of imports that opening a photo does not need

                stellar = Stellar.load(model, device=self._device)
                self._loaded = {model: stellar}  # one at a time: the largest takes 2.5 GB
            return self._loaded[model]

    def check_offered(self, model: str) -> None:
        if model not in self.models:
            raise ValueError(f"There is no model {printable(str(model))}; choose {', '.join(self.models)}.")

    def one_at_a_time(self, work: Callable) -> Callable:
        """A function that runs a model, as it is to be called: on the GPU where a host lends one by the call, and
        alone, because two at once would only share the same cores. It takes no names, and nothing that runs alone
        itself."""
        lent = self._accelerate(work)

        def run(*arguments):
            with self.alone():
                return lent(*arguments)
        return run

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While a model runs: for one at a time, with all the threads there are. UnwantedError where the visitor whose
        request this is has gone."""
        with self._running:
            check_wanted()
            with all_threads():
                yield

    def analysis(self, image: Tensor, model: str, resolution: int) -> Analysis:
        """(1, 3, H, W) in 0..1, as `stellar_explorer.photo.fit` gives it."""
        arrays, patch_grid, seconds = self._encode(model, image)
        return Analysis(
            model=display_name(model), resolution=resolution, patch_size=self.stellar(model).patch_size,
            patch_grid=patch_grid, image_size=tuple(image.shape[2:]), seconds=seconds, **arrays)

    def _factorize(self, model: str, image: Tensor) -> tuple[dict[str, np.ndarray], tuple[int, int], float]:
        start = time.perf_counter()
        stellar = self.stellar(model)
        factorization: Factorization = stellar.factorize(image)
        concepts = stellar.concepts(factorization)[0].cpu().numpy()
        factorization = factorization.to("cpu")
        names = ("localization", "semantics", "patch_features", "summary")
        arrays = {name: getattr(factorization, name)[0].numpy() for name in names} | {"concepts": concepts}
        return arrays, factorization.patch_grid, time.perf_counter() - start
