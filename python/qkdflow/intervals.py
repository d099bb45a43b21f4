"""Interval arithmetic on codes: between which bounds each element of a tensor can lie.

An interval is a pair of lists, (low, high), one Python integer an element: exact whatever the widths.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import FixedPoint

Interval = tuple[list[int], list[int]]


def whole(kind: FixedPoint, size: int) -> Interval:
    """Every code of a type, for `size` elements."""
    return [kind.low_code] * size, [kind.high_code] * size


def dense(weights: NDArray[np.int64], bias: NDArray[np.int64], shifts: tuple[int, int], inputs: Interval) -> Interval:
    """The bounds of (x @ weights) << shifts[0] + bias << shifts[1]; weights (n_in, n_out), bias (n_out,)."""
    low, high = inputs
    bounds: Interval = ([], [])
    for column, start in zip(weights.T.tolist(), bias.tolist(), strict=True):
        terms = list(zip(column, low, high, strict=True))
        smallest = sum(w * (a if w > 0 else b) for w, a, b in terms)
        largest = sum(w * (b if w > 0 else a) for w, a, b in terms)
        bounds[0].append((smallest << shifts[0]) + (start << shifts[1]))
        bounds[1].append((largest << shifts[0]) + (start << shifts[1]))
    return bounds


def cast(kind: FixedPoint, fraction: int, relu: bool, inputs: Interval) -> Interval:
    """The bounds of codes with `fraction` fraction bits after ReLU (where asked) and a cast to `kind`."""
    low, high = inputs
    if relu:
        low, high = [max(v, 0) for v in low], [max(v, 0) for v in high]
    if kind.overflow in ("WRAP", "SAT_ZERO"):  # not monotone once a value overflows
        scale = 2.0 ** (kind.fraction - fraction)
        if min(low) * scale - 1 < kind.low_code or max(high) * scale + 1 > kind.high_code:
            return whole(kind, len(low))
    ends = kind.requantize(np.array([low, high], dtype=np.int64), fraction)
    return ends[0].tolist(), ends[1].tolist()
