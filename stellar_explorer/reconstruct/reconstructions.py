"""A photo rebuilt by STELLAR and by what it is compared with, measured alike; and by each budget of concepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from stellar_explorer.explorer import Explorer
from stellar_explorer.kept.cache import ByteBoundedCache
from stellar_explorer.kept.flights import Flights
from stellar_explorer.kept.studies import Study
from stellar_explorer.photo import printable
from stellar_explorer.reconstruct.baselines import Baselines, Offer, without_folders
from stellar_explorer.reconstruct.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stellar_explorer.reconstruct.rebuilding import Made, Reconstructor, Scene

REBUILT_BYTES, SCENES_BYTES = 48 * 2**20, 24 * 2**20
ROW_BYTES = 2048  # of a picture's numbers and words, generously
PHOTO = "photo"
MEASURES = ("psnr", "ssim", "stem_distance", "lpips")
ORDERS = {"best": "best_first", "mass": "heaviest_first"}
# What of the settings a reconstructor depends on: with the rest changed, its picture is the same.
DEPENDS_ON = {"stellar": ("kept",), "titok": ("titok",), "mae": ("mae", "visible", "pattern"), "vqgan": (),
              "colours": ("kept",)}
STEM_SOURCE = "nano"


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """One picture of the comparison, or the reason why there is none (`missing`).

    picture: (H, W, 3) uint8, of the size that all are measured at. native_size: (height, width) as it came.
    measures: by MEASURES, None where it cannot be had. seconds: to take the photo apart and rebuild it, here and now.
    """

    name: str
    label: str
    hint: str
    missing: str | None = None
    picture: np.ndarray | None = None
    num_tokens: int | None = None
    num_bytes: int | None = None
    detail: str = ""
    native_size: tuple[int, int] | None = None
    seconds: float | None = None
    measures: Mapping[str, float | None] | None = None

    @property
    def nbytes(self) -> int:
        return ROW_BYTES + (0 if self.picture is None else self.picture.nbytes)


@dataclass(frozen=True)
class Budget:
    """What the first k concepts of an order give; `token` is the one that came last."""

    token: int
    num_tokens: int
    num_bytes: int
    measures: Mapping[str, float | None]


@cache
def stem_of_nano() -> nn.Module:
    from model.stellar import Stellar

    return Stellar.load(STEM_SOURCE, device="cpu").encoder.embedding.stem


class Reconstructions:
    """Over the Explorer's studies: a photo is encoded once, and whatever is asked after that decodes what was kept.

    baselines: what may be chosen, by name; by default TiTok and MAE as `offers` has them. stem: the network in whose
    features distances are measured where the model itself has none; where it gives None there is no such one.
    """

    def __init__(
        self,
        explorer: Explorer,
        baselines: Mapping[str, Offer] | None = None,
        *,
        stem: Callable[[], nn.Module | None] = stem_of_nano,
        rebuilt_bytes: int = REBUILT_BYTES,
    ) -> None:
        self.explorer = explorer
        self.baselines = Baselines(baselines)
        self._stem_elsewhere = stem
        self._rebuilt: ByteBoundedCache[Rebuilt] = ByteBoundedCache(rebuilt_bytes)
        self._scenes: ByteBoundedCache[tuple[Scene, PictureMeasures]] = ByteBoundedCache(SCENES_BYTES)
        self._budgets: ByteBoundedCache[list[Budget]] = ByteBoundedCache(2**20)
        self._flights = Flights()  # who asks for the same again meanwhile finds it made
        self._make, self._spend = explorer.one_at_a_time(self._rebuild), explorer.one_at_a_time(self._decode_budget)

    # --- the photo ---

    def photo(self, study: Study) -> np.ndarray:
        """(H, W, 3) uint8: the photo as all are measured against."""
        return as_bytes(self._scene(study)[0].image)

    # --- rebuilding ---

    def rebuilt(self, study: Study, name: str, settings: Settings) -> Rebuilt:
        """ValueError, one sentence, for what cannot be asked; what cannot be had says why in the answer."""
        reconstructor = self.reconstructor(name)
        settings.tokens(study.analysis.num_tokens)
        if reconstructor.needs:
            self.baselines.check(reconstructor.needs, getattr(settings, reconstructor.needs))
        key = (study.token, name, *settings_that_matter(name, settings))
        with self._flights.alone(key):
            rebuilt = self._rebuilt.get(key)
            if rebuilt is None:
                rebuilt = self._attempt(study, name, reconstructor, settings)
                if rebuilt.missing is None:  # what is missing may come
                    self._rebuilt.put(key, rebuilt, rebuilt.nbytes)
            return rebuilt

    def all(self, study: Study, settings: Settings) -> list[Rebuilt]:
        return [self.rebuilt(study, name, settings) for name in self.reconstructors()]

    def reconstructors(self) -> dict[str, Reconstructor]:
        # torch and torchmetrics: the page need not wait for them
        from stellar_explorer.reconstruct.rebuilding import RECONSTRUCTORS

        return RECONSTRUCTORS

    def reconstructor(self, name: str) -> Reconstructor:
        offered = self.reconstructors()
        if name not in offered:
            raise ValueError(f"There is no picture {printable(name)}; choose {', '.join(offered)}.")
        return offered[name]

    def _attempt(self, study: Study, name: str, reconstructor: Reconstructor, settings: Settings) -> Rebuilt:
        rebuilt = Rebuilt(name, reconstructor.label, reconstructor.hint)
        needs, baseline = reconstructor.needs, None
        chosen = getattr(settings, needs) if needs else None
        try:
            if needs:
                device = str(self.explorer.stellar(study.model).device)
                baseline = self.baselines.get(needs, chosen, device=device)
            made, picture, measures = self._make(study.model, *self._scene(study), reconstructor, settings, baseline)
        except ValueError as error:
            return replace(rebuilt, missing=as_sentence(without_folders(str(error))))
        label = self.baselines.offered[chosen].label if needs else reconstructor.label
        return replace(rebuilt, label=label, picture=picture, num_tokens=made.num_tokens, num_bytes=made.num_bytes,
                       detail=made.detail, native_size=tuple(made.picture.shape[2:]), seconds=made.seconds,
                       measures=measures)

    def _rebuild(self, model: str, scene: Scene, measures: PictureMeasures, reconstructor: Reconstructor,
                 settings: Settings, baseline: Any) -> tuple[Made, np.ndarray, dict[str, float | None]]:
        made = reconstructor.make(scene, self.explorer.stellar(model), settings, baseline)
        shown = scene.as_shown(made.picture)
        return replace(made, picture=made.picture.cpu()), as_bytes(shown), measures.measure(shown)

    # --- the token budget ---

    def orders(self, study: Study) -> dict[str, list[int]]:
        """By ORDERS: the photo's concepts, that which is kept longest first."""
        from model.operations import token_budget

        factorization = self._scene(study)[0].factorization
        return {order: getattr(token_budget, function)(factorization) for order, function in ORDERS.items()}

    def budgets(self, study: Study, order: str = "best") -> list[Budget]:
        """For k = 1 to r the first k concepts of an order, decoded and measured; the last is all of them."""
        if order not in ORDERS:
            raise ValueError(f"Concepts are kept in the order {' or '.join(ORDERS)}, not {printable(order)}.")
        with self._flights.alone((study.token, order)):
            budgets = self._budgets.get((study.token, order))
            if budgets is None:
                tokens, seen = self.orders(study)[order], self._scene(study)
                budgets = [self._spend(study.model, *seen, tokens[: count + 1]) for count in range(len(tokens))]
                self._budgets.put((study.token, order), budgets, 256 * len(budgets))
            return budgets

    def _decode_budget(self, model: str, scene: Scene, measures: PictureMeasures, tokens: list[int]) -> Budget:
        settings = Settings(kept=tuple(sorted(tokens)))
        made, _, measured = self._rebuild(model, scene, measures, self.reconstructor("stellar"), settings, None)
        return Budget(tokens[-1], len(tokens), made.num_bytes, measured)

    # --- what is kept of a photo ---

    def _scene(self, study: Study) -> tuple[Scene, PictureMeasures]:
        with self._flights.alone(study.token):
            kept = self._scenes.get(study.token)
            if kept is None:
                from stellar_explorer.reconstruct.rebuilding import Scene

                stellar = self.explorer.stellar(study.model)
                with self.explorer.opened(study.photo) as photo:
                    scene = Scene.of(photo, study.analysis, stellar)
                stem = getattr(stellar.encoder.embedding, "stem", None)
                stem = stem if stem is not None else self._stem_elsewhere()
                with self.explorer.alone():
                    kept = scene, PictureMeasures(scene.image, stem)
                self._scenes.put(study.token, kept, 4 * scene.image.nbytes)
        return kept


