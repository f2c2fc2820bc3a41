"""How each picture is made: a line to read, and Python that makes it.

{threshold}, {kept}, {token}, {basis} and {style} are filled in by the browser.
"""

from __future__ import annotations

# Each is run by a test, with the placeholders filled; and each ends with a picture in a file.
_SETUP = """\
from model.stellar import Stellar
from stellar_explorer.photo import fit, open_photo

stellar = Stellar.load({model!r})
photo = open_photo("photo.jpg")
image = fit(photo, resolution={resolution}, patch_size=stellar.patch_size)   # (1, 3, H, W)
factorization = stellar.factorize(image)
"""
_NUMPY = """\
X = factorization.patch_features[0].cpu().numpy()   # (N, D)
L = factorization.localization[0].cpu().numpy()     # (N, K), rows sum to 1
S = factorization.semantics[0].cpu().numpy()        # (K, D)
"""
_STYLE = """\
style = "{style}"   # smooth, or blocky
"""
_KEPT = """\
heaviest = L.mean(axis=0).argsort()[::-1][:{kept}].tolist()
"""
_BASIS = """\
from stellar_explorer.analysis import Explorer
from stellar_explorer.views.basis import fit_basis

frozen = "{basis}" == "examples"   # one basis for all photos, or this photo's own
basis = Explorer([{model!r}]).examples_basis({model!r}) if frozen else fit_basis([X])
"""
_COLOURS = """\
from PIL import Image
from stellar_explorer.views.render import enlarge

picture = enlarge(colours.reshape(*factorization.patch_grid, 3), photo.size, smooth=style == "smooth")
Image.fromarray(picture).save("{file}.png")
"""
_FIELD = """\
import matplotlib.pyplot as plt

plt.imshow({field}, cmap="inferno", interpolation="bilinear" if style == "smooth" else "nearest")
plt.axis("off")
plt.colorbar()
plt.savefig("{file}.png")
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
    """A Python snippet a layer, to be run from the repository's folder beside a photo.jpg; it saves LAYER.png."""
    setup = _SETUP.format(model=model, resolution=resolution)
    basis = _BASIS.replace("{model!r}", repr(model))

    def colours(name: str) -> str:
        return _COLOURS.replace("{file}", name)

    def field(values: str, name: str) -> str:
        return _FIELD.replace("{field}", values).replace("{file}", name)

    return {
        "photo": setup
        + "from PIL import Image\n\n"
        + "picture = (255 * image[0].permute(1, 2, 0)).round().byte().numpy()   # as the model sees it\n"
        + 'Image.fromarray(picture).save("fitted.png")\n',
        "features": setup + _NUMPY + _STYLE + basis + "colours = basis.colours(X)\n" + colours("features"),
        "low_rank": setup + _NUMPY + _STYLE + basis + _KEPT
        + "from stellar_explorer.views.concepts import keep_concepts\n\n"
        + "colours = basis.colours(keep_concepts(L, heaviest) @ S)\n" + colours("low_rank"),
        "concepts": setup + _NUMPY + _STYLE + _KEPT
        + "from PIL import Image\n"
        + "from stellar_explorer.views.concepts import photo_concept_map\n"
        + "from stellar_explorer.views.palette import palette\n\n"
        + f"picture = photo_concept_map(L, factorization.patch_grid, palette({num_tokens}), photo.size,\n"
        + '                            tokens=heaviest, smooth=style == "smooth")\n'
        + 'Image.fromarray(picture).save("concepts.png")\n',
        "concept": setup + _NUMPY + _STYLE
        + "from PIL import Image\n"
        + "from stellar_explorer.views.concepts import photo_mask\n\n"
        + "mask = factorization.masks(threshold={threshold})[0, {token}].cpu().numpy()   # (rows, cols) bool\n"
        + "picture = photo_mask(L, factorization.patch_grid, {token}, photo.size, threshold={threshold},\n"
        + '                     smooth=style == "smooth")   # that, at the photo\'s size\n'
        + 'Image.fromarray(picture).save("concept_{token}.png")\n',
        "similarity": setup + _STYLE
        + "import torch.nn.functional as F\n\n"
        + "X = F.normalize(factorization.patch_features[0], dim=-1)\n"
        + "row, col = 3, 5   # the patch to compare with\n"
        + "similarity = (X @ X[row * factorization.patch_grid[1] + col]).unflatten(0, factorization.patch_grid)\n"
        + field("similarity.cpu()", "similarity"),
        "residual": setup + _NUMPY + _STYLE
        + "from stellar_explorer.views.diagnostics import residual\n\n"
        + "picture = residual(X, L @ S).reshape(factorization.patch_grid)\n" + field("picture", "residual"),
        "entropy": setup + _NUMPY + _STYLE
        + "from stellar_explorer.views.diagnostics import row_entropy\n\n"
        + "picture = row_entropy(L).reshape(factorization.patch_grid)\n" + field("picture", "entropy"),
    }
