"""Powers of two: a multiplication becomes a shift."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from qkdflow import _core
from qkdflow.errors import ConfigError
from qkdflow.quantizers.base import EPSILON, FloatArray, Quantizer, check_whole, float32


@dataclass(frozen=True)
class quantized_po2(Quantizer):
    """sign(x) * 2^e with sign(0) = 1 and e = round(log2(|x|)), clipped to what the bits of an exponent hold.

    One of `bits` is the sign of x; one the sign of e, unless max_value is at most 1. With `quadratic_approximation`
    e is even, with `log2_rounding="floor"` it is rounded down. Nothing is ever 0.
    """

    bits: int = 8
    max_value: float | None = None
    quadratic_approximation: bool = False
    log2_rounding: str = "rnd"
    arguments: ClassVar[tuple[str, ...]] = (
        *("bits", "max_value", "use_stochastic_rounding", "quadratic_approximation", "log2_rounding"),
        *("qnoise_factor", "var_name", "use_ste", "use_variables"),
    )

    def __post_init__(self) -> None:
        _check("quantized_po2", self.bits, self.max_value, self.log2_rounding)

    @property
    def exponents(self) -> tuple[int, int]:
        """The lowest and the highest exponent (with quadratic_approximation, of the square root)."""
        return _exponents(self.bits - 1, self.max_value, self.quadratic_approximation)

    def scaled(self) -> _core.ScaledQuantizer:
        if self.quadratic_approximation or self.log2_rounding != "rnd":
            raise ConfigError("[quantized_po2] the engine rounds exponents, all of them; leave the options out")
        lowest, highest = self.exponents
        if self.max_value:
            highest = min(highest, round(math.log2(self.max_value)))
        return _core.power_of_two(lowest, max(lowest, highest))

    def effective(self, x: ArrayLike) -> FloatArray:
        x = float32(x)
        sign = np.where(x >= 0, np.float32(1), np.float32(-1))
        return float32(sign * _power(np.abs(x), self.exponents, self))


@dataclass(frozen=True)
class quantized_relu_po2(Quantizer):
    """2^e for positive x, the smallest power for others, or -2^e of |x| * negative_slope where there is a slope."""

    bits: int = 8
    max_value: float | None = None
    negative_slope: float = 0.0
    quadratic_approximation: bool = False
    log2_rounding: str = "rnd"
    arguments: ClassVar[tuple[str, ...]] = (
        *("bits", "max_value", "negative_slope", "use_stochastic_rounding", "quadratic_approximation"),
        *("log2_rounding", "qnoise_factor", "var_name", "use_ste", "use_variables"),
    )

    def __post_init__(self) -> None:
        _check("quantized_relu_po2", self.bits, self.max_value, self.log2_rounding)
        slope = self.negative_slope
        if slope and not (slope > 0 and math.log2(slope).is_integer()):
            raise ConfigError(f"[quantized_relu_po2] negative_slope must be 0 or a power of two; got {slope!r}")

    @property
    def exponents(self) -> tuple[int, int]:
        """The least and the largest exponent of two."""
        return _exponents(self.bits, self.max_value, self.quadratic_approximation)

    def effective(self, x: ArrayLike) -> FloatArray:
        x = float32(x)
        up = _power(np.maximum(x, 0), self.exponents, self)
        if not self.negative_slope:
            return up
        down = _power(np.maximum(-x, 0) * np.float32(self.negative_slope), self.exponents, self)
        return np.where(x >= 0, up, -down)


def _check(name: str, bits: int, max_value: float | None, log2_rounding: str) -> None:
    check_whole(name, "bits", bits, 2, 16)
    if max_value is not None and max_value < 0:
        raise ConfigError(f"[{name}] max_value must be None or at least 0; got {max_value!r}")
    if log2_rounding not in ("rnd", "floor"):
        raise ConfigError(f'[{name}] log2_rounding must be "rnd" or "floor"; got {log2_rounding!r}')


def _exponents(bits: int, max_value: float | None, quadratic: bool) -> tuple[int, int]:
    reach = 2 ** (bits - (max_value is None or max_value > 1))
    return -reach, 2 * ((reach - 1) // 2) if quadratic else reach - 1


def _power(x: FloatArray, exponents: tuple[int, int], q: quantized_po2 | quantized_relu_po2) -> FloatArray:
    """The power of two for x >= 0."""
    kept = np.maximum(x, EPSILON)
    if q.max_value is not None:
        kept = np.minimum(kept, np.float32(q.max_value))
    log2 = np.log2(np.sqrt(kept) if q.quadratic_approximation else kept)
    e = np.clip(np.rint(log2) if q.log2_rounding == "rnd" else np.floor(log2), *exponents)
    e = 2 * e if q.quadratic_approximation else e
    return float32(np.exp2(np.where(x < EPSILON, np.float32(exponents[0]), e)))
