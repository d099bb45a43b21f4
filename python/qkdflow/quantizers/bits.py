"""Fixed point: quantized_bits, and quantized_linear of QKeras's later sources."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.quantizers.base import (
    AUTO,
    FloatArray,
    Quantizer,
    TrainedRounding,
    channels,
    check_alpha,
    check_whole,
    fitted,
    float32,
    power_of_two,
    quietly,
    rounded,
)

_FITS = 5  # times that QKeras fits the scale and the codes to each other


@dataclass(frozen=True)
class quantized_bits(Quantizer):
    """alpha * 2^integer * clip(round(x * m / 2^integer) / m, -1, 1 - 1/m) with m = 2^(bits-1).

    `keep_negative=False` is unsigned with m = 2^bits, `symmetric=True` leaves the most negative code out. alpha None
    is 1 for biases and activations, "auto_po2" for kernels (`for_weights`). With "auto" and "auto_po2" every output
    channel has a scale of its own, fitted to its weights, and codes are symmetric.
    """

    bits: int = 8
    integer: int = 0
    symmetric: bool = False
    keep_negative: bool = True
    alpha: float | str | None = None
    rounding: TrainedRounding = field(default="RND_CONV", kw_only=True)
    arguments: ClassVar[tuple[str, ...]] = (
        *("bits", "integer", "symmetric", "keep_negative", "alpha", "use_stochastic_rounding", "scale_axis"),
        *("qnoise_factor", "var_name", "use_ste", "use_variables", "elements_per_scale", "min_po2_exponent"),
        *("max_po2_exponent", "post_training_scale"),
    )

    def __post_init__(self) -> None:
        _check(self)
        if self.bits - self.keep_negative < 1:
            raise ConfigError("[quantized_bits] one bit with a sign is a sign; write binary(alpha=1)")

    def type(self) -> FixedPoint:
        if self.alpha not in (None, 1):
            raise ConfigError(
                f"[quantized_bits] alpha must be 1, so that codes are fixed point; got {self.alpha!r}. Write alpha=1"
            )
        return FixedPoint.quantized_bits(self.bits, self.integer, self.keep_negative, self.symmetric, self.rounding)

    def for_weights(self) -> Quantizer:
        return replace(self, alpha="auto_po2", symmetric=True) if self.alpha is None else self

    def scaled(self) -> _core.ScaledQuantizer | None:
        return _core.scaled_bits(self.bits, self.integer, self.alpha) if isinstance(self.alpha, str) else None

    def effective(self, x: ArrayLike) -> FloatArray:
        x = float32(x)
        unit = np.float32(2.0**self.integer)
        if isinstance(self.alpha, str):
            return float32(quietly(self._fitted, x / unit) * unit)
        m = np.float32(2.0 ** (self.bits - self.keep_negative))
        low = -m + self.symmetric if self.keep_negative else 0.0
        codes = np.clip(rounded(x * (m / unit), self.rounding), low, m - 1)
        return float32(codes * (unit / m) * np.float32(1.0 if self.alpha is None else self.alpha))

    def _fitted(self, x: FloatArray) -> FloatArray:
        """Scale and codes for x / 2^integer, each channel for itself."""
        levels = (2 ** (self.bits - 1) - 1) * 2
        scale = np.max(np.abs(x), axis=channels(x), keepdims=True) * 2 / np.float32(levels)
        if self.alpha == "auto":
            return float32(scale * _codes(x, scale, levels))
        scale = power_of_two(scale)
        for _ in range(_FITS):
            z = _codes(x, scale, levels)
            scale = fitted(x, z, "auto_po2")
        return float32(scale * z)


@dataclass(frozen=True)
class csd_bits(quantized_bits):
    """quantized_bits whose codes have at most `digits` canonical signed digits: sums of that many powers of two.

    With two digits no product needs a DSP in the Latency strategy. The nearest such code is taken; gradients pass
    straight through, as for every quantiser. Not in QKeras.
    """

    alpha: float | str | None = 1
    digits: int = 2
    arguments: ClassVar[tuple[str, ...]] = ("bits", "integer", "symmetric", "keep_negative", "alpha", "digits")

    def __post_init__(self) -> None:
        if self.digits < 1:
            raise ConfigError(f"[csd_bits] digits must be at least 1; got {self.digits}")
        super().__post_init__()
        self.type()

    def type(self) -> FixedPoint:
        t = super().type()
        return FixedPoint(t.bits, t.integer, t.is_signed, t.rounding, t.overflow, self.digits)

    def effective(self, x: ArrayLike) -> FloatArray:
        return float32(self.type().quantize(np.asarray(x, dtype=np.float64)))


@dataclass(frozen=True)
class quantized_linear(Quantizer):
    """step * clip(round(x / step)) with step = alpha * 2^(integer - bits + 1); unlike quantized_bits, alpha is in the
    step before rounding, and codes are symmetric unless told otherwise."""

    bits: int = 8
    integer: int = 0
    symmetric: bool = True
    keep_negative: bool = True
    alpha: float | str | None = None
    arguments: ClassVar[tuple[str, ...]] = (
        *("bits", "integer", "symmetric", "keep_negative", "alpha", "use_stochastic_rounding", "scale_axis"),
        *("qnoise_factor", "var_name", "use_variables"),
    )

    def __post_init__(self) -> None:
        _check(self)
        if self.bits - self.keep_negative < 1:
            raise ConfigError("[quantized_linear] one bit with a sign is a sign; write binary(alpha=1)")

    def type(self) -> FixedPoint:
        if self.alpha not in (None, 1):
            raise ConfigError(f"[quantized_linear] alpha must be 1, so that codes are fixed point; got {self.alpha!r}")
        return FixedPoint.quantized_bits(self.bits, self.integer, self.keep_negative, self.symmetric)

    def for_weights(self) -> Quantizer:
        return replace(self, alpha="auto_po2", symmetric=True) if self.alpha is None else self

    def effective(self, x: ArrayLike) -> FloatArray:
        x = float32(x)
        if isinstance(self.alpha, str):
            return quietly(self._fitted, x)
        step = np.float32(2.0 ** (self.integer - self.bits + self.keep_negative))
        step = float32(step * np.float32(1.0 if self.alpha is None else self.alpha))
        return float32(self._codes(x, step) * step)

    def _codes(self, x: FloatArray, step: FloatArray) -> FloatArray:
        m = 2.0 ** (self.bits - self.keep_negative)
        low = -m + self.symmetric if self.keep_negative else 0.0
        return float32(np.rint(np.clip(x / step, low, m - 1)))

    def _fitted(self, x: FloatArray) -> FloatArray:
        m = 2.0 ** (self.bits - self.keep_negative)
        reach = 2 * m - 1 - self.symmetric if self.keep_negative else m - 1
        most = np.max(np.abs(x) * 2 if self.keep_negative else x, axis=channels(x), keepdims=True)
        step = np.maximum(float32(most / np.float32(reach)), np.float32(1e-7))
        if self.alpha == "auto_po2":
            step = power_of_two(step)
            for _ in range(_FITS):
                step = fitted(x, self._codes(x, step), "auto_po2")
        return float32(self._codes(x, step) * step)


def _check(q: Any) -> None:
    name = type(q).__name__
    check_whole(name, "bits", q.bits, 1, 64)
    check_whole(name, "integer", q.integer, -64, 64)
    check_alpha(name, q.alpha)
    for key in ("symmetric", "keep_negative"):
        if getattr(q, key) not in (0, 1):
            raise ConfigError(f"[{name}] {key} must be true or false; got {getattr(q, key)!r}")
        object.__setattr__(q, key, bool(getattr(q, key)))
    if q.alpha in AUTO:
        object.__setattr__(q, "symmetric", True)  # as QKeras does


def _codes(x: FloatArray, scale: FloatArray, levels: int) -> FloatArray:
    """Codes rounded half away from zero and clipped."""
    v = np.floor(np.abs(x) / scale + np.float32(0.5))
    return float32(np.sign(x) * np.where(v < levels / 2, v, np.float32(levels / 2)))
