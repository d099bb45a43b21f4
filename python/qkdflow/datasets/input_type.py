"""The fixed-point type of raw inputs: what a detector's counts need, no more."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import FixedPoint
from qkdflow.errors import DataError

REAL_BITS = 16  # the widest type that columns with fractions get
EXACT = 2.0**24  # a float32 holds every integer up to here
TINY = 2.0**-32  # a type that begins lower has more fraction bits than integer arithmetic can align
NO_BITS = -99  # what zero needs


def adc_type(bits: int) -> FixedPoint:
    """The type of the counts 0 .. 2^bits - 1 of an ADC, whatever counts a data set happens to hold."""
    return FixedPoint(bits, bits, is_signed=False, rounding="RND", overflow="SAT")


def input_type(x: NDArray[np.float32]) -> FixedPoint:
    """The smallest type that holds all of x (any shape); unsigned where nothing is negative, RND and SAT.

    Integers: exactly, with no fraction bits. Others: with as few fraction bits as make every value exact,
    if 16 bits do; otherwise 16 bits, of which the range takes what it needs and the fraction all the rest (a
    step above 1 where the range alone is wider), so that quantising moves a value by at most one step.
    DataError for an empty x, NaN, infinities, values beyond 2^24, where a float32 skips integers, and values
    none of which reaches 2^-32.
    """
    if x.size == 0:
        raise DataError("[input type] at least one value is required; got none")
    low, high = float(x.min()), float(x.max())
    if not (math.isfinite(low) and math.isfinite(high) and max(-low, high) <= EXACT):
        raise DataError(f"[input type] values must lie within +-2^24; got {low:g} to {high:g}. Rescale them")
    if 0 < max(-low, high) < TINY:
        raise DataError(f"[input type] some value must reach 2^-32; got {low:g} to {high:g}. Rescale them")
    sign = int(low < 0)
    whole = max(_whole_bits(low), _whole_bits(high))
    finest = REAL_BITS - sign - whole
    fraction = next((f for f in range(max(finest, 0) + 1) if _is_exact(x, f)), finest)
    bits = max(whole + fraction + sign, 1)
    return FixedPoint(bits, bits - fraction, is_signed=bool(sign), rounding="RND", overflow="SAT")


def _whole_bits(value: float) -> int:
    """Bits left of the point, sign apart; negative where the first ones right of the point are zero too."""
    if value == 0:
        return NO_BITS
    if value < 0:  # two's complement holds -2^w as well
        return math.ceil(math.log2(-value))
    return math.frexp(value)[1]


def _is_exact(x: NDArray[np.float32], fraction: int) -> bool:
    scaled = np.ldexp(x.astype(np.float64), fraction)
    return bool((scaled == np.rint(scaled)).all())
