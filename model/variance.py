"""How much of a photo's patch features is explained: the two sums of squares that every such share is made of."""

from __future__ import annotations

from typing import TypeVar

Array = TypeVar("Array")  # a NumPy array or a torch tensor: the page's views know no torch


def sums_of_squares(features: Array, approximation: Array) -> tuple[Array, Array]:
    """(..., N, D) twice -> what is left, |X - approximation|^2, and what there is, |X - mean of X|^2; (...,) each.

    The share explained is 1 - left / total: 1 is all, 0 no better than the mean. Of a photo of one colour the total is
    nothing but rounding, and each caller has its own answer to that.
    """
    left = ((features - approximation) ** 2).sum((-2, -1))
    return left, ((features - features.mean(-2)[..., None, :]) ** 2).sum((-2, -1))
