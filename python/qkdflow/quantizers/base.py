"""What all quantisers share, and the scales that QKeras fits to a channel's weights."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError

TrainedRounding = Literal["RND", "RND_CONV", "TRN"]
FloatArray = NDArray[np.float32]
EPSILON = np.float32(1e-7)  # Keras's, which QKeras adds before every division and logarithm
AUTO = ("auto", "auto_po2")


@dataclass(frozen=True)
class Quantizer(ABC):
    """A quantiser. Equal fields, equal values."""

    # QKeras's arguments in their order, for texts; those that are no field here do not change what is inferred.
    arguments: ClassVar[tuple[str, ...]] = ()

    def type(self) -> FixedPoint:
        """The type whose rounding and overflow are this quantiser. ConfigError where there is none."""
        raise ConfigError(f"[{self}] must be fixed point with one scale; this one is not")

    def scaled(self) -> _core.ScaledQuantizer | None:
        """The engine's quantiser of weights where a type alone does not say it. ConfigError where it has none."""
        return None

    def learned(self) -> tuple[str, float, float, float] | None:
        """Granularity and initial, least and most fraction bits where these are learned with the weights."""
        return None

    def activation(self, name: str) -> _core.Activation:
        """The engine's layer of this quantiser as an activation. ConfigError where it has none."""
        return _core.Activation(name, "linear", self.type())

    @abstractmethod
    def effective(self, x: ArrayLike) -> FloatArray:
        """The values that the network computes with for `x`, any shape, float32; a kernel's last axis is the channel.

        This is the definition, in NumPy; the engine computes the same.
        """

    def for_weights(self) -> Quantizer:
        """What QKeras makes of it as a kernel's quantiser: alpha=None becomes one power of two a channel."""
        return self

    def __str__(self) -> str:
        """As QKeras writes it: bits and integer, then what differs from the default."""
        first = [str(getattr(self, key)) for key in ("bits", "integer") if hasattr(self, key)]
        rest = [f for f in fields(self)[len(first) :] if getattr(self, f.name) != f.default]
        return f"{type(self).__name__}({','.join([*first, *(f'{f.name}={getattr(self, f.name)!r}' for f in rest)])})"


class Scaled:
    """For quantisers with an `alpha`: None, a number, "auto" or "auto_po2"."""

    def for_weights(self) -> Any:
        return replace(self, alpha="auto_po2") if self.alpha is None else self  # type: ignore[type-var, attr-defined]


def check_alpha(name: str, alpha: Any) -> None:
    if isinstance(alpha, str) and alpha in AUTO:
        return
    if alpha is not None and (isinstance(alpha, (str, bool)) or not isinstance(alpha, (int, float))):
        raise ConfigError(f'[{name}] alpha must be None, a number, "auto" or "auto_po2"; got {alpha!r}')
    if alpha is not None and not (math.isfinite(alpha) and alpha > 0):
        raise ConfigError(f"[{name}] alpha must be above 0; got {alpha!r}")


def check_whole(name: str, key: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"[{name}] {key} must be a whole number from {low} to {high}; got {value!r}")


def channels(x: FloatArray) -> tuple[int, ...]:
    """The axes that one scale is shared over: all but the last; of a vector its only one."""
    return tuple(range(x.ndim - 1)) if x.ndim > 1 else (0,)


def power_of_two(scale: FloatArray) -> FloatArray:
    return float32(np.exp2(np.rint(np.log2(scale + EPSILON))))


def fitted(x: FloatArray, z: FloatArray, alpha: str) -> FloatArray:
    """The scale s a channel that brings s * z closest to x, as a power of two for "auto_po2"; of a vector one each."""
    axes = channels(x) if x.ndim > 1 else ()
    scale = np.mean(x * z, axis=axes, keepdims=True) / (np.mean(z * z, axis=axes, keepdims=True) + EPSILON)
    return power_of_two(scale) if alpha == "auto_po2" else scale


def quietly(compute: Callable[..., FloatArray], *args: Any) -> FloatArray:
    """A channel of zeros divides by zero on its way to zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(compute(*args), dtype=np.float32)


def rounded(x: FloatArray, how: TrainedRounding) -> FloatArray:
    if how == "RND":
        return float32(np.floor(x + np.float32(0.5)))
    return float32(np.rint(x) if how == "RND_CONV" else np.floor(x))


def float32(x: ArrayLike) -> FloatArray:
    return np.asarray(x, dtype=np.float32)
