"""What nano says about one example photo, stored: whoever changes it sees so, and reviews the difference like code.

    python -m tests.model.test_golden       stores it anew

The photo is stored too, as the model sees it, so that a decoder of JPEGs cannot move a number.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from model.factorization import Factorization
from model.stellar import Stellar

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "parity" / "nano_chelsea.npz"
# Processors sum in different orders: 1e-5 seen between one thread and two.
TOLERANCE = 1e-3


def outputs(image: np.ndarray) -> Factorization:
    """(H, W, 3) bytes -> nano's float32 answer."""
    images = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    return Stellar.load("nano", device="cpu", dtype="float32").factorize(images)


def test_nano_says_what_it_said():
    with np.load(GOLDEN) as golden:
        found = outputs(golden["image"])
        for name in ("semantics", "localization", "summary"):
            np.testing.assert_allclose(getattr(found, name)[0].numpy(), golden[name], rtol=0, atol=TOLERANCE)
        patches = found.patch_features[0, ::8].numpy()
        np.testing.assert_allclose(patches, golden["patch_features"], rtol=0, atol=TOLERANCE)


def store() -> None:
    from stellar_explorer.photo import fit, open_photo

    photo = open_photo(ROOT / "assets" / "examples" / "chelsea.jpg")
    image = (fit(photo, resolution=224, patch_size=16)[0] * 255).round().byte().permute(1, 2, 0).numpy()
    found = outputs(image)
    np.savez_compressed(GOLDEN, image=image, semantics=found.semantics[0], localization=found.localization[0],
                        summary=found.summary[0], patch_features=found.patch_features[0, ::8])


if __name__ == "__main__":
    store()
