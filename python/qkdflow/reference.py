"""The frozen network's forward pass in int64 NumPy, written from the definition of ap_fixed alone.

It shares no arithmetic with FixedPoint or the emulator, so that either can be held against it; where no C++
compiler is present it stands in for csim.

Notation (Vitis HLS UG1399, "Arbitrary precision fixed-point data types"; IEEE 1666, 7.10.9): a code q loses
its s lowest bits. `lsb` is the lowest bit kept, `mdb` the highest bit deleted, `rest` whether any deleted bit
below it is set, `sign` whether q is negative. Each rounding mode adds one bit to q >> s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import FixedPoint
from qkdflow.errors import DataError
from qkdflow.fixed import Codes, FixedActivation, FixedModel

Bits = NDArray[np.bool_]


def run(fixed: FixedModel, codes: Codes) -> Codes:
    """Logit codes, int64 (n, outputs), of input codes, int64 (n, *input_shape). Raises DataError."""
    return list(trace(fixed, codes).values())[-1]


def trace(fixed: FixedModel, codes: Codes) -> dict[str, Codes]:
    """Every layer's result codes, int64 (n, n_out), by layer name."""
    value = _checked(fixed, codes)
    results: dict[str, Codes] = {}
    for link in fixed.links:
        layer, fraction = link.layer, link.input_type.fraction
        if isinstance(layer, FixedActivation):
            if layer.activation == "relu":
                value = np.maximum(value, 0)
            value = cast(value, fraction, layer.result_type)
        else:
            product = fraction + layer.weight_type.fraction
            exact = layer.result_type.fraction
            value = (value @ layer.weights << exact - product) + (layer.bias << exact - layer.bias_type.fraction)
        results[layer.name] = value
    return results


def cast(codes: Codes, fraction: int, kind: FixedPoint) -> Codes:
    """`kind` value = value with `fraction` fraction bits: rounding, then overflow, as ap_fixed assigns."""
    drop = fraction - kind.fraction
    if drop > 0:
        return _overflow(_rounded(codes, drop, kind.rounding), 0, kind)
    return _overflow(codes, -drop, kind)


def _checked(fixed: FixedModel, codes: Codes) -> Codes:
    codes = np.asarray(codes)
    kind, shape = fixed.input_type, fixed.input_shape
    if codes.dtype.kind not in "iu" or codes.shape[1:] != shape:
        raise DataError(
            f"[reference] integer codes of shape (n, {', '.join(map(str, shape))}) are required; "
            f"got {codes.dtype} {codes.shape}"
        )
    low, high = (-(1 << kind.bits - 1), (1 << kind.bits - 1) - 1) if kind.is_signed else (0, (1 << kind.bits) - 1)
    if codes.size and (int(codes.min()) < low or int(codes.max()) > high):
        raise DataError(
            f"[reference] codes of {kind.ap_type} ({low} to {high}) are required; got {codes.min()} to {codes.max()}"
        )
    return codes.astype(np.int64)


def _ends(kind: FixedPoint) -> tuple[int, int]:
    """The smallest and the largest number that the type's bits can spell."""
    w = kind.bits
    return (-(1 << w - 1), (1 << w - 1) - 1) if kind.is_signed else (0, (1 << w) - 1)


def _rounded(q: Codes, s: int, mode: str) -> Codes:
    """q * 2^-s to an integer, 1 <= s <= 63."""
    kept = q >> s
    lsb, mdb = kept & 1 == 1, q >> (s - 1) & 1 == 1
    rest, sign = q & ((1 << (s - 1)) - 1) != 0, q < 0
    carry: dict[str, Bits] = {
        "TRN": np.zeros_like(sign),  # towards minus infinity
        "TRN_ZERO": sign & (mdb | rest),
        "RND": mdb,  # ties towards plus infinity
        "RND_ZERO": mdb & (sign | rest),
        "RND_INF": mdb & (~sign | rest),
        "RND_MIN_INF": mdb & rest,
        "RND_CONV": mdb & (lsb | rest),  # ties to even
    }
    return kept + carry[mode]


def _overflow(q: Codes, s: int, kind: FixedPoint) -> Codes:
    """q * 2^s, 0 <= s <= 63, brought into the type's W bits."""
    w, (low, high) = kind.bits, _ends(kind)
    if kind.overflow == "WRAP":  # the lowest W bits, the highest of them being the sign where there is one
        return (q << s) << (64 - w) >> (64 - w) if kind.is_signed else (q << s) & high
    if kind.overflow == "SAT_SYM" and kind.is_signed:
        low += 1
    over, under = q > high >> s, q < -(-low >> s)  # compared before the shift, which may leave 64 bits
    at_high, at_low = (0, 0) if kind.overflow == "SAT_ZERO" else (high, low)
    return np.where(over, at_high, np.where(under, at_low, q << s))
