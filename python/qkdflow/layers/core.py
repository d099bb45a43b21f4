"""Input, Rescaling and Dense."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import index
from typing import Any, ClassVar

import numpy as np

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.layers.activations import after
from qkdflow.layers.base import Layer, Shape, Tensor, param, quantizers_of, set_quantizers
from qkdflow.quantizers import Quantizer
from qkdflow.regularizers import L1L2


@dataclass(frozen=True)
class Input(Layer):
    """The shape of one sample. With `type`, raw values are first brought to that FixedPoint, as the board's are.

    In the functional API it is a tensor itself: `x = Input((28, 28, 1)); y = Conv2D(8, 3)(x)`.
    """

    shape: Shape
    type: FixedPoint | None = None
    base_name: ClassVar[str] = "input"

    def __post_init__(self) -> None:
        try:
            shape = tuple(index(n) for n in self.shape)
        except TypeError:
            shape = ()
        if not shape:
            raise ConfigError(
                f"[{self.name or 'Input'}] shape must be whole numbers, such as (2,) or (28, 28, 1); got {self.shape!r}"
            )
        object.__setattr__(self, "shape", shape)

    def core(self, src: Shape) -> list[_core.Layer]:
        return [] if self.type is None else [_core.Activation(self.name, "linear", self.type)]

    @cached_property
    def tensor(self) -> Tensor:
        return Tensor(self)

    def config(self) -> dict[str, Any]:
        return {k: v for k, v in super().config().items() if k != "tensor"}


@dataclass(frozen=True)
class Rescaling(Layer):
    """x * scale + offset, each a float32, one a channel, or one an element. A power of two is exact in fixed point."""

    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...] = 0.0
    base_name: ClassVar[str] = "rescaling"

    def __post_init__(self) -> None:
        for key in ("scale", "offset"):
            value = getattr(self, key)
            many = isinstance(value, Sequence) or hasattr(value, "tolist")
            rounded = tuple(float(np.float32(v)) for v in value) if many else float(np.float32(value))
            object.__setattr__(self, key, rounded)

    def core(self, src: Shape) -> list[_core.Layer]:
        lengths = {len(v) for v in (self.scale, self.offset) if isinstance(v, tuple)}
        n = lengths.pop() if lengths else src[-1]
        if lengths or n not in (src[-1], math.prod(src)):
            raise ConfigError(
                f"[{self.name}] scale and offset must have {src[-1]} or {math.prod(src)} elements for {src}"
            )
        return [_core.Rescaling(self.name, _spread(self.scale, n), _spread(self.offset, n))]


@dataclass(frozen=True)
class Dense(Layer):
    """activation(x @ kernel + bias) over the last axis; kernel (n, units), bias (units,)."""

    units: int
    activation: str | None = None
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    kernel_regularizer: L1L2 | None = None
    base_name: ClassVar[str] = "dense"

    def core(self, src: Shape) -> list[_core.Layer]:
        kernel, bias = quantizers_of(self)
        dense = _core.Dense(
            self.name,
            self.units,
            self.use_bias,
            param(self.kernel_initializer, kernel, self.kernel_regularizer),
            param("zeros", bias),
        )
        return [dense, *after(self, self.activation)]


@dataclass(frozen=True)
class QDense(Dense):
    """Dense with quantised kernel and bias (QKeras's QDense)."""

    kernel_quantizer: Quantizer | str | None = None
    bias_quantizer: Quantizer | str | None = None
    base_name: ClassVar[str] = "q_dense"

    def __post_init__(self) -> None:
        set_quantizers(self, ["kernel_quantizer"])


def _spread(value: float | tuple[float, ...], n: int) -> list[float]:
    return list(value) if isinstance(value, tuple) else [float(value)] * n
