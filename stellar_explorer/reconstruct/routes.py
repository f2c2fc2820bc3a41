"""The Reconstruct tab's own addresses, of a photo's study: what can be compared, pictures, numbers, what is saved."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stellar_explorer.analysis import display_name
from stellar_explorer.explorer import Explorer
from stellar_explorer.kept.studies import Study
from stellar_explorer.reconstruct.baselines import MAE, TITOK
from stellar_explorer.reconstruct.reconstructions import PHOTO, Budget, Rebuilt, Reconstructions
from stellar_explorer.reconstruct.settings import Settings, settings_of
from stellar_explorer.server import answers
from stellar_explorer.server.admission import Kind
from stellar_explorer.server.answers import FOREVER
from stellar_explorer.server.attachment import attachment, slug
from stellar_explorer.views.difference import difference_map
from stellar_explorer.views.reconstruction_table import as_csv, rounded, row

FITTED = "The whole photo of {photo} pixels was scaled to {shown}, {cols} × {rows} patches; nothing is cropped."
STRETCHED = ("TiTok and MAE see squares alone: for them it was stretched to one, and what they rebuilt is stretched "
             "back.")
LARGER = ("That is larger than the squares of {side} pixels at most that TiTok and MAE see, so they have fewer patches "
          "to tell it by; python -m train.evaluate --protocol reconstruction --resolution 224 compares at one size.")
NATIVE = ("{model} rebuilds {resolution} pixels on the long side, {why}: a patch of pixels becomes one of {codes} "
          "codes, so finer things than a patch are guessed.")
NATIVE_PIXELS = "{model} rebuilds {resolution} pixels on the long side, {why}, straight from features of patches."
LEARNT_AT, BEST_AT = "the size its decoder learnt at", "the size at which it draws best"
BASELINES_SEE = 256  # pixels a side, the most of those that are offered
CAPTION = ("STELLAR {model}, {photo}, measured at {shown} pixels. Tokens are not bytes: a concept is {width} numbers "
           "and a map, a code a few bits, a visible patch its pixels.")


def reconstruct_routes(explorer: Explorer, reconstructions: Reconstructions | None = None) -> list[Route]:
    """Beside `stellar_explorer.explore.routes.routes`. A study's token cannot be guessed, so its pictures are its
    visitor's."""
    reconstructions = reconstructions or Reconstructions(explorer)
    answered = partial(answers.answered, kind=Kind.WORK)

    def study(request: Request, body: bytes) -> Any:
        return study_facts(reconstructions, kept(request))

    def kept(request: Request) -> Study:
        return explorer.kept_study(request.path_params["study"])

    def rebuilt(request: Request) -> Rebuilt:
        return reconstructions.rebuilt(kept(request), request.path_params["name"], settings_of(request.query_params))

    def numbers(request: Request, body: bytes) -> Any:
        return facts(rebuilt(request))

    def photo(request: Request, body: bytes) -> Any:
        return as_png(reconstructions.photo(kept(request)))

    def picture(request: Request, body: bytes) -> Any:
        return as_png(shown(rebuilt(request)).picture)

    def difference(request: Request, body: bytes) -> Any:
        return as_png(difference_map(shown(rebuilt(request)).picture, reconstructions.photo(kept(request))))

    def budgets(request: Request, body: bytes) -> Any:
        found = reconstructions.budgets(kept(request), request.query_params.get("order", "best"))
        return {"budgets": [budget_facts(budget) for budget in found]}

    def table(request: Request, body: bytes) -> Any:
        study = kept(request)
        text = as_csv(reconstructions.all(study, settings_but_name(request)))
        return saved(request, study, "numbers.csv", text.encode(), "text/csv; charset=utf-8")

    def figure(request: Request, body: bytes) -> Any:
        from stellar_explorer.views.reconstruction_figure import reconstruction_figure  # matplotlib, as in routes.py

        study = kept(request)
        pictures = reconstructions.all(study, settings_but_name(request))
        content = reconstruction_figure(reconstructions.photo(study), pictures, caption=caption(reconstructions, study))
        return saved(request, study, "figure.png", content, "image/png")

    base = "/stellar/reconstruct/{study}"
    return [
        Route(f"{base}/facts.json", answered(study)),
        Route(f"{base}/budgets.json", answered(budgets)),
        Route(f"{base}/numbers.csv", answered(table)),
        Route(f"{base}/figure.png", answered(figure)),
        Route(f"{base}/{PHOTO}.png", answered(photo)),
        Route(f"{base}/differences/{{name}}.png", answered(difference)),
        Route(f"{base}/pictures/{{name}}.png", answered(picture)),
        Route(f"{base}/pictures/{{name}}.json", answered(numbers)),
    ]


