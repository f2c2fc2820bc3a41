"""How fast a picture follows an edit, against the floor of its decoder's multiplications.

    python -m benchmarks.edit

The floor: every linear layer and convolution of the decoder and of the tokenizer's decoder alone, on inputs of their
own shapes. All are timed in turn and medians compared: the machines are noisy, ratios are not.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.encode import interleaved, random_stellar
from model.config import DecoderConfig, StellarConfig, TokenizerConfig
from model.factorization import Factorization
from model.operations.editing import Blend, Clone, Edit, Erase, Move, Scale, Strengthen, SwapAppearance, edited
from model.stellar import Stellar, choose_device, choose_dtype

SIDES = (224, 448)
EDITS: tuple[Edit, ...] = (
    Move((0, 1), 0.2, 0.1), Clone((2,), 0.3, 0), Scale((3,), 1.5), Strengthen((4,), -3), Erase((5, 6)),
    SwapAppearance((7,), (2,), "other"), Blend("other", 0.5, 0.5))


def multiplications(stellar: Stellar, factorization: Factorization) -> Callable[[], None]:
    """-> what runs the layers' products alone, each as often as a picture needs it."""
    calls: list[Callable[[], object]] = []

    def note(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        given = torch.rand_like(inputs[0])
        if isinstance(layer, nn.Linear):
            calls.append(lambda: F.linear(given, layer.weight, layer.bias))
        else:
            calls.append(lambda: layer._conv_forward(given, layer.weight, layer.bias))

    layers = [layer for part in (stellar.decoder, stellar.tokenizer.decoder) for layer in part.modules()
              if isinstance(layer, nn.Linear | nn.Conv2d)]
    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    stellar.decode(factorization)
    for handle in handles:
        handle.remove()
    return lambda: [call() for call in calls]


@torch.no_grad()
def row(name: str, stellar: Stellar, side: int, rounds: int) -> None:
    image, other = torch.rand(2, 1, 3, side, side)
    factorization, others = stellar.factorize(image), {"other": stellar.factorize(other)}
    encode, edit, picture, products = interleaved(
        lambda: stellar.factorize(image), lambda: edited(factorization, EDITS, others),
        lambda: stellar.decode(edited(factorization, EDITS, others)), multiplications(stellar, factorization),
        rounds=rounds)
    print(f"| {name}, {side} px | {1000 * edit:.1f} ms | {1000 * picture:.0f} ms | {1000 * products:.0f} ms "
          f"| {picture / products:.2f} | {1000 * encode:.0f} ms |", flush=True)


def main() -> None:
    print(f"### A picture after {len(EDITS)} edits, one of each kind\n")
    print("| model | edits alone | edits and picture | floor | picture / floor | not run again: the encoder |")
    print("|---|---|---|---|---|---|")
    nano = Stellar.load("nano", device="cpu")
    for side in SIDES:
        row("nano", nano, side, rounds=9)
    config = StellarConfig(decoder=DecoderConfig(), tokenizer=TokenizerConfig())
    row("ViT-B/16, random weights", random_stellar(config, choose_dtype("auto", choose_device("cpu"))), 224, rounds=5)


if __name__ == "__main__":
    main()
