"""How each picture is made: a line to read, and Python to run.

{threshold}, {kept}, {token} and {basis} are filled in by the browser.
"""

from __future__ import annotations

# Each is run by a test, with the placeholders filled.
_SETUP = """\
from model.stellar import Stellar
from stellar_explorer.photo import fit, open_photo

stellar = Stellar.load({model!r})
photo = open_photo("photo.jpg")
factorization = stellar.factorize(fit(photo, resolution={resolution}, patch_size=stellar.patch_size))
"""
_NUMPY = """\
X = factorization.patch_features[0].cpu().numpy()   # (N, D)
L = factorization.localization[0].cpu().numpy()     # (N, K), rows sum to 1
S = factorization.semantics[0].cpu().numpy()        # (K, D)
"""
_DRAW = """\
picture = enlarge(colours.reshape(*factorization.patch_grid, 3), photo.size, smooth=False)
Image.fromarray(picture).save("{file}.png")
"""


def recipes(*, resolution: int, patch_grid: tuple[int, int], num_tokens: int) -> dict[str, str]:
    """One line a layer."""
    rows, cols = patch_grid
    return {
        "photo": f"long side {resolution} px, {rows} × {cols} patches",
        "features": "X: 3 principal components as RGB, 1st–99th percentile, basis: {basis}",
        "low_rank": "L S, the {kept} heaviest concepts of " + str(num_tokens) + ", in the same basis and range",
        "concepts": "argmax of L over the {kept} heaviest concepts, a colour each",
        "concept": "L[:, {token}] > {threshold} / " + str(num_tokens),
        "similarity": "cosine of X with the patch under the pointer",
        "residual": "|x − L s| over the spread of X in this photo; a diagnostic",
        "entropy": f"−Σ L log L of each patch, 0 to log {num_tokens} nats; a diagnostic",
    }


def code(*, model: str, resolution: int, num_tokens: int) -> dict[str, str]:
    """A Python snippet a layer, to be run from the repository's folder beside a photo.jpg.

    The feature map's code fits the basis to the photo; the frozen one is `Explorer.examples_basis`.
    """
    setup = _SETUP.format(model=model, resolution=resolution)
    kept = ("from stellar_explorer.views.concepts import keep_concepts\n"
            "heaviest = L.mean(axis=0).argsort()[::-1][:{kept}]\n"
            "L = keep_concepts(L, heaviest.tolist())\n")
    fit_basis = "from stellar_explorer.views.basis import fit_basis\nbasis = fit_basis([X])\n"
    drawing = "from PIL import Image\nfrom stellar_explorer.views.render import enlarge\n"

    def draw(name: str) -> str:
        return _DRAW.replace("{file}", name)

    return {
        "photo": setup,
        "features": setup + _NUMPY + drawing + fit_basis + "colours = basis.colours(X)\n" + draw("features"),
        "low_rank": setup + _NUMPY + drawing + fit_basis + kept + "colours = basis.colours(L @ S)\n" + draw("low_rank"),
        "concepts": setup + _NUMPY + drawing + kept
        + "from stellar_explorer.views.palette import palette\n"
        + f"colours = palette({num_tokens})[L.argmax(axis=1)]\n" + draw("concepts"),
        "concept": setup + drawing
        + "mask = factorization.masks(threshold={threshold})[0, {token}].cpu().numpy()   # (rows, cols) bool\n"
        + 'Image.fromarray(enlarge(mask, photo.size, smooth=False)).save("concept_{token}.png")\n',
        "similarity": setup
        + "import torch.nn.functional as F\n"
        + "X = F.normalize(factorization.patch_features[0], dim=-1)\n"
        + "row, col = 3, 5   # the patch to compare with\n"
        + "similarity = (X @ X[row * factorization.patch_grid[1] + col]).unflatten(0, factorization.patch_grid)\n",
        "residual": setup + _NUMPY
        + "from stellar_explorer.views.diagnostics import residual\n"
        + "picture = residual(X, L @ S).reshape(factorization.patch_grid)\n",
        "entropy": setup + _NUMPY
        + "from stellar_explorer.views.diagnostics import row_entropy\n"
        + "picture = row_entropy(L).reshape(factorization.patch_grid)\n",
    }
