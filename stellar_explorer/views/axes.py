"""Axes of pictures of numbers: where the ticks are, and numbers in words."""

from __future__ import annotations

import math
from typing import Any

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def finite(value: Any) -> float | None:
    """A number that can be drawn, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def number_in_words(value: float, digits: int = 3) -> str:
    """0.000512 -> "5.12 × 10⁻⁴", 3.14159 -> "3.14", 12345.6 -> "12,346", 3.2e9 -> "3.2 × 10⁹"."""
    if value == 0:
        return "0"
    size = abs(value)
    if size < 0.001 or size >= 1e7:
        power = math.floor(math.log10(size))
        factor = round(value / 10.0**power, digits - 1)
        if abs(factor) >= 10:
            factor, power = factor / 10, power + 1
        return f"{factor:g} × 10{str(power).translate(SUPERSCRIPTS)}".replace("-", "−")
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    if decimals and size < 0.01:  # 0.00500 says no more than 0.005
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round numbers from low to high, at most `most` + 1 of them."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough * (1 - 1e-9)), 10 * unit)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{place * step:.10g}") for place in range(first, last + 1)]


def tick_labels(places: list[float]) -> list[str]:
    """All with the same number of decimals, or all as powers of ten."""
    largest = max(map(abs, places), default=0)
    if largest and (largest < 0.001 or largest >= 1e7):
        return [number_in_words(place, 2) for place in places]
    decimals = max((len(f"{place:.10f}".rstrip("0").partition(".")[2]) for place in places), default=0)
    return [f"{place:,.{decimals}f}".replace("-", "−") for place in places]


def rounded(value: float) -> float:
    """Five digits: finer than a picture shows, shorter to send."""
    return float(f"{value:.5g}")
