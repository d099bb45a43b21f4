"""binary and ternary: the sign, times a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from qkdflow import _core
from qkdflow.errors import ConfigError
from qkdflow.quantizers.base import (
    FloatArray,
    Quantizer,
    Scaled,
    channels,
    check_alpha,
    check_whole,
    fitted,
    float32,
    power_of_two,
    quietly,
)

_THRESHOLD = 0.33  # QKeras's where alpha is no "auto"


@dataclass(frozen=True)
class binary(Scaled, Quantizer):
    """alpha * sign(x) with sign(0) = 1; `use_01` makes the signs 0 and 1."""

    use_01: bool = False
    alpha: float | str | None = None
    arguments: ClassVar[tuple[str, ...]] = ("use_01", "alpha", "use_stochastic_rounding")

    def __post_init__(self) -> None:
        check_alpha("binary", self.alpha)
        object.__setattr__(self, "use_01", bool(self.use_01))

    def scaled(self) -> _core.ScaledQuantizer:
        return _core.binary(_alpha(self))

    def activation(self, name: str) -> _core.Activation:
        return _core.Activation(name, "binary", slope=_number(self))

    def effective(self, x: ArrayLike) -> FloatArray:
        x = float32(x)
        signs = np.where(x >= 0, np.float32(1), np.float32(0 if self.use_01 else -1))
        if isinstance(self.alpha, str):
            return float32(fitted(x, signs, self.alpha) * signs)
        return float32(signs * np.float32(1 if self.alpha is None else self.alpha))


@dataclass(frozen=True)
class ternary(Scaled, Quantizer):
    """alpha * sign(x) where |x| reaches the threshold, else 0.

    The threshold is 0.33 where it is not given; with "auto" and "auto_po2" it is half the scale, and both are fitted
    to each channel's weights `number_of_unrolls` times.
    """

    alpha: float | str | None = None
    threshold: float | None = None
    number_of_unrolls: int = 5
    arguments: ClassVar[tuple[str, ...]] = ("alpha", "threshold", "use_stochastic_rounding", "number_of_unrolls")

    def __post_init__(self) -> None:
        check_alpha("ternary", self.alpha)
        check_whole("ternary", "number_of_unrolls", self.number_of_unrolls, 1, 100)
        if self.threshold is not None and (isinstance(self.alpha, str) or isinstance(self.threshold, str)):
            raise ConfigError(
                f"[ternary] a threshold must be a number, and alpha too; got {self.threshold!r}, {self.alpha!r}"
            )

    def scaled(self) -> _core.ScaledQuantizer:
        return _core.ternary(_alpha(self), self._threshold, self.number_of_unrolls)

    def activation(self, name: str) -> _core.Activation:
        return _core.Activation(name, "ternary", slope=_number(self), offset=self._threshold)

    @property
    def _threshold(self) -> float:
        return _THRESHOLD if self.threshold is None else float(self.threshold)

    def effective(self, x: ArrayLike) -> FloatArray:
        x = float32(x)
        if isinstance(self.alpha, str):
            return quietly(self._fitted, x, self.alpha)
        threshold = np.float32(self._threshold)
        signs = np.sign(x) * (np.abs(x) >= threshold)
        return float32(signs * np.float32(1 if self.alpha is None else self.alpha))

    def _fitted(self, x: FloatArray, alpha: str) -> FloatArray:
        scale = 2 * np.max(np.abs(x), axis=channels(x), keepdims=True) / np.float32(3)
        if alpha == "auto_po2":
            scale = power_of_two(scale)
        for _ in range(self.number_of_unrolls):
            nearest = scale * np.rint(x / scale)
            signs = float32(np.sign(x) * (np.abs(nearest) >= scale / 2))
            scale = fitted(x, signs, alpha)
        return float32(scale * signs)


def stochastic_binary(
    alpha: float | str | None = None, temperature: float = 6.0, use_real_sigmoid: bool = True
) -> binary:
    """binary: what QKeras's stochastic_binary is at inference. The other arguments are of its noise in training."""
    return binary(alpha=alpha)


def stochastic_ternary(
    alpha: float | str | None = None,
    threshold: float | None = None,
    temperature: float = 8.0,
    use_real_sigmoid: bool = True,
    number_of_unrolls: int = 5,
) -> ternary:
    """ternary: what QKeras's stochastic_ternary is at inference."""
    return ternary(alpha, threshold, number_of_unrolls)


def _alpha(quantizer: binary | ternary) -> float | str:
    if getattr(quantizer, "use_01", False):
        raise ConfigError("[binary] the engine has no use_01; write binary(alpha=...)")
    return quantizer.alpha if isinstance(quantizer.alpha, str) else float(quantizer.alpha or 1)


def _number(quantizer: binary | ternary) -> float:
    alpha = _alpha(quantizer)
    if isinstance(alpha, str):
        raise ConfigError(f"[{type(quantizer).__name__}] as an activation, alpha must be a number; got {alpha!r}")
    return alpha
