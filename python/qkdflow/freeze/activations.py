"""From functions and quantisers to frozen activations: a function, then one cast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qkdflow import layers
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.fixed import TABLES, FixedActivation, FixedTable
from qkdflow.freeze.numbers import coefficient
from qkdflow.quantizers import Quantizer, quantized_bits, quantized_relu, quantized_sigmoid, quantized_tanh


@dataclass(frozen=True)
class Function:
    """A function that still needs a type. slope and shift as FixedActivation has them."""

    name: str = "linear"
    slope: float | None = None
    shift: float | None = None

    def frozen(self, name: str, kind: FixedPoint, source: str) -> FixedActivation | FixedTable:
        if self.name in TABLES:
            return FixedTable(name, self.name, kind, inputs=(source,))
        slope, slope_type = coefficient(self.slope) if self.slope is not None else (None, None)
        shift, shift_type = coefficient(self.shift) if self.shift is not None else (None, None)
        return FixedActivation(name, self.name, kind, slope, slope_type, shift, shift_type, (source,))


NAMED = {
    "linear": Function(),
    "relu": Function("relu"),
    "relu6": Function("relu6"),
    "leaky_relu": Function("leaky_relu", 0.20000000298023224),  # float32's 0.2, which the engine computes with
    "hard_sigmoid": Function("hard_sigmoid", 0.20000000298023224, 0.5),
    "sigmoid": Function("sigmoid"),
    "tanh": Function("tanh"),
}


def of_layer(layer: layers.Layer) -> Function | None:
    """The function that a layer without quantiser computes; None for another kind of layer."""
    if isinstance(layer, layers.Activation):
        return NAMED.get(layer.activation)
    if isinstance(layer, layers.LeakyReLU):
        return Function("leaky_relu", _float32(layer.alpha))
    if isinstance(layer, layers.ReLU):
        if layer.negative_slope or layer.max_value not in (None, 6):
            raise ConfigError(f"[{layer.name}] a ReLU can be frozen without slope and with max_value None or 6")
        return Function("relu6" if layer.max_value else "relu")
    return None


def of_quantizer(quantizer: Quantizer, name: str) -> tuple[Function, FixedPoint]:
    """The function and the type that a quantiser as an activation is. ConfigError where it is none."""
    if isinstance(quantizer, quantized_relu):
        if quantizer.negative_slope or quantizer.use_sigmoid or quantizer.cap not in (None, 6):
            raise ConfigError(
                f"[{name}] quantized_relu can be frozen without slope and sigmoid and with an upper bound of 6 alone; "
                f"use LeakyReLU and quantized_bits after it; got {quantizer}"
            )
        kind = FixedPoint.quantized_relu(quantizer.bits, quantizer.integer, quantizer.rounding)
        return Function("relu6" if quantizer.cap else "relu"), kind
    if isinstance(quantizer, quantized_sigmoid):
        smooth = Function("sigmoid") if quantizer.use_real_sigmoid else Function("hard_sigmoid", 0.5, 0.5)
        return smooth, quantizer.type()
    if isinstance(quantizer, quantized_tanh):  # hard, it is the saturation of its type
        return Function("tanh") if quantizer.use_real_tanh else Function(), quantizer.type()
    if isinstance(quantizer, quantized_bits):
        return Function(), quantizer.type()
    raise ConfigError(f"[{name}] {type(quantizer).__name__} as an activation cannot be frozen; use quantized_bits")


def merged(before: Function, after: Function, name: str) -> Function:
    """Both in one: `before`, and then what its quantiser brings with it."""
    if before == Function() or (before.name == "relu" and after.name == "relu6"):
        return after
    if after == Function() or before == after or (before.name == "relu6" and after.name == "relu"):
        return before
    raise ConfigError(f"[{name}] {after.name} after {before.name} cannot be frozen as one; use quantized_bits there")


def _float32(value: float) -> float:
    return float(np.float32(value))