class PictureMeasures:
    """Measures pictures against one photo; what the photo alone tells is reckoned once. Higher PSNR and SSIM are
    better, lower distances are."""

    def __init__(self, photo: Tensor, stem: nn.Module | None) -> None:
        from model.measures import LPIPS_WEIGHTS, perceptual_distance, stem_directions, weights_missing

        self._photo, self._stem = photo, stem
        self._directions = None if stem is None else stem_directions(stem, photo.to(device_of(stem)))
        self._perceptual = None if weights_missing(LPIPS_WEIGHTS) else perceptual_distance(photo.device)

    def measure(self, picture: Tensor) -> dict[str, float | None]:
        """(1, 3, H, W) in 0..1, of the photo's size -> by MEASURES, None where it cannot be had."""
        from model.measures import distance_of_directions, psnr, ssim, stem_directions

        found = {"psnr": psnr(picture, self._photo), "ssim": ssim(picture, self._photo)}
        if self._stem is not None:
            directions = stem_directions(self._stem, picture.to(device_of(self._stem)))
            found["stem_distance"] = distance_of_directions(directions, self._directions)
        if self._perceptual is not None:
            found["lpips"] = self._perceptual(picture, self._photo)
        return {name: float(found[name]) if name in found else None for name in MEASURES}


def settings_that_matter(name: str, settings: Settings) -> tuple:
    """A reconstructor's part of a cache's key. What counts concepts depends on their number alone."""
    if name not in DEPENDS_ON:
        return (None if settings.kept is None else len(settings.kept),)
    return tuple(getattr(settings, one) for one in DEPENDS_ON[name])


def device_of(network: nn.Module) -> Any:
    return next(network.parameters()).device


def as_bytes(picture: Tensor) -> np.ndarray:
    """(1, 3, H, W) in 0..1 -> (H, W, 3) uint8."""
    return picture[0].mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()


def as_sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."
