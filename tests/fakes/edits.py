"""A model in miniature that draws pictures too: what tests of Edit look at."""

from __future__ import annotations

from pathlib import Path

import torch

from model.config import DecoderConfig, StellarConfig
from model.stellar import Stellar
from stellar_explorer.explorer import Explorer

NUM_TOKENS, WIDTH = 5, 16


def decoding_explorer(folder: Path, name: str = "drawing", *, width: int = WIDTH) -> Explorer:
    """Five tokens, sixteen wide, a decoder of pixels: an encode and a picture are milliseconds."""
    path = folder / f"{name}.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        decoder = DecoderConfig(width=16, depth=1, num_heads=2, mlp_width=16, num_codes=None, best_size=448)
        config = StellarConfig(width=width, depth=1, num_heads=2, mlp_width=16, native_size=32, num_tokens=NUM_TOKENS,
                               decoder=decoder)
        stellar = Stellar(config)
        # As drawn, weights of a transformer give grey pictures that hardly move; these show what an edit does.
        torch.nn.init.normal_(stellar.decoder.input_proj.weight, std=1.0)
        torch.nn.init.normal_(stellar.decoder.head.weight, std=0.3)
        stellar.save(path)
    return Explorer((str(path),))
