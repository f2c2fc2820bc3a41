"""How long the Reconstruct tab makes a visitor wait: the figure of one photo, and a concept taken off.

    python -m benchmarks.reconstruct

nano with the TiTok and the MAE of this copy, everything loaded before. A decode is set against its floor: its own
matrix products and convolutions, one after the other with nothing between them. Medians; the machines are noisy, so
read the ratio.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from benchmarks.encode import interleaved
from model.stellar import Stellar
from stellar_explorer.examples import examples
from stellar_explorer.explorer import Explorer
from stellar_explorer.kept.studies import Study
from stellar_explorer.reconstruct.reconstructions import Reconstructions
from stellar_explorer.reconstruct.settings import Settings

MODEL, MAIN, ROUNDS = "nano", ("stellar", "titok", "mae"), 5
PRODUCTS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def products(stellar: Stellar, decode: Callable[[], object]) -> list[tuple[nn.Module, Tensor]]:
    """Every layer of a decode that multiplies, with an input of the shape that it was given."""
    found: list[tuple[nn.Module, Tensor]] = []
    parts = [part for part in (stellar.decoder, stellar.tokenizer and stellar.tokenizer.decoder) if part is not None]
    hooks = [layer.register_forward_hook(lambda layer, given, _: found.append((layer, torch.rand_like(given[0]))))
             for part in parts for layer in part.modules() if isinstance(layer, PRODUCTS)]
    decode()
    for hook in hooks:
        hook.remove()
    return found


def floor_seconds(stellar: Stellar, decode: Callable[[], object], num_patches: int) -> float:
    """The layers of `products`, and the two products of each head of the decoder's attention."""
    config = stellar.config.decoder
    head = config.width // config.num_heads
    queries, keys, shares = (torch.rand(config.num_heads, *shape, dtype=stellar.dtype)
                             for shape in ((num_patches, head), (head, num_patches), (num_patches, num_patches)))
    layers = products(stellar, decode)

    def run() -> None:
        for layer, given in layers:
            layer(given)
        for _ in range(config.depth):
            torch.matmul(queries, keys)
            torch.matmul(shares, queries)

    with torch.no_grad():
        return interleaved(run, rounds=ROUNDS)[0]


def timed(work: Callable[..., object], *given: object) -> tuple[float, object]:
    start = time.perf_counter()
    answer = work(*given)
    return time.perf_counter() - start, answer


def study_of(explorer: Explorer, example: str) -> Study:
    """At the size at which the model draws best, as the tab asks for it."""
    return explorer.study(explorer.example(example), model=MODEL, resolution=explorer.drawing(MODEL).resolution)


def figures(reconstructions: Reconstructions) -> Iterator[tuple[str, list[float], float]]:
    """(example, seconds of each of MAIN from the photo on, seconds of the rest): each photo for the first time."""
    for example in list(examples())[1:7]:
        encode, study = timed(study_of, reconstructions.explorer, example)
        taken = [timed(reconstructions.rebuilt, study, name, Settings())[0] for name in MAIN]
        yield example, [encode + taken[0], *taken[1:]], timed(reconstructions.all, study, Settings())[0]


def main() -> None:
    explorer = Explorer((MODEL,))
    reconstructions = Reconstructions(explorer)
    first = study_of(explorer, next(iter(examples())))
    for rebuilt in reconstructions.all(first, Settings()):
        if rebuilt.missing:
            print(f"{rebuilt.label} is not timed: {rebuilt.missing}")

    print(f"### The figure of one photo ({torch.get_num_threads()} threads)\n")
    print("| photo | " + " | ".join(MAIN) + " | the three together | ceiling, floors and files |")
    print("|---|" + "---|" * (len(MAIN) + 2))
    together = []
    for example, taken, rest in figures(reconstructions):
        together.append(sum(taken))
        print(f"| {example} | " + " | ".join(f"{seconds:.2f} s" for seconds in taken)
              + f" | {sum(taken):.2f} s | {rest:.2f} s |", flush=True)
    print(f"\nMedian: {statistics.median(together):.2f} s; asked: at most 3 s.\n")

    stellar = explorer.stellar(MODEL)
    factorization = reconstructions._scene(first)[0].factorization
    (plain,) = interleaved(lambda: stellar.decode(factorization), rounds=ROUNDS)
    rows, cols = factorization.patch_grid
    floor = floor_seconds(stellar, lambda: stellar.decode(factorization), rows * cols)
    tokens = range(stellar.num_tokens)
    toggles = [timed(reconstructions.rebuilt, first, "stellar", Settings(tuple(set(tokens) - {token})))[0]
               for token in tokens]
    print("### A concept taken off, at 224 (the encoder is not run)\n")
    print("| with its measures | decode alone | floor: its products | decode / floor |\n|---|---|---|---|")
    print(f"| {1000 * statistics.median(toggles):.0f} ms | {1000 * plain:.0f} ms | {1000 * floor:.0f} ms "
          f"| {plain / floor:.2f} |\n\nAsked: at most 300 ms.")


if __name__ == "__main__":
    main()
