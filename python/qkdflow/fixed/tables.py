"""hls4ml's tables, entry by entry as its C++ fills them: every step rounded to a 32-bit float.

hls4ml 1.3, nnet_activation.h: init_sigmoid_table, init_tanh_table, init_exp_table, init_invert_table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import FixedPoint

SPANS = {"sigmoid": 16, "tanh": 8}  # the tables cover -span/2 to span/2


def sampled(function: str, size: int, kind: FixedPoint) -> NDArray[np.int64]:
    """Codes (size,) of sigmoid or tanh at size points from -span/2 on."""
    span = SPANS[function]
    points = (_float(span * (i - size / 2) / size) for i in range(size))
    return _codes(_sigmoid if function == "sigmoid" else math.tanh, points, kind)


def exponential(size: int, address: FixedPoint, kind: FixedPoint, negative: bool) -> NDArray[np.int64]:
    """Codes (size,) of exp(x), or of exp(-x), x the value whose highest bits are the entry's number."""
    sign = -1.0 if negative else 1.0
    return _codes(_exp, (sign * x for x in _addressed(size, address)), kind)


def inverse(size: int, address: FixedPoint, kind: FixedPoint) -> NDArray[np.int64]:
    """Codes (size,) of 1 / x; of infinity where x is zero."""
    return _codes(lambda x: 1 / x if x else math.inf, _addressed(size, address), kind)


def _addressed(size: int, address: FixedPoint) -> Iterable[float]:
    below = address.bits - (size.bit_length() - 1)  # bits that do not address
    for i in range(size):
        code = i << below
        if address.is_signed and code >> (address.bits - 1):
            code -= 1 << address.bits
        yield _float(math.ldexp(code, -address.fraction))


def _codes(function: Callable[[float], float], points: Iterable[float], kind: FixedPoint) -> NDArray[np.int64]:
    return kind.encode(np.array([_float(function(x)) for x in points]))


def _sigmoid(x: float) -> float:
    return 1 / _float(1 + _exp(-x))


def _exp(x: float) -> float:
    try:
        return _float(math.exp(x))
    except OverflowError:
        return math.inf


def _float(x: float) -> float:
    """The nearest 32-bit float."""
    with np.errstate(over="ignore"):
        return float(np.float32(x))
