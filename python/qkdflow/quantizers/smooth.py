"""quantized_tanh and quantized_sigmoid: in QKeras clipped straight lines unless the real ones are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.quantizers.base import FloatArray, Quantizer, check_whole, float32


def hard_sigmoid(x: FloatArray) -> FloatArray:
    """clip(x/2 + 1/2, 0, 1): QKeras's, not Keras's of the same name."""
    return float32(np.clip(np.float32(0.5) * x + np.float32(0.5), 0, 1))


@dataclass(frozen=True)
class quantized_tanh(Quantizer):
    """clip(round(t(x) * m) / m, -1, 1 - 1/m) with m = 2^(bits-1), t = clip(x, -1, 1) or the real tanh."""

    bits: int = 8
    symmetric: bool = False
    use_real_tanh: bool = False
    arguments: ClassVar[tuple[str, ...]] = ("bits", "use_stochastic_rounding", "symmetric", "use_real_tanh")

    def __post_init__(self) -> None:
        check_whole("quantized_tanh", "bits", self.bits, 2, 64)

    def type(self) -> FixedPoint:
        return FixedPoint.quantized_bits(self.bits, 0, True, self.symmetric, "RND_CONV")

    def activation(self, name: str) -> _core.Activation:
        return _core.Activation(name, "tanh" if self.use_real_tanh else "hard_tanh", self.type())

    def effective(self, x: ArrayLike) -> FloatArray:
        x = float32(x)
        m = np.float32(2.0 ** (self.bits - 1))
        t = np.tanh(x) if self.use_real_tanh else 2 * hard_sigmoid(x) - 1
        return float32(np.clip(np.rint(t * m) / m, -1 + int(self.symmetric) / m, 1 - 1 / m))


@dataclass(frozen=True)
class quantized_sigmoid(Quantizer):
    """clip(round(s(x) * m) / m, 0, 1 - 1/m) with m = 2^bits, s = clip(x/2 + 1/2, 0, 1) or the real sigmoid."""

    bits: int = 8
    symmetric: bool = False
    use_real_sigmoid: bool = False
    arguments: ClassVar[tuple[str, ...]] = ("bits", "symmetric", "use_real_sigmoid", "use_stochastic_rounding")

    def __post_init__(self) -> None:
        check_whole("quantized_sigmoid", "bits", self.bits, 1, 64)

    def type(self) -> FixedPoint:
        if self.symmetric:
            raise ConfigError("[quantized_sigmoid] symmetric leaves zero out, which no fixed-point type does")
        return FixedPoint.quantized_relu(self.bits, 0, "RND_CONV")

    def activation(self, name: str) -> _core.Activation:
        return _core.Activation(name, "sigmoid" if self.use_real_sigmoid else "half_sigmoid", self.type())

    def effective(self, x: ArrayLike) -> FloatArray:
        x = float32(x)
        m = np.float32(2.0**self.bits)
        s = 1 / (1 + np.exp(-x)) if self.use_real_sigmoid else hard_sigmoid(x)
        return float32(np.clip(np.rint(s * m) / m, int(self.symmetric) / m, 1 - 1 / m))
