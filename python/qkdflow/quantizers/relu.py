"""quantized_relu: ReLU, leaky or not, capped or not, and quantiser in one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.quantizers.base import FloatArray, Quantizer, TrainedRounding, check_whole, float32, rounded
from qkdflow.quantizers.smooth import hard_sigmoid


@dataclass(frozen=True)
class quantized_relu(Quantizer):
    """2^integer * clip(round(x * m / 2^integer) / m, 0, 1 - 1/m) with m = 2^bits.

    With a `negative_slope`, a power of two, one bit is the sign (m = 2^(bits-1)) and negative values are
    2^integer * clip(round(slope * x * m / 2^integer) / m, -slope, 0). `relu_upper_bound` counts only where
    `is_quantized_clip` is False. `use_sigmoid` maps x to 2 * hard_sigmoid(x / 2^integer) - 1 first.
    """

    bits: int = 8
    integer: int = 0
    use_sigmoid: bool = False
    negative_slope: float = 0.0
    relu_upper_bound: float | None = field(default=None, kw_only=True)
    is_quantized_clip: bool = field(default=True, kw_only=True)
    rounding: TrainedRounding = field(default="RND_CONV", kw_only=True)
    arguments: ClassVar[tuple[str, ...]] = (
        *("bits", "integer", "use_sigmoid", "negative_slope", "use_stochastic_rounding", "relu_upper_bound"),
        *("is_quantized_clip", "qnoise_factor", "var_name", "use_ste", "use_variables", "enable_fast_inference"),
    )

    def __post_init__(self) -> None:
        check_whole("quantized_relu", "bits", self.bits, 1, 64)
        check_whole("quantized_relu", "integer", self.integer, -64, 64)
        object.__setattr__(self, "use_sigmoid", bool(self.use_sigmoid))
        object.__setattr__(self, "is_quantized_clip", bool(self.is_quantized_clip))
        slope = self.negative_slope
        if slope and not (0 < slope <= 1 and math.log2(slope).is_integer()):
            raise ConfigError(f"[quantized_relu] negative_slope must be 0 or a power of two up to 1; got {slope!r}")

    @property
    def cap(self) -> float | None:
        """The upper bound that is in force beside the type's own."""
        return None if self.is_quantized_clip or not self.relu_upper_bound else float(self.relu_upper_bound)

    def type(self) -> FixedPoint:
        if self.negative_slope or self.use_sigmoid or self.cap is not None:
            raise ConfigError(f"[{self}] must have no slope, sigmoid or cap to be one fixed-point type")
        return FixedPoint.quantized_relu(self.bits, self.integer, self.rounding)

    def activation(self, name: str) -> _core.Activation:
        if self.use_sigmoid:
            raise ConfigError("[quantized_relu] the engine has no use_sigmoid; leave it out")
        if not self.negative_slope:
            plain = FixedPoint.quantized_relu(self.bits, self.integer, self.rounding)
            return _core.Activation(name, "relu", plain, high=self.cap)
        signed = FixedPoint.quantized_bits(self.bits, self.integer, True, False, self.rounding)
        low = -self.negative_slope * 2.0**self.integer
        return _core.Activation(name, "leaky_relu", signed, slope=self.negative_slope, low=low, high=self.cap)

    def effective(self, x: ArrayLike) -> FloatArray:
        x = float32(x)
        unit = np.float32(2.0**self.integer)
        slope = np.float32(self.negative_slope)
        m = np.float32(2.0 ** (self.bits - (slope != 0)))
        one = np.float32(1)
        if self.use_sigmoid:
            p = hard_sigmoid(x / unit) * m
            y = unit * np.clip(2 * (rounded(p, self.rounding) / m) - one, 0, one - 1 / m)
            if slope:
                y = y + unit * slope * np.clip(2 * (rounded(p * slope, self.rounding) / (slope * m)) - one, -1, 0)
        else:
            p = x * (m / unit)
            y = unit * np.clip(rounded(p, self.rounding) / m, 0, one - 1 / m)
            if slope:
                y = y + unit * slope * np.clip(rounded(p * slope, self.rounding) / (slope * m), -1, 0)
        return float32(y if self.cap is None else np.minimum(y, self.cap))