def study_facts(reconstructions: Reconstructions, study: Study) -> dict[str, Any]:
    """What the tab needs besides the package: its pictures by name, what may be chosen, how the photo was fitted."""
    height, width = reconstructions.photo(study).shape[:2]
    offered = reconstructions.baselines.offered
    return {
        "size": [height, width],
        "ways": [{"name": name, "label": one.label, "hint": one.hint}
                 for name, one in reconstructions.reconstructors().items()],
        "baselines": {kind: [{"value": name, "label": offer.label, "note": offer.note}
                             for name, offer in offered.items() if offer.kind == kind] for kind in (TITOK, MAE)},
        "orders": reconstructions.orders(study),
        "fitted": fitted(reconstructions, study),
        "measures_missing": missing_measures(),
    }


def fitted(reconstructions: Reconstructions, study: Study) -> list[str]:
    """Sentences: at what size all are compared, and who saw the photo otherwise."""
    analysis, stellar = study.analysis, reconstructions.explorer.stellar(study.model)
    height, width = reconstructions.photo(study).shape[:2]
    rows, cols = analysis.patch_grid
    sentences = [FITTED.format(photo=" × ".join(map(str, study.photo.size)), shown=f"{width} × {height}", rows=rows,
                               cols=cols)]
    if rows != cols:
        sentences.append(STRETCHED)
    if stellar.decoder is not None:
        codes = stellar.decoder.predicts_codes and f"{stellar.decoder.head.out_features:,}"
        native = NATIVE if codes else NATIVE_PIXELS
        why = LEARNT_AT if stellar.config.decoder.best_size is None else BEST_AT
        sentences.append(native.format(model=display_name(study.model), resolution=max(height, width), codes=codes,
                                       why=why))
    if max(height, width) > BASELINES_SEE:
        sentences.append(LARGER.format(side=BASELINES_SEE))
    return [*sentences, *study.photo.notes]


def missing_measures() -> dict[str, str]:
    """Of measures that cannot be had here, why not."""
    from model.measures import LPIPS_WEIGHTS, weights_missing

    reason = weights_missing(LPIPS_WEIGHTS)
    return {"lpips": reason} if reason else {}


def caption(reconstructions: Reconstructions, study: Study) -> str:
    height, width = reconstructions.photo(study).shape[:2]
    return CAPTION.format(model=display_name(study.model), photo=study.photo.name, shown=f"{width} × {height}",
                          width=study.analysis.semantics.shape[1])


def facts(rebuilt: Rebuilt) -> dict[str, Any]:
    """The table's row, as JSON: web/reconstruct/numbers.js and the tiles read it."""
    return {**row(rebuilt), "hint": rebuilt.hint, "missing": rebuilt.missing}


def budget_facts(budget: Budget) -> dict[str, Any]:
    return {"token": budget.token, "tokens": budget.num_tokens, "bytes": budget.num_bytes,
            **{name: rounded(value) for name, value in budget.measures.items()}}


def shown(rebuilt: Rebuilt) -> Rebuilt:
    if rebuilt.missing is not None:
        raise ValueError(rebuilt.missing)
    return rebuilt


def as_png(picture: np.ndarray) -> Response:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return Response(buffer.getvalue(), media_type="image/png", headers=FOREVER)


def settings_but_name(request: Request) -> Settings:
    """Of what is saved, whose address may bear the photo's name besides."""
    return settings_of({key: value for key, value in request.query_params.items() if key != "name"})


def saved(request: Request, study: Study, kind: str, content: bytes, media_type: str) -> Response:
    """Under the photo's name: an example's, or what its visitor calls it (?name=)."""
    name = study.photo.example or slug(request.query_params.get("name", ""))
    return Response(content, media_type=media_type, headers=attachment(name, "reconstruction", kind=kind))
