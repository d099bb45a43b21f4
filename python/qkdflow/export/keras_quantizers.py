"""QKeras's quantisers for fixed-point types, and the shift that makes another rounding of its half to even.

On the grid of what comes, half up is half to even after half a step of that finer grid, and floor is half up after less
half a step of the coarser one.
"""

from __future__ import annotations

from typing import Any

from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.fixed import FixedActivation

Config = dict[str, Any]


def rounding_shift(layer: FixedActivation, held: FixedPoint) -> float:
    """To be added before half-to-even, so that it is the layer's own rounding; held: what comes, on its grid."""
    kind, rounding = layer.result_type, layer.result_type.rounding
    if held.fraction <= kind.fraction or rounding == "RND_CONV":
        return 0.0
    finest, step, positive = held.step / 2, kind.step, layer.activation in ("relu", "relu6")
    if rounding == "RND" or (positive and rounding == "RND_INF"):
        return finest
    if rounding == "RND_MIN_INF" or (positive and rounding == "RND_ZERO"):
        return -finest
    if rounding == "TRN" or (positive and rounding == "TRN_ZERO"):
        return finest - step / 2
    raise ConfigError(
        f"[keras] layer {layer.name}: {rounding} of signed values cannot be said; use RND, RND_CONV or TRN"
    )


def fraction_bits(step: float) -> int:
    """Fraction bits of a binary number; -64 of zero."""
    if not step:
        return -64
    return float(step).as_integer_ratio()[1].bit_length() - 1


def covering(bits: int, integer: int, is_signed: bool) -> Config:
    """quantized_bits that holds a type's values; QKeras takes no negative `integer`: more bits then, same grid."""
    missing = max(is_signed - integer, 0)
    return quantized_bits(bits + missing, integer + missing, is_signed)


def quantized_bits(bits: int, integer: int, is_signed: bool, symmetric: bool = False) -> Config:
    """QKeras's quantized_bits of a type: its `integer` does not count the sign."""
    config = {"bits": bits, "integer": integer - is_signed, "symmetric": int(symmetric), "alpha": 1}
    return {"class_name": "quantized_bits", "config": {**config, "keep_negative": is_signed}}


def quantized_relu(kind: FixedPoint) -> Config:
    return {"class_name": "quantized_relu", "config": {"bits": kind.bits, "integer": kind.integer}}
