"""Colours for concepts that stay apart for every eye, by token number."""

from __future__ import annotations

import numpy as np

# Found by gradient ascent (Adam, 96 random starts) on the smallest OKLab distance between any two of the sixteen, the
# smallest over four ways of seeing: normal, and protan, deutan and tritan by Machado et al. 2009 at severity 1.0, in
# linear light. Normal sight was asked for 1.35 times the distance of the others. OKLab lightness was held within
# 0.48..0.87, so that each shows on white and on black, chroma within 0.09..0.16, and dark yellows were penalised as
# muddy. Ordered so that the first 4, 6, 8... are far apart too. The eight after were found with the sixteen fixed.
# Smallest distance reached (normal, protan, deutan, tritan), where 0.02 is just noticeable:
#    8: 0.122, 0.098, 0.095, 0.106;  16: 0.118, 0.088, 0.088, 0.091;  24: 0.072, 0.053, 0.054, 0.054.
COLOURS = (
    "#a53104", "#fcce43", "#6196fb", "#33eff7", "#3f59a0", "#fa918b", "#c84f60", "#adb2fc",
    "#abe6a2", "#874369", "#7e64cf", "#beb60f", "#02c8b9", "#148a8a", "#bd78c4", "#789e11",
    "#cbc974", "#007294", "#6adebd", "#b26828", "#9ca952", "#a54651", "#63bb82", "#f598da",
)  # fmt: skip


def palette(num_tokens: int) -> np.ndarray:
    """-> (num_tokens, 3) uint8. A token's colour is the same whatever `num_tokens`; token 24 starts over with 0's."""
    colours = np.array([list(bytes.fromhex(colour[1:])) for colour in COLOURS], np.uint8)
    return colours[np.arange(num_tokens) % len(colours)]
