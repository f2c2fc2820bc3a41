"""A model in miniature that rebuilds photos, and baselines that keep the contract, for tests of Reconstruct."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.baselines import at_native_size, check_num_tokens
from model.config import DecoderConfig, StellarConfig, TokenizerConfig
from model.stellar import Stellar
from stellar_explorer.explore.routes import DEFAULT_RESOLUTION
from stellar_explorer.explorer import Explorer
from stellar_explorer.kept.photos import KeptPhoto
from stellar_explorer.kept.studies import Study
from stellar_explorer.reconstruct.baselines import Offer
from stellar_explorer.reconstruct.reconstructions import Reconstructions

NUM_TOKENS, NUM_CODES, SIDE = 4, 64, 32
GONE = "titok is not in this copy: assets/titok/titok.safetensors is missing; train it"
TOKENIZER = TokenizerConfig(hidden_channels=32, channel_multipliers=(1,), num_res_blocks=1, code_width=8,
                            num_codes=NUM_CODES, unshuffle=16, linear_path=True, linear_encoder=True)


def decoding_explorer(folder: Path, *, predicts: str | None = "codes", best_size: int | None = None) -> Explorer:
    """predicts: "codes", "pixels", or None for a model without a decoder."""
    path = folder / f"{predicts or 'blind'}{best_size or ''}.safetensors"
    decoder = predicts and DecoderConfig(width=16, depth=1, num_heads=2, mlp_width=16,
                                         num_codes=NUM_CODES if predicts == "codes" else None, best_size=best_size)
    config = StellarConfig(width=16, depth=1, num_heads=2, mlp_width=16, native_size=32, num_tokens=NUM_TOKENS,
                           decoder=decoder or None, tokenizer=TOKENIZER if predicts == "codes" else None)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stellar = Stellar(config)
        if predicts:  # as drawn, every patch would be much the same
            nn.init.normal_(stellar.decoder.input_proj.weight, std=1.0)
            nn.init.normal_(stellar.decoder.head.weight, std=0.3)
        if predicts == "codes":
            nn.init.normal_(stellar.tokenizer.codebook)
        stellar.save(path)
    return Explorer((str(path),))


def study_of(explorer: Explorer, photo: KeptPhoto) -> Study:
    """As the tab asks for it: at the size at which the model draws best, where it draws at all."""
    [model] = explorer.models
    resolution = explorer.drawing(model).resolution or DEFAULT_RESOLUTION
    return explorer.study(photo, model=model, resolution=resolution)


class FakeBaseline:
    """Keeps the contract of model.baselines.Baseline: the photo in a square of few pixels. `seen` is what it got."""

    def __init__(self, name: str, label: str, possible: range) -> None:
        self.name, self.label, self.possible = name, label, possible
        self.seen: list[tuple[int, ...]] = []

    def possible_num_tokens(self, size: tuple[int, int]) -> range:
        return self.possible

    def reconstruct(self, image: Tensor, num_tokens: int, *, visible: str = "random") -> Tensor:
        check_num_tokens(self, image, num_tokens)
        self.seen.append(tuple(image.shape))
        small = F.adaptive_avg_pool2d(at_native_size(image, SIDE), 2 if visible == "random" else 4)
        return F.interpolate(small, (SIDE, SIDE))

    def num_bytes(self, image: Tensor, num_tokens: int, *, visible: str = "random") -> list[int]:
        return [num_tokens * 3] * len(image)


class FakeStem(nn.Module):
    """Three strides of averages."""

    def __init__(self) -> None:
        super().__init__()
        self.mixing = nn.Parameter(torch.eye(3))

    def forward(self, image: Tensor) -> list[Tensor]:
        return [F.avg_pool2d(image, stride, ceil_mode=True) for stride in (8, 16, 32)]


def fake_offers(*, missing: tuple[str, ...] = ()) -> dict[str, Offer]:
    """A TiTok of 32 codes and one of 64, a MAE of 196 patches; those named in `missing` cannot be had."""
    def offer(kind: str, name: str, label: str, possible: range) -> Offer:
        def load(device: str) -> FakeBaseline:
            if name in missing:
                raise ValueError(GONE)
            return FakeBaseline(name, label, possible)
        return Offer(kind, label, "A fake.", load)

    return {
        "titok": offer("titok", "titok", "TiTok, small", range(32, 33)),
        "titok-b64": offer("titok", "titok-b64", "TiTok B-64", range(64, 65)),
        "mae": offer("mae", "mae", "MAE, small", range(1, 197)),
    }


def fake_reconstructions(explorer: Explorer, *, missing: tuple[str, ...] = (), **options: object) -> Reconstructions:
    stem = FakeStem()
    return Reconstructions(explorer, fake_offers(missing=missing), **{"stem": lambda: stem, **options})
