"""Real numbers as codes, exactly, in the smallest types that hold them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError

WIDEST_WEIGHT = 24  # bits; what a scale of any real number would need and no multiplier should


def holding(codes: list[int], fraction: int, name: str) -> FixedPoint:
    """The smallest signed type with these fraction bits for some codes."""
    low, high = min(codes), max(codes)
    bits = max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1
    if bits > 63:
        raise ConfigError(f"[{name}] sums need {bits} bits; 63 are the most. Use fewer bits or fewer inputs")
    return FixedPoint(bits, bits - fraction, True)


def fraction_bits(values: list[Fraction]) -> int:
    """The fewest that hold each of these binary numbers."""
    return max(v.denominator.bit_length() - 1 for v in values)


def coefficient(value: float) -> tuple[int, FixedPoint]:
    """A number from 0 on as a code of the smallest unsigned type that holds it."""
    exact = Fraction(value)
    fraction = exact.denominator.bit_length() - 1
    code = int(exact * 2**fraction)
    bits = max(code.bit_length(), 1)
    return code, FixedPoint(bits, bits - fraction, False)


def narrowest(values: ArrayLike, name: str) -> tuple[NDArray[np.int64], FixedPoint]:
    """Codes of float32 values that lie on one binary grid, such as those of a power-of-two scale a channel.

    Raises ConfigError where the grid is finer than weights can be: a scale that is no power of two.
    """
    exact = np.asarray(values, dtype=np.float64)
    mantissa, exponent = np.frexp(exact)
    whole = np.ldexp(mantissa, WIDEST_WEIGHT).astype(np.int64)  # a float32's significand has as many bits
    trailing = np.log2(np.maximum(whole & -whole, 1)).astype(np.int64)
    finest = np.where(whole == 0, 63, exponent - WIDEST_WEIGHT + trailing).min()
    fraction = int(-finest) if whole.any() else 0
    codes = np.ldexp(exact, fraction)
    if np.abs(codes).max() >= 2 ** (WIDEST_WEIGHT - 1):
        raise ConfigError(
            f"[{name}] its quantised values need more than {WIDEST_WEIGHT} bits; a scale must be a power of two to be "
            'frozen: alpha=1 or alpha="auto_po2"'
        )
    whole_codes = codes.astype(np.int64)
    return whole_codes, holding([int(whole_codes.min()), int(whole_codes.max())], fraction, name)
