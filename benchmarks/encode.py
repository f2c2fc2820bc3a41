"""How fast a photo is encoded, against transformers' ViT and against the floor of its multiplications.

    python -m benchmarks.encode            the README's tables
    python -m benchmarks.encode --tried    also what was tried and not kept (torch.compile, int8): some minutes more

Pairs are timed in turn, A B A B, and medians compared: the machines are noisy, ratios are not. Weights are random.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import ViTConfig, ViTModel

from model import attention
from model.config import DecoderConfig, StellarConfig, TokenizerConfig
from model.stellar import Stellar

B16 = StellarConfig()
ROUNDS = 5


def interleaved(*calls: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Median seconds of each, called in turn after one warm-up."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(rounds + 1):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            if turn:
                taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def random_stellar(config: StellarConfig, dtype: torch.dtype) -> Stellar:
    torch.manual_seed(0)
    stellar = Stellar(config).eval().requires_grad_(False).to(dtype)
    stellar.localizer.float()
    return stellar


def cosine(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The least over tokens."""
    return float(F.cosine_similarity(ours.float(), theirs.float(), dim=-1).min())


def floor_seconds(config: StellarConfig, num_patches: int, batch: int, dtype: torch.dtype) -> tuple[float, float]:
    """-> seconds of the multiplications alone, as plain matrix products of the encoder's own shapes; and GFLOP."""
    tokens, width, head = 1 + num_patches + config.num_tokens, config.width, config.width // config.num_heads
    rows = batch * tokens
    shapes = [(rows, width, 3 * width), (rows, width, width), (rows, width, config.mlp_width),
              (rows, config.mlp_width, width)]
    scores = [(tokens, head, tokens), (tokens, tokens, head)]
    seconds, flops = 0.0, 0.0
    for group, count in ((shapes, config.depth), (scores, config.depth * config.num_heads * batch)):
        for m, k, n in group:
            left, right = torch.rand(m, k, dtype=dtype), torch.rand(k, n, dtype=dtype)
            (taken,) = interleaved(lambda left=left, right=right: left @ right)
            seconds, flops = seconds + count * taken, flops + count * 2 * m * k * n
    return seconds, flops / 1e9


def against_transformers() -> None:
    print("### ViT-B/16, random weights: `factorize` against the same ViT through transformers in float32\n")
    print("| photos | transformers float32 | ours float32 | ours bfloat16 | ratio | cosine of semantics "
          "| floor, ours / floor |")
    print("|---|---|---|---|---|---|---|")
    # sdpa is transformers' faster way here; eager is slower and at 1024 holds N x N.
    theirs = ViTModel(ViTConfig(image_size=224), add_pooling_layer=False).eval()
    full, half = random_stellar(B16, torch.float32), random_stellar(B16, torch.bfloat16)
    for batch, side, rounds in ((8, 224, ROUNDS), (1, 1024, 3)):
        images = torch.rand(batch, 3, side, side)
        with torch.no_grad():
            seconds = interleaved(lambda images=images: theirs(images, interpolate_pos_encoding=True),
                                  lambda images=images: full.factorize(images),
                                  lambda images=images: half.factorize(images), rounds=rounds)
        alike = cosine(half.factorize(images).semantics, full.factorize(images).semantics)
        floor, gflop = floor_seconds(B16, (side // 16) ** 2, batch, torch.bfloat16)
        theirs_s, full_s, half_s = seconds
        ratio = f"{theirs_s / half_s:.2f} x the photos" if batch > 1 else f"{half_s / theirs_s:.2f} of the time"
        print(f"| {batch} at {side} | {theirs_s:.2f} s | {full_s:.2f} s | {half_s:.2f} s | {ratio} | {alike:.4f} "
              f"| {floor:.2f} s ({gflop:,.0f} GFLOP), {half_s / floor:.2f} |", flush=True)
    print()
    shares(half)


GROUPS = {
    "linear": ("aten::addmm", "aten::linear", "mkldnn"), "attention products": ("aten::mm", "aten::bmm"),
    "softmax": ("softmax",), "norm": ("layer_norm",), "GELU": ("gelu",), "copies": ("aten::copy_", "aten::cat"),
}


def shares(stellar: Stellar) -> None:
    """Where the time goes, by torch's profiler: an operator's own time, without those it calls."""
    print("### What the time is made of (ViT-B/16, bfloat16, share of CPU time)\n")
    print("| | " + " | ".join(GROUPS) + " | other |\n|---|" + "---|" * (len(GROUPS) + 1))
    for batch, side in ((8, 224), (1, 1024)):
        images = torch.rand(batch, 3, side, side)
        stellar.factorize(images)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            stellar.factorize(images)
        taken: dict[str, float] = defaultdict(float)
        for event in profile.key_averages():
            name = next((group for group, parts in GROUPS.items() if any(part in event.key for part in parts)), "other")
            taken[name] += event.self_cpu_time_total
        total = sum(taken.values())
        cells = " | ".join(f"{taken[name] / total:.0%}" for name in [*GROUPS, "other"])
        print(f"| {batch} at {side} | {cells} |")
    print()


def nano() -> None:
    print("### nano\n\n| photo | patches | bfloat16 | float32 | cosine of semantics |\n|---|---|---|---|---|")
    half, full = (Stellar.load("nano", device="cpu", dtype=dtype) for dtype in ("bfloat16", "float32"))
    for height, width in ((224, 224), (448, 448), (688, 1024), (1024, 1024)):
        images = torch.rand(1, 3, height, width)
        half_s, full_s = interleaved(lambda images=images: half.factorize(images),
                                     lambda images=images: full.factorize(images), rounds=3)
        alike = cosine(half.factorize(images).semantics, full.factorize(images).semantics)
        patches = height * width // half.patch_size**2
        print(f"| {width} x {height} | {patches:,} | {half_s:.2f} s | {full_s:.2f} s | {alike:.4f} |", flush=True)
    print()


MEASURE = """
import sys, time
import torch
from model.stellar import Stellar

def resident(name="VmRSS"):   # not getrusage: its peak is inherited from the process that started this one
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024

Stellar.load("nano", device="cpu")                                  # the libraries' own memory, once
torch.rand(64, 64) @ torch.rand(64, 64)
before = resident()
start = time.perf_counter()
stellar = Stellar.load(sys.argv[1], device="cpu", dtype=sys.argv[2])
seconds = time.perf_counter() - start
peak = resident("VmHWM") - before
loaded = resident()
stellar.factorize(torch.rand(1, 3, 1024, 1024))
print(seconds, peak, resident("VmHWM") - loaded)
"""


def loading() -> None:
    """The published B/16 whole: encoder, code decoder and MaskGIT-VQGAN."""
    print("### Loading a ViT-B/16 with decoder and tokenizer, and one photo at 1024 (resident memory, Linux)\n")
    print("| | file | load | peak while loading, of the file | added by a 1024 encode |\n|---|---|---|---|---|")
    config = StellarConfig(decoder=DecoderConfig(), tokenizer=TokenizerConfig())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b16.safetensors"
        random_stellar(config, torch.float32).save(path)
        size = os.path.getsize(path) / 2**20
        for dtype in ("float32", "bfloat16"):
            out = subprocess.run([sys.executable, "-c", MEASURE, str(path), dtype], capture_output=True,
                                 encoding="utf-8", check=True).stdout
            seconds, peak, added = map(float, out.split())
            print(f"| {dtype} | {size:.0f} MB | {seconds:.1f} s | {peak:.0f} MB, {peak / size:.2f} | {added:.0f} MB |",
                  flush=True)
    print()


def tried() -> None:
    print("### Tried (ViT-B/16, 8 photos at 224; attention: 1 photo at 1024)\n")
    print("| idea | time, of bfloat16 as kept | cosine of semantics to float32 | verdict |\n|---|---|---|---|")
    images, large = torch.rand(8, 3, 224, 224), torch.rand(1, 3, 1024, 1024)
    full, kept = random_stellar(B16, torch.float32), random_stellar(B16, torch.bfloat16)
    reference = full.factorize(images).semantics

    def row(name: str, other: Stellar, verdict: str, photos: torch.Tensor = images) -> None:
        ours, theirs = interleaved(lambda: kept.factorize(photos), lambda: other.factorize(photos), rounds=3)
        alike = cosine(other.factorize(images).semantics, reference)
        print(f"| {name} | {theirs / ours:.2f} | {alike:.4f} | {verdict} |", flush=True)

    row("float32", full, "kept where a processor has no bfloat16 products")
    fused = random_stellar(B16, torch.bfloat16)
    for block in fused.encoder.blocks:
        block.attn.forward = super(attention.SelfAttention, block.attn).forward
    row("torch's fused attention at 224", fused, "blocked attention is kept")
    row("torch's fused attention at 1024", fused, "blocked attention is kept", large)
    try:
        int8 = copy.deepcopy(full)
        int8.encoder = torch.ao.quantization.quantize_dynamic(int8.encoder, {torch.nn.Linear}, dtype=torch.qint8)
        row("int8, dynamic, linear layers", int8, "a little faster, but below 0.999")
    except (RuntimeError, AttributeError, NotImplementedError) as error:
        print(f"| int8, dynamic | - | - | not to be had: {str(error).splitlines()[0]} |")
    try:
        compiled = random_stellar(B16, torch.bfloat16)
        start = time.perf_counter()
        compiled.encoder = torch.compile(compiled.encoder)
        compiled.factorize(images)
        first = time.perf_counter() - start
        row("torch.compile", compiled, f"{first:.0f} s at the first photo of each size: not kept")
    except Exception as error:  # needs a C++ compiler, and fails in many ways without one
        print(f"| torch.compile | - | - | failed here: {str(error).splitlines()[0]} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tried", action="store_true", help="also what was tried and not kept")
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    against_transformers()
    nano()
    loading()
    if options.tried:
        tried()


if __name__ == "__main__":
    main()
